// merbench table: prints the tables of a sweep.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/command_line.h"
#include "base/memory_stream.h"
#include "base/output.h"
#include "cli/cli.h"
#include "cli/ledger_file.h"
#include "merbench/metrics.h"
#include "paper/layout_print.h"
#include "report/table.h"

static const char *const formats[] = {"text", "markdown", "latex", "csv", "json"};
static const char *const phases[] = {"final", "search"};

static const char usage[] =
    "usage: merbench table RESULTS.db [OPTIONS]\n\n"
    "Prints the table of a plan: feature combinations by datasets or, on one dataset, by models,\n"
    "with mean and standard deviation over the seeds; --layout prints other rows and columns.\n"
    "Notes say which runs diverged or had numbers that are not finite, and which choices of a\n"
    "setting are doubtful. A sweep may be running meanwhile.";

static const char notes[] =
    "The best and the second best entry of a column are marked; only entries with all of their\n"
    "seeds are compared. Datasets with several parts (MER2023) get a second table with all parts.\n"
    "csv and json hold the stored numbers (no percent) with 17 digits.\n"
    "example: merbench table results.db --format latex -o table.tex";

typedef struct arguments {
    const char *results, *output, *layout;
    int32_t published; // mb_published_form
    bool force;
    mb_table_options options;
} arguments;

static bool are_same_file(const char *path, const char *other) {
    struct stat a, b;
    return stat(path, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

static mb_status parse(int argc, char **argv, arguments *given, bool *help_shown, mb_error *error) {
    int32_t format = MB_TABLE_TEXT, phase = MB_TABLE_FINAL, deviation = MB_DEVIATION_SAMPLE;
    const mb_command_option options[] = {
        {"format", "FORMAT", "{} (default text)", .letter = 'f', .choice = &format,
         .choices = formats, .choice_count = 5},
        {"plan", "PLAN",
         "name, or at least 6 digits of the digest (default: the plan that ran last)",
         .letter = 'p', .text = &given->options.plan},
        {"metric", "NAME", "{} (default waf)", .letter = 'm', .text = &given->options.metric,
         .choices = mb_score_names, .choice_count = MB_SCORE_COUNT},
        {"phase", "PHASE",
         "final: the final seeds; search: the search seeds of the best setting (default final; "
         "cells without final seeds show search)",
         .choice = &phase, .choices = phases, .choice_count = 2},
        {"deviation", "KIND",
         "sample: of n seeds, with n - 1 below the sum of squares; population: with n (default "
         "sample)",
         .choice = &deviation, .choices = mb_deviation_names, .choice_count = 2},
        {"all-settings", NULL, "every setting of the search, with its selection value",
         .letter = 'a', .given = &given->options.all_settings},
        {"layout", "FILE", "rows, columns, metrics and published numbers (docs/layout-format.md)",
         .letter = 'l', .text = &given->layout},
        {"published", "FORM",
         "{}: with --layout, the paper's numbers, differences and verdicts (default beside)",
         .choice = &given->published, .choices = mb_published_form_names, .choice_count = 3},
        {"output", "FILE", "write to FILE instead of standard output", .letter = 'o',
         .text = &given->output},
        {"force", NULL, "replace FILE if it exists", .given = &given->force},
        {.name = NULL}};
    const mb_command_line line = {.program = "merbench table",
                                  .usage = usage,
                                  .notes = notes,
                                  .options = options,
                                  .operands = {"RESULTS.db"},
                                  .least = 1};
    *given = (arguments){.published = MB_PUBLISHED_BESIDE};
    mb_operands operands;
    mb_status status = mb_command_line_parse(&line, argc, argv, &operands, error);
    *help_shown = operands.help_shown;
    if (status != MB_OK || operands.help_shown)
        return status;
    given->results = operands.items[0];
    given->options.format = (mb_table_format)format;
    given->options.phase = (mb_table_phase)phase;
    given->options.deviation = (mb_table_deviation)deviation;
    if (given->output != NULL && are_same_file(given->results, given->output))
        return mb_fail(error, MB_USAGE, "--output: '%s' is the results file itself", given->output);
    // Wherever standard output goes, a file included, is open already.
    if (given->output != NULL && strcmp(given->output, "/dev/stdout") == 0)
        given->output = NULL;
    return MB_OK;
}

static mb_status print_layout(mb_ledger *ledger, const arguments *given, FILE *out,
                              mb_error *error) {
    const mb_layout_options options = {.table = given->options,
                                       .published = (mb_published_form)given->published};
    mb_layout layout;
    mb_status status = mb_layout_load(given->layout, &layout, error);
    if (status != MB_OK)
        return status;
    status = mb_layout_print(ledger, &layout, &options, out, error);
    mb_layout_free(&layout);
    return status;
}

// Makes the whole table in memory before the first byte is written.
static mb_status print_table(mb_ledger *ledger, const arguments *given, mb_error *error) {
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    if (stream == NULL)
        return mb_out_of_memory(error, "a table");
    mb_status status = given->layout != NULL
                           ? print_layout(ledger, given, stream, error)
                           : mb_table_print(ledger, &given->options, stream, error);
    if (!mb_memory_stream_end(stream, &text) && status == MB_OK)
        status = mb_out_of_memory(error, "a table");
    if (status == MB_OK && given->output != NULL)
        status = mb_write_file(given->output, given->force, text, length, error);
    else if (status == MB_OK)
        fwrite(text, 1, length, stdout); // main checks standard output for errors
    free(text);
    return status;
}

mb_status mb_cmd_table(int argc, char **argv, mb_error *error) {
    arguments given;
    bool help_shown = false;
    mb_status status = parse(argc, argv, &given, &help_shown, error);
    if (status != MB_OK || help_shown)
        return status;
    if (given.output != NULL)
        status = mb_output_check(given.output, given.force, true, error);
    mb_ledger *ledger = NULL;
    if (status == MB_OK)
        status = mb_open_ledger(given.results, MB_LEDGER_READ, &ledger, error);
    if (status == MB_OK)
        status = print_table(ledger, &given, error);
    mb_ledger_close(ledger);
    return status;
}
