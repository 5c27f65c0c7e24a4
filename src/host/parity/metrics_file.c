// Parity of metrics: scores of stored predictions, and averages over folds.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "merbench/dataset.h"
#include "merbench/metrics.h"
#include "parity/files.h"

static const double limit = 1e-6;

// The labels and predictions of a group; NULL for those that it lacks.
typedef struct predictions {
    int32_t n;
    int32_t *emotions;
    float *logits, *valences, *values;
    int32_t classes; // width of the logits
} predictions;

static void predictions_free(predictions *p) {
    free(p->emotions);
    free(p->logits);
    free(p->valences);
    free(p->values);
}

// Reads (n) or (n, classes); every dataset of a group must have the same n.
static mb_status read_floats(const mb_fixture *fixture, const char *group, const char *name,
                             predictions *p, float **values, int32_t *width, mb_error *error) {
    mb_path path = mb_path_of(group, name);
    int rank = 0;
    int64_t dims[8];
    if (!mb_h5_has(fixture->h5, path.text))
        return mb_h5_check(fixture->h5, error);
    mb_status status = mb_h5_read_floats(fixture->h5, path.text, values, &rank, dims, error);
    if (status != MB_OK)
        return status;
    if (rank < 1 || rank > 2 || dims[0] < 1 || dims[0] > 1 << 24 || (p->n > 0 && dims[0] != p->n))
        return mb_fail(error, MB_BAD_INPUT,
                       "%s: %s: expected as many rows as the other datasets of the group",
                       fixture->path, path.text);
    p->n = (int32_t)dims[0];
    if (width != NULL)
        *width = rank == 2 ? (int32_t)dims[1] : 1;
    return MB_OK;
}

static mb_status read_emotions(const mb_fixture *fixture, const char *group, predictions *p,
                               mb_error *error) {
    float *labels = NULL;
    mb_status status = read_floats(fixture, group, "emo_labels", p, &labels, NULL, error);
    if (status == MB_OK && labels != NULL) {
        p->emotions = malloc((size_t)p->n * sizeof *p->emotions);
        if (p->emotions == NULL)
            status = mb_out_of_memory(error, "labels");
        for (int32_t i = 0; status == MB_OK && i < p->n; i++)
            p->emotions[i] = (int32_t)labels[i];
    }
    free(labels);
    return status;
}

static mb_status read_predictions(const mb_fixture *fixture, const char *group, const char *logits,
                                  const char *values, predictions *p, mb_error *error) {
    *p = (predictions){0};
    mb_status status = read_floats(fixture, group, logits, p, &p->logits, &p->classes, error);
    if (status == MB_OK)
        status = read_floats(fixture, group, values, p, &p->values, NULL, error);
    if (status == MB_OK)
        status = read_floats(fixture, group, "val_labels", p, &p->valences, NULL, error);
    if (status == MB_OK)
        status = read_emotions(fixture, group, p, error);
    if (status == MB_OK && p->n == 0)
        status = mb_fail(error, MB_BAD_INPUT, "%s: %s: no predictions", fixture->path, group);
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
        status = read_predictions(fixture, group.text, "emo_logits", "val_preds", &p, error);
        if (status == MB_OK)
            status = compare_scores(fixture, rules, group.text, &p, report, error);
        predictions_free(&p);
    }
    mb_h5_free_names(sets, count);
    return status;
}

// ---- averages over folds ----------------------------------------------------------------------

static mb_status compare_average(const mb_fixture *fixture, const char *group, const char *name,
                                 const float *expected, int64_t n, int32_t width,
                                 mb_parity_report *report, mb_error *error) {
    float *folds = NULL;
    int rank = 0;
    int64_t dims[8], count = 1;
    mb_path path = mb_path_of(group, name);
    if (expected == NULL)
        return MB_OK;
    mb_status status = mb_h5_read_floats(fixture->h5, path.text, &folds, &rank, dims, error);
    for (int i = 0; status == MB_OK && i < rank; i++)
        count *= dims[i];
    if (status == MB_OK &&
        (rank < 2 || dims[0] < 1 || dims[0] > 100 || count != dims[0] * n * width))
        status = mb_fail(error, MB_BAD_INPUT, "%s: %s: expected folds of %lld x %d numbers",
                         fixture->path, path.text, (long long)n, width);
    float *average = malloc((size_t)(n * width) * sizeof *average);
    if (status == MB_OK && average == NULL)
        status = mb_out_of_memory(error, "averages");
    if (status == MB_OK) {
        const float *of_folds[100];
        for (int64_t f = 0; f < dims[0]; f++)
            of_folds[f] = folds + f * n * width;
        mb_average_folds((int32_t)dims[0], (int32_t)n, width, of_folds, 0, average);
        mb_parity_compare_elements(mb_parity_group_of(report, "fold averages"), path.text, average,
                                   expected, n * width, limit);
    }
    free(folds);
    free(average);
    return status;
}

static mb_status check_average(const mb_fixture *fixture, const char *group,
                               mb_parity_report *report, mb_error *error) {
    predictions p;
    mb_status status = read_predictions(fixture, group, "avg_logits", "avg_val_preds", &p, error);
    if (status == MB_OK)
        status =
            compare_average(fixture, group, "fold_logits", p.logits, p.n, p.classes, report, error);
    if (status == MB_OK)
        status = compare_average(fixture, group, "fold_val_preds", p.values, p.n, 1, report, error);
    mb_dataset_rules rules = *mb_dataset_find("MER2023"); // both heads, any number of classes
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
