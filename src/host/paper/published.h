// The numbers that the paper prints in a table (configs/paper/published). The program has them
// within.
#ifndef MB_PAPER_PUBLISHED_H
#define MB_PAPER_PUBLISHED_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "merbench/status.h"

enum { MB_PAPER_TABLE_COUNT = 20 };

// Not printed: `mean` is NaN. Printed without a deviation: `deviation` is NaN.
typedef struct mb_published_cell {
    double mean, deviation;
} mb_published_cell;

typedef struct mb_published_column {
    const char *id, *printed;
    const char *corpus, *part, *metric; // NULL where it has none
    bool lower_is_better;
    int32_t over_count;  // of the columns that a mean is taken over; 0 = it is no mean of columns
    const int32_t *over; // their indices
} mb_published_column;

typedef struct mb_published_row {
    const char *id, *printed;
    const mb_published_cell *cells; // (columns)
    const cJSON *keys; // what the row is made of: "feature", "fusion", "feature_set" ...
} mb_published_row;

// Says what is doubtful about numbers.
typedef struct mb_published_note {
    const char *text;
    int32_t row_count, column_count; // 0 = all of them
    const int32_t *rows, *columns;
} mb_published_note;

typedef struct mb_published {
    int32_t table; // its number
    const char *title, *source;
    int32_t runs; // that a mean is taken over; 0 = the numbers are no means over runs
    int32_t column_count, row_count, note_count;
    mb_published_column *columns;
    mb_published_row *rows;
    mb_published_note *notes;
    void *memory; // own
} mb_published;

// The numbers of a table, 1 to 20. After a failure there is nothing to free.
mb_status mb_published_load(int32_t table, mb_published *published, mb_error *error);
// The same from another text. MB_BAD_INPUT: it cannot be used; the message has the place and begins
// with `file`.
mb_status mb_published_read(const char *file, const char *text, size_t length, int32_t table,
                            mb_published *published, mb_error *error);
void mb_published_free(mb_published *published);

// Indices, or -1.
int32_t mb_published_find_row(const mb_published *published, const char *id);
int32_t mb_published_find_column(const mb_published *published, const char *id);

// The n-th note about a cell, or NULL.
const char *mb_published_note_of(const mb_published *published, int32_t row, int32_t column,
                                 int32_t n);

#endif
