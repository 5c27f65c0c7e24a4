// merbench import: makes a corpus from the folder of a toolkit.
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/suggest.h"
#include "cli/cli.h"
#include "data/import_mertools.h"

static void print_help(void) {
    fputs(
        "usage: merbench import mertools DIR --dataset NAME -o CORPUS.h5 [OPTIONS]\n\n"
        "Makes a corpus from a folder of MERTools:\n"
        "  DIR/label.npz                       (label_4way.npz for IEMOCAPFour, label_6way.npz "
        "for\n"
        "                                      IEMOCAPSix, label-6way.npz for MER2023)\n"
        "  DIR/features/FEATURE/NAME.npy       one array (D) or (T, D) an utterance, or\n"
        "  DIR/features/FEATURE/NAME/*.npy     one frame a file, in the order of the file names\n\n"
        "  --dataset NAME     ",
        stdout);
    for (const mb_dataset_rules *const *rules = mb_dataset_all(); *rules != NULL; rules++)
        printf("%s%s", (*rules)->name, rules[1] != NULL ? ", " : "\n");
    fputs("  -o, --output FILE  the corpus to write\n"
          "  --force            replace FILE when it exists\n"
          "  --features A,B     only these feature folders (default: all)\n"
          "  --labels FILE      another label file; a bare name is looked for here, then in DIR\n"
          "  --audio A,B  --text C  --video D\n"
          "                     the modality of these features. For the others it is guessed from\n"
          "                     words in the name (audio, wavlm, hubert ...; text, bert, lsa ...;\n"
          "                     video, clip, face ...) and otherwise left unknown\n"
          "  --allow-nonfinite  let NaN and Inf in; 'merbench doctor' finds them, training refuses "
          "them\n"
          "  --threads N        threads that read files (default: one a processor)\n"
          "  --quiet            no progress\n\n"
          "Labels follow the toolkit: the order of utterances is that of the label file; a valence "
          "of\n"
          "-10, '' or none at all is missing; emotions are ignored where the dataset has no "
          "classes.\n"
          "Label files are pickles: they are read without executing anything.\n"
          "example: merbench import mertools cmumosi-process --dataset CMUMOSI -o cmumosi.h5\n",
          stdout);
}

static mb_status find_rules(const char *name, const mb_dataset_rules **rules, mb_error *error) {
    enum { MOST = 64 };
    const char *names[MOST];
    int count = 0;
    *rules = mb_dataset_find(name);
    if (*rules != NULL)
        return MB_OK;
    for (const mb_dataset_rules *const *all = mb_dataset_all(); *all != NULL && count < MOST; all++)
        names[count++] = (*all)->name;
    const char *nearest = mb_nearest_name(name, names, count);
    return mb_fail(error, MB_USAGE, "--dataset: unknown dataset '%s'%s%s%s", name,
                   nearest != NULL ? "; did you mean '" : "; --help lists them",
                   nearest != NULL ? nearest : "", nearest != NULL ? "'?" : "");
}

// Cuts "A,B" into names; `text` is changed and must outlive them.
static mb_status split_names(const char *option, char *text, mb_names *names, mb_error *error) {
    int count = 1;
    for (const char *letter = text; *letter != '\0'; letter++)
        count += *letter == ',';
    free(names->items);
    *names = (mb_names){calloc((size_t)count, sizeof(char *)), 0};
    if (names->items == NULL)
        return mb_out_of_memory(error, option);
    for (char *rest = text, *name; (name = strsep(&rest, ",")) != NULL;) {
        if (name[0] == '\0')
            return mb_fail(error, MB_USAGE, "%s: expected names separated by commas", option);
        names->items[names->count++] = name;
    }
    return MB_OK;
}

static mb_status parse_threads(const char *text, int *threads, mb_error *error) {
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || number < 1 || number > 256)
        return mb_fail(error, MB_USAGE, "--threads: expected a whole number 1..256, found '%s'",
                       text);
    *threads = (int)number;
    return MB_OK;
}

typedef struct arguments {
    mb_import_options import;
    const char *dataset, *output;
    bool force, help;
} arguments;

enum { DATASET = 256, FORCE, FEATURES, LABELS, AUDIO, TEXT, VIDEO, NONFINITE, THREADS, QUIET };

static mb_status take_option(int option, arguments *given, mb_error *error) {
    switch (option) {
    case 'o':
        given->output = optarg;
        return MB_OK;
    case 'h':
        given->help = true;
        return MB_OK;
    case DATASET:
        given->dataset = optarg;
        return MB_OK;
    case FORCE:
        given->force = true;
        return MB_OK;
    case LABELS:
        given->import.labels = optarg;
        return MB_OK;
    case NONFINITE:
        given->import.allow_nonfinite = true;
        return MB_OK;
    case QUIET:
        given->import.quiet = true;
        return MB_OK;
    case THREADS:
        return parse_threads(optarg, &given->import.threads, error);
    case FEATURES:
        return split_names("--features", optarg, &given->import.features, error);
    case AUDIO:
        return split_names("--audio", optarg, &given->import.modality[MB_AUDIO], error);
    case TEXT:
        return split_names("--text", optarg, &given->import.modality[MB_TEXT], error);
    default:
        return split_names("--video", optarg, &given->import.modality[MB_VIDEO], error);
    }
}

static mb_status parse(int argc, char **argv, arguments *given, mb_error *error) {
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'},
        {"output", required_argument, NULL, 'o'},
        {"dataset", required_argument, NULL, DATASET},
        {"force", no_argument, NULL, FORCE},
        {"features", required_argument, NULL, FEATURES},
        {"labels", required_argument, NULL, LABELS},
        {"audio", required_argument, NULL, AUDIO},
        {"text", required_argument, NULL, TEXT},
        {"video", required_argument, NULL, VIDEO},
        {"allow-nonfinite", no_argument, NULL, NONFINITE},
        {"threads", required_argument, NULL, THREADS},
        {"quiet", no_argument, NULL, QUIET},
        {0},
    };
    int option;
    optind = 0, opterr = 0;
    while ((option = getopt_long(argc, argv, ":ho:", options, NULL)) != -1) {
        if (option == '?' || option == ':')
            return mb_fail(error, MB_USAGE, "%s '%s'; see 'merbench import --help'",
                           option == '?' ? "unknown option" : "a value is missing after",
                           argv[optind - 1]);
        mb_status status = take_option(option, given, error);
        if (status != MB_OK)
            return status;
    }
    if (given->help)
        return MB_OK;
    if (optind >= argc || strcmp(argv[optind], "mertools") != 0)
        return mb_fail(error, MB_USAGE, "expected 'mertools' as the kind of folder, found %s%s%s",
                       optind < argc ? "'" : "nothing", optind < argc ? argv[optind] : "",
                       optind < argc ? "'" : "");
    if (argc - optind != 2)
        return mb_fail(error, MB_USAGE,
                       "expected one folder, found %d; see 'merbench import --help'",
                       argc - optind - 1);
    given->import.folder = argv[optind + 1];
    if (given->dataset == NULL || given->output == NULL)
        return mb_fail(error, MB_USAGE, "%s is missing; see 'merbench import --help'",
                       given->dataset == NULL ? "--dataset NAME" : "-o CORPUS.h5");
    return find_rules(given->dataset, &given->import.rules, error);
}

static void print_summary(const mb_corpus *corpus, const char *output) {
    printf("%s: %s, %d utterances", output, corpus->rules->name, corpus->utterance_count);
    for (int32_t s = 0; s < corpus->split_count; s++)
        printf("%s%s %d", s == 0 ? " (" : ", ", corpus->splits[s].name, corpus->splits[s].count);
    printf("), %d feature%s\n", corpus->feature_count, corpus->feature_count == 1 ? "" : "s");
    for (int32_t f = 0; f < corpus->feature_count; f++)
        if (corpus->features[f].modality < 0)
            fprintf(stderr,
                    "merbench import: note: the modality of '%s' is not known; --audio, --text or "
                    "--video would tell\n",
                    corpus->features[f].name);
}

static mb_status import(const arguments *given, mb_error *error) {
    mb_status status = mb_corpus_can_write(given->output, given->force, error);
    if (status != MB_OK)
        return status;
    mb_corpus corpus;
    mb_source *sources;
    int32_t source_count;
    status = mb_import_mertools(&given->import, &corpus, &sources, &source_count, error);
    if (status == MB_OK)
        status = mb_corpus_write(&corpus, sources, source_count, given->output, error);
    if (status == MB_OK)
        print_summary(&corpus, given->output);
    mb_sources_free(sources, source_count);
    mb_corpus_close(&corpus);
    return status;
}

mb_status mb_cmd_import(int argc, char **argv, mb_error *error) {
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    arguments given = {.import.threads = processors < 1    ? 1
                                         : processors > 64 ? 64
                                                           : (int)processors};
    mb_status status = parse(argc, argv, &given, error);
    if (status == MB_OK && given.help)
        print_help();
    else if (status == MB_OK)
        status = import(&given, error);
    free(given.import.features.items);
    for (int m = 0; m < MB_MODALITY_COUNT; m++)
        free(given.import.modality[m].items);
    return status;
}
