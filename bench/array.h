// An array of models at work on a device: what a launch needs, and the launches.
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
    int32_t steps_per_epoch; // S, rows of the tables
    int32_t launch_steps;    // steps of one launch
    uint32_t steps_done;     // by each run
    uint32_t *host_steps;    // (A)
    mb_device_cache cache;   // with the device
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
    double *op_seconds; // the caller's, as in mb_launch; NULL when opened
} mb_bench_array;

// Device memory that an array will ask for, data not counted.
int64_t mb_bench_array_bytes(const mb_plan *plan, int32_t run_count);

// Whether nine tenths of what the device has free hold that.
mb_status mb_bench_array_fits(mb_device *device, const mb_plan *plan, int32_t run_count, bool *fits,
                              mb_error *error);

// `plan` trains or evaluates. Runs have start values, orders and dropout masks of their own, from
// seed first_seed on; the start values repeat every few runs. launch_steps 0: as many as the
// backend suggests.
mb_status mb_bench_array_open(mb_device *device, const mb_plan *plan,
                              const mb_bench_settings *settings, const mb_bench_data *data,
                              int32_t run_count, int32_t first_seed, int32_t launch_steps,
                              mb_bench_array *array, mb_error *error);

// So many steps of every run; waits until they are done.
mb_status mb_bench_array_step(mb_bench_array *array, int32_t steps, mb_error *error);

// The first run's loss of the last step; an error where any loss of any run is not finite.
mb_status mb_bench_array_loss(mb_bench_array *array, float *loss, mb_error *error);

// Of a plan that evaluates: mean magnitude of the first run's class outputs (values where there are
// no classes) in the first step of an epoch; an error where nothing sensible was computed.
mb_status mb_bench_array_output(mb_bench_array *array, const mb_model_config *config, float *mean,
                                mb_error *error);

void mb_bench_array_close(mb_bench_array *array);

#endif
