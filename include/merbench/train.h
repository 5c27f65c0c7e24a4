// Training: a program describes runs (mb_run_spec), estimates their cost, and trains them alone or
// as arrays; results are in run_result.h.
//
// Source: the training loop of the reference toolkit. One difference changes no number: the
// held-out and test parts are evaluated once, with the weights of the best epoch, instead of after
// every epoch.
//
// A run in which a loss or a prediction on the selection part is not finite has diverged under the
// protocol strict. Under mertools it goes on and is scored as the toolkit scores it, with a mark
// (mb_run_result.broken_epoch), but for datasets on which the toolkit stops (mb_toolkit_stops).
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
    int32_t epochs;     // 100 in the toolkit
    int32_t batch_size; // 32 in the toolkit
    double learning_rate;
    double weight_decay; // coupled: added to the gradient; 1e-5 in the toolkit
    double grad_clip;    // limit of each gradient element; -1 = off
    bool shuffle;        // whether training rows get a new order every epoch
    mb_selection selection;
} mb_training;

typedef struct mb_run_plans mb_run_plans;

// One run: a trial on one fold. Everything that it points to must outlive the call; threads
// share it.
typedef struct mb_run_spec {
    const mb_model *model;
    mb_model_config config; // `steps` is ignored: each part has its own
    mb_training training;
    uint32_t seed;
    int32_t fold_index;
    mb_protocol protocol; // what happens to numbers that are not finite; the order of evaluations
    const mb_dataset_rules *rules;
    const mb_dataset *datasets; // (dataset_count) of the parts; all have the same streams
    int32_t dataset_count;
    const mb_fold *fold;
    const mb_part *tests;
    int32_t test_count;
    // Whether the best epoch is scored on the selection part alone; the held-out and test parts
    // then have no predictions.
    bool selection_only;
    const mb_run_plans *plans; // of a run of this shape; NULL: made when needed
} mb_run_spec;

// The cost of a run, computed from its plans alone.
typedef struct mb_run_cost {
    int64_t parameters;
    double multiply_accumulates; // of all training steps and evaluations
    int64_t training_steps;
    // Memory for parameters, moments, the snapshot of the best epoch, activations, tables and
    // predictions. shared_bytes: on a device that shares the host's memory. device_bytes,
    // host_bytes: on a device with its own memory, there and in page-locked host memory.
    int64_t shared_bytes;
    int64_t device_bytes, host_bytes;
} mb_run_cost;

// Trains `run_count` runs as an array. They have the same model, datasets, batch size and number of
// epochs, and their options differ in slots alone; their folds may differ in size.
// results[run_count] are also written for runs that diverge. When *stop becomes non-zero,
// unfinished runs end with MB_RUN_STOPPED, on the CPU in the middle of a step. `steps_done`, unless
// NULL, counts the training steps of all runs for progress displays.
mb_status mb_train_runs(mb_device_cache *cache, const mb_run_spec *specs, int32_t run_count,
                        const atomic_int *stop, atomic_llong *steps_done, mb_run_result *results,
                        mb_error *error);

// Instead of training a run on a device that shares the host's memory, measures how long that would
// take: trains and evaluates for about a tenth of a second, but at least a step. results[0].seconds
// is the estimate; the result has nothing else. run_count is 1, spec->plans must be there.
mb_status mb_train_pace(mb_device_cache *cache, const mb_run_spec *spec, int32_t run_count,
                        const atomic_int *stop, atomic_llong *steps_done, mb_run_result *results,
                        mb_error *error);

// What the steps of a model take on a device: medians over `count` steps each, of one model alone.
typedef struct mb_step_time {
    int32_t count;
    double training_seconds;  // a training step: forward, backward and Adam
    double inference_seconds; // an evaluation of one batch, without its upload
} mb_step_time;

// Measures the steps of a model on batches of `batch` made-up samples; sequences have config->steps
// frames. Each step is waited for. The configuration was checked. MB_FAILED: the device has too
// little free memory.
mb_status mb_time_steps(mb_device_cache *cache, const mb_model *model,
                        const mb_model_config *config, int32_t batch, mb_step_time *time,
                        mb_error *error);

// Announces the array that will be trained next, by one of its runs: its first dataset may be
// uploaded while the current array trains.
void mb_train_expect(mb_device_cache *cache, const mb_run_spec *next);

// Compiles the plans of a run. They serve every run of the same model, with datasets and parts of
// the same shapes, whose configs differ in slots alone; threads may share them.
mb_status mb_run_plans_make(const mb_run_spec *spec, mb_run_plans **plans, mb_error *error);
void mb_run_plans_free(mb_run_plans *plans); // NULL is fine

// Estimates the cost of a run, from spec->plans or, if NULL, from plans made for the purpose.
mb_status mb_run_estimate(const mb_run_spec *spec, mb_run_cost *cost, mb_error *error);

// Whether a run evaluates its selection part in a new order of rows after every epoch, as the
// toolkit's loaders do for these datasets. Only models whose rows depend on each other can tell.
bool mb_permutes_evaluation(mb_protocol protocol, const mb_dataset_rules *rules,
                            const mb_model *model);

// The number of training steps in an epoch of a run.
int32_t mb_steps_per_epoch(const mb_run_spec *spec);

// The number of rows that an evaluation of `most` utterances takes at a time. A model whose rows
// depend on each other is evaluated in batches of `batch`, as it trains; for any other, longer
// sequences mean fewer rows.
int32_t mb_rows_at_once(const mb_model *model, const mb_model_config *config, int32_t batch,
                        int32_t most);

// The run's configuration, with the sequence lengths of a part's scope. Of an utterance that is
// longer, models read the last frames.
mb_model_config mb_config_for_part(const mb_run_spec *spec, const mb_part *part);

// mb_rows_at_once for a part; parts with the same scope get the same number in all folds.
int32_t mb_evaluation_rows(const mb_run_spec *spec, const mb_part *part);

#endif
