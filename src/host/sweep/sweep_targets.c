// The targets of the cells: corpora that their runs are scored on beside the one that they are
// trained on.
#include <stdlib.h>
#include <string.h>

#include "sweep/sweep_state.h"

static bool same_text(const char *a, const char *b) {
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

// Whether the runs of two cells are scored on the same datasets.
static bool share(const mb_sweep_cell *a, const mb_sweep_cell *b) {
    bool same = a->corpus == b->corpus && a->feature_type == b->feature_type &&
                a->target_count > 0 && b->target_count > 0;
    for (int32_t m = 0; m < MB_MAX_STREAMS && same; m++)
        same = same_text(a->features[m], b->features[m]);
    return same;
}

static bool asks_for(const mb_sweep_cell *cell, int32_t corpus) {
    for (int32_t t = 0; t < cell->target_count; t++)
        if (cell->targets[t] == corpus)
            return true;
    return false;
}

static mb_status check_features(const mb_sweep_cell *cell, const mb_corpus *source,
                                const mb_corpus *target, mb_error *error) {
    for (int32_t m = 0; m < mb_input_count(&cell->order); m++) {
        if (cell->features[m] == NULL)
            continue;
        const mb_feature *ours = mb_corpus_feature(source, cell->features[m]);
        const mb_feature *theirs = mb_corpus_feature(target, cell->features[m]);
        if (theirs == NULL) {
            const char *modality = mb_modality_names[mb_input_modality(&cell->order, m)];
            mb_status status = sweep_unknown_feature(target, modality, cell->features[m], error);
            return mb_fail_in(error, status, "target %s: ", target->rules->name);
        }
        if (ours->dimension != theirs->dimension)
            return mb_fail(error, MB_BAD_INPUT,
                           "target %s: the feature %s has %d dimensions there, and %d in %s; a "
                           "model takes one number of dimensions",
                           target->rules->name, cell->features[m], theirs->dimension,
                           ours->dimension, source->rules->name);
    }
    return MB_OK;
}

// Two targets of a dataset would have one name in a table.
static mb_status check_dataset(const mb_targets *targets, const mb_corpus *target,
                               mb_error *error) {
    for (int32_t t = 1; t <= targets->count; t++)
        if (strcmp(targets->corpora[t]->rules->name, target->rules->name) == 0)
            return mb_fail(error, MB_BAD_INPUT,
                           "expected targets of different datasets, found two of %s: %s and %s "
                           "(cells with the same corpus and features count together)",
                           target->rules->name, targets->corpora[t]->path, target->path);
    return MB_OK;
}

static mb_status add_target(mb_sweep *sweep, const sweep_cell *cell, int32_t index,
                            mb_targets *targets, mb_error *error) {
    const mb_corpus *labelled = sweep->corpora[index], *common = NULL;
    if (labelled == NULL) // was refused already
        return MB_OK;
    mb_status status = check_dataset(targets, labelled, error);
    if (status == MB_OK)
        status = check_features(cell->plan, cell->labelled, labelled, error);
    if (status == MB_OK)
        status = mb_store_common(sweep->store, labelled, &common, error);
    if (status != MB_OK)
        return status;
    return mb_targets_add(targets, common, (const char *const *)cell->plan->features,
                          mb_input_count(&cell->plan->order), error);
}

// Makes targets of all that the cells which share them ask for, in the order of the plan's corpora.
static mb_status make(mb_sweep *sweep, const sweep_cell *cell, mb_targets *targets,
                      mb_error *error) {
    const mb_sweep_plan *plan = sweep->plan;
    mb_status status = MB_OK;
    targets->corpora[0] = cell->corpus;
    for (int32_t i = 0; i < plan->corpus_count && status == MB_OK; i++) {
        bool asked = false;
        for (int32_t c = 0; c < plan->cell_count && !asked; c++)
            asked = share(cell->plan, &plan->cells[c]) && asks_for(&plan->cells[c], i);
        if (asked)
            status = add_target(sweep, cell, i, targets, error);
    }
    return status;
}

mb_status sweep_find_targets(mb_sweep *sweep, sweep_cell *cell, mb_error *error) {
    for (int32_t c = 0; &sweep->cells[c] != cell; c++)
        if (sweep->cells[c].targets != NULL && share(sweep->cells[c].plan, cell->plan)) {
            cell->targets = sweep->cells[c].targets;
            return MB_OK;
        }
    mb_targets **list =
        reallocarray(sweep->targets, (size_t)sweep->target_count + 1, sizeof(mb_targets *));
    if (list == NULL)
        return mb_out_of_memory(error, "targets");
    sweep->targets = list;
    cell->targets = calloc(1, sizeof *cell->targets);
    if (cell->targets == NULL)
        return mb_out_of_memory(error, "targets");
    list[sweep->target_count++] = cell->targets;
    return make(sweep, cell, cell->targets, error);
}

const char *sweep_target_name(const mb_sweep *sweep, const sweep_cell *cell, int32_t corpus) {
    const char *dataset = sweep->corpora[corpus]->rules->name; // one target is of this dataset
    int32_t t = 0;
    while (strcmp(cell->targets->corpora[1 + t]->rules->name, dataset) != 0)
        t++;
    return cell->targets->names[t];
}

// ---- what is recorded -------------------------------------------------------------------------

mb_status sweep_get_run(mb_sweep *sweep, const char *key, const mb_fold_set *folds, int32_t fold,
                        mb_run_result *result, mb_error *error) {
    bool targets = folds->test_count > 0 && folds->tests[0].dataset > 0;
    return targets ? mb_ledger_get_run_on(sweep->ledger, key, fold, folds->tests, folds->test_count,
                                          result, error)
                   : mb_ledger_get_run(sweep->ledger, key, fold, result, error);
}

const mb_corpus *const *sweep_corpora_of(const mb_sweep *sweep, int32_t cell) {
    return mb_trial_corpora(&sweep->cells[cell].corpus, sweep->cells[cell].targets);
}

bool sweep_lacks_target(const mb_ledger_scores *scores, const mb_fold_set *folds) {
    bool all = true;
    for (int32_t t = 0; t < folds->test_count && all; t++) {
        bool found = folds->tests[t].dataset == 0;
        for (int32_t p = 0; p < scores->part_count && !found; p++)
            found = strcmp(scores->parts[p].name, folds->tests[t].name) == 0;
        all = found;
    }
    return !all;
}

void sweep_free_targets(mb_sweep *sweep) {
    for (int32_t i = 0; i < sweep->target_count; i++)
        free(sweep->targets[i]);
    free(sweep->targets);
}
