#include "sweep/score.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/plural.h"

// The mean over folds of the scores on the selection parts or on the held-out parts.
static mb_scores mean_scores(const mb_run_result *results, int32_t count, bool held) {
    mb_scores scores;
    for (int32_t i = 0; i < MB_SCORE_COUNT; i++) {
        double sum = 0;
        for (int32_t k = 0; k < count; k++)
            sum += mb_score_get(held ? &results[k].held : &results[k].select, i);
        mb_score_set(&scores, i, sum / count);
    }
    return scores;
}

// Buffers for scoring a test set.
typedef struct workspace {
    int32_t *emotions;      // (n)
    float *valences;        // (n)
    float *logits, *values; // (n, C), (n): means over the folds
    const float **folds;    // (fold_count)
} workspace;

static bool workspace_open(workspace *w, int32_t n, int32_t classes, int32_t fold_count) {
    size_t rows = n > 0 ? (size_t)n : 1, width = classes > 0 ? (size_t)classes : 1;
    *w = (workspace){
        .emotions = calloc(rows, sizeof *w->emotions),
        .valences = calloc(rows, sizeof *w->valences),
        .logits = calloc(rows, width * sizeof *w->logits),
        .values = calloc(rows, sizeof *w->values),
        .folds = calloc((size_t)fold_count, sizeof *w->folds),
    };
    return w->emotions != NULL && w->valences != NULL && w->logits != NULL && w->values != NULL &&
           w->folds != NULL;
}

static void workspace_close(workspace *w) {
    free(w->emotions);
    free(w->valences);
    free(w->logits);
    free(w->values);
    free(w->folds);
}

static mb_status score_test(const mb_corpus *const *corpora, const mb_fold_set *folds,
                            int32_t index, const mb_run_result *results, mb_scores *scores,
                            mb_error *error) {
    const mb_part *test = &folds->tests[index];
    const mb_corpus *corpus = corpora[test->dataset];
    const mb_dataset_rules *rules = corpus->rules;
    int32_t n = test->count, classes = rules->class_count, fold_count = folds->fold_count;
    for (int32_t k = 0; k < fold_count; k++) {
        const mb_predictions *p = index < results[k].test_count ? &results[k].tests[index] : NULL;
        if (p == NULL || p->count != n || (classes > 0 && p->logits == NULL) ||
            (rules->value_count > 0 && p->values == NULL))
            return mb_fail(error, MB_BAD_INPUT,
                           "fold %d: expected predictions for the %d %s of %s, found %d", k, n,
                           mb_plural(n, "row", "rows"), test->name, p == NULL ? 0 : p->count);
    }
    workspace w;
    if (!workspace_open(&w, n, classes, fold_count)) {
        workspace_close(&w);
        return mb_out_of_memory(error, "scores of a trial");
    }
    for (int32_t i = 0; i < n; i++) {
        w.emotions[i] = corpus->emotions[test->rows[i]];
        w.valences[i] = corpus->valences[test->rows[i]];
    }
    if (classes > 0) {
        for (int32_t k = 0; k < fold_count; k++)
            w.folds[k] = results[k].tests[index].logits;
        mb_average_folds(fold_count, n, classes, w.folds, 0, w.logits);
    }
    if (rules->value_count > 0) {
        for (int32_t k = 0; k < fold_count; k++)
            w.folds[k] = results[k].tests[index].values;
        mb_average_folds(fold_count, n, 1, w.folds, 0, w.values);
    }
    mb_scores_of(mb_dataset_labels(rules), n, w.emotions, w.valences, classes > 0 ? w.logits : NULL,
                 rules->value_count > 0 ? w.values : NULL, scores);
    workspace_close(&w);
    return MB_OK;
}

// ---- parts ------------------------------------------------------------------------------------

// Whether a run has parts that were not scored, because it was scored on its selection part alone.
static bool lacks_parts(const mb_fold_set *folds, int32_t fold, const mb_run_result *result) {
    return (folds->test_count > 0 && result->test_count == 0) ||
           (folds->test_count == 0 && folds->folds[fold].held.count > 0 &&
            result->held_predictions.count == 0);
}

static mb_part_scores *add_part(mb_ledger_scores *scores, const char *name) {
    mb_part_scores *part = &scores->parts[scores->part_count++];
    snprintf(part->name, sizeof part->name, "%.31s", name);
    return part;
}

// The mean over all parts so far, as in the tables of MER2023: valences count on the parts that
// have them (test3 has none), so that the mean of the MSE is over fewer parts than that of the WAF.
static void add_average(mb_ledger_scores *scores) {
    int32_t count = scores->part_count;
    mb_part_scores *average = add_part(scores, "average");
    for (int32_t i = 0; i < MB_SCORE_COUNT; i++) {
        double sum = 0;
        int32_t counted = 0;
        for (int32_t p = 0; p < count; p++) {
            const mb_scores *part = &scores->parts[p].scores;
            if (mb_score_table[i].scored != MB_SCORED_CLASSES && isnan(part->mse))
                continue;
            sum += mb_score_get(part, i);
            counted++;
        }
        mb_score_set(&average->scores, i, counted > 0 ? sum / counted : (double)NAN);
    }
}

static bool has_average(const mb_corpus *corpus, const mb_fold_set *folds) {
    enum { PARTS_OF_AVERAGE = 3 }; // test1, test2, test3
    return corpus->rules->splits == MB_SPLIT_RANDOM_FOLDS &&
           folds->test_count >= PARTS_OF_AVERAGE && folds->tests[0].dataset == 0;
}

int32_t mb_score_part_count(const mb_corpus *corpus, const mb_fold_set *folds) {
    return (folds->fold_count > 1) + folds->test_count + has_average(corpus, folds);
}

static mb_status score_parts(const mb_corpus *const *corpora, const mb_fold_set *folds,
                             const mb_run_result *results, mb_ledger_scores *scores,
                             mb_error *error) {
    int32_t count = folds->fold_count;
    bool held = true;
    mb_status status = MB_OK;
    size_t most = (size_t)mb_score_part_count(corpora[0], folds);
    scores->parts = calloc(most + 1, sizeof *scores->parts);
    if (scores->parts == NULL)
        return mb_out_of_memory(error, "scores of a trial");
    for (int32_t k = 0; k < count; k++)
        held = held && folds->folds[k].held.count > 0;
    if (count > 1)
        add_part(scores, "folds")->scores = mean_scores(results, count, held);
    for (int32_t t = 0; t < folds->test_count && status == MB_OK; t++)
        status = score_test(corpora, folds, t, results,
                            &add_part(scores, folds->tests[t].name)->scores, error);
    if (status != MB_OK || scores->part_count == 0)
        return status;
    scores->score = scores->parts[count > 1 && folds->test_count > 0 ? 1 : 0].scores;
    if (has_average(corpora[0], folds))
        add_average(scores);
    return MB_OK;
}

// ---- a trial ----------------------------------------------------------------------------------

mb_status mb_score_trial(const mb_corpus *const *corpora, const mb_fold_set *folds,
                         const mb_run_result *results, mb_ledger_scores *scores, mb_error *error) {
    int32_t count = folds->fold_count;
    const char *part = folds->test_count > 0 ? folds->tests[0].name : "folds";
    *scores = (mb_ledger_scores){
        .selection = -INFINITY, .select = mb_no_scores(), .score = mb_no_scores()};
    snprintf(scores->score_part, sizeof scores->score_part, "%.31s", part);
    double selection = 0;
    for (int32_t k = 0; k < count; k++) {
        const mb_run_result *result = &results[k];
        scores->broken += result->broken_epoch >= 0;
        scores->diverged = scores->diverged || result->status != MB_RUN_DONE;
        if (scores->diverged)
            continue;
        if (result->best_epoch < 0 || result->best_epoch >= result->epochs_done)
            return mb_fail(error, MB_BAD_INPUT, "fold %d: expected a best epoch below %d, found %d",
                           k, result->epochs_done, result->best_epoch);
        selection += result->epochs[result->best_epoch].select_metric;
    }
    if (scores->diverged)
        return MB_OK;
    scores->selection = isnan(selection) ? -INFINITY : selection / count;
    scores->select = mean_scores(results, count, false);
    for (int32_t k = 0; k < count; k++)
        if (lacks_parts(folds, k, &results[k]))
            return MB_OK;
    mb_status status = score_parts(corpora, folds, results, scores, error);
    if (status != MB_OK)
        mb_ledger_scores_free(scores);
    return status;
}
