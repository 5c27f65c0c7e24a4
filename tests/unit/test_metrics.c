// Scores compared with those of the reference toolkit and scikit-learn, and with values computed
// by hand.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/h5.h"
#include "merbench/corpus.h"
#include "merbench/metrics.h"
#include "score/tally_row.h"

static void check_close(const char *what, double expected, double found, double limit) {
    bool equal = (isnan(expected) && isnan(found)) || expected == found ||
                 fabs(expected - found) <= limit * fmax(1, fabs(expected));
    if (!equal)
        fail_msg("%s: expected %.9g, found %.9g", what, expected, found);
}

// Reads a dataset of a case, or NULL if the case has none.
static float *floats_of(const mb_h5 *h5, const char *group, const char *name, int64_t *first) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", group, name);
    if (!mb_h5_has(h5, path))
        return NULL;
    float *values;
    int rank;
    int64_t dims[8];
    mb_error error;
    if (mb_h5_read_floats(h5, path, &values, &rank, dims, &error) != MB_OK)
        fail_msg("%s", error.message);
    assert_true(rank >= 1);
    *first = dims[0];
    return values;
}

static int32_t *emotions_of(const mb_h5 *h5, const char *group) {
    char path[256];
    snprintf(path, sizeof path, "%s/emo_labels", group);
    if (!mb_h5_has(h5, path))
        return NULL;
    int64_t *values, dims[8];
    int rank;
    mb_error error;
    if (mb_h5_read_integers(h5, path, &values, &rank, dims, &error) != MB_OK)
        fail_msg("%s", error.message);
    int32_t *emotions = malloc((size_t)dims[0] * sizeof *emotions);
    assert_non_null(emotions);
    for (int64_t i = 0; i < dims[0]; i++)
        emotions[i] = (int32_t)values[i];
    free(values);
    return emotions;
}

// Compares a number with an attribute of the group, if it is present.
static int check_attribute(const mb_h5 *h5, const char *group, const char *attribute,
                           double found) {
    if (!mb_h5_has_attribute(h5, group, attribute))
        return 0;
    double expected;
    mb_error error;
    if (mb_h5_attribute_number(h5, group, attribute, &expected, &error) != MB_OK)
        fail_msg("%s", error.message);
    char what[300];
    snprintf(what, sizeof what, "%s: %s", group, attribute);
    check_close(what, expected, found, 1e-6);
    return 1;
}

static int check_scores(const mb_h5 *h5, const char *group, const mb_scores *scores) {
    int compared = 0;
    for (int32_t i = 0; i < MB_SCORE_COUNT; i++)
        compared += check_attribute(h5, group, mb_score_names[i], mb_score_get(scores, i));
    compared += check_attribute(h5, group, "valmse", scores->mse);
    compared +=
        check_attribute(h5, group, "select_emo", mb_selection_value(MB_SELECT_EMO, scores, 0));
    compared += check_attribute(h5, group, "select_emoval",
                                mb_selection_value(MB_SELECT_EMOVAL, scores, 0));
    compared +=
        check_attribute(h5, group, "select_val", mb_selection_value(MB_SELECT_VAL, scores, 0));
    return compared;
}

static int check_case(const mb_h5 *h5, const mb_dataset_rules *rules, const char *group) {
    int64_t n = 0, values_n = 0;
    int32_t *emotions = emotions_of(h5, group);
    float *logits = floats_of(h5, group, "emo_logits", &n);
    float *valences = floats_of(h5, group, "val_labels", &values_n);
    float *values = floats_of(h5, group, "val_preds", &values_n);
    n = n > 0 ? n : values_n;
    assert_true(n > 0);
    mb_scores scores;
    mb_scores_of(mb_dataset_labels(rules), (int32_t)n, emotions, valences, logits, values, &scores);
    int compared = check_scores(h5, group, &scores);
    free(emotions);
    free(logits);
    free(valences);
    free(values);
    return compared;
}

static mb_h5 *open_fixture(void) {
    mb_h5 *h5;
    mb_error error;
    if (mb_h5_open(MB_FIXTURES "/metrics/metrics.h5", &h5, &error) != MB_OK)
        fail_msg("%s", error.message);
    return h5;
}

static void test_reference(void **state) {
    (void)state;
    static const struct {
        const char *family, *dataset;
    } families[] = {
        {"MER2023", "MER2023"},
        {"MELD", "MELD"},
        {"IEMOCAPFour", "IEMOCAPFour"},
        {"IEMOCAPSix", "IEMOCAPSix"},
        {"CMUMOSI", "CMUMOSI"},
        {"CMUMOSEI", "CMUMOSEI"},
        {"SIMS", "SIMS"},
        {"SIMSv2", "SIMSv2"},
        {"CROSSDIM", "CMUMOSI"},
        {"CROSSDIS", "IEMOCAPFour"},
    };
    mb_h5 *h5 = open_fixture();
    int cases = 0, compared = 0;
    for (size_t f = 0; f < sizeof families / sizeof *families; f++) {
        char **sets;
        int count;
        mb_error error;
        if (mb_h5_list(h5, families[f].family, &sets, &count, &error) != MB_OK)
            fail_msg("%s", error.message);
        for (int i = 0; i < count; i++, cases++) {
            char group[200];
            snprintf(group, sizeof group, "%s/%s", families[f].family, sets[i]);
            compared += check_case(h5, mb_dataset_find(families[f].dataset), group);
        }
        mb_h5_free_names(sets, count);
    }
    mb_h5_close(h5);
    assert_int_equal(cases, 125); // 5 classification families of 13 sets, 5 of 12
    assert_true(compared > 800);
}

static void check_fold_average(const mb_h5 *h5, const char *group, const char *folds_name,
                               const char *average_name, int width) {
    int64_t fold_count, n;
    float *folds = floats_of(h5, group, folds_name, &fold_count);
    float *expected = floats_of(h5, group, average_name, &n);
    float *found = calloc((size_t)(n * width), sizeof *found);
    const float *predictions[8];
    assert_true(folds != NULL && expected != NULL && found != NULL && fold_count <= 8);
    for (int64_t f = 0; f < fold_count; f++)
        predictions[f] = folds + f * n * width;
    mb_average_folds((int32_t)fold_count, (int32_t)n, width, predictions, 0, found);
    for (int64_t i = 0; i < n * width; i++)
        check_close(average_name, (double)expected[i], (double)found[i], 1e-6);
    free(folds);
    free(expected);
    free(found);
}

static void test_fold_average(void **state) {
    (void)state;
    static const int widths[3] = {6, 4, 6};
    mb_h5 *h5 = open_fixture();
    for (int i = 0; i < 3; i++) {
        char group[64];
        snprintf(group, sizeof group, "fold_average/%d", i);
        check_fold_average(h5, group, "fold_logits", "avg_logits", widths[i]);
        check_fold_average(h5, group, "fold_val_preds", "avg_val_preds", 1);
        int64_t n;
        int32_t *emotions = emotions_of(h5, group);
        float *logits = floats_of(h5, group, "avg_logits", &n);
        float *valences = floats_of(h5, group, "val_labels", &n);
        float *values = floats_of(h5, group, "avg_val_preds", &n);
        mb_dataset_rules rules = *mb_dataset_find("MER2023");
        rules.class_count = widths[i];
        mb_scores scores;
        mb_scores_of(mb_dataset_labels(&rules), (int32_t)n, emotions, valences, logits, values,
                     &scores);
        assert_true(check_scores(h5, group, &scores) >= 3);
        free(emotions);
        free(logits);
        free(valences);
        free(values);
    }
    mb_h5_close(h5);
}

static void test_probabilities_are_averaged(void **state) {
    (void)state;
    // Fold 0 is certain of class 0, fold 1 leans to class 1: logits and probabilities disagree.
    static const float first[2] = {2, 0}, second[2] = {0, 3}, third[2] = {1, 0};
    const float *const folds[3] = {first, second, third};
    float logits[2], probabilities[2];
    mb_average_folds(3, 1, 2, folds, 0, logits);
    mb_average_folds(3, 1, 2, folds, 1, probabilities);
    check_close("mean logit", 1, (double)logits[0], 1e-7);
    double expected = (1 / (1 + exp(-2)) + 1 / (1 + exp(3)) + 1 / (1 + exp(-1))) / 3;
    check_close("mean probability", expected, (double)probabilities[0], 1e-7);
    check_close("sum", 1, (double)(probabilities[0] + probabilities[1]), 1e-6);
    // Large logits do not overflow.
    static const float large[2] = {1000, 999};
    const float *const one[1] = {large};
    mb_average_folds(1, 1, 2, one, 1, probabilities);
    check_close("stable", 1 / (1 + exp(-1)), (double)probabilities[0], 1e-6);
}

static void test_sentiment_of_mosi(void **state) {
    (void)state;
    static const float labels[6] = {-3, -0.4f, 0, 1.6f, 2.5f, NAN};
    static const float values[6] = {-7, 0.4f, 0.5f, 2.4f, 2.6f, 1};
    static const int32_t emotions[6] = {-1, -1, -1, -1, -1, -1};
    mb_scores scores;
    mb_scores_of(mb_dataset_labels(mb_dataset_find("CMUMOSI")), 6, emotions, labels, NULL, values,
                 &scores);
    // acc7: -3 = -3, 0 = 0, 0 = 0 (0.5 rounds to even), 2 = 2, 2 (2.5 to even) against 3.
    check_close("acc7", 4.0 / 5, scores.acc7, 1e-12);
    check_close("acc5", 1, scores.acc5, 1e-12); // both 2.5 and 2.6 are clipped to 2
    check_close("acc2", 3.0 / 4, scores.acc2, 1e-12);
    check_close("acc", scores.acc2, scores.acc, 0);
    check_close("mae", (4 + 0.8 + 0.5 + 0.8 + 0.1) / 5, scores.mae, 1e-6);
    assert_true(isnan(scores.emoval));
}

static void test_sentiment_of_sims(void **state) {
    (void)state;
    // Labels on the borders of the bins, each paired with a prediction just inside or outside.
    static const float labels[6] = {-0.7f, -0.1f, 0.1f, 0.7f, 1, 0};
    static const float inside[6] = {-0.8f, -0.2f, 0, 0.6f, 3, -0.05f};
    static const float outside[6] = {-0.6f, -0.05f, 0.2f, 0.8f, 0.5f, -0.2f};
    static const int32_t emotions[6] = {-1, -1, -1, -1, -1, -1};
    mb_scores scores;
    mb_scores_of(mb_dataset_labels(mb_dataset_find("SIMS")), 6, emotions, labels, NULL, inside,
                 &scores);
    check_close("acc5", 1, scores.acc5, 0);
    assert_true(isnan(scores.acc7));
    check_close("acc2", 4.0 / 5, scores.acc2, 1e-12); // the prediction 0 counts as negative
    mb_scores_of(mb_dataset_labels(mb_dataset_find("SIMSv2")), 6, emotions, labels, NULL, outside,
                 &scores);
    check_close("acc5", 0, scores.acc5, 0);
}

static void test_nothing_to_score(void **state) {
    (void)state;
    static const float zeros[3] = {0, 0, 0}, missing[3] = {NAN, NAN, NAN}, values[3] = {1, 2, -1};
    static const float logits[18] = {0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    static const int32_t emotions[3] = {1, 0, 5}, none[3] = {-1, -1, -1};
    mb_scores scores;
    mb_scores_of(mb_dataset_labels(mb_dataset_find("CMUMOSI")), 3, none, zeros, NULL, values,
                 &scores);
    assert_true(isnan(scores.waf) && isnan(scores.acc) && isnan(scores.acc2));
    check_close("mse", 2, scores.mse, 1e-12);
    assert_true(isnan(scores.pearson));
    assert_true(mb_selection_value(MB_SELECT_EMO, &scores, 1) == -INFINITY);
    assert_true(mb_selection_value(MB_SELECT_LOSS, &scores, 1) == -1);
    assert_true(mb_selection_value(MB_SELECT_LOSS, &scores, NAN) == -INFINITY);

    // Like MER2023's third test set: classes only.
    mb_scores_of(mb_dataset_labels(mb_dataset_find("MER2023")), 3, emotions, missing, logits,
                 values, &scores);
    check_close("waf", 1, scores.waf, 0);
    assert_true(isnan(scores.mse) && isnan(scores.emoval) && isnan(scores.acc2));

    mb_scores_of(mb_dataset_labels(mb_dataset_find("MER2023")), 3, none, missing, logits, values,
                 &scores);
    for (int32_t i = 0; i < MB_SCORE_COUNT; i++)
        assert_true(isnan(mb_score_get(&scores, i)));
    mb_scores_of(mb_dataset_labels(mb_dataset_find("MER2023")), 0, NULL, NULL, NULL, NULL, &scores);
    for (int32_t i = 0; i < MB_SCORE_COUNT; i++)
        assert_true(isnan(mb_score_get(&scores, i)));
}

static void test_definitions(void **state) {
    (void)state;
    static const int32_t labels[6] = {0, 0, 1, 1, 2, 2}, predictions[6] = {0, 1, 1, 1, 0, 3};
    float logits[6][4] = {{0}};
    for (int i = 0; i < 6; i++)
        logits[i][predictions[i]] = 1;
    mb_scores scores;
    mb_scores_of(mb_dataset_labels(mb_dataset_find("IEMOCAPFour")), 6, labels, NULL, &logits[0][0],
                 NULL, &scores);
    check_close("acc", 0.5, scores.acc, 1e-15);
    check_close("waf", (2 * 0.5 + 2 * 0.8 + 0) / 6, scores.waf, 1e-15);
    check_close("macro_f1", (0.5 + 0.8 + 0 + 0) / 4, scores.macro_f1, 1e-15);
    check_close("uar", (0.5 + 1 + 0) / 3, scores.uar, 1e-15);

    // A large common offset does not change the correlation.
    static const float x[4] = {1e6f + 1, 1e6f + 2, 1e6f + 3, 1e6f + 4}, y[4] = {2, 4, 6, 8};
    mb_scores_of(mb_dataset_labels(mb_dataset_find("CMUMOSI")), 4, NULL, x, NULL, y, &scores);
    check_close("pearson", 1, scores.pearson, 1e-9);

    static const float ties[4] = {1, 3, 3, 2};
    assert_int_equal(mb_row_argmax(ties, 4), 1);
    assert_string_equal(mb_score_names[2], "macro_f1");
    assert_string_equal(mb_score_names[MB_SCORE_COUNT - 1], "emoval");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_fold_average),
        cmocka_unit_test(test_probabilities_are_averaged),
        cmocka_unit_test(test_sentiment_of_mosi),
        cmocka_unit_test(test_sentiment_of_sims),
        cmocka_unit_test(test_nothing_to_score),
        cmocka_unit_test(test_definitions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
