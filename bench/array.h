// An array of models on a device: its tables, and launches of its steps.
#ifndef MB_BENCH_ARRAY_H
#define MB_BENCH_ARRAY_H

#include "data.h"
#include "merbench/device_cache.h"
#include "merbench/executor.h"
#include "merbench/plan.h"
#include "settings.h"

typedef struct mb_bench_array {
    mb_device *device;
    const mb_plan *plan;
    uint64_t launch_id;      // of its own plan
    int32_t run_count;       // A
    int32_t steps_per_epoch; // S, also the number of rows of the tables
    int32_t launch_steps;    // steps of one launch
    uint32_t steps_done;     // of each run
    uint32_t *host_steps;    // (A)
    mb_device_cache cache;   // of this device
    mb_cached_dataset cached;
    float *parameters, *first_moments, *second_moments; // (A, parameter_floats)
    float *arena;                                       // (A, arena_floats)
    float *slots;                                       // (A, MB_SLOT_COUNT)
    mb_key *keys;                                       // (A)
    uint32_t *steps;                                    // (A)
    int32_t *rows;                                      // (S, A)
    int32_t *indices;                                   // (A, S * batch)
    float *losses;                                      // (A, S)
    float *logits, *values;                             // evaluation only
    double *op_seconds; // set by the caller, as in mb_launch; NULL after opening
} mb_bench_array;

// Device memory that an array needs, not counting the dataset.
int64_t mb_bench_array_bytes(const mb_plan *plan, int32_t run_count);

// Whether that fits into nine tenths of the device's free memory.
mb_status mb_bench_array_fits(mb_device *device, const mb_plan *plan, int32_t run_count, bool *fits,
                              mb_error *error);

// `plan` trains or evaluates. Each run has its own start values, order of rows and dropout masks,
// from seed first_seed on; start values repeat every few runs. launch_steps 0: as many as the
// backend suggests.
mb_status mb_bench_array_open(mb_device *device, const mb_plan *plan,
                              const mb_bench_settings *settings, const mb_bench_data *data,
                              int32_t run_count, int32_t first_seed, int32_t launch_steps,
                              mb_bench_array *array, mb_error *error);

// Executes `steps` steps of every run, and waits until they are done.
mb_status mb_bench_array_step(mb_bench_array *array, int32_t steps, mb_error *error);

// The first run's loss in the last step. Fails if any loss of any run is not finite.
mb_status mb_bench_array_loss(mb_bench_array *array, float *loss, mb_error *error);

// For a plan that evaluates: mean magnitude of the first run's class outputs (its values if there
// are no classes) in the first step of an epoch. Fails if the outputs are not finite or all zero.
mb_status mb_bench_array_output(mb_bench_array *array, const mb_model_config *config, float *mean,
                                mb_error *error);

void mb_bench_array_close(mb_bench_array *array);

#endif
