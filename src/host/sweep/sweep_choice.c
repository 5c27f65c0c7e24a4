// Chooses the settings of a cell when its search is complete, and adds the trials that print
// its results.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sweep/choice.h"
#include "sweep/sweep_state.h"

mb_status sweep_link(mb_sweep *sweep, int32_t cell, bool final, const char *key, mb_error *error) {
    if (!sweep->record)
        return MB_OK;
    return mb_ledger_link(sweep->ledger, sweep->plan->digest, cell, final, key, error);
}

// ---- choosing ---------------------------------------------------------------------------------

// Under strict every fold has its own setting.
static bool chooses_by_fold(const mb_sweep *sweep) {
    return sweep->plan->protocol == MB_PROTOCOL_STRICT;
}

// Adds a trial of the search to a candidate for a fold.
static void add_trial(const mb_sweep *sweep, int32_t index, int32_t fold, mb_candidate *candidate) {
    const sweep_trial *trial = &sweep->trials[index];
    bool diverged = trial->runs[fold].diverged;
    for (int32_t k = 0; k < trial->folds->fold_count && !chooses_by_fold(sweep); k++)
        diverged = diverged || trial->runs[k].diverged;
    mb_candidate_add(candidate,
                     chooses_by_fold(sweep) ? trial->runs[fold].selection : trial->selection,
                     diverged);
}

// Chooses a setting for a fold. Every trial of the search is complete.
static mb_choice choose(const mb_sweep *sweep, const sweep_cell *cell, int32_t fold) {
    int32_t seeds = sweep->plan->search_seeds.count;
    mb_choice choice = MB_NO_CHOICE;
    for (int32_t s = 0; s < cell->plan->setting_count; s++) {
        mb_candidate candidate = {.asked = seeds};
        for (int32_t i = 0; i < seeds; i++)
            add_trial(sweep, cell->search[s * seeds + i], fold, &candidate);
        mb_choice_offer(&choice, &candidate);
    }
    return choice;
}

// Adds a line about a choice without ground; one is enough where it is the choice for all folds.
static mb_status add_doubt(mb_sweep *sweep, const sweep_cell *cell, int32_t fold, const char *doubt,
                           mb_error *error) {
    char where[32] = "", *lines;
    if (doubt[0] == '\0' || (fold > 0 && !chooses_by_fold(sweep)))
        return MB_OK;
    if (chooses_by_fold(sweep) && cell->fold_count > 1)
        snprintf(where, sizeof where, "fold %d: ", fold);
    if (asprintf(&lines, "%s%s: %swarning: %s\n", sweep->doubts != NULL ? sweep->doubts : "",
                 cell->plan->where, where, doubt) < 0)
        return mb_out_of_memory(error, "a warning");
    free(sweep->doubts);
    sweep->doubts = lines;
    return MB_OK;
}

static mb_status record_choice(mb_sweep *sweep, int32_t index, int32_t fold,
                               const mb_choice *choice, mb_error *error) {
    const sweep_cell *cell = &sweep->cells[index];
    const char *doubt = mb_choice_doubt(choice);
    mb_status status = add_doubt(sweep, cell, fold, doubt, error);
    if (status != MB_OK || !sweep->record)
        return status;
    mb_ledger_choice record = {
        .fold = fold,
        .setting = mb_setting_json(cell->plan->model, &cell->plan->settings[choice->setting]),
        .selection = isfinite(choice->mean) ? choice->mean : (double)NAN,
        .doubt = (char *)doubt,
    };
    memcpy(record.search, cell->search_digest, sizeof record.search);
    if (record.setting == NULL)
        return mb_out_of_memory(error, "the chosen setting");
    status = mb_ledger_choose(sweep->ledger, sweep->plan->digest, index, &record, error);
    free(record.setting);
    return status;
}

// ---- results ----------------------------------------------------------------------------------

static bool all_equal(const int32_t *values, int32_t count) {
    bool equal = true;
    for (int32_t k = 1; k < count; k++)
        equal = equal && values[k] == values[0];
    return equal;
}

// Adds the result of a seed: fold k of it is the run of the trial with setting chosen[k].
static mb_status add_result(mb_sweep *sweep, int32_t index, const int32_t *chosen, int32_t folds,
                            uint32_t seed, mb_error *error) {
    int32_t *members = calloc((size_t)folds, sizeof *members);
    mb_status status = members != NULL ? MB_OK : mb_out_of_memory(error, "the list of trials");
    for (int32_t k = 0; k < folds && status == MB_OK; k++) {
        status = sweep_add_trial(sweep, index, chosen[k], seed, &members[k], error);
        if (status == MB_OK)
            status = sweep_want(sweep, members[k], k, true, error);
    }
    if (status == MB_OK && !all_equal(chosen, folds))
        return sweep_add_join(sweep, index, members, error);
    if (status == MB_OK)
        status = sweep_link(sweep, index, true, sweep->trials[members[0]].key, error);
    free(members);
    return status;
}

// Without final seeds, the search seeds of the chosen setting are the result, and need all parts.
// They are linked once more only where the result may join several trials.
static mb_status finish_search(mb_sweep *sweep, int32_t index, const int32_t *chosen, int32_t folds,
                               mb_error *error) {
    const mb_seed_list *seeds = &sweep->plan->search_seeds;
    const int32_t *search = sweep->cells[index].search + (int64_t)chosen[0] * seeds->count;
    mb_status status = MB_OK;
    for (int32_t i = 0; i < seeds->count && status == MB_OK; i++)
        status = all_equal(chosen, folds)
                     ? sweep_want(sweep, search[i], ALL_FOLDS, true, error)
                     : add_result(sweep, index, chosen, folds, seeds->seeds[i], error);
    return status;
}

static mb_status start_final(mb_sweep *sweep, int32_t index, const int32_t *chosen, int32_t folds,
                             mb_error *error) {
    const mb_seed_list *seeds = &sweep->plan->final_seeds;
    mb_status status = MB_OK;
    for (int32_t i = 0; i < seeds->count && status == MB_OK; i++)
        status = add_result(sweep, index, chosen, folds, seeds->seeds[i], error);
    return status;
}

// ---- choices of earlier starts ----------------------------------------------------------------

// The index of a setting of the cell; -1: none.
static int32_t find_setting(const sweep_cell *cell, const char *json) {
    int32_t found = -1;
    for (int32_t s = 0; s < cell->plan->setting_count && found < 0; s++) {
        char *setting = mb_setting_json(cell->plan->model, &cell->plan->settings[s]);
        found = setting != NULL && strcmp(setting, json) == 0 ? s : -1;
        free(setting);
    }
    return found;
}

// Reads what the same search has chosen already; chosen[k] stays -1 where it has not. A choice is
// made once: a chosen run that was trained again on another device may have another selection value
// now, and a new choice would have other runs evaluated on parts that decide nothing.
static mb_status recall(mb_sweep *sweep, int32_t index, int32_t *chosen, mb_error *error) {
    const sweep_cell *cell = &sweep->cells[index];
    mb_ledger_choice *choices = NULL;
    int32_t count = 0;
    mb_status status =
        mb_ledger_get_choices(sweep->ledger, sweep->plan->digest, index, &choices, &count, error);
    for (int32_t i = 0; i < count && status == MB_OK; i++) {
        int32_t fold = choices[i].fold;
        if (fold < 0 || fold >= cell->fold_count ||
            strcmp(choices[i].search, cell->search_digest) != 0)
            continue;
        chosen[fold] = find_setting(cell, choices[i].setting);
        if (chosen[fold] >= 0)
            status = add_doubt(sweep, cell, fold, choices[i].doubt, error);
    }
    mb_ledger_choices_free(choices, count);
    return status;
}

static mb_status choose_settings(mb_sweep *sweep, int32_t index, mb_error *error) {
    sweep_cell *cell = &sweep->cells[index];
    int32_t folds = cell->fold_count;
    int32_t *chosen = calloc((size_t)folds, sizeof *chosen);
    if (chosen == NULL)
        return mb_out_of_memory(error, "the chosen settings");
    for (int32_t k = 0; k < folds; k++)
        chosen[k] = -1;
    mb_status status = sweep->ledger != NULL ? recall(sweep, index, chosen, error) : MB_OK;
    for (int32_t k = 0; k < folds && status == MB_OK; k++) {
        if (chosen[k] >= 0)
            continue;
        mb_choice choice = choose(sweep, cell, k);
        chosen[k] = choice.setting;
        status = record_choice(sweep, index, k, &choice, error);
    }
    cell->chosen = true;
    if (status == MB_OK)
        status = sweep->plan->final_seeds.count > 0
                     ? start_final(sweep, index, chosen, folds, error)
                     : finish_search(sweep, index, chosen, folds, error);
    free(chosen);
    sweep_drop_parts(sweep, cell);
    return status;
}

static bool search_is_complete(const mb_sweep *sweep, sweep_cell *cell) {
    while (cell->search_done < cell->search_count &&
           sweep->trials[cell->search[cell->search_done]].selected)
        cell->search_done++;
    return cell->search_done == cell->search_count;
}

mb_status sweep_advance(mb_sweep *sweep, mb_error *error) {
    for (int32_t c = 0; c < sweep->plan->cell_count; c++) {
        sweep_cell *cell = &sweep->cells[c];
        if (cell->chosen || !search_is_complete(sweep, cell))
            continue;
        mb_status status = sweep->record ? mb_ledger_begin(sweep->ledger, error) : MB_OK;
        if (status != MB_OK)
            return status;
        status = choose_settings(sweep, c, error);
        if (sweep->record) {
            mb_status ended =
                mb_ledger_end(sweep->ledger, status == MB_OK, status == MB_OK ? error : NULL);
            status = status == MB_OK ? ended : status;
        }
        if (status != MB_OK)
            return sweep_fail_in_cell(sweep, cell, status, error);
    }
    return MB_OK;
}
