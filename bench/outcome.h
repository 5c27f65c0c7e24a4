// The results of a run of an array, to be compared bit for bit.
#ifndef MB_BENCH_OUTCOME_H
#define MB_BENCH_OUTCOME_H

#include "array.h"

// Parameters, both moments, losses.
enum { MB_BENCH_OUTCOME_TABLES = 4 };

typedef struct mb_bench_outcome {
    int64_t floats[MB_BENCH_OUTCOME_TABLES];
    float *values[MB_BENCH_OUTCOME_TABLES]; // memory of the host
} mb_bench_outcome;

// Fetches the results of run `run` of an array that trains. Must be freed even after a failure.
mb_status mb_bench_outcome_fetch(const mb_bench_array *array, int32_t run,
                                 mb_bench_outcome *outcome, mb_error *error);

// Compares the results of a run in an array and alone. MB_FAILED if they differ; the message names
// the first difference and both values.
mb_status mb_bench_outcome_compare(const mb_plan *plan, const mb_bench_outcome *together,
                                   const mb_bench_outcome *alone, mb_error *error);

// Flips the lowest bit of one of the second moments.
void mb_bench_outcome_spoil(mb_bench_outcome *outcome);

void mb_bench_outcome_free(mb_bench_outcome *outcome);

#endif
