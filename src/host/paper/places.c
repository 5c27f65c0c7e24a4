#include "paper/places.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

int32_t mb_place_metric(const mb_layout *layout, int32_t row, int32_t column) {
    int32_t own = layout->columns[column].metric, of_row = layout->rows[row].metric;
    return own >= 0 ? own : of_row >= 0 ? of_row : layout->metric;
}

const char *mb_place_part(const mb_layout *layout, int32_t row, int32_t column) {
    const char *own = layout->columns[column].part;
    return own != NULL ? own : layout->rows[row].part;
}

// ---- filters ----------------------------------------------------------------------------------

static bool is(const char *asked, const char *found) {
    return asked == NULL || strcmp(asked, found) == 0;
}

static bool is_key(const char *key, size_t length, const char *name) {
    return strlen(name) == length && memcmp(key, name, length) == 0;
}

// Whether "audio=..., text=..., video=..." has the feature in a modality; NULL: in any.
static bool has_feature(const char *features, const char *modality, const char *name) {
    size_t length = strlen(name);
    for (const char *at = features; *at != '\0';) {
        size_t key = strcspn(at, "=");
        const char *value = at[key] == '=' ? at + key + 1 : at + key;
        size_t end = strcspn(value, ",");
        bool here =
            modality != NULL ? is_key(at, key, modality) : !is_key(at, key, "fusion_modality");
        if (here && end == length && memcmp(value, name, length) == 0)
            return true;
        at = value + end;
        at += strspn(at, ", ");
    }
    return false;
}

static bool fits(const mb_layout_filter *filter, const mb_ledger_cell *cell) {
    bool fit = is(filter->label, cell->label) && is(filter->dataset, cell->dataset) &&
               is(filter->model, cell->model) && is(filter->protocol, cell->protocol) &&
               (filter->feature == NULL || has_feature(cell->features, NULL, filter->feature));
    for (int m = 0; m < MB_MODALITY_COUNT; m++)
        fit = fit && (filter->features[m] == NULL ||
                      has_feature(cell->features, mb_modality_names[m], filter->features[m]));
    return fit;
}

// ---- places -----------------------------------------------------------------------------------

static mb_status find_cell(const mb_layout *layout, const mb_table *table, int32_t row,
                           int32_t column, int32_t *cell, mb_error *error) {
    const mb_layout_line *r = &layout->rows[row], *c = &layout->columns[column];
    *cell = MB_NO_CELL;
    for (int32_t i = 0; i < table->cell_count; i++) {
        const mb_ledger_cell *candidate = table->cells[i].cell;
        if (!fits(&r->filter, candidate) || !fits(&c->filter, candidate))
            continue;
        if (*cell != MB_NO_CELL)
            return mb_fail(error, MB_BAD_INPUT,
                           "%s: %s and %s: expected one cell of the plan, found cells %" PRId32
                           " and %" PRId32 "; name more of what they differ in",
                           layout->file, r->where, c->where, table->cells[*cell].cell->index,
                           candidate->index);
        *cell = i;
    }
    return MB_OK;
}

static bool same(const char *a, const char *b) {
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

// Refuses two places that show the same number.
static mb_status check_claims(const mb_layout *layout, const mb_places *places, mb_error *error) {
    int32_t columns = layout->column_count, count = layout->row_count * columns;
    for (int32_t i = 0; i < count; i++)
        for (int32_t j = 0; j < i && places->cells[i] != MB_NO_CELL; j++) {
            int32_t r = i / columns, c = i % columns, q = j / columns, d = j % columns;
            if (places->cells[i] == places->cells[j] &&
                mb_place_metric(layout, r, c) == mb_place_metric(layout, q, d) &&
                same(mb_place_part(layout, r, c), mb_place_part(layout, q, d)))
                return mb_fail(error, MB_BAD_INPUT,
                               "%s: the same number would stand in %s, %s and in %s, %s",
                               layout->file, layout->rows[q].where, layout->columns[d].where,
                               layout->rows[r].where, layout->columns[c].where);
        }
    return MB_OK;
}

// Refuses a line that no cell of the plan fits.
static mb_status check_line(const mb_layout *layout, const mb_table *table,
                            const mb_layout_line *line, mb_error *error) {
    bool any = line->over_count > 0 || layout->partial;
    for (int32_t i = 0; i < table->cell_count && !any; i++)
        any = fits(&line->filter, table->cells[i].cell);
    return any ? MB_OK
               : mb_fail(error, MB_BAD_INPUT,
                         "%s: %s (\"%s\"): no cell of the plan '%s' is what it asks for",
                         layout->file, line->where, line->head, table->plan->name);
}

mb_status mb_places_find(const mb_layout *layout, const mb_table *table, mb_places *places,
                         mb_error *error) {
    int32_t rows = layout->row_count, columns = layout->column_count;
    *places = (mb_places){.row_count = rows, .column_count = columns};
    places->cells = calloc((size_t)rows * (size_t)columns + 1, sizeof *places->cells);
    if (places->cells == NULL)
        return mb_out_of_memory(error, "places of a table");
    mb_status status = MB_OK;
    for (int32_t r = 0; r < rows && status == MB_OK; r++)
        status = check_line(layout, table, &layout->rows[r], error);
    for (int32_t c = 0; c < columns && status == MB_OK; c++)
        status = check_line(layout, table, &layout->columns[c], error);
    for (int32_t i = 0; i < rows * columns && status == MB_OK; i++) {
        places->cells[i] = MB_NO_CELL;
        if (layout->columns[i % columns].over_count == 0)
            status = find_cell(layout, table, i / columns, i % columns, &places->cells[i], error);
    }
    if (status == MB_OK)
        status = check_claims(layout, places, error);
    if (status != MB_OK)
        mb_places_free(places);
    return status;
}

void mb_places_free(mb_places *places) {
    free(places->cells);
    *places = (mb_places){.row_count = 0};
}
