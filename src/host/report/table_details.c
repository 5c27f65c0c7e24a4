// Prints the details below a table: the seeds, settings and inputs of every entry, or every setting
// of a search.
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/dialect.h"

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

// ---- settings that every entry shares ---------------------------------------------------------

// Whether a text of words, separated by spaces, contains the word of `length` characters.
static bool has_word(const char *text, const char *word, size_t length) {
    while (*text != '\0') {
        size_t next = strcspn(text, " ");
        if (next == length && strncmp(text, word, length) == 0)
            return true;
        text += next + (text[next] == ' ');
    }
    return false;
}

// The words of `settings` that are in `other` (`common`) or are not in it (not `common`).
// malloc'ed; NULL when out of memory.
static char *pick(const char *settings, const char *other, bool common) {
    char *picked = calloc(1, strlen(settings) + 2), *end = picked;
    while (picked != NULL && *settings != '\0') {
        size_t length = strcspn(settings, " ");
        if (has_word(other, settings, length) == common) {
            if (end != picked)
                *end++ = ' ';
            end = mempcpy(end, settings, length);
        }
        settings += length + (settings[length] == ' ');
    }
    return picked;
}

// The settings that all entries have in common, such as "grad_clip=-1", if at least two entries
// have known settings. malloc'ed; NULL when out of memory.
static char *find_shared(const mb_table *table) {
    char *shared = NULL;
    int32_t known = 0;
    for (int32_t i = 0; i < table->cell_count; i++)
        for (int32_t j = 0; j < table->cells[i].value_count; j++) {
            const char *settings = table->cells[i].values[j].settings;
            if (settings[0] == '\0')
                continue;
            char *left = known++ == 0 ? strdup(settings) : pick(shared, settings, true);
            free(shared);
            shared = left;
            if (shared == NULL)
                return NULL;
        }
    if (known > 1)
        return shared;
    free(shared);
    return strdup("");
}

// Prints the shared settings on a line; false when out of memory.
static bool print_shared(const char *shared, const mb_dialect *dialect, FILE *out) {
    char *safe = dialect->escape(shared);
    if (safe != NULL && safe[0] != '\0')
        fprintf(out, "\n%ssettings of every entry: %s%s", dialect->line[0], safe, dialect->line[1]);
    free(safe);
    return safe != NULL;
}

static void set_settings(mb_grid *grid, int32_t row, int32_t column, const mb_dialect *dialect,
                         const mb_table_value *value, const char *shared) {
    char *settings = pick(value->settings, shared, false);
    if (settings == NULL)
        grid->failed = true;
    else
        mb_grid_set_text(grid, row, column, dialect, settings[0] != '\0' ? settings : "-");
    free(settings);
}

// ---- entries ----------------------------------------------------------------------------------

static void set_details(const mb_table *table, const mb_table_cell *cell, const char *shared,
                        int32_t row, const mb_dialect *dialect, mb_grid *grid) {
    const mb_table_value *value = &cell->values[0];
    mb_grid_set_text(grid, row, 0, dialect, table->rows[cell->row]);
    mb_grid_set_text(grid, row, 1, dialect, table->columns[cell->column]);
    set_seeds(grid, row, 2, value);
    mb_grid_set_text(grid, row, 4, dialect, value->part[0] != '\0' ? value->part : "-");
    set_settings(grid, row, 5, dialect, value, shared);
}

static bool same_inputs(const mb_table *table, int32_t a, int32_t b) {
    return table->cells[a].row == table->cells[b].row &&
           strcmp(table->cells[a].cell->features, table->cells[b].cell->features) == 0;
}

// Prints the features that the label of each row stands for.
static bool print_inputs(const mb_table *table, const mb_dialect *dialect, FILE *out) {
    static const char *const headings[] = {"features", "inputs"};
    mb_grid grid;
    mb_grid_init(&grid, table->cell_count + 1, 2);
    set_headings(&grid, headings, "ll");
    int32_t row = 1;
    for (int32_t i = 0; i < table->cell_count; i++) {
        int32_t earlier = 0;
        while (earlier < i && !same_inputs(table, earlier, i))
            earlier++;
        if (earlier < i)
            continue;
        mb_grid_set_text(&grid, row, 0, dialect, table->rows[table->cells[i].row]);
        mb_grid_set_text(&grid, row++, 1, dialect, table->cells[i].cell->features);
    }
    grid.row_count = grid.failed ? grid.row_count : row;
    return finish(&grid, dialect, out);
}

bool mb_print_details(const mb_table *table, const mb_dialect *dialect, FILE *out) {
    static const char *const headings[] = {"features", "column", "seeds",
                                           "diverged", "part",   "settings"};
    char *shared = find_shared(table);
    if (shared == NULL)
        return false;
    mb_grid grid;
    mb_grid_init(&grid, table->cell_count + 1, 6);
    set_headings(&grid, headings, "llrrll");
    for (int32_t i = 0; i < table->cell_count; i++)
        set_details(table, &table->cells[i], shared, i + 1, dialect, &grid);
    bool done = finish(&grid, dialect, out) && print_shared(shared, dialect, out);
    free(shared);
    if (!done)
        return false;
    fputc('\n', out);
    return print_inputs(table, dialect, out);
}

// ---- every setting of a search ----------------------------------------------------------------

static void set_setting(const mb_table *table, const mb_table_cell *cell,
                        const mb_table_value *value, const char *shared, int32_t row,
                        const mb_dialect *dialect, mb_grid *grid) {
    mb_entry_text text;
    mb_entry_write(table, cell, value, dialect, &text);
    mb_grid_set_text(grid, row, 0, dialect, table->rows[cell->row]);
    mb_grid_set_text(grid, row, 1, dialect, table->columns[cell->column]);
    set_settings(grid, row, 2, dialect, value, shared);
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
    char *shared = find_shared(table);
    if (shared == NULL)
        return false;
    mb_grid grid;
    mb_grid_init(&grid, count + 1, 7);
    set_headings(&grid, headings, "lllrrrr");
    int32_t row = 1;
    for (int32_t i = 0; i < table->cell_count; i++)
        for (int32_t j = 0; j < table->cells[i].value_count; j++)
            set_setting(table, &table->cells[i], &table->cells[i].values[j], shared, row++, dialect,
                        &grid);
    bool done = finish(&grid, dialect, out) && print_shared(shared, dialect, out);
    free(shared);
    return done;
}
