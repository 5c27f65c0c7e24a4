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
        *r = (mb_run_result){.epochs_done = 2, .epochs = s->epochs[k], .best_epoch = 1 - k};
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

static mb_ledger_scores score(const sample *s) {
    mb_ledger_scores scores;
    mb_error error = {.message = ""};
    if (mb_score_trial(&s->corpus, &s->set, s->results, &scores, &error) != MB_OK)
        fail_msg("%s", error.message);
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
    s.results[1] = (mb_run_result){.status = MB_RUN_DIVERGED};
    mb_ledger_scores scores = score(&s);
    assert_true(scores.diverged);
    assert_true(scores.selection == -INFINITY);
    assert_true(isnan(scores.score.waf) && isnan(scores.select.waf));
    fill(&s, "CMUMOSI", 1);
    s.epochs[0][1].select_metric = NAN; // no epoch had a metric
    assert_true(score(&s).selection == -INFINITY);
}

static void refuse(const sample *s, const char *message) {
    mb_ledger_scores scores;
    mb_error error = {.message = ""};
    assert_int_equal(mb_score_trial(&s->corpus, &s->set, s->results, &scores, &error),
                     MB_BAD_INPUT);
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
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
