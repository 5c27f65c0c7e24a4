// The jobs that wait for a worker, sorted by cost, the highest first. Jobs of equal cost are sorted
// by group, so that the jobs of one group come together, and then by the order of adding.
#ifndef MB_SWEEP_JOB_HEAP_H
#define MB_SWEEP_JOB_HEAP_H

#include "sweep/pool.h"

typedef struct mb_job_heap {
    mb_outcome **jobs; // a binary heap: jobs[0] is the first
    int64_t count, capacity;
} mb_job_heap;

// Reserves memory for `more` further jobs.
mb_status mb_job_heap_reserve(mb_job_heap *heap, int64_t more, mb_error *error);
// Adds a job, for which memory must have been reserved.
void mb_job_heap_push(mb_job_heap *heap, mb_outcome *job);
// Removes and returns the first job that reserves at most `memory` bytes; NULL if there is none.
mb_outcome *mb_job_heap_take(mb_job_heap *heap, int64_t memory);
// Frees the list and the jobs in it.
void mb_job_heap_free(mb_job_heap *heap);

#endif
