// Prints the entries of a table, with a row per feature combination and a column per dataset
// and model.
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

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

bool mb_grid_finish(mb_grid *grid, const mb_dialect *dialect, FILE *out) {
    bool done = !grid->failed;
    if (done)
        dialect->print(grid, out);
    mb_grid_free(grid);
    return done;
}

void mb_mean_write(const mb_table_mean *mean, const mb_score_facts *facts,
                   const mb_dialect *dialect, mb_mean_text *text) {
    *text = (mb_mean_text){.mean = ""};
    int digits = facts->factor == 100 ? 2 : 4;
    if (mean->counted > 0)
        snprintf(text->mean, sizeof text->mean, "%.*f", digits, facts->factor * mean->mean);
    else
        snprintf(text->mean, sizeof text->mean, "%s", dialect->nothing);
    if (mean->counted > 1)
        snprintf(text->deviation, sizeof text->deviation, "%.*f", digits,
                 facts->factor * mean->deviation);
}

static bool has_doubt(const mb_ledger_cell *cell) {
    bool doubt = false;
    for (int32_t i = 0; i < cell->choice_count; i++)
        doubt |= cell->choices[i].doubt[0] != '\0';
    return doubt;
}

static void add_remark(char *note, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void add_remark(char *note, size_t size, const char *format, ...) {
    size_t length = strlen(note);
    va_list arguments;
    snprintf(note + length, size - length, "%s", length > 0 ? ", " : " (");
    length = strlen(note);
    va_start(arguments, format);
    vsnprintf(note + length, size - length, format, arguments);
    va_end(arguments);
}

static void add_chosen_folds(const mb_table_value *value, char *note, size_t size) {
    char *folds = mb_fold_list(value->chosen_folds, value->chosen_count);
    if (value->chosen_count == 0)
        add_remark(note, size, "chosen for no fold");
    else
        add_remark(note, size, "chosen for %.60s only", folds != NULL ? folds : "some folds");
    free(folds);
}

void mb_entry_write(const mb_table *table, const mb_table_cell *cell, const mb_table_value *value,
                    const mb_dialect *dialect, mb_entry_text *text) {
    *text = (mb_entry_text){.note = ""};
    mb_table_mean mean = {value->counted, value->mean, value->deviation};
    mb_mean_write(&mean, table->facts, dialect, &text->score);
    size_t size = sizeof text->note - 1; // leaves room for the parenthesis
    if (value->finished < value->asked || value->asked == 0)
        add_remark(text->note, size, "%" PRId32 "/%" PRId32, value->finished, value->asked);
    if (value->diverged > 0)
        add_remark(text->note, size, "%" PRId32 " diverged", value->diverged);
    if (value->broken > 0)
        add_remark(text->note, size, "%" PRId32 " not finite", value->broken);
    if (cell->search_finished < cell->search_asked)
        add_remark(text->note, size, "search %" PRId32 "/%" PRId32, cell->search_finished,
                   cell->search_asked);
    if (value->chosen && (value->final || !cell->split) && has_doubt(cell->cell))
        add_remark(text->note, size, "doubtful choice");
    if (cell->split && !value->final)
        add_chosen_folds(value, text->note, size);
    size_t length = strlen(text->note);
    if (length > 0)
        snprintf(text->note + length, sizeof text->note - length, ")");
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
    bool deviates = text->score.deviation[0] != '\0';
    int fill[4] = {0, 0, 0, 0}; // blanks before the mean, around the deviation, at the end
    if (d->pads) {
        fill[0] = w->mean - mb_text_width(text->score.mean);
        fill[1] = deviates ? w->deviation - mb_text_width(text->score.deviation) : 0;
        fill[2] = deviates || w->deviation == 0 ? 0 : w->deviation + mb_text_width(d->plus_minus);
        fill[3] = w->note - mb_text_width(text->note);
    }
    mb_grid_set(grid, row, column, "%s%*s%s%s%*s%s%*s%s%s%*s", mark[0], fill[0], "",
                text->score.mean, deviates ? d->plus_minus : "", fill[1], "", text->score.deviation,
                fill[2], "", mark[1], text->note, fill[3], "");
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
            w = (widths){wider(w.mean, text.score.mean), wider(w.deviation, text.score.deviation),
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
    return mb_grid_finish(&grid, d, out);
}
