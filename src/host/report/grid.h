// A grid of texts that can be printed as aligned text, Markdown or LaTeX. Row 0 holds the headings.
#ifndef MB_REPORT_GRID_H
#define MB_REPORT_GRID_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct mb_grid {
    int32_t row_count, column_count;
    char **texts; // (row_count, column_count); NULL = empty
    bool *right;  // (column_count): whether a column is right-aligned
    bool failed;  // out of memory
} mb_grid;

void mb_grid_init(mb_grid *grid, int32_t row_count, int32_t column_count);
void mb_grid_set(mb_grid *grid, int32_t row, int32_t column, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void mb_grid_free(mb_grid *grid);

// All three print the texts as they are; escape them first with the functions below.
void mb_grid_print_text(const mb_grid *grid, FILE *out);
void mb_grid_print_markdown(const mb_grid *grid, FILE *out);
void mb_grid_print_latex(const mb_grid *grid, FILE *out);

// Return an escaped copy, malloc'ed; NULL when out of memory. What a terminal would obey is escaped
// as by base/plain.h first.
char *mb_text_markdown(const char *text);
char *mb_text_latex(const char *text);
// Prints a field: the same escapes, quotes if RFC 4180 requires them, and an apostrophe before what
// a spreadsheet would execute.
void mb_text_csv(const char *text, FILE *out);

#endif
