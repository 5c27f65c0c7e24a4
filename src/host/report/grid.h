// A grid of texts, printed aligned, as Markdown or as LaTeX. Row 0 holds the headings.
#ifndef MB_REPORT_GRID_H
#define MB_REPORT_GRID_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct mb_grid {
    int32_t row_count, column_count;
    char **texts; // (row_count, column_count), NULL = empty
    bool *right;  // (column_count) whether a column is aligned at the right
    bool failed;  // out of memory
} mb_grid;

void mb_grid_init(mb_grid *grid, int32_t row_count, int32_t column_count);
void mb_grid_set(mb_grid *grid, int32_t row, int32_t column, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void mb_grid_free(mb_grid *grid);

// Texts of a text grid are printed as they are, except for control characters; those of the other
// two are expected to be escaped already.
void mb_grid_print_text(const mb_grid *grid, FILE *out);
void mb_grid_print_markdown(const mb_grid *grid, FILE *out);
void mb_grid_print_latex(const mb_grid *grid, FILE *out);

// Escaped copies, malloc'ed, NULL when out of memory. What base/utf8.h calls control characters
// becomes '?'.
char *mb_text_plain(const char *text);
char *mb_text_markdown(const char *text);
char *mb_text_latex(const char *text);
void mb_text_csv(const char *text, FILE *out);  // quoted where RFC 4180 asks for it
void mb_text_json(const char *text, FILE *out); // with its quotes; control characters by number

#endif
