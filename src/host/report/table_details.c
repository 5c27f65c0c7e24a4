// What stands below a table: the seeds, settings and inputs of every entry, or every setting of a
// search.
#include <inttypes.h>
#include <math.h>

#include "report/people.h"

static bool finish(mb_grid *grid, const mb_dialect *dialect, FILE *out) {
    if (!grid->failed)
        dialect->print(grid, out);
    bool done = !grid->failed;
    mb_grid_free(grid);
    return done;
}

static void set_headings(mb_grid *grid, const char *const *headings, const char *right) {
    for (int32_t i = 0; !grid->failed && i < grid->column_count; i++) {
        mb_grid_set(grid, 0, i, "%s", headings[i]);
        grid->right[i] = right[i] == 'r';
    }
}

static void set_seeds(mb_grid *grid, int32_t row, int32_t column, const mb_table_value *value) {
    mb_grid_set(grid, row, column, "%" PRId32 "/%" PRId32, value->finished, value->asked);
    mb_grid_set(grid, row, column + 1, "%" PRId32, value->diverged);
}

bool mb_print_details(const mb_table *table, const mb_dialect *dialect, FILE *out) {
    static const char *const headings[] = {"features", "column",   "seeds", "diverged",
                                           "part",     "settings", "inputs"};
    mb_grid grid;
    mb_grid_init(&grid, table->cell_count + 1, 7);
    set_headings(&grid, headings, "llrrlll");
    for (int32_t i = 0; i < table->cell_count; i++) {
        const mb_table_cell *cell = &table->cells[i];
        const mb_table_value *value = &cell->values[0];
        mb_grid_set_text(&grid, i + 1, 0, dialect, table->rows[cell->row]);
        mb_grid_set_text(&grid, i + 1, 1, dialect, table->columns[cell->column]);
        set_seeds(&grid, i + 1, 2, value);
        mb_grid_set_text(&grid, i + 1, 4, dialect, value->part[0] != '\0' ? value->part : "-");
        mb_grid_set_text(&grid, i + 1, 5, dialect,
                         value->settings[0] != '\0' ? value->settings : "-");
        mb_grid_set_text(&grid, i + 1, 6, dialect, cell->cell->features);
    }
    return finish(&grid, dialect, out);
}

static void set_setting(const mb_table *table, const mb_table_cell *cell,
                        const mb_table_value *value, int32_t row, const mb_dialect *dialect,
                        mb_grid *grid) {
    mb_entry_text text;
    mb_entry_write(table, cell, value, dialect, &text);
    mb_grid_set_text(grid, row, 0, dialect, table->rows[cell->row]);
    mb_grid_set_text(grid, row, 1, dialect, table->columns[cell->column]);
    mb_grid_set_text(grid, row, 2, dialect, value->settings[0] != '\0' ? value->settings : "-");
    if (isfinite(value->selection))
        mb_grid_set(grid, row, 3, "%.4f", value->selection);
    else
        mb_grid_set(grid, row, 3, "%s", dialect->nothing);
    const char *const *mark = dialect->marks[value->chosen];
    mb_grid_set(grid, row, 4, "%s%s%s%s%s", mark[0], text.mean,
                text.deviation[0] != '\0' ? dialect->plus_minus : "", text.deviation, mark[1]);
    set_seeds(grid, row, 5, value);
}

bool mb_print_settings(const mb_table *table, const mb_dialect *dialect, FILE *out) {
    static const char *const headings[] = {"features", "column", "settings", "selection",
                                           "score",    "seeds",  "diverged"};
    int32_t count = 0;
    for (int32_t i = 0; i < table->cell_count; i++)
        count += table->cells[i].value_count;
    mb_grid grid;
    mb_grid_init(&grid, count + 1, 7);
    set_headings(&grid, headings, "lllrrrr");
    int32_t row = 1;
    for (int32_t i = 0; i < table->cell_count; i++)
        for (int32_t j = 0; j < table->cells[i].value_count; j++)
            set_setting(table, &table->cells[i], &table->cells[i].values[j], row++, dialect, &grid);
    return finish(&grid, dialect, out);
}
