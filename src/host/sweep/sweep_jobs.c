// Makes jobs of the runs that a sweep still has to train, and turns jobs into specifications
// of runs.
#include <stdlib.h>
#include <string.h>

#include "sweep/choice.h"
#include "sweep/sweep_state.h"

// Reserves memory for one more job.
static mb_status reserve(mb_sweep *sweep, mb_error *error) {
    if (sweep->job_count < sweep->job_capacity)
        return MB_OK;
    int32_t capacity = sweep->job_capacity > 0 ? 2 * sweep->job_capacity : 256;
    mb_job *jobs = realloc(sweep->jobs, (size_t)capacity * sizeof *jobs);
    if (jobs == NULL)
        return mb_out_of_memory(error, "the list of runs");
    sweep->jobs = jobs;
    sweep->job_capacity = capacity;
    return MB_OK;
}

// Loads the dataset of a cell, which all of its trials share, when its first run is to be trained.
static mb_status load_dataset(mb_sweep *sweep, sweep_cell *cell, mb_trial_spec *spec,
                              mb_error *error) {
    if (cell->dataset != NULL)
        return MB_OK;
    mb_status status = mb_trial_spec_load(sweep->store, spec, error);
    pthread_mutex_lock(&sweep->lists);
    cell->dataset = spec->dataset;
    pthread_mutex_unlock(&sweep->lists);
    return status;
}

// `described` receives the trial and must live as long as the spec.
static mb_trial_spec spec_of(const mb_sweep *sweep, const sweep_trial *trial, mb_trial *described) {
    const sweep_cell *cell = &sweep->cells[trial->cell];
    sweep_describe(sweep, trial->cell, trial->setting, trial->seed, described);
    return (mb_trial_spec){.trial = described,
                           .corpus = cell->corpus,
                           .folds = trial->folds,
                           .dataset = cell->dataset};
}

// Under the protocol strict, other parts are not even evaluated before the choice.
static bool is_strict(const mb_sweep *sweep) {
    return sweep->plan->protocol == MB_PROTOCOL_STRICT;
}

static mb_status add_job(mb_sweep *sweep, int32_t index, int32_t fold, mb_error *error) {
    sweep_trial *trial = &sweep->trials[index];
    sweep_cell *cell = &sweep->cells[trial->cell];
    mb_trial described;
    mb_trial_spec spec = spec_of(sweep, trial, &described);
    mb_status status = reserve(sweep, error);
    if (status == MB_OK)
        status = load_dataset(sweep, cell, &spec, error);
    if (status != MB_OK)
        return status;
    spec.dataset = cell->dataset;
    mb_job *job = &sweep->jobs[sweep->job_count];
    *job = (mb_job){
        .trial = index, .fold = fold, .selection_only = !trial->all_parts && is_strict(sweep)};
    mb_run_spec run = mb_trial_spec_run(&spec, fold);
    run.selection_only = job->selection_only;
    status = sweep_group_job(sweep, &run, &described.setting, job, error);
    if (status != MB_OK)
        return status;
    sweep->job_count++;
    sweep->totals.cost_known += job->cost;
    return MB_OK;
}

mb_run_spec sweep_run_of(const mb_sweep *sweep, const mb_job *job) {
    mb_trial described;
    mb_trial_spec spec = spec_of(sweep, &sweep->trials[job->trial], &described);
    mb_run_spec run = mb_trial_spec_run(&spec, job->fold);
    run.selection_only = job->selection_only;
    return run;
}

mb_status sweep_specify(void *owner, const mb_job *job, mb_run_spec *run, mb_error *error) {
    mb_sweep *sweep = owner;
    pthread_mutex_lock(&sweep->lists);
    *run = sweep_run_of(sweep, job);
    mb_status status = sweep_find_plans(sweep, job->group, run, error);
    pthread_mutex_unlock(&sweep->lists);
    return status;
}

// ---- missing runs -----------------------------------------------------------------------------

// Makes jobs of the folds that are not recorded, or are recorded with fewer parts than the trial
// needs. *recorded is the number of folds that are recorded with any parts.
static mb_status add_missing(mb_sweep *sweep, int32_t index, int32_t *recorded, mb_error *error) {
    sweep_trial *trial = &sweep->trials[index];
    mb_status status = MB_OK;
    *recorded = 0;
    for (int32_t k = 0; k < trial->folds->fold_count && status == MB_OK; k++) {
        mb_ledger_extent extent = MB_LEDGER_NOTHING;
        if (sweep->ledger != NULL)
            status = mb_ledger_get_extent(sweep->ledger, trial->key, k, &extent, error);
        bool enough = extent == MB_LEDGER_ALL_PARTS ||
                      (extent == MB_LEDGER_SELECTION &&
                       !(trial->all_parts && sweep_has_other_parts(trial, k)));
        *recorded += extent != MB_LEDGER_NOTHING;
        trial->missing += !enough;
        if (status == MB_OK && !enough)
            status = add_job(sweep, index, k, error);
    }
    return status;
}

mb_status sweep_find_missing(mb_sweep *sweep, int32_t index, mb_error *error) {
    sweep_trial *trial = &sweep->trials[index];
    mb_ledger_scores scores;
    int32_t recorded = 0;
    mb_status status = MB_OK;
    sweep->totals.runs += trial->folds->fold_count;
    if (sweep->ledger != NULL)
        status = mb_ledger_get_scores(sweep->ledger, trial->key, &trial->selected, &scores, error);
    if (status == MB_OK && trial->selected)
        trial->selection = mb_selection_of_trial(&scores);
    if (status == MB_OK)
        status = add_missing(sweep, index, &recorded, error);
    sweep->totals.runs_done += trial->folds->fold_count - trial->missing;
    if (status == MB_OK && recorded == trial->folds->fold_count && !trial->selected)
        return mb_fail(error, MB_BAD_INPUT,
                       "the ledger has all folds of the trial %s, but no scores", trial->key);
    return status;
}

mb_status sweep_request_all_parts(mb_sweep *sweep, int32_t index, mb_error *error) {
    sweep_trial *trial = &sweep->trials[index];
    int32_t recorded;
    trial->all_parts = true;
    if (trial->missing > 0) // sweep_train.c calls this again when the missing runs are done
        return MB_OK;
    mb_status status = sweep_record_parts(sweep, index, error);
    if (status == MB_OK)
        status = add_missing(sweep, index, &recorded, error);
    sweep->totals.runs += trial->missing;
    return status;
}
