// The protocol strict: a setting for each fold, joined results, and no leak of held-out or test
// labels into any choice.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "merbench/philox.h"
#include "sweep_compare.h"

static sweep_folder folder;

static int set_up(void **state) {
    (void)state;
    sweep_folder_open(&folder);
    sweep_folder_add(&folder, "iemocap.h5", "IEMOCAPFour", 0.01, false);
    sweep_folder_add(&folder, "mer.h5", "MER2023", 0.01, false);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    sweep_folder_close(&folder);
    return 0;
}

static void start(const char *plan, const char *results, mb_train_function train, int32_t threads,
                  mb_sweep_totals *totals) {
    mb_error error = {.message = ""};
    mb_pool_config config = {
        .backend = &mb_cpu_backend, .train = train, .threads = threads, .array_size = 1};
    if (sweep_start(&folder, plan, results, &config, totals, &error) != MB_OK)
        fail_msg("%s", error.message);
}

static void write_plan(char *text, size_t size, const char *protocol, const char *corpus,
                       const char *grid, const char *final) {
    snprintf(text, size,
             "{\"name\": \"p\", \"protocol\": \"%s\", \"epochs\": 3, \"corpora\": {\"c\": \"%s\"}, "
             "\"grid\": {%s}, \"cells\": [{\"corpus\": \"c\", \"model\": \"attention\", "
             "%s}], \"search\": {\"method\": \"grid\", \"seeds\": [1, 2]}%s}",
             protocol, corpus, grid, SYNTH_FEATURES, final);
}

static mb_ledger_plan *load_plan(mb_ledger *ledger, int32_t *count) {
    mb_error error = {.message = ""};
    mb_ledger_plan *plans = NULL;
    if (mb_ledger_get_plans(ledger, &plans, count, &error) != MB_OK)
        fail_msg("%s", error.message);
    return plans;
}

static mb_ledger_entry *load_entries(mb_ledger *ledger, const mb_ledger_plan *plan, bool final,
                                     int32_t *count) {
    mb_error error = {.message = ""};
    mb_ledger_entry *entries = NULL;
    if (mb_ledger_get_entries(ledger, plan->digest, 0, final, &entries, count, &error) != MB_OK)
        fail_msg("%s", error.message);
    return entries;
}

// ---- settings of folds ------------------------------------------------------------------------

static const mb_part *part_of(const mb_run_spec *spec, int32_t i) {
    return i < 0 ? &spec->fold->held : &spec->tests[i];
}

static mb_predictions predict(const mb_run_spec *spec, const mb_part *part, float value) {
    mb_predictions p = {.count = part->count};
    size_t count = (size_t)part->count, classes = (size_t)spec->config.class_count;
    p.logits = calloc(count * classes + 1, sizeof(float));
    if (spec->config.value_count > 0)
        p.values = calloc(count + 1, sizeof(float));
    for (size_t i = 0; i < count && p.values != NULL; i++)
        p.values[i] = value;
    return p;
}

// hidden_dim 8 is better on even folds, 16 on odd ones. Predicted values are hidden_dim / 100.
static mb_status made_up(mb_device_cache *cache, const mb_run_spec *spec, int32_t run_count,
                         const atomic_int *stop, atomic_llong *steps_done, mb_run_result *r,
                         mb_error *error) {
    (void)cache;
    (void)stop;
    (void)error;
    assert_int_equal(run_count, 1);
    int hidden = (int)spec->config.options[mb_model_option(spec->model, "hidden_dim")];
    bool better = (hidden == 8) == (spec->fold_index % 2 == 0);
    *r = (mb_run_result){.status = MB_RUN_DONE, .broken_epoch = -1, .epochs_done = 1, .steps = 1};
    r->epochs = calloc(1, sizeof *r->epochs);
    r->epochs[0] = (mb_epoch){1, 1, better ? 0.75 : 0.5};
    r->select = r->held = mb_no_scores();
    r->select_predictions = predict(spec, &spec->fold->select, 0);
    r->test_count = spec->selection_only ? 0 : spec->test_count;
    r->tests = calloc((size_t)spec->test_count + 1, sizeof *r->tests);
    if (!spec->selection_only) {
        r->held_predictions = predict(spec, part_of(spec, -1), (float)hidden / 100);
        r->held.waf = hidden + spec->fold_index / 10.0;
    }
    for (int32_t t = 0; t < r->test_count; t++)
        r->tests[t] = predict(spec, part_of(spec, t), (float)hidden / 100);
    atomic_fetch_add(steps_done, 1);
    return MB_OK;
}

static void assert_choices(const mb_ledger_cell *cell) {
    assert_int_equal(cell->choice_count, 5);
    for (int32_t k = 0; k < 5; k++) {
        assert_int_equal(cell->choices[k].fold, k);
        assert_non_null(strstr(cell->choices[k].setting,
                               k % 2 == 0 ? "\"hidden_dim\":8," : "\"hidden_dim\":16,"));
        assert_true(cell->choices[k].selection == 0.75);
        assert_string_equal(cell->choices[k].doubt, "");
    }
}

// Run k of a result is that of the setting of fold k.
static void assert_members(mb_ledger *ledger, const char *key) {
    mb_error error = {.message = ""};
    for (int32_t k = 0; k < 5; k++) {
        char member[33];
        mb_ledger_trial trial;
        mb_run_result run;
        assert_int_equal(mb_ledger_get_member(ledger, key, k, member, &error), MB_OK);
        assert_string_not_equal(member, key);
        assert_int_equal(mb_ledger_get_trial(ledger, member, &trial, &error), MB_OK);
        assert_non_null(
            strstr(trial.description, k % 2 == 0 ? "\"hidden_dim\":8" : "\"hidden_dim\":16"));
        mb_ledger_trial_free(&trial);
        load_run(ledger, key, k, &run);
        assert_true(run.held.waf == (k % 2 == 0 ? 8 : 16) + k / 10.0);
        mb_run_result_free(&run);
    }
}

// Counts the runs of a ledger that have predictions on other parts than the selection part.
static int scored_runs(mb_ledger *ledger, const mb_ledger_plan *plan) {
    int32_t count;
    int scored = 0;
    mb_ledger_entry *entries = load_entries(ledger, plan, false, &count);
    for (int32_t i = 0; i < count; i++)
        for (int32_t k = 0; k < 5; k++) {
            mb_error error;
            mb_ledger_summary run;
            assert_int_equal(mb_ledger_get_summary(ledger, entries[i].key, k, &run, &error), MB_OK);
            bool chosen =
                (strstr(entries[i].description, "\"hidden_dim\":8,") != NULL) == (k % 2 == 0);
            bool all_parts = run.extent == MB_LEDGER_ALL_PARTS;
            assert_true(chosen || !all_parts); // never a run that was not chosen
            scored += all_parts;
        }
    mb_ledger_entries_free(entries, count);
    return scored;
}

static void test_settings_of_folds(void **state) {
    (void)state;
    static const struct {
        const char *corpus, *final;
        int runs, scored, results;
    } cases[] = {
        // 20 runs of the search, 10 of them once more, for their other parts
        {"iemocap.h5", "", 30, 10, 2},
        {"mer.h5", "", 30, 10, 2},
        // seed 1 once more, seeds 3 and 4 of the chosen settings alone
        {"iemocap.h5", ", \"final\": {\"seeds\": [1, 3, 4]}", 35, 5, 3},
        {"mer.h5", ", \"final\": {\"seeds\": [3, 4]}", 30, 0, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char plan[1024], results[32];
        mb_sweep_totals totals;
        int32_t plan_count, count;
        snprintf(results, sizeof results, "folds%zu.db", i);
        write_plan(plan, sizeof plan, "strict", cases[i].corpus, "\"hidden_dim\": [8, 16]",
                   cases[i].final);
        for (int again = 0; again < 2; again++) {
            start(plan, results, made_up, 2, &totals);
            assert_int_equal(totals.runs_trained, again ? 0 : cases[i].runs);
            assert_int_equal(totals.runs_done, totals.runs);
        }
        mb_ledger *ledger = open_results(&folder, results);
        mb_ledger_plan *plans = load_plan(ledger, &plan_count);
        assert_choices(&plans[0].cells[0]);
        assert_int_equal(scored_runs(ledger, &plans[0]), cases[i].scored);
        mb_ledger_entry *entries = load_entries(ledger, &plans[0], true, &count);
        assert_int_equal(count, cases[i].results);
        for (int32_t e = 0; e < count; e++) {
            assert_true(entries[e].finished && !entries[e].scores.diverged);
            assert_true(entries[e].scores.selection == 0.75);
            assert_members(ledger, entries[e].key);
            const mb_part_scores *parts = entries[e].scores.parts;
            assert_string_equal(parts[0].name, "folds");
            assert_true(fabs(parts[0].scores.waf - (11.2 + 0.2)) < 1e-12); // mean of held.waf
            assert_int_equal(entries[e].scores.part_count, i % 2 == 0 ? 1 : 5);
        }
        mb_ledger_entries_free(entries, count);
        mb_ledger_plans_free(plans, plan_count);
        mb_ledger_close(ledger);
    }
}

// ---- labels that must not matter --------------------------------------------------------------

static void redraw(mb_corpus *corpus, const mb_part *part) {
    mb_key key = mb_key_make(77, 0);
    for (int32_t i = 0; i < part->count; i++) {
        int32_t row = part->rows[i];
        corpus->emotions[row] = (int32_t)mb_random_below(key, MB_RANDOM_FOLDS, 9, (uint64_t)row,
                                                         (uint32_t)corpus->rules->class_count);
        if (corpus->rules->value_count > 0)
            corpus->valences[row] = -corpus->valences[row];
    }
}

// A copy of a corpus of the folder with other labels in the held-out part of a fold, and in all
// test sets.
static void replace_labels(const char *from, const char *to, int32_t fold) {
    char path[256];
    mb_corpus corpus;
    mb_fold_set folds;
    mb_error error = {.message = ""};
    snprintf(path, sizeof path, "%s/%s", folder.path, from);
    assert_int_equal(mb_corpus_open(path, &corpus, &error), MB_OK);
    for (int32_t f = 0; f < corpus.feature_count; f++) {
        const mb_feature *loaded;
        assert_int_equal(mb_corpus_load(&corpus, corpus.features[f].name, &loaded, &error), MB_OK);
    }
    assert_int_equal(mb_folds_make(&corpus, MB_PROTOCOL_STRICT, 1, &folds, &error), MB_OK);
    redraw(&corpus, &folds.folds[fold].held);
    for (int32_t t = 0; t < folds.test_count; t++)
        redraw(&corpus, &folds.tests[t]);
    mb_folds_free(&folds);
    snprintf(path, sizeof path, "%s/%s", folder.path, to);
    if (mb_corpus_write(&corpus, NULL, 0, path, true, &error) != MB_OK)
        fail_msg("%s", error.message);
    mb_corpus_close(&corpus);
}

// Returns whether the scores of the held-out part differ.
static bool assert_same_run(mb_ledger *left, mb_ledger *right, const char *a, const char *b,
                            int32_t fold) {
    mb_run_result l, r;
    mb_part names[3] = {{.name = "test1"}, {.name = "test2"}, {.name = "test3"}};
    char difference[384] = "";
    load_run(left, a, fold, &l);
    load_run(right, b, fold, &r);
    assert_true(l.held_predictions.count > 0);
    bool differ = l.held.waf != r.held.waf;
    r.held = l.held;
    mb_run_spec spec = {.config = {.class_count = 4}, .tests = names, .test_count = l.test_count};
    if (!mb_runs_equal(&l, &r, &spec, difference, sizeof difference))
        fail_msg("fold %d: %s", fold, difference);
    mb_run_result_free(&l);
    mb_run_result_free(&r);
    return differ;
}

// With other labels in the held-out part of fold k and in the test sets, fold k has the same
// choice, trains the same weights and predicts the same.
static void test_held_labels(void **state) {
    (void)state;
    static const char *const corpora[] = {"iemocap.h5", "mer.h5"};
    int differing = 0; // a small part may have the same score by chance
    for (int i = 0; i < 10; i++) {
        char plan[1024], other[32], results[32], other_results[32];
        mb_sweep_totals totals;
        int32_t fold = i % 5, plan_count, count, other_count;
        snprintf(other, sizeof other, "other%d.h5", i);
        snprintf(results, sizeof results, "held%d.db", i / 5);
        snprintf(other_results, sizeof other_results, "other%d.db", i);
        replace_labels(corpora[i / 5], other, fold);
        static const char grid[] = "\"hidden_dim\": [8, 16], \"learning_rate\": [0.01, 0.001]";
        write_plan(plan, sizeof plan, "strict", corpora[i / 5], grid,
                   ", \"final\": {\"seeds\": [3]}");
        start(plan, results, mb_train_runs, 2, &totals);
        write_plan(plan, sizeof plan, "strict", other, grid, ", \"final\": {\"seeds\": [3]}");
        start(plan, other_results, mb_train_runs, 2, &totals);
        mb_ledger *left = open_results(&folder, results);
        mb_ledger *right = open_results(&folder, other_results);
        mb_ledger_plan *plans = load_plan(left, &plan_count);
        mb_ledger_plan *others = load_plan(right, &plan_count);
        const mb_ledger_choice *a = &plans[0].cells[0].choices[fold],
                               *b = &others[0].cells[0].choices[fold];
        assert_string_equal(a->setting, b->setting);
        assert_true(a->selection == b->selection);
        mb_ledger_entry *entries = load_entries(left, &plans[0], true, &count);
        mb_ledger_entry *other_entries = load_entries(right, &others[0], true, &other_count);
        assert_int_equal(count, 1);
        assert_int_equal(other_count, 1);
        differing += assert_same_run(left, right, entries[0].key, other_entries[0].key, fold);
        mb_ledger_entries_free(entries, count);
        mb_ledger_entries_free(other_entries, other_count);
        mb_ledger_plans_free(plans, 1);
        mb_ledger_plans_free(others, 1);
        mb_ledger_close(left);
        mb_ledger_close(right);
    }
    assert_in_range(differing, 6, 10);
}

// ---- corpora without a signal -----------------------------------------------------------------

enum { SILENT_CORPORA = 24, SETTINGS = 6 };

static const char *const hidden_dims[SETTINGS] = {"4", "8", "12", "16", "24", "32"};

static void make_silent(uint32_t seed) {
    mb_synth_options options;
    mb_corpus corpus = {0};
    mb_error error = {.message = ""};
    char path[256];
    snprintf(path, sizeof path, "%s/silent.h5", folder.path);
    unlink(path);
    assert_int_equal(mb_synth_defaults(mb_dataset_find("IEMOCAPFour"), &options, &error), MB_OK);
    options.seed = seed;
    options.scale = 0.01;
    for (int m = 0; m < MB_MODALITY_COUNT; m++) {
        options.dims[m] = 3 + m;
        options.signal[m] = 0;
    }
    assert_int_equal(mb_synth_make(&options, &corpus, &error), MB_OK);
    assert_int_equal(mb_corpus_write(&corpus, NULL, 0, path, true, &error), MB_OK);
    mb_corpus_close(&corpus);
}

// The WAF of the only result of a cell.
static double score_of(mb_ledger *ledger, const mb_ledger_plan *plan, int32_t cell) {
    mb_error error = {.message = ""};
    mb_ledger_entry *entries = NULL;
    int32_t count = 0;
    assert_int_equal(
        mb_ledger_get_entries(ledger, plan->digest, cell, true, &entries, &count, &error), MB_OK);
    assert_int_equal(count, 1);
    double score = entries[0].scores.score.waf;
    assert_true(isfinite(score));
    mb_ledger_entries_free(entries, count);
    return score;
}

// The score of the chosen settings.
static double score_of_search(const char *protocol) {
    char plan[1024], grid[256] = "\"hidden_dim\": [4, 8, 12, 16, 24, 32]";
    mb_sweep_totals totals;
    int32_t plan_count;
    snprintf(plan, sizeof plan,
             "{\"name\": \"p\", \"protocol\": \"%s\", \"epochs\": 4, \"corpora\": {\"c\": "
             "\"silent.h5\"}, \"grid\": {%s}, \"cells\": [{\"corpus\": \"c\", \"model\": "
             "\"attention\", %s}], \"search\": {\"method\": \"grid\", \"seeds\": [1]}, "
             "\"final\": {\"seeds\": [1]}}",
             protocol, grid, SYNTH_FEATURES);
    start(plan, "silent.db", mb_train_runs, 2, &totals);
    mb_ledger *ledger = open_results(&folder, "silent.db");
    mb_ledger_plan *plans = load_plan(ledger, &plan_count);
    double score = score_of(ledger, &plans[0], 0);
    mb_ledger_plans_free(plans, plan_count);
    mb_ledger_close(ledger);
    return score;
}

// The mean score of all settings, trained as cells without a search.
static double score_of_all(const char *protocol) {
    char plan[4096];
    mb_sweep_totals totals;
    int32_t plan_count;
    size_t length = (size_t)snprintf(plan, sizeof plan,
                                     "{\"name\": \"all\", \"protocol\": \"%s\", \"epochs\": 4, "
                                     "\"corpora\": {\"c\": \"silent.h5\"}, \"final\": "
                                     "{\"seeds\": [1]}, \"cells\": [",
                                     protocol);
    for (int i = 0; i < SETTINGS; i++)
        length += (size_t)snprintf(plan + length, sizeof plan - length,
                                   "%s{\"corpus\": \"c\", \"model\": \"attention\", "
                                   "\"settings\": {\"hidden_dim\": %s}, %s}%s",
                                   i > 0 ? ", " : "", hidden_dims[i], SYNTH_FEATURES,
                                   i + 1 < SETTINGS ? "" : "]}");
    start(plan, "silent.db", mb_train_runs, 2, &totals);
    mb_ledger *ledger = open_results(&folder, "silent.db");
    mb_ledger_plan *plans = load_plan(ledger, &plan_count);
    double sum = 0;
    for (int i = 0; i < SETTINGS; i++)
        sum += score_of(ledger, &plans[0], i);
    mb_ledger_plans_free(plans, plan_count);
    mb_ledger_close(ledger);
    return sum / SETTINGS;
}

// How much better the chosen settings are than all of them, in standard errors of the mean over
// the corpora.
static double advantage(const char *protocol) {
    double sum = 0, squares = 0, n = SILENT_CORPORA;
    for (uint32_t seed = 1; seed <= SILENT_CORPORA; seed++) {
        char path[256];
        snprintf(path, sizeof path, "%s/silent.db", folder.path);
        unlink(path);
        make_silent(seed);
        double difference = score_of_search(protocol) - score_of_all(protocol);
        sum += difference;
        squares += difference * difference;
    }
    double mean = sum / n, variance = (squares - sum * mean) / (n - 1);
    return mean / sqrt(variance / n);
}

// Where there is nothing to learn, the chosen settings are no better than the others by more than
// chance. Under mertools IEMOCAP is scored where it is selected, which shows that the test can
// tell.
static void test_nothing_to_learn(void **state) {
    (void)state;
    double strict = advantage("strict"), mertools = advantage("mertools");
    if (fabs(strict) > 3.5)
        fail_msg("strict: the chosen settings are better by %g standard errors", strict);
    if (mertools < 5)
        fail_msg("mertools: expected an advantage of at least 5 standard errors, found %g",
                 mertools);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings_of_folds),
        cmocka_unit_test(test_held_labels),
        cmocka_unit_test(test_nothing_to_learn),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
