#include "sweep/compare.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct comparison {
    char *text; // of the first difference
    size_t size;
} comparison;

static bool same_bits(double a, double b) {
    return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b));
}

static bool differ(const comparison *c, const char *what, double stored, double again) {
    snprintf(c->text, c->size, "%s: stored %.17g, now %.17g", what, stored, again);
    return false;
}

static bool same_number(const comparison *c, const char *what, double stored, double again) {
    return same_bits(stored, again) || differ(c, what, stored, again);
}

static bool same_scores(const comparison *c, const char *what, const mb_scores *stored,
                        const mb_scores *again) {
    for (int32_t i = 0; i < MB_SCORE_COUNT; i++) {
        char name[96];
        snprintf(name, sizeof name, "%s on %s", mb_score_names[i], what);
        if (!same_number(c, name, mb_score_get(stored, i), mb_score_get(again, i)))
            return false;
    }
    return true;
}

static bool same_curves(const comparison *c, const mb_run_result *stored,
                        const mb_run_result *again) {
    if (!same_number(c, "number of epochs", stored->epochs_done, again->epochs_done))
        return false;
    for (int32_t e = 0; e < stored->epochs_done; e++) {
        const mb_epoch *a = &stored->epochs[e], *b = &again->epochs[e];
        char name[64];
        snprintf(name, sizeof name, "training loss of epoch %d", e + 1);
        if (!same_number(c, name, a->train_loss, b->train_loss))
            return false;
        snprintf(name, sizeof name, "selection loss of epoch %d", e + 1);
        if (!same_number(c, name, a->select_loss, b->select_loss))
            return false;
        snprintf(name, sizeof name, "selection metric of epoch %d", e + 1);
        if (!same_number(c, name, a->select_metric, b->select_metric))
            return false;
    }
    return same_number(c, "best epoch", stored->best_epoch, again->best_epoch);
}

static bool same_floats(const comparison *c, const char *part, const char *what,
                        const float *stored, const float *again, int64_t count, int32_t width) {
    if ((stored == NULL) != (again == NULL)) {
        snprintf(c->text, c->size, "%s on %s: %s stored, %s now", what, part,
                 stored == NULL ? "none" : "some", again == NULL ? "none" : "some");
        return false;
    }
    for (int64_t i = 0; stored != NULL && i < count * width; i++)
        if (memcmp(&stored[i], &again[i], sizeof *stored) != 0 &&
            !(isnan(stored[i]) && isnan(again[i]))) {
            char name[128];
            snprintf(name, sizeof name, "%s on %s, row %lld, column %lld", what, part,
                     (long long)(i / width), (long long)(i % width));
            return differ(c, name, stored[i], again[i]);
        }
    return true;
}

static bool same_predictions(const comparison *c, const char *part, const mb_predictions *stored,
                             const mb_predictions *again, int32_t class_count) {
    char name[96];
    snprintf(name, sizeof name, "number of predictions on %s", part);
    return same_number(c, name, stored->count, again->count) &&
           same_floats(c, part, "class scores", stored->logits, again->logits, stored->count,
                       class_count > 0 ? class_count : 1) &&
           same_floats(c, part, "values", stored->values, again->values, stored->count, 1);
}

// A run that diverged may have no predictions on a test set.
static const mb_predictions *test_of(const mb_run_result *result, int32_t test) {
    static const mb_predictions none = {0};
    return test < result->test_count ? &result->tests[test] : &none;
}

// Earlier versions did not add what the toolkit does: "...; the toolkit stops there with an error".
static bool same_cause(const char *stored, const char *again) {
    size_t length = strlen(stored);
    return strcmp(stored, again) == 0 || (length > 0 && strncmp(stored, again, length) == 0 &&
                                          strncmp(again + length, "; the toolkit stops", 19) == 0);
}

bool mb_runs_equal(const mb_run_result *stored, const mb_run_result *again, const mb_run_spec *spec,
                   char *difference, size_t size) {
    const comparison c = {difference, size};
    int32_t classes = spec->config.class_count;
    if (stored->status != again->status) {
        snprintf(difference, size, "status: stored %s, now %s%s",
                 mb_run_status_names[stored->status], mb_run_status_names[again->status],
                 again->broken_epoch >= 0
                     ? " (earlier versions ended a run at a number that is not "
                       "finite; now it is scored as the toolkit scores it)"
                     : "");
        return false;
    }
    if (!same_curves(&c, stored, again))
        return false;
    if (!same_cause(stored->cause, again->cause)) {
        snprintf(difference, size, "cause: stored \"%s\", now \"%s\"", stored->cause, again->cause);
        return false;
    }
    if (!same_number(&c, "first epoch with a number that is not finite", stored->broken_epoch,
                     again->broken_epoch))
        return false;
    bool same = same_scores(&c, "the selection part", &stored->select, &again->select) &&
                same_predictions(&c, "the selection part", &stored->select_predictions,
                                 &again->select_predictions, classes);
    if (spec->selection_only || !same)
        return same;
    same = same_scores(&c, "the held-out part", &stored->held, &again->held) &&
           same_predictions(&c, "the held-out part", &stored->held_predictions,
                            &again->held_predictions, classes);
    for (int32_t t = 0; t < spec->test_count && same; t++)
        same = same_predictions(&c, spec->tests[t].name, test_of(stored, t), test_of(again, t),
                                classes);
    return same;
}

// Compares the parts that both have; an older ledger has only the first one.
static bool same_parts(const comparison *c, const mb_ledger_scores *stored,
                       const mb_ledger_scores *again) {
    for (int32_t i = 0; i < stored->part_count; i++)
        for (int32_t j = 0; j < again->part_count; j++)
            if (strcmp(stored->parts[i].name, again->parts[j].name) == 0 &&
                !same_scores(c, stored->parts[i].name, &stored->parts[i].scores,
                             &again->parts[j].scores))
                return false;
    return true;
}

bool mb_trial_scores_equal(const mb_ledger_scores *stored, const mb_ledger_scores *again,
                           char *difference, size_t size) {
    const comparison c = {difference, size};
    return same_number(&c, "diverged", stored->diverged, again->diverged) &&
           same_number(&c, "number of broken runs", stored->broken, again->broken) &&
           same_number(&c, "selection value of the trial", stored->selection, again->selection) &&
           same_scores(&c, "the selection parts of all folds", &stored->select, &again->select) &&
           same_scores(&c, stored->score_part, &stored->score, &again->score) &&
           same_parts(&c, stored, again);
}
