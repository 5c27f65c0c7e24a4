// Shared by the printers of text, Markdown and LaTeX.
#ifndef MB_REPORT_DIALECT_H
#define MB_REPORT_DIALECT_H

#include "report/grid.h"
#include "report/table_data.h"

// The notation of one format.
typedef struct mb_dialect {
    char *(*escape)(const char *text);
    void (*print)(const mb_grid *grid, FILE *out);
    const char *plus_minus, *nothing; // `nothing` replaces a missing number
    const char *marks[3][2];          // printed before and after an entry, by rank
    bool pads;                        // whether the numbers of a column are aligned with blanks
    const char *title[2], *line[2];   // printed before and after
    const char *legend;               // explains the marks
} mb_dialect;

const mb_dialect *mb_dialect_of(mb_table_format format); // text, Markdown or LaTeX

// A mean as text, in the units of its score.
typedef struct mb_mean_text {
    char mean[40], deviation[40]; // deviation: "" if there are fewer than two seeds
} mb_mean_text;

void mb_mean_write(const mb_table_mean *mean, const mb_score_facts *facts,
                   const mb_dialect *dialect, mb_mean_text *text);

// An entry as text.
typedef struct mb_entry_text {
    mb_mean_text score;
    char note[200]; // " (4/6, 1 diverged)"; "" for an entry that needs none
} mb_entry_text;

void mb_entry_write(const mb_table *table, const mb_table_cell *cell, const mb_table_value *value,
                    const mb_dialect *dialect, mb_entry_text *text);

// Escapes a text from the ledger and sets it.
void mb_grid_set_text(mb_grid *grid, int32_t row, int32_t column, const mb_dialect *dialect,
                      const char *text);

// Prints a grid unless it has failed, and frees it; false when out of memory.
bool mb_grid_finish(mb_grid *grid, const mb_dialect *dialect, FILE *out);

// Prints a line: before, text, after.
void mb_print_line(const char *const around[2], FILE *out, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Print the table itself; the scores on all parts, if there are several; the seeds, settings and
// inputs of every cell; every setting of the search; the notes below. False when out of memory.
bool mb_print_entries(const mb_table *table, const mb_dialect *dialect, FILE *out);
bool mb_print_parts(const mb_table *table, const mb_dialect *dialect, FILE *out);
bool mb_print_details(const mb_table *table, const mb_dialect *dialect, FILE *out);
bool mb_print_settings(const mb_table *table, const mb_dialect *dialect, FILE *out);
bool mb_print_notes(const mb_table *table, const mb_dialect *dialect, FILE *out);

#endif
