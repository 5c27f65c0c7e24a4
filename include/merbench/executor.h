// An executor runs plans on a device, in the memory that the backend allocates (device.h). The
// trainer drives it; a program needs it only to run plans itself, as the benches do.
#ifndef MERBENCH_EXECUTOR_H
#define MERBENCH_EXECUTOR_H

#include "merbench/device.h"
#include "merbench/philox.h"
#include "merbench/plan.h"
#include "merbench/stream.h"
#include "merbench/tally.h"

// Consecutive steps of an array of A runs: executions of a plan, on the batches of an epoch when it
// trains, on the chunks of a part when it evaluates. S is the number of steps in the tables. Step
// s, for s from first_step to first_step + step_count - 1, reads row s of `rows` and `widest`, and
// run a takes its utterances at indices[a * index_stride + s * batch_rows ...]. All tables are
// device memory.
typedef struct mb_launch {
    // 0, or an id from mb_device_launch_ids. All launches with one id have the same plan and differ
    // in first_step and step_count alone, so the executor may keep what it prepared for the id.
    uint64_t id;
    int32_t run_count; // A
    int32_t first_step, step_count;
    const mb_dataset *dataset; // its arrays are in device memory
    const int32_t *indices;    // (A, index_stride) utterances
    int64_t index_stride;
    int32_t batch_rows;    // distance of the utterances of successive steps
    const int32_t *rows;   // (S, A) valid rows; 0 leaves the run as it is, bit for bit
    float *parameters;     // (A, plan->parameter_floats)
    float *first_moments;  // (A, plan->parameter_floats), training only
    float *second_moments; // (A, plan->parameter_floats), training only
    float *arena;          // (A, plan->arena_floats)
    const float *slots;    // (A, MB_SLOT_COUNT)
    const mb_key *keys;    // (A)
    // (A) training steps that the run has done before step 0, which Adam and random numbers count.
    // Step s is training step steps[a] + s in a plan that trains, steps[a] in any other.
    const uint32_t *steps;
    // (S, A) rows of the largest batch of the run so far, this one included; NULL: as `rows`. Read
    // by plans that train.
    const int32_t *widest;
    const float *masks; // (plan->mask_floats) stored dropout masks; tests only
    // Results; each may be NULL. Step s writes column s of `losses`: the plan's total or, in a plan
    // without a total, its auxiliary loss if it has one. `logits` and `values` get one row for each
    // utterance of a run's list.
    float *losses; // (A, loss_stride)
    int64_t loss_stride;
    float *logits; // (A, index_stride, C)
    float *values; // (A, index_stride, R)
    // NULL, or host memory with one number for each op of the plan: the executor adds the seconds
    // that the op takes in each step. The call then runs the ops one after another and waits for
    // the end; this is slower and changes no result.
    double *op_seconds;
} mb_launch;

// Predictions that an evaluation of a part left on the device, to be tallied (tally.h). All tables
// are device memory.
typedef struct mb_tally_launch {
    int32_t run_count;       // A
    const int32_t *emotions; // of the dataset
    const float *valences;   // of the dataset
    const int32_t *counts;   // (A) number of predictions of each run
    const int32_t *indices;  // (A, index_stride) utterances
    int64_t index_stride;
    int32_t batch_size;     // rows of the batches over which the loss is averaged
    int32_t class_count;    // C
    const float *logits;    // (A, index_stride, C), or NULL
    const float *values;    // (A, index_stride), or NULL
    const float *auxiliary; // (A, auxiliary_stride) loss of each batch, or NULL
    int64_t auxiliary_stride;
    mb_tally *tallies; // (A)
} mb_tally_launch;

// Copies one row per run between tables of an array: where chosen[a] is not 0, `floats` numbers
// from from[a * from_stride] to to[a * to_stride]. All tables are device memory.
typedef struct mb_row_copy {
    int32_t run_count;     // A
    const int32_t *chosen; // (A)
    float *to;
    const float *from;
    int64_t to_stride, from_stride, floats;
} mb_row_copy;

// Makes the order of the training rows in an epoch, for each run of an array. All tables are
// device memory.
typedef struct mb_shuffle_launch {
    int32_t run_count;       // A
    const mb_key *keys;      // (A)
    const int32_t *counts;   // (A) rows of each run; 0 leaves its order as it is
    const int32_t *shuffled; // (A) whether the order is drawn; otherwise it is that of the corpus
    const int32_t *from;     // (A, stride) rows in corpus order
    int32_t *to;             // (A, stride) result; does not overlap `from`
    int64_t stride;
    uint32_t epoch;
} mb_shuffle_launch;

struct mb_executor {
    // Draws the start values of an array of runs, as mb_parameters_initialise does. keys (A) and
    // parameters (A, parameter_floats) are device memory.
    mb_status (*initialise)(mb_device *device, const mb_plan *plan, int32_t run_count,
                            const mb_key *keys, float *parameters, mb_error *error);
    mb_status (*copy_rows)(mb_device *device, const mb_row_copy *copy, mb_error *error);
    // Makes the orders of mb_random_shuffle with MB_RANDOM_SHUFFLE, the epoch as step.
    mb_status (*shuffle)(mb_device *device, const mb_shuffle_launch *launch, mb_error *error);
    // The largest launch that keeps progress displays moving and stops quick: in steps, and in
    // multiply-accumulates of all runs together.
    int32_t steps_per_launch;
    int64_t work_per_launch;
    // Executes the plan for every run of the launch, once for each step. Later downloads see
    // the results.
    mb_status (*run)(mb_device *device, const mb_plan *plan, const mb_launch *launch,
                     mb_error *error);
    // Makes the calling thread help with what another thread runs on the device, for as long as
    // wanted(context) holds. Returns the number of shares of ops that it did. Results do not depend
    // on helpers. NULL where threads of the host cannot help.
    int64_t (*assist)(mb_device *device, bool (*wanted)(const void *context), const void *context);
    mb_status (*tally)(mb_device *device, const mb_tally_launch *launch, mb_error *error);
};

// Reserves `count` ids for launches, unique on the device, and returns the first.
static inline uint64_t mb_device_launch_ids(mb_device *device, int32_t count) {
    uint64_t first = device->launch_ids + 1;
    device->launch_ids += (uint64_t)count;
    return first;
}

#endif
