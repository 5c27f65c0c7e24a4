// Training a recorded trial again.
#ifndef MB_SWEEP_REPLAY_H
#define MB_SWEEP_REPLAY_H

#include <stdio.h>

#include "merbench/device.h"
#include "sweep/ledger.h"
#include "sweep/trial.h"

// Looks for the trial's corpus, which is known by its digests, in the files and folders (their
// *.h5) `paths`; *path is malloc'ed. MB_BAD_INPUT when none of them has it.
mb_status mb_replay_find_corpus(const mb_trial *trial, const char *const *paths, int path_count,
                                char **path, mb_error *error);

typedef struct mb_replay_options {
    // Opens a device for runs that were recorded on the device `recorded`.
    mb_status (*open)(const void *context, const char *recorded, mb_device **device,
                      mb_error *error);
    const void *context;
    int32_t threads; // on the CPU: folds at a time; where fewer are left, threads share their work
} mb_replay_options;

// Trains every recorded fold of the trial again, compares with what is recorded and prints a line
// for each to `out`. MB_BAD_INPUT with the first difference when there is one.
mb_status mb_replay_trial(mb_ledger *ledger, const char *key, const mb_trial *trial,
                          const char *corpus_path, const mb_replay_options *options, FILE *out,
                          mb_error *error);

#endif
