#include "paper/layout_export.h"

#include <inttypes.h>
#include <math.h>

#include "base/json.h"
#include "report/grid.h"

// What is said of a place: texts, then numbers, which may be NaN.
typedef struct field {
    const char *name;
    const char *text; // NULL: a number
    double number;
} field;
enum { FIELD_COUNT = 19 };

static const char *or_empty(const char *text) {
    return text != NULL ? text : "";
}

static void list_fields(const mb_layout_values *values, int32_t row, int32_t column,
                        field fields[FIELD_COUNT]) {
    const mb_layout *layout = values->layout;
    const mb_layout_value *value = mb_layout_value_at(values, row, column);
    const mb_ledger_cell *cell = value->cell != NULL ? value->cell->cell : NULL;
    const char *part = mb_place_part(layout, row, column);
    int32_t metric = mb_place_metric(layout, row, column);
    double unit = mb_score_table[metric].factor;
    if (part == NULL && cell != NULL)
        part = value->cell->values[0].part;
    const field all[FIELD_COUNT] = {
        {"plan", values->table->plan->name, 0},
        {"row", layout->rows[row].head, 0},
        {"group", or_empty(layout->rows[row].group), 0},
        {"column", layout->columns[column].head, 0},
        {"label", cell != NULL ? cell->label : "", 0},
        {"dataset", cell != NULL ? cell->dataset : "", 0},
        {"model", cell != NULL ? cell->model : "", 0},
        {"protocol", cell != NULL ? cell->protocol : "", 0},
        {"part", or_empty(part), 0},
        {"metric", mb_score_names[metric], 0},
        {"mean", NULL, value->ours.mean / unit},
        {"std", NULL, value->ours.deviation / unit},
        {"seeds", NULL, cell != NULL ? value->ours.count : (double)NAN},
        {"seeds_asked", NULL, cell != NULL ? value->cell->values[0].asked : (double)NAN},
        {"published_mean", NULL, value->published.mean / unit},
        {"published_std", NULL, value->published.deviation / unit},
        {"difference", NULL, value->comparison.difference / unit},
        {"p", NULL,
         value->comparison.verdict != MB_VERDICT_NONE ? value->comparison.p : (double)NAN},
        {"verdict", mb_verdict_names[value->comparison.verdict], 0}};
    for (int i = 0; i < FIELD_COUNT; i++)
        fields[i] = all[i];
}

void mb_layout_print_csv(const mb_layout_values *values, FILE *out) {
    field fields[FIELD_COUNT];
    int32_t columns = values->layout->column_count, count = values->layout->row_count * columns;
    for (int32_t i = 0; i < count; i++) {
        list_fields(values, i / columns, i % columns, fields);
        for (int f = 0; i == 0 && f < FIELD_COUNT; f++)
            fprintf(out, "%s%s", f > 0 ? "," : "", fields[f].name);
        fputs(i == 0 ? "\n" : "", out);
        for (int f = 0; f < FIELD_COUNT; f++) {
            fputs(f > 0 ? "," : "", out);
            if (fields[f].text != NULL)
                mb_text_csv(fields[f].text, out);
            else if (isfinite(fields[f].number))
                fprintf(out, "%.17g", fields[f].number);
        }
        fputc('\n', out);
    }
}

static void json_text(const char *key, const char *text, FILE *out) {
    fprintf(out, "\"%s\": ", key);
    mb_json_put_text(text, out);
}

void mb_layout_print_json(const mb_layout_values *values, FILE *out) {
    const mb_layout *layout = values->layout;
    field fields[FIELD_COUNT];
    int32_t columns = layout->column_count, count = layout->row_count * columns;
    fputs("{", out);
    json_text("title", layout->title != NULL ? layout->title : values->table->plan->name, out);
    fputs(", ", out);
    json_text("plan", values->table->plan->name, out);
    fputs(", ", out);
    json_text("digest", values->table->plan->digest, out);
    fprintf(out, ", \"published_table\": %" PRId32 ", \"places\": [", layout->table);
    for (int32_t i = 0; i < count; i++) {
        list_fields(values, i / columns, i % columns, fields);
        fputs(i > 0 ? ",\n  {" : "\n  {", out);
        for (int f = 1; f < FIELD_COUNT; f++) { // the plan is said above
            fputs(f > 1 ? ", " : "", out);
            if (fields[f].text != NULL)
                json_text(fields[f].name, fields[f].text, out);
            else if (isfinite(fields[f].number))
                fprintf(out, "\"%s\": %.17g", fields[f].name, fields[f].number);
            else
                fprintf(out, "\"%s\": null", fields[f].name);
        }
        fputc('}', out);
    }
    fputs("\n]}\n", out);
}
