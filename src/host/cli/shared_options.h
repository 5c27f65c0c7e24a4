// Options that several commands have, as entries for their tables.
#ifndef MB_CLI_SHARED_OPTIONS_H
#define MB_CLI_SHARED_OPTIONS_H

#include "base/command_line.h"

// One thread per processor that this process may use.
int32_t mb_default_threads(void);

// --threads N, 1..MB_MAX_THREADS. `help` describes what the threads do.
mb_command_option mb_threads_option(int32_t *threads, const char *help);

// --json
mb_command_option mb_json_option(bool *json);
// --quiet
mb_command_option mb_quiet_option(bool *quiet);

// -o CORPUS.h5, which is required, and --force.
mb_command_option mb_corpus_option(const char **path);
mb_command_option mb_force_option(bool *force);

// The NAME of a dataset, which is required; *dataset receives its index in mb_dataset_all().
// `names` must live as long as the entry.
enum { MB_MOST_DATASETS = 32 };
mb_command_option mb_dataset_option(const char *name, const char *names[MB_MOST_DATASETS],
                                    int32_t *dataset);

#endif
