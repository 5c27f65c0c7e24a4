// How long a step of an array takes.
#ifndef MB_BENCH_PACE_H
#define MB_BENCH_PACE_H

#include "array.h"

// Finds a number of steps that takes `milliseconds` or longer.
mb_status mb_bench_pace(mb_bench_array *array, int32_t milliseconds, int32_t *steps,
                        mb_error *error);

// Seconds per step: the median of `repeats` measurements of `steps` steps each.
mb_status mb_bench_step_seconds(mb_bench_array *array, int32_t steps, int32_t repeats,
                                double *seconds, mb_error *error);

#endif
