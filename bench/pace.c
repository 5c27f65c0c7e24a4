#include "pace.h"

#include <stdlib.h>

#include "clock.h"

mb_status mb_bench_pace(mb_bench_array *array, int32_t milliseconds, int32_t *steps,
                        mb_error *error) {
    *steps = 2; // the first step of a launch differs from later ones
    mb_status status = mb_bench_array_step(array, *steps, error);
    for (bool enough = false; status == MB_OK && !enough;) {
        double began = mb_bench_seconds();
        status = mb_bench_array_step(array, *steps, error);
        double taken = mb_bench_seconds() - began;
        enough = taken >= 1e-3 * milliseconds || *steps > 1 << 24;
        *steps *= enough ? 1 : 2;
    }
    return status;
}

mb_status mb_bench_step_seconds(mb_bench_array *array, int32_t steps, int32_t repeats,
                                double *seconds, mb_error *error) {
    double *samples = calloc((size_t)repeats, sizeof *samples);
    mb_status status = samples == NULL ? mb_out_of_memory(error, "repeats") : MB_OK;
    for (int32_t i = 0; status == MB_OK && i < repeats; i++) {
        double began = mb_bench_seconds();
        status = mb_bench_array_step(array, steps, error);
        samples[i] = (mb_bench_seconds() - began) / steps;
    }
    if (status == MB_OK)
        *seconds = mb_bench_median(samples, repeats);
    free(samples);
    return status;
}
