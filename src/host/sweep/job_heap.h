// Jobs that wait for a worker, the costliest first; of equal cost those of one group together, and
// of them the earlier.
#ifndef MB_SWEEP_JOB_HEAP_H
#define MB_SWEEP_JOB_HEAP_H

#include "sweep/pool.h"

typedef struct mb_job_heap {
    mb_outcome **jobs; // the first one is the one that comes first
    int64_t count, capacity;
} mb_job_heap;

// Room for `more` jobs.
mb_status mb_job_heap_reserve(mb_job_heap *heap, int64_t more, mb_error *error);
// There must be room.
void mb_job_heap_push(mb_job_heap *heap, mb_outcome *job);
// Takes out the first job that needs at most `memory` bytes; NULL when there is none.
mb_outcome *mb_job_heap_take(mb_job_heap *heap, int64_t memory);
// Frees the list and the jobs in it.
void mb_job_heap_free(mb_job_heap *heap);

#endif
