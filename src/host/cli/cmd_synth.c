// merbench synth: makes a synthetic corpus, or those that the tables of the paper need.
#include <stdio.h>

#include "base/output.h"
#include "base/plain.h"
#include "base/plural.h"
#include "cli/arguments.h"
#include "cli/cli.h"
#include "cli/shared_options.h"
#include "data/corpus_write.h"
#include "data/synth.h"
#include "paper/synth_paper.h"

static const char usage[] =
    "usage: merbench synth --like NAME -o CORPUS.h5 [OPTIONS]\n"
    "       merbench synth --like paper -o DIR [--seed S] [--scale F] [--dims-scale D] "
    "[--force]\n\n"
    "Makes a corpus with the sizes, splits, class balance and utterance names of a dataset,\n"
    "and with features that carry a signal of known strength. It contains no real data.\n"
    "Like the paper: makes DIR with a corpus of each of its eight datasets and with all features\n"
    "that its tables need, for 'merbench paper TABLE --data DIR'. DIR/strengths.csv has the\n"
    "strengths of the 44 features of Table 5, in the order of the paper's mean scores.";

static const char notes[] =
    "Features: synth-audio-UTT, synth-text-UTT, synth-video-UTT; with --frames also ...-FRA.\n"
    "example: merbench synth --like quickstart -o quickstart.h5 --seed 7\n"
    "         merbench synth --like paper -o made-up";

// The defaults of --signal and --dims depend on the dataset, so their texts are parsed later.
// The defaults of --scale and --dims-scale, too: 0 stands for them.
typedef struct arguments {
    const char *output;
    int32_t like; // a dataset, or the paper
    int32_t paper;
    uint32_t seed;
    char *signal, *dims; // as given, or NULL
    double scale, dims_scale;
    bool force, frames;
} arguments;

static mb_status keep_text(const char *option, char *text, void *target, mb_error *error) {
    (void)option, (void)error;
    *(char **)target = text;
    return MB_OK;
}

// NAME is a dataset or, as the last choice, the paper.
static mb_command_option like_option(const char *names[MB_MOST_DATASETS], arguments *given) {
    mb_command_option like = mb_dataset_option("like", names, &given->like);
    given->paper = like.choice_count;
    names[like.choice_count++] = "paper";
    like.any_case = true;
    like.help = "{}; upper or lower case";
    return like;
}

static mb_status parse(int argc, char **argv, arguments *given, bool *help_shown, mb_error *error) {
    const char *names[MB_MOST_DATASETS + 1];
    *given = (arguments){.seed = 1};
    mb_command_option output = mb_corpus_option(&given->output);
    output.value = "DIR|CORPUS.h5";
    output.help = "the corpus to write; like the paper: the folder, created if it does not exist";
    mb_command_option force = mb_force_option(&given->force);
    force.help = "replace files that exist";
    const mb_command_option options[] = {
        like_option(names, given),
        output,
        force,
        {"seed", "S", "{}; the same options give the same bytes (default 1)", .seed = &given->seed},
        {"signal", "M=X,...",
         "strength per modality: the distance between the means of two classes is about X*sqrt(2) "
         "standard deviations of the noise; with 0 there is nothing to learn (default "
         "audio=1.5,text=3,video=1; quickstart: 1, 1.5, 0.7)",
         .read = keep_text, .target = &given->signal},
        {"dims", "M=D,...",
         "dimensions (default audio=1024,text=5120,video=768; quickstart: 64, 128, 48)",
         .read = keep_text, .target = &given->dims},
        {"scale", "F",
         "factor for the number of utterances, {}; every class keeps at least two, like the paper "
         "eight a part or fold (default 1; paper: 0.08)",
         .real = &given->scale, .above = true, .most = MB_SYNTH_MAX_SCALE},
        {"dims-scale", "D",
         "like the paper: factor for the dimensions of the real features, {}; every feature keeps "
         "at least 16 (default 1/32)",
         .real = &given->dims_scale, .above = true, .most = 1},
        {"frames", NULL,
         "add frame-level features of up to 99, 23 and 59 frames; they are large, so consider "
         "lower --dims or --scale",
         .given = &given->frames},
        {.name = NULL}};
    const mb_command_line line = {
        .program = "merbench synth", .usage = usage, .notes = notes, .options = options};
    mb_operands operands;
    mb_status status = mb_command_line_parse(&line, argc, argv, &operands, error);
    *help_shown = operands.help_shown;
    if (status != MB_OK || operands.help_shown)
        return status;
    bool paper = given->like == given->paper;
    if (paper && (given->signal != NULL || given->dims != NULL || given->frames))
        return mb_fail(error, MB_USAGE, "--like paper: --%s is only valid for a single corpus",
                       given->signal != NULL ? "signal"
                       : given->dims != NULL ? "dims"
                                             : "frames");
    if (!paper && given->dims_scale > 0)
        return mb_fail(error, MB_USAGE, "--dims-scale: only valid with --like paper");
    return MB_OK;
}

static mb_status read_options(const arguments *given, mb_synth_options *options, mb_error *error) {
    mb_status status = mb_synth_defaults(mb_dataset_all()[given->like], options, error);
    if (status != MB_OK)
        return status;
    options->frames = given->frames;
    options->seed = given->seed;
    if (given->scale > 0)
        options->scale = given->scale;
    if (given->signal != NULL)
        status = mb_parse_by_modality("--signal", given->signal, 0, MB_SYNTH_MAX_SIGNAL, false,
                                      options->signal, error);
    if (status == MB_OK && given->dims != NULL)
        status = mb_parse_whole_by_modality("--dims", given->dims, 1, MB_SYNTH_MAX_DIMENSION,
                                            options->dims, error);
    return status;
}

static void print_utterances(const char *path, const mb_corpus *corpus) {
    mb_print_plain("%s: synthetic %s, %d %s (", path, corpus->rules->name, corpus->utterance_count,
                   mb_plural(corpus->utterance_count, "utterance", "utterances"));
    for (int32_t i = 0; i < corpus->split_count; i++)
        printf("%s%s %d", i > 0 ? ", " : "", corpus->splits[i].name, corpus->splits[i].count);
    printf(")");
}

static void print_result(const char *path, const mb_corpus *corpus) {
    print_utterances(path, corpus);
    printf("\n");
    for (int32_t i = 0; i < corpus->feature_count; i++) {
        long long frames = corpus->features[i].offsets[corpus->utterance_count];
        printf("  %s  %d %s, %lld %s\n", corpus->features[i].name, corpus->features[i].dimension,
               mb_plural(corpus->features[i].dimension, "dimension", "dimensions"), frames,
               mb_plural(frames, "frame", "frames"));
    }
}

static mb_status make_corpus(const arguments *given, mb_error *error) {
    mb_synth_options options;
    mb_status status = read_options(given, &options, error);
    if (status == MB_OK)
        status = mb_output_check(given->output, given->force, false, error);
    if (status != MB_OK)
        return status;
    mb_corpus corpus;
    status = mb_synth_make(&options, &corpus, error);
    if (status == MB_OK)
        status = mb_corpus_write(&corpus, NULL, 0, given->output, given->force, error);
    if (status == MB_OK)
        print_result(given->output, &corpus);
    mb_corpus_close(&corpus);
    return status;
}

// Flushed, since a corpus may take long.
static void print_written(const char *path, const mb_corpus *corpus) {
    print_utterances(path, corpus);
    printf(", %d %s\n", corpus->feature_count,
           mb_plural(corpus->feature_count, "feature", "features"));
    fflush(stdout);
}

static mb_status make_paper(const arguments *given, mb_error *error) {
    mb_synth_paper_options options;
    mb_synth_paper_defaults(&options);
    options.folder = given->output;
    options.seed = given->seed;
    options.replace = given->force;
    options.written = print_written;
    if (given->scale > 0)
        options.scale = given->scale;
    if (given->dims_scale > 0)
        options.dims_scale = given->dims_scale;
    mb_status status = mb_synth_paper_write_all(&options, error);
    if (status == MB_OK)
        mb_print_plain("%s/strengths.csv: the strengths of the features of Table 5\n",
                       given->output);
    return status;
}

mb_status mb_cmd_synth(int argc, char **argv, mb_error *error) {
    arguments given;
    bool help_shown = false;
    mb_status status = parse(argc, argv, &given, &help_shown, error);
    if (status != MB_OK || help_shown)
        return status;
    return given.like == given.paper ? make_paper(&given, error) : make_corpus(&given, error);
}
