#include "cli/run_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/plain.h"
#include "base/plural.h"
#include "base/quantity.h"
#include "cli/ledger_file.h"
#include "cli/run_display.h"
#include "paper/layout_print.h"

// ---- the device -------------------------------------------------------------------------------

static bool trains_arrays(const mb_run_options *options) {
    return !options->backend->shares_host_memory;
}

// Bytes that all runs in flight may use together. On a GPU this is the memory that the features
// leave free. If the features are larger than half of the memory, they are loaded and evicted in
// turn, and the runs get the other half.
static int64_t run_memory(const mb_run_options *options, int64_t features) {
    if (!trains_arrays(options))
        return mb_memory_for_runs();
    int64_t usable = options->device.free_bytes / 10 * 9;
    return usable - (features < usable / 2 ? features : usable / 2);
}

// The same for page-locked memory of the host, which other processes cannot use meanwhile.
static int64_t run_host_memory(const mb_run_options *options) {
    return trains_arrays(options) ? mb_memory_for_runs() / 2 : 0;
}

static mb_status open_device(const void *choice, mb_device **device, mb_error *error) {
    return mb_device_choice_open(choice, device, error);
}

static mb_pool_config pool_config(const mb_run_options *options, const mb_sweep_totals *totals) {
    return (mb_pool_config){.backend = options->backend,
                            .open = open_device,
                            .context = &options->choice,
                            .train = mb_train_runs,
                            .threads = trains_arrays(options) ? 1 : options->threads,
                            .array_size = trains_arrays(options) ? MB_POOL_MOST_RUNS : 1,
                            .memory = run_memory(options, totals->shared_bytes),
                            .host_memory = run_host_memory(options)};
}

static void print_warning(void *context, const char *line) {
    (void)context;
    mb_print_plain_to(stderr, "%s\n", line);
}

static void print_warnings(void *context, const char *lines) {
    (void)context;
    mb_print_lines(stderr, lines);
}

// Only a GPU itself knows what fits into its memory; but no more does than is free.
static mb_status warn_of_size(const mb_run_options *options, const mb_sweep *sweep,
                              mb_error *error) {
    mb_sweep_totals totals;
    mb_sweep_get_totals(sweep, &totals);
    int64_t memory = trains_arrays(options) ? options->device.free_bytes
                                            : run_memory(options, totals.shared_bytes);
    return memory > 0 ? mb_sweep_list_too_large(sweep, memory, print_warnings, NULL, error) : MB_OK;
}

// ---- dry run ----------------------------------------------------------------------------------

static void print_bytes(const char *label, double bytes) {
    char text[MB_QUANTITY_TEXT];
    mb_bytes_text(bytes, text);
    printf("%-22s %s\n", label, text);
}

// The page-locked memory for as many runs as fit into both the host's and the device's memory.
static void print_locked(const mb_run_options *options, const mb_sweep_totals *totals,
                         int64_t limit) {
    int64_t host_limit = run_host_memory(options);
    double share = totals->array_bytes > limit ? (double)limit / (double)totals->array_bytes : 1.0;
    double locked = share * (double)totals->array_host_bytes;
    print_bytes("page-locked memory", locked < (double)host_limit ? locked : (double)host_limit);
    if (share < 1.0 || locked > (double)host_limit)
        printf("(free on the device: %.1f GiB, can be locked on the host: %.1f GiB; the array is "
               "trained in pieces)\n",
               (double)options->device.free_bytes / 1073741824.0,
               (double)host_limit / 1073741824.0);
}

static void print_peak(const mb_run_options *options, const mb_sweep_totals *totals) {
    char label[64];
    mb_print_plain("%-22s %s\n", "device", options->device.text);
    if (trains_arrays(options)) {
        int64_t limit = run_memory(options, totals->shared_bytes);
        print_bytes("memory: largest array", (double)totals->array_bytes);
        print_bytes("peak on the device",
                    (double)totals->shared_bytes +
                        (double)(totals->array_bytes < limit ? totals->array_bytes : limit));
        print_locked(options, totals, limit);
        return;
    }
    snprintf(label, sizeof label, "peak with %d %s", options->threads,
             mb_plural(options->threads, "thread", "threads"));
    // No more runs are in flight than fit.
    double runs = (double)totals->run_bytes * options->threads;
    double limit = (double)run_memory(options, totals->shared_bytes);
    print_bytes(label, (double)totals->shared_bytes + (limit > 0 && limit < runs ? limit : runs));
    puts("(plus about 40 MiB for the program and its libraries)");
}

static void print_totals(const mb_sweep_plan *plan, const mb_run_options *options,
                         const mb_sweep_totals *totals) {
    mb_print_plain("%-22s %s (%s protocol)\n", "plan", plan->name,
                   mb_protocol_names[plan->protocol]);
    if (options->replaced[0] != '\0')
        mb_print_plain("%-22s %s\n", "quick try", options->replaced);
    printf("%-22s %d\n", "cells", totals->cells);
    printf("%-22s %lld\n", "settings", (long long)totals->settings);
    printf("%-22s %lld\n", "trials", (long long)totals->trials);
    printf("%-22s %lld\n", "runs", (long long)totals->runs);
    printf("%-22s %lld\n", "done already", (long long)totals->runs_done);
    printf("%-22s %.4g\n", "multiply-accumulates", totals->cost_known + totals->cost_to_come);
    print_bytes("memory: features", (double)totals->shared_bytes);
    print_bytes("memory: largest run", (double)totals->run_bytes);
    print_peak(options, totals);
}

// Prints how long the training will take, after measuring it.
static mb_status print_time(const mb_run_options *options, mb_sweep *sweep,
                            const mb_sweep_totals *totals, mb_error *error) {
    char duration[MB_QUANTITY_TEXT];
    double seconds = 0;
    mb_pool_config config = pool_config(options, totals);
    fflush(stdout); // measuring takes a moment
    if (options->quiet || totals->runs == totals->runs_done)
        return MB_OK;
    mb_status status =
        trains_arrays(options) ? MB_OK : mb_sweep_estimate(sweep, &config, &seconds, error);
    if (status != MB_OK)
        return status;
    mb_rough_duration_text(seconds < 1 ? 1 : seconds, duration);
    if (seconds > 0)
        printf("%-22s about %s on %d %s (estimate)\n", "time", duration, options->threads,
               mb_plural(options->threads, "thread", "threads"));
    else
        printf("%-22s not estimated%s\n", "time",
               trains_arrays(options) ? " for this device" : ": no run could be measured");
    return MB_OK;
}

static void print_doubt(const mb_sweep_totals *totals) {
    if (totals->runs_to_come > 0)
        printf("\nFinal seeds whose setting is not chosen yet are included in runs,\n"
               "multiply-accumulates and time (estimated by the mean of the search), but not in\n"
               "trials.\n");
}

static mb_status dry_run(const mb_run_options *options, const mb_sweep_plan *plan, mb_sweep *sweep,
                         mb_error *error) {
    mb_ledger *ledger = NULL;
    mb_status status = MB_OK;
    if (access(options->results, F_OK) == 0)
        status = mb_open_ledger(options->results, MB_LEDGER_READ, &ledger, error);
    if (status == MB_OK)
        status = mb_sweep_prepare(sweep, ledger, false, error);
    if (status == MB_OK) {
        mb_sweep_totals totals;
        mb_sweep_get_totals(sweep, &totals);
        print_totals(plan, options, &totals);
        status = print_time(options, sweep, &totals, error);
        print_doubt(&totals);
        if (status == MB_OK)
            status = warn_of_size(options, sweep, error);
    }
    mb_ledger_close(ledger);
    return status;
}

// ---- training ---------------------------------------------------------------------------------

static void print_start(const mb_run_options *options, const mb_sweep_plan *plan,
                        const mb_sweep_totals *totals) {
    char how[64] = "arrays of runs";
    if (!trains_arrays(options))
        snprintf(how, sizeof how, "%d %s", options->threads,
                 mb_plural(options->threads, "thread", "threads"));
    if (options->replaced[0] != '\0')
        mb_print_plain_to(stderr, "%s: quick try, recorded as a plan of its own: %s\n", plan->name,
                          options->replaced);
    mb_print_plain_to(stderr, "%s: %lld %s, %lld done already; %s on %s\n", plan->name,
                      (long long)totals->runs, mb_plural(totals->runs, "run", "runs"),
                      (long long)totals->runs_done, how, options->device.text);
}

// Warns of choices that have no ground.
static void print_doubts(const mb_run_options *options, const mb_sweep *sweep) {
    const char *line = mb_sweep_doubts(sweep);
    while (*line != '\0') {
        size_t length = strcspn(line, "\n");
        mb_print_plain_to(stderr, "%s: %.*s\n", options->plan, (int)length, line);
        line += length + 1;
    }
}

static mb_status train(const mb_run_options *options, const mb_sweep_plan *plan, mb_sweep *sweep,
                       mb_error *error) {
    mb_sweep_totals totals;
    mb_sweep_get_totals(sweep, &totals);
    mb_pool_config config = pool_config(options, &totals);
    mb_run_display display;
    if (!options->quiet)
        print_start(options, plan, &totals);
    mb_run_display_start(&display, &totals, plan->epochs, options->quiet);
    mb_status status = mb_sweep_train(sweep, &config, options->device.text, mb_run_display_update,
                                      &display, error);
    mb_sweep_get_totals(sweep, &totals);
    mb_run_display_finish(&display, &totals);
    if (totals.runs_moved > 0)
        fprintf(stderr,
                "warning: %lld %s trained again, to be scored on other parts, on another device "
                "than before; results may differ in rounding from those that the setting was "
                "chosen by\n",
                (long long)totals.runs_moved, mb_plural(totals.runs_moved, "run was", "runs were"));
    print_doubts(options, sweep);
    return status;
}

static mb_layout_options table_form(const mb_sweep_plan *plan) {
    return (mb_layout_options){
        .table = {.format = MB_TABLE_TEXT, .phase = MB_TABLE_FINAL, .plan = plan->digest},
        .published = MB_PUBLISHED_BESIDE};
}

// Prints the table in the plan's layout, if it has one.
static mb_status print_table(const mb_run_options *options, const mb_sweep_plan *plan,
                             const mb_layout *layout, mb_ledger *ledger, mb_error *error) {
    const mb_layout_options form = table_form(plan);
    if (options->no_table)
        return MB_OK;
    mb_status status = plan->layout != NULL ? mb_layout_print(ledger, layout, &form, stdout, error)
                                            : mb_table_print(ledger, &form.table, stdout, error);
    fflush(stdout); // so that stderr appears after the table; main checks for errors
    return status;
}

static mb_status run_sweep(const mb_run_options *options, const mb_sweep_plan *plan,
                           const mb_layout *layout, mb_sweep *sweep, mb_error *error) {
    const mb_layout_options form = table_form(plan);
    mb_ledger *ledger = NULL;
    mb_status status = mb_open_ledger(options->results, MB_LEDGER_WRITE, &ledger, error);
    if (status != MB_OK)
        return status;
    status = mb_sweep_prepare(sweep, ledger, true, error);
    if (status == MB_OK && plan->layout != NULL) // before anything is trained
        status = mb_layout_check(ledger, layout, &form, error);
    if (status == MB_OK)
        status = warn_of_size(options, sweep, error);
    if (status == MB_OK)
        status = train(options, plan, sweep, error);
    if (status == MB_OK)
        status = print_table(options, plan, layout, ledger, error);
    if (status == MB_OK)
        status = mb_ledger_look(ledger, error);
    if (status == MB_OK)
        status = mb_sweep_check_aside(sweep, error);
    mb_ledger_close(ledger);
    if (status == MB_OK && !options->quiet)
        mb_print_plain_to(stderr, "results: %s\n", options->results);
    return status;
}

// The layout of a plan; one without rows if it has none.
static mb_status read_layout(const mb_run_options *options, const mb_sweep_plan *plan,
                             mb_layout *layout, mb_error *error) {
    char *where = NULL;
    *layout = (mb_layout){.file = NULL};
    if (plan->layout == NULL)
        return MB_OK;
    if (asprintf(&where, "%s: layout", options->plan) < 0)
        return mb_out_of_memory(error, "a layout");
    mb_status status = mb_layout_make(where, plan->layout, layout, error);
    free(where);
    return status;
}

static mb_status train_or_show(const mb_run_options *options, const mb_sweep_plan *plan,
                               mb_sweep *sweep, mb_error *error) {
    mb_layout layout;
    mb_status status = read_layout(options, plan, &layout, error);
    if (status != MB_OK)
        return status;
    status = options->dry_run ? dry_run(options, plan, sweep, error)
                              : run_sweep(options, plan, &layout, sweep, error);
    mb_layout_free(&layout);
    return status;
}

mb_status mb_run_plan(mb_run_options *options, const mb_sweep_plan *plan, mb_status status,
                      mb_error *error) {
    mb_sweep *sweep = NULL;
    mb_error other; // a device that is not there comes first
    mb_status described =
        mb_device_choice_describe(&options->choice, &options->backend, &options->device, &other);
    if (described != MB_OK && error != NULL)
        *error = other;
    if (described != MB_OK)
        return described;
    if (status == MB_OK || plan->findings.count > 0)
        status = mb_sweep_open(plan, &sweep, error);
    if (status == MB_OK)
        status = mb_sweep_list_warnings(sweep, print_warning, NULL, error);
    if (status == MB_OK && trains_arrays(options))
        mb_sweep_use_device_memory(sweep);
    if (status == MB_OK)
        status = train_or_show(options, plan, sweep, error);
    mb_sweep_close(sweep);
    return status;
}
