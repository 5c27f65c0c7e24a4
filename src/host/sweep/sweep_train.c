// Training of what a sweep misses. The thread that calls owns the ledger; the workers of the pool
// hand their results to it.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sweep/choice.h"
#include "sweep/score.h"
#include "sweep/sweep_state.h"

typedef struct training {
    mb_sweep *sweep;
    mb_pool *pool;
    const char *device;
} training;

// The results of all folds of a trial: the new one, the others as the ledger has them, so that it
// does not matter which start of the program trained them.
static mb_status collect(mb_sweep *sweep, const sweep_trial *trial, const mb_outcome *outcome,
                         mb_run_result *results, mb_error *error) {
    for (int32_t k = 0; k < trial->folds->fold_count; k++) {
        int32_t tests = 0;
        if (k == outcome->job.spec.fold_index)
            continue;
        mb_status status =
            mb_ledger_get_run(sweep->ledger, trial->key, k, &tests, &results[k], error);
        if (status != MB_OK)
            return status;
        if (tests != trial->folds->test_count) {
            mb_run_result_free(&results[k], tests);
            results[k] = (mb_run_result){0};
            return mb_fail(error, MB_BAD_INPUT,
                           "trial %s, fold %d: expected %d test sets in the ledger, found %d",
                           trial->key, k, trial->folds->test_count, tests);
        }
    }
    results[outcome->job.spec.fold_index] = outcome->result;
    return MB_OK;
}

static mb_status score(mb_sweep *sweep, sweep_trial *trial, const mb_outcome *outcome,
                       mb_ledger_scores *scores, mb_error *error) {
    int32_t folds = trial->folds->fold_count, own = outcome->job.spec.fold_index;
    mb_run_result *results = calloc((size_t)folds, sizeof *results);
    if (results == NULL)
        return mb_out_of_memory(error, "runs of a trial");
    const mb_corpus *corpus = sweep->cells[trial->cell].corpus;
    mb_status status = collect(sweep, trial, outcome, results, error);
    if (status == MB_OK)
        status = mb_score_trial(corpus, trial->folds, results, scores, error);
    for (int32_t k = 0; k < folds; k++)
        if (k != own)
            mb_run_result_free(&results[k], trial->folds->test_count);
    free(results);
    return status;
}

static mb_status record(training *t, const mb_outcome *outcome, mb_error *error) {
    mb_sweep *sweep = t->sweep;
    sweep_trial *trial = &sweep->trials[outcome->job.trial];
    const mb_run_spec *spec = &outcome->job.spec;
    mb_ledger_scores scores;
    bool complete = trial->missing == 1;
    mb_status status = complete ? score(sweep, trial, outcome, &scores, error) : MB_OK;
    if (status != MB_OK)
        return status;
    mb_ledger_run run = {
        .trial_key = trial->key,
        .fold = spec->fold_index,
        .device = t->device,
        .version = MERBENCH_VERSION,
        .part = spec->fold,
        .tests = spec->tests,
        .test_count = spec->test_count,
        .class_count = spec->config.class_count,
        .value_count = spec->config.value_count,
        .result = &outcome->result,
    };
    status = mb_ledger_put_run(sweep->ledger, &run, complete ? &scores : NULL, error);
    if (status != MB_OK)
        return status;
    trial->missing--;
    if (complete)
        trial->selection = mb_selection_of_trial(&scores);
    sweep->totals.runs_done++;
    sweep->totals.runs_trained++;
    sweep->totals.runs_diverged += outcome->result.status == MB_RUN_DIVERGED;
    sweep->totals.cost_done += outcome->job.cost;
    return complete ? sweep_advance(sweep, error) : MB_OK;
}

static mb_status give_jobs(training *t, mb_error *error) {
    mb_sweep *sweep = t->sweep;
    if (sweep->job_count == 0)
        return MB_OK;
    mb_status status = mb_pool_add(t->pool, sweep->jobs, sweep->job_count, error);
    sweep->job_count = 0;
    return status;
}

// Says which run failed.
static mb_status fail_in_run(mb_sweep *sweep, const mb_outcome *outcome, mb_error *error) {
    const sweep_trial *trial = &sweep->trials[outcome->job.trial];
    const sweep_cell *cell = &sweep->cells[trial->cell];
    char *setting = mb_setting_json(cell->plan->model, &cell->plan->settings[trial->setting]);
    mb_fail_in(error, outcome->status, "model %s, %s, seed %u, fold %d: ", cell->plan->model->name,
               setting != NULL ? setting : "", trial->seed, outcome->job.spec.fold_index);
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
    if (status == MB_OK && outcome->result.status != MB_RUN_STOPPED)
        status = record(t, outcome, error);
    if (outcome->status != MB_OK)
        status = fail_in_run(t->sweep, outcome, error);
    if (status == MB_OK)
        status = give_jobs(t, error);
    mb_run_result_free(&outcome->result, outcome->job.spec.test_count);
    free(outcome);
    return status;
}

// What is recorded stays, whatever failed: says so behind the message.
static mb_status tell_progress(const mb_sweep *sweep, mb_status status, mb_error *error) {
    mb_sweep_totals totals;
    mb_error first = *error;
    mb_sweep_get_totals(sweep, &totals);
    return mb_fail(
        error, status,
        "%s\n%lld of %lld runs are done and recorded; the same command goes on from there",
        first.message, (long long)totals.runs_done, (long long)totals.runs);
}

static void report(training *t, mb_sweep_listener listener, void *context) {
    mb_sweep_totals totals;
    mb_sweep_get_totals(t->sweep, &totals);
    totals.steps = mb_pool_steps(t->pool);
    t->sweep->totals.steps = totals.steps;
    if (listener != NULL)
        listener(context, &totals);
}

// Ends the training and records what was finished by then, also behind a failure; the first one is
// told.
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
    if (status != MB_OK)
        return status;
    mb_sweep_get_totals(t->sweep, &totals);
    if (totals.runs_done == totals.runs)
        return MB_OK;
    return mb_fail(
        error, MB_FAILED,
        "interrupted (%s): %lld of %lld runs are done and recorded; the same command goes "
        "on from there",
        strsignal(t->sweep->interrupt->signal), (long long)totals.runs_done,
        (long long)totals.runs);
}

mb_status mb_sweep_train(mb_sweep *sweep, const mb_pool_config *config, const char *device,
                         mb_sweep_listener listener, void *context, mb_error *error) {
    training t = {.sweep = sweep, .device = device};
    if (sweep->job_count == 0)
        return MB_OK;
    mb_status status = mb_pool_open(config, &t.pool, error);
    if (status == MB_OK)
        status = give_jobs(&t, error);
    while (status == MB_OK && mb_pool_pending(t.pool) > 0) {
        bool taken = false;
        if (mb_interrupt_came(sweep->interrupt)) {
            status = interrupted(&t, error);
            break;
        }
        status = handle_next(&t, 0.1, &taken, error);
        report(&t, listener, context);
        if (status != MB_OK) {
            mb_error further; // the first failure is the one to tell
            (void)end(&t, &further);
            status = tell_progress(sweep, status, error);
        }
    }
    mb_pool_close(t.pool);
    return status;
}
