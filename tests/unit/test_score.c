// Scores of trials, on predictions small enough to work out by hand.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sweep/score.h"

enum { FOLDS = 2 };

// Two folds over six utterances; the test rows are 5, 3, 4.
typedef struct sample {
    mb_corpus corpus;
    int32_t emotions[6];
    float valences[6];
    int32_t rows[3];
    mb_part test;
    mb_fold folds[FOLDS];
    mb_fold_set set;
    mb_epoch epochs[FOLDS][2];
    mb_predictions tests[FOLDS];
    float values[FOLDS][3];
    float logits[FOLDS][12];
    mb_run_result results[FOLDS];
} sample;

static void fill(sample *s, const char *dataset, int32_t test_count) {
    *s = (sample){
        .emotions = {0, 0, 0, 1, 2, 3},
        .valences = {0, 0, 0, 1, 0.5f, -1},
        .rows = {5, 3, 4},
        .epochs = {{{1, 1, 0.25}, {1, 1, 0.5}}, {{1, 1, 1.0}, {1, 1, 0.75}}},
        .values = {{1, -1, 2}, {-3, 0.5f, -1}},
        // Means of the raw scores: rows choose the classes 3, 0, 2.
        .logits = {{0, 0, 0, 9, 1, 0, 0, 0, 0, 0, 0, 1}, {0, 0, 2, 0, 0, 0.5f, 0, 0, 0, 0, 4, 0}},
    };
    s->corpus = (mb_corpus){.rules = mb_dataset_find(dataset),
                            .utterance_count = 6,
                            .emotions = s->emotions,
                            .valences = s->valences};
    s->test = (mb_part){.name = "test1", .count = 3, .rows = s->rows};
    s->set = (mb_fold_set){FOLDS, s->folds, test_count, &s->test};
    for (int k = 0; k < FOLDS; k++) {
        mb_run_result *r = &s->results[k];
        *r = (mb_run_result){
            .broken_epoch = -1, .epochs_done = 2, .epochs = s->epochs[k], .best_epoch = 1 - k};
        mb_scores_of(mb_dataset_labels(s->corpus.rules), 0, NULL, NULL, NULL, NULL, &r->select);
        r->held = r->select;
        r->select.waf = k == 0 ? 0.5 : 0.75;
        r->held.waf = k == 0 ? 0.25 : 0.5;
        s->tests[k] = (mb_predictions){.count = 3};
        if (s->corpus.rules->class_count > 0)
            s->tests[k].logits = s->logits[k];
        if (s->corpus.rules->value_count > 0)
            s->tests[k].values = s->values[k];
        r->test_count = test_count;
        r->tests = &s->tests[k];
    }
}

enum { MOST_PARTS = 8 };

// The parts of the last scores; they need not be freed.
static mb_part_scores parts[MOST_PARTS];

static mb_ledger_scores score(const sample *s) {
    mb_ledger_scores scores;
    mb_error error = {.message = ""};
    const mb_corpus *corpora[] = {&s->corpus};
    if (mb_score_trial(corpora, &s->set, s->results, &scores, &error) != MB_OK)
        fail_msg("%s", error.message);
    int32_t count = scores.part_count;
    assert_in_range(count, 0, MOST_PARTS);
    if (count > 0)
        memcpy(parts, scores.parts, (size_t)count * sizeof *parts);
    mb_ledger_scores_free(&scores);
    scores.part_count = count;
    return scores;
}

static void test_values_averaged(void **state) {
    (void)state;
    sample s;
    fill(&s, "CMUMOSI", 1);
    mb_ledger_scores scores = score(&s);
    // Means over folds -1, -0.25, 0.5 for the labels -1, 1, 0.5: two of three signs are right.
    assert_string_equal(scores.score_part, "test1");
    assert_true(fabs(scores.score.acc - 2.0 / 3) < 1e-12);
    assert_true(fabs(scores.score.mse - 1.25 * 1.25 / 3) < 1e-6);
    assert_true(scores.selection == 0.75); // 0.5 at epoch 1 and 1.0 at epoch 0
    assert_true(scores.select.waf == 0.625);
    assert_true(isnan(scores.select.mse));
    assert_false(scores.diverged);
}

static void test_raw_scores_averaged(void **state) {
    (void)state;
    sample s;
    fill(&s, "IEMOCAPFour", 1);
    mb_ledger_scores scores = score(&s);
    // Classes 3, 0, 2 for the labels 3, 1, 2.
    assert_true(fabs(scores.score.acc - 2.0 / 3) < 1e-12);
    assert_true(fabs(scores.score.waf - 2.0 / 3) < 1e-12);
}

static void test_without_tests(void **state) {
    (void)state;
    sample s;
    fill(&s, "IEMOCAPFour", 0);
    mb_ledger_scores scores = score(&s); // as in the reference, the selection parts give the score
    assert_string_equal(scores.score_part, "folds");
    assert_true(scores.score.waf == 0.625);
    for (int k = 0; k < FOLDS; k++)
        s.folds[k].held.count = 2;
    scores = score(&s); // there are no predictions on these yet
    assert_true(isnan(scores.score.waf) && scores.select.waf == 0.625);
    for (int k = 0; k < FOLDS; k++)
        s.results[k].held_predictions.count = 2;
    scores = score(&s);
    assert_true(scores.score.waf == 0.375);
    assert_true(scores.select.waf == 0.625);
}

static void test_diverged(void **state) {
    (void)state;
    sample s;
    fill(&s, "CMUMOSI", 1);
    s.results[1] = (mb_run_result){.status = MB_RUN_DIVERGED, .broken_epoch = -1};
    mb_ledger_scores scores = score(&s);
    assert_true(scores.diverged);
    assert_int_equal(scores.broken, 0);
    assert_int_equal(scores.part_count, 0);
    assert_true(scores.selection == -INFINITY);
    assert_true(isnan(scores.score.waf) && isnan(scores.select.waf));
    fill(&s, "CMUMOSI", 1);
    s.epochs[0][1].select_metric = NAN; // no epoch had a metric
    assert_true(score(&s).selection == -INFINITY);
}

// Fold 1 has numbers that are not finite: the mean over folds is NaN, all signs are negative, and
// every class is the first one.
static void test_broken(void **state) {
    (void)state;
    sample s;
    fill(&s, "CMUMOSI", 1);
    s.results[1].broken_epoch = 0;
    for (int i = 0; i < 3; i++)
        s.values[1][i] = NAN;
    mb_ledger_scores scores = score(&s);
    assert_false(scores.diverged);
    assert_int_equal(scores.broken, 1);
    assert_true(fabs(scores.score.acc - 1.0 / 3) < 1e-12); // of the labels -1, 1, 0.5
    assert_true(isnan(scores.score.mse));
    fill(&s, "IEMOCAPFour", 1);
    s.logits[1][2] = s.logits[1][7] = NAN; // the classes 2 and 3 of the first two rows
    scores = score(&s);
    assert_true(fabs(scores.score.acc - 1.0 / 3) < 1e-12); // 2, 3, 2 for the labels 3, 1, 2
}

// MER2023: Train&Val, three test sets, and the averages of Tables 2 and 3. The third test set has
// no valences.
static void test_parts(void **state) {
    (void)state;
    static const char *const names[] = {"folds", "test1", "test2", "test3", "average"};
    sample s;
    mb_part tests[3];
    mb_predictions predictions[FOLDS][3];
    int32_t rows[3] = {0, 1, 2};
    float logits[18] = {9, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0};
    fill(&s, "MER2023", 1);
    for (int t = 0; t < 3; t++) {
        tests[t] = (mb_part){.count = 3, .rows = t < 2 ? s.rows : rows};
        snprintf(tests[t].name, sizeof tests[t].name, "test%d", t + 1);
        for (int k = 0; k < FOLDS; k++)
            predictions[k][t] = (mb_predictions){3, logits, s.values[t == 1 ? 0 : k]};
    }
    for (int i = 0; i < 3; i++)
        s.valences[i] = NAN;
    for (int k = 0; k < FOLDS; k++) {
        s.results[k].test_count = 3;
        s.results[k].tests = predictions[k];
        s.results[k].select.mse = 1 + k;
    }
    s.set = (mb_fold_set){FOLDS, s.folds, 3, tests};
    mb_ledger_scores scores = score(&s);
    assert_int_equal(scores.part_count, 5);
    for (int i = 0; i < 5; i++)
        assert_string_equal(parts[i].name, names[i]);
    assert_true(parts[0].scores.waf == 0.625 && parts[0].scores.mse == 1.5);
    assert_true(fabs(parts[1].scores.mse - 1.25 * 1.25 / 3) < 1e-6);
    // Values 1, -1, 2 for the labels -1, 1, 0.5
    assert_true(fabs(parts[2].scores.mse - (4 + 4 + 2.25) / 3) < 1e-6);
    // Classes 0, 1, 0 for the labels 0, 0, 0: F1 is 2 * 2 / (2 + 3)
    assert_true(fabs(parts[3].scores.waf - 0.8) < 1e-12);
    assert_true(isnan(parts[3].scores.mse));
    double waf = 0, mse = 0;
    for (int i = 0; i < 4; i++) {
        waf += parts[i].scores.waf / 4;
        mse += i < 3 ? parts[i].scores.mse / 3 : 0;
    }
    assert_true(fabs(parts[4].scores.waf - waf) < 1e-12);
    assert_true(fabs(parts[4].scores.mse - mse) < 1e-12);
    assert_string_equal(scores.score_part, "test1");
    assert_true(scores.score.waf == parts[1].scores.waf);
    s.set.test_count = s.results[0].test_count = s.results[1].test_count = 2; // an older release
    assert_int_equal(score(&s).part_count, 3);                                // without an average
}

static void refuse(const sample *s, const char *message) {
    mb_ledger_scores scores;
    mb_error error = {.message = ""};
    const mb_corpus *corpora[] = {&s->corpus};
    assert_int_equal(mb_score_trial(corpora, &s->set, s->results, &scores, &error), MB_BAD_INPUT);
    if (strstr(error.message, message) == NULL)
        fail_msg("%s", error.message);
}

static void test_refused(void **state) {
    (void)state;
    sample s;
    fill(&s, "CMUMOSI", 1);
    s.tests[1].count = 2;
    refuse(&s, "fold 1: expected predictions for the 3 rows of test1, found 2");
    fill(&s, "CMUMOSI", 1);
    s.tests[0].values = NULL;
    refuse(&s, "fold 0: expected predictions");
    fill(&s, "CMUMOSI", 1);
    s.results[0].best_epoch = 2;
    refuse(&s, "fold 0: expected a best epoch below 2, found 2");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_averaged), cmocka_unit_test(test_raw_scores_averaged),
        cmocka_unit_test(test_without_tests),   cmocka_unit_test(test_diverged),
        cmocka_unit_test(test_refused),         cmocka_unit_test(test_broken),
        cmocka_unit_test(test_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
