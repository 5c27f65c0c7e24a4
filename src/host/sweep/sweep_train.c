// Trains the missing runs of a sweep. The calling thread owns the ledger; the workers of the pool
// pass their results to it.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/plural.h"
#include "sweep/choice.h"
#include "sweep/compare.h"
#include "sweep/score.h"
#include "sweep/sweep_state.h"

typedef struct training {
    mb_sweep *sweep;
    mb_pool *pool;
    const char *device;
} training;

// Collects the results of all folds of a trial. All but the new one are read from the ledger, since
// they may have been trained by an earlier process.
static mb_status collect(mb_sweep *sweep, const sweep_trial *trial, const mb_outcome *outcome,
                         mb_run_result *results, mb_error *error) {
    for (int32_t k = 0; k < trial->folds->fold_count; k++) {
        if (k == outcome->job.fold)
            continue;
        mb_status status = sweep_get_run(sweep, trial->key, trial->folds, k, &results[k], error);
        if (status != MB_OK)
            return status;
        int32_t tests = results[k].test_count;
        if (tests != 0 && tests != trial->folds->test_count)
            return mb_fail(error, MB_BAD_INPUT,
                           "trial %s, fold %d: expected %d %s in the ledger, found %d", trial->key,
                           k, trial->folds->test_count,
                           mb_plural(trial->folds->test_count, "test set", "test sets"), tests);
    }
    results[outcome->job.fold] = outcome->result;
    return MB_OK;
}

static mb_status score(mb_sweep *sweep, sweep_trial *trial, const mb_outcome *outcome,
                       mb_ledger_scores *scores, mb_error *error) {
    int32_t folds = trial->folds->fold_count;
    mb_run_result results[MB_MOST_FOLDS] = {0};
    mb_status status = collect(sweep, trial, outcome, results, error);
    if (status == MB_OK)
        status = mb_score_trial(sweep_corpora_of(sweep, trial->cell), trial->folds, results, scores,
                                error);
    for (int32_t k = 0; k < folds; k++)
        if (k != outcome->job.fold)
            mb_run_result_free(&results[k]);
    return status;
}

// A run that is trained again, to be scored on its other parts, must have the same results as
// before, bit for bit. This cannot be expected if it was recorded on another device: *moved.
static mb_status check_again(training *t, const mb_ledger_run *run, const mb_run_spec *spec,
                             bool *moved, mb_error *error) {
    mb_ledger *ledger = t->sweep->ledger;
    char difference[384] = "";
    mb_run_result stored = {0};
    mb_ledger_summary before;
    mb_run_spec selection = *spec;
    selection.selection_only = true;
    mb_status status = mb_ledger_get_summary(ledger, run->trial_key, run->fold, &before, error);
    *moved = status == MB_OK && strcmp(before.device, t->device) != 0;
    if (*moved) {
        t->sweep->totals.runs_moved++;
        return MB_OK;
    }
    if (status == MB_OK)
        status = mb_ledger_get_run(ledger, run->trial_key, run->fold, &stored, error);
    if (status == MB_OK &&
        !mb_runs_equal(&stored, run->result, &selection, difference, sizeof difference))
        status = mb_fail(error, MB_FAILED,
                         "trial %s, fold %d: trained again on the same device, the run gives other "
                         "results than before: %s",
                         run->trial_key, run->fold, difference);
    mb_run_result_free(&stored);
    return status;
}

mb_ledger_run sweep_ledger_run(const sweep_trial *trial, const mb_run_spec *spec,
                               const char *device, const mb_run_result *result) {
    return (mb_ledger_run){
        .trial_key = trial->key,
        .fold = spec->fold_index,
        .device = device,
        .version = MERBENCH_VERSION,
        .parts = spec->fold,
        .tests = spec->tests,
        .test_count = spec->test_count,
        .class_count = spec->config.class_count,
        .value_count = spec->config.value_count,
        .result = result,
    };
}

static mb_status put(training *t, const mb_outcome *outcome, const mb_ledger_scores *scores,
                     mb_error *error) {
    mb_sweep *sweep = t->sweep;
    sweep_trial *trial = &sweep->trials[outcome->job.trial];
    const sweep_run *before = &trial->runs[outcome->job.fold];
    mb_run_spec spec = sweep_run_of(sweep, &outcome->job);
    mb_ledger_run run = sweep_ledger_run(trial, &spec, t->device, &outcome->result);
    if (before->extent == MB_LEDGER_NOTHING)
        return mb_ledger_put_run(sweep->ledger, &run, scores, error);
    bool moved = false;
    mb_status status = before->outdated ? MB_OK : check_again(t, &run, &spec, &moved, error);
    trial->moved |= moved || before->outdated;
    run.keeps_targets = !trial->moved; // they are of the same weights
    return status == MB_OK ? mb_ledger_replace_run(sweep->ledger, &run, scores, error) : status;
}

// Notes in the lists of the sweep that a run is recorded.
static void note_recorded(mb_sweep *sweep, const mb_outcome *outcome) {
    sweep_trial *trial = &sweep->trials[outcome->job.trial];
    sweep_run *run = &trial->runs[outcome->job.fold];
    const mb_run_result *result = &outcome->result;
    run->pending = run->outdated = false;
    run->diverged = result->status == MB_RUN_DIVERGED;
    run->selection =
        run->diverged ? -(double)INFINITY : result->epochs[result->best_epoch].select_metric;
    run->extent = run->diverged || result->test_count > 0 || result->held_predictions.count > 0
                      ? MB_LEDGER_ALL_PARTS
                      : MB_LEDGER_SELECTION;
    trial->pending--;
    sweep->totals.runs_done++;
    sweep->totals.runs_trained++;
    sweep->totals.runs_diverged += run->diverged;
    sweep->totals.runs_broken += result->broken_epoch >= 0;
    sweep->totals.cost_done += outcome->job.cost;
}

// Whether all runs of a trial are recorded when this one is.
static bool completes(const sweep_trial *trial, int32_t fold) {
    bool complete = true;
    for (int32_t k = 0; k < trial->folds->fold_count; k++)
        complete = complete && (k == fold || sweep_is_recorded(&trial->runs[k]));
    return complete;
}

static mb_status record(training *t, mb_outcome *outcome, mb_error *error) {
    mb_sweep *sweep = t->sweep;
    int32_t index = outcome->job.trial, fold = outcome->job.fold;
    sweep_trial *trial = &sweep->trials[index];
    mb_ledger_scores scores = {0};
    bool complete = completes(trial, fold);
    if (!trial->runs[fold].all_parts && outcome->result.status == MB_RUN_DONE)
        sweep_hold_back(trial, fold, &outcome->result);
    mb_status status = complete ? score(sweep, trial, outcome, &scores, error) : MB_OK;
    // Scores that were recorded stay until all runs have their new parts.
    bool first = trial->runs[fold].extent == MB_LEDGER_NOTHING || trial->runs[fold].outdated;
    bool put_scores = complete && (first || scores.diverged || scores.part_count > 0);
    if (status == MB_OK)
        status = put(t, outcome, put_scores ? &scores : NULL, error);
    if (status == MB_OK && complete) {
        trial->selection = mb_selection_of_trial(&scores);
        trial->selected = true;
    }
    mb_ledger_scores_free(&scores);
    if (status != MB_OK)
        return status;
    note_recorded(sweep, outcome);
    if (trial->pending == 0) // all parts may have been wanted after a run of it began
        status = sweep_want_more(sweep, index, error);
    if (complete)
        sweep_weigh_parts(sweep, &sweep->trials[index]);
    if (status == MB_OK && complete)
        status = sweep_advance(sweep, error);
    return status == MB_OK ? sweep_score_joins(sweep, error) : status;
}

static mb_status give_jobs(training *t, mb_error *error) {
    mb_sweep *sweep = t->sweep;
    if (sweep->job_count == 0)
        return MB_OK;
    mb_status status = mb_pool_add(t->pool, sweep->jobs, sweep->job_count, error);
    sweep->job_count = 0;
    return status;
}

// Prepends the run that failed to the message.
static mb_status fail_in_run(mb_sweep *sweep, const mb_outcome *outcome, mb_error *error) {
    const sweep_trial *trial = &sweep->trials[outcome->job.trial];
    const sweep_cell *cell = &sweep->cells[trial->cell];
    char *setting = mb_setting_json(cell->plan->model, &cell->plan->settings[trial->setting]);
    mb_fail_in(error, outcome->status, "model %s, %s, seed %u, fold %d: ", cell->plan->model->name,
               setting != NULL ? setting : "", trial->seed, outcome->job.fold);
    free(setting);
    return sweep_fail_in_cell(sweep, cell, outcome->status, error);
}

// Takes one outcome, if there is one within `seconds`, and frees it.
static mb_status handle_next(training *t, double seconds, bool *taken, mb_error *error) {
    mb_outcome *outcome = mb_pool_take(t->pool, seconds, error);
    *taken = outcome != NULL;
    if (outcome == NULL)
        return MB_OK;
    mb_status status = outcome->status;
    if (outcome->does_not_fit)
        status = sweep_set_aside(t->sweep, &outcome->job, error);
    else if (status == MB_OK && outcome->result.status != MB_RUN_STOPPED)
        status = record(t, outcome, error);
    if (outcome->status != MB_OK && !outcome->does_not_fit)
        status = fail_in_run(t->sweep, outcome, error);
    if (status == MB_OK)
        status = give_jobs(t, error);
    mb_run_result_free(&outcome->result);
    sweep_job_ended(t->sweep, &outcome->job);
    free(outcome);
    return status;
}

// Appends to the message of a failure how many runs are recorded, since these are kept.
static mb_status append_progress(const mb_sweep *sweep, mb_status status, mb_error *error) {
    mb_sweep_totals totals;
    mb_sweep_get_totals(sweep, &totals);
    return mb_fail_more(error, status,
                        "\n%lld of %lld %s done and recorded; the same command goes on from there",
                        (long long)totals.runs_done, (long long)totals.runs,
                        mb_plural(totals.runs, "run is", "runs are"));
}

static void report(training *t, mb_sweep_listener listener, void *context) {
    mb_sweep_totals totals;
    mb_sweep_get_totals(t->sweep, &totals);
    totals.steps = mb_pool_steps(t->pool);
    totals.flight = mb_pool_get_flight(t->pool);
    t->sweep->totals.steps = totals.steps;
    if (listener != NULL)
        listener(context, &totals);
}

// Ends the training and records all finished runs, even if one of them fails. Returns the
// first failure.
static mb_status end(training *t, mb_error *error) {
    bool taken = true;
    mb_status first = MB_OK;
    mb_pool_stop(t->pool);
    while (taken) {
        mb_error later;
        mb_status status = handle_next(t, 0, &taken, first == MB_OK ? error : &later);
        first = first == MB_OK ? status : first;
    }
    return first;
}

static mb_status interrupted(training *t, mb_error *error) {
    mb_sweep_totals totals;
    mb_status status = end(t, error);
    if (status != MB_OK && !t->sweep->interrupted)
        return status;
    mb_sweep_get_totals(t->sweep, &totals);
    if (totals.runs_done == totals.runs && !t->sweep->interrupted)
        return MB_OK;
    return mb_fail(error, MB_FAILED,
                   "interrupted (%s): %lld of %lld %s done and recorded; the same command goes on "
                   "from there",
                   strsignal(t->sweep->interrupt.signal), (long long)totals.runs_done,
                   (long long)totals.runs, mb_plural(totals.runs, "run is", "runs are"));
}

static mb_status train(training *t, mb_sweep_listener listener, void *context, mb_error *error) {
    mb_status status = give_jobs(t, error);
    while (status == MB_OK && mb_pool_pending(t->pool) > 0) {
        bool taken = false;
        if (mb_interrupt_came(&t->sweep->interrupt))
            return interrupted(t, error);
        status = handle_next(t, 0.1, &taken, error);
        report(t, listener, context);
        if (t->sweep->interrupted)
            return interrupted(t, error);
        if (status != MB_OK) {
            mb_error further; // only the first failure is reported
            (void)end(t, &further);
            status = append_progress(t->sweep, status, error);
        }
    }
    return status;
}

mb_status mb_sweep_train(mb_sweep *sweep, const mb_pool_config *config, const char *device,
                         mb_sweep_listener listener, void *context, mb_error *error) {
    training t = {.sweep = sweep, .device = device};
    mb_pool_config own = *config;
    own.specify = sweep_specify;
    own.owner = sweep;
    sweep->memory = config->memory;
    if (sweep->job_count == 0)
        return MB_OK;
    mb_status status = mb_pool_open(&own, &t.pool, error);
    if (status != MB_OK)
        return status;
    mb_interrupt_begin(&sweep->interrupt); // only now: the driver of a GPU may take long to open it
    status = train(&t, listener, context, error);
    mb_pool_close(t.pool);
    mb_interrupt_end(&sweep->interrupt);
    return status;
}
