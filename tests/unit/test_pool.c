// The pool of worker threads: order, arrays, stops and failures.
#include "pool_support.h"

#include "sweep/job_heap.h"

static mb_status open_no_device(mb_device **device, mb_error *error) {
    *device = NULL;
    return mb_fail(error, MB_FAILED, "no device");
}

static const mb_backend broken = {
    .name = "broken", .executor = &no_executor, .open = open_no_device, .close = close_device};

static mb_status fail_runs(mb_device_cache *cache, const mb_run_spec *specs, int32_t run_count,
                           const atomic_int *stop, atomic_llong *steps_done, mb_run_result *results,
                           mb_error *error) {
    (void)cache;
    (void)run_count;
    (void)stop;
    (void)steps_done;
    (void)results;
    return mb_fail(error, MB_FAILED, "run %u failed", specs[0].seed);
}

// A thread is held back in a first run, so that all other jobs are added before it takes the next.
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
        jobs[i] = (mb_job){.trial = (int32_t)i, .cost = i < 6 ? 50 : 20, .group = i < 6 ? 1 : 2};
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
    mb_pool_stop(pool); // a second stop does nothing
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
    mb_pool_config config = {
        .backend = &broken, .specify = specify, .train = note_runs, .threads = 2, .array_size = 1};
    assert_int_equal(mb_pool_open(&config, &pool, &error), MB_FAILED);
    assert_string_equal(error.message, "no device");
    assert_null(pool);
}

// Arrays hold runs of one group only, whatever the order of the jobs, and are as large as possible.
static void test_groups_stay_together(void **state) {
    (void)state;
    atomic_store(&book.gate, 1);
    mb_pool *pool = open_pool(1, 4, note_runs);
    mb_job jobs[12];
    for (uint32_t i = 0; i < 12; i++) // of equal cost: 0 1 2 0 1 2 ...
        jobs[i] = (mb_job){.trial = (int32_t)i, .cost = 50, .group = (int32_t)i % 3};
    mb_error error = {.message = ""};
    assert_int_equal(mb_pool_add(pool, jobs, 12, &error), MB_OK);
    for (int i = 0; i < 12; i++)
        take(pool, MB_RUN_DONE);
    static const uint32_t seeds[] = {0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11};
    assert_memory_equal(book.seeds, seeds, sizeof seeds);
    for (int i = 0; i < 12; i++)
        assert_int_equal(book.batches[i], 4);
    mb_pool_close(pool);
}
// If it is known which run of an array failed, that run is delivered first.
static mb_status fail_third(mb_device_cache *unused, const mb_run_spec *specs, int32_t run_count,
                            const atomic_int *stop, atomic_llong *steps_done,
                            mb_run_result *results, mb_error *error) {
    (void)unused, (void)specs, (void)stop, (void)steps_done, (void)results;
    assert_int_equal(run_count, 4);
    mb_fail(error, MB_FAILED, "run 2 is broken");
    error->run = 2;
    return MB_FAILED;
}

static void test_failing_run_comes_first(void **state) {
    (void)state;
    mb_pool_config config = {.backend = &fake,
                             .specify = specify,
                             .train = fail_third,
                             .threads = 1,
                             .array_size = 4,
                             .memory = 100};
    mb_pool *pool = NULL;
    mb_error error = {.message = ""};
    assert_int_equal(mb_pool_open(&config, &pool, &error), MB_OK);
    mb_job jobs[4];
    for (int i = 0; i < 4; i++)
        jobs[i] = (mb_job){.trial = i, .cost = 1};
    assert_int_equal(mb_pool_add(pool, jobs, 4, &error), MB_OK);
    static const int32_t order[] = {2, 3, 0, 1};
    for (int i = 0; i < 4; i++) {
        mb_outcome *outcome = mb_pool_take(pool, 60, &error);
        assert_non_null(outcome);
        assert_int_equal(outcome->status, MB_FAILED);
        assert_int_equal(outcome->job.trial, order[i]);
        assert_string_equal(error.message, "in an array of 4 runs: run 2 is broken");
        free(outcome);
    }
    mb_pool_close(pool);
}
// The first job in order that fits is taken, whatever was taken before.
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
        job->reserved = job->job.memory;
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
int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_longest_first),        cmocka_unit_test(test_arrays),
        cmocka_unit_test(test_many_threads),         cmocka_unit_test(test_stop),
        cmocka_unit_test(test_close_with_results),   cmocka_unit_test(test_failures),
        cmocka_unit_test(test_groups_stay_together), cmocka_unit_test(test_failing_run_comes_first),
        cmocka_unit_test(test_heap_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
