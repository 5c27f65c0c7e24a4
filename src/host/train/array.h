// An array: runs of one graph that train together on a device, and the tables with which the
// trainer drives them.
#ifndef MB_TRAIN_ARRAY_H
#define MB_TRAIN_ARRAY_H

#include "merbench/executor.h"
#include "train/plans.h"
#include "train/snapshot.h"

// The marks of a device (merbench/device.h) that an array uses. MB_MARK_LAUNCH and the marks after
// it are the trainer's.
enum { MB_MARK_EPOCH, MB_MARK_LAUNCH, MB_MARKS_LAUNCH = MB_DEVICE_MARKS - MB_MARK_LAUNCH };

// The utterances of the steps of an epoch or of an evaluation.
typedef struct mb_lists {
    int32_t *rows;    // (most_steps, A)
    int32_t *indices; // (A, index_stride)
    uint32_t *steps;  // (A) training steps that the runs have done
    int32_t *host_rows;
    uint32_t *host_steps;
} mb_lists;

// All tables on the device are in one block of memory, all host tables in one block of page-locked
// memory. Copies are asynchronous: a host table that is uploaded must not change until
// mb_array_wait or a download returns.
typedef struct mb_array {
    mb_device_cache *cache;
    mb_device *device; // of the cache
    int32_t run_count;
    const mb_run_spec *specs;    // (A)
    mb_cached_dataset *datasets; // (specs[0].dataset_count)
    const mb_run_plans *plans;
    mb_run_plans *own_plans;  // made by the array; NULL where the specs have plans
    uint64_t first_launch_id; // ids of launches: training, then the parts in the order of plans
    void *device_tables, *host_tables;
    size_t small_bytes; // of the tables on the device from `slots` to the end
    int64_t parameter_floats;
    int32_t index_stride;    // utterances in the longest part
    int32_t steps_per_epoch; // with the longest training part
    int32_t most_steps;      // steps of the longest epoch or evaluation
    // Training. Device memory, but for the tables named host_, steps_done and widest_so_far.
    float *parameters, *first_moments, *second_moments; // (A, parameter_floats)
    float *arena;                                       // (A, size of the largest arena)
    float *slots;                                       // (A, MB_SLOT_COUNT)
    mb_key *keys;                                       // (A)
    int32_t *widest;                                    // (most_steps, A)
    float *losses;                                      // (A, most_steps)
    mb_lists training;
    int32_t *corpus_order;            // (A, index_stride) the training parts, in corpus order
    int32_t *train_counts, *shuffled; // (A) rows; whether their order is drawn
    bool shuffles;                    // whether any run shuffles
    int32_t *host_widest;
    float *host_losses;
    uint32_t *steps_done;   // (A) training steps of each run
    int32_t *widest_so_far; // (A) rows of the largest batch so far
    bool begun;             // whether an epoch was begun
    // Evaluation; likewise.
    mb_lists evaluation;
    int32_t *host_indices;  // (A, index_stride)
    const mb_plan *listed;  // plan of the part whose utterances `evaluation` lists, or NULL
    float *auxiliary;       // (A, most_steps) auxiliary losses
    float *logits, *values; // (A, index_stride, C or R), or NULL
    float *host_logits, *host_values;
    // Selection; likewise.
    int32_t *counts; // (A) number of predictions on the selection part
    int32_t *host_counts;
    mb_tally *tallies, *host_tallies; // (A) of the selection part
    int32_t *chosen, *host_chosen;    // (A) 1 where the current epoch is the best so far, else 0
    mb_snapshot snapshot;             // weights of the best epochs
    int32_t select_stride;            // predictions on the longest selection part
    float *best_logits, *best_values; // (A, select_stride, C or R) of the best epochs, or NULL
} mb_array;

// Allocates an array and draws its start values. It must be closed even after a failure.
mb_status mb_array_open(mb_device_cache *cache, const mb_run_spec *specs, int32_t run_count,
                        mb_array *array, mb_error *error);
void mb_array_close(mb_array *array);

// Queues the drawing of the order of the training rows in an epoch.
mb_status mb_array_shuffle(mb_array *array, int32_t epoch, mb_error *error);
// Prepares the tables of an epoch for the runs with active[a].
mb_status mb_array_begin_epoch(mb_array *array, const bool *active, mb_error *error);
// Launches training steps first ... first + count - 1 of the epoch.
mb_status mb_array_train(mb_array *array, int32_t first, int32_t count, mb_error *error);
// The number of runs that have a batch in a step of the epoch.
int32_t mb_array_busy_runs(const mb_array *array, int32_t step);
// Counts the first `steps` of the epoch as done, for every run that had a batch in them.
void mb_array_end_epoch(mb_array *array, int32_t steps);

// Evaluates the runs with active[a] on one of their parts. The predictions stay on the device.
mb_status mb_array_evaluate(mb_array *array, int32_t part, const bool *active, mb_error *error);
// Evaluates the selection part after an epoch and tallies the predictions.
mb_status mb_array_select(mb_array *array, int32_t epoch, const bool *active, mb_error *error);

// Requests the results of the epoch: when mb_array_wait returns, host_losses and host_tallies are
// filled. mb_array_wait does not wait for work that was queued after the request.
mb_status mb_array_request(mb_array *array, mb_error *error);
mb_status mb_array_wait(mb_array *array, mb_error *error);
// Saves the weights, and the predictions on the selection part, of the runs with host_chosen[a] as
// those of their best epochs.
mb_status mb_array_keep(mb_array *array, mb_error *error);
// Restores the weights of the best epochs, for the runs with active[a].
mb_status mb_array_restore(mb_array *array, const bool *active, mb_error *error);

// Fetches the predictions of the last evaluation, for the runs with active[a].
mb_status mb_array_predictions(mb_array *array, const bool *active,
                               mb_predictions *const *predictions, mb_error *error);
// Fetches the predictions on the selection part in the best epochs, for all runs.
mb_status mb_array_best_predictions(mb_array *array, mb_predictions *const *predictions,
                                    mb_error *error);

#endif
