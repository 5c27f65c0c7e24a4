// merbench info: shows what a corpus holds.
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/plain.h"
#include "base/plural.h"
#include "base/utf8.h"
#include "cli/cli.h"
#include "cli/shared_options.h"
#include "data/corpus_file.h"
#include "data/summary.h"

static const char *modality_name(int32_t modality) {
    return modality < 0 ? "unknown" : mb_modality_names[modality];
}

static const char *level_name(int32_t level) {
    return level == MB_LEVEL_FRAME ? "frame" : "utterance";
}

// Everything is gathered here before the first line is printed.
typedef struct description {
    mb_length_summary *lengths; // one per feature
    char **files, **digests;
    int source_count;
} description;

static void free_description(description *known) {
    free(known->lengths);
    mb_h5_free_names(known->files, known->source_count);
    mb_h5_free_names(known->digests, known->source_count);
}

static mb_status describe(const mb_corpus *corpus, description *known, mb_error *error) {
    *known =
        (description){.lengths = calloc((size_t)corpus->feature_count + 1, sizeof *known->lengths)};
    if (known->lengths == NULL)
        return mb_out_of_memory(error, "info");
    mb_status status =
        mb_corpus_sources(corpus, &known->files, &known->digests, &known->source_count, error);
    for (int32_t f = 0; f < corpus->feature_count && status == MB_OK; f++)
        status = mb_summarize_lengths(corpus, &corpus->features[f], &known->lengths[f], error);
    return status;
}

// ---- text -------------------------------------------------------------------------------------

static void print_labels(const mb_corpus *corpus, const char *name, const mb_split *split) {
    const mb_dataset_rules *rules = corpus->rules;
    mb_label_summary labels = mb_summarize_labels(corpus, split);
    int32_t count = split != NULL ? split->count : corpus->utterance_count;
    mb_print_plain("  %-8s %6d %s\n", name, count, mb_plural(count, "utterance", "utterances"));
    if (rules->class_count > 0) {
        printf("           emotions:");
        for (int32_t c = 0; c < rules->class_count; c++)
            printf("%s %s %d", c > 0 ? "," : "", rules->classes[c], labels.classes[c]);
        if (labels.emotions_missing > 0)
            printf(", missing %d", labels.emotions_missing);
        putchar('\n');
    }
    if (rules->value_count > 0 && labels.values > 0)
        printf(
            "           valences: %d (negative %d, zero %d, positive %d), %.3g to %.3g, mean %.3f, "
            "deviation %.3f\n",
            labels.values, labels.negative, labels.zero, labels.positive, labels.minimum,
            labels.maximum, labels.mean, labels.deviation);
    else if (rules->value_count > 0)
        printf("           valences: none\n");
}

static void print_features(const mb_corpus *corpus, const description *known) {
    int width = 7;
    for (int32_t f = 0; f < corpus->feature_count; f++) {
        int own = mb_text_width(corpus->features[f].name);
        width = own > width ? own : width;
    }
    printf("features\n  %-*s %-8s %-9s %9s %17s %10s  %s\n", width, "name", "modality", "level",
           "dimension", "frames min/mean/max", "all", "digest");
    for (int32_t f = 0; f < corpus->feature_count; f++) {
        const mb_feature *feature = &corpus->features[f];
        const mb_length_summary *lengths = &known->lengths[f];
        char range[64];
        snprintf(range, sizeof range, "%" PRId64 "/%.1f/%" PRId64, lengths->minimum, lengths->mean,
                 lengths->maximum);
        mb_print_plain("  %-*s %-8s %-9s %9d %19s %10" PRId64 "  %s\n", width, feature->name,
                       modality_name(feature->modality), level_name(feature->level),
                       feature->dimension, range, lengths->total, feature->digest);
    }
}

static void print_text(const mb_corpus *corpus, const description *known) {
    mb_print_plain(
        "%s\ndataset    %s (%d %s, %d %s)\n", corpus->path, corpus->rules->name,
        corpus->rules->class_count, mb_plural(corpus->rules->class_count, "class", "classes"),
        corpus->rules->value_count,
        mb_plural(corpus->rules->value_count, "regression output", "regression outputs"));
    mb_print_plain("digest     %s\nwritten by merbench %s from %s\ntranscripts %s\nsplits\n",
                   corpus->digest, corpus->tool_version, corpus->source,
                   corpus->transcripts != NULL ? "yes" : "no");
    print_labels(corpus, "all", NULL);
    for (int32_t s = 0; s < corpus->split_count; s++)
        print_labels(corpus, corpus->splits[s].name, &corpus->splits[s]);
    print_features(corpus, known);
    printf("sources\n");
    for (int i = 0; i < known->source_count; i++)
        mb_print_plain("  %s  %s\n", known->digests[i], known->files[i]);
}

// ---- JSON; cJSON passes NULL on when out of memory, and mb_json_print refuses it in the end ----

static void add_number(cJSON *object, const char *key, double number) {
    if (isnan(number))
        cJSON_AddNullToObject(object, key);
    else
        cJSON_AddNumberToObject(object, key, number);
}

static void add_labels(cJSON *object, const mb_corpus *corpus, const mb_split *split) {
    const mb_dataset_rules *rules = corpus->rules;
    mb_label_summary labels = mb_summarize_labels(corpus, split);
    cJSON_AddNumberToObject(object, "utterances",
                            split != NULL ? split->count : corpus->utterance_count);
    if (rules->class_count > 0) {
        cJSON *emotions = cJSON_AddObjectToObject(object, "emotions");
        for (int32_t c = 0; c < rules->class_count; c++)
            cJSON_AddNumberToObject(emotions, rules->classes[c], labels.classes[c]);
        cJSON_AddNumberToObject(object, "emotions_missing", labels.emotions_missing);
    }
    if (rules->value_count > 0) {
        cJSON *valences = cJSON_AddObjectToObject(object, "valences");
        cJSON_AddNumberToObject(valences, "count", labels.values);
        cJSON_AddNumberToObject(valences, "negative", labels.negative);
        cJSON_AddNumberToObject(valences, "zero", labels.zero);
        cJSON_AddNumberToObject(valences, "positive", labels.positive);
        add_number(valences, "minimum", labels.minimum);
        add_number(valences, "maximum", labels.maximum);
        add_number(valences, "mean", labels.mean);
        add_number(valences, "deviation", labels.deviation);
    }
}

static void add_feature(cJSON *list, const mb_feature *feature, const mb_length_summary *lengths) {
    cJSON *object = cJSON_CreateObject();
    cJSON_AddItemToArray(list, object);
    cJSON_AddStringToObject(object, "name", feature->name);
    if (feature->modality < 0)
        cJSON_AddNullToObject(object, "modality");
    else
        cJSON_AddStringToObject(object, "modality", modality_name(feature->modality));
    cJSON_AddStringToObject(object, "level", level_name(feature->level));
    cJSON_AddNumberToObject(object, "dimension", feature->dimension);
    cJSON_AddNumberToObject(object, "frames", (double)lengths->total);
    cJSON_AddNumberToObject(object, "frames_minimum", (double)lengths->minimum);
    cJSON_AddNumberToObject(object, "frames_mean", lengths->mean);
    cJSON_AddNumberToObject(object, "frames_maximum", (double)lengths->maximum);
    cJSON_AddStringToObject(object, "digest", feature->digest);
}

static mb_status print_json(const mb_corpus *corpus, const description *known, mb_error *error) {
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "path", corpus->path);
    cJSON_AddStringToObject(root, "dataset", corpus->rules->name);
    cJSON_AddStringToObject(root, "digest", corpus->digest);
    cJSON_AddStringToObject(root, "tool_version", corpus->tool_version);
    cJSON_AddStringToObject(root, "source", corpus->source);
    cJSON_AddBoolToObject(root, "transcripts", corpus->transcripts != NULL);
    cJSON_AddNumberToObject(root, "class_count", corpus->rules->class_count);
    cJSON_AddNumberToObject(root, "value_count", corpus->rules->value_count);
    add_labels(cJSON_AddObjectToObject(root, "all"), corpus, NULL);
    cJSON *splits = cJSON_AddObjectToObject(root, "splits");
    for (int32_t s = 0; s < corpus->split_count; s++)
        add_labels(cJSON_AddObjectToObject(splits, corpus->splits[s].name), corpus,
                   &corpus->splits[s]);
    cJSON *features = cJSON_AddArrayToObject(root, "features");
    for (int32_t f = 0; f < corpus->feature_count; f++)
        add_feature(features, &corpus->features[f], &known->lengths[f]);
    cJSON *sources = cJSON_AddArrayToObject(root, "sources");
    for (int i = 0; i < known->source_count; i++) {
        cJSON *source = cJSON_CreateObject();
        cJSON_AddItemToArray(sources, source);
        cJSON_AddStringToObject(source, "file", known->files[i]);
        cJSON_AddStringToObject(source, "digest", known->digests[i]);
    }
    return mb_json_print(root, "info", error);
}

static mb_status parse(int argc, char **argv, bool *json, mb_operands *operands, mb_error *error) {
    const mb_command_option options[] = {mb_json_option(json), {.name = NULL}};
    const mb_command_line line = {
        .program = "merbench info",
        .usage = "usage: merbench info CORPUS.h5 [--json]\n\n"
                 "Shows what a corpus holds: dataset, utterances, class balance, valences, splits, "
                 "features\n"
                 "(modality, level, dimension, frames per utterance, digest) and the files that it "
                 "was made from.",
        .options = options,
        .operands = {"CORPUS.h5"},
        .least = 1};
    return mb_command_line_parse(&line, argc, argv, operands, error);
}

mb_status mb_cmd_info(int argc, char **argv, mb_error *error) {
    bool json = false;
    mb_operands operands;
    mb_status status = parse(argc, argv, &json, &operands, error);
    if (status != MB_OK || operands.help_shown)
        return status;
    mb_corpus corpus;
    description known = {0};
    status = mb_corpus_open(operands.items[0], &corpus, error);
    if (status == MB_OK)
        status = describe(&corpus, &known, error);
    if (status == MB_OK && json)
        status = print_json(&corpus, &known, error);
    else if (status == MB_OK)
        print_text(&corpus, &known);
    free_description(&known);
    mb_corpus_close(&corpus);
    return status;
}
