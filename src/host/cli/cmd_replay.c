// merbench replay: trains a recorded trial again and compares the results bit for bit.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory_stream.h"
#include "base/plain.h"
#include "cli/cli.h"
#include "cli/device_choice.h"
#include "cli/ledger_file.h"
#include "cli/shared_options.h"
#include "sweep/replay.h"

typedef struct replay_options {
    const char *results, *key;
    mb_texts data;
    bool list;
    int32_t threads;
    mb_device_choice device;
} replay_options;

static const char usage[] =
    "usage: merbench replay RESULTS.db KEY [--data DIR]... [OPTIONS]\n"
    "       merbench replay RESULTS.db --list\n\n"
    "Trains all folds of the trial with this key again and compares curves, scores and\n"
    "predictions with the recorded ones, bit for bit. KEY may be shortened to a unique beginning\n"
    "of at least 6 digits. Nothing is written. Exit code 0: identical; 3: different, and the\n"
    "first difference is shown.\n\n"
    "Each run is trained on a device like the one that is recorded for it. If there is no such\n"
    "device, both are shown, and the results may differ in rounding. The options select another\n"
    "device.";

static mb_status parse(int argc, char **argv, replay_options *given, bool *help_shown,
                       mb_error *error) {
    mb_command_option devices[MB_DEVICE_OPTIONS];
    const mb_command_option options[] = {
        {"data", "DIR",
         "where to look for the corpus of the trial: a folder with *.h5 files, or a corpus; may be "
         "given several times (default: this folder). The corpus is recognised by its digests, "
         "not by its name.",
         .texts = &given->data},
        mb_threads_option(&given->threads,
                          "on cpu, folds that are trained at a time, {} (default: one per "
                          "processor); if fewer are left, the threads share the work of a fold"),
        {"list", NULL, "list the trials of the plan that ran last, with their keys",
         .given = &given->list},
        {.included = devices},
        {.name = NULL}};
    const mb_command_line line = {.program = "merbench replay",
                                  .usage = usage,
                                  .notes =
                                      "example: merbench replay demo/results.db 3f2a9c --data demo",
                                  .options = options,
                                  .operands = {"RESULTS.db", "KEY"},
                                  .least = 1};
    mb_device_choice_options(&given->device, devices);
    mb_operands operands;
    mb_status status = mb_command_line_parse(&line, argc, argv, &operands, error);
    *help_shown = operands.help_shown;
    if (status == MB_OK)
        status = mb_device_choice_check(&given->device, error);
    if (status != MB_OK || operands.help_shown)
        return status;
    given->results = operands.items[0];
    given->key = operands.count > 1 ? operands.items[1] : NULL;
    if (given->list && given->key != NULL)
        return mb_fail(error, MB_USAGE, "--list: expected no key, found '%s'", given->key);
    if (!given->list && given->key == NULL)
        return mb_fail(error, MB_USAGE, "KEY is missing; 'merbench replay --help' explains");
    if (given->data.count == 0)
        given->data = (mb_texts){1, {"."}};
    return MB_OK;
}

// "{...}", or "fold 0 {...}, fold 1 {...} ..." for a joined trial. malloc'ed; NULL when out
// of memory.
static char *settings_text(const mb_replay_trials *trials, bool joined) {
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    bool done = stream != NULL;
    for (int32_t k = 0; done && k < (joined ? trials->fold_count : 1); k++) {
        char *setting = mb_setting_json(trials->folds[k].model, &trials->folds[k].setting);
        done = setting != NULL;
        if (joined)
            fprintf(stream, "%sfold %d ", k > 0 ? ", " : "", k);
        fputs(done ? setting : "", stream);
        free(setting);
    }
    if (stream != NULL && mb_memory_stream_end(stream, &text) && !done) {
        free(text);
        text = NULL;
    }
    return text;
}

static mb_status list_entry(mb_ledger *ledger, const mb_ledger_entry *entry,
                            const mb_ledger_cell *cell, bool final, mb_error *error) {
    mb_ledger_trial recorded = {.description = NULL};
    mb_replay_trials trials = {0};
    char member[33] = "";
    mb_error why = {.message = ""};
    mb_status status = mb_ledger_get_trial(ledger, entry->key, &recorded, &why);
    if (status == MB_OK)
        status = mb_replay_load(ledger, &recorded, &trials, &why);
    bool known = status != MB_UNSUPPORTED;
    if (known && status != MB_OK)
        *error = why;
    if (!known) { // of an earlier version, whose numbers this one does not give
        mb_print_plain("%s  %-8s %-8s %s, %s, %s, cannot be replayed: %s\n", entry->key,
                       final ? "final" : "search", entry->finished ? "finished" : "missing",
                       cell->label, cell->dataset, cell->model, why.message);
        status = MB_OK;
    } else if (status == MB_OK)
        status = mb_ledger_get_member(ledger, entry->key, 0, member, error);
    bool shown = known && status == MB_OK;
    char *settings = shown ? settings_text(&trials, strcmp(member, entry->key) != 0) : NULL;
    if (shown && settings == NULL)
        status = mb_out_of_memory(error, "a list of trials");
    else if (shown)
        mb_print_plain("%s  %-8s %-8s %s, %s, %s, seed %u, %s\n", entry->key,
                       final ? "final" : "search", entry->finished ? "finished" : "missing",
                       cell->label, cell->dataset, cell->model, trials.folds[0].seed, settings);
    free(settings);
    mb_replay_trials_free(&trials);
    mb_ledger_trial_free(&recorded);
    return status;
}

static mb_status list_entries(mb_ledger *ledger, const mb_ledger_plan *plan,
                              const mb_ledger_cell *cell, bool final, mb_error *error) {
    mb_ledger_entry *entries = NULL;
    int32_t count = 0;
    mb_status status =
        mb_ledger_get_entries(ledger, plan->digest, cell->index, final, &entries, &count, error);
    for (int32_t i = 0; i < count && status == MB_OK; i++)
        status = list_entry(ledger, &entries[i], cell, final, error);
    mb_ledger_entries_free(entries, count);
    return status;
}

// Lists the trials of the plan that ran last.
static mb_status list_trials(mb_ledger *ledger, const char *results, mb_error *error) {
    mb_ledger_plan *plans = NULL;
    int32_t count = 0;
    mb_status status = mb_ledger_get_plans(ledger, &plans, &count, error);
    if (status == MB_OK && count == 0)
        status = mb_fail(error, MB_BAD_INPUT, "%s: no plan has been run yet", results);
    for (int32_t c = 0; status == MB_OK && c < plans[0].cell_count; c++) {
        status = list_entries(ledger, &plans[0], &plans[0].cells[c], false, error);
        if (status == MB_OK)
            status = list_entries(ledger, &plans[0], &plans[0].cells[c], true, error);
    }
    mb_ledger_plans_free(plans, count);
    return status;
}

static mb_status open_device(const void *context, const char *recorded, mb_device **device,
                             mb_error *error) {
    return mb_device_choice_open_like(context, recorded, device, error);
}

static mb_status replay(const replay_options *options, mb_ledger *ledger,
                        const mb_ledger_trial *recorded, mb_error *error) {
    mb_replay_trials trials = {0};
    char *path = NULL;
    mb_status status = mb_replay_load(ledger, recorded, &trials, error);
    const mb_trial *first = trials.folds;
    if (status == MB_OK)
        status =
            mb_replay_find_corpus(first, options->data.items, options->data.count, &path, error);
    if (status == MB_OK) {
        mb_print_plain("trial %s: %s, %s, seed %u, corpus %s\n", recorded->key, first->dataset,
                       first->model->name, first->seed, path);
        mb_replay_options how = {.open = open_device,
                                 .context = &options->device,
                                 .paths = options->data.items,
                                 .path_count = options->data.count,
                                 .threads = options->threads};
        status = mb_replay_trial(ledger, recorded->key, &trials, path, &how, stdout, error);
    }
    free(path);
    mb_replay_trials_free(&trials);
    return status;
}

mb_status mb_cmd_replay(int argc, char **argv, mb_error *error) {
    replay_options options = {.threads = mb_default_threads()};
    bool help_shown = false;
    mb_status status = parse(argc, argv, &options, &help_shown, error);
    if (status != MB_OK || help_shown)
        return status;
    mb_ledger *ledger = NULL;
    mb_ledger_trial trial = {.description = NULL};
    status = mb_open_ledger(options.results, MB_LEDGER_READ, &ledger, error);
    if (status == MB_OK && options.list)
        status = list_trials(ledger, options.results, error);
    else if (status == MB_OK)
        status = mb_ledger_get_trial(ledger, options.key, &trial, error);
    if (status == MB_OK && !options.list)
        status = replay(&options, ledger, &trial, error);
    mb_ledger_trial_free(&trial);
    mb_ledger_close(ledger);
    return status;
}
