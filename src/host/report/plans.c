// Collects the plans of a ledger and prints them as text.
#include "report/plans.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/plain.h"
#include "base/plural.h"
#include "report/grid.h"
#include "report/plans_data.h"
#include "sweep/plan_replace.h"

// ---- collecting -------------------------------------------------------------------------------

static void add(mb_ledger_count *sum, const mb_ledger_count *count) {
    sum->trials += count->trials;
    sum->finished += count->finished;
}

static mb_status collect_cell(mb_ledger *ledger, mb_plan_progress *progress, int32_t index,
                              mb_error *error) {
    const mb_ledger_cell *cell = &progress->plan->cells[index];
    mb_cell_progress *own = &progress->cells[index];
    const char *digest = progress->plan->digest;
    mb_status status =
        mb_ledger_count_trials(ledger, digest, cell->index, false, &own->search, error);
    if (status == MB_OK)
        status = mb_ledger_count_trials(ledger, digest, cell->index, true, &own->final, error);
    if (own->final.trials < cell->final_seeds)
        own->final.trials = cell->final_seeds;
    add(&progress->sum.search, &own->search);
    add(&progress->sum.final, &own->final);
    return status;
}

static mb_status collect_plan(mb_ledger *ledger, const mb_ledger_plan *plan,
                              mb_plan_progress *progress, mb_error *error) {
    progress->plan = plan;
    snprintf(progress->digest, sizeof progress->digest, "%.8s", plan->digest);
    progress->replaced = mb_plan_replaced_text(plan->json);
    progress->cells = calloc((size_t)plan->cell_count + 1, sizeof *progress->cells);
    if (progress->replaced == NULL || progress->cells == NULL)
        return mb_out_of_memory(error, "a list of plans");
    mb_status status = mb_ledger_last_run(ledger, plan->digest, progress->last_run, error);
    for (int32_t c = 0; c < plan->cell_count && status == MB_OK; c++)
        status = collect_cell(ledger, progress, c, error);
    return status;
}

static mb_status collect(mb_ledger *ledger, mb_plan_list *list, mb_error *error) {
    list->path = mb_ledger_path(ledger);
    mb_status status = mb_ledger_get_plans(ledger, &list->plans, &list->count, error);
    if (status != MB_OK)
        return status;
    list->progress = calloc((size_t)list->count + 1, sizeof *list->progress);
    if (list->progress == NULL)
        return mb_out_of_memory(error, "a list of plans");
    for (int32_t i = 0; i < list->count && status == MB_OK; i++)
        status = collect_plan(ledger, &list->plans[i], &list->progress[i], error);
    return status;
}

static void free_list(mb_plan_list *list) {
    for (int32_t i = 0; list->progress != NULL && i < list->count; i++) {
        free(list->progress[i].replaced);
        free(list->progress[i].cells);
    }
    free(list->progress);
    mb_ledger_plans_free(list->plans, list->count);
}

// ---- text -------------------------------------------------------------------------------------

// Sets a text from the ledger, which may come from a stranger.
static void set_text(mb_grid *grid, int32_t row, int32_t column, const char *text) {
    char *safe = mb_plain(text);
    grid->failed |= safe == NULL;
    if (safe != NULL)
        mb_grid_set(grid, row, column, "%s", safe);
    free(safe);
}

// "12/16"; "-" where there is nothing to do.
static void set_count(mb_grid *grid, int32_t row, int32_t column, const mb_ledger_count *count) {
    if (count->trials == 0)
        mb_grid_set(grid, row, column, "-");
    else
        mb_grid_set(grid, row, column, "%" PRId64 "/%" PRId64, count->finished, count->trials);
}

static void start_grid(mb_grid *grid, int32_t rows, int32_t columns, const char *const *headings,
                       const char *right) {
    mb_grid_init(grid, rows + 1, columns);
    for (int32_t i = 0; i < columns && !grid->failed; i++) {
        mb_grid_set(grid, 0, i, "%s", headings[i]);
        grid->right[i] = right[i] == 'r';
    }
}

static bool end_grid(mb_grid *grid, FILE *out) {
    bool done = !grid->failed;
    if (done)
        mb_grid_print_text(grid, out);
    mb_grid_free(grid);
    return done;
}

static bool print_list(const mb_plan_list *list, FILE *out) {
    static const char *const headings[] = {"plan",   "name",  "cells",
                                           "search", "final", "last run (UTC)"};
    mb_grid grid;
    start_grid(&grid, list->count, 6, headings, "llrrrl");
    for (int32_t i = 0; i < list->count; i++) {
        const mb_plan_progress *progress = &list->progress[i];
        set_text(&grid, i + 1, 0, progress->digest);
        set_text(&grid, i + 1, 1, progress->plan->name);
        mb_grid_set(&grid, i + 1, 2, "%" PRId32, progress->plan->cell_count);
        set_count(&grid, i + 1, 3, &progress->sum.search);
        set_count(&grid, i + 1, 4, &progress->sum.final);
        set_text(&grid, i + 1, 5, progress->last_run[0] != '\0' ? progress->last_run : "-");
    }
    return end_grid(&grid, out);
}

// "chosen" once the search is complete; "given" where there is nothing to search.
static const char *setting_of(const mb_ledger_cell *cell, const mb_cell_progress *progress) {
    return progress->search.trials == 0 ? "given" : cell->choice_count > 0 ? "chosen" : "-";
}

static bool print_cells(const mb_plan_progress *progress, FILE *out) {
    static const char *const headings[] = {"features", "dataset", "model", "protocol",
                                           "search",   "setting", "final"};
    const mb_ledger_plan *plan = progress->plan;
    mb_grid grid;
    start_grid(&grid, plan->cell_count, 7, headings, "llllrlr");
    for (int32_t c = 0; c < plan->cell_count; c++) {
        const mb_ledger_cell *cell = &plan->cells[c];
        set_text(&grid, c + 1, 0, cell->label);
        set_text(&grid, c + 1, 1, cell->dataset);
        set_text(&grid, c + 1, 2, cell->model);
        set_text(&grid, c + 1, 3, cell->protocol);
        set_count(&grid, c + 1, 4, &progress->cells[c].search);
        mb_grid_set(&grid, c + 1, 5, "%s", setting_of(cell, &progress->cells[c]));
        set_count(&grid, c + 1, 6, &progress->cells[c].final);
    }
    return end_grid(&grid, out);
}

static bool print_plan(const mb_plan_progress *progress, FILE *out) {
    mb_print_plain_to(out, "\n%s (plan %s)\n", progress->plan->name, progress->digest);
    if (progress->replaced[0] != '\0')
        mb_print_plain_to(out, "quick try: %s\n", progress->replaced);
    return print_cells(progress, out);
}

static bool print_text(const mb_plan_list *list, FILE *out) {
    if (list->count == 0) {
        mb_print_plain_to(out, "%s: no plan yet; 'merbench run PLAN.json' trains one\n",
                          list->path);
        return true;
    }
    mb_print_plain_to(out, "%s: %" PRId32 " %s; trials done, of all\n\n", list->path, list->count,
                      mb_plural(list->count, "plan", "plans, the one that ran last first"));
    bool done = print_list(list, out);
    mb_print_plain_to(out,
                      "\n'merbench table' shows the first one (%s); --plan NAME or --plan DIGEST "
                      "shows another\n",
                      list->progress[0].digest);
    for (int32_t i = 0; i < list->count && done; i++)
        done = print_plan(&list->progress[i], out);
    return done;
}

mb_status mb_plans_print(mb_ledger *ledger, bool json, FILE *out, mb_error *error) {
    mb_plan_list list = {.count = 0};
    // Within a transaction all reads see the same state, even if a sweep is writing.
    mb_status status = mb_ledger_begin(ledger, error);
    if (status != MB_OK)
        return status;
    status = mb_ledger_check_lookups(ledger, error);
    if (status == MB_OK)
        status = collect(ledger, &list, error);
    mb_status ended = mb_ledger_end(ledger, true, status == MB_OK ? error : NULL);
    status = status == MB_OK ? ended : status;
    if (status == MB_OK && json)
        mb_plans_print_json(&list, out);
    else if (status == MB_OK && !print_text(&list, out))
        status = mb_out_of_memory(error, "a list of plans");
    free_list(&list);
    return status;
}
