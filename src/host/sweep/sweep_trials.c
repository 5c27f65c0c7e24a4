// The list of trials of a sweep.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sweep/choice.h"
#include "sweep/sweep_state.h"

enum { TRIALS_BETWEEN_LOOKS = 64 }; // for an interrupt

void sweep_describe(const mb_sweep *sweep, int32_t cell_index, int32_t setting, uint32_t seed,
                    mb_trial *trial) {
    const mb_sweep_plan *plan = sweep->plan;
    const sweep_cell *cell = &sweep->cells[cell_index];
    const mb_dataset_rules *rules = cell->corpus->rules;
    *trial = (mb_trial){.order = cell->plan->order,
                        .feature_type = cell->plan->feature_type,
                        .model = cell->plan->model,
                        .setting = cell->plan->settings[setting],
                        .common_labels = cell->plan->target_count > 0,
                        .protocol = plan->protocol,
                        .seed = seed,
                        .fold_seed = plan->fold_seed};
    snprintf(trial->dataset, sizeof trial->dataset, "%s", rules->name);
    memcpy(trial->corpus_digest, cell->corpus->digest, sizeof trial->corpus_digest);
    for (int32_t m = 0; m < mb_input_count(&cell->plan->order); m++) {
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

// Reserves memory for one more trial.
static mb_status reserve(mb_sweep *sweep, mb_error *error) {
    if (sweep->trial_count < sweep->trial_capacity)
        return MB_OK;
    int32_t capacity = sweep->trial_capacity > 0 ? 2 * sweep->trial_capacity : 1024;
    pthread_mutex_lock(&sweep->lists);
    sweep_trial *trials = realloc(sweep->trials, (size_t)capacity * sizeof *trials);
    if (trials != NULL)
        sweep->trials = trials;
    pthread_mutex_unlock(&sweep->lists);
    if (trials == NULL)
        return mb_out_of_memory(error, "the list of trials");
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

// Appends a trial that is not in the list yet.
static mb_status add_new(mb_sweep *sweep, const mb_trial *described, int32_t cell, int32_t setting,
                         mb_ledger_trial *record, mb_error *error) {
    int32_t index = sweep->trial_count;
    mb_trial_spec spec;
    const sweep_cell *of = &sweep->cells[cell];
    mb_status status =
        mb_trial_spec_make(sweep->store, described, of->corpus, of->targets, &spec, error);
    if (status != MB_OK)
        return status;
    sweep_trial *trial = &sweep->trials[index];
    *trial = (sweep_trial){.cell = cell,
                           .setting = setting,
                           .seed = described->seed,
                           .folds = spec.folds,
                           .runs = calloc((size_t)spec.folds->fold_count, sizeof *trial->runs),
                           .selection = -INFINITY};
    if (trial->runs == NULL)
        return mb_out_of_memory(error, "the list of trials");
    memcpy(trial->key, record->key, sizeof trial->key);
    *slot_of(sweep, record->key) = index;
    sweep->trial_count++;
    record->fold_count = spec.folds->fold_count;
    if (sweep->record)
        status = mb_ledger_put_trial(sweep->ledger, record, error);
    return status == MB_OK ? sweep_find_recorded(sweep, index, error) : status;
}

mb_status sweep_add_trial(mb_sweep *sweep, int32_t cell, int32_t setting, uint32_t seed,
                          int32_t *index, mb_error *error) {
    mb_trial described;
    mb_ledger_trial record = {.fold_count = 0};
    sweep_describe(sweep, cell, setting, seed, &described);
    mb_status status = MB_OK;
    if (++sweep->trials_asked % TRIALS_BETWEEN_LOOKS == 0)
        status = sweep_check_interrupt(sweep, error);
    if (status == MB_OK)
        status = reserve(sweep, error);
    if (status == MB_OK)
        status = mb_trial_describe(&described, &record.description, record.key, error);
    if (status != MB_OK)
        return status;
    *index = *slot_of(sweep, record.key);
    if (*index < 0) {
        *index = sweep->trial_count;
        status = add_new(sweep, &described, cell, setting, &record, error);
    }
    free(record.description);
    return status;
}
