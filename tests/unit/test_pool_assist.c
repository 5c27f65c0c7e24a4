// The threads of a pool that have no run assist those that have one.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "merbench/executor.h"
#include "sweep/pool.h"

enum { THREADS = 4, MOST_RUNS = 8 };

typedef struct watched_device {
    mb_device device;
    atomic_int helpers; // number of threads that assist it
} watched_device;

static atomic_int helpers; // of all devices
static atomic_int gates[MOST_RUNS];
static _Atomic(watched_device *) devices[MOST_RUNS]; // that train a run, by its seed

static void wait_a_moment(void) {
    struct timespec moment = {.tv_nsec = 100000};
    nanosleep(&moment, NULL);
}

static int64_t assist(mb_device *device, bool (*wanted)(const void *context), const void *context) {
    watched_device *watched = (watched_device *)device;
    atomic_fetch_add(&watched->helpers, 1);
    atomic_fetch_add(&helpers, 1);
    while (wanted(context))
        wait_a_moment();
    atomic_fetch_sub(&watched->helpers, 1);
    atomic_fetch_sub(&helpers, 1);
    return 0;
}

static mb_status open_device(mb_device **device, mb_error *error);

// No thread may use the device any more.
static void close_device(mb_device *device) {
    assert_int_equal(atomic_load(&((watched_device *)device)->helpers), 0);
    free(device);
}

static const mb_executor assisted = {.assist = assist};

static const mb_backend watching = {.name = "watching",
                                    .shares_host_memory = true,
                                    .executor = &assisted,
                                    .open = open_device,
                                    .close = close_device};

static mb_status open_device(mb_device **device, mb_error *error) {
    (void)error;
    watched_device *watched = calloc(1, sizeof *watched);
    assert_non_null(watched);
    watched->device.backend = &watching;
    *device = &watched->device;
    return MB_OK;
}

static mb_status specify(void *owner, const mb_job *job, mb_run_spec *spec, mb_error *error) {
    (void)owner;
    (void)error;
    *spec = (mb_run_spec){.seed = (uint32_t)job->trial};
    return MB_OK;
}

// Trains until the run's gate opens.
static mb_status train(mb_device_cache *cache, const mb_run_spec *specs, int32_t run_count,
                       const atomic_int *stop, atomic_llong *steps_done, mb_run_result *results,
                       mb_error *error) {
    (void)run_count;
    (void)steps_done;
    (void)error;
    atomic_store(&devices[specs[0].seed], (watched_device *)cache->device);
    while (!atomic_load(&gates[specs[0].seed]) && !atomic_load(stop))
        wait_a_moment();
    atomic_store(&devices[specs[0].seed], NULL);
    results[0].status = atomic_load(stop) ? MB_RUN_STOPPED : MB_RUN_DONE;
    return MB_OK;
}

static void add(mb_pool *pool, uint32_t seed, int64_t memory) {
    mb_job job = {.trial = (int32_t)seed, .cost = 1, .memory = memory};
    mb_error error = {.message = ""};
    atomic_store(&gates[seed], 0);
    assert_int_equal(mb_pool_add(pool, &job, 1, &error), MB_OK);
}

static int helpers_of(uint32_t seed) {
    watched_device *device = atomic_load(&devices[seed]);
    return device != NULL ? atomic_load(&device->helpers) : -1;
}

// Waits until the first `runs` runs have so many helpers (-1 = the run is not in training), and
// checks that it stays so for a while.
static void expect_helpers(int runs, const int *expected) {
    int calm = 0;
    for (int i = 0; i < 100000 && calm < 50; i++) {
        bool as_expected = true;
        for (int r = 0; r < runs; r++)
            as_expected &= helpers_of((uint32_t)r) == expected[r];
        calm = as_expected ? calm + 1 : 0;
        wait_a_moment();
    }
    for (int r = 0; r < runs; r++)
        assert_int_equal(helpers_of((uint32_t)r), expected[r]);
}

static mb_pool *open_pool(int64_t memory) {
    mb_pool_config config = {.backend = &watching,
                             .specify = specify,
                             .train = train,
                             .threads = THREADS,
                             .array_size = 1,
                             .memory = memory};
    mb_pool *pool = NULL;
    mb_error error = {.message = ""};
    assert_int_equal(mb_pool_open(&config, &pool, &error), MB_OK);
    return pool;
}

static void finish(mb_pool *pool, uint32_t seed) {
    mb_error error = {.message = ""};
    atomic_store(&gates[seed], 1);
    mb_outcome *outcome = mb_pool_take(pool, 30, &error);
    assert_non_null(outcome);
    assert_int_equal(outcome->job.trial, seed);
    free(outcome);
}

static void test_idle_threads_assist(void **state) {
    (void)state;
    mb_pool *pool = open_pool(0);
    add(pool, 0, 0);
    expect_helpers(1, (int[]){3});
    add(pool, 1, 0); // a helper trains it; the others are distributed evenly
    expect_helpers(2, (int[]){1, 1});
    add(pool, 2, 0);
    add(pool, 3, 0);
    expect_helpers(4, (int[]){0, 0, 0, 0});
    finish(pool, 3);
    finish(pool, 1);
    finish(pool, 2);
    expect_helpers(4, (int[]){3, -1, -1, -1});
    finish(pool, 0);
    mb_pool_close(pool);
    assert_int_equal(atomic_load(&helpers), 0);
}

// Threads for which there is not enough memory left to train a run.
static void test_threads_without_memory_assist(void **state) {
    (void)state;
    mb_pool *pool = open_pool(100);
    add(pool, 0, 60);
    expect_helpers(1, (int[]){3});
    add(pool, 1, 60);
    expect_helpers(2, (int[]){3, -1});
    finish(pool, 0);
    expect_helpers(2, (int[]){-1, 3});
    mb_pool_close(pool); // in the middle of a run
    assert_int_equal(atomic_load(&helpers), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle_threads_assist),
        cmocka_unit_test(test_threads_without_memory_assist),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
