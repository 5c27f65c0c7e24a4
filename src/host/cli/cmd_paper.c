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
#include "cli/paper_costs.h"
#include "cli/run_plan.h"
#include "cli/shared_options.h"
#include "data/mertools_files.h"
#include "paper/layout_print.h"
#include "paper/paper_plan.h"

static const char *const formats[] = {"text", "markdown", "latex", "csv", "json"};
static const char *const protocols[] = {"mertools", "strict"};

static const char usage[] =
    "usage: merbench paper [TABLE [--data DIR] [OPTIONS]]\n\n"
    "Without arguments: lists the tables of the paper (MERBench, Lian et al., 2024). With the\n"
    "number of a table: trains those of its cells whose corpora and features are in DIR, unless\n"
    "they are in the ledger already, and prints the table with the published numbers beside them.\n"
    "Corpora are files *.h5, known by their datasets; features have the names of the toolkit.\n"
    "Table 17, which has costs, is measured on the device; it needs no corpora.";

static const char notes[] = "example: merbench paper 9 --data corpora --results paper.db";

typedef struct paper_options {
    int32_t table;
    int32_t draws, epochs, protocol, format, published;
    bool grid;
    mb_run_options run;
} paper_options;

// ---- the list ---------------------------------------------------------------------------------

static mb_status list_tables(mb_error *error) {
    mb_status status = MB_OK;
    for (int32_t t = 1; t <= MB_PAPER_TABLE_COUNT && status == MB_OK; t++) {
        mb_published published;
        const char *why = "";
        status = mb_published_load(t, &published, error);
        if (status != MB_OK)
            break;
        bool can = mb_paper_is_measured(t) || mb_paper_can(t, &why);
        mb_print_plain("%2d  %s%s%s%s\n", (int)t, published.title, can ? "" : " (not yet: ", why,
                       can ? "" : ")");
        mb_published_free(&published);
    }
    return status;
}

// ---- corpora ----------------------------------------------------------------------------------

typedef struct corpora {
    mb_corpus *corpora;
    mb_paper_corpus *list;
    char **paths;
    int32_t count;
} corpora;

static bool is_corpus_name(const char *name) {
    size_t length = strlen(name);
    return length > 3 && strcmp(name + length - 3, ".h5") == 0;
}

static mb_status add_corpus(const char *folder, const char *name, corpora *found, mb_error *error) {
    mb_corpus *corpus = &found->corpora[found->count];
    char **path = &found->paths[found->count];
    if (asprintf(path, "%s/%s", folder, name) < 0) {
        *path = NULL;
        return mb_out_of_memory(error, name);
    }
    mb_status status = mb_corpus_open(*path, corpus, error);
    for (int32_t c = 0; c < found->count && status == MB_OK; c++)
        if (found->corpora[c].rules == corpus->rules)
            status = mb_fail(error, MB_BAD_INPUT, "%s and %s are both %s; a table has one of each",
                             found->paths[c], *path, corpus->rules->name);
    found->list[found->count] = (mb_paper_corpus){*path, corpus};
    found->count++;
    return status;
}

static mb_status open_corpora(const char *folder, corpora *found, mb_error *error) {
    char **names = NULL;
    int count = 0;
    mb_status status = mb_list_folder(folder, &names, &count, error);
    if (status != MB_OK)
        return status;
    found->corpora = calloc((size_t)count + 1, sizeof *found->corpora);
    found->list = calloc((size_t)count + 1, sizeof *found->list);
    found->paths = calloc((size_t)count + 1, sizeof *found->paths);
    if (found->corpora == NULL || found->list == NULL || found->paths == NULL)
        status = mb_out_of_memory(error, folder);
    for (int i = 0; i < count && status == MB_OK; i++)
        if (is_corpus_name(names[i]))
            status = add_corpus(folder, names[i], found, error);
    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
    if (status == MB_OK && found->count == 0)
        status = mb_fail(error, MB_BAD_INPUT, "%s: expected corpora (*.h5), found none", folder);
    return status;
}

static void close_corpora(corpora *found) {
    for (int32_t c = 0; c < found->count; c++) {
        mb_corpus_close(&found->corpora[c]);
        free(found->paths[c]);
    }
    free(found->corpora);
    free(found->list);
    free(found->paths);
}

// ---- a table ----------------------------------------------------------------------------------

static mb_status print_table(const paper_options *given, const cJSON *document, const char *digest,
                             mb_error *error) {
    char *text = cJSON_Print(document);
    mb_ledger *ledger = NULL;
    mb_layout layout;
    if (text == NULL)
        return mb_out_of_memory(error, "a layout");
    mb_status status = mb_layout_read("layout", text, strlen(text), &layout, error);
    free(text);
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

static mb_status make_table(paper_options *given, const mb_published *published,
                            const mb_paper_features *features, const corpora *found,
                            mb_error *error) {
    const mb_plan_replacement *given_seeds = &given->run.replacement;
    static const uint32_t six[] = {1, 2, 3, 4, 5, 6};
    const mb_paper_request request = {
        .table = given->table,
        .corpora = found->list,
        .corpus_count = found->count,
        .protocol = protocols[given->protocol],
        .epochs = given->epochs,
        .draws = given->grid ? 0 : given->draws,
        .seeds = given_seeds->seed_count > 0 ? given_seeds->seeds : six,
        .seed_count = given_seeds->seed_count > 0 ? given_seeds->seed_count : 6};
    mb_paper_plan made;
    mb_status status = mb_paper_plan_make(&request, published, features, &made, error);
    if (status == MB_OK && made.cells == 0)
        status = mb_fail(error, MB_BAD_INPUT,
                         "Table %d: none of its features is in the corpora of %s; 'merbench info "
                         "CORPUS.h5' lists features",
                         (int)given->table, given->run.data);
    if (status == MB_OK)
        status = train_and_print(given, &made, error);
    mb_paper_plan_free(&made);
    return status;
}

static mb_status run(paper_options *given, mb_error *error) {
    const mb_paper_costs_options measured = {.choice = &given->run.choice,
                                             .format = (mb_table_format)given->format,
                                             .published = (mb_published_form)given->published,
                                             .dry_run = given->run.dry_run};
    if (mb_paper_is_measured(given->table))
        return mb_paper_costs_run(given->table, &measured, error);
    mb_published published = {.table = 0};
    mb_paper_features features = {.count = 0};
    corpora found = {.count = 0};
    mb_status status = mb_published_load(given->table, &published, error);
    if (status == MB_OK)
        status = mb_paper_features_load(&features, error);
    if (status == MB_OK)
        status = open_corpora(given->run.data, &found, error);
    if (status == MB_OK)
        status = make_table(given, &published, &features, &found, error);
    close_corpora(&found);
    mb_paper_features_free(&features);
    mb_published_free(&published);
    return status;
}

// ---- the command line -------------------------------------------------------------------------

static mb_status read_table(const char *text, int32_t *table, mb_error *error) {
    char *end;
    long number = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || number < 1 || number > MB_PAPER_TABLE_COUNT)
        return mb_fail(error, MB_USAGE, "expected the number of a table, 1 to %d, found '%s'",
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
    if (status == MB_OK && given->run.data == NULL && !mb_paper_is_measured(given->table))
        status = mb_fail(error, MB_USAGE, "a table needs --data DIR, where the corpora are");
    return status;
}

mb_status mb_cmd_paper(int argc, char **argv, mb_error *error) {
    paper_options given = {.draws = 50,
                           .epochs = 100,
                           .published = MB_PUBLISHED_BESIDE,
                           .run = {.results = "results.db",
                                   .threads = mb_default_threads(),
                                   .no_table = true,
                                   .replaced = ""}};
    bool help_shown = false;
    mb_status status = parse(argc, argv, &given, &help_shown, error);
    if (status != MB_OK || help_shown)
        return status;
    return given.table == 0 ? list_tables(error) : run(&given, error);
}
