// What the rows and columns of a table are: which cell of a plan stands in which place, with which
// metric of which part, beside which published number. A layout is no part of a plan: the same
// results can be shown in several ways. The format is documented in docs/layout-format.md.
#ifndef MB_PAPER_LAYOUT_H
#define MB_PAPER_LAYOUT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "merbench/status.h"
#include "merbench/terms.h"

// What a row or a column asks of a cell; NULL: anything. A place asks what its row and its column
// ask.
typedef struct mb_layout_filter {
    const char *label, *dataset, *model, *protocol;
    const char *feature;                     // a feature of any modality
    const char *features[MB_MODALITY_COUNT]; // of a modality
} mb_layout_filter;

typedef struct mb_layout_line {
    char where[64];           // in the layout, for messages: "rows[2]"
    const char *head, *group; // group: a heading above this row; NULL: the one of the row before
    mb_layout_filter filter;
    const char *part;      // of the utterances; NULL: the one that tables show
    int32_t metric;        // index in scores.def; -1: as the other axis or the layout says
    const char *published; // id of a row or column of the published table, or NULL
    int32_t over_count;    // of columns whose mean this one is; 0 = it is no mean
    const int32_t *over;   // their indices, which are smaller
} mb_layout_line;

typedef struct mb_layout {
    const char *file, *title; // title: NULL = the plan's name
    int32_t table;            // of the paper; 0 = no published numbers
    int32_t metric;           // index in scores.def
    int32_t best;             // so many of the best of a column and a group are marked
    bool partial;             // a line without cells is no mistake
    int32_t row_count, column_count, note_count;
    mb_layout_line *rows, *columns;
    const char **notes; // below the table
    void *memory;       // own
} mb_layout;

// Reads a file: a layout, or a plan that has one. MB_BAD_INPUT: the message has the place. After a
// failure there is nothing to free.
mb_status mb_layout_load(const char *path, mb_layout *layout, mb_error *error);
// The same from a text; messages begin with `file`.
mb_status mb_layout_read(const char *file, const char *text, size_t length, mb_layout *layout,
                         mb_error *error);
// The same from a parsed document, such as the "layout" of a plan.
mb_status mb_layout_make(const char *file, const cJSON *document, mb_layout *layout,
                         mb_error *error);
void mb_layout_free(mb_layout *layout);

#endif
