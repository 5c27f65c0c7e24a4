// Which cell of a plan stands in which place of a layout.
#ifndef MB_PAPER_PLACES_H
#define MB_PAPER_PLACES_H

#include "paper/layout.h"
#include "report/table_data.h"

enum { MB_NO_CELL = -1 };

typedef struct mb_places {
    int32_t row_count, column_count;
    int32_t *cells; // (rows, columns): indices in mb_table.cells; MB_NO_CELL also for means
} mb_places;

// MB_BAD_INPUT: a line asks for something that no cell has (unless the layout is partial), two
// cells fit into one place, or two places show the same number of one cell. After a failure there
// is nothing to free.
mb_status mb_places_find(const mb_layout *layout, const mb_table *table, mb_places *places,
                         mb_error *error);
void mb_places_free(mb_places *places);

// The score that a place shows, and the part of the utterances; NULL: that of tables.
int32_t mb_place_metric(const mb_layout *layout, int32_t row, int32_t column);
const char *mb_place_part(const mb_layout *layout, int32_t row, int32_t column);

#endif
