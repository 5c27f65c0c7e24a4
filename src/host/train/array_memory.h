// The memory of the tables of an array, on the device and on the host.
#ifndef MB_TRAIN_ARRAY_MEMORY_H
#define MB_TRAIN_ARRAY_MEMORY_H

#include "train/array.h"

// The sizes that determine the tables of a run.
typedef struct mb_array_sizes {
    int64_t parameter_floats, arena_floats; // of the plan with the largest arena
    int32_t steps;                          // of the longest epoch or evaluation
    int32_t utterances, selected;           // in the longest part; in the selection part
    int32_t class_count, value_count;       // C, R
} mb_array_sizes;

// The sizes in bytes of the device's and the host's tables for an array of `run_count` runs.
void mb_array_bytes(const mb_array_sizes *sizes, int32_t run_count, int64_t *device, int64_t *host);

// Allocates the tables; host tables are zeroed. mb_array_release must be called even after
// a failure.
mb_status mb_array_allocate(mb_array *array, const mb_array_sizes *sizes, mb_error *error);
void mb_array_release(mb_array *array);

#endif
