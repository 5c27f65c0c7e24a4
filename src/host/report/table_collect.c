// Reads the trials of a cell from the ledger and makes its values: one for the chosen setting, or
// one for every setting of the search.
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/table_data.h"

bool mb_table_complete(const mb_table_cell *cell, const mb_table_value *value) {
    return value->counted > 0 && value->counted == value->asked &&
           cell->search_finished == cell->search_asked;
}

// ---- settings ---------------------------------------------------------------------------------

// The settings that were chosen, as texts.
static mb_status read_choices(mb_table_cell *cell, mb_error *error) {
    int32_t count = cell->cell->choice_count;
    cell->choices = calloc((size_t)count + 1, sizeof *cell->choices);
    if (cell->choices == NULL)
        return mb_out_of_memory(error, "chosen settings");
    mb_status status = MB_OK;
    for (int32_t i = 0; i < count && status == MB_OK; i++) {
        status = mb_settings_text(cell->cell->choices[i].setting, &cell->choices[i], error);
        cell->split |= status == MB_OK && strcmp(cell->choices[i], cell->choices[0]) != 0;
    }
    return status;
}

static bool add_setting(mb_table_value *value, int32_t fold, const char *text) {
    char *copy = strdup(text);
    if (copy == NULL)
        return false;
    value->settings[value->setting_count++] = (mb_table_setting){.fold = fold, .text = copy};
    return true;
}

// Sets the settings of the final seeds: those of each fold, where they differ.
static bool set_chosen_settings(const mb_table_cell *cell, mb_table_value *value) {
    int32_t count = cell->cell->choice_count;
    value->settings = calloc((size_t)count + 1, sizeof *value->settings);
    value->chosen_folds = calloc((size_t)count + 1, sizeof *value->chosen_folds);
    bool done = value->settings != NULL && value->chosen_folds != NULL;
    for (int32_t i = 0; i < count && done; i++) {
        value->chosen_folds[value->chosen_count++] = cell->cell->choices[i].fold;
        if (cell->split)
            done = add_setting(value, cell->cell->choices[i].fold, cell->choices[i]);
    }
    return done &&
           (count == 0 || cell->split || add_setting(value, MB_EVERY_FOLD, cell->choices[0]));
}

// Sets the setting of a value of the search, and the folds that chose it.
static bool set_searched_setting(const mb_table_cell *cell, const char *text,
                                 mb_table_value *value) {
    int32_t count = cell->cell->choice_count;
    value->settings = calloc(1, sizeof *value->settings);
    value->chosen_folds = calloc((size_t)count + 1, sizeof *value->chosen_folds);
    if (value->settings == NULL || value->chosen_folds == NULL)
        return false;
    for (int32_t i = 0; i < count; i++)
        if (strcmp(cell->choices[i], text) == 0)
            value->chosen_folds[value->chosen_count++] = cell->cell->choices[i].fold;
    return add_setting(value, MB_EVERY_FOLD, text);
}

// ---- values -----------------------------------------------------------------------------------

// Where folds chose different settings, each of these is marked; else the best one.
static void mark_chosen(mb_table_cell *cell, int32_t best) {
    if (best >= 0)
        cell->values[best].best = true;
    for (int32_t i = 0; i < cell->value_count; i++) {
        mb_table_value *value = &cell->values[i];
        value->chosen = cell->split ? value->chosen_count > 0 : value->best;
    }
}

// One value per setting of the search.
static mb_status collect_settings(const mb_table *table, const mb_ledger_entry *entries,
                                  int32_t count, const mb_setting_groups *groups,
                                  mb_table_cell *cell, mb_error *error) {
    cell->values = calloc((size_t)groups->count + 1, sizeof *cell->values);
    if (cell->values == NULL)
        return mb_out_of_memory(error, "settings of a cell");
    mb_choice choice = MB_NO_CHOICE;
    mb_status status = MB_OK;
    for (int32_t i = 0; i < groups->count && status == MB_OK; i++) {
        mb_table_value *value = &cell->values[cell->value_count++];
        mb_table_seeds seeds = {entries, count, groups->groups, i};
        mb_candidate candidate;
        status = mb_table_summarise(table, &seeds, value, &candidate, error);
        mb_choice_offer(&choice, &candidate);
        if (status == MB_OK && !set_searched_setting(cell, groups->texts[i], value))
            status = mb_out_of_memory(error, "settings of a cell");
    }
    mark_chosen(cell, choice.setting);
    return status;
}

// Keeps only the best setting and returns its group. If none of several settings is the best yet,
// or if no trial is linked yet, the cell gets an entry without numbers, and the group is -1.
static int32_t keep_best(mb_table_cell *cell) {
    int32_t best = cell->value_count == 1 ? 0 : -1;
    for (int32_t i = 0; i < cell->value_count; i++)
        if (cell->values[i].best)
            best = i;
    mb_table_value kept = {.asked = cell->values[0].asked,
                           .mean = (double)NAN,
                           .deviation = (double)NAN,
                           .selection = (double)NAN};
    for (int32_t i = 0; i < cell->value_count; i++)
        if (i == best)
            kept = cell->values[i];
        else
            mb_table_value_free(&cell->values[i]);
    cell->values[0] = kept;
    cell->value_count = 1;
    return best;
}

static mb_status collect_search(mb_ledger *ledger, const mb_table *table,
                                const mb_ledger_entry *entries, int32_t count, mb_table_cell *cell,
                                mb_error *error) {
    mb_setting_groups groups;
    int32_t first = 0;
    mb_status status = mb_setting_groups_make(entries, count, &groups, error);
    if (status == MB_OK)
        status = collect_settings(table, entries, count, &groups, cell, error);
    if (status == MB_OK && !table->options.all_settings)
        first = keep_best(cell);
    for (int32_t i = 0; i < cell->value_count && first >= 0 && status == MB_OK; i++) {
        mb_table_seeds seeds = {entries, count, groups.groups, first + i};
        status = mb_table_collect_runs(ledger, &seeds, &cell->values[i], error);
    }
    mb_setting_groups_free(&groups);
    return status;
}

static mb_status collect_final(mb_ledger *ledger, const mb_table *table,
                               const mb_ledger_entry *entries, int32_t count, mb_table_cell *cell,
                               mb_error *error) {
    cell->values = calloc(1, sizeof *cell->values);
    if (cell->values == NULL)
        return mb_out_of_memory(error, "seeds of a cell");
    cell->value_count = 1;
    mb_table_value *value = &cell->values[0];
    mb_table_seeds seeds = {.entries = entries, .count = count};
    mb_candidate candidate;
    mb_status status = mb_table_summarise(table, &seeds, value, &candidate, error);
    if (status == MB_OK)
        status = mb_table_collect_runs(ledger, &seeds, value, error);
    value->final = true;
    value->chosen = cell->cell->choice_count > 0 || cell->search_asked == 0;
    if (value->asked < cell->cell->final_seeds)
        value->asked = cell->cell->final_seeds;
    if (status == MB_OK && !set_chosen_settings(cell, value))
        status = mb_out_of_memory(error, "settings of a cell");
    return status;
}

mb_status mb_table_collect_cell(mb_ledger *ledger, const mb_table *table, mb_table_cell *cell,
                                mb_error *error) {
    mb_ledger_entry *search = NULL, *final = NULL;
    int32_t search_count = 0, final_count = 0;
    const char *digest = table->plan->digest;
    int32_t index = cell->cell->index;
    mb_status status = read_choices(cell, error);
    if (status == MB_OK)
        status = mb_ledger_get_entries(ledger, digest, index, false, &search, &search_count, error);
    if (status == MB_OK)
        status = mb_ledger_get_entries(ledger, digest, index, true, &final, &final_count, error);
    if (status == MB_OK)
        status = mb_table_keep_targets(cell->cell, search, search_count, error);
    if (status == MB_OK)
        status = mb_table_keep_targets(cell->cell, final, final_count, error);
    cell->search_asked = search_count;
    for (int32_t i = 0; i < search_count; i++)
        cell->search_finished += search[i].finished;
    bool use_final = table->options.phase == MB_TABLE_FINAL && !table->options.all_settings &&
                     (final_count > 0 || cell->cell->final_seeds > 0);
    if (status == MB_OK && use_final)
        status = collect_final(ledger, table, final, final_count, cell, error);
    else if (status == MB_OK)
        status = collect_search(ledger, table, search, search_count, cell, error);
    mb_ledger_entries_free(search, search_count);
    mb_ledger_entries_free(final, final_count);
    return status == MB_OK
               ? MB_OK
               : mb_fail_in(error, status, "%s: cell %" PRId32 ": ", mb_ledger_path(ledger), index);
}
