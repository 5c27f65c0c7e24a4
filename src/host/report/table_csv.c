// Prints tables as CSV for other programs. Numbers are printed as stored (no percent), with 17
// digits.
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "report/grid.h"
#include "report/table_data.h"

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

// "test1_waf_std"
static void csv_text_of_part(const char *part, int32_t score, const char *suffix, FILE *out) {
    char text[64];
    snprintf(text, sizeof text, "%s_%s%s", part, mb_score_names[score], suffix);
    mb_text_csv(text, out);
}

// Prints and frees a text, if it was made; returns whether it was.
static bool csv_own_text(bool made, char **text, FILE *out) {
    if (made) {
        mb_text_csv(*text, out);
        free(*text);
    }
    return made;
}

// The last columns: runs in which a number was not finite, and the choice. Devices are left out, so
// that tables of different devices can be compared field by field.
static bool csv_remarks(const mb_table *table, const mb_table_cell *cell,
                        const mb_table_value *value, FILE *out) {
    char *text = NULL;
    fprintf(out, ",%s,%" PRId32 ",", mb_deviation_names[table->options.deviation], value->broken);
    bool done = csv_own_text(mb_failures_text(value, false, INT32_MAX, &text), &text, out);
    fputc(',', out);
    done = done && csv_own_text(mb_failures_text(value, true, INT32_MAX, &text), &text, out);
    fputc(',', out);
    done = done && csv_own_text(mb_doubts_text(cell, &text), &text, out);
    fputc(',', out);
    for (int32_t i = 0; i < value->chosen_count; i++)
        fprintf(out, "%s%" PRId32, i > 0 ? " " : "", value->chosen_folds[i]);
    return done;
}

// One line for each value, also where trials have several parts: the others are columns.
static bool csv_line(const mb_table *table, const mb_table_cell *cell, const mb_table_value *value,
                     const mb_part_names *parts, FILE *out) {
    csv_text(table->plan->name, out);
    csv_text(cell->label, out);
    csv_text(cell->cell->dataset, out);
    csv_text(cell->cell->model, out);
    csv_text(cell->cell->protocol, out);
    csv_text(cell->cell->features, out);
    csv_text(value->final ? "final" : "search", out);
    csv_text(value->part, out);
    csv_text(mb_score_names[table->metric], out);
    csv_number(value->mean, out);
    csv_number(value->deviation, out);
    csv_number(value->selection, out);
    fprintf(out, "%" PRId32 ",%" PRId32 ",%" PRId32 ",%" PRId32 ",%" PRId32 ",%d,%d,%" PRId32 ",",
            value->asked, value->finished, value->diverged, cell->search_asked,
            cell->search_finished, mb_table_complete(cell, value), value->chosen, value->rank);
    char *settings = NULL;
    bool done = csv_own_text(mb_settings_of_value_text(value, &settings), &settings, out) &&
                csv_remarks(table, cell, value, out);
    for (int32_t p = 0; p < parts->count; p++)
        for (int32_t s = 0; s < MB_PART_SCORES; s++) {
            mb_table_mean mean = mb_part_mean(value, parts->names[p], mb_part_scores_shown[s]);
            fputc(',', out);
            csv_number(mean.mean, out);
            if (isfinite(mean.deviation))
                fprintf(out, "%.17g", mean.deviation);
        }
    fputc('\n', out);
    return done;
}

bool mb_table_print_csv(const mb_table *table, FILE *out) {
    mb_part_names parts;
    bool done = mb_part_names_make(table, &parts, NULL) == MB_OK;
    fputs("plan,label,dataset,model,protocol,features,phase,part,metric,mean,std,selection,seeds,"
          "finished,diverged,search_trials,search_finished,complete,chosen,rank,settings,deviation,"
          "broken,broken_runs,diverged_runs,doubt,chosen_folds",
          out);
    for (int32_t p = 0; p < parts.count; p++)
        for (int32_t s = 0; s < MB_PART_SCORES; s++) {
            fputc(',', out);
            csv_text_of_part(parts.names[p], mb_part_scores_shown[s], "", out);
            fputc(',', out);
            csv_text_of_part(parts.names[p], mb_part_scores_shown[s], "_std", out);
        }
    fputc('\n', out);
    for (int32_t i = 0; i < table->cell_count; i++)
        for (int32_t j = 0; j < table->cells[i].value_count && done; j++)
            done = csv_line(table, &table->cells[i], &table->cells[i].values[j], &parts, out);
    free(parts.names);
    return done;
}
