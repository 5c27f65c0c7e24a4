// What is known to be doubtful before anything is trained.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/plural.h"
#include "data/audit.h"
#include "sweep/sweep_state.h"

enum { MOST_ENTRIES = 3 };

typedef struct warner {
    mb_sweep_warn warn;
    void *context;
    mb_error *error;
} warner;

// Passes a malloc'ed line on and frees it. `line` NULL: out of memory.
static mb_status pass_on(const warner *to, char *line) {
    if (line == NULL)
        return mb_out_of_memory(to->error, "warnings");
    to->warn(to->context, line);
    free(line);
    return MB_OK;
}

// ---- labels -----------------------------------------------------------------------------------

// Errors are warnings here: those that prevent training were refused before.
static mb_status warn_of_labels(const mb_sweep_plan *plan, const char *name,
                                const mb_corpus *corpus, const warner *to) {
    mb_audit audit = {.most_entries = MOST_ENTRIES};
    mb_status status = mb_audit_labels(corpus, &audit, to->error);
    for (int i = 0; i < audit.count && status == MB_OK; i++) {
        if (audit.findings[i].severity == MB_NOTE)
            continue;
        char *found = mb_finding_line(&audit.findings[i]), *line = NULL;
        if (found != NULL &&
            asprintf(&line, "%s: corpora.%s: warning: %s", plan->file, name, found) < 0)
            line = NULL;
        free(found);
        status = pass_on(to, line);
    }
    mb_audit_free(&audit);
    return status;
}

// ---- a last batch of one row ------------------------------------------------------------------

static bool ends_with_one_row(int32_t rows, int32_t batch_size) {
    return batch_size == 1 || rows % batch_size == 1;
}

static bool breaks_on_one_row(const sweep_cell *cell) {
    const mb_model *model = cell->plan->model;
    for (int32_t i = 0; model->breaks_on_one_row != NULL && i < cell->plan->setting_count; i++) {
        mb_model_config config = {.feature_type = cell->plan->feature_type};
        mb_training training;
        mb_setting_apply(model, &cell->plan->settings[i], &config, &training);
        if (model->breaks_on_one_row(&config))
            return true;
    }
    return false;
}

static bool same_runs(const sweep_cell *a, const sweep_cell *b) {
    return a->corpus == b->corpus && a->plan->model == b->plan->model;
}

// " of fold 1 (65 training rows), fold 3 (97 training rows)", or " (33 training rows)" of the only
// run; empty if no run has such a batch.
static void list_folds(const mb_fold_set *folds, int32_t batch_size, char *text, size_t size) {
    text[0] = '\0';
    for (int32_t k = 0; k < folds->fold_count; k++) {
        int32_t rows = folds->folds[k].train.count;
        if (!ends_with_one_row(rows, batch_size))
            continue;
        size_t length = strlen(text);
        if (folds->fold_count > 1)
            snprintf(text + length, size - length, "%s fold %d (%d training %s)",
                     length == 0 ? " of" : ",", k, rows, mb_plural(rows, "row", "rows"));
        else
            snprintf(text, size, " (%d training %s)", rows, mb_plural(rows, "row", "rows"));
    }
}

// One line for all cells with this corpus and model, at the first of them.
static mb_status warn_of_breaks(mb_sweep *sweep, int32_t index, const warner *to) {
    const mb_sweep_plan *plan = sweep->plan;
    const sweep_cell *cell = &sweep->cells[index];
    for (int32_t c = 0; c < index; c++)
        if (same_runs(&sweep->cells[c], cell) && breaks_on_one_row(&sweep->cells[c]))
            return MB_OK;
    int32_t others = 0;
    for (int32_t c = index + 1; c < plan->cell_count; c++)
        others += same_runs(&sweep->cells[c], cell) && breaks_on_one_row(&sweep->cells[c]);
    const mb_fold_set *folds; // of any seed: their sizes are the same
    mb_status status =
        mb_store_folds(sweep->store, cell->corpus, cell->targets, 0, &folds, to->error);
    if (status != MB_OK)
        return status;
    char list[512], more[64] = "", *line = NULL;
    list_folds(folds, plan->batch_size, list, sizeof list);
    if (list[0] == '\0')
        return MB_OK;
    if (others > 0)
        snprintf(more, sizeof more, " and %d more %s", others, mb_plural(others, "cell", "cells"));
    bool scored = plan->protocol == MB_PROTOCOL_MERTOOLS && !mb_toolkit_stops(cell->corpus->rules);
    if (asprintf(&line,
                 "%s: %s%s: warning: %s on %s: the runs%s %s in epoch 1: their last batch has one "
                 "row, whose gradients are not finite%s",
                 plan->file, cell->plan->where, more, cell->plan->model->name,
                 plan->corpora[cell->plan->corpus].name, list, scored ? "break" : "will diverge",
                 scored ? "; they are scored as the toolkit scores them" : "") < 0)
        line = NULL;
    return pass_on(to, line);
}

mb_status mb_sweep_list_warnings(mb_sweep *sweep, mb_sweep_warn warn, void *context,
                                 mb_error *error) {
    const mb_sweep_plan *plan = sweep->plan;
    warner to = {.warn = warn, .context = context, .error = error};
    mb_status status = MB_OK;
    for (int32_t i = 0; i < plan->corpus_count && status == MB_OK; i++)
        for (int32_t c = 0; c < plan->cell_count; c++)
            if (plan->cells[c].corpus == i) {
                status = warn_of_labels(plan, plan->corpora[i].name, sweep->cells[c].labelled, &to);
                break;
            }
    for (int32_t c = 0; c < plan->cell_count && status == MB_OK; c++)
        if (breaks_on_one_row(&sweep->cells[c]))
            status = warn_of_breaks(sweep, c, &to);
    return status;
}
