// The internals of a pool. pool.c has the functions for its owner, pool_work.c those of
// its threads.
#ifndef MB_SWEEP_POOL_INTERNAL_H
#define MB_SWEEP_POOL_INTERNAL_H

#include <pthread.h>

#include "sweep/job_heap.h"

typedef struct mb_worker {
    mb_pool *pool;
    mb_device_cache cache; // holds the device
    pthread_t thread;
    bool training;
    int32_t helpers;    // idle workers that assist it
    atomic_llong steps; // training steps that it has done
    // The array that it trains; run_count 0: none.
    int32_t run_count;
    double array_cost;
    int64_t array_steps;      // of all runs
    long long steps_at_start; // `steps`, when it began
    // Arrays of config.array_size entries:
    mb_outcome **taken;
    mb_run_spec *specs;
    mb_run_result *results;
} mb_worker;

struct mb_pool {
    mb_pool_config config;
    pthread_mutex_t mutex;
    pthread_cond_t work;      // see mb_pool_announce
    pthread_cond_t result;    // an outcome is finished
    atomic_int announcements; // the number of announcements so far
    atomic_int stop;
    mb_job_heap waiting;
    int64_t memory_used, host_memory_used; // bytes, by the runs in flight
    int32_t *fitting;    // by group: the size of the largest array that fits; 0 = not known
    int32_t group_count; // entries of `fitting`
    int64_t added, pending;
    mb_outcome *first, *last; // queue of finished outcomes
    int64_t finished_count;   // length of the queue
    double finished_cost;     // of its jobs
    mb_error error;           // of the first job that failed
    int32_t started;          // number of running threads
    mb_worker *workers;       // (threads)
};

// Wakes idle workers, because they may find something to do: jobs were added, memory was freed,
// outcomes were taken, a run has ended, or the pool stops. The mutex must be held.
void mb_pool_announce(mb_pool *pool);

// The main function of a thread.
void *mb_pool_work(void *worker);

#endif
