// Opens a sweep, records its plan, starts the search of every cell, and counts runs.
#include "sweep/sweep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "sweep/sweep_state.h"

mb_status sweep_check_interrupt(mb_sweep *sweep, mb_error *error) {
    if (!mb_interrupt_came(&sweep->interrupt))
        return MB_OK;
    sweep->interrupted = true;
    return mb_fail(error, MB_FAILED, "interrupted (%s)", strsignal(sweep->interrupt.signal));
}

mb_status mb_sweep_open(const mb_sweep_plan *plan, mb_sweep **sweep, mb_error *error) {
    *sweep = calloc(1, sizeof **sweep);
    if (*sweep == NULL)
        return mb_out_of_memory(error, "a sweep");
    pthread_mutex_init(&(*sweep)->lists, NULL);
    (*sweep)->plan = plan;
    (*sweep)->store = mb_store_create(plan->protocol);
    (*sweep)->cells = calloc((size_t)plan->cell_count + 1, sizeof *(*sweep)->cells);
    mb_status status = MB_OK;
    if ((*sweep)->store == NULL || (*sweep)->cells == NULL)
        status = mb_out_of_memory(error, "a sweep");
    for (int32_t c = 0; c < plan->cell_count && status == MB_OK; c++) {
        (*sweep)->cells[c].plan = &plan->cells[c];
        (*sweep)->cells[c].best = -1;
    }
    if (status == MB_OK)
        status = sweep_check_plan(*sweep, error);
    if (status != MB_OK) {
        mb_sweep_close(*sweep);
        *sweep = NULL;
    }
    return status;
}

void mb_sweep_use_device_memory(mb_sweep *sweep) {
    sweep->device_memory = true;
}

void mb_sweep_close(mb_sweep *sweep) {
    if (sweep == NULL)
        return;
    for (int32_t c = 0; sweep->cells != NULL && c < sweep->plan->cell_count; c++)
        free(sweep->cells[c].search);
    free(sweep->cells);
    free(sweep->corpora);
    sweep_free_parts(sweep);
    sweep_free_joins(sweep);
    for (int32_t i = 0; i < sweep->trial_count; i++)
        free(sweep->trials[i].runs);
    free(sweep->trials);
    free(sweep->doubts);
    free(sweep->key_slots);
    sweep_free_groups(sweep);
    free(sweep->jobs);
    free(sweep->aside);
    pthread_mutex_destroy(&sweep->lists);
    mb_store_close(sweep->store);
    sweep_free_targets(sweep);
    free(sweep);
}

// ---- recording --------------------------------------------------------------------------------

// "MER2023", or "MER2023 > MELD:0123456789abcdef, ..." of a cell with targets
static void dataset_text(const mb_sweep *sweep, const sweep_cell *cell, char *text, size_t size) {
    int length = snprintf(text, size, "%s", cell->corpus->rules->name);
    for (int32_t t = 0; t < cell->plan->target_count; t++)
        length +=
            snprintf(text + length, size - (size_t)length, "%s%s", t == 0 ? mb_target_arrow : ", ",
                     sweep_target_name(sweep, cell, cell->plan->targets[t]));
}

static mb_status record_plan(mb_sweep *sweep, mb_error *error) {
    enum { DATASETS = 40 * (1 + MB_MOST_TARGETS) };
    const mb_sweep_plan *plan = sweep->plan;
    mb_ledger_cell *cells = calloc((size_t)plan->cell_count, sizeof *cells);
    char(*datasets)[DATASETS] = calloc((size_t)plan->cell_count, sizeof *datasets);
    mb_status status = MB_OK;
    if (cells == NULL || datasets == NULL)
        status = mb_out_of_memory(error, "cells of a plan");
    for (int32_t c = 0; c < plan->cell_count && status == MB_OK; c++) {
        const mb_sweep_cell *cell = &plan->cells[c];
        dataset_text(sweep, &sweep->cells[c], datasets[c], DATASETS);
        cells[c] = (mb_ledger_cell){
            .index = c,
            .label = cell->label,
            .dataset = datasets[c],
            .model = (char *)cell->model->name,
            .features = mb_input_text(&cell->order, cell->features),
            .protocol = (char *)mb_protocol_names[plan->protocol],
            .final_seeds = plan->final_seeds.count,
        };
        if (cells[c].features == NULL)
            status = mb_out_of_memory(error, "cells of a plan");
    }
    if (status == MB_OK)
        status = mb_ledger_put_plan(sweep->ledger, plan->digest, plan->name, plan->json, cells,
                                    plan->cell_count, error);
    for (int32_t c = 0; cells != NULL && c < plan->cell_count; c++)
        free(cells[c].features);
    free(cells);
    free(datasets);
    return status;
}

// Adds the trials of a cell's search.
static mb_status add_search(mb_sweep *sweep, int32_t index, mb_error *error) {
    sweep_cell *cell = &sweep->cells[index];
    const mb_seed_list *seeds = &sweep->plan->search_seeds;
    size_t count = (size_t)cell->plan->setting_count * (size_t)seeds->count;
    cell->search = calloc(count + 1, sizeof *cell->search);
    if (cell->search == NULL)
        return mb_out_of_memory(error, "the list of trials");
    // With several settings, only the chosen one is recorded on its other parts, after the choice.
    bool all_parts = cell->plan->setting_count == 1;
    sweep->totals.settings += cell->plan->setting_count;
    for (int32_t s = 0; s < cell->plan->setting_count; s++)
        for (int32_t i = 0; i < seeds->count; i++) {
            int32_t *trial = &cell->search[cell->search_count];
            mb_status status = sweep_add_trial(sweep, index, s, seeds->seeds[i], trial, error);
            if (status == MB_OK)
                status = sweep_want(sweep, *trial, ALL_FOLDS, all_parts, error);
            if (status == MB_OK)
                status = sweep_link(sweep, index, false, sweep->trials[*trial].key, error);
            if (status != MB_OK)
                return status;
            cell->search_count++;
        }
    return MB_OK;
}

// Starts the search of a cell, and drops choices that other trials led to.
static mb_status start_search(mb_sweep *sweep, int32_t index, mb_error *error) {
    sweep_cell *cell = &sweep->cells[index];
    mb_status status = add_search(sweep, index, error);
    if (status != MB_OK)
        return status;
    mb_hasher *hasher = mb_hasher_create();
    if (hasher == NULL)
        return mb_out_of_memory(error, "digest of a search");
    for (int32_t i = 0; i < cell->search_count; i++)
        mb_hasher_add_string(hasher, sweep->trials[cell->search[i]].key);
    mb_hasher_finish(hasher, cell->search_digest);
    return sweep->record ? mb_ledger_drop_other_choices(sweep->ledger, sweep->plan->digest, index,
                                                        cell->search_digest, error)
                         : MB_OK;
}

static mb_status prepare(mb_sweep *sweep, mb_error *error) {
    mb_status status = sweep->record ? record_plan(sweep, error) : MB_OK;
    // Cells with a single setting come first: they want all parts of trials that they share.
    for (int several = 0; several < 2; several++)
        for (int32_t c = 0; c < sweep->plan->cell_count && status == MB_OK; c++) {
            if ((sweep->plan->cells[c].setting_count > 1) != (several == 1))
                continue;
            status = start_search(sweep, c, error);
            if (status != MB_OK)
                return sweep_fail_in_cell(sweep, &sweep->cells[c], status, error);
        }
    if (status == MB_OK)
        status = sweep_advance(sweep, error);
    return status == MB_OK && sweep->record ? sweep_score_joins(sweep, error) : status;
}

// In one transaction.
static mb_status prepare_recorded(mb_sweep *sweep, mb_error *error) {
    mb_status status = mb_ledger_begin(sweep->ledger, error);
    if (status != MB_OK)
        return status;
    status = prepare(sweep, error);
    if (status != MB_OK) {
        mb_ledger_end(sweep->ledger, false, NULL);
        return status;
    }
    mb_interrupt_pause(&sweep->interrupt); // there may be millions of trials
    status = mb_ledger_end(sweep->ledger, true, error);
    mb_interrupt_resume(&sweep->interrupt);
    return status;
}

mb_status mb_sweep_prepare(mb_sweep *sweep, mb_ledger *ledger, bool record, mb_error *error) {
    sweep->ledger = ledger;
    sweep->record = record;
    sweep->totals.cells = sweep->plan->cell_count;
    sweep->preparing = true;
    mb_interrupt_begin(&sweep->interrupt);
    mb_status status = record ? prepare_recorded(sweep, error) : prepare(sweep, error);
    mb_interrupt_end(&sweep->interrupt);
    sweep->preparing = false;
    if (sweep->interrupted || (status == MB_OK && sweep->interrupt.signal != 0))
        return mb_fail(error, MB_FAILED, "interrupted (%s) before the training began",
                       strsignal(sweep->interrupt.signal));
    return status;
}

// ---- totals -----------------------------------------------------------------------------------

// The number of runs that will be added when the setting of a cell is chosen: those of the final
// seeds, and those of the search that are trained again to be scored on their other parts.
static int64_t final_runs_to_come(const mb_sweep *sweep, const sweep_cell *cell) {
    const mb_sweep_plan *plan = sweep->plan;
    const mb_fold_set *folds = sweep->trials[cell->search[0]].folds;
    bool other_parts = folds->test_count > 0 || folds->folds[0].held.count > 0;
    bool again =
        plan->protocol == MB_PROTOCOL_STRICT && cell->plan->setting_count > 1 && other_parts;
    int64_t seeds = plan->final_seeds.count == 0 && again ? plan->search_seeds.count : 0;
    for (int32_t i = 0; i < plan->final_seeds.count; i++) {
        bool searched = false;
        for (int32_t j = 0; j < plan->search_seeds.count && !searched; j++)
            searched = plan->search_seeds.seeds[j] == plan->final_seeds.seeds[i];
        seeds += again || !searched;
    }
    return seeds * folds->fold_count;
}

const char *mb_sweep_doubts(const mb_sweep *sweep) {
    return sweep->doubts != NULL ? sweep->doubts : "";
}

void mb_sweep_get_totals(const mb_sweep *sweep, mb_sweep_totals *totals) {
    *totals = sweep->totals;
    totals->shared_bytes = mb_store_bytes(sweep->store);
    totals->trials = sweep->trial_count;
    int64_t known = sweep->totals.runs;
    for (int32_t c = 0; c < sweep->plan->cell_count; c++)
        if (!sweep->cells[c].chosen)
            totals->runs_to_come += final_runs_to_come(sweep, &sweep->cells[c]);
    totals->runs += totals->runs_to_come;
    int64_t missing = known - (sweep->totals.runs_done - sweep->totals.runs_trained);
    if (missing > 0)
        totals->cost_to_come =
            sweep->totals.cost_known / (double)missing * (double)totals->runs_to_come;
}
