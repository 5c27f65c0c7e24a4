// Prints the entries of a table, with a row per feature combination and a column per dataset
// and model.
#include <inttypes.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "report/dialect.h"

void mb_grid_set_text(mb_grid *grid, int32_t row, int32_t column, const mb_dialect *dialect,
                      const char *text) {
    char *safe = dialect->escape(text);
    if (safe == NULL)
        grid->failed = true;
    else
        mb_grid_set(grid, row, column, "%s", safe);
    free(safe);
}

void mb_entry_write(const mb_table *table, const mb_table_cell *cell, const mb_table_value *value,
                    const mb_dialect *d, mb_entry_text *text) {
    *text = (mb_entry_text){0};
    double scale = table->facts->factor;
    int digits = scale == 100 ? 2 : 4;
    if (value->counted > 0)
        snprintf(text->mean, sizeof text->mean, "%.*f", digits, scale * value->mean);
    else
        snprintf(text->mean, sizeof text->mean, "%s", d->nothing);
    if (value->counted > 1)
        snprintf(text->deviation, sizeof text->deviation, "%.*f", digits, scale * value->deviation);
    char seeds[40] = "", diverged[40] = "", search[60] = "";
    if (value->finished < value->asked || value->asked == 0)
        snprintf(seeds, sizeof seeds, ", %" PRId32 "/%" PRId32, value->finished, value->asked);
    if (value->diverged > 0)
        snprintf(diverged, sizeof diverged, ", %" PRId32 " diverged", value->diverged);
    if (cell->search_finished < cell->search_asked)
        snprintf(search, sizeof search, ", search %" PRId32 "/%" PRId32, cell->search_finished,
                 cell->search_asked);
    if (seeds[0] != '\0' || diverged[0] != '\0' || search[0] != '\0') {
        char joined[160];
        snprintf(joined, sizeof joined, "%s%s%s", seeds, diverged, search);
        snprintf(text->note, sizeof text->note, " (%.70s)", joined + 2);
    }
}

typedef struct widths {
    int32_t mean, deviation, note;
} widths;

static int32_t wider(int32_t a, const char *text) {
    int32_t b = mb_text_width(text);
    return a > b ? a : b;
}

// "* 81.23 ± 0.45 (5/6)". In plain text the numbers of a column are aligned.
static void set_entry(mb_grid *grid, int32_t row, int32_t column, const mb_entry_text *text,
                      int32_t rank, const widths *w, const mb_dialect *d) {
    const char *const *mark = d->marks[rank];
    bool deviates = text->deviation[0] != '\0';
    int fill[4] = {0, 0, 0, 0}; // blanks before the mean, around the deviation, at the end
    if (d->pads) {
        fill[0] = w->mean - mb_text_width(text->mean);
        fill[1] = deviates ? w->deviation - mb_text_width(text->deviation) : 0;
        fill[2] = deviates || w->deviation == 0 ? 0 : w->deviation + mb_text_width(d->plus_minus);
        fill[3] = w->note - mb_text_width(text->note);
    }
    mb_grid_set(grid, row, column, "%s%*s%s%s%*s%s%*s%s%s%*s", mark[0], fill[0], "", text->mean,
                deviates ? d->plus_minus : "", fill[1], "", text->deviation, fill[2], "", mark[1],
                text->note, fill[3], "");
}

static void set_column(const mb_table *table, int32_t column, const mb_dialect *d, mb_grid *grid) {
    widths w = {0};
    mb_entry_text text;
    mb_grid_set_text(grid, 0, column + 1, d, table->columns[column]);
    grid->right[column + 1] = true;
    for (int pass = 0; pass < 2; pass++)
        for (int32_t i = 0; i < table->cell_count; i++) {
            const mb_table_cell *cell = &table->cells[i];
            if (cell->column != column)
                continue;
            mb_entry_write(table, cell, &cell->values[0], d, &text);
            if (pass == 1)
                set_entry(grid, cell->row + 1, column + 1, &text, cell->values[0].rank, &w, d);
            w = (widths){wider(w.mean, text.mean), wider(w.deviation, text.deviation),
                         wider(w.note, text.note)};
        }
}

bool mb_print_entries(const mb_table *table, const mb_dialect *d, FILE *out) {
    mb_grid grid;
    mb_grid_init(&grid, table->row_count + 1, table->column_count + 1);
    if (!grid.failed) {
        mb_grid_set(&grid, 0, 0, "%s", "features");
        for (int32_t row = 0; row < table->row_count; row++)
            mb_grid_set_text(&grid, row + 1, 0, d, table->rows[row]);
        for (int32_t column = 0; column < table->column_count; column++)
            set_column(table, column, d, &grid);
    }
    if (!grid.failed)
        d->print(&grid, out);
    bool done = !grid.failed;
    mb_grid_free(&grid);
    return done;
}
