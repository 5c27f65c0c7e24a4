// A pool of worker threads with limited memory.
#include "pool_support.h"

#include "base/memory.h"

// The seed of a run is its memory. Records the largest total that was in flight at a time.
static struct { atomic_llong now, most; } flight;

static mb_status fly(mb_device_cache *cache, const mb_run_spec *specs, int32_t run_count,
                     const atomic_int *stop, atomic_llong *steps_done, mb_run_result *results,
                     mb_error *error) {
    (void)cache;
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
                             .specify = specify,
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
            jobs[i] = (mb_job){.trial = (int32_t)bytes, .cost = i * 13 % 50, .memory = bytes};
        }
        assert_int_equal(mb_pool_add(pool, jobs, 200, &error), MB_OK);
        for (int i = 0; i < 200; i++)
            take(pool, MB_RUN_DONE);
        assert_int_equal(mb_pool_pending(pool), 0);
        assert_true(atomic_load(&flight.most) <= 100);
        assert_true(atomic_load(&flight.most) > 60); // but the memory is used
        mb_pool_close(pool);
    }
}

// If a job does not fit into the memory that is left, no job of another group joins the array.
static void test_memory_does_not_mix_groups(void **state) {
    (void)state;
    atomic_store(&book.gate, 1);
    mb_pool_config config = {.backend = &fake,
                             .specify = specify,
                             .train = note_runs,
                             .threads = 1,
                             .array_size = 4,
                             .memory = 100};
    mb_pool *pool = NULL;
    mb_error error = {.message = ""};
    book.count = 0;
    assert_int_equal(mb_pool_open(&config, &pool, &error), MB_OK);
    mb_job jobs[6];
    for (uint32_t i = 0; i < 6; i++)
        jobs[i] = (mb_job){.trial = (int32_t)i,
                           .cost = i < 3 ? 50 : 20,
                           .memory = i < 3 ? 60 : 10,
                           .group = i < 3 ? 0 : 1};
    assert_int_equal(mb_pool_add(pool, jobs, 6, &error), MB_OK);
    for (int i = 0; i < 6; i++)
        take(pool, MB_RUN_DONE);
    static const int32_t batches[] = {1, 1, 1, 3, 3, 3};
    assert_memory_equal(book.batches, batches, sizeof batches);
    mb_pool_close(pool);
}

// Arrays have no more runs than fit into page-locked memory. A single run is always tried.
static void test_host_memory_limits_arrays(void **state) {
    (void)state;
    atomic_store(&book.gate, 1);
    mb_pool_config config = {.backend = &fake,
                             .specify = specify,
                             .train = note_runs,
                             .threads = 1,
                             .array_size = 9,
                             .host_memory = 100};
    mb_pool *pool = NULL;
    mb_error error = {.message = ""};
    book.count = 0;
    assert_int_equal(mb_pool_open(&config, &pool, &error), MB_OK);
    mb_job jobs[8];
    for (uint32_t i = 0; i < 8; i++)
        jobs[i] = (mb_job){.trial = (int32_t)i,
                           .cost = i < 6 ? 50 : 20,
                           .host_memory = i < 6 ? 30 : 101,
                           .group = i < 6 ? 0 : 1};
    assert_int_equal(mb_pool_add(pool, jobs, 8, &error), MB_OK);
    for (int i = 0; i < 8; i++)
        take(pool, MB_RUN_DONE);
    static const int32_t batches[] = {3, 3, 3, 3, 3, 3, 1, 1};
    assert_memory_equal(book.batches, batches, sizeof batches);
    mb_pool_close(pool);
}
// A device that holds a limited number of runs.
static struct { atomic_int runs, refusals; } device;

static mb_status train_what_fits(mb_device_cache *unused, const mb_run_spec *specs,
                                 int32_t run_count, const atomic_int *stop,
                                 atomic_llong *steps_done, mb_run_result *results,
                                 mb_error *error) {
    if (run_count > atomic_load(&device.runs)) {
        atomic_fetch_add(&device.refusals, 1);
        // A failed call may leave results behind.
        results[0].epochs = calloc(1, sizeof *results[0].epochs);
        return mb_out_of_memory(error, "memory of the device");
    }
    return note_runs(unused, specs, run_count, stop, steps_done, results, error);
}

static void add_group(mb_pool *pool, int32_t count, double cost, int32_t group) {
    mb_job jobs[32];
    mb_error error = {.message = ""};
    for (int32_t i = 0; i < count; i++)
        jobs[i] = (mb_job){.trial = (int32_t)i, .cost = cost, .group = group};
    assert_int_equal(mb_pool_add(pool, jobs, count, &error), MB_OK);
}

// An array that does not fit is halved until it does, and the size is remembered for its group.
static void test_arrays_shrink(void **state) {
    (void)state;
    atomic_store(&book.gate, 1);
    atomic_store(&device.runs, 3);
    atomic_store(&device.refusals, 0);
    mb_pool *pool = open_pool(1, 16, train_what_fits);
    add_group(pool, 21, 50, 5);
    for (int i = 0; i < 21; i++)
        take(pool, MB_RUN_DONE);
    assert_int_equal(atomic_load(&device.refusals), 3); // 16, 8, 4
    for (int i = 0; i < 20; i++)
        assert_int_equal(book.batches[i], 2);
    assert_int_equal(book.batches[20], 1);
    add_group(pool, 4, 50, 5);
    for (int i = 0; i < 4; i++)
        take(pool, MB_RUN_DONE);
    assert_int_equal(atomic_load(&device.refusals), 3);
    atomic_store(&device.runs, 16);
    add_group(pool, 8, 50, 2); // the size is not used for another group
    for (int i = 0; i < 8; i++)
        take(pool, MB_RUN_DONE);
    assert_int_equal(book.batches[book.count - 1], 8);
    mb_pool_close(pool);
}

// Runs are given up only if they do not fit alone.
static void test_single_run_does_not_fit(void **state) {
    (void)state;
    atomic_store(&device.runs, 0);
    atomic_store(&device.refusals, 0);
    mb_pool *pool = open_pool(1, 4, train_what_fits);
    mb_error error = {.message = ""};
    add_group(pool, 4, 50, 0);
    for (int i = 0; i < 4; i++) {
        mb_outcome *outcome = mb_pool_take(pool, 30, &error);
        assert_non_null(outcome);
        assert_int_equal(outcome->status, MB_FAILED);
        assert_true(outcome->does_not_fit);
        mb_run_result_free(&outcome->result);
        free(outcome);
    }
    assert_int_equal(atomic_load(&device.refusals), 6); // 4, 2, and each alone
    mb_pool_close(pool);
}

// After a stop between the waves of an array, the remaining runs do not count as trained.
static void test_stop_between_waves(void **state) {
    (void)state;
    atomic_store(&book.gate, 0);
    atomic_store(&device.runs, 2);
    atomic_store(&device.refusals, 0);
    mb_pool *pool = open_pool(1, 8, train_what_fits);
    add_group(pool, 8, 50, 0);
    while (atomic_load(&device.refusals) < 2)
        sched_yield();
    mb_pool_stop(pool);
    mb_error error = {.message = ""};
    mb_outcome *outcome;
    int taken = 0;
    for (; (outcome = mb_pool_take(pool, 0, &error)) != NULL; taken++) {
        assert_int_equal(outcome->status, MB_OK);
        assert_int_equal(outcome->result.status, MB_RUN_STOPPED);
        free(outcome);
    }
    assert_int_equal(taken, 8);
    assert_int_equal(book.count, 2);
    assert_int_equal(mb_pool_pending(pool), 0);
    mb_pool_close(pool);
}

static void test_run_too_large_alone_does_not_fit(void **state) {
    (void)state;
    mb_pool *pool = open_limited(2, 1, (int64_t)1 << 30);
    mb_job job = {.cost = 1, .memory = (int64_t)5 << 29};
    mb_error error = {.message = ""};
    assert_int_equal(mb_pool_add(pool, &job, 1, &error), MB_OK);
    mb_outcome *outcome = mb_pool_take(pool, 30, &error);
    assert_non_null(outcome);
    assert_int_equal(outcome->status, MB_FAILED);
    assert_true(outcome->does_not_fit);
    free(outcome);
    mb_pool_close(pool);
}

// A device with its own memory decides itself whether a run fits.
static void test_large_run_may_try_apart(void **state) {
    (void)state;
    static const mb_backend apart = {
        .name = "apart", .executor = &no_executor, .open = open_device, .close = close_device};
    mb_pool_config config = {.backend = &apart,
                             .specify = specify,
                             .train = fly,
                             .threads = 1,
                             .array_size = 4,
                             .memory = 10};
    mb_pool *pool = NULL;
    mb_error error = {.message = ""};
    assert_int_equal(mb_pool_open(&config, &pool, &error), MB_OK);
    mb_job jobs[2] = {{.trial = (int32_t)11, .memory = 11}, {.trial = (int32_t)12, .memory = 11}};
    atomic_store(&flight.most, 0);
    assert_int_equal(mb_pool_add(pool, jobs, 2, &error), MB_OK);
    take(pool, MB_RUN_DONE);
    take(pool, MB_RUN_DONE);
    assert_int_equal(atomic_load(&flight.most), 12); // one after the other
    mb_pool_close(pool);
}
static void test_memory_available(void **state) {
    (void)state;
    int64_t available = mb_memory_available();
    assert_true(available == 0 || available >= 1 << 20);
    assert_true(available < (int64_t)1 << 50);
}
int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_is_not_exceeded),
        cmocka_unit_test(test_memory_does_not_mix_groups),
        cmocka_unit_test(test_host_memory_limits_arrays),
        cmocka_unit_test(test_arrays_shrink),
        cmocka_unit_test(test_single_run_does_not_fit),
        cmocka_unit_test(test_stop_between_waves),
        cmocka_unit_test(test_run_too_large_alone_does_not_fit),
        cmocka_unit_test(test_large_run_may_try_apart),
        cmocka_unit_test(test_memory_available),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
