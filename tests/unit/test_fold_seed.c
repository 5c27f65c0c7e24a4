// Random folds in sweeps: under mertools each seed has its own, under strict fold_seed draws them
// for all seeds.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sweep/trial_spec.h"
#include "sweep_compare.h"

enum { FOLDS = 5, SEEDS = 2, MOST_ROWS = 64 };

static sweep_folder folder;

static int set_up(void **state) {
    (void)state;
    sweep_folder_open(&folder);
    sweep_folder_add(&folder, "mer.h5", "MER2023", 0.01, false);
    sweep_folder_add(&folder, "iemocap.h5", "IEMOCAPFour", 0.01, false);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    sweep_folder_close(&folder);
    return 0;
}

// The training parts of the runs of a sweep, by seed and fold.
typedef struct drawn {
    int32_t counts[SEEDS][FOLDS], rows[SEEDS][FOLDS][MOST_ROWS];
} drawn;

static drawn trained; // by the last sweep

static mb_status train(mb_device_cache *cache, const mb_run_spec *specs, int32_t run_count,
                       const atomic_int *stop, atomic_llong *steps_done, mb_run_result *results,
                       mb_error *error) {
    for (int32_t i = 0; i < run_count; i++) {
        const mb_part *part = &specs[i].fold->train;
        int32_t seed = (int32_t)specs[i].seed - 1, fold = specs[i].fold_index;
        assert_true(part->count <= MOST_ROWS);
        trained.counts[seed][fold] = part->count;
        memcpy(trained.rows[seed][fold], part->rows, (size_t)part->count * sizeof *part->rows);
    }
    return mb_train_runs(cache, specs, run_count, stop, steps_done, results, error);
}

// Trains the seeds 1 and 2 on a corpus and returns the number of runs that were trained. `head`
// goes into the plan.
static int64_t sweep(const char *head, const char *corpus, const char *results, drawn *found) {
    char plan[1024];
    mb_sweep_totals totals;
    mb_error error = {.message = ""};
    mb_pool_config config = {
        .backend = &mb_cpu_backend, .train = train, .threads = 1, .array_size = 1};
    snprintf(plan, sizeof plan,
             "{\"name\": \"f\", %s \"epochs\": 1, \"corpora\": {\"c\": \"%s\"}, \"cells\": "
             "[{\"corpus\": \"c\", \"model\": \"attention\", \"settings\": {\"hidden_dim\": "
             "8}, " SYNTH_FEATURES "}], \"final\": {\"seeds\": [1, 2]}}",
             head, corpus);
    memset(&trained, 0, sizeof trained);
    if (sweep_start(&folder, plan, results, &config, &totals, &error) != MB_OK)
        fail_msg("%s", error.message);
    if (found != NULL)
        *found = trained;
    return totals.runs_trained;
}

static bool same_folds(const drawn *a, int seed_a, const drawn *b, int seed_b) {
    assert_true(a->counts[seed_a][0] > 0 && b->counts[seed_b][0] > 0);
    return memcmp(a->counts[seed_a], b->counts[seed_b], sizeof a->counts[0]) == 0 &&
           memcmp(a->rows[seed_a], b->rows[seed_b], sizeof a->rows[0]) == 0;
}

static void test_strict(void **state) {
    (void)state;
    drawn usual, one, two;
    assert_int_equal(sweep("\"protocol\": \"strict\",", "mer.h5", "s.db", &usual), 10);
    assert_true(same_folds(&usual, 0, &usual, 1));
    assert_int_equal(sweep("\"protocol\": \"strict\", \"fold_seed\": 1,", "mer.h5", "one.db", &one),
                     10);
    assert_true(same_folds(&one, 0, &usual, 0));
    // Other folds are other trials: those of the first sweep do not count.
    assert_int_equal(sweep("\"protocol\": \"strict\", \"fold_seed\": 2,", "mer.h5", "s.db", &two),
                     10);
    assert_true(same_folds(&two, 0, &two, 1));
    assert_false(same_folds(&two, 0, &usual, 0));
}

static void test_mertools(void **state) {
    (void)state;
    drawn found;
    assert_int_equal(sweep("", "mer.h5", "m.db", &found), 10);
    assert_false(same_folds(&found, 0, &found, 1));
}

// Where folds are not random, fold_seed is no part of a trial.
static void test_sessions(void **state) {
    (void)state;
    assert_int_equal(
        sweep("\"protocol\": \"strict\", \"fold_seed\": 1,", "iemocap.h5", "i.db", NULL), 10);
    assert_int_equal(
        sweep("\"protocol\": \"strict\", \"fold_seed\": 2,", "iemocap.h5", "i.db", NULL), 0);
}

// ---- descriptions -----------------------------------------------------------------------------

// The folds of a trial, from its description.
static void check_description(const char *description, const drawn *expected) {
    char path[256];
    mb_error error = {.message = ""};
    mb_trial trial;
    mb_trial_spec spec;
    const mb_corpus *corpus;
    mb_store *store = mb_store_create(MB_PROTOCOL_STRICT);
    snprintf(path, sizeof path, "%s/mer.h5", folder.path);
    if (mb_trial_parse("description", description, &trial, &error) != MB_OK ||
        mb_store_corpus(store, path, &corpus, &error) != MB_OK ||
        mb_trial_spec_make(store, &trial, corpus, NULL, &spec, &error) != MB_OK)
        fail_msg("%s", error.message);
    assert_int_equal(trial.fold_seed, 3);
    assert_int_equal(spec.folds->fold_count, FOLDS);
    for (int k = 0; k < FOLDS; k++) {
        const mb_part *part = &spec.folds->folds[k].train;
        assert_int_equal(part->count, expected->counts[0][k]);
        assert_memory_equal(part->rows, expected->rows[0][k],
                            (size_t)part->count * sizeof *part->rows);
    }
    mb_store_close(store);
    mb_trial_free(&trial);
}

// A replay, which knows the description alone, gets the folds of the sweep.
static void test_read_back(void **state) {
    (void)state;
    drawn found;
    mb_error error = {.message = ""};
    mb_ledger_plan *plans = NULL;
    mb_ledger_entry *entries = NULL;
    int32_t plan_count = 0, count = 0;
    sweep("\"protocol\": \"strict\", \"fold_seed\": 3,", "mer.h5", "r.db", &found);
    mb_ledger *ledger = open_results(&folder, "r.db");
    assert_int_equal(mb_ledger_get_plans(ledger, &plans, &plan_count, &error), MB_OK);
    assert_int_equal(
        mb_ledger_get_entries(ledger, plans[0].digest, 0, true, &entries, &count, &error), MB_OK);
    assert_int_equal(count, SEEDS);
    for (int32_t i = 0; i < count; i++)
        check_description(entries[i].description, &found);
    mb_ledger_entries_free(entries, count);
    mb_ledger_plans_free(plans, plan_count);
    mb_ledger_close(ledger);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strict),
        cmocka_unit_test(test_mertools),
        cmocka_unit_test(test_sessions),
        cmocka_unit_test(test_read_back),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
