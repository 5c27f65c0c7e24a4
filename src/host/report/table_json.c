// Prints tables as JSON for other programs. Numbers are printed as stored (no percent), with 17
// digits.
#include <inttypes.h>
#include <math.h>

#include "base/json.h"
#include "report/grid.h"
#include "report/table_data.h"

static void json_text(const char *key, const char *text, FILE *out) {
    fprintf(out, "\"%s\": ", key);
    mb_json_put_text(text, out);
    fputs(", ", out);
}

// JSON has neither infinities nor NaN; they become null.
static void json_number(const char *key, double value, FILE *out) {
    if (isfinite(value))
        fprintf(out, "\"%s\": %.17g, ", key, value);
    else
        fprintf(out, "\"%s\": null, ", key);
}

// A text, or a list if the folds have different settings.
static void json_settings(const mb_table_value *value, FILE *out) {
    fputs("\"settings\": ", out);
    if (value->setting_count < 2)
        mb_json_put_text(value->setting_count > 0 ? value->settings[0].text : "", out);
    for (int32_t i = 0; value->setting_count > 1 && i < value->setting_count; i++) {
        fprintf(out, "%s{\"fold\": %" PRId32 ", \"settings\": ", i > 0 ? ", " : "[",
                value->settings[i].fold);
        mb_json_put_text(value->settings[i].text, out);
        fputc('}', out);
    }
    fputs(value->setting_count > 1 ? "], " : ", ", out);
}

static void json_choices(const mb_table_cell *cell, bool shown, FILE *out) {
    fputs("\"choices\": [", out);
    for (int32_t i = 0; shown && i < cell->cell->choice_count; i++) {
        const mb_ledger_choice *choice = &cell->cell->choices[i];
        fprintf(out, "%s{\"fold\": %" PRId32 ", ", i > 0 ? ", " : "", choice->fold);
        json_text("setting", cell->choices[i], out);
        json_number("selection", choice->selection, out);
        fputs("\"doubt\": ", out);
        mb_json_put_text(choice->doubt, out);
        fputc('}', out);
    }
    fputs("], ", out);
}

static void json_failures(const char *key, const mb_table_value *value, bool diverged, FILE *out) {
    const char *comma = "";
    fprintf(out, "\"%s\": [", key);
    for (int32_t i = 0; i < value->failure_count; i++) {
        const mb_table_failure *failure = &value->failures[i];
        if (failure->diverged != diverged)
            continue;
        fprintf(out, "%s{", comma);
        json_text("trial", failure->trial, out);
        fprintf(out, "\"seed\": %" PRId64 ", \"fold\": %" PRId32 ", \"epoch\": ", failure->seed,
                failure->fold);
        if (failure->epoch > 0)
            fprintf(out, "%" PRId32 ", \"cause\": ", failure->epoch);
        else
            fputs("null, \"cause\": ", out);
        mb_json_put_text(failure->cause, out);
        fputc('}', out);
        comma = ", ";
    }
    fputs("], ", out);
}

static void json_devices(const mb_table_value *value, FILE *out) {
    fputs("\"devices\": {", out);
    for (int32_t i = 0; i < value->device_count; i++) {
        fputs(i > 0 ? ", " : "", out);
        mb_json_put_text(value->devices[i].text, out);
        fprintf(out, ": %" PRId32, value->devices[i].runs);
    }
    fputs("}, ", out);
}

static void json_parts(const mb_table_value *value, FILE *out) {
    fputs("\"parts\": [", out);
    for (int32_t p = 0; p < value->part_count; p++) {
        fputs(p > 0 ? ", {\"name\": " : "{\"name\": ", out);
        mb_json_put_text(value->parts[p].name, out);
        for (int32_t s = 0; s < MB_SCORE_COUNT; s++) {
            const mb_table_mean *mean = &value->parts[p].scores[s];
            fprintf(out, ", \"%s\": {", mb_score_names[s]);
            json_number("mean", mean->mean, out);
            if (isfinite(mean->deviation))
                fprintf(out, "\"std\": %.17g}", mean->deviation);
            else
                fputs("\"std\": null}", out);
        }
        fputc('}', out);
    }
    fputc(']', out);
}

static void json_value(const mb_table *table, const mb_table_cell *cell,
                       const mb_table_value *value, FILE *out) {
    fputs("    {", out);
    json_text("label", cell->label, out);
    json_text("dataset", cell->cell->dataset, out);
    json_text("model", cell->cell->model, out);
    json_text("protocol", cell->cell->protocol, out);
    json_text("features", cell->cell->features, out);
    json_text("phase", value->final ? "final" : "search", out);
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
    json_settings(value, out);
    fputs("\"chosen_folds\": [", out);
    for (int32_t f = 0; f < value->chosen_count; f++)
        fprintf(out, "%s%" PRId32, f > 0 ? ", " : "", value->chosen_folds[f]);
    fputs("], ", out);
    // Below --all-settings, the choices of a cell are not repeated with every setting.
    json_choices(cell, !table->options.all_settings || value->chosen, out);
    json_failures("broken", value, false, out);
    json_failures("failures", value, true, out);
    json_devices(value, out);
    json_parts(value, out);
    fputc('}', out);
}

void mb_table_print_json(const mb_table *table, FILE *out) {
    fputs("{\n  ", out);
    json_text("plan", table->plan->name, out);
    json_text("digest", table->plan->digest, out);
    json_text("replaced", table->replaced, out);
    json_text("metric", mb_score_names[table->metric], out);
    json_text("deviation", mb_deviation_names[table->options.deviation], out);
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
