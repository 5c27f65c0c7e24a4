// Reads plans, their cells and the trials of a cell, for reports.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sweep/ledger_internal.h"
#include "sweep/targets.h"

static const struct {
    int column;
    size_t offset;
} cell_texts[] = {
    {cells_label, offsetof(mb_ledger_cell, label)},
    {cells_dataset, offsetof(mb_ledger_cell, dataset)},
    {cells_model, offsetof(mb_ledger_cell, model)},
    {cells_features, offsetof(mb_ledger_cell, features)},
    {cells_protocol, offsetof(mb_ledger_cell, protocol)},
};
enum { CELL_TEXTS = sizeof cell_texts / sizeof *cell_texts };

static char **cell_text(mb_ledger_cell *cell, int i) {
    return (char **)((char *)cell + cell_texts[i].offset);
}

// Splits "MER2023 > MELD:0123456789abcdef": the digests go to cell->targets alone.
static mb_status split_targets(mb_ledger_cell *cell, mb_error *error) {
    const char *names = mb_targets_of_cell(cell->dataset);
    if (names == NULL)
        return MB_OK;
    cell->targets = strdup(names);
    if (cell->targets == NULL)
        return mb_out_of_memory(error, "targets of a cell");
    mb_targets_drop_digests(cell->dataset);
    return MB_OK;
}

static mb_status read_cell(mb_query *query, mb_ledger_cell *cell, mb_error *error) {
    cell->index = mb_query_integer32(query, cells_cell);
    cell->final_seeds = mb_query_integer32(query, cells_final_seeds);
    mb_status status = MB_OK;
    for (int i = 0; status == MB_OK && i < CELL_TEXTS; i++)
        status = mb_query_copy_text(query, cell_texts[i].column, cell_text(cell, i), error);
    return status == MB_OK ? split_targets(cell, error) : status;
}

static mb_status read_choice(mb_query *query, mb_ledger_choice *choice, mb_error *error) {
    choice->fold = mb_query_integer32(query, choices_fold);
    choice->selection = mb_query_real(query, choices_selection);
    mb_query_text(query, choices_search, choice->search, sizeof choice->search);
    mb_status status = mb_query_copy_text(query, choices_setting, &choice->setting, error);
    return status == MB_OK ? mb_query_copy_text(query, choices_doubt, &choice->doubt, error)
                           : status;
}

mb_status mb_ledger_get_choices(mb_ledger *ledger, const char *plan_digest, int32_t cell,
                                mb_ledger_choice **choices, int32_t *count, mb_error *error) {
    mb_query query;
    bool row = true;
    *choices = NULL;
    *count = 0;
    mb_status status = mb_query_open(&query, ledger, SQL_GET_CHOICES, error);
    if (status == MB_OK) {
        mb_query_bind_text(&query, ":plan", plan_digest);
        mb_query_bind_integer(&query, ":cell", cell);
    }
    while (status == MB_OK) {
        status = mb_query_next(&query, &row, error);
        if (status != MB_OK || !row)
            break;
        mb_ledger_choice *grown = mb_ledger_one_more(*choices, count, sizeof *grown, error);
        if (grown == NULL) {
            status = MB_FAILED;
            break;
        }
        *choices = grown;
        status = read_choice(&query, &grown[*count - 1], error);
    }
    return mb_query_close(&query, status, error);
}

void mb_ledger_choices_free(mb_ledger_choice *choices, int32_t count) {
    for (int32_t i = 0; i < count; i++) {
        free(choices[i].setting);
        free(choices[i].doubt);
    }
    free(choices);
}

static mb_status get_cells(mb_ledger *ledger, mb_ledger_plan *plan, mb_error *error) {
    mb_query query;
    bool row = true;
    mb_status status = mb_query_open(&query, ledger, SQL_GET_CELLS, error);
    if (status == MB_OK)
        mb_query_bind_text(&query, ":plan", plan->digest);
    while (status == MB_OK) {
        status = mb_query_next(&query, &row, error);
        if (status != MB_OK || !row)
            break;
        void *cells =
            mb_ledger_one_more(plan->cells, &plan->cell_count, sizeof *plan->cells, error);
        if (cells == NULL) {
            status = MB_FAILED;
            break;
        }
        plan->cells = cells;
        mb_ledger_cell *cell = &plan->cells[plan->cell_count - 1];
        status = read_cell(&query, cell, error);
        if (status == MB_OK)
            status = mb_ledger_get_choices(ledger, plan->digest, cell->index, &cell->choices,
                                           &cell->choice_count, error);
    }
    return mb_query_close(&query, status, error);
}

static mb_status read_plan(mb_query *query, mb_ledger_plan *plan, mb_error *error) {
    mb_query_text(query, plans_digest, plan->digest, sizeof plan->digest);
    mb_status status = mb_query_copy_text(query, plans_name, &plan->name, error);
    if (status == MB_OK)
        status = mb_query_copy_text(query, plans_json, &plan->json, error);
    return status == MB_OK ? get_cells(query->ledger, plan, error) : status;
}

mb_status mb_ledger_get_plans(mb_ledger *ledger, mb_ledger_plan **plans, int32_t *count,
                              mb_error *error) {
    *plans = NULL;
    *count = 0;
    mb_query query;
    bool row = true;
    mb_status status = mb_query_open(&query, ledger, SQL_GET_PLANS, error);
    while (status == MB_OK) {
        status = mb_query_next(&query, &row, error);
        if (status != MB_OK || !row)
            break;
        void *grown = mb_ledger_one_more(*plans, count, sizeof **plans, error);
        if (grown == NULL) {
            status = MB_FAILED;
            break;
        }
        *plans = grown;
        status = read_plan(&query, &(*plans)[*count - 1], error);
    }
    status = mb_query_close(&query, status, error);
    if (status != MB_OK) {
        mb_ledger_plans_free(*plans, *count);
        *plans = NULL;
        *count = 0;
    }
    return status;
}

static void free_cell(mb_ledger_cell *cell) {
    free(cell->targets);
    for (int t = 0; t < CELL_TEXTS; t++)
        free(*cell_text(cell, t));
    mb_ledger_choices_free(cell->choices, cell->choice_count);
}

void mb_ledger_plans_free(mb_ledger_plan *plans, int32_t count) {
    for (int32_t i = 0; i < count; i++) {
        for (int32_t j = 0; j < plans[i].cell_count; j++)
            free_cell(&plans[i].cells[j]);
        free(plans[i].cells);
        free(plans[i].name);
        free(plans[i].json);
    }
    free(plans);
}

static mb_status read_entry(mb_query *query, mb_ledger_entry *entry, mb_error *error) {
    mb_query_text(query, trials_key, entry->key, sizeof entry->key);
    entry->fold_count = mb_query_integer32(query, trials_fold_count);
    mb_status status = mb_query_copy_text(query, trials_description, &entry->description, error);
    if (status != MB_OK)
        return status;
    return mb_ledger_get_scores(query->ledger, entry->key, &entry->finished, &entry->scores, error);
}

mb_status mb_ledger_get_entries(mb_ledger *ledger, const char *plan_digest, int32_t cell,
                                bool final, mb_ledger_entry **entries, int32_t *count,
                                mb_error *error) {
    *entries = NULL;
    *count = 0;
    mb_query query;
    bool row = true;
    mb_status status = mb_query_open(&query, ledger, SQL_GET_TRIALS_OF_CELL, error);
    if (status == MB_OK) {
        mb_query_bind_text(&query, ":plan", plan_digest);
        mb_query_bind_integer(&query, ":cell", cell);
        mb_query_bind_integer(&query, ":final", final);
    }
    while (status == MB_OK) {
        status = mb_query_next(&query, &row, error);
        if (status != MB_OK || !row)
            break;
        void *grown = mb_ledger_one_more(*entries, count, sizeof **entries, error);
        if (grown == NULL) {
            status = MB_FAILED;
            break;
        }
        *entries = grown;
        status = read_entry(&query, &(*entries)[*count - 1], error);
    }
    status = mb_query_close(&query, status, error);
    if (status != MB_OK) {
        mb_ledger_entries_free(*entries, *count);
        *entries = NULL;
        *count = 0;
    }
    return status;
}

void mb_ledger_entries_free(mb_ledger_entry *entries, int32_t count) {
    for (int32_t i = 0; i < count; i++) {
        free(entries[i].description);
        mb_ledger_scores_free(&entries[i].scores);
    }
    free(entries);
}
