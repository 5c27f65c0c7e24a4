// Inside of a worker pool: pool.c is for its owner, pool_work.c is what its threads do.
#ifndef MB_SWEEP_POOL_INTERNAL_H
#define MB_SWEEP_POOL_INTERNAL_H

#include <pthread.h>

#include "sweep/job_heap.h"

typedef struct mb_worker {
    mb_pool *pool;
    mb_device_cache cache; // with the device
    pthread_t thread;
    bool training;
    int32_t helpers; // idle workers that assist it
    // For as many runs as are trained at a time:
    mb_outcome **taken;
    mb_run_spec *specs;
    mb_run_result *results;
} mb_worker;

struct mb_pool {
    mb_pool_config config;
    pthread_mutex_t mutex;
    pthread_cond_t work;      // see mb_pool_announce
    pthread_cond_t result;    // there is an outcome
    atomic_int announcements; // how often it was announced
    atomic_int stop;
    atomic_llong steps;
    mb_job_heap waiting;
    int64_t memory_used, host_memory_used; // by the runs in flight
    int32_t *fitting;    // by group: largest array that memory was found for; 0 = not known
    int32_t group_count; // of them
    int64_t added, pending;
    mb_outcome *first, *last; // finished
    int64_t finished_count;
    mb_error error;     // of the first job that failed
    int32_t started;    // threads
    mb_worker *workers; // (threads)
};

// Says, with the mutex held, that workers may find something to do: jobs were added, memory or
// outcomes taken, a run has ended, or the pool stops.
void mb_pool_announce(mb_pool *pool);

// What a thread does until the pool stops.
void *mb_pool_work(void *worker);

#endif
