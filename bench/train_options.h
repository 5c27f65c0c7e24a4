// The command line of the training benchmark.
#ifndef MB_BENCH_TRAIN_OPTIONS_H
#define MB_BENCH_TRAIN_OPTIONS_H

#include "settings.h"

typedef struct mb_bench_options {
    mb_bench_settings settings;
    int32_t models, threads; // all models; CPU only: threads that they are divided among
    int32_t helpers;         // CPU only: threads that assist
    int32_t launch_steps;    // 0: as the backend suggests
    int32_t steps, repeats, warmup;
    int32_t milliseconds; // of a repeat, instead of `steps`; 0: use `steps`
    const char *meet;     // folder of --meet, or NULL
    int32_t meeting;      // processes that meet there
    bool json, evaluate, no_ceilings;
} mb_bench_options;

// Reads the command line into `options`. *help_shown: help was asked for and has been printed.
mb_status mb_bench_parse(int argc, char **argv, mb_bench_options *options, bool *help_shown,
                         mb_error *error);

// Puts a file in the folder and waits until `processes` processes have done so, so that all begin
// at once.
mb_status mb_bench_meet(const char *folder, int32_t processes, mb_error *error);

#endif
