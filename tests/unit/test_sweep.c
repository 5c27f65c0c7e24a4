// Sweeps: choice of settings, final seeds, resuming; threads and restarts do not change a bit.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "made_up_trainer.h"

static sweep_folder folder;

static int set_up(void **state) {
    (void)state;
    sweep_folder_open(&folder);
    sweep_folder_add(&folder, "quick.h5", "QUICKSTART", 0.1, false);
    sweep_folder_add(&folder, "mer.h5", "MER2023", 0.01, false);
    sweep_folder_add(&folder, "iemocap.h5", "IEMOCAPFour", 0.01, false);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    sweep_folder_close(&folder);
    return 0;
}

// Checks the first cell of the plan in the ledger. `selection` is that of every final seed; NaN
// = any.
static void check_cell(const char *results, int32_t search, int32_t final, const char *chosen,
                       double selection) {
    mb_ledger *ledger = open_results(&folder, results);
    mb_error error = {.message = ""};
    mb_ledger_plan *plans = NULL;
    mb_ledger_entry *entries = NULL;
    int32_t count = 0;
    assert_int_equal(mb_ledger_get_plans(ledger, &plans, &count, &error), MB_OK);
    assert_true(count >= 1);
    assert_true(plans[0].cells[0].choice_count >= 1);
    for (int32_t k = 0; k < plans[0].cells[0].choice_count; k++)
        assert_non_null(strstr(plans[0].cells[0].choices[k].setting, chosen));
    int32_t found = 0;
    assert_int_equal(
        mb_ledger_get_entries(ledger, plans[0].digest, 0, false, &entries, &found, &error), MB_OK);
    assert_int_equal(found, search);
    mb_ledger_entries_free(entries, found);
    assert_int_equal(
        mb_ledger_get_entries(ledger, plans[0].digest, 0, true, &entries, &found, &error), MB_OK);
    assert_int_equal(found, final);
    for (int32_t i = 0; i < found; i++) {
        assert_true(entries[i].finished);
        assert_non_null(strstr(entries[i].description, chosen));
        if (!isnan(selection))
            assert_true(entries[i].scores.selection == selection);
    }
    mb_ledger_entries_free(entries, found);
    mb_ledger_plans_free(plans, count);
    mb_ledger_close(ledger);
}

static void test_choice(void **state) {
    (void)state;
    static const struct {
        const char *dims, *search, *chosen;
        double selection;
    } cases[] = {
        {"8, 16", "2", "\"hidden_dim\":8,", 0.75},       // of final seeds other than 1
        {"8, 16", "1", "\"hidden_dim\":16,", 0.625},     // the higher one
        {"16, 8", "1, 2", "\"hidden_dim\":16,", 0.625},  // a tie goes to the earlier setting
        {"8, 16", "1, 2", "\"hidden_dim\":8,", 0.75},    // whichever it is
        {"32, 64", "1, 2", "\"hidden_dim\":64,", 0.625}, // divergence counts as minus infinity
        {"32, 64", "1", "\"hidden_dim\":32,", 0.9},      // where it happens only
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char plan[1024], results[32];
        mb_sweep_totals totals;
        snprintf(results, sizeof results, "choice%zu.db", i);
        write_plan(plan, sizeof plan, "quick.h5", cases[i].dims, cases[i].search, "5, 6, 7");
        atomic_store(&calls_left, FOREVER);
        expect_start(&folder, plan, results, make_up, 2, &totals);
        int32_t search = strchr(cases[i].search, ',') != NULL ? 4 : 2;
        assert_int_equal(totals.runs, search + 3);
        assert_int_equal(totals.runs_done, search + 3);
        assert_int_equal(totals.runs_trained, search + 3);
        check_cell(results, search, 3, cases[i].chosen, cases[i].selection);
    }
}

// Search seeds that are also final seeds are not trained twice. A search that trains every setting
// with every seed needs no final seeds.
static void test_shared_seeds(void **state) {
    (void)state;
    char plan[1024];
    mb_sweep_totals totals;
    atomic_store(&calls_left, FOREVER);
    write_plan(plan, sizeof plan, "mer.h5", "8, 16", "2, 3", "1, 2, 3");
    expect_start(&folder, plan, "shared.db", make_up, 2, &totals);
    assert_int_equal(totals.runs, (4 + 1) * 5); // five folds
    assert_int_equal(totals.runs_trained, 25);
    write_plan(plan, sizeof plan, "mer.h5", "8, 16", "1, 2, 3", "");
    expect_start(&folder, plan, "shared.db", make_up, 2, &totals);
    assert_int_equal(totals.runs, 30);
    assert_int_equal(totals.runs_trained, 5); // one trial is missing in the other plan
    check_cell("shared.db", 6, 0, "\"hidden_dim\":8,", NAN);
}

// However often the sweep is killed, it completes in the end.
static void test_power_cuts(void **state) {
    (void)state;
    char plan[1024];
    mb_sweep_totals totals = {0};
    mb_error error = {.message = ""};
    mb_pool_config config = config_of(make_up, 2);
    write_plan(plan, sizeof plan, "mer.h5", "8, 16", "1, 2", "1, 2, 3, 4");
    int64_t trained = 0;
    int starts = 0;
    for (mb_status status = MB_FAILED; status != MB_OK && starts < 100; starts++) {
        atomic_store(&calls_left, 3);
        status = sweep_start(&folder, plan, "cuts.db", &config, &totals, &error);
        if (status != MB_OK)
            assert_non_null(strstr(error.message, ": power cut"));
        assert_true(totals.runs_trained <= 3);
        trained += totals.runs_trained;
    }
    // With the memory goes what the chosen search trials have on other parts: these are trained
    // again.
    assert_int_equal(totals.runs_done, totals.runs);
    assert_true(trained >= 30 && trained <= 40);
    assert_true(starts >= 10);
    check_cell("cuts.db", 4, 4, "\"hidden_dim\":8,", NAN);
}

static atomic_int training; // runs that have begun

// Three runs at a time: seed 1 fails, then seed 2, and seed 3 finishes after them.
static mb_status fail_twice(mb_device_cache *cache, const mb_run_spec *specs, int32_t run_count,
                            const atomic_int *stop, atomic_llong *steps_done,
                            mb_run_result *results, mb_error *error) {
    atomic_fetch_add(&training, 1);
    while (atomic_load(&training) < 3 || (specs->seed > 1 && !atomic_load(stop)))
        usleep(1000);
    if (specs->seed < 3)
        return mb_fail(error, MB_FAILED, "failure %u", specs->seed);
    usleep(50000);
    return make_up(cache, specs, run_count, stop, steps_done, results, error);
}

// Finished runs are recorded, however many others fail, and the first failure is reported.
static void test_failures(void **state) {
    (void)state;
    char plan[1024];
    mb_sweep_totals totals = {0};
    mb_error error = {.message = ""};
    mb_pool_config config = config_of(fail_twice, 3);
    write_plan(plan, sizeof plan, "quick.h5", "8", "1, 2, 3", "");
    atomic_store(&calls_left, FOREVER);
    atomic_store(&training, 0);
    assert_int_equal(sweep_start(&folder, plan, "failures.db", &config, &totals, &error),
                     MB_FAILED);
    assert_non_null(strstr(error.message, "cells[0]"));
    assert_non_null(strstr(error.message, "seed 1, fold 0: failure 1"));
    assert_int_equal(totals.runs_trained, 1);
}

// A device that is lost after some arrays: every call fails from then on.
static atomic_int arrays_left;

static mb_status lose_device(mb_device_cache *cache, const mb_run_spec *specs, int32_t run_count,
                             const atomic_int *stop, atomic_llong *steps_done,
                             mb_run_result *results, mb_error *error) {
    if (atomic_fetch_sub(&arrays_left, 1) <= 0)
        return mb_fail(error, MB_FAILED, "CUDA: waiting for the GPU: it is gone");
    for (int32_t i = 0; i < run_count; i++)
        if (make_up(cache, &specs[i], 1, stop, steps_done, &results[i], error) != MB_OK)
            return MB_FAILED;
    return MB_OK;
}

// The message is that of the device. Finished runs are recorded; the next start trains the rest.
static void test_lost_device(void **state) {
    (void)state;
    char plan[1024], progress[128];
    mb_sweep_totals totals = {0};
    mb_error error = {.message = ""};
    mb_pool_config config = config_of(lose_device, 1);
    config.array_size = 4;
    write_plan(plan, sizeof plan, "mer.h5", "8, 16", "1, 2", ""); // two groups of ten: 4, 4, 2
    atomic_store(&calls_left, FOREVER);
    atomic_store(&arrays_left, 2);
    assert_int_equal(sweep_start(&folder, plan, "lost.db", &config, &totals, &error), MB_FAILED);
    assert_non_null(strstr(error.message, "in an array of 2 runs: CUDA: waiting for the GPU: it "));
    assert_int_equal(totals.runs_done, 8);
    snprintf(progress, sizeof progress, "\n8 of 20 runs are done and recorded; the same command ");
    assert_non_null(strstr(error.message, progress));
    atomic_store(&arrays_left, FOREVER);
    assert_int_equal(sweep_start(&folder, plan, "lost.db", &config, &totals, &error), MB_OK);
    assert_int_equal(totals.runs_trained, 12);
    assert_int_equal(totals.runs_done, 20);
}

// ---- the real trainer -------------------------------------------------------------------------

static void test_threads(void **state) {
    (void)state;
    static const char *const corpora[] = {"quick.h5", "mer.h5", "iemocap.h5"};
    static const int runs[] = {6, 30, 30};
    for (int i = 0; i < 3; i++) {
        char plan[1024], one[32], three[32];
        mb_sweep_totals totals;
        snprintf(one, sizeof one, "one%d.db", i);
        snprintf(three, sizeof three, "three%d.db", i);
        write_plan(plan, sizeof plan, corpora[i], "8, 16", "1, 2", "1, 3");
        expect_start(&folder, plan, one, mb_train_runs, 1, &totals);
        expect_start(&folder, plan, three, mb_train_runs, 3, &totals);
        assert_int_equal(same_results(&folder, one, three), runs[i]);
    }
}

// The other protocol gives other results for the same settings, also with any number of threads.
static void test_strict(void **state) {
    (void)state;
    static const char plan[] =
        "{\"name\": \"s\", \"protocol\": \"strict\", \"epochs\": 2, \"corpora\": {\"i\": "
        "\"iemocap.h5\", \"m\": \"mer.h5\"}, \"cells\": [{\"corpus\": [\"i\", \"m\"], \"model\": "
        "\"attention\", \"settings\": {\"hidden_dim\": 8}, " SYNTH_FEATURES "}], \"final\": "
        "{\"seeds\": [1, 2]}}";
    mb_sweep_totals totals;
    expect_start(&folder, plan, "strict1.db", mb_train_runs, 1, &totals);
    expect_start(&folder, plan, "strict2.db", mb_train_runs, 2, &totals);
    assert_int_equal(totals.runs_trained, 20);
    assert_int_equal(same_results(&folder, "strict1.db", "strict2.db"), 20);
    check_cell("strict1.db", 0, 2, "\"hidden_dim\":8,", NAN);
}

static void test_halves(void **state) {
    (void)state;
    char plan[1024];
    mb_sweep_totals totals;
    write_plan(plan, sizeof plan, "mer.h5", "16", "1", ""); // half of the next plan
    expect_start(&folder, plan, "halves.db", mb_train_runs, 2, &totals);
    assert_int_equal(totals.runs_trained, 5);
    write_plan(plan, sizeof plan, "mer.h5", "8, 16", "1", "1, 2");
    expect_start(&folder, plan, "halves.db", mb_train_runs, 2, &totals);
    assert_int_equal(totals.runs_trained, 10);
    expect_start(&folder, plan, "whole.db", mb_train_runs, 2, &totals);
    assert_int_equal(totals.runs_trained, 15);
    assert_int_equal(same_results(&folder, "halves.db", "whole.db"), 20);
    assert_int_equal(same_results(&folder, "whole.db", "halves.db"), 20);
}

// ---- refusals ---------------------------------------------------------------------------------

static void refuse(const char *text, const char *message) {
    mb_sweep_plan plan;
    mb_sweep *sweep = NULL;
    mb_error error = {.message = ""};
    mb_status status = sweep_plan_from(&folder, text, &plan, &error);
    if (status == MB_OK || plan.findings.count > 0)
        status = mb_sweep_open(&plan, &sweep, &error);
    mb_sweep_close(sweep);
    mb_sweep_plan_free(&plan);
    if (status != MB_BAD_INPUT || strstr(error.message, message) == NULL)
        fail_msg("expected '%s', found %d '%s'", message, status, error.message);
}

static void test_refused(void **state) {
    (void)state;
#define PLAN(corpus, head, cell)                                                                   \
    "{\"name\": \"p\"" head ", \"corpora\": {\"c\": \"" corpus "\"}, \"cells\": [{\"corpus\": "    \
    "\"c\", \"model\": \"attention\", " cell "}], \"final\": {\"seeds\": [1]}}"
    refuse(PLAN("none.h5", "", SYNTH_FEATURES), "plan.json: corpora.c: ");
    refuse(PLAN("quick.h5", "", "\"feature\": \"synth-txt-UTT\""),
           "plan.json: cells[0]: audio: unknown feature \"synth-txt-UTT\"; did you mean "
           "\"synth-text-UTT\"?");
    refuse(PLAN("iemocap.h5", ", \"selection\": \"emoval\"", SYNTH_FEATURES),
           "plan.json: cells[0]: the selection metric \"emoval\" is not defined for IEMOCAPFour, "
           "which has no values");
    refuse(PLAN("quick.h5", ", \"epoch\": 1",
                "\"features\": {\"audio\": \"a\", \"text\": "
                "\"synth-text-UTT\", \"video\": \"v\"}, \"lable\": 1"),
           "plan.json: unknown key \"epoch\"; did you mean \"epochs\"?\n"
           "plan.json: cells[0]: unknown key \"lable\"; did you mean \"label\"?\n"
           "plan.json: cells[0]: audio: unknown feature \"a\"; known: synth-audio-UTT, "
           "synth-text-UTT, synth-video-UTT\n"
           "plan.json: cells[0]: video: unknown feature \"v\"; known: ");
    refuse("{\"name\": \"p\", \"corpora\": {\"a\": \"none.h5\", \"b\": \"gone.h5\", \"c\": "
           "\"quick.h5\", \"unused\": \"no.h5\"}, \"cells\": [{\"corpus\": [\"a\", \"b\", \"c\"], "
           "\"model\": [\"attention\", \"mult\"], \"feature\": \"X\"}], \"final\": {\"seeds\": "
           "[-1]}}",
           "plan.json: final.seeds[0]: expected an integer 0..4294967295, found -1\n"
           "plan.json: corpora.a: ");
#undef PLAN
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choice),      cmocka_unit_test(test_shared_seeds),
        cmocka_unit_test(test_power_cuts),  cmocka_unit_test(test_failures),
        cmocka_unit_test(test_threads),     cmocka_unit_test(test_halves),
        cmocka_unit_test(test_strict),      cmocka_unit_test(test_refused),
        cmocka_unit_test(test_lost_device),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
