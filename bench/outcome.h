// What a run of an array has come to, every bit of it.
#ifndef MB_BENCH_OUTCOME_H
#define MB_BENCH_OUTCOME_H

#include "array.h"

// Parameters, both moments, losses.
enum { MB_BENCH_OUTCOME_TABLES = 4 };

typedef struct mb_bench_outcome {
    int64_t floats[MB_BENCH_OUTCOME_TABLES];
    float *values[MB_BENCH_OUTCOME_TABLES]; // memory of the host
} mb_bench_outcome;

// Run `run` of an array that trains. To be freed after a failure, too.
mb_status mb_bench_outcome_fetch(const mb_bench_array *array, int32_t run,
                                 mb_bench_outcome *outcome, mb_error *error);

// MB_FAILED where a run has come to something else in an array than alone; the message names the
// first place that differs and both values. Both are of `plan`.
mb_status mb_bench_outcome_compare(const mb_plan *plan, const mb_bench_outcome *together,
                                   const mb_bench_outcome *alone, mb_error *error);

// Changes the lowest bit of one of the second moments.
void mb_bench_outcome_spoil(mb_bench_outcome *outcome);

void mb_bench_outcome_free(mb_bench_outcome *outcome);

#endif
