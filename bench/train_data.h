// What the training benchmark trains: random utterances, and one model with its memory a thread.
#ifndef MB_BENCH_TRAIN_DATA_H
#define MB_BENCH_TRAIN_DATA_H

#include "merbench/device.h"
#include "merbench/model.h"
#include "merbench/plan.h"

// Random features and labels of `rows` utterances, shared by all threads.
typedef struct mb_bench_data {
    int32_t rows;
    float *features[MB_MODALITY_COUNT];
    int32_t *emotions;
    float *valences;
    mb_resident resident;
} mb_bench_data;

mb_status mb_bench_data_make(const mb_model_config *config, int32_t rows, mb_bench_data *data,
                             mb_error *error);
void mb_bench_data_free(mb_bench_data *data);

// One model in training on a device of its own.
typedef struct mb_bench_run {
    mb_device *device;
    const mb_plan *plan;
    const mb_bench_data *data;
    float *parameters, *first_moments, *second_moments, *arena;
    float slots[MB_SLOT_COUNT];
    int32_t *order; // utterances, batch after batch
    mb_key key;
    uint32_t steps_done;
} mb_bench_run;

// Seed s gives other start values and other dropout masks than any other seed.
mb_status mb_bench_run_open(const mb_plan *plan, const mb_bench_data *data, double dropout,
                            uint32_t seed, mb_bench_run *run, mb_error *error);
mb_status mb_bench_run_train(mb_bench_run *run, int32_t steps, mb_error *error);
float mb_bench_run_loss(const mb_bench_run *run); // of the last step
void mb_bench_run_close(mb_bench_run *run);

#endif
