// Runs plans on a device: what an executor does with the memory that a backend gives out.
#ifndef MERBENCH_EXECUTOR_H
#define MERBENCH_EXECUTOR_H

#include "merbench/device.h"
#include "merbench/philox.h"
#include "merbench/plan.h"
#include "merbench/stream.h"
#include "merbench/tally.h"

// Successive steps of an array of A runs: S executions of a plan, for training the batches of an
// epoch, for evaluating the chunks of a part. All tables are device memory. Step s, from first_step
// to first_step + step_count - 1, takes row s of `rows` and `widest`, and of the list of run a the
// utterances indices[a * index_stride + s * batch_rows ...].
typedef struct mb_launch {
    // 0, or a number of mb_device_numbers: what a device is given under the same number differs in
    // first_step and step_count alone, the plan included, so what was made of it can be kept.
    uint64_t number;
    int32_t run_count; // A
    int32_t first_step, step_count;
    const mb_dataset *dataset; // its arrays are device memory
    const int32_t *indices;    // (A, index_stride) utterances
    int64_t index_stride;
    int32_t batch_rows;    // utterances from step to step
    const int32_t *rows;   // (S, A) valid rows; 0 leaves the run untouched, bit for bit
    float *parameters;     // (A, plan->parameter_floats)
    float *first_moments;  // (A, plan->parameter_floats), training only
    float *second_moments; // (A, plan->parameter_floats), training only
    float *arena;          // (A, plan->arena_floats)
    const float *slots;    // (A, MB_SLOT_COUNT)
    const mb_key *keys;    // (A)
    const uint32_t *steps; // (A) training step of step 0: Adam's count, dropout counter. Step s is
                           // training step steps[a] + s, or steps[a] in plans that do not train
    const int32_t *widest; // (S, A) rows of the largest batch a run has had, this one included;
                           // training only, NULL = rows
    const float *masks;    // stored dropout masks (plan->mask_floats), tests only
    // Results; each may be NULL.
    float *losses;       // (A, loss_stride): step s writes the plan's total at column s; the
    int64_t loss_stride; // auxiliary loss in plans without a total, where there is one
    float *logits;       // (A, index_stride, C) and
    float *values;       // (A, index_stride, R): a row for each utterance of the list
    // Memory of the host, a number for each op of the plan (mb_plan.steps): the seconds that it
    // takes in each step are added, one after the other, and the call waits for the end. This takes
    // longer and changes no result. NULL = not timed.
    double *op_seconds;
} mb_launch;

// Predictions that the evaluation of a part left on a device, to be tallied. All tables are device
// memory.
typedef struct mb_tally_launch {
    int32_t run_count;       // A
    const int32_t *emotions; // of the dataset
    const float *valences;   // of the dataset
    const int32_t *counts;   // (A) predictions of each run
    const int32_t *indices;  // (A, index_stride) utterances
    int64_t index_stride;
    int32_t batch_size;     // rows of a batch of the loss
    int32_t class_count;    // C
    const float *logits;    // (A, index_stride, C), or NULL
    const float *values;    // (A, index_stride), or NULL
    const float *auxiliary; // (A, auxiliary_stride) a loss for each batch, or NULL
    int64_t auxiliary_stride;
    mb_tally *tallies; // (A)
} mb_tally_launch;

// Copies of rows between tables of an array: where chosen[a], `floats` numbers from
// from[a * from_stride] to to[a * to_stride]. All in device memory.
typedef struct mb_row_copy {
    int32_t run_count;     // A
    const int32_t *chosen; // (A)
    float *to;
    const float *from;
    int64_t to_stride, from_stride, floats;
} mb_row_copy;

// Orders of the rows of the runs of an array in an epoch. All tables are device memory.
typedef struct mb_shuffle_launch {
    int32_t run_count;       // A
    const mb_key *keys;      // (A)
    const int32_t *counts;   // (A) rows of each run; 0 leaves it alone
    const int32_t *shuffled; // (A) whether the rows are put into a new order, or copied as they are
    const int32_t *from;     // (A, stride) the rows in the order of the corpus
    int32_t *to;             // (A, stride) elsewhere
    int64_t stride;
    uint32_t epoch;
} mb_shuffle_launch;

struct mb_executor {
    // Start values of an array of runs, as mb_parameters_initialise makes them. keys (A) and
    // parameters (A, parameter_floats) are device memory.
    mb_status (*initialise)(mb_device *device, const mb_plan *plan, int32_t run_count,
                            const mb_key *keys, float *parameters, mb_error *error);
    mb_status (*copy_rows)(mb_device *device, const mb_row_copy *copy, mb_error *error);
    // The orders that mb_random_shuffle makes of MB_RANDOM_SHUFFLE, with the epoch as step.
    mb_status (*shuffle)(mb_device *device, const mb_shuffle_launch *launch, mb_error *error);
    // The most that a launch should have, so that progress is seen and a stop is not waited for:
    // steps, and multiply-accumulates of all runs.
    int32_t steps_per_launch;
    int64_t work_per_launch;
    // Executes the plan's steps for every run of the launch, S times. What is downloaded later is
    // what they wrote.
    mb_status (*run)(mb_device *device, const mb_plan *plan, const mb_launch *launch,
                     mb_error *error);
    // Makes the calling thread take part in what another thread runs on the device, as long as
    // wanted(context); the parts of steps that it did. The results do not depend on it. NULL
    // where threads of the host are no help.
    int64_t (*assist)(mb_device *device, bool (*wanted)(const void *context), const void *context);
    mb_status (*tally)(mb_device *device, const mb_tally_launch *launch, mb_error *error);
};

// The first of `count` numbers for launches that no other launch of the device has.
static inline uint64_t mb_device_numbers(mb_device *device, int32_t count) {
    uint64_t first = device->numbers + 1;
    device->numbers += (uint64_t)count;
    return first;
}

#endif
