// The estimate of how long a sweep takes, and what is known of runs while they train.
#include <sched.h>
#include <signal.h>

#include "pool_support.h"

#include "sweep_support.h"

static sweep_folder folder;

// ---- the estimate -----------------------------------------------------------------------------

// Estimates a plan on two threads. Returns the status.
static mb_status estimate(const char *models, int epochs, int64_t memory, double *seconds,
                          mb_error *error) {
    char text[1024];
    mb_sweep_plan plan;
    mb_sweep *sweep = NULL;
    mb_pool_config config = {
        .backend = &mb_cpu_backend, .threads = 2, .array_size = 1, .memory = memory};
    snprintf(text, sizeof text,
             "{\"name\": \"p\", \"epochs\": %d, \"corpora\": {\"c\": \"quick.h5\"}, \"grid\": "
             "{\"hidden_dim\": [8, 16]}, \"cells\": [{\"corpus\": \"c\", \"model\": [%s], "
             "%s}], \"search\": {\"method\": \"grid\", \"seeds\": [1, 2]}, \"final\": {\"seeds\": "
             "[1, 2, 3]}}",
             epochs, models, SYNTH_FEATURES);
    mb_status status = sweep_plan_from(&folder, text, &plan, error);
    if (status == MB_OK)
        status = mb_sweep_open(&plan, &sweep, error);
    if (status == MB_OK)
        status = mb_sweep_prepare(sweep, NULL, false, error);
    mb_sweep_totals before, after;
    mb_sweep_get_totals(sweep, &before);
    if (status == MB_OK)
        status = mb_sweep_estimate(sweep, &config, seconds, error);
    mb_sweep_get_totals(sweep, &after);
    assert_memory_equal(&before, &after, sizeof before);
    mb_sweep_close(sweep);
    mb_sweep_plan_free(&plan);
    return status;
}

// Whether it is right is measured elsewhere (bench/README.md): a busy machine is no place for it.
static void test_estimate(void **state) {
    (void)state;
    mb_error error = {.message = ""};
    double few = 0, many = 0;
    assert_int_equal(estimate("\"attention\", \"lmf\"", 2, 0, &few, &error), MB_OK);
    assert_int_equal(estimate("\"attention\", \"lmf\"", 2000, 0, &many, &error), MB_OK);
    assert_true(few > 0 && few < 1000);
    assert_true(many > few);
}

// Runs that the memory does not hold cannot be measured, which is not a failure.
static void test_nothing_measured(void **state) {
    (void)state;
    mb_error error = {.message = ""};
    double seconds = -1;
    assert_int_equal(estimate("\"attention\"", 2, 1, &seconds, &error), MB_OK);
    assert_true(seconds == 0);
}

// ---- runs in flight ---------------------------------------------------------------------------

enum { STEPS = 1000 };
static atomic_int steps_wanted[4], gates[4];

// Does the steps that are wanted of a run until its gate opens.
static mb_status do_steps(mb_device_cache *cache, const mb_run_spec *specs, int32_t run_count,
                          const atomic_int *stop, atomic_llong *steps_done, mb_run_result *results,
                          mb_error *error) {
    (void)cache, (void)error, (void)run_count;
    uint32_t run = specs[0].seed;
    int done = 0;
    while (!atomic_load(&gates[run]) && !atomic_load(stop)) {
        for (; done < atomic_load(&steps_wanted[run]); done++)
            atomic_fetch_add(steps_done, 1);
        sched_yield();
    }
    results[0].status = MB_RUN_DONE;
    return MB_OK;
}

static void begin_run(mb_pool *pool, uint32_t run, double cost) {
    mb_job job = {.trial = (int32_t)run, .cost = cost, .steps = STEPS};
    mb_error error = {.message = ""};
    atomic_store(&gates[run], 0);
    atomic_store(&steps_wanted[run], 0);
    assert_int_equal(mb_pool_add(pool, &job, 1, &error), MB_OK);
}

// Waits until the runs in flight have done so much.
static void expect_flight(mb_pool *pool, int32_t runs, double cost, double least, double most) {
    mb_pool_flight flight = {0};
    for (int i = 0; i < 1000000; i++) {
        flight = mb_pool_get_flight(pool);
        if (flight.runs == runs && flight.cost == cost && flight.least_done == least &&
            flight.most_done == most)
            break;
        sched_yield();
    }
    assert_int_equal(flight.runs, runs);
    assert_true(flight.cost == cost);
    assert_true(flight.least_done == least && flight.most_done == most);
    assert_int_equal(flight.steps, runs > 0 ? STEPS : 0);
}

static void test_flight(void **state) {
    (void)state;
    mb_pool *pool = open_pool(2, 1, do_steps);
    expect_flight(pool, 0, 0, 0, 0);
    begin_run(pool, 0, 80);
    expect_flight(pool, 1, 0, 0, 0);
    atomic_store(&steps_wanted[0], 250);
    expect_flight(pool, 1, 20, 0.25, 0.25);
    begin_run(pool, 1, 40);
    expect_flight(pool, 2, 20, 0, 0.25);
    atomic_store(&steps_wanted[1], 500);
    expect_flight(pool, 2, 40, 0.25, 0.5);
    assert_int_equal(mb_pool_steps(pool), 750);
    atomic_store(&gates[0], 1); // done: counts as a whole until its outcome is taken
    expect_flight(pool, 1, 100, 0.5, 0.5);
    free(mb_pool_take(pool, 30, NULL));
    expect_flight(pool, 1, 20, 0.5, 0.5);
    begin_run(pool, 2, 16); // what the thread did before does not count
    expect_flight(pool, 2, 20, 0, 0.5);
    atomic_store(&steps_wanted[2], 1500); // more than there are
    expect_flight(pool, 2, 36, 0.5, 1);
    atomic_store(&gates[1], 1);
    atomic_store(&gates[2], 1);
    free(mb_pool_take(pool, 30, NULL));
    free(mb_pool_take(pool, 30, NULL));
    expect_flight(pool, 0, 0, 0, 0);
    assert_int_equal(mb_pool_steps(pool), 250 + 500 + 1500);
    mb_pool_close(pool);
}

static int open_folder(void **state) {
    (void)state;
    sweep_folder_open(&folder);
    sweep_folder_add(&folder, "quick.h5", "QUICKSTART", 0.1, false);
    return 0;
}

static int close_folder(void **state) {
    (void)state;
    sweep_folder_close(&folder);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_estimate),
        cmocka_unit_test(test_nothing_measured),
        cmocka_unit_test(test_flight),
    };
    return cmocka_run_group_tests(tests, open_folder, close_folder);
}
