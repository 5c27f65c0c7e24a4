#include "paper/layout_print.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/plain.h"
#include "paper/layout_export.h"
#include "report/dialect.h"

const char *const mb_published_form_names[3] = {"off", "beside", "diff"};

enum { MOST_NOTES = 64 };

typedef struct printing {
    const mb_layout *layout;
    const mb_layout_values *values;
    const mb_layout_options *options;
    const mb_dialect *dialect;
    mb_published_form form; // off without published numbers
    const char *notes[MOST_NOTES];
    int32_t note_count;
    bool missing; // a place without a number
    FILE *out;
} printing;

// How many columns of the grid a column of the layout takes.
static int32_t width_of(const printing *p, int32_t column) {
    if (p->layout->columns[column].published == NULL)
        return 1;
    return p->form == MB_PUBLISHED_BESIDE ? 3 : p->form == MB_PUBLISHED_DIFFERENCE ? 2 : 1;
}

// The first of them; `column` may be the one after the last.
static int32_t position_of(const printing *p, int32_t column) {
    int32_t position = 1; // after the heads of the rows
    for (int32_t c = 0; c < column; c++)
        position += width_of(p, c);
    return position;
}

// ---- numbers ----------------------------------------------------------------------------------

static int digits_of(const printing *p, int32_t row, int32_t column) {
    return mb_score_table[mb_place_metric(p->layout, row, column)].factor == 100 ? 2 : 4;
}

static void set_ours(printing *p, int32_t row, int32_t column, const mb_layout_value *value,
                     mb_grid *grid, int32_t grid_row, int32_t grid_column) {
    const mb_dialect *d = p->dialect;
    const char *const *mark = d->marks[value->rank == 1 ? 1 : value->rank > 1 ? 2 : 0];
    char deviation[40] = "", note[200] = "";
    if (value->cell != NULL && !value->complete) {
        mb_entry_text text;
        mb_entry_write(p->values->table, value->cell, &value->cell->values[0], d, &text);
        snprintf(note, sizeof note, "%s", text.note);
    }
    if (value->ours.count == 0) {
        p->missing |= value->cell == NULL && p->layout->columns[column].over_count == 0;
        mb_grid_set(grid, grid_row, grid_column, "%s%s%s", d->marks[0][0], d->nothing, note);
        return;
    }
    int digits = digits_of(p, row, column);
    if (!isnan(value->ours.deviation))
        snprintf(deviation, sizeof deviation, "%s%.*f", d->plus_minus, digits,
                 value->ours.deviation);
    mb_grid_set(grid, grid_row, grid_column, "%s%.*f%s%s%s", mark[0], digits, value->ours.mean,
                deviation, mark[1], note);
}

// The number of a note, from 1; 0: there is no room for more.
static int32_t number_of_note(printing *p, const char *text) {
    for (int32_t i = 0; i < p->note_count; i++)
        if (p->notes[i] == text)
            return i + 1;
    if (p->note_count == MOST_NOTES)
        return 0;
    p->notes[p->note_count++] = text;
    return p->note_count;
}

static void set_published(printing *p, int32_t row, int32_t column, const mb_layout_value *value,
                          mb_grid *grid, int32_t grid_row, int32_t grid_column) {
    char deviation[40] = "", marks[40] = "";
    if (isnan(value->published.mean))
        return;
    int digits = digits_of(p, row, column);
    if (!isnan(value->published.deviation))
        snprintf(deviation, sizeof deviation, "%s%.*f", p->dialect->plus_minus, digits,
                 value->published.deviation);
    const char *text;
    for (int32_t n = 0; (text = mb_published_note_of(&p->values->published, value->published_row,
                                                     value->published_column, n)) != NULL;
         n++) {
        size_t length = strlen(marks);
        snprintf(marks + length, sizeof marks - length, " [%" PRId32 "]", number_of_note(p, text));
    }
    mb_grid_set(grid, grid_row, grid_column, "%.*f%s%s", digits, value->published.mean, deviation,
                marks);
}

static void set_difference(printing *p, int32_t row, int32_t column, const mb_layout_value *value,
                           mb_grid *grid, int32_t grid_row, int32_t grid_column) {
    const char *verdict = mb_verdict_names[value->comparison.verdict];
    if (!isnan(value->comparison.difference))
        mb_grid_set(grid, grid_row, grid_column, "%+.*f%s%s", digits_of(p, row, column),
                    value->comparison.difference, verdict[0] != '\0' ? " " : "", verdict);
}

// ---- the grid ---------------------------------------------------------------------------------

static bool begins_group(const mb_layout *layout, int32_t row) {
    const char *own = layout->rows[row].group;
    const char *before = row > 0 ? layout->rows[row - 1].group : NULL;
    return own != NULL && (before == NULL || strcmp(own, before) != 0);
}

static void set_heads(const printing *p, mb_grid *grid) {
    for (int32_t c = 0; c < p->layout->column_count; c++) {
        int32_t at = position_of(p, c), width = width_of(p, c);
        mb_grid_set_text(grid, 0, at, p->dialect, p->layout->columns[c].head);
        if (width == 3)
            mb_grid_set(grid, 0, at + 1, "%s", "paper");
        if (width > 1)
            mb_grid_set(grid, 0, at + width - 1, "%s", "difference");
        for (int32_t i = 0; i < width && !grid->failed; i++)
            grid->right[at + i] = true;
    }
}

static void set_row(printing *p, int32_t row, mb_grid *grid, int32_t grid_row) {
    mb_grid_set_text(grid, grid_row, 0, p->dialect, p->layout->rows[row].head);
    for (int32_t c = 0; c < p->layout->column_count; c++) {
        const mb_layout_value *value = mb_layout_value_at(p->values, row, c);
        int32_t at = position_of(p, c), width = width_of(p, c);
        set_ours(p, row, c, value, grid, grid_row, at);
        if (width == 3)
            set_published(p, row, c, value, grid, grid_row, at + 1);
        if (width > 1)
            set_difference(p, row, c, value, grid, grid_row, at + width - 1);
    }
}

static bool print_grid(printing *p) {
    const mb_layout *layout = p->layout;
    int32_t groups = 0, at = 1;
    for (int32_t r = 0; r < layout->row_count; r++)
        groups += begins_group(layout, r);
    mb_grid grid;
    mb_grid_init(&grid, 1 + groups + layout->row_count, position_of(p, layout->column_count));
    if (!grid.failed)
        set_heads(p, &grid);
    for (int32_t r = 0; r < layout->row_count && !grid.failed; r++) {
        if (begins_group(layout, r))
            mb_grid_set_text(&grid, at++, 0, p->dialect, layout->rows[r].group);
        set_row(p, r, &grid, at++);
    }
    return mb_grid_finish(&grid, p->dialect, p->out);
}

// ---- around it --------------------------------------------------------------------------------

static bool print_title(const printing *p) {
    const mb_table *table = p->values->table;
    const char *title = p->layout->title != NULL ? p->layout->title : table->plan->name;
    char *safe = p->dialect->escape(title);
    if (safe == NULL)
        return false;
    mb_print_line(p->dialect->title, p->out, "%s (plan %.8s)", safe, table->plan->digest);
    free(safe);
    mb_print_line(p->dialect->line, p->out,
                  "mean ± %s standard deviation over the seeds of the chosen setting",
                  mb_deviation_names[table->options.deviation]);
    fputc('\n', p->out);
    return true;
}

static bool print_own_notes(const printing *p) {
    for (int32_t i = 0; i < p->layout->note_count; i++) {
        char *safe = p->dialect->escape(p->layout->notes[i]);
        if (safe == NULL)
            return false;
        mb_print_line(p->dialect->line, p->out, "%s", safe);
        free(safe);
    }
    return true;
}

static bool print_notes(const printing *p) {
    const mb_published *published = &p->values->published;
    if (p->layout->best > 0)
        mb_print_line(p->dialect->line, p->out, "%s", p->dialect->legend);
    if (p->missing)
        mb_print_line(p->dialect->line, p->out, "%s: the plan has no such cell",
                      p->dialect->nothing);
    if (!print_own_notes(p))
        return false;
    if (p->form == MB_PUBLISHED_OFF)
        return true;
    mb_print_line(p->dialect->line, p->out, "paper: %s; means of %" PRId32 " runs",
                  published->source, published->runs);
    mb_print_line(
        p->dialect->line, p->out,
        "same: within one point, by two one-sided tests; different: by Welch's test; both "
        "at the level 0.05");
    for (int32_t i = 0; i < p->note_count; i++)
        mb_print_line(p->dialect->line, p->out, "[%" PRId32 "] %s", i + 1, p->notes[i]);
    return true;
}

static mb_status print_document(const mb_layout_values *values, const mb_layout_options *options,
                                FILE *out, mb_error *error) {
    bool any = values->published.row_count > 0;
    printing p = {.layout = values->layout,
                  .values = values,
                  .options = options,
                  .dialect = mb_dialect_of(options->table.format),
                  .form = any ? options->published : MB_PUBLISHED_OFF,
                  .out = out};
    if (!print_title(&p) || !print_grid(&p))
        return mb_out_of_memory(error, "a table");
    fputc('\n', out);
    return print_notes(&p) ? MB_OK : mb_out_of_memory(error, "a table");
}

// Collects what a layout shows. The values share the table's memory; free both, also after a
// failure.
static mb_status collect(mb_ledger *ledger, const mb_layout *layout,
                         const mb_layout_options *options, mb_table *table,
                         mb_layout_values *values, mb_error *error) {
    *table = (mb_table){.plan = NULL};
    *values = (mb_layout_values){.layout = NULL};
    // Within a transaction all reads see the same state of the ledger, even if a sweep is writing.
    mb_status status = mb_ledger_begin(ledger, error);
    if (status != MB_OK)
        return status;
    status = mb_ledger_check_lookups(ledger, error);
    if (status == MB_OK)
        status = mb_table_collect(ledger, &options->table, table, error);
    mb_status ended = mb_ledger_end(ledger, true, status == MB_OK ? error : NULL);
    status = status == MB_OK ? ended : status;
    return status == MB_OK ? mb_layout_values_make(layout, table, values, error) : status;
}

mb_status mb_layout_check(mb_ledger *ledger, const mb_layout *layout,
                          const mb_layout_options *options, mb_error *error) {
    mb_table table;
    mb_layout_values values;
    mb_status status = collect(ledger, layout, options, &table, &values, error);
    mb_layout_values_free(&values);
    mb_table_free(&table);
    return status;
}

mb_status mb_layout_print(mb_ledger *ledger, const mb_layout *layout,
                          const mb_layout_options *options, FILE *out, mb_error *error) {
    mb_table table;
    mb_layout_values values;
    mb_status status = collect(ledger, layout, options, &table, &values, error);
    if (status == MB_OK && options->table.format == MB_TABLE_CSV)
        mb_layout_print_csv(&values, out);
    else if (status == MB_OK && options->table.format == MB_TABLE_JSON)
        mb_layout_print_json(&values, out);
    else if (status == MB_OK)
        status = print_document(&values, options, out, error);
    mb_layout_values_free(&values);
    mb_table_free(&table);
    return status;
}
