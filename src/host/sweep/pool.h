// Worker threads that train runs, longest first, as many at a time as there is memory for: when a
// device has less than was thought, an array is halved and trained again, down to single runs. A
// thread owns a device, takes runs, trains them to the end and hands the results to the one thread
// that owns the pool; when no run is left for it, it assists the device of a thread that has one,
// if that device can share its steps. Nothing but the runs themselves decides what they result in.
#ifndef MB_SWEEP_POOL_H
#define MB_SWEEP_POOL_H

#include <stdint.h>

#include "merbench/train.h"

// mb_train_runs, or what stands in for it in a test.
typedef mb_status (*mb_train_function)(mb_device_cache *cache, const mb_run_spec *specs,
                                       int32_t run_count, const atomic_int *stop,
                                       atomic_llong *steps_done, mb_run_result *results,
                                       mb_error *error);

enum { MB_POOL_MOST_RUNS = 4096 }; // of an array

typedef struct mb_pool_config {
    const mb_backend *backend;
    // Opens a device of the backend for a thread; NULL: as the backend opens one.
    mb_status (*open)(const void *context, mb_device **device, mb_error *error);
    const void *context;
    mb_train_function train;
    int32_t threads;
    int32_t array_size; // most runs of one group that a thread trains together; 1 for CPUs
    // Bytes that all runs in flight together may take, of the device's memory and of page-locked
    // memory; 0 = no limit.
    int64_t memory, host_memory;
} mb_pool_config;

typedef struct mb_job {
    mb_run_spec spec;
    double cost;                 // multiply-accumulates; equal in a group
    int64_t memory, host_memory; // bytes while it is trained
    int32_t group;               // from 0; jobs of one group can be trained as one array
    int32_t trial;               // the owner's own
} mb_job;

// A job with what became of it.
typedef struct mb_outcome {
    mb_job job;
    mb_status status;     // of the training; without MB_OK there is no result
    mb_run_result result; // the owner's: mb_run_result_free
    int64_t order;        // of adding
    struct mb_outcome *next;
} mb_outcome;

typedef struct mb_pool mb_pool;

// Opens a device a thread and starts the threads.
mb_status mb_pool_open(const mb_pool_config *config, mb_pool **pool, mb_error *error);

// Ends the runs in flight, drops those that wait, and returns when no thread is left. What was
// finished can still be taken.
void mb_pool_stop(mb_pool *pool);

// Stops and frees everything. NULL is fine.
void mb_pool_close(mb_pool *pool);

// Adds jobs; of equal cost those of one group come together, and of them the earlier first.
mb_status mb_pool_add(mb_pool *pool, const mb_job *jobs, int32_t count, mb_error *error);

// Waits at most `seconds` for an outcome; NULL when there is none. The outcome is the caller's:
// free. `error` is filled when the outcome's status is not MB_OK.
mb_outcome *mb_pool_take(mb_pool *pool, double seconds, mb_error *error);

// Jobs that were added and whose outcome was not taken.
int64_t mb_pool_pending(mb_pool *pool);

// Training steps done by all threads, runs in flight included.
long long mb_pool_steps(mb_pool *pool);

#endif
