// What is recorded of a run, and when it is trained again: parts on demand, other devices, runs of
// earlier versions, plans whose corpus has changed.
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

// Counts the search trials of a cell that have predictions on parts other than the selection part.
static int scored_in_search(const char *results, int32_t *chosen_runs) {
    mb_ledger *ledger = open_results(&folder, results);
    mb_error error = {.message = ""};
    mb_ledger_plan *plans = NULL;
    mb_ledger_entry *entries = NULL;
    int32_t plan_count = 0, count = 0;
    int scored = 0;
    assert_int_equal(mb_ledger_get_plans(ledger, &plans, &plan_count, &error), MB_OK);
    assert_int_equal(
        mb_ledger_get_entries(ledger, plans[0].digest, 0, false, &entries, &count, &error), MB_OK);
    *chosen_runs = 0;
    for (int32_t i = 0; i < count; i++) {
        mb_ledger_trial trial;
        bool chosen = strstr(entries[i].description, "\"hidden_dim\":16") != NULL;
        assert_int_equal(mb_ledger_get_trial(ledger, entries[i].key, &trial, &error), MB_OK);
        for (int32_t k = 0; k < trial.fold_count; k++) {
            mb_ledger_summary run;
            assert_int_equal(mb_ledger_get_summary(ledger, trial.key, k, &run, &error), MB_OK);
            *chosen_runs += chosen && run.extent == MB_LEDGER_ALL_PARTS;
            scored += !chosen && run.extent == MB_LEDGER_ALL_PARTS;
        }
        assert_int_equal(isnan(entries[i].scores.score.waf), !chosen);
        mb_ledger_trial_free(&trial);
    }
    mb_ledger_entries_free(entries, count);
    mb_ledger_plans_free(plans, plan_count);
    mb_ledger_close(ledger);
    return scored;
}

// Only the chosen setting is recorded on its other parts. Under strict it is evaluated on them only
// after the choice, for which it is trained again.
static void test_parts_of_the_chosen(void **state) {
    (void)state;
    static const char *const finals[] = {"", "1"};
    for (int i = 0; i < 4; i++) {
        char plan[1024], text[1100], results[32];
        mb_sweep_totals totals;
        int32_t chosen = 0;
        snprintf(results, sizeof results, "parts%d.db", i);
        write_plan(plan, sizeof plan, "mer.h5", "8, 16, 64", "1", finals[i % 2]);
        protocol_plan(text, sizeof text, i < 2 ? "mertools" : "strict", plan);
        atomic_store(&calls_left, FOREVER);
        atomic_store(&others_evaluated, 0);
        expect_start(&folder, text, results, make_up, 2, &totals);
        assert_int_equal(totals.runs, i < 2 ? 15 : 20);
        assert_int_equal(totals.runs_trained, totals.runs);
        assert_int_equal(atomic_load(&others_evaluated), i < 2 ? 15 : 5);
        assert_int_equal(scored_in_search(results, &chosen), 0);
        assert_int_equal(chosen, 5);
    }
}

// A trainer that gives other results the second time.
static mb_status drift(mb_device_cache *cache, const mb_run_spec *specs, int32_t run_count,
                       const atomic_int *stop, atomic_llong *steps_done, mb_run_result *results,
                       mb_error *error) {
    mb_status status = make_up(cache, specs, run_count, stop, steps_done, results, error);
    if (status == MB_OK && !specs->selection_only)
        results[0].epochs[0].train_loss += 0.5;
    return status;
}

static void test_drift(void **state) {
    (void)state;
    char quick[1024], plan[1100];
    mb_sweep_totals totals = {0};
    mb_error error = {.message = ""};
    mb_pool_config config = config_of(drift, 1);
    write_plan(quick, sizeof quick, "quick.h5", "8, 16", "1", "");
    protocol_plan(plan, sizeof plan, "strict", quick);
    atomic_store(&calls_left, FOREVER);
    assert_int_equal(sweep_start(&folder, plan, "drift.db", &config, &totals, &error), MB_FAILED);
    assert_non_null(strstr(error.message,
                           "trained again on the same device, the run gives other results "
                           "than before: training loss of epoch 1: stored 1, now 1.5"));
    assert_non_null(strstr(error.message, "2 of 3 runs are done"));
    // Another device may give other results, which replace the recorded ones.
    sweep_device = "another";
    assert_int_equal(sweep_start(&folder, plan, "drift.db", &config, &totals, &error), MB_OK);
    sweep_device = "test";
    assert_int_equal(totals.runs_trained, 1);
    assert_int_equal(totals.runs_moved, 1);
}

// A trainer on another device: every selection value that is computed again is lower than before.
static mb_status fall(mb_device_cache *cache, const mb_run_spec *specs, int32_t run_count,
                      const atomic_int *stop, atomic_llong *steps_done, mb_run_result *results,
                      mb_error *error) {
    mb_status status = make_up(cache, specs, run_count, stop, steps_done, results, error);
    if (status == MB_OK)
        results[0].epochs[0].select_metric -= 0.5;
    return status;
}

// Under strict a choice is made once. When the chosen runs are trained again on another device and
// have other selection values there, the next start does not choose anew, and no other run is
// evaluated on parts that decide nothing.
static void test_choices_stay(void **state) {
    (void)state;
    char plan[1100], quick[1024];
    mb_sweep_totals totals = {0};
    mb_error error = {.message = ""};
    mb_pool_config config = config_of(make_up, 1);
    write_plan(quick, sizeof quick, "mer.h5", "8, 16, 64", "1", "1");
    protocol_plan(plan, sizeof plan, "strict", quick);
    atomic_store(&calls_left, 15); // the search alone: then the power is cut
    assert_int_equal(sweep_start(&folder, plan, "stay.db", &config, &totals, &error), MB_FAILED);
    assert_int_equal(totals.runs_trained, 15);
    atomic_store(&calls_left, FOREVER);
    sweep_device = "another";
    for (int again = 0; again < 3; again++) {
        int32_t chosen = 0;
        expect_start(&folder, plan, "stay.db", fall, 1, &totals);
        assert_int_equal(totals.runs_trained, again == 0 ? 5 : 0);
        assert_int_equal(totals.runs_moved, again == 0 ? 5 : 0);
        mb_ledger *ledger = open_results(&folder, "stay.db");
        mb_ledger_plan *plans = NULL;
        int32_t plan_count = 0;
        assert_int_equal(mb_ledger_get_plans(ledger, &plans, &plan_count, &error), MB_OK);
        assert_int_equal(plans[0].cells[0].choice_count, 5);
        for (int32_t k = 0; k < 5; k++) {
            const mb_ledger_choice *choice = &plans[0].cells[0].choices[k];
            assert_non_null(strstr(choice->setting, "\"hidden_dim\":16,"));
            assert_true(choice->selection == 0.625); // what it was chosen by
        }
        mb_ledger_plans_free(plans, plan_count);
        mb_ledger_close(ledger);
        assert_int_equal(scored_in_search("stay.db", &chosen), 0);
        assert_int_equal(chosen, 5);
    }
    sweep_device = "test";
}

// A cell with a single setting wants all parts of its trial at once. A search that has the trial,
// too, does not make it be trained twice, wherever it stands in the plan.
static void test_shared_trial(void **state) {
    (void)state;
    for (int first = 0; first < 2; first++) {
        char plan[2048], results[32];
        const char *search = "{\"corpus\": \"c\", \"model\": \"attention\", \"grid\": "
                             "{\"hidden_dim\": [8, 16]}, " SYNTH_FEATURES "}";
        const char *single = "{\"corpus\": \"c\", \"model\": \"attention\", \"settings\": "
                             "{\"hidden_dim\": 8}, " SYNTH_FEATURES "}";
        mb_sweep_totals totals;
        snprintf(results, sizeof results, "twice%d.db", first);
        snprintf(plan, sizeof plan,
                 "{\"name\": \"p\", \"protocol\": \"strict\", \"epochs\": 3, \"corpora\": "
                 "{\"c\": \"iemocap.h5\"}, \"cells\": [%s, %s], \"search\": {\"method\": "
                 "\"grid\", \"seeds\": [1]}, \"final\": {\"seeds\": [1]}}",
                 first ? single : search, first ? search : single);
        atomic_store(&calls_left, FOREVER);
        expect_start(&folder, plan, results, make_up, 1, &totals);
        assert_int_equal(totals.runs_trained, 10 + 5); // the chosen runs of 16 once more
    }
}

// A trainer of a later version, which scores the runs that earlier ones ended as diverged.
static mb_status score_all(mb_device_cache *cache, const mb_run_spec *specs, int32_t run_count,
                           const atomic_int *stop, atomic_llong *steps_done, mb_run_result *results,
                           mb_error *error) {
    mb_run_spec spec = *specs;
    spec.seed = 1;
    mb_status status = make_up(cache, &spec, run_count, stop, steps_done, results, error);
    if (status == MB_OK && specs->seed == 2) {
        results->broken_epoch = 0;
        snprintf(results->cause, sizeof results->cause, "epoch 1: made up");
    }
    return status;
}

// Under mertools, a run that an earlier version recorded as diverged is missing, unless the toolkit
// stops there. Under strict it has diverged for good.
static void test_outdated_runs(void **state) {
    (void)state;
    static const struct {
        const char *corpus, *protocol;
        int64_t trained;
    } cases[] = {
        // the diverged trial, which makes its setting the best one
        {"iemocap.h5", "mertools", 5},
        {"mer.h5", "mertools", 0},
        {"iemocap.h5", "strict", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char plan[1024], text[1100], results[32];
        mb_sweep_totals totals;
        snprintf(results, sizeof results, "outdated%zu.db", i);
        write_plan(plan, sizeof plan, cases[i].corpus, "16, 32", "1, 2", "");
        protocol_plan(text, sizeof text, cases[i].protocol, plan);
        atomic_store(&calls_left, FOREVER);
        expect_start(&folder, text, results, make_up, 1, &totals);
        assert_int_equal(totals.runs_diverged, 5);
        for (int again = 0; again < 2; again++) {
            expect_start(&folder, text, results, score_all, 1, &totals);
            assert_int_equal(totals.runs_trained, again ? 0 : cases[i].trained);
            assert_int_equal(totals.runs_broken, totals.runs_trained);
            assert_int_equal(totals.runs_done, totals.runs);
        }
        mb_ledger *ledger = open_results(&folder, results);
        mb_error error = {.message = ""};
        mb_ledger_plan *plans = NULL;
        mb_ledger_entry *entries = NULL;
        int32_t plan_count = 0, count = 0;
        assert_int_equal(mb_ledger_get_plans(ledger, &plans, &plan_count, &error), MB_OK);
        assert_int_equal(
            mb_ledger_get_entries(ledger, plans[0].digest, 0, false, &entries, &count, &error),
            MB_OK);
        assert_int_equal(count, 4);
        assert_int_equal(entries[3].scores.diverged, cases[i].trained == 0);
        assert_int_equal(entries[3].scores.broken, cases[i].trained > 0 ? 5 : 0);
        mb_ledger_entries_free(entries, count);
        mb_ledger_plans_free(plans, plan_count);
        mb_ledger_close(ledger);
    }
}

// The same plan with another corpus of the same name: the table shows the new trials alone.
static void test_changed_corpus(void **state) {
    (void)state;
    char plan[1024], path[256];
    mb_sweep_totals totals;
    write_plan(plan, sizeof plan, "changing.h5", "8, 16", "1", "1, 2");
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/changing.h5", folder.path);
        unlink(path);
        sweep_folder_add(&folder, "changing.h5", "QUICKSTART", i == 0 ? 0.1 : 0.2, false);
        atomic_store(&calls_left, FOREVER);
        expect_start(&folder, plan, "changing.db", make_up, 1, &totals);
        assert_int_equal(totals.runs_trained, 3);
    }
    mb_ledger *ledger = open_results(&folder, "changing.db");
    mb_error error = {.message = ""};
    mb_ledger_plan *plans = NULL;
    int32_t plan_count = 0;
    assert_int_equal(mb_ledger_get_plans(ledger, &plans, &plan_count, &error), MB_OK);
    assert_int_equal(plan_count, 1);
    for (int final = 0; final < 2; final++) {
        mb_ledger_entry *entries = NULL;
        int32_t count = 0;
        assert_int_equal(
            mb_ledger_get_entries(ledger, plans[0].digest, 0, final != 0, &entries, &count, &error),
            MB_OK);
        assert_int_equal(count, 2);
        mb_ledger_entries_free(entries, count);
    }
    mb_ledger_plans_free(plans, plan_count);
    mb_ledger_close(ledger);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts_of_the_chosen), cmocka_unit_test(test_drift),
        cmocka_unit_test(test_outdated_runs),       cmocka_unit_test(test_changed_corpus),
        cmocka_unit_test(test_choices_stay),        cmocka_unit_test(test_shared_trial),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
