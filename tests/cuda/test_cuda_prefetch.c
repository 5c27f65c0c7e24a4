// A pool over two datasets on the CUDA executor: the features of the second array are uploaded
// while the first one trains, and the results are the same as without.
#include "../unit/trainer_support.h"
#include "cuda_support.h"

#include <time.h>

#include "sweep/pool.h"

#ifdef MERBENCH_CUDASIM
#include "cudasim/control.h"
#endif

// The CUDA backend, with its uploads counted.
static struct {
    mb_backend backend;
    atomic_int waits; // for the whole device, by the prefetching thread
    atomic_int beside,
        datasets; // uploads: by the prefetching thread; of features by the main thread
    const float *first, *second; // audio of the datasets
} counted;

static mb_status open_counted(mb_device **device, mb_error *error) {
    mb_status status = mb_cuda_backend()->open(device, error);
    if (status == MB_OK)
        (*device)->backend = &counted.backend;
    return status;
}

static mb_status count_upload(mb_device *device, void *to, const void *from, size_t bytes,
                              mb_error *error) {
    atomic_fetch_add(&counted.datasets, from == counted.first || from == counted.second);
    return mb_cuda_backend()->upload(device, to, from, bytes, error);
}

static mb_status count_beside(mb_device *device, void *to, const void *from, size_t bytes,
                              mb_error *error) {
    mb_status status = mb_cuda_backend()->upload_concurrent(device, to, from, bytes, error);
#ifdef MERBENCH_CUDASIM
    atomic_fetch_add(&counted.waits, (int)cudasim_device_wide_waits());
#endif
    if (status == MB_OK)
        atomic_fetch_add(&counted.beside, 1);
    return status;
}

enum { ARRAYS = 5 }; // of a dataset: three modalities, emotions, valences

// The first array waits until the features of the second one have been uploaded, because the
// prefetching thread may not get a core for a while.
static mb_status train_and_wait(mb_device_cache *cache, const mb_run_spec *specs, int32_t run_count,
                                const atomic_int *stop, atomic_llong *steps_done,
                                mb_run_result *results, mb_error *error) {
    struct timespec millisecond = {.tv_nsec = 1000000};
    mb_status status = mb_train_runs(cache, specs, run_count, stop, steps_done, results, error);
    for (int i = 0; i < 60000 && status == MB_OK && atomic_load(&counted.beside) < ARRAYS; i++)
        nanosleep(&millisecond, NULL);
    return status;
}

static void shorten(bench *b) {
    bench_open(b, "attention", 12);
    for (int i = 0; i < RUNS; i++)
        b->specs[i].training.epochs = 2;
}

static mb_status specify(void *owner, const mb_job *job, mb_run_spec *spec, mb_error *error) {
    const bench *benches = owner;
    (void)error;
    *spec = benches[job->trial / RUNS].specs[job->trial % RUNS];
    return MB_OK;
}

// Trains on both datasets in one pool, so that the next array is known while the first one trains.
static void add_runs(mb_pool *pool) {
    mb_job jobs[2 * RUNS];
    mb_error error = {.message = ""};
    for (int i = 0; i < 2 * RUNS; i++)
        jobs[i] = (mb_job){.cost = i < RUNS ? 2 : 1, .group = i / RUNS, .trial = i};
    expect_ok(mb_pool_add(pool, jobs, 2 * RUNS, &error), &error);
}

static void take_runs(mb_pool *pool, mb_run_result results[2 * RUNS]) {
    for (int i = 0; i < 2 * RUNS; i++) {
        mb_error error = {.message = ""};
        mb_outcome *outcome = mb_pool_take(pool, 600, &error);
        assert_non_null(outcome);
        expect_ok(outcome->status, &error);
        results[outcome->job.trial] = outcome->result;
        free(outcome);
    }
}

static void test_uploads_beside(void **state) {
    (void)state;
    bench benches[2];
    mb_run_result together[2 * RUNS], alone[2 * RUNS];
    mb_error error = {.message = ""};
    mb_pool *pool = NULL;
    mb_device *device = cuda_open();
    for (int d = 0; d < 2; d++)
        shorten(&benches[d]);
    for (int32_t i = 0; i < UTTERANCES * 12; i++)
        benches[1].values[MB_AUDIO][i] *= -0.5f; // other features
    for (int d = 0; d < 2; d++)
        train_on(device, benches[d].specs, RUNS, NULL, alone + d * RUNS);
    device->backend->close(device);

    counted.first = benches[0].values[MB_AUDIO];
    counted.second = benches[1].values[MB_AUDIO];
    mb_pool_config config = {.backend = &counted.backend,
                             .specify = specify,
                             .owner = benches,
                             .train = train_and_wait,
                             .threads = 1,
                             .array_size = RUNS};
    expect_ok(mb_pool_open(&config, &pool, &error), &error);
    add_runs(pool);
    take_runs(pool, together);
    mb_pool_close(pool);
    assert_int_equal(atomic_load(&counted.beside), ARRAYS);
    assert_int_equal(atomic_load(&counted.waits), 0);
    assert_int_equal(atomic_load(&counted.datasets), 1); // only those of the first array
    for (int i = 0; i < 2 * RUNS; i++)
        assert_same_result(&together[i], &alone[i]);
    free_results(together, 2 * RUNS);
    free_results(alone, 2 * RUNS);
    bench_close(&benches[0]);
    bench_close(&benches[1]);
}

int main(int argc, char **argv) {
    choose_tests(argc, argv);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_uploads_beside)};
    mb_device *device = cuda_open(); // skips the test without a GPU
    device->backend->close(device);
    counted.backend = *mb_cuda_backend();
    counted.backend.open = open_counted;
    counted.backend.upload = count_upload;
    counted.backend.upload_concurrent = count_beside;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
