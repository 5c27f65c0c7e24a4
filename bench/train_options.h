// The command line of the training benchmark.
#ifndef MB_BENCH_TRAIN_OPTIONS_H
#define MB_BENCH_TRAIN_OPTIONS_H

#include "settings.h"

typedef struct mb_bench_options {
    mb_bench_settings settings;
    int32_t models, threads; // A in all; CPU only: dealt out to so many threads
    int32_t helpers;         // CPU only: threads besides them
    int32_t launch_steps;    // 0 = as the backend suggests
    int32_t steps, repeats, warmup;
    int32_t milliseconds; // a repeat takes about so long, whatever `steps` says; 0 = not asked for
    const char *meet;     // folder of --meet, or NULL
    int32_t meeting;      // how many processes come there
    bool json, evaluate, no_ceilings;
} mb_bench_options;

// Into `options` what the command line says; *help_shown when help was all
// that was wanted, and was printed.
mb_status mb_bench_parse(int argc, char **argv, mb_bench_options *options, bool *help_shown,
                         mb_error *error);

// Waits until so many processes have left a file in the folder: then all begin at once.
mb_status mb_bench_meet(const char *folder, int32_t processes, mb_error *error);

#endif
