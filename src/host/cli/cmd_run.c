// merbench run: trains the trials of a plan.
#include <stdlib.h>

#include "cli/arguments.h"
#include "cli/cli.h"
#include "cli/run_plan.h"
#include "cli/shared_options.h"

static const char usage[] =
    "usage: merbench run PLAN.json [OPTIONS]\n\n"
    "Trains every trial of a plan that is not in the ledger yet, longest first, and prints the\n"
    "table. After Ctrl-C, SIGTERM, kill -9 or a power cut, the same command continues with the\n"
    "missing trials. The results depend neither on the number of threads nor on interruptions.\n"
    "The whole plan is checked before anything is trained. Labels that do not fit their dataset,\n"
    "parts on which scores are not defined, and runs that must break are warnings on stderr.";

static const char notes[] =
    "With --epochs or --seeds the ledger has another plan, whose table says what was replaced.\n"
    "The plan format is described in docs/plan-format.md.\n"
    "example: merbench run configs/quickstart.json --data demo --results demo/results.db";

static mb_status parse(int argc, char **argv, mb_run_options *given, bool *help_shown,
                       mb_error *error) {
    mb_command_option devices[MB_DEVICE_OPTIONS];
    const mb_command_option options[] = {
        {"results", "FILE", "the ledger; created if it does not exist (default results.db)",
         .text = &given->results},
        {"data", "DIR", "where the corpora of the plan are (default: the plan's folder)",
         .text = &given->data},
        {.included = devices},
        mb_threads_option(&given->threads,
                          "on cpu, runs that are trained at a time, {} (default: one per "
                          "processor); if fewer are left, the threads share the work of a run; a "
                          "GPU trains arrays of as many runs as its memory holds"),
        {"epochs", "N", "for a quick try: {} instead of the plan's epochs",
         .whole = &given->replacement.epochs, .least = 1, .most = 100000},
        {"seeds", "S,...",
         "for a quick try: these final seeds instead of the plan's, and only the first seed of the "
         "search (without final seeds: these instead of the search's)",
         .read = mb_parse_seeds, .target = &given->replacement},
        {"dry-run", NULL,
         "show the work to be done, the memory it needs and, unless --quiet, about how "
         "long it takes, which is measured for a second or two; change nothing",
         .given = &given->dry_run},
        mb_quiet_option(&given->quiet),
        {"no-table", NULL, "print no table at the end", .given = &given->no_table},
        {.name = NULL}};
    const mb_command_line line = {.program = "merbench run",
                                  .usage = usage,
                                  .notes = notes,
                                  .options = options,
                                  .operands = {"PLAN.json"},
                                  .least = 1};
    mb_device_choice_options(&given->choice, devices);
    mb_operands operands;
    mb_status status = mb_command_line_parse(&line, argc, argv, &operands, error);
    *help_shown = operands.help_shown;
    if (status == MB_OK)
        status = mb_device_choice_check(&given->choice, error);
    if (status != MB_OK || operands.help_shown)
        return status;
    given->plan = operands.items[0];
    if (given->results[0] == '\0')
        return mb_fail(error, MB_USAGE, "--results: expected a file, found an empty name");
    return MB_OK;
}

static mb_status replace(mb_run_options *options, mb_sweep_plan *plan, char **replaced,
                         mb_error *error) {
    mb_status status = mb_plan_replace(&options->replacement, options->data, plan, error);
    if (status != MB_OK)
        return status;
    *replaced = mb_plan_replaced_text(plan->json);
    options->replaced = *replaced;
    return *replaced != NULL ? MB_OK : mb_out_of_memory(error, "a plan");
}

static mb_status run(mb_run_options *options, mb_error *error) {
    mb_sweep_plan plan = {0};
    char *replaced = NULL;
    mb_status status = mb_sweep_plan_load(options->plan, options->data, &plan, error);
    if (status == MB_OK)
        status = replace(options, &plan, &replaced, error);
    status = mb_run_plan(options, &plan, status, error);
    free(replaced);
    mb_sweep_plan_free(&plan);
    return status;
}

mb_status mb_cmd_run(int argc, char **argv, mb_error *error) {
    mb_run_options options = {
        .results = "results.db", .threads = mb_default_threads(), .replaced = ""};
    bool help_shown = false;
    mb_status status = parse(argc, argv, &options, &help_shown, error);
    return status == MB_OK && !help_shown ? run(&options, error) : status;
}
