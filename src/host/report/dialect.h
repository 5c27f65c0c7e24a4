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

// An entry as text, in the units of the table.
typedef struct mb_entry_text {
    char mean[40], deviation[40]; // deviation: "" if there are fewer than two seeds
    char note[80];                // " (4/6, 1 diverged)"; "" for a complete entry
} mb_entry_text;

void mb_entry_write(const mb_table *table, const mb_table_cell *cell, const mb_table_value *value,
                    const mb_dialect *dialect, mb_entry_text *text);

// Escapes a text from the ledger and sets it.
void mb_grid_set_text(mb_grid *grid, int32_t row, int32_t column, const mb_dialect *dialect,
                      const char *text);

// Print the table itself; the seeds, settings and inputs of every cell; every setting of the
// search. False when out of memory.
bool mb_print_entries(const mb_table *table, const mb_dialect *dialect, FILE *out);
bool mb_print_details(const mb_table *table, const mb_dialect *dialect, FILE *out);
bool mb_print_settings(const mb_table *table, const mb_dialect *dialect, FILE *out);

#endif
