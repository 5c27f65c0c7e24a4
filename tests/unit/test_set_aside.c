// Runs that do not fit into memory: they are set aside, and all others are trained.
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "made_up_trainer.h"

static sweep_folder folder;

static int set_up(void **state) {
    (void)state;
    sweep_folder_open(&folder);
    sweep_folder_add(&folder, "quick.h5", "QUICKSTART", 0.05, false);
    sweep_folder_add(&folder, "mer.h5", "MER2023", 0.02, false);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    sweep_folder_close(&folder);
    return 0;
}

// What the device does not have memory for.
static struct {
    int hidden;
    int32_t fold; // -1: any
    bool crowded; // only if another run is in flight
    atomic_int flying, refusals;
} scarce;

static bool is_refused(const mb_run_spec *spec, int flying) {
    int hidden = (int)spec->config.options[mb_model_option(spec->model, "hidden_dim")];
    return hidden == scarce.hidden && (scarce.fold < 0 || spec->fold_index == scarce.fold) &&
           (!scarce.crowded || flying > 1);
}

static mb_status train_what_fits(mb_device_cache *cache, const mb_run_spec *specs,
                                 int32_t run_count, const atomic_int *stop,
                                 atomic_llong *steps_done, mb_run_result *results,
                                 mb_error *error) {
    int flying = atomic_fetch_add(&scarce.flying, 1) + 1;
    bool refused = is_refused(specs, flying);
    mb_status status = refused ? mb_out_of_memory(error, "device memory")
                               : make_up(cache, specs, run_count, stop, steps_done, results, error);
    usleep(2000);
    atomic_fetch_add(&scarce.refusals, refused);
    atomic_fetch_sub(&scarce.flying, 1);
    return status;
}

static mb_status start(const char *plan, const char *results, int32_t threads, int64_t memory,
                       mb_sweep_totals *totals, mb_error *error) {
    mb_pool_config config = config_of(train_what_fits, threads);
    config.memory = memory;
    *error = (mb_error){.message = ""};
    atomic_store(&calls_left, FOREVER);
    atomic_store(&scarce.refusals, 0);
    return sweep_start(&folder, plan, results, &config, totals, error);
}

static void expect_text(const mb_error *error, const char *text) {
    if (strstr(error->message, text) == NULL)
        fail_msg("expected '%s' in '%s'", text, error->message);
}

// A cell whose search is incomplete chooses nothing. With more memory, the same plan is completed.
static void test_search(void **state) {
    (void)state;
    char plan[1024];
    mb_sweep_totals totals;
    mb_error error;
    write_plan(plan, sizeof plan, "quick.h5", "8, 16, 64", "1, 2", "1, 2, 3");
    scarce.hidden = 16;
    scarce.fold = -1;
    assert_int_equal(start(plan, "search.db", 1, 0, &totals, &error), MB_FAILED);
    expect_text(&error, "2 of 7 runs do not fit into memory");
    expect_text(&error, "\n  cells[0] (attention), {");
    expect_text(&error, "\"hidden_dim\":16,");
    expect_text(&error, "}: 2 runs of ");
    expect_text(&error, "\nwithout them no setting is chosen in cells[0] (attention)\n");
    assert_int_equal(totals.runs_aside, 2);
    assert_int_equal(totals.runs_trained, 4);
    assert_int_equal(atomic_load(&scarce.refusals), 2);
    scarce.hidden = 0;
    assert_int_equal(start(plan, "search.db", 1, 0, &totals, &error), MB_OK);
    // Those set aside, the third final seed, and the chosen ones of the search on other parts.
    assert_int_equal(totals.runs_trained, 2 + 1 + 2);
    assert_int_equal(totals.runs_done, totals.runs);
}

// The other folds of a trial are trained, and recorded.
static void test_fold(void **state) {
    (void)state;
    char plan[1024];
    mb_sweep_totals totals;
    mb_error error;
    write_plan(plan, sizeof plan, "mer.h5", "8", "1, 2", "");
    scarce.hidden = 8;
    scarce.fold = 2;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(start(plan, "fold.db", 1, 0, &totals, &error), MB_FAILED);
        expect_text(&error, "2 of 10 runs do not fit into memory");
        assert_int_equal(totals.runs_done, 8);
        assert_int_equal(totals.runs_trained, i == 0 ? 8 : 0);
    }
    scarce.hidden = 0;
    assert_int_equal(start(plan, "fold.db", 1, 0, &totals, &error), MB_OK);
    assert_int_equal(totals.runs_trained, 2);
}

// What is known to be too large is not tried.
static void test_estimate(void **state) {
    (void)state;
    char plan[1024];
    mb_sweep_totals totals;
    mb_error error;
    write_plan(plan, sizeof plan, "mer.h5", "8, 16, 32, 64, 128, 256", "1", "");
    scarce.hidden = 0;
    assert_int_equal(start(plan, "estimate.db", 2, 1000, &totals, &error), MB_FAILED);
    expect_text(&error, "30 of 30 runs do not fit into memory, of which 1000 bytes are available");
    expect_text(&error, "\n  and 10 more\n");
    assert_int_equal(totals.runs_done, 0);
}

// A run that fails only because others take the memory is tried again when they are done.
static void test_crowded(void **state) {
    (void)state;
    char plan[1024];
    mb_sweep_totals totals;
    mb_error error;
    write_plan(plan, sizeof plan, "mer.h5", "8, 16", "1, 2", "1, 2, 3");
    scarce.hidden = 16;
    scarce.fold = -1;
    scarce.crowded = true;
    assert_int_equal(start(plan, "crowded.db", 3, (int64_t)1 << 40, &totals, &error), MB_OK);
    assert_int_equal(totals.runs_aside, 0);
    assert_int_equal(totals.runs_done, totals.runs);
    scarce.crowded = false;
    assert_int_equal(start(plan, "never.db", 3, (int64_t)1 << 40, &totals, &error), MB_FAILED);
    assert_int_equal(totals.runs_aside, 10);
    assert_int_equal(atomic_load(&scarce.refusals), 2 * 10); // each was tried again
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_search),
        cmocka_unit_test(test_fold),
        cmocka_unit_test(test_estimate),
        cmocka_unit_test(test_crowded),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
