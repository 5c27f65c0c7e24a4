// The list of trials of a sweep, and the jobs that they still need.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sweep/choice.h"
#include "sweep/sweep_state.h"

void sweep_describe(const mb_sweep *sweep, int32_t cell_index, int32_t setting, uint32_t seed,
                    mb_trial *trial) {
    const mb_sweep_plan *plan = sweep->plan;
    const sweep_cell *cell = &sweep->cells[cell_index];
    const mb_dataset_rules *rules = cell->corpus->rules;
    *trial = (mb_trial){.feature_type = cell->plan->feature_type,
                        .model = cell->plan->model,
                        .setting = cell->plan->settings[setting],
                        .protocol = plan->protocol,
                        .seed = seed};
    snprintf(trial->dataset, sizeof trial->dataset, "%s", rules->name);
    memcpy(trial->corpus_digest, cell->corpus->digest, sizeof trial->corpus_digest);
    for (int m = 0; m < MB_MODALITY_COUNT; m++) {
        if (cell->plan->features[m] == NULL)
            continue;
        const mb_feature *feature = mb_corpus_feature(cell->corpus, cell->plan->features[m]);
        trial->features[m].name = feature->name;
        memcpy(trial->features[m].digest, feature->digest, sizeof feature->digest);
    }
    mb_model_config unused;
    trial->training = (mb_training){
        .epochs = plan->epochs,
        .batch_size = plan->batch_size,
        .shuffle = plan->shuffle_given ? plan->shuffle
                                       : plan->protocol == MB_PROTOCOL_STRICT || rules->shuffle,
        .selection = plan->selection_given ? plan->selection : rules->selection,
    };
    mb_setting_apply(trial->model, &trial->setting, &unused, &trial->training);
}

// ---- finding trials by key --------------------------------------------------------------------

static int32_t *slot_of(const mb_sweep *sweep, const char *key) {
    char start[17];
    memcpy(start, key, 16);
    start[16] = '\0';
    uint64_t i = strtoull(start, NULL, 16), mask = (uint64_t)sweep->key_slot_count - 1;
    for (;; i++) {
        int32_t *slot = &sweep->key_slots[i & mask];
        if (*slot < 0 || strcmp(sweep->trials[*slot].key, key) == 0)
            return slot;
    }
}

// Room for one more trial.
static mb_status reserve(mb_sweep *sweep, mb_error *error) {
    if (sweep->trial_count < sweep->trial_capacity)
        return MB_OK;
    int32_t capacity = sweep->trial_capacity > 0 ? 2 * sweep->trial_capacity : 1024;
    sweep_trial *trials = realloc(sweep->trials, (size_t)capacity * sizeof *trials);
    if (trials == NULL)
        return mb_out_of_memory(error, "the list of trials");
    sweep->trials = trials;
    int32_t *slots = malloc(2 * (size_t)capacity * sizeof *slots);
    if (slots == NULL)
        return mb_out_of_memory(error, "the list of trials");
    free(sweep->key_slots);
    sweep->trial_capacity = capacity;
    sweep->key_slots = slots;
    sweep->key_slot_count = 2 * capacity;
    for (int32_t i = 0; i < 2 * capacity; i++)
        slots[i] = -1;
    for (int32_t i = 0; i < sweep->trial_count; i++)
        *slot_of(sweep, trials[i].key) = i;
    return MB_OK;
}

// ---- jobs -------------------------------------------------------------------------------------

static mb_status add_job(mb_sweep *sweep, mb_trial_spec *spec, int32_t trial, int32_t fold,
                         mb_error *error) {
    if (sweep->job_count == sweep->job_capacity) {
        int32_t capacity = sweep->job_capacity > 0 ? 2 * sweep->job_capacity : 256;
        mb_job *jobs = realloc(sweep->jobs, (size_t)capacity * sizeof *jobs);
        if (jobs == NULL)
            return mb_out_of_memory(error, "the list of runs");
        sweep->jobs = jobs;
        sweep->job_capacity = capacity;
    }
    sweep_cell *cell = &sweep->cells[sweep->trials[trial].cell];
    mb_job *job = &sweep->jobs[sweep->job_count];
    spec->dataset = cell->dataset; // those of a cell are the same for all of its trials
    mb_status status = mb_trial_spec_load(sweep->store, spec, error);
    if (status != MB_OK)
        return status;
    cell->dataset = spec->dataset;
    job->spec = mb_trial_spec_run(spec, fold);
    status = sweep_group_job(sweep, &spec->trial->setting, job, error);
    if (status != MB_OK)
        return status;
    job->trial = trial;
    sweep->job_count++;
    sweep->totals.cost_known += job->cost;
    return MB_OK;
}

// Asks the ledger what is there of a trial that is new to the sweep, and makes jobs of the rest.
static mb_status find_missing(mb_sweep *sweep, mb_trial_spec *spec, int32_t index,
                              mb_error *error) {
    sweep_trial *trial = &sweep->trials[index];
    int32_t folds = trial->folds->fold_count;
    bool there = false;
    mb_ledger_scores scores;
    mb_status status = MB_OK;
    sweep->totals.runs += folds;
    trial->missing = 0;
    if (sweep->ledger != NULL)
        status = mb_ledger_get_scores(sweep->ledger, trial->key, &there, &scores, error);
    if (status == MB_OK && there) {
        sweep->totals.runs_done += folds;
        trial->selection = mb_selection_of_trial(&scores);
        return MB_OK;
    }
    for (int32_t k = 0; k < folds && status == MB_OK; k++) {
        there = false;
        if (sweep->ledger != NULL)
            status = mb_ledger_has_run(sweep->ledger, trial->key, k, &there, error);
        sweep->totals.runs_done += there;
        trial->missing += !there;
        if (status == MB_OK && !there)
            status = add_job(sweep, spec, index, k, error);
    }
    if (status == MB_OK && trial->missing == 0)
        return mb_fail(error, MB_BAD_INPUT,
                       "the ledger has every fold of the trial %s but no scores of it", trial->key);
    return status;
}

mb_status sweep_add_trial(mb_sweep *sweep, int32_t cell, int32_t setting, uint32_t seed,
                          int32_t *index, mb_error *error) {
    mb_trial described;
    mb_trial_spec spec;
    char *description = NULL;
    mb_ledger_trial record = {.fold_count = 0};
    sweep_describe(sweep, cell, setting, seed, &described);
    mb_status status = reserve(sweep, error);
    if (status == MB_OK)
        status = mb_trial_describe(&described, &description, record.key, error);
    if (status != MB_OK)
        return status;
    int32_t *slot = slot_of(sweep, record.key);
    *index = *slot;
    if (*slot >= 0) {
        free(description);
        return MB_OK;
    }
    sweep_trial *trial = &sweep->trials[sweep->trial_count];
    *trial = (sweep_trial){.cell = cell, .setting = setting, .seed = seed, .selection = -INFINITY};
    memcpy(trial->key, record.key, sizeof trial->key);
    status = mb_trial_spec_make(sweep->store, &described, sweep->cells[cell].corpus, &spec, error);
    if (status == MB_OK) {
        trial->folds = spec.folds;
        *index = *slot = sweep->trial_count++;
        record.description = description;
        record.fold_count = trial->folds->fold_count;
        if (sweep->record)
            status = mb_ledger_put_trial(sweep->ledger, &record, error);
    }
    free(description);
    return status == MB_OK ? find_missing(sweep, &spec, *index, error) : status;
}
