// An array: runs of one graph that train together on a device, and the tables that steer them.
#ifndef MB_TRAIN_ARRAY_H
#define MB_TRAIN_ARRAY_H

#include "merbench/train.h"
#include "train/resident.h"
#include "train/snapshot.h"

// Which part of a spec a plan evaluates.
typedef enum mb_part_kind { MB_PART_SELECT, MB_PART_HELD, MB_PART_TEST } mb_part_kind;

typedef struct mb_array {
    mb_device *device;
    int32_t run_count;
    const mb_run_spec *specs; // (A)
    mb_residence residence;
    mb_plan *train;
    mb_plan *select, *held, **tests; // NULL where a part is absent
    int64_t parameter_floats;
    // Device memory.
    float *parameters, *first_moments, *second_moments; // (A, parameter_floats)
    mb_snapshot snapshot;                               // best weights
    float *arena;                                       // (A, the largest arena of all plans)
    float *slots;                                       // (A, MB_SLOT_COUNT)
    mb_key *keys;                                       // (A)
    uint32_t *steps;                                    // (A) at the first step of an epoch
    int32_t *rows, *widest;                             // (most_steps, A)
    int32_t *indices;                                   // (A, index_stride)
    float *losses;                                      // (A, most_steps)
    float *logits, *values;                             // (A, index_stride, C or R), or NULL
    int32_t index_stride;                               // utterances of the longest part
    int32_t steps_per_epoch;                            // of the longest training part
    int32_t most_steps;                                 // of an epoch or of an evaluation
    // The tables on the host, in memory of allocate_host: what was uploaded may change once
    // something was downloaded. The steps are counted before that, in ordinary memory.
    int32_t *host_rows, *host_widest, *host_indices;
    float *host_losses, *host_logits, *host_values;
    uint32_t *host_steps;
    int32_t *widest_so_far; // (A) rows of the largest training batch
} mb_array;

const mb_part *mb_array_part(const mb_run_spec *spec, mb_part_kind kind, int32_t test);

// The plan that evaluates a part; NULL where the part is empty.
const mb_plan *mb_array_plan(const mb_array *array, mb_part_kind kind, int32_t test);

// Compiles the plans, allocates, draws the start values. The array must be closed also after a
// failure.
mb_status mb_array_open(mb_device *device, const mb_run_spec *specs, int32_t run_count,
                        mb_array *array, mb_error *error);
void mb_array_close(mb_array *array);

// Says which array comes next, by one of its runs: when the one at hand is under way, its dataset
// can be brought to the device (mb_residents_prefetch).
void mb_array_expect(mb_device *device, const mb_run_spec *next);

// Makes the tables of an epoch from the order of the rows in host_indices: runs with active[a] take
// part.
mb_status mb_array_begin_epoch(mb_array *array, const bool *active, mb_error *error);
// Training steps first ... first + count - 1 of the epoch.
mb_status mb_array_train(mb_array *array, int32_t first, int32_t count, mb_error *error);
// Runs that took part in a step of the epoch.
int32_t mb_array_busy(const mb_array *array, int32_t step);
// Counts the first `steps` of the epoch as done, for every run that took part.
void mb_array_end_epoch(mb_array *array, int32_t steps);

// Predictions of the runs with active[a] on one of their parts, from `parameters` (device memory).
// For models that couple rows, `interloss` (when not NULL) receives the auxiliary loss of each
// batch of the part.
mb_status mb_array_evaluate(mb_array *array, mb_part_kind kind, int32_t test,
                            const float *parameters, const bool *active,
                            mb_predictions *const *predictions, double *const *interloss,
                            mb_error *error);

// The configuration with the sequence lengths of a part's scope.
mb_model_config mb_config_for_part(const mb_run_spec *spec, const mb_part *part);

// mb_rows_at_once of a part: the same for the parts of all folds with one scope.
int32_t mb_evaluation_rows(const mb_run_spec *spec, const mb_part *part);

#endif
