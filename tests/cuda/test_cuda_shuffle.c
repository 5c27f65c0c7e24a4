// Compares the orders of rows that devices draw with those of the host.
#include "cuda_support.h"

enum { SHUFFLE_RUNS = 14, MOST_ROWS = 60000, LEFT_ALONE = -1 };

static void *put(mb_device *device, const void *from, size_t bytes) {
    mb_error error = {.message = ""};
    void *memory = NULL;
    expect_ok(device->backend->allocate(device, bytes, &memory, &error), &error);
    expect_ok(device->backend->upload(device, memory, from, bytes, &error), &error);
    return memory;
}

// Shuffles on the device into `found`; the rows of runs are `stride` apart.
static void shuffle(mb_device *device, const mb_shuffle_launch *on_host, int32_t *found) {
    size_t runs = (size_t)on_host->run_count, rows = runs * (size_t)on_host->stride;
    mb_error error = {.message = ""};
    mb_shuffle_launch launch = *on_host;
    launch.keys = put(device, on_host->keys, runs * sizeof *launch.keys);
    launch.counts = put(device, on_host->counts, runs * sizeof *launch.counts);
    launch.shuffled = put(device, on_host->shuffled, runs * sizeof *launch.shuffled);
    launch.from = put(device, on_host->from, rows * sizeof *launch.from);
    for (size_t i = 0; i < rows; i++)
        found[i] = LEFT_ALONE;
    launch.to = put(device, found, rows * sizeof *launch.to);
    expect_ok(device->backend->executor->shuffle(device, &launch, &error), &error);
    expect_ok(device->backend->download(device, found, launch.to, rows * sizeof *found, &error),
              &error);
    const void *memory[] = {launch.keys, launch.counts, launch.shuffled, launch.from, launch.to};
    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++)
        device->backend->release(device, (void *)memory[i]);
}

static void check_run(const mb_shuffle_launch *launch, int32_t run, const int32_t *found) {
    static int32_t expected[MOST_ROWS];
    int32_t count = launch->counts[run];
    const int32_t *from = launch->from + run * launch->stride;
    memcpy(expected, from, (size_t)count * sizeof *expected);
    if (launch->shuffled[run])
        mb_random_shuffle(launch->keys[run], MB_RANDOM_SHUFFLE, launch->epoch, expected, count);
    for (int32_t i = 0; i < count; i++)
        if (found[i] != expected[i])
            fail_msg("run %d of %d rows, epoch %u: row %d is %d, the host's is %d", run, count,
                     launch->epoch, i, found[i], expected[i]);
    for (int64_t i = count; i < launch->stride; i++)
        assert_int_equal(found[i], LEFT_ALONE);
}

// In every epoch one run in three is not shuffled, a different one each time.
static void check_counts(mb_device *device, const int32_t *counts, int64_t stride) {
    static const uint32_t epochs[] = {0, 1, 7, 4000000000u};
    static int32_t from[SHUFFLE_RUNS * MOST_ROWS], found[SHUFFLE_RUNS * MOST_ROWS];
    mb_key keys[SHUFFLE_RUNS];
    int32_t shuffled[SHUFFLE_RUNS];
    for (uint32_t a = 0; a < SHUFFLE_RUNS; a++) {
        keys[a] = mb_key_make(17 + 1000003 * a, a % 5);
        for (int64_t i = 0; i < stride; i++)
            from[a * stride + i] = (int32_t)(3 * i + 100000 * a);
    }
    for (uint32_t k = 0; k < sizeof epochs / sizeof *epochs; k++) {
        for (uint32_t a = 0; a < SHUFFLE_RUNS; a++)
            shuffled[a] = (a + k) % 3 != 1;
        mb_shuffle_launch launch = {.run_count = SHUFFLE_RUNS,
                                    .keys = keys,
                                    .counts = counts,
                                    .shuffled = shuffled,
                                    .from = from,
                                    .stride = stride,
                                    .epoch = epochs[k]};
        shuffle(device, &launch, found);
        for (int32_t a = 0; a < SHUFFLE_RUNS; a++)
            check_run(&launch, a, found + a * stride);
    }
}

// A CUDA block makes 1024 draws at a time, and has space for at least 11264 rows in shared memory;
// on devices of compute capability 9.0 for 57088.
static void check_orders(mb_device *device) {
    static const int32_t short_counts[SHUFFLE_RUNS] = {0, 0, 1,  2,  1,  31, 32,
                                                       3, 7, 37, 33, 20, 36, 37};
    static const int32_t long_counts[SHUFFLE_RUNS] = {
        0, 2, 31, 1056, 6144, 6145, 1024, 1025, 1026, 11264, 11265, 57088, 57089, 60000};
    check_counts(device, short_counts, 37);
    check_counts(device, long_counts, MOST_ROWS);
    device->backend->close(device);
}

static void test_orders_of_cuda(void **state) {
    (void)state;
    check_orders(cuda_open());
}

static void test_orders_of_the_processor(void **state) {
    (void)state;
    check_orders(portable_open());
}

int main(int argc, char **argv) {
    choose_tests(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders_of_cuda),
        cmocka_unit_test(test_orders_of_the_processor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
