// Makes jobs of the runs that a sweep still has to train, and turns jobs into specifications
// of runs.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sweep/choice.h"
#include "sweep/score.h"
#include "sweep/sweep_state.h"

mb_status sweep_reserve_job(mb_job **jobs, int32_t count, int32_t *capacity, mb_error *error) {
    if (count < *capacity)
        return MB_OK;
    int32_t doubled = *capacity > 0 ? 2 * *capacity : 256;
    mb_job *larger = realloc(*jobs, (size_t)doubled * sizeof *larger);
    if (larger == NULL)
        return mb_out_of_memory(error, "the list of runs");
    *jobs = larger;
    *capacity = doubled;
    return MB_OK;
}

// Loads the dataset of a cell, which all of its trials share, when its first run is to be trained.
// Nothing is lost if a signal ends the process meanwhile: no run is trained yet.
static mb_status load_dataset(mb_sweep *sweep, sweep_cell *cell, mb_trial_spec *spec,
                              mb_error *error) {
    if (cell->dataset != NULL)
        return MB_OK;
    if (sweep->preparing)
        mb_interrupt_pause(&sweep->interrupt);
    mb_status status = mb_trial_spec_load(sweep->store, spec, error);
    if (sweep->preparing)
        mb_interrupt_resume(&sweep->interrupt);
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
                           .targets = cell->targets,
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
    mb_status status =
        sweep_reserve_job(&sweep->jobs, sweep->job_count, &sweep->job_capacity, error);
    if (status == MB_OK)
        status = load_dataset(sweep, cell, &spec, error);
    if (status != MB_OK)
        return status;
    spec.dataset = cell->dataset;
    mb_job *job = &sweep->jobs[sweep->job_count];
    *job = (mb_job){.trial = index,
                    .fold = fold,
                    .selection_only = !trial->runs[fold].all_parts && is_strict(sweep)};
    mb_run_spec run = mb_trial_spec_run(&spec, fold);
    run.selection_only = job->selection_only;
    status = sweep_group_job(sweep, &run, &described.setting, job, error);
    if (status != MB_OK)
        return status;
    sweep->job_count++;
    sweep->totals.cost_known += job->cost;
    trial->runs[fold].pending = true;
    trial->pending++;
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

// ---- what is recorded -------------------------------------------------------------------------

// Earlier versions ended every run with a number that is not finite. Under the protocol mertools
// such a run is scored now, except where the toolkit stops.
static bool is_outdated(const mb_sweep *sweep, const sweep_trial *trial,
                        const mb_ledger_summary *summary) {
    return summary->extent != MB_LEDGER_NOTHING && summary->status == MB_RUN_DIVERGED &&
           !is_strict(sweep) && !mb_toolkit_stops(sweep->cells[trial->cell].corpus->rules);
}

bool sweep_is_recorded(const sweep_run *run) {
    return run->extent != MB_LEDGER_NOTHING && !run->outdated;
}

static bool has_target_parts(const sweep_trial *trial) {
    return trial->folds->test_count > 0 && trial->folds->tests[0].dataset > 0;
}

static bool has_all_parts(const sweep_trial *trial) {
    bool all = true;
    for (int32_t k = 0; k < trial->folds->fold_count; k++)
        all = all && trial->runs[k].extent == MB_LEDGER_ALL_PARTS;
    return all;
}

// Whether a run that is recorded on all parts is so on the targets of its folds.
static mb_status has_targets(mb_sweep *sweep, const sweep_trial *trial, int32_t fold, bool *has,
                             mb_error *error) {
    mb_run_result result = {0};
    *has = !has_target_parts(trial);
    if (*has)
        return MB_OK;
    mb_status status = sweep_get_run(sweep, trial->key, trial->folds, fold, &result, error);
    *has = result.status == MB_RUN_DIVERGED || result.test_count > 0;
    mb_run_result_free(&result);
    return status;
}

static mb_status find_run(mb_sweep *sweep, sweep_trial *trial, int32_t fold, mb_error *error) {
    mb_ledger_summary summary;
    mb_status status = mb_ledger_get_summary(sweep->ledger, trial->key, fold, &summary, error);
    sweep_run *run = &trial->runs[fold];
    bool has = true;
    if (status == MB_OK && summary.extent == MB_LEDGER_ALL_PARTS)
        status = has_targets(sweep, trial, fold, &has, error);
    run->extent = has ? summary.extent : MB_LEDGER_SELECTION;
    run->outdated = is_outdated(sweep, trial, &summary);
    run->diverged = summary.extent != MB_LEDGER_NOTHING && summary.status == MB_RUN_DIVERGED;
    run->selection = run->diverged ? -(double)INFINITY : summary.selection;
    return status;
}

mb_status sweep_find_recorded(mb_sweep *sweep, int32_t index, mb_error *error) {
    sweep_trial *trial = &sweep->trials[index];
    mb_ledger_scores scores;
    bool there = false, complete = true;
    mb_status status = MB_OK;
    if (sweep->ledger == NULL)
        return MB_OK;
    for (int32_t k = 0; k < trial->folds->fold_count && status == MB_OK; k++) {
        status = find_run(sweep, trial, k, error);
        complete = complete && sweep_is_recorded(&trial->runs[k]);
    }
    if (status != MB_OK || !complete)
        return status;
    status = mb_ledger_get_scores(sweep->ledger, trial->key, &there, &scores, error);
    if (status == MB_OK && !there)
        return mb_fail(error, MB_BAD_INPUT,
                       "the ledger has all folds of the trial %s, but no scores", trial->key);
    if (status != MB_OK)
        return status;
    trial->selected = true;
    trial->selection = mb_selection_of_trial(&scores);
    // Earlier versions recorded the scores of the first part alone.
    const mb_corpus *corpus = sweep->cells[trial->cell].corpus;
    bool fewer = scores.part_count > 0 && !has_target_parts(trial) &&
                 scores.part_count < mb_score_part_count(corpus, trial->folds);
    fewer = fewer || (!scores.diverged && has_target_parts(trial) && has_all_parts(trial) &&
                      sweep_lacks_target(&scores, trial->folds));
    mb_ledger_scores_free(&scores);
    return fewer && sweep->record
               ? sweep_score_recorded(sweep, trial->key, trial->cell, trial->folds, error)
               : MB_OK;
}

// ---- what is wanted ---------------------------------------------------------------------------

bool sweep_has_run(const sweep_trial *trial, int32_t fold) {
    const sweep_run *run = &trial->runs[fold];
    return sweep_is_recorded(run) && (run->extent == MB_LEDGER_ALL_PARTS || !run->all_parts ||
                                      !sweep_has_other_parts(trial, fold));
}

// Makes jobs of the wanted runs that are not recorded, or not on all parts that are wanted.
static mb_status add_missing(mb_sweep *sweep, int32_t index, mb_error *error) {
    mb_status status = MB_OK;
    for (int32_t k = 0; k < sweep->trials[index].folds->fold_count && status == MB_OK; k++) {
        const sweep_trial *trial = &sweep->trials[index];
        const sweep_run *run = &trial->runs[k];
        if (run->wanted && !run->pending && !run->set_aside && !sweep_has_run(trial, k))
            status = add_job(sweep, index, k, error);
    }
    return status;
}

mb_status sweep_want_more(mb_sweep *sweep, int32_t index, mb_error *error) {
    const sweep_trial *trial = &sweep->trials[index];
    int32_t before = trial->pending;
    mb_status status = MB_OK;
    if (trial->runs[0].all_parts)
        status = sweep_record_parts(sweep, index, error);
    if (status == MB_OK)
        status = add_missing(sweep, index, error);
    sweep->totals.runs += sweep->trials[index].pending - before;
    return status;
}

mb_status sweep_want(mb_sweep *sweep, int32_t index, int32_t fold, bool all_parts,
                     mb_error *error) {
    sweep_trial *trial = &sweep->trials[index];
    int32_t first = fold == ALL_FOLDS ? 0 : fold;
    int32_t end = fold == ALL_FOLDS ? trial->folds->fold_count : fold + 1;
    bool missing = false;
    for (int32_t k = first; k < end; k++) {
        sweep_run *run = &trial->runs[k];
        bool known = run->wanted;
        run->wanted = true;
        run->all_parts = run->all_parts || all_parts;
        bool done = sweep_has_run(trial, k);
        missing = missing || (!known && !done);
        sweep->totals.runs += !known && done;
        sweep->totals.runs_done += !known && done;
    }
    if (trial->pending > 0 && !missing) // sweep_train.c wants more when these are recorded
        return MB_OK;
    return sweep_want_more(sweep, index, error);
}
