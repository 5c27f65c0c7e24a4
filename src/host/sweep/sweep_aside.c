// Runs that do not fit into memory are set aside: the others are trained, and the end of the sweep
// names them. A trial of which a run was set aside has no selection value, so a search with such a
// trial chooses nothing.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/memory_stream.h"
#include "base/plain.h"
#include "base/plural.h"
#include "base/quantity.h"
#include "sweep/sweep_state.h"

enum { MOST_NAMED = 4 }; // settings, and cells

mb_status sweep_set_aside(mb_sweep *sweep, const mb_job *job, mb_error *error) {
    mb_status status =
        sweep_reserve_job(&sweep->aside, sweep->aside_count, &sweep->aside_capacity, error);
    if (status != MB_OK)
        return status;
    sweep->aside[sweep->aside_count++] = *job;
    sweep_trial *trial = &sweep->trials[job->trial];
    trial->runs[job->fold].set_aside = true;
    trial->runs[job->fold].pending = false;
    trial->pending--;
    sweep->totals.runs_aside++;
    sweep->totals.cost_known -= job->cost;
    return trial->pending == 0 ? sweep_want_more(sweep, job->trial, error) : MB_OK;
}

// ---- naming them ------------------------------------------------------------------------------

// Jobs of one setting of a cell.
typedef struct named {
    int32_t cell, setting;
    int64_t runs, memory; // of the run that needs most
} named;

typedef struct names {
    named list[MOST_NAMED];
    int count;
    int64_t runs, others; // all; those of settings that are not in the list
    int64_t largest;      // bytes that a run needs
} names;

static void add_name(const mb_sweep *sweep, const mb_job *job, names *n) {
    const sweep_trial *trial = &sweep->trials[job->trial];
    int i = 0;
    while (i < n->count && (n->list[i].cell != trial->cell || n->list[i].setting != trial->setting))
        i++;
    n->runs++;
    n->largest = job->memory > n->largest ? job->memory : n->largest;
    if (i == MOST_NAMED) {
        n->others++;
        return;
    }
    named *found = &n->list[i];
    if (i == n->count)
        *found = (named){.cell = trial->cell, .setting = trial->setting};
    n->count = i < n->count ? n->count : i + 1;
    found->runs++;
    found->memory = job->memory > found->memory ? job->memory : found->memory;
}

static void print_cell(const mb_sweep_cell *cell, FILE *text) {
    fprintf(text, "%s (%s)", cell->where, cell->model->name);
}

// "\n  cells[1] (tfn), {...}: 2 runs of 4.4 GiB"
static void print_name(const mb_sweep *sweep, const named *name, FILE *text) {
    const mb_sweep_cell *cell = &sweep->plan->cells[name->cell];
    char *setting = mb_setting_json(cell->model, &cell->settings[name->setting]);
    char memory[MB_QUANTITY_TEXT];
    mb_bytes_text((double)name->memory, memory);
    fputs("\n  ", text);
    print_cell(cell, text);
    fprintf(text, ", %s: %lld %s of %s", setting != NULL ? setting : "", (long long)name->runs,
            mb_plural(name->runs, "run", "runs"), memory);
    free(setting);
}

// "3 of 10 runs do not fit into memory, of which 2.0 GiB are available", and which.
static void print_names(const mb_sweep *sweep, const names *n, int64_t memory, FILE *text) {
    mb_sweep_totals totals;
    mb_sweep_get_totals(sweep, &totals);
    fprintf(text, "%lld of %lld %s not fit into memory", (long long)n->runs, (long long)totals.runs,
            n->runs == 1 && totals.runs > 1 ? "runs does"
                                            : mb_plural(n->runs, "run does", "runs do"));
    if (memory > 0 && n->largest > memory) {
        char available[MB_QUANTITY_TEXT];
        mb_bytes_text((double)memory, available);
        fprintf(text, ", of which %s are available%s", available,
                sweep->device_memory ? "" : mb_memory_limit_note());
    }
    for (int i = 0; i < n->count; i++)
        print_name(sweep, &n->list[i], text);
    if (n->others > 0)
        fprintf(text, "\n  and %lld more", (long long)n->others);
}

// "\nwithout them no setting is chosen in cells[1] (tfn), cells[3] (lmf) and 2 more"
static void print_unchosen(const mb_sweep *sweep, const names *n, FILE *text) {
    int count = 0;
    for (int32_t c = 0; c < sweep->plan->cell_count; c++)
        if (!sweep->cells[c].chosen && count++ < MOST_NAMED) {
            if (count == 1)
                fprintf(text, "\nwithout %s no setting is chosen in ",
                        n->runs == 1 ? "it" : "them");
            else
                fputs(", ", text);
            print_cell(&sweep->plan->cells[c], text);
        }
    if (count > MOST_NAMED)
        fprintf(text, " and %d more", count - MOST_NAMED);
}

mb_status mb_sweep_list_too_large(const mb_sweep *sweep, int64_t memory, mb_sweep_warn warn,
                                  void *context, mb_error *error) {
    names n = {.count = 0};
    for (int32_t i = 0; i < sweep->job_count; i++)
        if (sweep->jobs[i].memory > memory)
            add_name(sweep, &sweep->jobs[i], &n);
    if (n.runs == 0)
        return MB_OK;
    char *lines = NULL;
    size_t length;
    FILE *text = open_memstream(&lines, &length);
    if (text == NULL)
        return mb_out_of_memory(error, "warnings");
    mb_print_plain_to(text, "%s: warning: ", sweep->plan->file);
    print_names(sweep, &n, memory, text);
    fprintf(text, "\n  %s will not be trained, all others will", n.runs == 1 ? "it" : "they");
    if (!mb_memory_stream_end(text, &lines))
        return mb_out_of_memory(error, "warnings");
    warn(context, lines);
    free(lines);
    return MB_OK;
}

// Fails with a message of several lines.
static mb_status fail_with(char *lines, mb_error *error) {
    mb_fail(error, MB_FAILED, "%s", strsep(&lines, "\n"));
    for (char *line; (line = strsep(&lines, "\n")) != NULL;)
        mb_fail_more(error, MB_FAILED, "\n%s", line);
    return MB_FAILED;
}

mb_status mb_sweep_check_aside(const mb_sweep *sweep, mb_error *error) {
    names n = {.count = 0};
    char message[sizeof error->message] = "";
    mb_sweep_totals totals;
    if (sweep->aside_count == 0)
        return MB_OK;
    mb_sweep_get_totals(sweep, &totals);
    for (int32_t i = 0; i < sweep->aside_count; i++)
        add_name(sweep, &sweep->aside[i], &n);
    FILE *text = fmemopen(message, sizeof message - 1, "w");
    if (text == NULL)
        return mb_out_of_memory(error, "the list of runs that do not fit");
    print_names(sweep, &n, sweep->memory, text);
    print_unchosen(sweep, &n, text);
    fprintf(text,
            "\n%lld of %lld %s done and recorded; where there is more memory, the same command "
            "goes on from there",
            (long long)totals.runs_done, (long long)totals.runs,
            mb_plural(totals.runs, "run is", "runs are"));
    fclose(text);
    return fail_with(message, error);
}
