// merbench paper: lists the tables of the paper, and makes one from own corpora.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/plain.h"
#include "base/plural.h"
#include "cli/arguments.h"
#include "cli/cli.h"
#include "cli/ledger_file.h"
#include "cli/paper_corpora.h"
#include "cli/paper_costs.h"
#include "cli/run_plan.h"
#include "cli/shared_options.h"
#include "paper/layout_print.h"

static const char *const formats[] = {"text", "markdown", "latex", "csv", "json"};
static const char *const protocols[] = {"mertools", "strict"};

static const char usage[] =
    "usage: merbench paper [TABLE|all] [--data DIR] [OPTIONS]\n\n"
    "Without a table: lists the tables of the paper (MERBench, Lian et al., 2024) and, with DIR, "
    "how\n"
    "many of their cells can be trained with what is there. With the number of a table: trains\n"
    "those cells, unless they are in the ledger already, and prints the table with the published\n"
    "numbers beside them. 'all' makes one table after the other; cells that they share are "
    "trained\n"
    "once. Corpora are files *.h5, known by their datasets; features have the names of the "
    "toolkit.\n"
    "Table 17, which has costs, is measured on the device; it needs no corpora.";

static const char notes[] = "example: merbench paper 9 --data corpora --results paper.db";

enum { ALL_TABLES = -1, DEFAULT_DRAWS = 50 };

typedef struct paper_options {
    int32_t table; // 0: they are listed
    mb_only_datasets only;
    int32_t draws; // 0: not given
    int32_t epochs, protocol, format, published;
    bool grid;
    mb_run_options run;
} paper_options;

// ---- a table ----------------------------------------------------------------------------------

static mb_status print_table(const paper_options *given, const cJSON *document, const char *digest,
                             mb_error *error) {
    mb_ledger *ledger = NULL;
    mb_layout layout;
    mb_status status = mb_layout_make("layout", document, &layout, error);
    if (status != MB_OK)
        return status;
    const mb_layout_options options = {
        .table = {.format = (mb_table_format)given->format, .plan = digest},
        .published = (mb_published_form)given->published};
    status = mb_open_ledger(given->run.results, MB_LEDGER_READ, &ledger, error);
    if (status == MB_OK)
        status = mb_layout_print(ledger, &layout, &options, stdout, error);
    mb_ledger_close(ledger);
    mb_layout_free(&layout);
    return status;
}

static mb_status train_and_print(paper_options *given, const mb_paper_plan *made, mb_error *error) {
    char name[32];
    mb_sweep_plan plan = {0};
    snprintf(name, sizeof name, "Table %d", (int)given->table);
    given->run.plan = name;
    mb_status status = mb_sweep_plan_read(name, made->plan, NULL, &plan, error);
    status = mb_run_plan(&given->run, &plan, status, error);
    if (status == MB_OK && !given->run.dry_run)
        status = print_table(given, made->layout, plan.digest, error);
    mb_sweep_plan_free(&plan);
    return status;
}

static bool can_make(int32_t table) {
    const char *why;
    return mb_paper_is_measured(table) || mb_paper_can(table, &why);
}

// What tables are made from.
typedef struct material {
    mb_paper_features features;
    mb_paper_corpora found;
} material;

static mb_status plan_table(const paper_options *given, const material *from, int32_t table,
                            const mb_published *published, mb_paper_plan *made, mb_error *error) {
    static const uint32_t six[] = {1, 2, 3, 4, 5, 6};
    const mb_plan_replacement *seeds = &given->run.replacement;
    const mb_paper_request request = {.table = table,
                                      .corpora = from->found.list,
                                      .corpus_count = from->found.count,
                                      .protocol = protocols[given->protocol],
                                      .epochs = given->epochs,
                                      .draws = given->grid        ? 0
                                               : given->draws > 0 ? given->draws
                                                                  : DEFAULT_DRAWS,
                                      .seeds = seeds->seed_count > 0 ? seeds->seeds : six,
                                      .seed_count = seeds->seed_count > 0 ? seeds->seed_count : 6};
    return mb_paper_plan_make(&request, published, &from->features, made, error);
}

// A table without any cell is refused, but among others it is only said.
static mb_status make_from_corpora(paper_options *given, const material *from, mb_error *error) {
    mb_published published = {.table = 0};
    mb_paper_plan made = {.cells = 0};
    mb_status status = mb_published_load(given->table, &published, error);
    if (status == MB_OK)
        status = plan_table(given, from, given->table, &published, &made, error);
    if (status == MB_OK && made.cells == 0)
        status = mb_fail(error, MB_BAD_INPUT,
                         "Table %d: none of its features is in the corpora of %s; 'merbench info "
                         "CORPUS.h5' lists features",
                         (int)given->table, given->run.data);
    else if (status == MB_OK)
        status = train_and_print(given, &made, error);
    mb_paper_plan_free(&made);
    mb_published_free(&published);
    return status;
}

static mb_status make_table(paper_options *given, const material *from, mb_error *error) {
    const mb_paper_costs_options measured = {.choice = &given->run.choice,
                                             .format = (mb_table_format)given->format,
                                             .published = (mb_published_form)given->published,
                                             .dry_run = given->run.dry_run};
    if (mb_paper_is_measured(given->table))
        return mb_paper_costs_run(given->table, &measured, error);
    return make_from_corpora(given, from, error);
}

// ---- several tables ---------------------------------------------------------------------------

typedef struct cell_count {
    int32_t there, all;
} cell_count;

static mb_status count_cells(const paper_options *given, const material *from, int32_t table,
                             const mb_published *published, cell_count *count, mb_error *error) {
    mb_paper_plan made;
    mb_status status = plan_table(given, from, table, published, &made, error);
    *count = (cell_count){made.cells, made.places};
    mb_paper_plan_free(&made);
    return status;
}

// "12 of 160 cells", with corpora; else why a table cannot be made.
static mb_status list_table(const paper_options *given, const material *from, int32_t table,
                            mb_error *error) {
    mb_published published;
    const char *why = "";
    char note[128] = "";
    mb_status status = mb_published_load(table, &published, error);
    if (status != MB_OK)
        return status;
    if (!mb_paper_is_measured(table) && !mb_paper_can(table, &why))
        snprintf(note, sizeof note, " (not yet: %s)", why);
    else if (mb_paper_is_measured(table))
        snprintf(note, sizeof note, " (needs no corpora)");
    else if (from->found.count > 0) {
        cell_count cells;
        status = count_cells(given, from, table, &published, &cells, error);
        snprintf(note, sizeof note, " (%d of %d %s)", cells.there, cells.all,
                 mb_plural(cells.all, "cell", "cells"));
    }
    if (status == MB_OK)
        mb_print_plain("%2d  %s%s\n", (int)table, published.title, note);
    mb_published_free(&published);
    return status;
}

static mb_status list_tables(const paper_options *given, const material *from, mb_error *error) {
    mb_status status = MB_OK;
    for (int32_t t = 1; t <= MB_PAPER_TABLE_COUNT && status == MB_OK; t++)
        status = list_table(given, from, t, error);
    return status;
}

// Makes every table of which there is a cell; says which have none.
static mb_status make_all(paper_options *given, const material *from, mb_error *error) {
    mb_status status = MB_OK;
    bool first = true;
    for (int32_t t = 1; t <= MB_PAPER_TABLE_COUNT && status == MB_OK; t++) {
        mb_published published;
        cell_count cells = {0, 0};
        if (!can_make(t))
            continue;
        status = mb_published_load(t, &published, error);
        if (status == MB_OK && !mb_paper_is_measured(t))
            status = count_cells(given, from, t, &published, &cells, error);
        bool any = mb_paper_is_measured(t) || cells.there > 0;
        if (status == MB_OK && !any)
            mb_print_plain_to(stderr, "Table %d: none of its features is in the corpora of %s\n",
                              (int)t, given->run.data);
        mb_published_free(&published);
        given->table = t;
        if (status == MB_OK && any) {
            if (!first)
                putchar('\n');
            first = false;
            status = make_table(given, from, error);
        }
    }
    return status;
}

static mb_status run(paper_options *given, mb_error *error) {
    material from = {.found = {.count = 0}};
    mb_status status = mb_paper_features_load(&from.features, error);
    if (status == MB_OK && given->run.data != NULL)
        status = mb_paper_corpora_open(given->run.data, &given->only, &from.found, error);
    if (status == MB_OK)
        status = given->table == 0            ? list_tables(given, &from, error)
                 : given->table == ALL_TABLES ? make_all(given, &from, error)
                                              : make_table(given, &from, error);
    mb_paper_corpora_free(&from.found);
    mb_paper_features_free(&from.features);
    return status;
}

// ---- the command line -------------------------------------------------------------------------

static mb_status read_table(const char *text, int32_t *table, mb_error *error) {
    char *end;
    long number = strtol(text, &end, 10);
    *table = ALL_TABLES;
    if (strcmp(text, "all") == 0)
        return MB_OK;
    if (*text == '\0' || *end != '\0' || number < 1 || number > MB_PAPER_TABLE_COUNT)
        return mb_fail(error, MB_USAGE,
                       "expected the number of a table, 1 to %d, or 'all', found '%s'",
                       MB_PAPER_TABLE_COUNT, text);
    *table = (int32_t)number;
    return MB_OK;
}

static mb_status parse(int argc, char **argv, paper_options *given, bool *help_shown,
                       mb_error *error) {
    mb_command_option devices[MB_DEVICE_OPTIONS];
    const mb_command_option options[] = {
        {"data", "DIR", "where the corpora are", .text = &given->run.data},
        {"results", "FILE", "the ledger; created if it does not exist (default results.db)",
         .text = &given->run.results},
        {"only", "DATASET,...", "of the corpora, these alone", .read = mb_parse_only,
         .target = &given->only},
        {"draws", "N", "random settings of each search, {} (default 50, as the toolkit)",
         .whole = &given->draws, .least = 1, .most = 10000},
        {"grid", NULL, "all settings instead", .given = &given->grid},
        {"seeds", "S,...", "final seeds (default 1 to 6)", .read = mb_parse_seeds,
         .target = &given->run.replacement},
        {"epochs", "N", "{} (default 100)", .whole = &given->epochs, .least = 1, .most = 100000},
        {"protocol", "NAME", "{} (default mertools)", .choice = &given->protocol,
         .choices = protocols, .choice_count = 2},
        {"published", "FORM", "{}: the paper's numbers, differences, verdicts (default beside)",
         .choice = &given->published, .choices = mb_published_form_names, .choice_count = 3},
        {"format", "FORMAT", "{} (default text)", .letter = 'f', .choice = &given->format,
         .choices = formats, .choice_count = 5},
        {.included = devices},
        mb_threads_option(&given->run.threads, "on cpu, runs that are trained at a time, {}"),
        {"dry-run", NULL, "show the work to be done", .given = &given->run.dry_run},
        mb_quiet_option(&given->run.quiet),
        {.name = NULL}};
    const mb_command_line line = {.program = "merbench paper",
                                  .usage = usage,
                                  .notes = notes,
                                  .options = options,
                                  .operands = {"TABLE"},
                                  .least = 0};
    mb_device_choice_options(&given->run.choice, devices);
    mb_operands operands;
    mb_status status = mb_command_line_parse(&line, argc, argv, &operands, error);
    *help_shown = operands.help_shown;
    if (status == MB_OK)
        status = mb_device_choice_check(&given->run.choice, error);
    if (status != MB_OK || operands.help_shown || operands.count == 0)
        return status;
    status = read_table(operands.items[0], &given->table, error);
    const char *why;
    bool needs = given->table == ALL_TABLES || !mb_paper_is_measured(given->table);
    if (status == MB_OK && given->table != ALL_TABLES && needs && !mb_paper_can(given->table, &why))
        return mb_fail(error, MB_UNSUPPORTED, "Table %d: %s, which is not supported yet",
                       (int)given->table, why);
    if (status == MB_OK && given->grid && given->draws > 0)
        return mb_fail(error, MB_USAGE, "--grid: there are no random settings, so no --draws");
    if (status == MB_OK && given->run.data == NULL && needs)
        status = mb_fail(error, MB_USAGE, "a table needs --data DIR, where the corpora are");
    return status;
}

mb_status mb_cmd_paper(int argc, char **argv, mb_error *error) {
    paper_options given = {.epochs = 100,
                           .published = MB_PUBLISHED_BESIDE,
                           .run = {.results = "results.db",
                                   .threads = mb_default_threads(),
                                   .no_table = true,
                                   .replaced = ""}};
    bool help_shown = false;
    mb_status status = parse(argc, argv, &given, &help_shown, error);
    if (status != MB_OK || help_shown)
        return status;
    return run(&given, error);
}
