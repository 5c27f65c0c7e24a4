// Handles the other parts of search trials: held-out parts and test sets.
//
// Only the results of the chosen setting on its other parts are recorded. Under the protocol strict
// they are evaluated after the choice, and the chosen trials are trained again for that. Under
// mertools they are evaluated when a run ends, because its weights are still in memory. The results
// are then kept in memory until the setting of the cell is chosen, for the best setting so far and
// for all settings that are not complete yet.
#include <stdlib.h>

#include "sweep/choice.h"
#include "sweep/score.h"
#include "sweep/sweep_state.h"

bool sweep_has_other_parts(const sweep_trial *trial, int32_t fold) {
    return trial->folds->test_count > 0 || trial->folds->folds[fold].held.count > 0;
}

static void drop(sweep_trial *trial) {
    for (int32_t k = 0; trial->parts != NULL && k < trial->folds->fold_count; k++)
        mb_run_result_free(&trial->parts[k]);
    free(trial->parts);
    trial->parts = NULL;
}

void sweep_drop_parts(mb_sweep *sweep, const sweep_cell *cell) {
    for (int32_t i = 0; i < cell->search_count; i++)
        drop(&sweep->trials[cell->search[i]]);
}

void sweep_free_parts(mb_sweep *sweep) {
    for (int32_t i = 0; i < sweep->trial_count; i++)
        drop(&sweep->trials[i]);
}

// Moves the results on all parts other than the selection part.
static void move_parts(mb_run_result *from, mb_run_result *to) {
    to->held = from->held;
    to->held_predictions = from->held_predictions;
    to->test_count = from->test_count;
    to->tests = from->tests;
    from->held = mb_no_scores();
    from->held_predictions = (mb_predictions){0};
    from->test_count = 0;
    from->tests = NULL;
}

void sweep_hold_back(sweep_trial *trial, int32_t fold, mb_run_result *result) {
    mb_run_result none = {0};
    if (trial->parts == NULL)
        trial->parts = calloc((size_t)trial->folds->fold_count, sizeof *trial->parts);
    mb_run_result *kept = trial->parts != NULL ? &trial->parts[fold] : &none;
    move_parts(result, kept);
    mb_run_result_free(&none); // out of memory: if the run is chosen, it is trained again
}

// Whether all trials of a setting have selection values; *mean receives their mean.
static bool is_complete(const mb_sweep *sweep, const sweep_cell *cell, int32_t setting,
                        double *mean) {
    int32_t seeds = sweep->plan->search_seeds.count;
    mb_candidate candidate = {0};
    for (int32_t i = 0; i < seeds; i++) {
        const sweep_trial *trial = &sweep->trials[cell->search[setting * seeds + i]];
        if (!trial->selected)
            return false;
        mb_candidate_add(&candidate, trial->selection, false);
    }
    *mean = mb_candidate_mean(&candidate);
    return true;
}

void sweep_weigh_parts(mb_sweep *sweep, const sweep_trial *trial) {
    sweep_cell *cell = &sweep->cells[trial->cell];
    int32_t seeds = sweep->plan->search_seeds.count, worse = trial->setting;
    double mean;
    if (cell->chosen || cell->search_count == 0 || !is_complete(sweep, cell, trial->setting, &mean))
        return;
    if (cell->best < 0 || mean > cell->best_mean ||
        (mean == cell->best_mean && trial->setting < cell->best)) {
        worse = cell->best;
        cell->best = trial->setting;
        cell->best_mean = mean;
    }
    for (int32_t i = 0; worse >= 0 && i < seeds; i++)
        drop(&sweep->trials[cell->search[worse * seeds + i]]);
}

// ---- recording --------------------------------------------------------------------------------

// Reads the runs of a trial from the ledger and adds the parts that were held back. *complete: no
// part is missing.
static mb_status assemble_runs(mb_sweep *sweep, sweep_trial *trial, mb_run_result *results,
                               bool *complete, mb_error *error) {
    mb_status status = MB_OK;
    *complete = true;
    for (int32_t k = 0; k < trial->folds->fold_count && status == MB_OK && *complete; k++) {
        status = sweep_get_run(sweep, trial->key, trial->folds, k, &results[k], error);
        if (status != MB_OK || trial->runs[k].extent == MB_LEDGER_ALL_PARTS ||
            !sweep_has_other_parts(trial, k))
            continue;
        mb_run_result *parts = &trial->parts[k];
        *complete = parts->test_count > 0 || parts->held_predictions.count > 0;
        if (*complete)
            move_parts(parts, &results[k]);
    }
    return status;
}

static mb_status record(mb_sweep *sweep, int32_t index, const mb_run_result *results,
                        mb_error *error) {
    sweep_trial *trial = &sweep->trials[index];
    int32_t last = trial->folds->fold_count - 1;
    mb_ledger_scores scores;
    mb_status status =
        mb_score_trial(sweep_corpora_of(sweep, trial->cell), trial->folds, results, &scores, error);
    for (int32_t k = 0; k <= last && status == MB_OK; k++) {
        mb_ledger_summary before;
        mb_run_spec spec = sweep_run_of(sweep, &(mb_job){.trial = index, .fold = k});
        status = mb_ledger_get_summary(sweep->ledger, trial->key, k, &before, error);
        mb_ledger_run run = sweep_ledger_run(trial, &spec, before.device, &results[k]);
        run.keeps_targets = true;
        if (status == MB_OK)
            status = mb_ledger_replace_run(sweep->ledger, &run, k == last ? &scores : NULL, error);
    }
    mb_ledger_scores_free(&scores);
    return status;
}

mb_status sweep_record_parts(mb_sweep *sweep, int32_t index, mb_error *error) {
    sweep_trial *trial = &sweep->trials[index];
    int32_t folds = trial->folds->fold_count;
    bool complete = false;
    if (trial->parts == NULL)
        return MB_OK;
    mb_run_result *results = calloc((size_t)folds, sizeof *results);
    if (results == NULL)
        return mb_out_of_memory(error, "runs of a trial");
    mb_status status = mb_ledger_begin(sweep->ledger, error);
    if (status == MB_OK) {
        status = assemble_runs(sweep, trial, results, &complete, error);
        if (status == MB_OK && complete)
            status = record(sweep, index, results, error);
        mb_status ended =
            mb_ledger_end(sweep->ledger, status == MB_OK, status == MB_OK ? error : NULL);
        status = status == MB_OK ? ended : status;
    }
    for (int32_t k = 0; k < folds && status == MB_OK && complete; k++)
        trial->runs[k].extent = MB_LEDGER_ALL_PARTS;
    for (int32_t k = 0; k < folds; k++)
        mb_run_result_free(&results[k]);
    free(results);
    drop(trial);
    return status;
}
