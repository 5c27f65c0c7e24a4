// Parity of metrics: scores of stored predictions, and averages over folds.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "merbench/corpus.h"
#include "merbench/metrics.h"
#include "parity/files.h"

static const double limit = 1e-6;

enum { LARGEST_COUNT = 1 << 24, MOST_FOLDS = 100 };

// The labels and predictions of a group; NULL for a head that its dataset lacks.
typedef struct predictions {
    int32_t n;
    int32_t *emotions; // (n)
    float *logits;     // (n, classes)
    float *valences;   // (n)
    float *values;     // (n)
    int32_t classes;
} predictions;

static void predictions_free(predictions *p) {
    free(p->emotions);
    free(p->logits);
    free(p->valences);
    free(p->values);
}

// Reads (n, classes). `classes` 0: any number. The first dataset of a group decides about n.
static mb_status read_logits(const mb_fixture *fixture, const char *group, const char *name,
                             int32_t classes, predictions *p, mb_error *error) {
    mb_path path = mb_path_of(group, name);
    int rank = 0;
    int64_t dims[8];
    mb_status status = mb_fixture_numbers(fixture, path.text, &p->logits, &rank, dims, error);
    if (status != MB_OK)
        return status;
    int32_t least = classes > 0 ? classes : 1, most = classes > 0 ? classes : MB_TALLY_CLASSES;
    if (rank != 2 || dims[0] < 1 || dims[0] > LARGEST_COUNT || dims[1] < least || dims[1] > most)
        return mb_fixture_wrong_shape(fixture, path.text, rank, dims, error,
                                      "1 to %d rows of %d to %d classes", LARGEST_COUNT, least,
                                      most);
    p->n = (int32_t)dims[0];
    p->classes = (int32_t)dims[1];
    return mb_fixture_labels(fixture, mb_path_of(group, "emo_labels").text, p->n,
                             MB_EMOTION_MISSING, p->classes, &p->emotions, error);
}

static mb_status read_values(const mb_fixture *fixture, const char *group, const char *name,
                             predictions *p, mb_error *error) {
    mb_path path = mb_path_of(group, name);
    int rank = 0;
    int64_t dims[8];
    mb_status status = mb_fixture_numbers(fixture, path.text, &p->values, &rank, dims, error);
    if (status != MB_OK)
        return status;
    if (rank != 1 || dims[0] < 1 || dims[0] > LARGEST_COUNT || (p->n > 0 && dims[0] != p->n))
        return mb_fixture_wrong_shape(fixture, path.text, rank, dims, error, "%s%d values",
                                      p->n > 0 ? "" : "1 to ", p->n > 0 ? p->n : LARGEST_COUNT);
    p->n = (int32_t)dims[0];
    return mb_fixture_floats(fixture, mb_path_of(group, "val_labels").text, p->n, &p->valences,
                             error);
}

// Reads both heads of a dataset with these rules, with their labels.
static mb_status read_predictions(const mb_fixture *fixture, const char *group, const char *logits,
                                  const char *values, const mb_dataset_rules *rules, bool any,
                                  predictions *p, mb_error *error) {
    *p = (predictions){0};
    mb_status status = MB_OK;
    if (rules->class_count > 0)
        status = read_logits(fixture, group, logits, any ? 0 : rules->class_count, p, error);
    if (status == MB_OK && rules->value_count > 0)
        status = read_values(fixture, group, values, p, error);
    return status;
}

static mb_status compare(const mb_fixture *fixture, const char *group, const char *attribute,
                         double found, mb_parity_report *report, mb_error *error) {
    double expected = 0.0;
    if (!mb_h5_has_attribute(fixture->h5, group, attribute))
        return MB_OK;
    mb_status status = mb_h5_attribute_number(fixture->h5, group, attribute, &expected, error);
    if (status == MB_OK)
        mb_parity_compare_number(mb_parity_group_of(report, "scores"),
                                 mb_path_of(group, attribute).text, found, expected, limit);
    return status;
}

static mb_status compare_scores(const mb_fixture *fixture, const mb_dataset_rules *rules,
                                const char *group, const predictions *p, mb_parity_report *report,
                                mb_error *error) {
    mb_scores scores;
    mb_scores_of(mb_dataset_labels(rules), p->n, p->emotions, p->valences, p->logits, p->values,
                 &scores);
    mb_status status = MB_OK;
    for (int32_t i = 0; status == MB_OK && i < MB_SCORE_COUNT; i++)
        status =
            compare(fixture, group, mb_score_names[i], mb_score_get(&scores, i), report, error);
    const struct {
        const char *name;
        double value;
    } others[] = {
        {"valmse", scores.mse},
        {"select_emo", mb_selection_value(MB_SELECT_EMO, &scores, 0.0)},
        {"select_emoval", mb_selection_value(MB_SELECT_EMOVAL, &scores, 0.0)},
        {"select_val", mb_selection_value(MB_SELECT_VAL, &scores, 0.0)},
    };
    for (size_t i = 0; status == MB_OK && i < sizeof others / sizeof *others; i++)
        status = compare(fixture, group, others[i].name, others[i].value, report, error);
    return status;
}

// Cross-corpus sets are scored like the datasets of which they consist.
static const mb_dataset_rules *rules_of(const char *family) {
    if (strcmp(family, "CROSSDIM") == 0)
        return mb_dataset_find("CMUMOSI");
    if (strcmp(family, "CROSSDIS") == 0)
        return mb_dataset_find("IEMOCAPFour");
    return mb_dataset_find(family);
}

static mb_status check_family(const mb_fixture *fixture, const char *family,
                              mb_parity_report *report, mb_error *error) {
    const mb_dataset_rules *rules = rules_of(family);
    char **sets = NULL;
    int count = 0;
    if (rules == NULL)
        return mb_fail(error, MB_UNSUPPORTED, "%s: unknown dataset '%s'", fixture->path, family);
    mb_status status = mb_h5_list(fixture->h5, family, &sets, &count, error);
    for (int i = 0; status == MB_OK && i < count; i++) {
        mb_path group = mb_path_of(family, sets[i]);
        predictions p;
        status = read_predictions(fixture, group.text, "emo_logits", "val_preds", rules, false, &p,
                                  error);
        if (status == MB_OK)
            status = compare_scores(fixture, rules, group.text, &p, report, error);
        predictions_free(&p);
    }
    mb_h5_free_names(sets, count);
    return status;
}

// ---- averages over folds ----------------------------------------------------------------------

// Averages the folds (folds, n, width), or (folds, n) if the width is 1.
static mb_status compare_average(const mb_fixture *fixture, const char *group, const char *name,
                                 const float *expected, int32_t n, int32_t width,
                                 mb_parity_report *report, mb_error *error) {
    float *folds = NULL, *average = NULL;
    int rank = 0;
    int64_t dims[8], row = (int64_t)n * width;
    mb_path path = mb_path_of(group, name);
    mb_status status = mb_fixture_numbers(fixture, path.text, &folds, &rank, dims, error);
    if (status != MB_OK)
        return status;
    bool right = rank == 2 || rank == 3;
    right = right && dims[0] >= 1 && dims[0] <= MOST_FOLDS && dims[1] == n &&
            (rank == 2 ? 1 : dims[2]) == width;
    if (!right)
        status = mb_fixture_wrong_shape(fixture, path.text, rank, dims, error,
                                        "1 to %d folds of %d x %d numbers", MOST_FOLDS, n, width);
    else if ((average = malloc((size_t)row * sizeof *average)) == NULL)
        status = mb_out_of_memory(error, "averages");
    if (status == MB_OK) {
        const float *of_folds[MOST_FOLDS];
        for (int64_t f = 0; f < dims[0]; f++)
            of_folds[f] = folds + f * row;
        mb_average_folds((int32_t)dims[0], n, width, of_folds, 0, average);
        mb_parity_compare_elements(mb_parity_group_of(report, "fold averages"), path.text, average,
                                   expected, row, limit);
    }
    free(folds);
    free(average);
    return status;
}

static mb_status check_average(const mb_fixture *fixture, const char *group,
                               mb_parity_report *report, mb_error *error) {
    mb_dataset_rules rules = *mb_dataset_find("MER2023"); // both heads, any number of classes
    predictions p;
    mb_status status =
        read_predictions(fixture, group, "avg_logits", "avg_val_preds", &rules, true, &p, error);
    if (status == MB_OK)
        status =
            compare_average(fixture, group, "fold_logits", p.logits, p.n, p.classes, report, error);
    if (status == MB_OK)
        status = compare_average(fixture, group, "fold_val_preds", p.values, p.n, 1, report, error);
    rules.class_count = p.classes;
    if (status == MB_OK)
        status = compare_scores(fixture, &rules, group, &p, report, error);
    predictions_free(&p);
    return status;
}

static mb_status check_averages(const mb_fixture *fixture, mb_parity_report *report,
                                mb_error *error) {
    char **names = NULL;
    int count = 0;
    mb_status status = mb_h5_list(fixture->h5, "fold_average", &names, &count, error);
    for (int i = 0; status == MB_OK && i < count; i++)
        status = check_average(fixture, mb_path_of("fold_average", names[i]).text, report, error);
    mb_h5_free_names(names, count);
    return status;
}

mb_status mb_parity_metrics_file(mb_fixture *fixture, mb_parity_report *report, mb_error *error) {
    char **families = NULL;
    int count = 0;
    mb_status status = mb_h5_list(fixture->h5, "/", &families, &count, error);
    for (int i = 0; status == MB_OK && i < count; i++)
        status = strcmp(families[i], "fold_average") == 0
                     ? check_averages(fixture, report, error)
                     : check_family(fixture, families[i], report, error);
    mb_h5_free_names(families, count);
    return status == MB_OK ? mb_parity_verdict(report) : status;
}
