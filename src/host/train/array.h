// An array: runs of one graph that train together on a device, and the tables that steer them.
#ifndef MB_TRAIN_ARRAY_H
#define MB_TRAIN_ARRAY_H

#include "merbench/executor.h"
#include "train/plans.h"
#include "train/snapshot.h"

// Marks of a device (merbench/device.h) that an array uses: MB_MARK_LAUNCH and the one behind it
// are the trainer's.
enum { MB_MARK_EPOCH, MB_MARK_LAUNCH, MB_MARKS_LAUNCH = MB_DEVICE_MARKS - MB_MARK_LAUNCH };

// The utterances that the steps of an epoch, or of an evaluation, go through.
typedef struct mb_lists {
    int32_t *rows;    // (most_steps, A)
    int32_t *indices; // (A, index_stride)
    uint32_t *steps;  // (A) training steps done before
    int32_t *host_rows;
    uint32_t *host_steps;
} mb_lists;

// The tables of the device are one piece of its memory, those of the host one of page-locked
// memory. They move without waiting: a table of the host that is uploaded stays as it is from then
// on until mb_array_wait, or something was downloaded.
typedef struct mb_array {
    mb_device_cache *cache;
    mb_device *device; // the cache's
    int32_t run_count;
    const mb_run_spec *specs;    // (A)
    mb_cached_dataset *datasets; // (specs[0].dataset_count)
    const mb_run_plans *plans;
    mb_run_plans *own_plans; // NULL where the specs have some
    uint64_t first_number;   // of launches: of training, of the parts in the order of plans
    void *device_tables, *host_tables;
    size_t small_bytes; // of the device's tables, from `slots` on to the end
    int64_t parameter_floats;
    int32_t index_stride;    // utterances of the longest part
    int32_t steps_per_epoch; // of the longest training part
    int32_t most_steps;      // of an epoch or of an evaluation
    // Device memory of training.
    float *parameters, *first_moments, *second_moments; // (A, parameter_floats)
    float *arena;                                       // (A, the largest arena of all plans)
    float *slots;                                       // (A, MB_SLOT_COUNT)
    mb_key *keys;                                       // (A)
    int32_t *widest;                                    // (most_steps, A)
    float *losses;                                      // (A, most_steps)
    mb_lists training;
    int32_t *corpus_order;            // (A, index_stride) utterances of the training parts
    int32_t *train_counts, *shuffled; // (A) of these, and whether their order is drawn
    bool shuffles;                    // some run's is
    int32_t *host_widest;
    float *host_losses;
    uint32_t *steps_done;   // (A) training steps of each run
    int32_t *widest_so_far; // (A) rows of the largest training batch
    bool begun;             // an epoch was
    // Of evaluation.
    mb_lists evaluation;
    int32_t *host_indices;  // (A, index_stride)
    const mb_plan *listed;  // the plan of the part whose utterances `evaluation` has
    float *auxiliary;       // (A, most_steps) auxiliary losses
    float *logits, *values; // (A, index_stride, C or R), or NULL
    float *host_logits, *host_values;
    // Of selection.
    int32_t *counts; // (A) predictions on the selection part
    int32_t *host_counts;
    mb_tally *tallies, *host_tallies; // (A) of these
    int32_t *chosen, *host_chosen;    // (A) runs whose epoch at hand is their best, 0 or 1
    mb_snapshot snapshot;             // weights of the best epochs, and
    int32_t select_stride;            // predictions on the longest selection part:
    float *best_logits, *best_values; // (A, select_stride, C or R), or NULL
} mb_array;

// Allocates, draws the start values. The array must be closed also after a
// failure.
mb_status mb_array_open(mb_device_cache *cache, const mb_run_spec *specs, int32_t run_count,
                        mb_array *array, mb_error *error);
void mb_array_close(mb_array *array);

// Has the order of the rows in an epoch made, behind what the device was given before.
mb_status mb_array_order(mb_array *array, int32_t epoch, mb_error *error);
// Makes the tables of an epoch: runs with active[a] take part.
mb_status mb_array_begin_epoch(mb_array *array, const bool *active, mb_error *error);
// Training steps first ... first + count - 1 of the epoch.
mb_status mb_array_train(mb_array *array, int32_t first, int32_t count, mb_error *error);
// Runs that took part in a step of the epoch.
int32_t mb_array_busy(const mb_array *array, int32_t step);
// Counts the first `steps` of the epoch as done, for every run that took part.
void mb_array_end_epoch(mb_array *array, int32_t steps);

// Evaluates the runs with active[a] on one of their parts. The predictions stay on the device.
mb_status mb_array_evaluate(mb_array *array, mb_part_kind kind, int32_t test, const bool *active,
                            mb_error *error);
// Evaluates the selection part, and tallies it.
mb_status mb_array_select(mb_array *array, const bool *active, mb_error *error);

// Asks for what the epoch came to: when mb_array_wait has returned, its losses are in host_losses,
// its tallies in host_tallies. What the device is given in between is not waited for.
mb_status mb_array_ask(mb_array *array, mb_error *error);
mb_status mb_array_wait(mb_array *array, mb_error *error);
// Keeps weights and predictions on the selection part of the runs with host_chosen[a], as those of
// their best epochs.
mb_status mb_array_keep(mb_array *array, mb_error *error);
// Goes back to the weights of the best epochs of the runs with active[a].
mb_status mb_array_restore(mb_array *array, const bool *active, mb_error *error);

// Fetches the predictions of the last evaluation, for the runs with active[a].
mb_status mb_array_predictions(mb_array *array, const bool *active,
                               mb_predictions *const *predictions, mb_error *error);
// Fetches those on the selection part in the best epochs, for all runs.
mb_status mb_array_best_predictions(mb_array *array, mb_predictions *const *predictions,
                                    mb_error *error);

#endif
