// Finds the plan and the metric of a table, arranges its rows and columns, and ranks the entries of
// each column.
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "merbench/metrics.h"
#include "report/table_data.h"
#include "sweep/plan_replace.h"

// ---- options ----------------------------------------------------------------------------------

static mb_status find_metric(mb_table *table, mb_error *error) {
    const char *name = table->options.metric != NULL ? table->options.metric : "waf";
    for (table->metric = 0; table->metric < MB_SCORE_COUNT; table->metric++)
        if (strcmp(mb_score_names[table->metric], name) == 0)
            break;
    if (table->metric < MB_SCORE_COUNT) {
        table->facts = &mb_score_table[table->metric];
        return MB_OK;
    }
    return mb_fail_unknown(
        error, MB_USAGE,
        &(mb_unknown){
            .what = "metric", .name = name, .known = mb_score_names, .count = MB_SCORE_COUNT});
}

static bool is_digest_prefix(const char *text) {
    size_t length = strlen(text);
    return length >= 6 && length <= 32 && strspn(text, "0123456789abcdef") == length;
}

static mb_status no_such_plan(const mb_ledger *ledger, const mb_table *table, mb_error *error) {
    const char *asked = table->options.plan;
    const char **names = calloc((size_t)table->plan_count, sizeof *names);
    if (names == NULL)
        return mb_out_of_memory(error, "names of plans");
    for (int32_t i = 0; i < table->plan_count; i++)
        names[i] = table->plans[i].name;
    char last[160];
    snprintf(last, sizeof last, "the one that ran last is '%.100s'", table->plans[0].name);
    mb_status status = mb_fail_unknown(error, MB_BAD_INPUT,
                                       &(mb_unknown){.what = "plan",
                                                     .name = asked,
                                                     .known = names,
                                                     .count = table->plan_count,
                                                     .hint = last});
    mb_fail_in(error, status, "%s: ", mb_ledger_path(ledger));
    free(names);
    return status;
}

// Finds a plan by name (the newest one of that name) or else by digest.
static mb_status find_plan(const mb_ledger *ledger, mb_table *table, mb_error *error) {
    const char *asked = table->options.plan;
    if (table->plan_count == 0)
        return mb_fail(error, MB_BAD_INPUT,
                       "%s: there is no plan yet; 'merbench run PLAN.json' trains one",
                       mb_ledger_path(ledger));
    table->plan = asked == NULL ? &table->plans[0] : NULL;
    for (int32_t i = 0; table->plan == NULL && i < table->plan_count; i++)
        if (strcmp(table->plans[i].name, asked) == 0)
            table->plan = &table->plans[i];
    if (table->plan != NULL)
        return MB_OK;
    for (int32_t i = 0; is_digest_prefix(asked) && i < table->plan_count; i++) {
        if (strncmp(table->plans[i].digest, asked, strlen(asked)) != 0)
            continue;
        if (table->plan != NULL)
            return mb_fail(error, MB_BAD_INPUT, "%s: several plans begin with %s; give more digits",
                           mb_ledger_path(ledger), asked);
        table->plan = &table->plans[i];
    }
    return table->plan != NULL ? MB_OK : no_such_plan(ledger, table, error);
}

// ---- rows and columns -------------------------------------------------------------------------

// The index of a heading, which is added if it is new; -1 when out of memory.
static int32_t heading(char ***headings, int32_t *count, const char *text) {
    for (int32_t i = 0; i < *count; i++)
        if (strcmp((*headings)[i], text) == 0)
            return i;
    char **grown = reallocarray(*headings, (size_t)*count + 1, sizeof *grown);
    if (grown == NULL)
        return -1;
    *headings = grown;
    grown[*count] = strdup(text);
    return grown[*count] != NULL ? (*count)++ : -1;
}

// Several models are columns, unless there are several datasets: then they are rows.
static bool models_are_rows(const mb_table *table) {
    return table->several_datasets && table->several_models;
}

static int32_t column_of(mb_table *table, const mb_ledger_cell *cell) {
    bool model = table->several_models && !table->several_datasets;
    char *text;
    if (asprintf(&text, "%s%s%s", model ? cell->model : cell->dataset,
                 table->several_protocols ? " " : "",
                 table->several_protocols ? cell->protocol : "") < 0)
        return -1;
    int32_t column = heading(&table->columns, &table->column_count, text);
    free(text);
    return column;
}

static bool taken(const mb_table *table, int32_t before, int32_t row, int32_t column) {
    for (int32_t i = 0; i < before; i++)
        if (table->cells[i].row == row && table->cells[i].column == column)
            return true;
    return false;
}

// The row with the label of the cell, "label, model" where models are rows. If the row has an entry
// in this column already, a number is appended to the label.
static int32_t row_of(mb_table *table, int32_t index) {
    mb_table_cell *cell = &table->cells[index];
    bool model = models_are_rows(table);
    for (int number = 1;; number++) {
        char *text;
        int length = number == 1 ? asprintf(&cell->label, "%s", cell->cell->label)
                                 : asprintf(&cell->label, "%s #%d", cell->cell->label, number);
        if (length < 0)
            cell->label = NULL;
        if (cell->label == NULL || asprintf(&text, "%s%s%s", cell->label, model ? ", " : "",
                                            model ? cell->cell->model : "") < 0)
            return -1;
        int32_t row = heading(&table->rows, &table->row_count, text);
        free(text);
        if (row < 0 || !taken(table, index, row, cell->column))
            return row;
        free(cell->label);
        cell->label = NULL;
    }
}

mb_status mb_table_arrange(mb_table *table, mb_error *error) {
    for (int32_t i = 1; i < table->cell_count; i++) {
        const mb_ledger_cell *cell = table->cells[i].cell, *first = table->cells[0].cell;
        table->several_datasets |= strcmp(cell->dataset, first->dataset) != 0;
        table->several_models |= strcmp(cell->model, first->model) != 0;
        table->several_protocols |= strcmp(cell->protocol, first->protocol) != 0;
    }
    for (int32_t i = 0; i < table->cell_count; i++) {
        table->cells[i].column = column_of(table, table->cells[i].cell);
        table->cells[i].row = row_of(table, i);
        if (table->cells[i].column < 0 || table->cells[i].row < 0)
            return mb_out_of_memory(error, "headings of a table");
    }
    return MB_OK;
}

// ---- ranks ------------------------------------------------------------------------------------

// The best mean of a column among those that are worse than `bound`; NaN = none.
static double best_below(const mb_table *table, int32_t column, double bound) {
    double sign = table->facts->lower_is_better ? -1.0 : 1.0, best = (double)NAN;
    for (int32_t i = 0; i < table->cell_count; i++) {
        const mb_table_cell *cell = &table->cells[i];
        double mean = sign * cell->values[0].mean;
        if (cell->column == column && mb_table_complete(cell, &cell->values[0]) &&
            mean < sign * bound && (isnan(best) || mean > best))
            best = mean;
    }
    return sign * best;
}

// Equal means share a rank. The only complete entry of a column is not marked.
static void rank_column(mb_table *table, int32_t column) {
    int32_t complete = 0;
    for (int32_t i = 0; i < table->cell_count; i++)
        complete += table->cells[i].column == column &&
                    mb_table_complete(&table->cells[i], &table->cells[i].values[0]);
    double worst = table->facts->lower_is_better ? -(double)INFINITY : (double)INFINITY;
    double best = best_below(table, column, worst), second = best_below(table, column, best);
    for (int32_t i = 0; complete > 1 && i < table->cell_count; i++) {
        mb_table_value *value = &table->cells[i].values[0];
        if (table->cells[i].column == column && mb_table_complete(&table->cells[i], value))
            value->rank = value->mean == best ? 1 : value->mean == second ? 2 : 0;
    }
}

// ---- the whole table --------------------------------------------------------------------------

static mb_status collect_cells(mb_ledger *ledger, mb_table *table, mb_error *error) {
    table->cells = calloc((size_t)table->plan->cell_count + 1, sizeof *table->cells);
    if (table->cells == NULL)
        return mb_out_of_memory(error, "cells of a table");
    table->cell_count = table->plan->cell_count;
    mb_status status = MB_OK;
    for (int32_t i = 0; status == MB_OK && i < table->cell_count; i++) {
        table->cells[i].cell = &table->plan->cells[i];
        status = mb_table_collect_cell(ledger, table, &table->cells[i], error);
    }
    if (status == MB_OK)
        status = mb_table_arrange(table, error);
    for (int32_t i = 0; status == MB_OK && !table->options.all_settings && i < table->column_count;
         i++)
        rank_column(table, i);
    return status;
}

mb_status mb_table_collect(mb_ledger *ledger, const mb_table_options *options, mb_table *table,
                           mb_error *error) {
    *table = (mb_table){.options = *options};
    mb_status status = find_metric(table, error);
    if (status == MB_OK)
        status = mb_ledger_get_plans(ledger, &table->plans, &table->plan_count, error);
    if (status == MB_OK)
        status = find_plan(ledger, table, error);
    if (status == MB_OK && (table->replaced = mb_plan_replaced_text(table->plan->json)) == NULL)
        status = mb_out_of_memory(error, "a plan");
    return status == MB_OK ? collect_cells(ledger, table, error) : status;
}

static void free_headings(char **headings, int32_t count) {
    for (int32_t i = 0; i < count; i++)
        free(headings[i]);
    free(headings);
}

void mb_table_free(mb_table *table) {
    for (int32_t i = 0; i < table->cell_count; i++) {
        mb_table_cell *cell = &table->cells[i];
        for (int32_t j = 0; j < cell->value_count; j++)
            mb_table_value_free(&cell->values[j]);
        free(cell->values);
        for (int32_t j = 0; cell->choices != NULL && j < cell->cell->choice_count; j++)
            free(cell->choices[j]);
        free(cell->choices);
        free(cell->label);
    }
    free(table->cells);
    free(table->replaced);
    free_headings(table->rows, table->row_count);
    free_headings(table->columns, table->column_count);
    mb_ledger_plans_free(table->plans, table->plan_count);
}
