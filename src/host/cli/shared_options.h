// Options that several commands have, each a row for their tables.
#ifndef MB_CLI_SHARED_OPTIONS_H
#define MB_CLI_SHARED_OPTIONS_H

#include "base/command_line.h"

// One a processor that this process may use.
int32_t mb_default_threads(void);

// --threads N, 1 ... MB_MAX_THREADS. `help` says what a thread does.
mb_command_option mb_threads_option(int32_t *threads, const char *help);

// --json
mb_command_option mb_json_option(bool *json);
// --quiet
mb_command_option mb_quiet_option(bool *quiet);

// -o CORPUS.h5, which must be given, and --force.
mb_command_option mb_corpus_option(const char **path);
mb_command_option mb_force_option(bool *force);

// NAME of a dataset, which must be given: its position among mb_dataset_all(). `names` stays as
// long as the row.
enum { MB_MOST_DATASETS = 32 };
mb_command_option mb_dataset_option(const char *name, const char *names[MB_MOST_DATASETS],
                                    int32_t *dataset);

#endif
