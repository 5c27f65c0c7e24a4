// The command line of the training benchmark.
#ifndef MB_BENCH_TRAIN_OPTIONS_H
#define MB_BENCH_TRAIN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "merbench/model.h"
#include "merbench/status.h"

typedef struct mb_bench_options {
    const mb_model *model;
    mb_model_config config;
    int32_t rows, batch, threads, steps, repeats, warmup;
    double dropout;
    const char *meet; // "DIR,COUNT" or NULL
    bool json, no_ceilings;
} mb_bench_options;

void mb_bench_print_help(void);

// Into `options` what the command line says; *help when only help is wanted.
mb_status mb_bench_parse(int argc, char **argv, mb_bench_options *options, bool *help,
                         mb_error *error);

// `place` is "DIR,COUNT". Waits until COUNT processes have left a file in the folder: then all
// begin at once.
mb_status mb_bench_meet(const char *place, mb_error *error);

#endif
