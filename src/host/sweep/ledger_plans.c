// Reading plans, their cells and the trials of a cell, for reports.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sweep/ledger_internal.h"

// Makes room for one more, zeroed, item in *items; capacity doubles.
static void *one_more(void *items, int32_t *count, size_t size, mb_error *error) {
    char *grown = items;
    if ((*count & (*count - 1)) == 0) {
        size_t capacity = *count == 0 ? 1 : 2 * (size_t)*count;
        grown = *count < INT32_MAX / 2 ? reallocarray(items, capacity, size) : NULL;
    }
    if (grown == NULL) {
        mb_out_of_memory(error, "rows of a results database");
        return NULL;
    }
    memset(grown + (size_t)*count * size, 0, size);
    ++*count;
    return grown;
}

static mb_status read_cell(mb_query *query, mb_ledger_cell *cell, mb_error *error) {
    cell->index = mb_query_integer32(query, 0);
    cell->final_seeds = mb_query_integer32(query, 1);
    char **const fields[] = {&cell->label,    &cell->dataset,  &cell->model,
                             &cell->features, &cell->protocol, &cell->chosen};
    mb_status status = MB_OK;
    for (int i = 0; status == MB_OK && i < 6; i++)
        status = mb_query_copy_text(query, 2 + i, fields[i], error);
    for (int i = 0; status == MB_OK && i < 5; i++)
        if (*fields[i] == NULL)
            status = mb_ledger_damaged(query->ledger, "a cell without its texts", error);
    return status;
}

static mb_status get_cells(mb_ledger *ledger, mb_ledger_plan *plan, mb_error *error) {
    mb_query query;
    mb_status status = mb_query_open(&query, ledger, "reading the cells of a plan",
                                     "SELECT cell, final_seeds, label, dataset, model, features, "
                                     "protocol, chosen FROM cells WHERE plan = ? ORDER BY cell",
                                     error);
    if (status == MB_OK)
        mb_query_bind_text(&query, plan->digest);
    bool row = true;
    while (status == MB_OK) {
        status = mb_query_next(&query, &row, error);
        if (status != MB_OK || !row)
            break;
        void *cells = one_more(plan->cells, &plan->cell_count, sizeof *plan->cells, error);
        if (cells == NULL) {
            status = MB_FAILED;
            break;
        }
        plan->cells = cells;
        status = read_cell(&query, &plan->cells[plan->cell_count - 1], error);
    }
    mb_query_close(&query);
    return status;
}

mb_status mb_ledger_get_plans(mb_ledger *ledger, mb_ledger_plan **plans, int32_t *count,
                              mb_error *error) {
    *plans = NULL;
    *count = 0;
    mb_query query;
    mb_status status =
        mb_query_open(&query, ledger, "reading the plans",
                      "SELECT digest, name, json FROM plans ORDER BY ran DESC, digest", error);
    bool row = true;
    while (status == MB_OK) {
        status = mb_query_next(&query, &row, error);
        if (status != MB_OK || !row)
            break;
        void *grown = one_more(*plans, count, sizeof **plans, error);
        if (grown == NULL) {
            status = MB_FAILED;
            break;
        }
        *plans = grown;
        mb_ledger_plan *plan = &(*plans)[*count - 1];
        mb_query_text(&query, 0, plan->digest, sizeof plan->digest);
        status = mb_query_copy_text(&query, 1, &plan->name, error);
        if (status == MB_OK)
            status = mb_query_copy_text(&query, 2, &plan->json, error);
        if (status == MB_OK && (plan->name == NULL || plan->json == NULL))
            status = mb_ledger_damaged(ledger, "a plan without name or text", error);
        if (status == MB_OK)
            status = get_cells(ledger, plan, error);
    }
    mb_query_close(&query);
    if (status != MB_OK) {
        mb_ledger_plans_free(*plans, *count);
        *plans = NULL;
        *count = 0;
    }
    return status;
}

void mb_ledger_plans_free(mb_ledger_plan *plans, int32_t count) {
    for (int32_t i = 0; i < count; i++) {
        for (int32_t j = 0; j < plans[i].cell_count; j++) {
            mb_ledger_cell *cell = &plans[i].cells[j];
            free(cell->label);
            free(cell->dataset);
            free(cell->model);
            free(cell->features);
            free(cell->protocol);
            free(cell->chosen);
        }
        free(plans[i].cells);
        free(plans[i].name);
        free(plans[i].json);
    }
    free(plans);
}

static mb_status read_entry(mb_query *query, mb_ledger_entry *entry, mb_error *error) {
    mb_query_text(query, 0, entry->key, sizeof entry->key);
    mb_status status = mb_query_copy_text(query, 1, &entry->description, error);
    if (status == MB_OK && entry->description == NULL)
        status = mb_ledger_damaged(query->ledger, "a trial without description", error);
    entry->finished = sqlite3_column_type(query->statement, 2) != SQLITE_NULL;
    if (entry->finished)
        mb_query_trial_scores(query, 3, &entry->scores);
    return status;
}

mb_status mb_ledger_get_entries(mb_ledger *ledger, const char *plan_digest, int32_t cell,
                                bool final, mb_ledger_entry **entries, int32_t *count,
                                mb_error *error) {
    *entries = NULL;
    *count = 0;
    mb_query query;
    mb_status status = mb_query_open(
        &query, ledger, "reading the trials of a cell",
        "SELECT trials.key, trials.description, trial_scores.* "
        "FROM links JOIN trials ON trials.key = links.trial "
        "LEFT JOIN trial_scores ON trial_scores.trial = links.trial "
        "WHERE links.plan = ? AND links.cell = ? AND links.final = ? ORDER BY links.position",
        error);
    if (status == MB_OK) {
        mb_query_bind_text(&query, plan_digest);
        mb_query_bind_integer(&query, cell);
        mb_query_bind_integer(&query, final);
    }
    bool row = true;
    while (status == MB_OK) {
        status = mb_query_next(&query, &row, error);
        if (status != MB_OK || !row)
            break;
        void *grown = one_more(*entries, count, sizeof **entries, error);
        if (grown == NULL) {
            status = MB_FAILED;
            break;
        }
        *entries = grown;
        status = read_entry(&query, &(*entries)[*count - 1], error);
    }
    mb_query_close(&query);
    if (status != MB_OK) {
        mb_ledger_entries_free(*entries, *count);
        *entries = NULL;
        *count = 0;
    }
    return status;
}

void mb_ledger_entries_free(mb_ledger_entry *entries, int32_t count) {
    for (int32_t i = 0; i < count; i++)
        free(entries[i].description);
    free(entries);
}
