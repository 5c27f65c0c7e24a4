// Training of runs: epochs, selection, snapshot, predictions.
#ifndef MERBENCH_TRAIN_H
#define MERBENCH_TRAIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "merbench/dataset.h"
#include "merbench/device.h"
#include "merbench/folds.h"
#include "merbench/metrics.h"
#include "merbench/model.h"
#include "merbench/sequences.h"

typedef struct mb_training {
    int32_t epochs;     // 100
    int32_t batch_size; // 32
    double learning_rate;
    double weight_decay; // 1e-5, coupled
    double grad_clip;    // by value; -1 = off
    bool shuffle;        // new order of the training rows every epoch
    mb_selection selection;
} mb_training;

// One trial on one fold. Everything pointed to outlives the call and is shared between threads.
typedef struct mb_run_spec {
    const mb_model *model;
    mb_model_config config; // steps are filled in from the part at hand
    mb_training training;
    uint32_t seed;
    int32_t fold_index;
    const mb_dataset_rules *rules;
    const mb_sequences *sequences; // indexed by utterance
    const int32_t *emotions;       // by utterance
    const float *valences;         // by utterance
    const mb_fold *fold;
    const mb_part *tests;
    int32_t test_count;
} mb_run_spec;

typedef enum mb_run_status {
    MB_RUN_DONE = 0,
    MB_RUN_DIVERGED = 1,
    MB_RUN_STOPPED = 2
} mb_run_status;

typedef struct mb_epoch {
    double train_loss;  // unweighted mean of the batch totals
    double select_loss; // likewise on the selection part
    double select_metric;
} mb_epoch;

// Predictions on one part, in the order of its rows; count 0 where a run diverged before it had
// any.
typedef struct mb_predictions {
    int32_t count;
    float *logits; // (count, C) or NULL
    float *values; // (count) or NULL
} mb_predictions;

typedef struct mb_run_result {
    mb_run_status status;
    char cause[128];     // of a divergence: what was not finite, and where
    int32_t epochs_done; // of a divergence: epochs completed before it
    mb_epoch *epochs;    // (epochs_done)
    int32_t best_epoch;  // from 0
    mb_scores select;    // on the selection part at the best epoch
    mb_scores held;      // on the held-out part; NaN where there is none
    mb_predictions select_predictions, held_predictions;
    mb_predictions *tests; // (test_count)
    double seconds;
    int64_t steps; // model-steps trained
} mb_run_result;

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

// Trains `run_count` runs of one model, config and part sizes as an array; results[run_count] are
// written also for runs that diverge. When *stop becomes non-zero the runs in flight end with
// MB_RUN_STOPPED. `steps_done`, when not NULL, counts model-steps for progress displays.
mb_status mb_train_runs(mb_device *device, const mb_run_spec *specs, int32_t run_count,
                        const atomic_int *stop, atomic_llong *steps_done, mb_run_result *results,
                        mb_error *error);
void mb_run_result_free(mb_run_result *result, int32_t test_count);

// Says what will be trained next, by one of its runs: when the array at hand is under way, its
// dataset can be brought to the device.
void mb_train_expect(mb_device *device, const mb_run_spec *next);

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
