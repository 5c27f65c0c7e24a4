// How long a step of an array takes.
#ifndef MB_BENCH_PACE_H
#define MB_BENCH_PACE_H

#include "array.h"

// So many steps that they take `milliseconds` or longer: the clock can tell.
mb_status mb_bench_pace(mb_bench_array *array, int32_t milliseconds, int32_t *steps,
                        mb_error *error);

// Seconds of a step: the median of so many repeats of `steps` steps.
mb_status mb_bench_step_seconds(mb_bench_array *array, int32_t steps, int32_t repeats,
                                double *seconds, mb_error *error);

#endif
