// Trains a recorded trial again and compares the results.
#ifndef MB_SWEEP_REPLAY_H
#define MB_SWEEP_REPLAY_H

#include <stdio.h>

#include "merbench/device.h"
#include "sweep/ledger.h"
#include "sweep/trial.h"

// The trials to which the runs of a recorded trial belong. Only a joined trial has different ones.
typedef struct mb_replay_trials {
    int32_t fold_count;
    mb_trial *folds; // (fold_count)
} mb_replay_trials;

// Reads and parses the trials; they must be freed also after a failure.
mb_status mb_replay_load(mb_ledger *ledger, const mb_ledger_trial *recorded,
                         mb_replay_trials *trials, mb_error *error);
void mb_replay_trials_free(mb_replay_trials *trials);

// Looks for the corpus of the trial, which is recognised by its digests, in `paths`: corpus files,
// or folders with *.h5 files. *path is malloc'ed. MB_BAD_INPUT: none of them is the corpus.
mb_status mb_replay_find_corpus(const mb_trial *trial, const char *const *paths, int path_count,
                                char **path, mb_error *error);

// The same for a target (sweep/targets.h) by the name of its part. *path NULL: none is it.
mb_status mb_replay_find_target(const mb_trial *trial, const char *target, const char *const *paths,
                                int path_count, char **path, mb_error *error);

typedef struct mb_replay_options {
    // Opens a device for runs that were recorded on the device `recorded`.
    mb_status (*open)(const void *context, const char *recorded, mb_device **device,
                      mb_error *error);
    const void *context;
    const char *const *paths; // (path_count) where targets are looked for
    int path_count;
    int32_t threads; // on the CPU: folds at a time; if fewer are left, threads share their work
} mb_replay_options;

// Trains every recorded fold of the trial again, compares the results with the recorded ones, and
// prints a line per fold to `out`. Targets whose corpora are not found are not compared.
// MB_BAD_INPUT: they differ; the message has the first difference.
mb_status mb_replay_trial(mb_ledger *ledger, const char *key, const mb_replay_trials *trials,
                          const char *corpus_path, const mb_replay_options *options, FILE *out,
                          mb_error *error);

#endif
