// The pool of worker threads, with a trainer that trains nothing.
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

#include "base/memory.h"
#include "sweep/job_heap.h"

// What the trainers below write down; `seed` of a run is its number.
static struct {
    pthread_mutex_t mutex;
    int count;
    uint32_t seeds[1024];
    int32_t batches[1024]; // runs of the call
    atomic_int gate;       // trainers wait while it is 0
} book = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static mb_status open_device(mb_device **device, mb_error *error) {
    (void)error;
    *device = calloc(1, sizeof **device);
    assert_non_null(*device);
    return MB_OK;
}

static mb_status open_no_device(mb_device **device, mb_error *error) {
    *device = NULL;
    return mb_fail(error, MB_FAILED, "no device");
}

static void close_device(mb_device *device) {
    free(device);
}

static const mb_backend fake = {.name = "fake", .open = open_device, .close = close_device};
static const mb_backend broken = {.name = "broken", .open = open_no_device, .close = close_device};

static mb_status note_runs(mb_device *device, const mb_run_spec *specs, int32_t run_count,
                           const atomic_int *stop, atomic_llong *steps_done, mb_run_result *results,
                           mb_error *error) {
    (void)device;
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

static mb_status fail_runs(mb_device *device, const mb_run_spec *specs, int32_t run_count,
                           const atomic_int *stop, atomic_llong *steps_done, mb_run_result *results,
                           mb_error *error) {
    (void)device;
    (void)run_count;
    (void)stop;
    (void)steps_done;
    (void)results;
    return mb_fail(error, MB_FAILED, "run %u failed", specs[0].seed);
}

static mb_pool *open_pool(int32_t threads, int32_t array_size, mb_train_function train) {
    mb_pool_config config = {
        .backend = &fake, .train = train, .threads = threads, .array_size = array_size};
    mb_pool *pool = NULL;
    mb_error error = {.message = ""};
    book.count = 0;
    assert_int_equal(mb_pool_open(&config, &pool, &error), MB_OK);
    return pool;
}

static void add(mb_pool *pool, uint32_t seed, int64_t cost, int32_t group) {
    mb_job job = {.spec = {.seed = seed}, .cost = cost, .group = group};
    mb_error error = {.message = ""};
    assert_int_equal(mb_pool_add(pool, &job, 1, &error), MB_OK);
}

static void take(mb_pool *pool, mb_run_status expected) {
    mb_error error = {.message = ""};
    mb_outcome *outcome = mb_pool_take(pool, 30, &error);
    assert_non_null(outcome);
    assert_int_equal(outcome->status, MB_OK);
    assert_int_equal(outcome->result.status, expected);
    assert_int_equal(outcome->result.steps, outcome->job.spec.seed);
    mb_run_result_free(&outcome->result, 0);
    free(outcome);
}

// A thread that waits in a first run, so that all others are there when it chooses the next.
static void test_longest_first(void **state) {
    (void)state;
    static const int64_t costs[] = {5, 100, 7, 7, 900, 3, 7, 100, 1, 2};
    static const uint32_t order[] = {99, 4, 1, 7, 2, 3, 6, 0, 5, 9, 8};
    atomic_store(&book.gate, 0);
    mb_pool *pool = open_pool(1, 1, note_runs);
    add(pool, 99, 1000, 0);
    for (uint32_t i = 0; i < 10; i++)
        add(pool, i, costs[i], 0);
    atomic_store(&book.gate, 1);
    for (int i = 0; i < 11; i++)
        take(pool, MB_RUN_DONE);
    assert_int_equal(mb_pool_pending(pool), 0);
    assert_null(mb_pool_take(pool, 0, NULL));
    assert_memory_equal(book.seeds, order, sizeof order);
    assert_int_equal(mb_pool_steps(pool), 11);
    mb_pool_close(pool);
}

// An array holds runs of one group only.
static void test_arrays(void **state) {
    (void)state;
    atomic_store(&book.gate, 1);
    mb_pool *pool = open_pool(1, 4, note_runs);
    add(pool, 99, 1000, 9);
    take(pool, MB_RUN_DONE);
    atomic_store(&book.gate, 0);
    mb_job jobs[8];
    for (uint32_t i = 0; i < 8; i++)
        jobs[i] = (mb_job){.spec = {.seed = i}, .cost = i < 6 ? 50 : 20, .group = i < 6 ? 1 : 2};
    mb_error error = {.message = ""};
    assert_int_equal(mb_pool_add(pool, jobs, 8, &error), MB_OK);
    atomic_store(&book.gate, 1);
    for (int i = 0; i < 8; i++)
        take(pool, MB_RUN_DONE);
    static const int32_t batches[] = {1, 4, 4, 4, 4, 2, 2, 2, 2};
    assert_memory_equal(book.batches, batches, sizeof batches);
    mb_pool_close(pool);
}

static void test_many_threads(void **state) {
    (void)state;
    enum { RUNS = 500 };
    bool seen[RUNS] = {false};
    atomic_store(&book.gate, 1);
    mb_pool *pool = open_pool(8, 1, note_runs);
    for (uint32_t i = 0; i < RUNS; i++)
        add(pool, i, i % 7, 0);
    for (int i = 0; i < RUNS; i++)
        take(pool, MB_RUN_DONE);
    assert_int_equal(mb_pool_pending(pool), 0);
    mb_pool_close(pool);
    assert_int_equal(book.count, RUNS);
    for (int i = 0; i < RUNS; i++) {
        assert_false(seen[book.seeds[i]]);
        seen[book.seeds[i]] = true;
    }
}

static void test_stop(void **state) {
    (void)state;
    atomic_store(&book.gate, 0);
    mb_pool *pool = open_pool(2, 1, note_runs);
    for (uint32_t i = 0; i < 20; i++)
        add(pool, i, 1, 0);
    mb_pool_stop(pool); // the trainers wait for the gate, or for this
    mb_error error = {.message = ""};
    mb_outcome *outcome;
    int taken = 0;
    for (; (outcome = mb_pool_take(pool, 0, &error)) != NULL; taken++) {
        assert_int_equal(outcome->result.status, MB_RUN_STOPPED);
        free(outcome);
    }
    assert_true(taken <= 2);
    assert_int_equal(mb_pool_pending(pool), 20 - taken);
    mb_pool_stop(pool); // again: nothing
    mb_pool_close(pool);
}

static void test_close_with_results(void **state) {
    (void)state;
    atomic_store(&book.gate, 1);
    mb_pool *pool = open_pool(2, 1, note_runs);
    for (uint32_t i = 0; i < 50; i++)
        add(pool, i, 1, 0);
    take(pool, MB_RUN_DONE);
    mb_pool_close(pool);
    mb_pool_close(NULL);
}

static void test_failures(void **state) {
    (void)state;
    mb_error error = {.message = ""};
    mb_pool *pool = open_pool(1, 1, fail_runs);
    add(pool, 3, 1, 0);
    mb_outcome *outcome = mb_pool_take(pool, 30, &error);
    assert_non_null(outcome);
    assert_int_equal(outcome->status, MB_FAILED);
    assert_string_equal(error.message, "run 3 failed");
    free(outcome);
    mb_pool_close(pool);
    mb_pool_config config = {.backend = &broken, .train = note_runs, .threads = 2, .array_size = 1};
    assert_int_equal(mb_pool_open(&config, &pool, &error), MB_FAILED);
    assert_string_equal(error.message, "no device");
    assert_null(pool);
}

// ---- memory -----------------------------------------------------------------------------------

// Runs whose seed is their memory; notes the most that was in flight at a time.
static struct { atomic_llong now, most; } flight;

static mb_status fly(mb_device *device, const mb_run_spec *specs, int32_t run_count,
                     const atomic_int *stop, atomic_llong *steps_done, mb_run_result *results,
                     mb_error *error) {
    (void)device;
    (void)stop;
    (void)steps_done;
    (void)error;
    long long bytes = 0;
    for (int32_t i = 0; i < run_count; i++) {
        bytes += specs[i].seed;
        results[i].steps = specs[i].seed;
    }
    long long now = atomic_fetch_add(&flight.now, bytes) + bytes, most = atomic_load(&flight.most);
    while (now > most && !atomic_compare_exchange_weak(&flight.most, &most, now))
        ;
    for (int i = 0; i < 20; i++)
        sched_yield();
    atomic_fetch_sub(&flight.now, bytes);
    return MB_OK;
}

static mb_pool *open_limited(int32_t threads, int32_t array_size, int64_t memory) {
    mb_pool_config config = {.backend = &fake,
                             .train = fly,
                             .threads = threads,
                             .array_size = array_size,
                             .memory = memory};
    mb_pool *pool = NULL;
    mb_error error = {.message = ""};
    assert_int_equal(mb_pool_open(&config, &pool, &error), MB_OK);
    return pool;
}

static void test_memory_is_not_exceeded(void **state) {
    (void)state;
    for (int32_t array_size = 1; array_size <= 3; array_size += 2) {
        atomic_store(&flight.most, 0);
        mb_pool *pool = open_limited(4, array_size, 100);
        mb_job jobs[200];
        mb_error error = {.message = ""};
        for (uint32_t i = 0; i < 200; i++) {
            uint32_t bytes = 1 + i * 37 % 100;
            jobs[i] = (mb_job){.spec = {.seed = bytes}, .cost = i * 13 % 50, .memory = bytes};
        }
        assert_int_equal(mb_pool_add(pool, jobs, 200, &error), MB_OK);
        for (int i = 0; i < 200; i++)
            take(pool, MB_RUN_DONE);
        assert_int_equal(mb_pool_pending(pool), 0);
        assert_true(atomic_load(&flight.most) <= 100);
        assert_true(atomic_load(&flight.most) > 60); // but it is used
        mb_pool_close(pool);
    }
}

static void test_run_too_large_alone_fails(void **state) {
    (void)state;
    mb_pool *pool = open_limited(2, 1, (int64_t)1 << 30);
    mb_job job = {.cost = 1, .memory = (int64_t)5 << 29};
    mb_error error = {.message = ""};
    assert_int_equal(mb_pool_add(pool, &job, 1, &error), MB_OK);
    mb_outcome *outcome = mb_pool_take(pool, 30, &error);
    assert_non_null(outcome);
    assert_int_equal(outcome->status, MB_FAILED);
    assert_string_equal(error.message,
                        "out of memory: the run needs 2.50 GiB, 1.00 GiB are available");
    free(outcome);
    mb_pool_close(pool);
}

// What is taken is the first in order of those that fit, whatever was taken before.
static void test_heap_order(void **state) {
    (void)state;
    enum { COUNT = 300 };
    mb_job_heap heap = {0};
    mb_error error = {.message = ""};
    bool taken[COUNT] = {false};
    assert_int_equal(mb_job_heap_reserve(&heap, COUNT, &error), MB_OK);
    for (int64_t i = 0; i < COUNT; i++) {
        mb_outcome *job = calloc(1, sizeof *job);
        assert_non_null(job);
        job->job = (mb_job){.cost = (double)(i * 7919 % 41), .memory = i * 104729 % 97};
        job->order = i;
        mb_job_heap_push(&heap, job);
    }
    for (int64_t round = 0; heap.count > 0; round++) {
        int64_t memory = round * 31 % 120, best = -1; // some rounds find nothing
        for (int64_t i = 0; i < COUNT; i++)
            if (!taken[i] && i * 104729 % 97 <= memory &&
                (best < 0 || i * 7919 % 41 > best * 7919 % 41))
                best = i;
        mb_outcome *job = mb_job_heap_take(&heap, memory);
        assert_int_equal(job == NULL ? -1 : job->order, best);
        if (job != NULL)
            taken[best] = true;
        free(job);
    }
    assert_null(mb_job_heap_take(&heap, INT64_MAX));
    mb_job_heap_free(&heap);
}

static void test_memory_available(void **state) {
    (void)state;
    int64_t available = mb_memory_available();
    assert_true(available == 0 || available >= 1 << 20);
    assert_true(available < (int64_t)1 << 50);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_longest_first),
        cmocka_unit_test(test_arrays),
        cmocka_unit_test(test_many_threads),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_close_with_results),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_memory_is_not_exceeded),
        cmocka_unit_test(test_run_too_large_alone_fails),
        cmocka_unit_test(test_heap_order),
        cmocka_unit_test(test_memory_available),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
