#include "paper/published.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "paper/embedded.h"

static const mb_json_limits limits = {.bytes = 4 << 20, .values = 200000, .depth = 8};
enum { MOST_COLUMNS = 64, MOST_ROWS = 1024, MOST_NOTES = 64 };

// Everything that belongs to a table, freed together.
typedef struct memory {
    cJSON *document; // has the texts
    mb_published_cell *cells;
    int32_t *indices;
    size_t used, capacity; // of the indices
} memory;

typedef struct reading {
    mb_published *published;
    memory *own;
    mb_error *error;
} reading;

int32_t mb_published_find_row(const mb_published *published, const char *id) {
    for (int32_t r = 0; r < published->row_count; r++)
        if (strcmp(published->rows[r].id, id) == 0)
            return r;
    return -1;
}

int32_t mb_published_find_column(const mb_published *published, const char *id) {
    for (int32_t c = 0; c < published->column_count; c++)
        if (strcmp(published->columns[c].id, id) == 0)
            return c;
    return -1;
}

// ---- lists of ids -----------------------------------------------------------------------------

// Reads a list of ids of rows or columns, if it is there.
static mb_status read_indices(const reading *r, const mb_json *object, const char *key,
                              int32_t (*find)(const mb_published *, const char *),
                              const int32_t **indices, int32_t *count) {
    mb_json list = mb_json_member(object, key);
    mb_status status = MB_OK;
    int listed = 0;
    *count = 0;
    *indices = r->own->indices + r->own->used;
    if (list.value != NULL)
        status = mb_json_count(&list, MOST_ROWS, &listed, r->error);
    for (mb_json at = mb_json_first(&list); listed > 0 && status == MB_OK && at.value != NULL;
         at = mb_json_next(&at)) {
        const char *id = NULL;
        status = mb_json_text(&at, &id, r->error);
        int32_t found = status == MB_OK ? find(r->published, id) : -1;
        if (status == MB_OK && found < 0)
            status = mb_json_refuse(&at, r->error, "the table has no \"%s\"", id);
        if (status == MB_OK) {
            r->own->indices[r->own->used++] = found;
            ++*count;
        }
    }
    return status;
}

// How many strings the lists of this name have, in all objects of a list.
static size_t count_ids(const mb_json *root, const char *key, const char *list_key) {
    size_t count = 0;
    mb_json list = mb_json_member(root, key);
    for (mb_json at = mb_json_first(&list); list.value != NULL && at.value != NULL;
         at = mb_json_next(&at)) {
        mb_json ids = mb_json_member(&at, list_key);
        count += cJSON_IsArray(ids.value) ? (size_t)cJSON_GetArraySize(ids.value) : 0;
    }
    return count;
}

// ---- columns, rows and notes ------------------------------------------------------------------

static mb_status read_names(const reading *r, const mb_json *object, const char **id,
                            const char **printed) {
    mb_json id_at = mb_json_member(object, "id"), printed_at = mb_json_member(object, "printed");
    mb_status status = mb_json_text(&id_at, id, r->error);
    return status == MB_OK ? mb_json_text(&printed_at, printed, r->error) : status;
}

static const char *text_of(const mb_json *object, const char *key) {
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object->value, key));
}

static mb_status read_column(const reading *r, const mb_json *object) {
    mb_published *p = r->published;
    static const char *const choices[] = {"higher", "lower"};
    mb_published_column column = {.id = NULL};
    mb_json better = mb_json_member(object, "better");
    int choice = 0;
    mb_status status = read_names(r, object, &column.id, &column.printed);
    if (status == MB_OK && better.value != NULL)
        status = mb_json_choice(&better, choices, 2, &choice, r->error);
    if (status == MB_OK && mb_published_find_column(p, column.id) >= 0)
        status = mb_json_refuse(object, r->error, "there are two columns \"%s\"", column.id);
    if (status == MB_OK) // of columns before this one
        status = read_indices(r, object, "over", mb_published_find_column, &column.over,
                              &column.over_count);
    column.lower_is_better = choice == 1;
    column.corpus = text_of(object, "corpus");
    column.part = text_of(object, "part");
    column.metric = text_of(object, "metric");
    if (status == MB_OK)
        p->columns[p->column_count++] = column;
    return status;
}

static mb_status read_cell(const reading *r, const mb_json *pair, mb_published_cell *cell) {
    int count = 0;
    mb_status status = mb_json_count(pair, 2, &count, r->error);
    mb_json at = mb_json_first(pair);
    if (status == MB_OK)
        status = mb_json_number(&at, -1e6, 1e6, &cell->mean, r->error);
    if (status == MB_OK && count == 2) {
        at = mb_json_next(&at);
        status = mb_json_number(&at, 0, 1e6, &cell->deviation, r->error);
    }
    return status;
}

static mb_status read_row(const reading *r, const mb_json *object) {
    mb_published *p = r->published;
    mb_published_cell *cells = r->own->cells + (size_t)p->row_count * (size_t)p->column_count;
    mb_published_row row = {.cells = cells, .keys = object->value};
    mb_json values = mb_json_member(object, "values");
    mb_status status = read_names(r, object, &row.id, &row.printed);
    if (status == MB_OK && mb_published_find_row(p, row.id) >= 0)
        status = mb_json_refuse(object, r->error, "there are two rows \"%s\"", row.id);
    for (int32_t c = 0; c < p->column_count; c++)
        cells[c] = (mb_published_cell){NAN, NAN};
    for (mb_json at = mb_json_first(&values);
         values.value != NULL && status == MB_OK && at.value != NULL; at = mb_json_next(&at)) {
        int32_t column = at.key != NULL ? mb_published_find_column(p, at.key) : -1;
        status = column < 0 ? mb_json_refuse(&at, r->error, "the table has no such column")
                            : read_cell(r, &at, &cells[column]);
    }
    if (status == MB_OK)
        p->rows[p->row_count++] = row;
    return status;
}

static mb_status read_note(const reading *r, const mb_json *object) {
    mb_published *p = r->published;
    mb_published_note note = {.text = NULL};
    mb_json text = mb_json_member(object, "text");
    mb_status status = mb_json_text(&text, &note.text, r->error);
    if (status == MB_OK)
        status =
            read_indices(r, object, "rows", mb_published_find_row, &note.rows, &note.row_count);
    if (status == MB_OK)
        status = read_indices(r, object, "columns", mb_published_find_column, &note.columns,
                              &note.column_count);
    if (status == MB_OK)
        p->notes[p->note_count++] = note;
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

// Counts a list, which may be missing or empty.
static mb_status count_list(const mb_json *list, int most, int *count, mb_error *error) {
    *count = 0;
    if (list->value == NULL || (cJSON_IsArray(list->value) && list->value->child == NULL))
        return MB_OK;
    return mb_json_count(list, most, count, error);
}

static mb_status read_head(const reading *r, const mb_json *root, int32_t table) {
    mb_published *p = r->published;
    int64_t number = 0, runs = 0;
    mb_json number_at = mb_json_member(root, "table"), title = mb_json_member(root, "title");
    mb_json source = mb_json_member(root, "source"), runs_at = mb_json_member(root, "runs");
    mb_status status = mb_json_integer(&number_at, table, table, &number, r->error);
    if (status == MB_OK)
        status = mb_json_text(&title, &p->title, r->error);
    if (status == MB_OK)
        status = mb_json_text(&source, &p->source, r->error);
    if (status == MB_OK && runs_at.value != NULL)
        status = mb_json_integer(&runs_at, 1, 1000, &runs, r->error);
    p->table = table;
    p->runs = (int32_t)runs;
    return status;
}

static mb_status read_lists(const reading *r, const mb_json *root) {
    mb_published *p = r->published;
    memory *own = r->own;
    mb_json columns = mb_json_member(root, "columns"), rows = mb_json_member(root, "rows");
    mb_json notes = mb_json_member(root, "notes");
    int column_count, row_count, note_count;
    mb_status status = count_list(&columns, MOST_COLUMNS, &column_count, r->error);
    if (status == MB_OK)
        status = mb_json_count(&rows, MOST_ROWS, &row_count, r->error);
    if (status == MB_OK)
        status = count_list(&notes, MOST_NOTES, &note_count, r->error);
    if (status != MB_OK)
        return status;
    own->capacity = count_ids(root, "columns", "over") + count_ids(root, "notes", "rows") +
                    count_ids(root, "notes", "columns");
    own->indices = calloc(own->capacity + 1, sizeof *own->indices);
    own->cells = calloc((size_t)column_count * (size_t)row_count + 1, sizeof *own->cells);
    p->columns = calloc((size_t)column_count + 1, sizeof *p->columns);
    p->rows = calloc((size_t)row_count + 1, sizeof *p->rows);
    p->notes = calloc((size_t)note_count + 1, sizeof *p->notes);
    if (own->indices == NULL || own->cells == NULL || p->columns == NULL || p->rows == NULL ||
        p->notes == NULL)
        return mb_out_of_memory(r->error, "published numbers");
    if (column_count > 0)
        status = read_each(r, &columns, read_column);
    if (status == MB_OK)
        status = read_each(r, &rows, read_row);
    if (status == MB_OK && note_count > 0)
        status = read_each(r, &notes, read_note);
    return status;
}

mb_status mb_published_read(const char *file, const char *text, size_t length, int32_t table,
                            mb_published *published, mb_error *error) {
    *published = (mb_published){.table = table};
    memory *own = calloc(1, sizeof *own);
    if (own == NULL)
        return mb_out_of_memory(error, "published numbers");
    published->memory = own;
    reading r = {.published = published, .own = own, .error = error};
    mb_status status = mb_json_parse(file, text, length, &limits, &own->document, error);
    if (status == MB_OK) {
        mb_json root = mb_json_root(file, own->document);
        status = read_head(&r, &root, table);
        if (status == MB_OK)
            status = read_lists(&r, &root);
    }
    if (status != MB_OK)
        mb_published_free(published);
    return status;
}

mb_status mb_published_load(int32_t table, mb_published *published, mb_error *error) {
    char name[64];
    const mb_embedded_text *text = &mb_paper_texts[table];
    snprintf(name, sizeof name, "published numbers of Table %d", (int)table);
    return mb_published_read(name, text->text, text->length, table, published, error);
}

void mb_published_free(mb_published *published) {
    memory *own = published->memory;
    if (own == NULL)
        return;
    free(published->columns);
    free(published->rows);
    free(published->notes);
    free(own->indices);
    free(own->cells);
    cJSON_Delete(own->document);
    free(own);
    *published = (mb_published){.table = 0};
}

static bool has(const int32_t *list, int32_t count, int32_t index) {
    bool found = count == 0;
    for (int32_t i = 0; i < count; i++)
        found |= list[i] == index;
    return found;
}

const char *mb_published_note_of(const mb_published *published, int32_t row, int32_t column,
                                 int32_t n) {
    for (int32_t i = 0; i < published->note_count; i++) {
        const mb_published_note *note = &published->notes[i];
        if (has(note->rows, note->row_count, row) &&
            has(note->columns, note->column_count, column) && n-- == 0)
            return note->text;
    }
    return NULL;
}
