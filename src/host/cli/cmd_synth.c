// merbench synth: makes a synthetic corpus.
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/suggest.h"
#include "cli/arguments.h"
#include "cli/cli.h"
#include "data/corpus_write.h"
#include "data/synth.h"

enum { MAX_NAMES = 32 };

static void print_datasets(void) {
    for (const mb_dataset_rules *const *rules = mb_dataset_all(); *rules != NULL; rules++) {
        for (const char *letter = (*rules)->name; *letter != '\0'; letter++)
            putchar(tolower((unsigned char)*letter));
        fputs(rules[1] != NULL ? ", " : "\n", stdout);
    }
}

static void print_help(void) {
    printf(
        "usage: merbench synth --like NAME -o CORPUS.h5 [OPTIONS]\n\n"
        "Makes a corpus with the sizes, splits, class balance and utterance names of a dataset,\n"
        "and with features that carry a signal of known strength. Nothing in it is real.\n\n"
        "  --like NAME        ");
    print_datasets();
    printf(
        "  -o, --output FILE  the corpus to write\n"
        "  --force            replace FILE when it exists\n"
        "  --seed S           0..4294967295; the same options give the same bytes (default 1)\n"
        "  --signal M=X,...   strength per modality: the means of two classes lie about X*sqrt(2)\n"
        "                     standard deviations of the noise apart; 0 leaves nothing to learn\n"
        "                     (default audio=1.5,text=3,video=1; quickstart: 1, 1.5, 0.7)\n"
        "  --dims M=D,...     dimensions (default audio=1024,text=5120,video=768; quickstart:\n"
        "                     64, 128, 48)\n"
        "  --scale F          times so many utterances, up to %g; every class keeps at least two\n"
        "  --frames           also frame-level features, up to 99, 23 and 59 frames long (large:\n"
        "                     lower --dims or --scale with it)\n\n"
        "Features: synth-audio-UTT, synth-text-UTT, synth-video-UTT; with --frames also ...-FRA.\n"
        "example: merbench synth --like quickstart -o quickstart.h5 --seed 7\n",
        MB_SYNTH_MAX_SCALE);
}

// Names are compared without case, so that both "mer2023" and "MER2023" are understood.
static mb_status find_rules(const char *name, const mb_dataset_rules **found, mb_error *error) {
    const char *names[MAX_NAMES];
    int count = 0;
    for (const mb_dataset_rules *const *rules = mb_dataset_all(); *rules != NULL; rules++) {
        if (strcasecmp((*rules)->name, name) == 0) {
            *found = *rules;
            return MB_OK;
        }
        if (count < MAX_NAMES)
            names[count++] = (*rules)->name;
    }
    const char *nearest = mb_nearest_name(name, names, count);
    if (nearest == NULL)
        return mb_fail(error, MB_USAGE,
                       "--like: unknown dataset '%s'; 'merbench synth --help' lists them", name);
    return mb_fail(error, MB_USAGE, "--like: unknown dataset '%s'; did you mean '%s'?", name,
                   nearest);
}

static mb_status parse_seed(const char *text, uint32_t *seed, mb_error *error) {
    char *end = NULL;
    errno = 0;
    unsigned long long number = isdigit((unsigned char)text[0]) ? strtoull(text, &end, 10) : 0;
    if (end == NULL || *end != '\0' || errno != 0 || number > UINT32_MAX)
        return mb_fail(error, MB_USAGE, "--seed: expected a whole number 0..4294967295, found '%s'",
                       text);
    *seed = (uint32_t)number;
    return MB_OK;
}

typedef struct arguments {
    const char *like, *output, *seed, *signal, *dims, *scale;
    bool force, frames, help;
} arguments;

static const struct option long_options[] = {
    {"like", required_argument, NULL, 'l'}, {"output", required_argument, NULL, 'o'},
    {"seed", required_argument, NULL, 's'}, {"signal", required_argument, NULL, 'g'},
    {"dims", required_argument, NULL, 'd'}, {"scale", required_argument, NULL, 'c'},
    {"force", no_argument, NULL, 'f'},      {"frames", no_argument, NULL, 'r'},
    {"help", no_argument, NULL, 'h'},       {NULL, 0, NULL, 0},
};

static mb_status parse_arguments(int argc, char **argv, arguments *given, mb_error *error) {
    *given = (arguments){0};
    opterr = 0;
    optind = 1;
    for (int letter; (letter = getopt_long(argc, argv, ":o:h", long_options, NULL)) != -1;) {
        switch (letter) {
        case 'l':
            given->like = optarg;
            break;
        case 'o':
            given->output = optarg;
            break;
        case 's':
            given->seed = optarg;
            break;
        case 'g':
            given->signal = optarg;
            break;
        case 'd':
            given->dims = optarg;
            break;
        case 'c':
            given->scale = optarg;
            break;
        case 'f':
            given->force = true;
            break;
        case 'r':
            given->frames = true;
            break;
        case 'h':
            given->help = true;
            return MB_OK;
        case ':':
            return mb_fail(error, MB_USAGE, "option '%s' needs a value", argv[optind - 1]);
        default:
            return mb_unknown_option("synth", long_options, argv[optind - 1], error);
        }
    }
    if (optind < argc)
        return mb_fail(error, MB_USAGE, "unexpected argument '%s'", argv[optind]);
    if (given->like == NULL)
        return mb_fail(error, MB_USAGE, "--like NAME is missing");
    if (given->output == NULL)
        return mb_fail(error, MB_USAGE, "-o CORPUS.h5 is missing");
    return MB_OK;
}

static mb_status read_options(const arguments *given, mb_synth_options *options, mb_error *error) {
    const mb_dataset_rules *rules = NULL;
    mb_status status = find_rules(given->like, &rules, error);
    if (status == MB_OK)
        status = mb_synth_defaults(rules, options, error);
    if (status != MB_OK)
        return status;
    options->frames = given->frames;
    if (given->seed != NULL)
        status = parse_seed(given->seed, &options->seed, error);
    if (status == MB_OK && given->signal != NULL)
        status = mb_parse_by_modality("--signal", given->signal, 0, MB_SYNTH_MAX_SIGNAL, false,
                                      options->signal, error);
    if (status == MB_OK && given->dims != NULL) {
        double dims[MB_MODALITY_COUNT];
        for (int32_t m = 0; m < MB_MODALITY_COUNT; m++)
            dims[m] = options->dims[m];
        status = mb_parse_by_modality("--dims", given->dims, 1, MB_SYNTH_MAX_DIMENSION, true, dims,
                                      error);
        for (int32_t m = 0; m < MB_MODALITY_COUNT; m++)
            options->dims[m] = (int32_t)dims[m];
    }
    if (status == MB_OK && given->scale != NULL &&
        (!mb_parse_number(given->scale, &options->scale) || options->scale <= 0 ||
         options->scale > MB_SYNTH_MAX_SCALE))
        status =
            mb_fail(error, MB_USAGE, "--scale: expected a number above 0 and up to %g, found '%s'",
                    MB_SYNTH_MAX_SCALE, given->scale);
    return status;
}

static void print_result(const char *path, const mb_corpus *corpus) {
    printf("%s: synthetic %s, %d utterances (", path, corpus->rules->name, corpus->utterance_count);
    for (int32_t i = 0; i < corpus->split_count; i++)
        printf("%s%s %d", i > 0 ? ", " : "", corpus->splits[i].name, corpus->splits[i].count);
    printf(")\n");
    for (int32_t i = 0; i < corpus->feature_count; i++)
        printf("  %s  %d dimensions, %lld frames\n", corpus->features[i].name,
               corpus->features[i].dimension,
               (long long)corpus->features[i].offsets[corpus->utterance_count]);
}

mb_status mb_cmd_synth(int argc, char **argv, mb_error *error) {
    arguments given;
    mb_status status = parse_arguments(argc, argv, &given, error);
    if (status == MB_OK && given.help) {
        print_help();
        return MB_OK;
    }
    mb_synth_options options;
    if (status == MB_OK)
        status = read_options(&given, &options, error);
    if (status == MB_OK)
        status = mb_corpus_can_write(given.output, given.force, error);
    if (status != MB_OK)
        return status;
    mb_corpus corpus;
    status = mb_synth_make(&options, &corpus, error);
    if (status == MB_OK)
        status = mb_corpus_write(&corpus, NULL, 0, given.output, error);
    if (status == MB_OK)
        print_result(given.output, &corpus);
    mb_corpus_close(&corpus);
    return status;
}
