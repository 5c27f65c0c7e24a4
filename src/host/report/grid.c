#include "report/grid.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

void mb_grid_init(mb_grid *grid, int32_t row_count, int32_t column_count) {
    *grid = (mb_grid){.row_count = row_count,
                      .column_count = column_count,
                      .texts =
                          calloc((size_t)row_count * (size_t)column_count + 1, sizeof *grid->texts),
                      .right = calloc((size_t)column_count + 1, sizeof *grid->right)};
    grid->failed = grid->texts == NULL || grid->right == NULL;
}

void mb_grid_free(mb_grid *grid) {
    for (int32_t i = 0; grid->texts != NULL && i < grid->row_count * grid->column_count; i++)
        free(grid->texts[i]);
    free(grid->texts);
    free(grid->right);
    *grid = (mb_grid){0};
}

static char **slot_at(const mb_grid *grid, int32_t row, int32_t column) {
    return &grid->texts[(size_t)row * (size_t)grid->column_count + (size_t)column];
}

void mb_grid_set(mb_grid *grid, int32_t row, int32_t column, const char *format, ...) {
    if (grid->failed)
        return;
    char **text = slot_at(grid, row, column);
    free(*text);
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(text, format, arguments) < 0) {
        *text = NULL;
        grid->failed = true;
    }
    va_end(arguments);
}

static const char *text_at(const mb_grid *grid, int32_t row, int32_t column) {
    const char *text = *slot_at(grid, row, column);
    return text != NULL ? text : "";
}

static int32_t column_width(const mb_grid *grid, int32_t column) {
    int32_t widest = 0;
    for (int32_t row = 0; row < grid->row_count; row++) {
        int32_t width = mb_text_width(text_at(grid, row, column));
        widest = width > widest ? width : widest;
    }
    return widest;
}

static void repeat(const char *text, int32_t count, FILE *out) {
    for (int32_t i = 0; i < count; i++)
        fputs(text, out);
}

// Prints a text padded to `width`. The last text of a line has no trailing blanks.
static void print_padded(const char *text, int32_t width, bool right, bool last, FILE *out) {
    int32_t missing = width - mb_text_width(text);
    repeat(" ", right ? missing : 0, out);
    size_t length = strlen(text);
    while (last && length > 0 && text[length - 1] == ' ')
        length--;
    fwrite(text, 1, length, out);
    repeat(" ", right || last ? 0 : missing, out);
}

void mb_grid_print_text(const mb_grid *grid, FILE *out) {
    int32_t total = 0;
    for (int32_t column = 0; column < grid->column_count; column++)
        total += column_width(grid, column) + (column > 0 ? 3 : 0);
    for (int32_t row = 0; row < grid->row_count; row++) {
        int32_t last = grid->column_count - 1;
        while (last > 0 && text_at(grid, row, last)[0] == '\0')
            last--;
        for (int32_t column = 0; column <= last; column++) {
            fputs(column > 0 ? "   " : "", out);
            print_padded(text_at(grid, row, column), column_width(grid, column),
                         grid->right[column], column == last, out);
        }
        fputc('\n', out);
        if (row == 0) {
            repeat("-", total, out);
            fputc('\n', out);
        }
    }
}

void mb_grid_print_markdown(const mb_grid *grid, FILE *out) {
    for (int32_t row = 0; row < grid->row_count; row++) {
        for (int32_t column = 0; column < grid->column_count; column++) {
            fputs("| ", out);
            print_padded(text_at(grid, row, column), column_width(grid, column),
                         grid->right[column], false, out);
            fputc(' ', out);
        }
        fputs("|\n", out);
        for (int32_t column = 0; row == 0 && column < grid->column_count; column++) {
            fputs(grid->right[column] ? "|-" : "|:", out);
            repeat("-", column_width(grid, column), out);
            fputc(grid->right[column] ? ':' : '-', out);
        }
        fputs(row == 0 ? "|\n" : "", out);
    }
}

void mb_grid_print_latex(const mb_grid *grid, FILE *out) {
    fputs("\\begin{tabular}{", out);
    for (int32_t column = 0; column < grid->column_count; column++)
        fputc(grid->right[column] ? 'r' : 'l', out);
    fputs("}\n\\toprule\n", out);
    for (int32_t row = 0; row < grid->row_count; row++) {
        for (int32_t column = 0; column < grid->column_count; column++) {
            fputs(column > 0 ? " & " : "", out);
            print_padded(text_at(grid, row, column), column_width(grid, column),
                         grid->right[column], false, out);
        }
        fputs(row == 0 ? " \\\\\n\\midrule\n" : " \\\\\n", out);
    }
    fputs("\\bottomrule\n\\end{tabular}\n", out);
}
