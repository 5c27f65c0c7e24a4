// merbench table: prints the tables of a sweep.
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/output.h"
#include "base/suggest.h"
#include "cli/cli.h"
#include "merbench/metrics.h"
#include "report/table.h"

static const char *const formats[] = {"text", "markdown", "latex", "csv", "json"};
static const char *const phases[] = {"final", "search"};

static void print_help(void) {
    printf(
        "usage: merbench table RESULTS.db [OPTIONS]\n\n"
        "Prints the table of a plan: feature combinations by datasets and models, mean and sample\n"
        "standard deviation (n - 1) over the seeds. Waits for nobody: a sweep may be running.\n\n"
        "  -f, --format FORMAT  text, markdown, latex, csv or json (default text)\n"
        "  -p, --plan PLAN      name, or 6 or more digits of the digest (default: the plan that\n"
        "                       ran last)\n"
        "  -m, --metric NAME    ");
    for (int i = 0; i < MB_SCORE_COUNT; i++)
        printf("%s%s",
               i == 0   ? ""
               : i == 6 ? ",\n                       "
                        : ", ",
               mb_score_names[i]);
    printf(
        "\n                       (default waf)\n"
        "      --phase PHASE    final: the final seeds; search: the search seeds of the best\n"
        "                       setting (default final; cells without final seeds show search)\n"
        "  -a, --all-settings   every setting of the search, with its selection value\n"
        "  -o, --output FILE    write to FILE instead of standard output\n\n"
        "The best and the second best entry of a column are marked, among entries of which every\n"
        "seed is there. csv and json hold the stored numbers (no percent) with 17 digits.\n"
        "example: merbench table results.db --format latex -o table.tex\n");
}

typedef struct arguments {
    const char *results, *output;
    mb_table_options options;
    bool help;
} arguments;

static const struct option long_options[] = {
    {"format", required_argument, NULL, 'f'}, {"plan", required_argument, NULL, 'p'},
    {"metric", required_argument, NULL, 'm'}, {"phase", required_argument, NULL, 'P'},
    {"all-settings", no_argument, NULL, 'a'}, {"output", required_argument, NULL, 'o'},
    {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
};

// Position of `text` among the choices of an option.
static mb_status parse_choice(const char *option, const char *text, const char *const *choices,
                              int count, int *choice, mb_error *error) {
    for (*choice = 0; *choice < count; ++*choice)
        if (strcmp(choices[*choice], text) == 0)
            return MB_OK;
    const char *nearest = mb_nearest_name(text, choices, count);
    if (nearest != NULL)
        return mb_fail(error, MB_USAGE, "%s: unknown '%s'; did you mean '%s'?", option, text,
                       nearest);
    char list[160] = "";
    for (int i = 0; i < count; i++)
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i > 0 ? ", " : "",
                 choices[i]);
    return mb_fail(error, MB_USAGE, "%s: unknown '%s'; there are: %s", option, text, list);
}

static mb_status unknown_option(const char *text, mb_error *error) {
    enum { COUNT = sizeof long_options / sizeof *long_options - 1 };
    const char *names[COUNT];
    if (optopt != 0 && strncmp(text, "--", 2) != 0)
        return mb_fail(error, MB_USAGE,
                       "unknown option '-%c'; 'merbench table --help' lists the options", optopt);
    for (int i = 0; i < COUNT; i++)
        names[i] = long_options[i].name;
    const char *nearest = mb_nearest_name(text + strspn(text, "-"), names, COUNT);
    if (nearest != NULL)
        return mb_fail(error, MB_USAGE, "unknown option '%s'; did you mean '--%s'?", text, nearest);
    return mb_fail(error, MB_USAGE,
                   "unknown option '%s'; 'merbench table --help' lists the options", text);
}

static mb_status parse_option(int letter, char **argv, arguments *given, mb_error *error) {
    int choice = 0;
    mb_status status = MB_OK;
    switch (letter) {
    case 'f':
        status = parse_choice("--format", optarg, formats, 5, &choice, error);
        given->options.format = (mb_table_format)choice;
        return status;
    case 'P':
        status = parse_choice("--phase", optarg, phases, 2, &choice, error);
        given->options.phase = (mb_table_phase)choice;
        return status;
    case 'm':
        status = parse_choice("--metric", optarg, mb_score_names, MB_SCORE_COUNT, &choice, error);
        given->options.metric = optarg;
        return status;
    case 'p':
        given->options.plan = optarg;
        return MB_OK;
    case 'a':
        given->options.all_settings = true;
        return MB_OK;
    case 'o':
        given->output = optarg;
        return MB_OK;
    case 'h':
        given->help = true;
        return MB_OK;
    case ':':
        return mb_fail(error, MB_USAGE, "option '%s' needs a value", argv[optind - 1]);
    default:
        return unknown_option(argv[optind - 1], error);
    }
}

static mb_status parse_arguments(int argc, char **argv, arguments *given, mb_error *error) {
    *given = (arguments){0};
    opterr = 0;
    optind = 1;
    for (int letter; (letter = getopt_long(argc, argv, ":f:p:m:ao:h", long_options, NULL)) != -1;) {
        mb_status status = parse_option(letter, argv, given, error);
        if (status != MB_OK || given->help)
            return status;
    }
    if (optind >= argc)
        return mb_fail(error, MB_USAGE, "RESULTS.db is missing; 'merbench table --help' explains");
    if (optind + 1 < argc)
        return mb_fail(error, MB_USAGE, "unexpected argument '%s'", argv[optind + 1]);
    given->results = argv[optind];
    struct stat results, output;
    if (given->output != NULL && stat(given->results, &results) == 0 &&
        stat(given->output, &output) == 0 && results.st_dev == output.st_dev &&
        results.st_ino == output.st_ino)
        return mb_fail(error, MB_USAGE, "--output: '%s' is the results file itself", given->output);
    return MB_OK;
}

// The whole table is made before the first byte is written.
static mb_status print_table(mb_ledger *ledger, const arguments *given, mb_error *error) {
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    if (stream == NULL)
        return mb_out_of_memory(error, "a table");
    mb_status status = mb_table_print(ledger, &given->options, stream, error);
    if (fclose(stream) != 0 && status == MB_OK)
        status = mb_out_of_memory(error, "a table");
    if (status == MB_OK && given->output != NULL)
        status = mb_write_file(given->output, text, length, error);
    else if (status == MB_OK)
        fwrite(text, 1, length, stdout); // main tells when standard output cannot be written
    free(text);
    return status;
}

mb_status mb_cmd_table(int argc, char **argv, mb_error *error) {
    arguments given;
    mb_status status = parse_arguments(argc, argv, &given, error);
    if (status == MB_OK && given.help) {
        print_help();
        return MB_OK;
    }
    mb_ledger *ledger = NULL;
    if (status == MB_OK)
        status = mb_ledger_open(given.results, MB_LEDGER_READ, &ledger, error);
    if (status == MB_OK)
        status = print_table(ledger, &given, error);
    mb_ledger_close(ledger);
    return status;
}
