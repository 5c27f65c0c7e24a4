// A pool of worker threads that train runs, the longest first and as many at a time as fit into
// memory. If a device has less memory than expected, an array of runs is halved and trained again,
// down to single runs. If there are several threads, a single run is tried once more when no other
// run is in flight; then its outcome says that it does not fit. Each thread owns a device, takes
// runs, trains them to the end and passes the results to the thread that owns the pool. A thread
// without a run assists the device of another thread, if that device can share its work. The
// results of a run depend on nothing but the run.
#ifndef MB_SWEEP_POOL_H
#define MB_SWEEP_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "merbench/train.h"

// The type of mb_train_runs; tests use other functions.
typedef mb_status (*mb_train_function)(mb_device_cache *cache, const mb_run_spec *specs,
                                       int32_t run_count, const atomic_int *stop,
                                       atomic_llong *steps_done, mb_run_result *results,
                                       mb_error *error);

enum { MB_POOL_MOST_RUNS = 4096 }; // largest array

// A run that is to be trained. A job is a plain value: it has no pointers, and its owner turns it
// into the specification of a run.
typedef struct mb_job {
    int32_t trial, fold;         // the trial is an index into a list of the owner
    bool selection_only;         // as in mb_run_spec
    int32_t group;               // from 0; jobs of one group can be trained as one array
    double cost;                 // multiply-accumulates; equal in a group
    int64_t steps;               // training steps
    int64_t memory, host_memory; // bytes of device and page-locked memory that training needs
} mb_job;

typedef struct mb_pool_config {
    const mb_backend *backend;
    // Opens a device of the backend for a thread; NULL: backend->open does.
    mb_status (*open)(const void *context, mb_device **device, mb_error *error);
    const void *context;
    // Turns a job into the specification of its run. Threads call it at any time and concurrently.
    // Everything that the spec points to must live until the job's outcome has been taken.
    mb_status (*specify)(void *owner, const mb_job *job, mb_run_spec *spec, mb_error *error);
    void *owner;
    mb_train_function train;
    int32_t threads;
    int32_t array_size; // upper limit of the runs of a group that a thread trains as an array
    // Bytes of the device's memory and of page-locked memory that all runs in flight may use
    // together; 0 = no limit.
    int64_t memory, host_memory;
} mb_pool_config;

// A job with its result.
typedef struct mb_outcome {
    mb_job job;
    mb_status status;     // of the training; there is a result only if this is MB_OK
    bool does_not_fit;    // it failed because memory is short even for this run alone
    mb_run_result result; // to be freed by the caller with mb_run_result_free
    int64_t order;        // jobs are numbered in the order in which they are added
    int64_t reserved;     // memory that no other run can use while it trains
    bool again;           // it is the second try
    struct mb_outcome *next;
} mb_outcome;

typedef struct mb_pool mb_pool;

// Starts the threads and opens a device for each of them.
mb_status mb_pool_open(const mb_pool_config *config, mb_pool **pool, mb_error *error);

// Stops the runs in flight, drops the waiting jobs, and returns when all threads have ended.
// Outcomes that are finished can still be taken.
void mb_pool_stop(mb_pool *pool);

// Stops and frees everything. NULL is fine.
void mb_pool_close(mb_pool *pool);

// Adds jobs; job_heap.h explains their order.
mb_status mb_pool_add(mb_pool *pool, const mb_job *jobs, int32_t count, mb_error *error);

// Waits at most `seconds` for an outcome; NULL if there is none. The caller frees the outcome with
// free. `error` is set if the status of the outcome is not MB_OK, unless it does not fit.
mb_outcome *mb_pool_take(mb_pool *pool, double seconds, mb_error *error);

// The number of jobs whose outcome has not been taken yet.
int64_t mb_pool_pending(mb_pool *pool);

// Training steps done by all threads, including the runs in flight.
long long mb_pool_steps(mb_pool *pool);

// The runs in flight.
typedef struct mb_pool_flight {
    int32_t runs;
    double cost;                  // of what they have done, and of outcomes not taken yet
    double least_done, most_done; // fraction of its training steps that a run has done
    int64_t steps;                // training steps of the run that has done the least
} mb_pool_flight;

mb_pool_flight mb_pool_get_flight(mb_pool *pool);

#endif
