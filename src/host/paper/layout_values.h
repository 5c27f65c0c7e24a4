// The numbers of a table with a layout: ours, the published ones, and what they have in common.
#ifndef MB_PAPER_LAYOUT_VALUES_H
#define MB_PAPER_LAYOUT_VALUES_H

#include "paper/places.h"
#include "paper/published.h"
#include "score/verdict.h"

// A place. Scores are in printed units: WAF in percent.
typedef struct mb_layout_value {
    const mb_table_cell *cell; // NULL: no cell stands here
    mb_mean ours;              // count 0: no number yet; deviation: NaN below two seeds
    bool complete;             // all seeds are there: only then it is ranked and compared
    mb_mean published;         // mean: NaN = none
    int32_t published_row, published_column; // or -1
    mb_comparison comparison;                // where both are there
    int32_t rank;                            // 1 = best of its column and group; 0 = not ranked
} mb_layout_value;

typedef struct mb_layout_values {
    const mb_layout *layout;
    const mb_table *table;
    mb_published published; // without rows: none
    mb_layout_value *list;  // (rows, columns)
} mb_layout_values;

// MB_BAD_INPUT: a line names a row or column that the published
// table has not. Free in any case.
mb_status mb_layout_values_make(const mb_layout *layout, const mb_table *table,
                                mb_layout_values *values, mb_error *error);
void mb_layout_values_free(mb_layout_values *values);

const mb_layout_value *mb_layout_value_at(const mb_layout_values *values, int32_t row,
                                          int32_t column);

#endif
