#include "paper/layout_values.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const mb_layout_value *mb_layout_value_at(const mb_layout_values *values, int32_t row,
                                          int32_t column) {
    return &values->list[row * values->layout->column_count + column];
}

// ---- ours -------------------------------------------------------------------------------------

static void set_ours(const mb_layout_values *values, int32_t row, int32_t column,
                     mb_layout_value *value) {
    const mb_table_cell *cell = value->cell;
    const mb_table_value *chosen = &cell->values[0];
    const char *part = mb_place_part(values->layout, row, column);
    int32_t metric = mb_place_metric(values->layout, row, column);
    double factor = mb_score_table[metric].factor;
    mb_table_mean mean = mb_part_mean(chosen, part != NULL ? part : chosen->part, metric);
    value->ours = (mb_mean){factor * mean.mean, factor * mean.deviation, mean.counted};
    value->complete = mean.counted > 0 && mb_table_complete(cell, chosen);
}

// The mean of several columns, if all of them have a number. It has no deviation: the paper gives
// none, and one over corpora would say something else.
static void set_mean(const mb_layout_values *values, int32_t row, int32_t column,
                     mb_layout_value *value) {
    const mb_layout_line *line = &values->layout->columns[column];
    double sum = 0;
    bool all = true;
    value->complete = true;
    for (int32_t i = 0; i < line->over_count; i++) {
        const mb_layout_value *part = mb_layout_value_at(values, row, line->over[i]);
        all = all && part->ours.count > 0;
        value->complete = value->complete && part->complete;
        sum += part->ours.mean;
    }
    value->complete = value->complete && all;
    value->ours = (mb_mean){all ? sum / line->over_count : NAN, NAN, all ? 1 : 0};
}

// ---- published --------------------------------------------------------------------------------

static mb_status find_published(const mb_layout_values *values, const mb_layout_line *line,
                                int32_t (*find)(const mb_published *, const char *), int32_t *index,
                                mb_error *error) {
    *index = line->published != NULL ? find(&values->published, line->published) : -1;
    if (line->published == NULL || *index >= 0)
        return MB_OK;
    return mb_fail(error, MB_BAD_INPUT, "%s: %s.published: Table %d of the paper has no \"%s\"",
                   values->layout->file, line->where, values->published.table, line->published);
}

static mb_status set_published(const mb_layout_values *values, int32_t row, int32_t column,
                               mb_layout_value *value, mb_error *error) {
    const mb_published *published = &values->published;
    value->published = (mb_mean){NAN, NAN, published->runs};
    value->published_row = value->published_column = -1;
    if (published->row_count == 0)
        return MB_OK;
    mb_status status = find_published(values, &values->layout->rows[row], mb_published_find_row,
                                      &value->published_row, error);
    if (status == MB_OK)
        status = find_published(values, &values->layout->columns[column], mb_published_find_column,
                                &value->published_column, error);
    if (status != MB_OK || value->published_row < 0 || value->published_column < 0)
        return status;
    const mb_published_cell *cell =
        &published->rows[value->published_row].cells[value->published_column];
    value->published.mean = cell->mean;
    value->published.deviation = cell->deviation;
    if (value->complete && !isnan(cell->mean))
        value->comparison = mb_compare_published(&value->ours, &value->published, MB_ASSUMED_DDOF,
                                                 MB_VERDICT_MARGIN);
    return MB_OK;
}

// ---- ranks ------------------------------------------------------------------------------------

static bool same_group(const mb_layout *layout, int32_t a, int32_t b) {
    const char *x = layout->rows[a].group, *y = layout->rows[b].group;
    return x == NULL || y == NULL ? x == y : strcmp(x, y) == 0;
}

// The rank of a number in its column and group: one more than there are better ones.
static int32_t rank_of(const mb_layout_values *values, int32_t row, int32_t column) {
    const mb_layout *layout = values->layout;
    const mb_layout_value *own = mb_layout_value_at(values, row, column);
    int32_t metric = mb_place_metric(layout, row, column), rank = 1, others = 0;
    for (int32_t r = 0; r < layout->row_count; r++) {
        const mb_layout_value *other = mb_layout_value_at(values, r, column);
        if (r == row || !same_group(layout, r, row) || !other->complete)
            continue;
        bool better = !mb_score_table[metric].lower_is_better ? other->ours.mean > own->ours.mean
                                                              : other->ours.mean < own->ours.mean;
        rank += better;
        others++;
    }
    return own->complete && others > 0 && rank <= layout->best ? rank : 0;
}

// ---- all --------------------------------------------------------------------------------------

mb_status mb_layout_values_make(const mb_layout *layout, const mb_table *table,
                                mb_layout_values *values, mb_error *error) {
    int32_t columns = layout->column_count, count = layout->row_count * columns;
    mb_places places;
    *values = (mb_layout_values){.layout = layout, .table = table};
    mb_status status = mb_places_find(layout, table, &places, error);
    if (status != MB_OK)
        return status;
    values->list = calloc((size_t)count + 1, sizeof *values->list);
    if (values->list == NULL)
        status = mb_out_of_memory(error, "a table");
    if (status == MB_OK && layout->table > 0)
        status = mb_published_load(layout->table, &values->published, error);
    for (int32_t i = 0; i < count && status == MB_OK; i++) {
        mb_layout_value *value = &values->list[i];
        value->ours = (mb_mean){NAN, NAN, 0};
        value->comparison.verdict = MB_VERDICT_NONE;
        value->comparison.difference = NAN;
        if (places.cells[i] != MB_NO_CELL) {
            value->cell = &table->cells[places.cells[i]];
            set_ours(values, i / columns, i % columns, value);
        } else if (layout->columns[i % columns].over_count > 0) {
            set_mean(values, i / columns, i % columns, value);
        }
        status = set_published(values, i / columns, i % columns, value, error);
    }
    for (int32_t i = 0; i < count && status == MB_OK; i++)
        values->list[i].rank = rank_of(values, i / columns, i % columns);
    mb_places_free(&places);
    return status;
}

void mb_layout_values_free(mb_layout_values *values) {
    free(values->list);
    mb_published_free(&values->published);
    *values = (mb_layout_values){.layout = NULL};
}
