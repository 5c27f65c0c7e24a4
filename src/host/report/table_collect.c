// Reads the trials of every cell from the ledger and computes means and deviations over the seeds.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "report/table_data.h"
#include "sweep/choice.h"

bool mb_table_complete(const mb_table_cell *cell, const mb_table_value *value) {
    return value->counted > 0 && value->counted == value->asked &&
           cell->search_finished == cell->search_asked;
}

// ---- seeds to values --------------------------------------------------------------------------

// Computes mean and deviation over the entries of one group, or over all entries if `groups` is
// NULL. Returns the group as a candidate for the choice of a setting.
static mb_candidate summarise(const mb_ledger_entry *entries, int32_t count, const int32_t *groups,
                              int32_t group, int32_t metric, mb_table_value *value) {
    double sum = 0.0, squares = 0.0;
    mb_candidate candidate = {0};
    for (int32_t i = 0; i < count; i++) {
        if (groups != NULL && groups[i] != group)
            continue;
        candidate.asked++;
        if (!entries[i].finished)
            continue;
        const mb_ledger_scores *scores = &entries[i].scores;
        double score = mb_score_get(&scores->score, metric);
        value->diverged += scores->diverged;
        mb_candidate_add(&candidate, mb_selection_of_trial(scores), scores->diverged);
        memcpy(value->part, scores->score_part, sizeof value->part);
        if (!scores->diverged && !isnan(score)) {
            value->counted++;
            sum += score;
        }
    }
    value->asked = candidate.asked;
    value->finished = candidate.finished;
    value->selection = mb_candidate_mean(&candidate);
    value->mean = value->counted > 0 ? sum / value->counted : (double)NAN;
    for (int32_t i = 0; i < count; i++) {
        double score = mb_score_get(&entries[i].scores.score, metric);
        bool counts = entries[i].finished && !entries[i].scores.diverged && !isnan(score) &&
                      (groups == NULL || groups[i] == group);
        squares += counts ? (score - value->mean) * (score - value->mean) : 0.0;
    }
    value->deviation = value->counted > 1 ? sqrt(squares / (value->counted - 1)) : (double)NAN;
    return candidate;
}

// One value per setting of the search.
static mb_status collect_search(const mb_table *table, const mb_ledger_entry *entries,
                                int32_t count, mb_table_cell *cell, mb_error *error) {
    mb_setting_groups groups;
    mb_status status = mb_setting_groups_make(entries, count, &groups, error);
    if (status == MB_OK) {
        cell->values = calloc((size_t)groups.count + 1, sizeof *cell->values);
        if (cell->values == NULL)
            status = mb_out_of_memory(error, "settings of a cell");
    }
    if (status == MB_OK) {
        mb_choice choice = MB_NO_CHOICE;
        cell->value_count = groups.count;
        for (int32_t i = 0; i < groups.count; i++) {
            mb_candidate candidate =
                summarise(entries, count, groups.groups, i, table->metric, &cell->values[i]);
            mb_choice_offer(&choice, &candidate);
            cell->values[i].settings = groups.texts[i];
            groups.texts[i] = NULL;
        }
        if (choice.setting >= 0)
            cell->values[choice.setting].chosen = true;
    }
    mb_setting_groups_free(&groups);
    return status;
}

// Keeps only the chosen setting. If none of several settings is chosen yet, or if no trial is
// linked yet, the cell gets an entry without numbers.
static void keep_chosen(mb_table_cell *cell) {
    int32_t chosen = 0;
    for (int32_t i = 0; i < cell->value_count; i++)
        if (cell->values[i].chosen)
            chosen = i;
    bool known = cell->value_count == 1 || (cell->value_count > 1 && cell->values[chosen].chosen);
    for (int32_t i = 0; i < cell->value_count; i++)
        if (i != chosen || !known)
            free(cell->values[i].settings);
    cell->values[0] = known ? cell->values[chosen]
                            : (mb_table_value){.asked = cell->values[0].asked,
                                               .mean = (double)NAN,
                                               .deviation = (double)NAN,
                                               .selection = (double)NAN};
    cell->value_count = 1;
}

static bool same_settings(const mb_ledger_cell *cell) {
    bool same = true;
    for (int32_t i = 1; i < cell->choice_count; i++)
        same = same && strcmp(cell->choices[i].setting, cell->choices[0].setting) == 0;
    return same;
}

// The chosen setting or, where the folds have different ones, all of them: "fold 0: dropout=0.3
// hidden_dim=64; fold 1: ...". NULL if none is chosen yet.
static mb_status chosen_text(const mb_ledger_cell *cell, char **text, mb_error *error) {
    int32_t count = same_settings(cell) ? 1 : cell->choice_count;
    mb_status status = MB_OK;
    for (int32_t i = 0; i < count && i < cell->choice_count && status == MB_OK; i++) {
        char *setting = NULL, *longer = NULL;
        status = mb_settings_text(cell->choices[i].setting, &setting, error);
        if (status == MB_OK && count > 1 &&
            asprintf(&longer, "%s%sfold %" PRId32 ": %s", *text != NULL ? *text : "",
                     *text != NULL ? "; " : "", cell->choices[i].fold, setting) < 0) {
            longer = NULL;
            status = mb_out_of_memory(error, "settings of a cell");
        }
        if (count > 1) {
            free(setting);
            free(*text);
            *text = longer;
        } else {
            *text = setting;
        }
    }
    return status;
}

static mb_status collect_final(const mb_table *table, const mb_ledger_entry *entries, int32_t count,
                               mb_table_cell *cell, mb_error *error) {
    cell->values = calloc(1, sizeof *cell->values);
    if (cell->values == NULL)
        return mb_out_of_memory(error, "seeds of a cell");
    cell->value_count = 1;
    mb_table_value *value = &cell->values[0];
    (void)summarise(entries, count, NULL, 0, table->metric, value);
    value->final = true;
    value->chosen = cell->cell->choice_count > 0 || cell->search_asked == 0;
    if (value->asked < cell->cell->final_seeds)
        value->asked = cell->cell->final_seeds;
    return chosen_text(cell->cell, &value->settings, error);
}

mb_status mb_table_collect_cell(mb_ledger *ledger, const mb_table *table, mb_table_cell *cell,
                                mb_error *error) {
    mb_ledger_entry *search = NULL, *final = NULL;
    int32_t search_count = 0, final_count = 0;
    const char *digest = table->plan->digest;
    int32_t index = cell->cell->index;
    mb_status status =
        mb_ledger_get_entries(ledger, digest, index, false, &search, &search_count, error);
    if (status == MB_OK)
        status = mb_ledger_get_entries(ledger, digest, index, true, &final, &final_count, error);
    cell->search_asked = search_count;
    for (int32_t i = 0; i < search_count; i++)
        cell->search_finished += search[i].finished;
    bool use_final = table->options.phase == MB_TABLE_FINAL && !table->options.all_settings &&
                     (final_count > 0 || cell->cell->final_seeds > 0);
    if (status == MB_OK && use_final)
        status = collect_final(table, final, final_count, cell, error);
    else if (status == MB_OK) {
        status = collect_search(table, search, search_count, cell, error);
        if (status == MB_OK && !table->options.all_settings)
            keep_chosen(cell);
    }
    mb_ledger_entries_free(search, search_count);
    mb_ledger_entries_free(final, final_count);
    if (status != MB_OK)
        return mb_fail_in(error, status, "%s: cell %" PRId32 ": ", mb_ledger_path(ledger), index);
    for (int32_t i = 0; i < cell->value_count; i++)
        if (cell->values[i].settings == NULL && (cell->values[i].settings = strdup("")) == NULL)
            return mb_out_of_memory(error, "settings of a cell");
    return MB_OK;
}
