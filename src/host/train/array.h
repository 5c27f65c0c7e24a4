// An array: runs of one graph that train together on a device, and the tables that steer them.
#ifndef MB_TRAIN_ARRAY_H
#define MB_TRAIN_ARRAY_H

#include "merbench/train.h"
#include "train/snapshot.h"

// Which part of a spec a plan evaluates.
typedef enum mb_part_kind { MB_PART_SELECT, MB_PART_HELD, MB_PART_TEST } mb_part_kind;

typedef struct mb_array {
    mb_device *device;
    int32_t run_count;
    const mb_run_spec *specs; // (A)
    mb_resident resident;
    void *resident_memory[8]; // to release; NULL where the host's memory is shared
    mb_plan *train;
    mb_plan *select, *held, **tests; // NULL where a part is absent
    int64_t parameter_floats;
    // Device memory.
    float *parameters, *first_moments, *second_moments; // (A, parameter_floats)
    mb_snapshot snapshot;                               // best weights
    float *arena;                                       // (A, the largest arena of all plans)
    float *slots;                                       // (A, MB_SLOT_COUNT)
    mb_key *keys;                                       // (A)
    uint32_t *steps;                                    // (A)
    int32_t *rows;                                      // (A)
    int32_t *widest;                // (A) rows of the largest training batch so far
    int32_t *indices;               // (A, index_stride)
    const int32_t **index_pointers; // (A) into indices
    float *losses;                  // (A, steps_per_epoch)
    int32_t index_stride, steps_per_epoch;
    // Host copies of the tables.
    uint32_t *host_steps;
    int32_t *host_rows, *host_widest, *host_indices;
    const int32_t **host_index_pointers;
    float *host_losses;
} mb_array;

const mb_part *mb_array_part(const mb_run_spec *spec, mb_part_kind kind, int32_t test);

// Compiles the plans, allocates, draws the start values. The array must be closed also after a
// failure.
mb_status mb_array_open(mb_device *device, const mb_run_spec *specs, int32_t run_count,
                        mb_array *array, mb_error *error);
void mb_array_close(mb_array *array);

// One training step of every run with rows[a] > 0 in host_rows; indices as uploaded for the epoch.
mb_status mb_array_step(mb_array *array, int32_t step_of_epoch, mb_error *error);

// Predictions of the runs with active[a] on one of their parts, from `parameters` (device memory).
// For models that couple rows, batch_losses of the auxiliary loss are added in `interloss`, one for
// each batch of the part, when not NULL.
mb_status mb_array_evaluate(mb_array *array, mb_part_kind kind, int32_t test,
                            const float *parameters, const bool *active,
                            mb_predictions *const *predictions, double *const *interloss,
                            mb_error *error);

// The configuration with the sequence lengths of a part's scope.
mb_model_config mb_config_for_part(const mb_run_spec *spec, const mb_part *part);

// Rows that an evaluation takes at a time.
int32_t mb_evaluation_rows(const mb_run_spec *spec, const mb_part *part);

#endif
