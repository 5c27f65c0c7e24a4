// Prints the list of plans as JSON.
#include <inttypes.h>

#include "base/json.h"
#include "report/plans_data.h"

static void json_text(const char *key, const char *text, FILE *out) {
    fprintf(out, "\"%s\": ", key);
    mb_json_put_text(text, out);
    fputs(", ", out);
}

static void json_counts(const mb_cell_progress *progress, FILE *out) {
    fprintf(out,
            "\"search_trials\": %" PRId64 ", \"search_finished\": %" PRId64
            ", \"final_trials\": %" PRId64 ", \"final_finished\": %" PRId64,
            progress->search.trials, progress->search.finished, progress->final.trials,
            progress->final.finished);
}

static void json_cell(const mb_ledger_cell *cell, const mb_cell_progress *progress, FILE *out) {
    fputs("      {", out);
    json_text("label", cell->label, out);
    json_text("dataset", cell->dataset, out);
    json_text("model", cell->model, out);
    json_text("protocol", cell->protocol, out);
    json_text("features", cell->features, out);
    fprintf(out, "\"chosen\": %s, ",
            cell->choice_count > 0 || progress->search.trials == 0 ? "true" : "false");
    json_counts(progress, out);
    fputc('}', out);
}

static void json_plan(const mb_plan_progress *progress, bool shown, FILE *out) {
    fputs("    {", out);
    json_text("plan", progress->plan->name, out);
    json_text("digest", progress->plan->digest, out);
    json_text("replaced", progress->replaced, out);
    fputs("\"last_run\": ", out);
    if (progress->last_run[0] != '\0')
        mb_json_put_text(progress->last_run, out);
    else
        fputs("null", out);
    fprintf(out, ", \"shown\": %s, ", shown ? "true" : "false");
    json_counts(&progress->sum, out);
    fputs(", \"cells\": [", out);
    for (int32_t c = 0; c < progress->plan->cell_count; c++) {
        fputs(c > 0 ? ",\n" : "\n", out);
        json_cell(&progress->plan->cells[c], &progress->cells[c], out);
    }
    fputs("]}", out);
}

void mb_plans_print_json(const mb_plan_list *list, FILE *out) {
    fputs("{\n  ", out);
    json_text("results", list->path, out);
    fputs("\"plans\": [", out);
    for (int32_t i = 0; i < list->count; i++) {
        fputs(i > 0 ? ",\n" : "\n", out);
        json_plan(&list->progress[i], i == 0, out);
    }
    fputs("\n  ]\n}\n", out);
}
