// What the printers of text, Markdown and LaTeX share.
#ifndef MB_REPORT_DIALECT_H
#define MB_REPORT_DIALECT_H

#include "report/grid.h"
#include "report/table_data.h"

// How one format spells what all of them say.
typedef struct mb_dialect {
    char *(*escape)(const char *text);
    void (*print)(const mb_grid *grid, FILE *out);
    const char *plus_minus, *nothing;
    const char *marks[3][2];        // before and after an entry, by rank
    bool pads;                      // whether the numbers of a column stand under each other
    const char *title[2], *line[2]; // before and after
    const char *legend;             // what the marks mean
} mb_dialect;

// One entry, in the units of the table.
typedef struct mb_entry_text {
    char mean[40], deviation[40]; // deviation "" below two seeds
    char note[80];                // " (4/6, 1 diverged)", "" for a complete entry
} mb_entry_text;

void mb_entry_write(const mb_table *table, const mb_table_cell *cell, const mb_table_value *value,
                    const mb_dialect *dialect, mb_entry_text *text);

// An escaped text of the ledger.
void mb_grid_set_text(mb_grid *grid, int32_t row, int32_t column, const mb_dialect *dialect,
                      const char *text);

// The table itself; every cell with its seeds and settings; every setting of the search. False =
// out of memory.
bool mb_print_entries(const mb_table *table, const mb_dialect *dialect, FILE *out);
bool mb_print_details(const mb_table *table, const mb_dialect *dialect, FILE *out);
bool mb_print_settings(const mb_table *table, const mb_dialect *dialect, FILE *out);

#endif
