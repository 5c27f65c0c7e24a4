// Training of runs: epochs, selection, snapshot, predictions.
#ifndef MERBENCH_TRAIN_H
#define MERBENCH_TRAIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "merbench/dataset.h"
#include "merbench/device_cache.h"
#include "merbench/folds.h"
#include "merbench/model.h"
#include "merbench/run_result.h"

typedef struct mb_training {
    int32_t epochs;     // 100
    int32_t batch_size; // 32
    double learning_rate;
    double weight_decay; // 1e-5, coupled
    double grad_clip;    // by value; -1 = off
    bool shuffle;        // new order of the training rows every epoch
    mb_selection selection;
} mb_training;

typedef struct mb_run_plans mb_run_plans;

// One trial on one fold. Everything pointed to outlives the call and is shared between threads.
typedef struct mb_run_spec {
    const mb_model *model;
    mb_model_config config; // steps are filled in from the part at hand
    mb_training training;
    uint32_t seed;
    int32_t fold_index;
    const mb_dataset_rules *rules;
    const mb_dataset *datasets; // that the parts name; of the same streams
    int32_t dataset_count;
    const mb_fold *fold;
    const mb_part *tests;
    int32_t test_count;
    // Whether the best epoch is scored on the selection part alone. The held-out and the test parts
    // have no predictions then.
    bool selection_only;
    const mb_run_plans *plans; // mb_run_plans_make of a run of this shape; NULL: made when needed
} mb_run_spec;

// What a run costs, from its graph alone.
typedef struct mb_run_cost {
    int64_t parameters;
    double multiply_accumulates; // of the whole run: training steps and evaluations
    int64_t training_steps;
    // Parameters, moments, snapshot, activations, tables and predictions: where device and host
    // share their memory, and where they do not, on the device and in page-locked memory.
    int64_t shared_bytes;
    int64_t device_bytes, host_bytes;
} mb_run_cost;

// Trains `run_count` runs of one model, config, datasets and part sizes as an array;
// results[run_count] are written also for runs that diverge. When *stop becomes non-zero the runs
// in flight end with MB_RUN_STOPPED. `steps_done`, when not NULL, counts model-steps for progress
// displays.
mb_status mb_train_runs(mb_device_cache *cache, const mb_run_spec *specs, int32_t run_count,
                        const atomic_int *stop, atomic_llong *steps_done, mb_run_result *results,
                        mb_error *error);

// Says what will be trained next, by one of its runs: when the array at hand is under way, its
// first dataset can be brought to the device.
void mb_train_expect(mb_device_cache *cache, const mb_run_spec *next);

// The plans of a run. They hold for every run of one model and of datasets and parts of one shape,
// whose configs differ in slots alone, and may be used by several threads at a time.
mb_status mb_run_plans_make(const mb_run_spec *spec, mb_run_plans **plans, mb_error *error);
void mb_run_plans_free(mb_run_plans *plans); // NULL is fine

// From its plans, those of spec->plans where they are given.
mb_status mb_run_estimate(const mb_run_spec *spec, mb_run_cost *cost, mb_error *error);

// Rows that an evaluation of `most` utterances takes at a time, for a model that trains with
// batches of `batch`: as many where rows of a batch interact, fewer where sequences are long.
int32_t mb_rows_at_once(const mb_model *model, const mb_model_config *config, int32_t batch,
                        int32_t most);

// The configuration with the sequence lengths of a part's scope.
mb_model_config mb_config_for_part(const mb_run_spec *spec, const mb_part *part);

// mb_rows_at_once of a part: the same for the parts of all folds with one scope.
int32_t mb_evaluation_rows(const mb_run_spec *spec, const mb_part *part);

#endif
