// The tables of an array, on the device and on the host.
#ifndef MB_TRAIN_ARRAY_MEMORY_H
#define MB_TRAIN_ARRAY_MEMORY_H

#include "train/array.h"

// Allocates them for an array whose sizes are known; `arena_floats`: of a run, for the plan that
// needs most. Must be released also after a failure.
mb_status mb_array_allocate(mb_array *array, int64_t arena_floats, mb_error *error);
void mb_array_release(mb_array *array);

#endif
