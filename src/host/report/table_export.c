// Prints tables for other programs, as CSV and JSON. Numbers are printed as stored (no percent),
// with 17 digits.
#include <inttypes.h>
#include <math.h>

#include "report/grid.h"
#include "report/table_data.h"

static const char *phase_name(const mb_table_value *value) {
    return value->final ? "final" : "search";
}

// ---- CSV --------------------------------------------------------------------------------------

static void csv_text(const char *text, FILE *out) {
    mb_text_csv(text, out);
    fputc(',', out);
}

// A number that is not finite becomes an empty field.
static void csv_number(double value, FILE *out) {
    if (isfinite(value))
        fprintf(out, "%.17g", value);
    fputc(',', out);
}

static void csv_line(const mb_table *table, const mb_table_cell *cell, const mb_table_value *value,
                     FILE *out) {
    csv_text(table->plan->name, out);
    csv_text(table->rows[cell->row], out);
    csv_text(cell->cell->dataset, out);
    csv_text(cell->cell->model, out);
    csv_text(cell->cell->protocol, out);
    csv_text(cell->cell->features, out);
    csv_text(phase_name(value), out);
    csv_text(value->part, out);
    csv_text(mb_score_names[table->metric], out);
    csv_number(value->mean, out);
    csv_number(value->deviation, out);
    csv_number(value->selection, out);
    fprintf(out, "%" PRId32 ",%" PRId32 ",%" PRId32 ",%" PRId32 ",%" PRId32 ",%d,%d,%" PRId32 ",",
            value->asked, value->finished, value->diverged, cell->search_asked,
            cell->search_finished, mb_table_complete(cell, value), value->chosen, value->rank);
    mb_text_csv(value->settings, out);
    fputc('\n', out);
}

void mb_table_print_csv(const mb_table *table, FILE *out) {
    fputs("plan,label,dataset,model,protocol,features,phase,part,metric,mean,std,selection,seeds,"
          "finished,diverged,search_trials,search_finished,complete,chosen,rank,settings\n",
          out);
    for (int32_t i = 0; i < table->cell_count; i++)
        for (int32_t j = 0; j < table->cells[i].value_count; j++)
            csv_line(table, &table->cells[i], &table->cells[i].values[j], out);
}

// ---- JSON -------------------------------------------------------------------------------------

static void json_text(const char *key, const char *text, FILE *out) {
    fprintf(out, "\"%s\": ", key);
    mb_text_json(text, out);
    fputs(", ", out);
}

// JSON has neither infinities nor NaN; they become null.
static void json_number(const char *key, double value, FILE *out) {
    if (isfinite(value))
        fprintf(out, "\"%s\": %.17g, ", key, value);
    else
        fprintf(out, "\"%s\": null, ", key);
}

static void json_value(const mb_table *table, const mb_table_cell *cell,
                       const mb_table_value *value, FILE *out) {
    fputs("    {", out);
    json_text("label", table->rows[cell->row], out);
    json_text("dataset", cell->cell->dataset, out);
    json_text("model", cell->cell->model, out);
    json_text("protocol", cell->cell->protocol, out);
    json_text("features", cell->cell->features, out);
    json_text("phase", phase_name(value), out);
    json_text("part", value->part, out);
    json_number("mean", value->mean, out);
    json_number("std", value->deviation, out);
    json_number("selection", value->selection, out);
    fprintf(out,
            "\"seeds\": %" PRId32 ", \"finished\": %" PRId32 ", \"diverged\": %" PRId32
            ", \"search_trials\": %" PRId32 ", \"search_finished\": %" PRId32
            ", \"complete\": %s, \"chosen\": %s, \"rank\": ",
            value->asked, value->finished, value->diverged, cell->search_asked,
            cell->search_finished, mb_table_complete(cell, value) ? "true" : "false",
            value->chosen ? "true" : "false");
    if (value->rank > 0)
        fprintf(out, "%" PRId32 ", ", value->rank);
    else
        fputs("null, ", out);
    fputs("\"settings\": ", out);
    mb_text_json(value->settings, out);
    fputc('}', out);
}

void mb_table_print_json(const mb_table *table, FILE *out) {
    fputs("{\n  ", out);
    json_text("plan", table->plan->name, out);
    json_text("digest", table->plan->digest, out);
    json_text("metric", mb_score_names[table->metric], out);
    fprintf(out, "\"higher_is_better\": %s,\n  \"entries\": [",
            table->facts->lower_is_better ? "false" : "true");
    const char *comma = "\n";
    for (int32_t i = 0; i < table->cell_count; i++)
        for (int32_t j = 0; j < table->cells[i].value_count; j++) {
            fputs(comma, out);
            json_value(table, &table->cells[i], &table->cells[i].values[j], out);
            comma = ",\n";
        }
    fputs("\n  ]\n}\n", out);
}
