// merbench import: makes a corpus from a folder of the MERTools toolkit.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/output.h"
#include "base/plain.h"
#include "base/plural.h"
#include "cli/cli.h"
#include "cli/shared_options.h"
#include "data/audit.h"
#include "data/import_mertools.h"

static const char usage[] =
    "usage: merbench import mertools DIR --dataset NAME -o CORPUS.h5 [OPTIONS]\n\n"
    "Makes a corpus from a folder of MERTools:\n"
    "  DIR/label.npz                       (label_4way.npz for IEMOCAPFour, label_6way.npz for\n"
    "                                      IEMOCAPSix, label-6way.npz for MER2023)\n"
    "  DIR/features/FEATURE/NAME.npy       one array (D) or (T, D) per utterance, or\n"
    "  DIR/features/FEATURE/NAME/*.npy     one frame per file, in the order of the file names";

static const char notes[] =
    "Labels follow the toolkit: utterances have the order of the label file; a valence of -10, ''\n"
    "or none at all counts as missing; emotions are ignored if the dataset has no classes. Label\n"
    "files are pickles; they are read without executing anything. Labels that do not fit the\n"
    "dataset (sizes of splits, classes, range) are warnings; 'merbench doctor' explains more.\n"
    "example: merbench import mertools cmumosi-process --dataset CMUMOSI -o cmumosi.h5";

// Splits "A,B" into names, which point into `text`.
static mb_status read_names(const char *option, char *text, void *target, mb_error *error) {
    mb_names *names = target;
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

typedef struct arguments {
    mb_import_options import;
    const char *output;
    bool force;
} arguments;

static mb_status parse(int argc, char **argv, arguments *given, bool *help_shown, mb_error *error) {
    const char *datasets[MB_MOST_DATASETS];
    int32_t dataset = 0;
    mb_import_options *import = &given->import;
    const mb_command_option options[] = {
        mb_dataset_option("dataset", datasets, &dataset),
        mb_corpus_option(&given->output),
        mb_force_option(&given->force),
        {"features", "A,B", "only these feature folders (default: all)", .read = read_names,
         .target = &import->features},
        {"labels", "FILE",
         "another label file; a name without a path is looked up here, then in DIR",
         .text = &import->labels},
        {"audio", "A,B",
         "features of the modality audio; if a feature is not listed, its modality is guessed from "
         "words in its name (audio, wavlm, hubert ...) or left unknown",
         .read = read_names, .target = &import->modality[MB_AUDIO]},
        {"text", "A,B", "likewise (text, bert, lsa ...)", .read = read_names,
         .target = &import->modality[MB_TEXT]},
        {"video", "A,B", "likewise (video, clip, face ...)", .read = read_names,
         .target = &import->modality[MB_VIDEO]},
        {"allow-nonfinite", NULL,
         "accept NaN and Inf; 'merbench doctor' finds them, training refuses them",
         .given = &import->allow_nonfinite},
        mb_threads_option(&import->threads, "threads that read files, {} (default: one per "
                                            "processor that the process may use)"),
        mb_quiet_option(&import->quiet),
        {.name = NULL}};
    const mb_command_line line = {.program = "merbench import",
                                  .usage = usage,
                                  .notes = notes,
                                  .options = options,
                                  .operands = {"mertools", "DIR"},
                                  .least = 2};
    mb_operands operands;
    mb_status status = mb_command_line_parse(&line, argc, argv, &operands, error);
    *help_shown = operands.help_shown;
    if (status != MB_OK || operands.help_shown)
        return status;
    if (strcmp(operands.items[0], "mertools") != 0)
        return mb_fail(error, MB_USAGE, "expected 'mertools' as the kind of folder, found '%s'",
                       operands.items[0]);
    import->folder = operands.items[1];
    import->rules = mb_dataset_all()[dataset];
    return MB_OK;
}

static void print_summary(const mb_corpus *corpus, const char *output) {
    mb_print_plain("%s: %s, %d %s", output, corpus->rules->name, corpus->utterance_count,
                   mb_plural(corpus->utterance_count, "utterance", "utterances"));
    for (int32_t s = 0; s < corpus->split_count; s++)
        mb_print_plain("%s%s %d", s == 0 ? " (" : ", ", corpus->splits[s].name,
                       corpus->splits[s].count);
    printf("), %d %s\n", corpus->feature_count,
           mb_plural(corpus->feature_count, "feature", "features"));
    for (int32_t f = 0; f < corpus->feature_count; f++)
        if (corpus->features[f].modality < 0)
            mb_print_plain_to(
                stderr,
                "merbench import: note: the modality of '%s' is unknown; --audio, --text or "
                "--video sets it\n",
                corpus->features[f].name);
}

// Errors are printed as warnings, too: the corpus was written, only training may refuse it.
static mb_status print_findings(const mb_corpus *corpus, mb_error *error) {
    mb_audit audit = {.most_entries = 3};
    mb_status status = mb_audit_labels(corpus, &audit, error);
    for (int i = 0; i < audit.count && status == MB_OK; i++) {
        if (audit.findings[i].severity == MB_NOTE)
            continue;
        char *line = mb_finding_line(&audit.findings[i]);
        if (line == NULL)
            status = mb_out_of_memory(error, "warnings");
        else
            mb_print_plain_to(stderr, "merbench import: warning: %s\n", line);
        free(line);
    }
    mb_audit_free(&audit);
    return status;
}

static void print_ignored(const mb_dataset_rules *rules, const mb_ignored_labels *ignored) {
    bool classes = rules->class_count == 0;
    if (ignored->different == 0)
        return;
    mb_print_plain_to(
        stderr,
        "merbench import: warning: ignored-labels: %s: the dataset has no %s, those of the "
        "label file are ignored: the first is %s, %d %s another\n",
        rules->name, classes ? "classes" : "valences", ignored->first, ignored->different,
        mb_plural(ignored->different, "utterance has", "utterances have"));
}

static mb_status import(const arguments *given, mb_error *error) {
    mb_status status = mb_output_check(given->output, given->force, false, error);
    if (status != MB_OK)
        return status;
    mb_import import;
    status = mb_import_open(&given->import, &import, error);
    if (status == MB_OK)
        status = mb_import_write(&import, given->output, given->force, error);
    if (status == MB_OK)
        print_summary(&import.corpus, given->output);
    if (status == MB_OK)
        print_ignored(import.corpus.rules, &import.ignored);
    if (status == MB_OK)
        status = print_findings(&import.corpus, error);
    mb_import_close(&import);
    return status;
}

mb_status mb_cmd_import(int argc, char **argv, mb_error *error) {
    arguments given = {.import.threads = mb_default_threads()};
    bool help_shown = false;
    mb_status status = parse(argc, argv, &given, &help_shown, error);
    if (status == MB_OK && !help_shown)
        status = import(&given, error);
    free(given.import.features.items);
    for (int m = 0; m < MB_MODALITY_COUNT; m++)
        free(given.import.modality[m].items);
    return status;
}
