// The tables of an array, on the device and on the host.
#ifndef MB_TRAIN_ARRAY_MEMORY_H
#define MB_TRAIN_ARRAY_MEMORY_H

#include "train/array.h"

// What the tables of a run are made for.
typedef struct mb_array_sizes {
    int64_t parameter_floats, arena_floats; // the arena of the plan that needs most
    int32_t steps;                          // most of an epoch or of an evaluation
    int32_t utterances, selected;           // of the longest part, of the selection part
    int32_t class_count, value_count;       // C, R
} mb_array_sizes;

// Bytes of both pieces for an array of `run_count` runs.
void mb_array_bytes(const mb_array_sizes *sizes, int32_t run_count, int64_t *device, int64_t *host);

// Allocates the tables; those of the host are zeros. Must be released also after a failure.
mb_status mb_array_allocate(mb_array *array, const mb_array_sizes *sizes, mb_error *error);
void mb_array_release(mb_array *array);

#endif
