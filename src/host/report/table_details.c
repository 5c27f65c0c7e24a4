// Prints the details below a table: the seeds, settings and inputs of every entry, or every setting
// of a search.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/dialect.h"

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

// Narrows *shared down to the words that the settings of a value have, too. *shared is NULL before
// the first settings. False when out of memory.
static bool narrow(const mb_table_value *value, char **shared) {
    for (int32_t i = 0; i < value->setting_count; i++) {
        const char *text = value->settings[i].text;
        char *left = *shared == NULL ? strdup(text) : pick(*shared, text, true);
        free(*shared);
        *shared = left;
        if (left == NULL)
            return false;
    }
    return true;
}

// Whether settings are known at all.
static bool is_known(const mb_table_value *value) {
    return value->setting_count > 0 && value->settings[0].text[0] != '\0';
}

// The settings that all entries have in common, such as "grad_clip=-1", if at least two settings
// are known, of entries or of folds. malloc'ed; NULL when out of memory.
static char *find_shared(const mb_table *table) {
    char *shared = NULL;
    int32_t known = 0;
    for (int32_t i = 0; i < table->cell_count; i++)
        for (int32_t j = 0; j < table->cells[i].value_count; j++) {
            const mb_table_value *value = &table->cells[i].values[j];
            known += is_known(value) ? value->setting_count : 0;
            if (is_known(value) && !narrow(value, &shared))
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

static bool is_repeated(const mb_table_value *value, int32_t setting) {
    for (int32_t i = 0; i < setting; i++)
        if (strcmp(value->settings[i].text, value->settings[setting].text) == 0)
            return true;
    return false;
}

// The number of rows that the settings of a value take: one for each that folds chose.
static int32_t setting_rows(const mb_table_value *value) {
    int32_t rows = 0;
    for (int32_t i = 0; i < value->setting_count; i++)
        rows += !is_repeated(value, i);
    return rows > 0 ? rows : 1;
}

// "folds 0, 1, 3: ", the folds with the same setting. malloc'ed; NULL when out of memory.
static char *folds_with(const mb_table_value *value, int32_t setting) {
    int32_t *folds = calloc((size_t)value->setting_count, sizeof *folds), count = 0;
    for (int32_t i = 0; folds != NULL && i < value->setting_count; i++)
        if (strcmp(value->settings[i].text, value->settings[setting].text) == 0)
            folds[count++] = value->settings[i].fold;
    char *list = folds != NULL ? mb_fold_list(folds, count) : NULL;
    free(folds);
    return list;
}

// Sets the words of a setting that are not in `shared`, and before them the folds that chose it.
static bool set_setting(mb_grid *grid, int32_t row, int32_t column, const mb_dialect *dialect,
                        const mb_table_value *value, int32_t setting, const char *shared) {
    bool by_fold = value->settings[setting].fold != MB_EVERY_FOLD;
    char *words = pick(value->settings[setting].text, shared, false), *line = NULL;
    char *folds = by_fold ? folds_with(value, setting) : strdup("");
    bool done =
        words != NULL && folds != NULL &&
        asprintf(&line, "%s%s%s", folds, by_fold ? ": " : "", words[0] != '\0' ? words : "-") >= 0;
    if (done) {
        mb_grid_set_text(grid, row, column, dialect, line);
        free(line);
    }
    free(words);
    free(folds);
    return done;
}

static void set_settings(mb_grid *grid, int32_t row, int32_t column, const mb_dialect *dialect,
                         const mb_table_value *value, const char *shared) {
    bool done = true;
    if (value->setting_count == 0)
        mb_grid_set(grid, row, column, "-");
    for (int32_t i = 0; i < value->setting_count && done && !grid->failed; i++)
        if (!is_repeated(value, i))
            done = set_setting(grid, row++, column, dialect, value, i, shared);
    grid->failed |= !done;
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
    return mb_grid_finish(&grid, dialect, out);
}

bool mb_print_details(const mb_table *table, const mb_dialect *dialect, FILE *out) {
    static const char *const headings[] = {"features", "column", "seeds",
                                           "diverged", "part",   "settings"};
    char *shared = find_shared(table);
    if (shared == NULL)
        return false;
    mb_grid grid;
    int32_t row = 1;
    for (int32_t i = 0; i < table->cell_count; i++)
        row += setting_rows(&table->cells[i].values[0]);
    mb_grid_init(&grid, row, 6);
    set_headings(&grid, headings, "llrrll");
    row = 1;
    for (int32_t i = 0; i < table->cell_count; i++) {
        set_details(table, &table->cells[i], shared, row, dialect, &grid);
        row += setting_rows(&table->cells[i].values[0]);
    }
    bool done = mb_grid_finish(&grid, dialect, out) && print_shared(shared, dialect, out);
    free(shared);
    if (!done)
        return false;
    fputc('\n', out);
    return print_inputs(table, dialect, out);
}

// ---- every setting of a search ----------------------------------------------------------------

// Columns that only some tables have; 0: not in this one.
typedef struct extra_columns {
    int32_t broken, chosen;
    int32_t count; // of all columns
} extra_columns;

static extra_columns find_extra_columns(const mb_table *table) {
    bool broken = false, split = false;
    for (int32_t i = 0; i < table->cell_count; i++) {
        split |= table->cells[i].split;
        for (int32_t j = 0; j < table->cells[i].value_count; j++)
            broken |= table->cells[i].values[j].broken > 0;
    }
    extra_columns extra = {.count = 7};
    if (broken)
        extra.broken = extra.count++;
    if (split)
        extra.chosen = extra.count++;
    return extra;
}

// "all", "-", or "folds 0, 2".
static void set_chosen_folds(mb_grid *grid, int32_t row, int32_t column, const mb_table_cell *cell,
                             const mb_table_value *value) {
    char *folds = mb_fold_list(value->chosen_folds, value->chosen_count);
    if (folds == NULL)
        grid->failed = true;
    else if (cell->split && value->chosen_count > 0)
        mb_grid_set(grid, row, column, "%s", folds);
    else
        mb_grid_set(grid, row, column, "%s", value->chosen ? "all" : "-");
    free(folds);
}

static void set_searched(const mb_table *table, const mb_table_cell *cell,
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
    mb_grid_set(grid, row, 4, "%s%s%s%s%s", mark[0], text.score.mean,
                text.score.deviation[0] != '\0' ? dialect->plus_minus : "", text.score.deviation,
                mark[1]);
    set_seeds(grid, row, 5, value);
}

bool mb_print_settings(const mb_table *table, const mb_dialect *dialect, FILE *out) {
    extra_columns extra = find_extra_columns(table);
    const char *headings[] = {
        "features",  "column", "settings", "selection",
        "score",     "seeds",  "diverged", extra.broken > 0 ? "not finite" : "chosen for",
        "chosen for"};
    int32_t count = 0;
    for (int32_t i = 0; i < table->cell_count; i++)
        count += table->cells[i].value_count;
    char *shared = find_shared(table);
    if (shared == NULL)
        return false;
    mb_grid grid;
    mb_grid_init(&grid, count + 1, extra.count);
    set_headings(&grid, headings, extra.broken > 0 ? "lllrrrrrl" : "lllrrrrl");
    int32_t row = 1;
    for (int32_t i = 0; i < table->cell_count; i++)
        for (int32_t j = 0; j < table->cells[i].value_count; j++, row++) {
            const mb_table_cell *cell = &table->cells[i];
            set_searched(table, cell, &cell->values[j], shared, row, dialect, &grid);
            if (extra.broken > 0)
                mb_grid_set(&grid, row, extra.broken, "%" PRId32, cell->values[j].broken);
            if (extra.chosen > 0)
                set_chosen_folds(&grid, row, extra.chosen, cell, &cell->values[j]);
        }
    bool done = mb_grid_finish(&grid, dialect, out) && print_shared(shared, dialect, out);
    free(shared);
    return done;
}
