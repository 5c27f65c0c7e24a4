// The trainer: arrays equal their runs alone; divergence, stopping, selection and snapshots.
#include <pthread.h>
#include <time.h>

#include "trainer_support.h"

static mb_device *cpu_open(void) {
    mb_device *device = NULL;
    mb_error error = {.message = ""};
    assert_int_equal(mb_cpu_open(NULL, &device, &error), MB_OK);
    return device;
}

static void train(const mb_run_spec *specs, int32_t count, const atomic_int *stop,
                  mb_run_result *results) {
    mb_device *device = cpu_open();
    train_on(device, specs, count, stop, results);
    device->backend->close(device);
}

static void test_array_equals_models_alone(void **state) {
    (void)state;
    bench b;
    mb_run_result together[RUNS], alone[RUNS];
    bench_open(&b, "attention", 24);
    train(b.specs, RUNS, NULL, together);
    for (int i = 0; i < RUNS; i++) {
        train(&b.specs[i], 1, NULL, &alone[i]);
        assert_int_equal(alone[i].status, MB_RUN_DONE);
        assert_int_equal(alone[i].steps, i % 2 == 0 ? 18 : 12);
        assert_same_result(&together[i], &alone[i]);
    }
    free_results(together, RUNS);
    free_results(alone, RUNS);
    bench_close(&b);
}

static void test_divergence_stays_alone(void **state) {
    (void)state;
    bench b;
    mb_run_result together[RUNS], alone[RUNS];
    bench_open(&b, "attention", 24);
    b.specs[1].training.learning_rate = 1e30;
    train(b.specs, RUNS, NULL, together);
    assert_int_equal(together[1].status, MB_RUN_DIVERGED);
    assert_non_null(strstr(together[1].cause, "epoch 1"));
    assert_int_equal(together[1].select_predictions.count, 0);
    assert_int_equal(together[1].held_predictions.count, 0);
    assert_int_equal(together[1].tests[0].count, 0);
    assert_null(together[1].tests[0].logits);
    for (int i = 0; i < RUNS; i++) {
        train(&b.specs[i], 1, NULL, &alone[i]);
        assert_same_result(&together[i], &alone[i]);
    }
    free_results(together, RUNS);
    free_results(alone, RUNS);
    bench_close(&b);
}

static void test_late_divergence(void **state) {
    (void)state;
    bench b;
    mb_device *device = cpu_open();
    bench_open(&b, "attention", 24);
    check_late_divergence(device, b.specs);
    device->backend->close(device);
    bench_close(&b);
}

// The labels of the test and held-out parts never influence training.
static void test_no_leak(void **state) {
    (void)state;
    bench b;
    mb_run_result before, after;
    bench_open(&b, "attention", 24);
    train(&b.specs[0], 1, NULL, &before);
    for (int32_t i = 90; i < UTTERANCES; i++) {
        b.emotions[i] = 5 - b.emotions[i];
        b.valences[i] = -2.0f * b.valences[i];
    }
    train(&b.specs[0], 1, NULL, &after);
    assert_same_result(&before, &after);
    assert_true(before.held.mse != after.held.mse);
    free_results(&before, 1);
    free_results(&after, 1);
    bench_close(&b);
}

// Training longer does not change the first epochs; the snapshot is that of the best epoch.
static void test_snapshot_is_the_best_epoch(void **state) {
    (void)state;
    bench b;
    mb_run_result whole, cut;
    bench_open(&b, "attention", 24);
    b.specs[1].training.epochs = 12;
    train(&b.specs[1], 1, NULL, &whole);
    double best = -INFINITY;
    int32_t best_epoch = -1;
    for (int32_t e = 0; e < 12; e++)
        if (whole.epochs[e].select_metric > best) {
            best = whole.epochs[e].select_metric;
            best_epoch = e;
        }
    assert_int_equal(whole.best_epoch, best_epoch);
    b.specs[1].training.epochs = best_epoch + 1;
    train(&b.specs[1], 1, NULL, &cut);
    assert_int_equal(cut.best_epoch, best_epoch);
    assert_memory_equal(cut.epochs, whole.epochs, (size_t)(best_epoch + 1) * sizeof(mb_epoch));
    assert_same_predictions(&cut.tests[0], &whole.tests[0]);
    assert_same_predictions(&cut.held_predictions, &whole.held_predictions);
    free_results(&whole, 1);
    free_results(&cut, 1);
    bench_close(&b);
}

// Without a selection part, the first epoch is the best.
static void test_no_selection_part(void **state) {
    (void)state;
    bench b;
    mb_run_result result;
    bench_open(&b, "attention", 8);
    b.folds[0].select.count = 0;
    train(&b.specs[0], 1, NULL, &result);
    assert_int_equal(result.status, MB_RUN_DONE);
    assert_int_equal(result.best_epoch, 0);
    assert_true(isnan(result.epochs[0].select_loss));
    mb_run_result_free(&result);
    bench_close(&b);
}

static void test_learns(void **state) {
    (void)state;
    bench b;
    mb_run_result result;
    bench_open(&b, "attention", 24);
    b.specs[0].training.epochs = 60;
    b.specs[0].training.learning_rate = 3e-3;
    train(&b.specs[0], 1, NULL, &result);
    assert_true(result.epochs[59].train_loss < 0.6 * result.epochs[0].train_loss);
    assert_true(result.held.waf > 0.4); // chance is 1/6
    free_results(&result, 1);
    bench_close(&b);
}

static void test_stop(void **state) {
    (void)state;
    bench b;
    mb_run_result results[RUNS];
    atomic_int stop = 1;
    bench_open(&b, "attention", 24);
    train(b.specs, RUNS, &stop, results);
    for (int i = 0; i < RUNS; i++)
        assert_int_equal(results[i].status, MB_RUN_STOPPED);
    free_results(results, RUNS);
    bench_close(&b);
}

static void test_stop_anywhere(void **state) {
    (void)state;
    bench b;
    mb_device *device = cpu_open();
    bench_open(&b, "attention", 8);
    for (int i = 0; i < RUNS; i++)
        b.specs[i].training.epochs = 4;
    check_stops(device, b.specs);
    device->backend->close(device);
    bench_close(&b);
}

typedef struct stopper {
    atomic_int stop;
    struct timespec wait; // before the stop
} stopper;

static void *stop_later(void *context) {
    stopper *s = context;
    nanosleep(&s->wait, NULL);
    atomic_store(&s->stop, 1);
    return NULL;
}

// The CPU leaves work undone in the middle of an op. What it computed then is not in the results.
static void test_stop_within_a_step(void **state) {
    (void)state;
    enum { TRIES = 40 };
    bench b;
    mb_run_result whole, cut;
    bench_open(&b, "tfn", 24);
    mb_run_spec *spec = &b.specs[0];
    spec->training.epochs = 4;
    train(spec, 1, NULL, &whole);
    assert_int_equal(whole.status, MB_RUN_DONE);
    for (int i = 0; i < TRIES; i++) {
        pthread_t thread;
        stopper s = {.wait = {.tv_nsec = (long)(1e9 * whole.seconds * i / TRIES)}};
        assert_int_equal(pthread_create(&thread, NULL, stop_later, &s), 0);
        train(spec, 1, &s.stop, &cut);
        assert_int_equal(pthread_join(thread, NULL), 0);
        if (cut.status == MB_RUN_DONE) {
            assert_same_result(&cut, &whole);
        } else {
            assert_int_equal(cut.status, MB_RUN_STOPPED);
            assert_memory_equal(cut.epochs, whole.epochs,
                                (size_t)cut.epochs_done * sizeof *cut.epochs);
        }
        free_results(&cut, 1);
    }
    free_results(&whole, 1);
    bench_close(&b);
}

// ---- launches in flight -----------------------------------------------------------------------

// A device that does its launches later: the trainer counts only steps that it has waited for, and
// never has more than two unfinished launches.
static struct {
    const mb_backend *usual;
    atomic_llong counted; // by the trainer
    int64_t given, waited;
    int64_t steps_given, steps_waited; // model-steps
    int64_t steps_at[MB_DEVICE_MARKS]; // steps given when each mark was made
    int64_t launches_at[MB_DEVICE_MARKS];
    int most; // largest number of launches that were given and not waited for
    atomic_int stop;
    int64_t stop_at; // the wait during which a stop is requested; 0: never
    int64_t given_at_stop;
} later;

static mb_status later_run(mb_device *device, const mb_plan *plan, const mb_launch *launch,
                           mb_error *error) {
    if (mb_plan_get(plan)->trains) {
        int64_t end = launch->first_step + launch->step_count;
        for (int64_t s = launch->first_step; s < end; s++)
            for (int32_t a = 0; a < launch->run_count; a++)
                later.steps_given += launch->rows[s * launch->run_count + a] > 0;
        later.given++;
        later.most = later.given - later.waited > later.most ? (int)(later.given - later.waited)
                                                             : later.most;
    }
    assert_int_equal(atomic_load(&later.counted), later.steps_waited);
    return later.usual->executor->run(device, plan, launch, error);
}

static mb_status later_mark(mb_device *device, int32_t mark, mb_error *error) {
    (void)device;
    (void)error;
    assert_int_equal(atomic_load(&later.counted), later.steps_waited);
    later.steps_at[mark] = later.steps_given;
    later.launches_at[mark] = later.given;
    return MB_OK;
}

static mb_status later_wait(mb_device *device, int32_t mark, mb_error *error) {
    (void)device;
    (void)error;
    assert_int_equal(atomic_load(&later.counted), later.steps_waited);
    if (later.launches_at[mark] > later.waited) {
        later.waited = later.launches_at[mark];
        later.steps_waited = later.steps_at[mark];
    }
    if (later.waited == later.stop_at && later.stop_at > 0) {
        atomic_store(&later.stop, 1);
        later.given_at_stop = later.given;
    }
    return MB_OK;
}

static void train_later(mb_run_result *results, int64_t stop_at) {
    bench b;
    mb_error error = {.message = ""};
    mb_device *device = cpu_open();
    bench_open(&b, "attention", 8);
    memset(&later, 0, sizeof later);
    later.usual = device->backend;
    later.stop_at = stop_at;
    mb_backend backend = *device->backend;
    mb_executor executor = *backend.executor;
    executor.steps_per_launch = 1;
    executor.run = later_run;
    backend.executor = &executor;
    backend.mark = later_mark;
    backend.wait_for_mark = later_wait;
    device->backend = &backend;
    mb_device_cache cache = {.device = device};
    assert_int_equal(
        mb_train_runs(&cache, b.specs, RUNS, &later.stop, &later.counted, results, &error), MB_OK);
    device->backend->close(device);
    bench_close(&b);
}

static void test_progress_follows_the_device(void **state) {
    (void)state;
    mb_run_result results[RUNS];
    int64_t steps = 0;
    train_later(results, 0);
    for (int i = 0; i < RUNS; i++)
        steps += results[i].steps;
    assert_int_equal(later.given, later.waited);
    assert_int_equal(atomic_load(&later.counted), later.steps_given);
    assert_true(steps > 0 && steps <= later.steps_given);
    assert_int_equal(later.most, 2); // one runs, one waits
    free_results(results, RUNS);
}

// After a stop that is requested while the host waits for the device, nothing is launched.
static void test_stop_while_waiting(void **state) {
    (void)state;
    mb_run_result results[RUNS];
    train_later(results, 2);
    assert_int_equal(atomic_load(&later.stop), 1);
    assert_int_equal(later.given, later.given_at_stop);
    assert_int_equal(later.waited, later.given);
    for (int i = 0; i < RUNS; i++)
        assert_int_equal(results[i].status, MB_RUN_STOPPED);
    free_results(results, RUNS);
}

// ---- estimates --------------------------------------------------------------------------------

static const mb_backend *counted_backend;
static int64_t allocated_bytes, allocated_host_bytes;

static mb_status counting_allocate(mb_device *device, size_t bytes, void **memory,
                                   mb_error *error) {
    allocated_bytes += (int64_t)bytes;
    return counted_backend->allocate(device, bytes, memory, error);
}

static mb_status counting_allocate_host(mb_device *device, size_t bytes, void **memory,
                                        mb_error *error) {
    allocated_host_bytes += (int64_t)bytes;
    return counted_backend->allocate_host(device, bytes, memory, error);
}

// The estimate by which a sweep decides whether memory suffices, against what a run allocates.
static void test_estimated_memory(void **state) {
    (void)state;
    bench b;
    mb_run_cost cost;
    mb_run_result result;
    mb_error error = {.message = ""};
    mb_device *device = cpu_open();
    bench_open(&b, "attention", 1); // few weights: tables count
    b.specs[0].config.class_count = 0;
    b.specs[0].rules = mb_dataset_find("CMUMOSI");
    b.specs[0].training.selection = MB_SELECT_VAL;
    b.folds[0].select.count = 1;
    counted_backend = device->backend;
    mb_backend counting = *device->backend;
    counting.allocate = counting_allocate;
    counting.allocate_host = counting_allocate_host;
    device->backend = &counting;
    train_on(device, &b.specs[0], 1, NULL, &result);
    assert_int_equal(mb_run_estimate(&b.specs[0], &cost, &error), MB_OK);
    assert_int_equal(cost.shared_bytes, allocated_bytes + allocated_host_bytes);
    // A device with its own memory also holds the features.
    int64_t features = (12 + 20 + 9 + 2) * UTTERANCES * (int64_t)sizeof(float);
    mb_run_result_free(&result);
    counting.shares_host_memory = false;
    allocated_bytes = allocated_host_bytes = 0;
    train_on(device, &b.specs[0], 1, NULL, &result);
    assert_int_equal(cost.device_bytes, allocated_bytes - features);
    assert_int_equal(cost.host_bytes, allocated_host_bytes);
    mb_run_result_free(&result);
    counting.close(device);
    bench_close(&b);
}

static void test_estimate(void **state) {
    (void)state;
    bench b;
    mb_run_cost cost;
    mb_error error = {.message = ""};
    bench_open(&b, "attention", 24);
    assert_int_equal(mb_run_estimate(&b.specs[0], &cost, &error), MB_OK);
    int64_t h = 24, first = (12 + 20 + 9 + 3 * h) * h, hidden = 8 * h * h;
    int64_t biases = 12 * h, heads = 3 * h + 3 + 6 * h + 6 + h + 1;
    assert_int_equal(cost.parameters, first + hidden + biases + heads);
    assert_int_equal(cost.training_steps, 18);
    assert_true(cost.multiply_accumulates > (double)(18 * 32 * 2 * cost.parameters * 9 / 10));
    assert_true(cost.shared_bytes >= 16 * cost.parameters);
    bench_close(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_array_equals_models_alone),
        cmocka_unit_test(test_divergence_stays_alone),
        cmocka_unit_test(test_late_divergence),
        cmocka_unit_test(test_no_leak),
        cmocka_unit_test(test_snapshot_is_the_best_epoch),
        cmocka_unit_test(test_no_selection_part),
        cmocka_unit_test(test_learns),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_stop_anywhere),
        cmocka_unit_test(test_stop_within_a_step),
        cmocka_unit_test(test_progress_follows_the_device),
        cmocka_unit_test(test_stop_while_waiting),
        cmocka_unit_test(test_estimate),
        cmocka_unit_test(test_estimated_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
