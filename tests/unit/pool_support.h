// A pool of worker threads with trainers that only record the runs that they are given.
#ifndef TESTS_POOL_SUPPORT_H
#define TESTS_POOL_SUPPORT_H

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "merbench/executor.h"
#include "sweep/pool.h"

// The records of the trainers below. The seed of a run is its number.
static struct {
    pthread_mutex_t mutex;
    int count;
    uint32_t seeds[1024];
    int32_t batches[1024]; // runs of the call
    atomic_int gate;       // trainers wait while it is 0
} book = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static inline mb_status open_device(mb_device **device, mb_error *error);

static inline void close_device(mb_device *device) {
    free(device);
}

static const mb_executor no_executor; // without `assist`

static const mb_backend fake = {.name = "fake",
                                .shares_host_memory = true,
                                .executor = &no_executor,
                                .open = open_device,
                                .close = close_device};

static inline mb_status open_device(mb_device **device, mb_error *error) {
    (void)error;
    *device = calloc(1, sizeof **device);
    assert_non_null(*device);
    (*device)->backend = &fake;
    return MB_OK;
}

// The seed of a run is the number of its trial.
static inline mb_status specify(void *owner, const mb_job *job, mb_run_spec *spec,
                                mb_error *error) {
    (void)owner;
    (void)error;
    *spec = (mb_run_spec){.seed = (uint32_t)job->trial};
    return MB_OK;
}

static inline mb_status note_runs(mb_device_cache *cache, const mb_run_spec *specs,
                                  int32_t run_count, const atomic_int *stop,
                                  atomic_llong *steps_done, mb_run_result *results,
                                  mb_error *error) {
    (void)cache;
    (void)error;
    while (!atomic_load(&book.gate) && !atomic_load(stop))
        sched_yield();
    pthread_mutex_lock(&book.mutex);
    for (int32_t i = 0; i < run_count; i++) {
        results[i].status = atomic_load(stop) ? MB_RUN_STOPPED : MB_RUN_DONE;
        results[i].steps = specs[i].seed;
        book.batches[book.count] = run_count;
        book.seeds[book.count++] = specs[i].seed;
    }
    pthread_mutex_unlock(&book.mutex);
    atomic_fetch_add(steps_done, run_count);
    return MB_OK;
}

static inline mb_pool *open_pool(int32_t threads, int32_t array_size, mb_train_function train) {
    mb_pool_config config = {.backend = &fake,
                             .specify = specify,
                             .train = train,
                             .threads = threads,
                             .array_size = array_size};
    mb_pool *pool = NULL;
    mb_error error = {.message = ""};
    book.count = 0;
    assert_int_equal(mb_pool_open(&config, &pool, &error), MB_OK);
    return pool;
}

static inline void add(mb_pool *pool, uint32_t seed, int64_t cost, int32_t group) {
    mb_job job = {.trial = (int32_t)seed, .cost = cost, .group = group};
    mb_error error = {.message = ""};
    assert_int_equal(mb_pool_add(pool, &job, 1, &error), MB_OK);
}

static inline void take(mb_pool *pool, mb_run_status expected) {
    mb_error error = {.message = ""};
    mb_outcome *outcome = mb_pool_take(pool, 30, &error);
    assert_non_null(outcome);
    assert_int_equal(outcome->status, MB_OK);
    assert_int_equal(outcome->result.status, expected);
    assert_int_equal(outcome->result.steps, outcome->job.trial);
    mb_run_result_free(&outcome->result);
    free(outcome);
}

#endif
