#include "paper/layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "merbench/metrics.h"
#include "paper/published.h"

static const mb_json_limits limits = {.bytes = 4 << 20, .values = 200000, .depth = 8};
enum {
    MOST_ROWS = 10000,
    MOST_COLUMNS = 1000,
    MOST_PLACES = 100000,
    MOST_BEST = 100,
    MOST_NOTES = 100
};

typedef struct memory {
    cJSON *document; // has the texts
    char *file;
    int32_t *over;
    size_t used;
} memory;

typedef struct reading {
    mb_layout *layout;
    memory *own;
    mb_error *error;
} reading;

// ---- values that need not be there ------------------------------------------------------------

static mb_status read_text(const reading *r, const mb_json *object, const char *key,
                           const char **text) {
    mb_json at = mb_json_member(object, key);
    return at.value != NULL ? mb_json_text(&at, text, r->error) : MB_OK;
}

static mb_status read_metric(const reading *r, const mb_json *object, int32_t *metric) {
    mb_json at = mb_json_member(object, "metric");
    int choice = *metric;
    mb_status status = MB_OK;
    if (at.value != NULL)
        status = mb_json_choice(&at, mb_score_names, MB_SCORE_COUNT, &choice, r->error);
    *metric = choice;
    return status;
}

static mb_status read_integer(const reading *r, const mb_json *object, const char *key,
                              int64_t most, int32_t *value) {
    mb_json at = mb_json_member(object, key);
    int64_t number = *value;
    mb_status status = MB_OK;
    if (at.value != NULL)
        status = mb_json_integer(&at, 0, most, &number, r->error);
    *value = (int32_t)number;
    return status;
}

// ---- lines ------------------------------------------------------------------------------------

static mb_status read_filter(const reading *r, const mb_json *object, mb_layout_filter *filter) {
    const struct {
        const char *key, **text;
    } texts[] = {{"label", &filter->label},
                 {"dataset", &filter->dataset},
                 {"model", &filter->model},
                 {"protocol", &filter->protocol},
                 {"feature", &filter->feature}};
    mb_status status = MB_OK;
    for (size_t i = 0; i < sizeof texts / sizeof *texts && status == MB_OK; i++)
        status = read_text(r, object, texts[i].key, texts[i].text);
    mb_json features = mb_json_member(object, "features");
    if (status != MB_OK || features.value == NULL)
        return status;
    static const char *const names[] = {"audio", "text", "video", NULL};
    status = mb_json_keys(&features, names, r->error);
    for (int m = 0; m < MB_MODALITY_COUNT && status == MB_OK; m++)
        status = read_text(r, &features, mb_modality_names[m], &filter->features[m]);
    return status;
}

// Reads the heads of the columns that a column is the mean of.
static mb_status read_over(const reading *r, const mb_json *object, mb_layout_line *line) {
    mb_layout *layout = r->layout;
    mb_json list = mb_json_member(object, "over");
    int count = 0;
    mb_status status = MB_OK;
    line->over = r->own->over + r->own->used;
    if (list.value == NULL)
        return MB_OK;
    status = mb_json_count(&list, MOST_COLUMNS, &count, r->error);
    for (mb_json at = mb_json_first(&list); status == MB_OK && at.value != NULL;
         at = mb_json_next(&at)) {
        const char *head = NULL;
        status = mb_json_text(&at, &head, r->error);
        int32_t found = -1;
        for (int32_t c = 0; status == MB_OK && c < layout->column_count; c++)
            if (strcmp(layout->columns[c].head, head) == 0)
                found = c;
        if (status == MB_OK && (found < 0 || layout->columns[found].over_count > 0))
            status = mb_json_refuse(&at, r->error,
                                    "expected the head of a column before this one that is no mean "
                                    "itself, found \"%s\"",
                                    head);
        if (status == MB_OK) {
            r->own->over[r->own->used++] = found;
            line->over_count++;
        }
    }
    return status;
}

static mb_status check_heads(const reading *r, const mb_json *object, const mb_layout_line *lines,
                             int32_t count, const mb_layout_line *line) {
    for (int32_t i = 0; i < count; i++) {
        bool same_group = line->group == NULL || lines[i].group == NULL
                              ? line->group == lines[i].group
                              : strcmp(lines[i].group, line->group) == 0;
        if (same_group && strcmp(lines[i].head, line->head) == 0)
            return mb_json_refuse(object, r->error, "%s has the head \"%s\" already",
                                  lines[i].where, line->head);
    }
    return MB_OK;
}

static mb_status read_line(const reading *r, const mb_json *object, const mb_layout_line *lines,
                           int32_t count, mb_layout_line *line) {
    mb_json head = mb_json_member(object, "head");
    *line = (mb_layout_line){.metric = -1};
    mb_json_path(object, line->where, sizeof line->where);
    mb_status status = mb_json_text(&head, &line->head, r->error);
    if (status == MB_OK)
        status = read_text(r, object, "group", &line->group);
    if (status == MB_OK && line->group == NULL && count > 0)
        line->group = lines[count - 1].group; // that of the line before
    if (status == MB_OK)
        status = read_filter(r, object, &line->filter);
    if (status == MB_OK)
        status = read_text(r, object, "part", &line->part);
    if (status == MB_OK)
        status = read_metric(r, object, &line->metric);
    if (status == MB_OK)
        status = read_text(r, object, "published", &line->published);
    if (status == MB_OK)
        status = check_heads(r, object, lines, count, line);
    return status;
}

#define FILTER_KEYS "label", "dataset", "model", "protocol", "feature", "features"

// A row that begins no group belongs to that of the row before.
static mb_status read_row(const reading *r, const mb_json *object) {
    static const char *const keys[] = {"head",   "group",     FILTER_KEYS, "part",
                                       "metric", "published", NULL};
    mb_layout *layout = r->layout;
    mb_layout_line *line = &layout->rows[layout->row_count];
    mb_status status = mb_json_keys(object, keys, r->error);
    if (status == MB_OK)
        status = read_line(r, object, layout->rows, layout->row_count, line);
    layout->row_count += status == MB_OK;
    return status;
}

static mb_status read_column(const reading *r, const mb_json *object) {
    static const char *const keys[] = {"head",      FILTER_KEYS, "part", "metric",
                                       "published", "over",      NULL};
    mb_layout *layout = r->layout;
    mb_layout_line *line = &layout->columns[layout->column_count];
    mb_status status = mb_json_keys(object, keys, r->error);
    if (status == MB_OK)
        status = read_line(r, object, layout->columns, layout->column_count, line);
    if (status == MB_OK)
        status = read_over(r, object, line);
    layout->column_count += status == MB_OK;
    return status;
}

// ---- the file ---------------------------------------------------------------------------------

static mb_status read_each(const reading *r, const mb_json *list,
                           mb_status (*read)(const reading *, const mb_json *)) {
    mb_status status = MB_OK;
    for (mb_json at = mb_json_first(list); status == MB_OK && at.value != NULL;
         at = mb_json_next(&at))
        status = read(r, &at);
    return status;
}

static size_t count_over(const mb_json *columns) {
    size_t count = 0;
    for (mb_json at = mb_json_first(columns); at.value != NULL; at = mb_json_next(&at)) {
        mb_json over = mb_json_member(&at, "over");
        count += cJSON_IsArray(over.value) ? (size_t)cJSON_GetArraySize(over.value) : 0;
    }
    return count;
}

static mb_status read_lines(const reading *r, const mb_json *root) {
    mb_layout *layout = r->layout;
    mb_json rows = mb_json_member(root, "rows"), columns = mb_json_member(root, "columns");
    int row_count, column_count;
    mb_status status = mb_json_count(&rows, MOST_ROWS, &row_count, r->error);
    if (status == MB_OK)
        status = mb_json_count(&columns, MOST_COLUMNS, &column_count, r->error);
    if (status == MB_OK && (int64_t)row_count * column_count > MOST_PLACES)
        status = mb_json_refuse(root, r->error, "expected at most %d places, found %d x %d",
                                MOST_PLACES, row_count, column_count);
    if (status != MB_OK)
        return status;
    layout->rows = calloc((size_t)row_count, sizeof *layout->rows);
    layout->columns = calloc((size_t)column_count, sizeof *layout->columns);
    r->own->over = calloc(count_over(&columns) + 1, sizeof *r->own->over);
    if (layout->rows == NULL || layout->columns == NULL || r->own->over == NULL)
        return mb_out_of_memory(r->error, "a layout");
    status = read_each(r, &columns, read_column);
    return status == MB_OK ? read_each(r, &rows, read_row) : status;
}

static mb_status read_notes(const reading *r, const mb_json *root) {
    mb_json notes = mb_json_member(root, "notes");
    int count = 0;
    if (notes.value == NULL)
        return MB_OK;
    mb_status status = mb_json_count(&notes, MOST_NOTES, &count, r->error);
    if (status != MB_OK)
        return status;
    r->layout->notes = calloc((size_t)count, sizeof *r->layout->notes);
    if (r->layout->notes == NULL)
        return mb_out_of_memory(r->error, "a layout");
    for (mb_json at = mb_json_first(&notes); at.value != NULL && status == MB_OK;
         at = mb_json_next(&at))
        status = mb_json_text(&at, &r->layout->notes[r->layout->note_count++], r->error);
    return status;
}

static mb_status read_layout(const reading *r, const mb_json *root) {
    static const char *const keys[] = {"title",   "comment", "published", "metric", "best",
                                       "partial", "rows",    "columns",   "notes",  NULL};
    mb_layout *layout = r->layout;
    mb_json partial = mb_json_member(root, "partial");
    mb_status status = mb_json_keys(root, keys, r->error);
    if (status == MB_OK)
        status = read_text(r, root, "title", &layout->title);
    if (status == MB_OK)
        status = read_integer(r, root, "published", MB_PAPER_TABLE_COUNT, &layout->table);
    if (status == MB_OK)
        status = read_metric(r, root, &layout->metric);
    if (status == MB_OK)
        status = read_integer(r, root, "best", MOST_BEST, &layout->best);
    if (status == MB_OK && partial.value != NULL)
        status = mb_json_boolean(&partial, &layout->partial, r->error);
    if (status == MB_OK)
        status = read_notes(r, root);
    return status == MB_OK ? read_lines(r, root) : status;
}

static mb_status begin(const char *file, mb_layout *layout, mb_error *error) {
    memory *own = calloc(1, sizeof *own);
    *layout = (mb_layout){.metric = MB_SCORE_waf, .best = 1, .memory = own};
    if (own == NULL || (own->file = strdup(file)) == NULL) {
        mb_layout_free(layout);
        return mb_out_of_memory(error, file);
    }
    layout->file = own->file;
    return MB_OK;
}

// Reads the document, if that could be parsed.
static mb_status finish(mb_layout *layout, mb_status status, mb_error *error) {
    memory *own = layout->memory;
    reading r = {.layout = layout, .own = own, .error = error};
    if (status == MB_OK) {
        mb_json root = mb_json_root(layout->file, own->document);
        mb_json in_plan = mb_json_member(&root, "layout");
        if (mb_json_member(&root, "cells").value == NULL)
            status = read_layout(&r, &root);
        else if (in_plan.value != NULL)
            status = read_layout(&r, &in_plan);
        else
            status = mb_json_refuse(&root, error, "expected a layout; this is a plan without one");
    }
    if (status != MB_OK)
        mb_layout_free(layout);
    return status;
}

mb_status mb_layout_load(const char *path, mb_layout *layout, mb_error *error) {
    mb_status status = begin(path, layout, error);
    if (status != MB_OK)
        return status;
    memory *own = layout->memory;
    return finish(layout, mb_json_load(path, &limits, &own->document, error), error);
}

mb_status mb_layout_read(const char *file, const char *text, size_t length, mb_layout *layout,
                         mb_error *error) {
    mb_status status = begin(file, layout, error);
    if (status != MB_OK)
        return status;
    memory *own = layout->memory;
    status = mb_json_parse(file, text, length, &limits, &own->document, error);
    return finish(layout, status, error);
}

mb_status mb_layout_make(const char *file, const cJSON *document, mb_layout *layout,
                         mb_error *error) {
    mb_status status = begin(file, layout, error);
    if (status != MB_OK)
        return status;
    memory *own = layout->memory;
    own->document = cJSON_Duplicate(document, true);
    if (own->document == NULL)
        status = mb_out_of_memory(error, file);
    return finish(layout, status, error);
}

void mb_layout_free(mb_layout *layout) {
    memory *own = layout->memory;
    free(layout->rows);
    free(layout->columns);
    free(layout->notes);
    if (own != NULL) {
        cJSON_Delete(own->document);
        free(own->over);
        free(own->file);
    }
    free(own);
    *layout = (mb_layout){.file = NULL};
}
