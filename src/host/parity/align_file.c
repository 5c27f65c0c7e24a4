// Parity of data rules: sequences mapped to other lengths, alignment, compression.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "merbench/sequences.h"
#include "parity/files.h"

static const double limit = 1e-6;

enum { LARGEST_SIZE = 1 << 20 }; // of an axis

typedef struct frames {
    float *values; // (steps, dimension)
    int32_t steps, dimension;
} frames;

static mb_status read_frames(const mb_fixture *fixture, const char *name, frames *read,
                             mb_error *error) {
    int rank = 0;
    int64_t dims[8];
    *read = (frames){NULL, 0, 0};
    mb_status status = mb_fixture_numbers(fixture, name, &read->values, &rank, dims, error);
    if (status == MB_OK && rank == 1) { // a vector: one frame
        dims[1] = dims[0];
        dims[0] = 1;
        rank = 2;
    }
    bool right = status == MB_OK && rank == 2;
    for (int i = 0; right && i < 2; i++)
        right = dims[i] >= 1 && dims[i] <= LARGEST_SIZE;
    if (status == MB_OK && !right)
        status = mb_fixture_wrong_shape(fixture, name, rank, dims, error,
                                        "frames (steps, dimension), 1 to %d", LARGEST_SIZE);
    if (status == MB_OK) {
        read->steps = (int32_t)dims[0];
        read->dimension = (int32_t)dims[1];
    }
    return status;
}

// Maps `input` to the length of a stored result and compares the two.
static mb_status compare_mapped(const mb_fixture *fixture, const frames *input, const char *name,
                                const char *group, mb_parity_report *report, mb_error *error) {
    frames expected;
    mb_status status = read_frames(fixture, name, &expected, error);
    if (status == MB_OK && expected.dimension != input->dimension)
        status = mb_fail(error, MB_BAD_INPUT, "%s: %s: expected dimension %d, found %d",
                         fixture->path, name, input->dimension, expected.dimension);
    int64_t count = (int64_t)expected.steps * expected.dimension;
    float *found = malloc((size_t)(count + 1) * sizeof *found);
    if (status == MB_OK && found == NULL)
        status = mb_out_of_memory(error, name);
    if (status == MB_OK) {
        mb_sequence_map(input->values, input->steps, input->dimension, expected.steps, found);
        mb_parity_compare_elements(mb_parity_group_of(report, group), name, found, expected.values,
                                   count, limit);
    }
    free(found);
    free(expected.values);
    return status;
}

mb_status mb_parity_mapping_file(mb_fixture *fixture, mb_parity_report *report, mb_error *error) {
    char **names = NULL;
    int count = 0;
    mb_status status = mb_h5_list(fixture->h5, "/", &names, &count, error);
    for (int i = 0; status == MB_OK && i < count; i++) {
        frames input;
        status = read_frames(fixture, mb_path_of(names[i], "input").text, &input, error);
        if (status == MB_OK)
            status = compare_mapped(fixture, &input, mb_path_of(names[i], "output").text, "mapping",
                                    report, error);
        free(input.values);
    }
    mb_h5_free_names(names, count);
    return status == MB_OK ? mb_parity_verdict(report) : status;
}

// ---- whole pipelines --------------------------------------------------------------------------

// A corpus in memory whose features are the ragged input of the file.
typedef struct ragged {
    mb_corpus corpus;
    mb_feature features[MB_MODALITY_COUNT];
    char **names;
} ragged;

static mb_status append(mb_feature *feature, int32_t i, const frames *input, mb_error *error) {
    size_t before = (size_t)(feature->offsets[i] * input->dimension);
    size_t more = (size_t)input->steps * (size_t)input->dimension;
    float *values = realloc(feature->values, (before + more) * sizeof *values);
    if (values == NULL)
        return mb_out_of_memory(error, "sequences");
    memcpy(values + before, input->values, more * sizeof *values);
    feature->values = values;
    feature->dimension = input->dimension;
    feature->offsets[i + 1] = feature->offsets[i] + input->steps;
    return MB_OK;
}

static mb_status read_feature(const mb_fixture *fixture, ragged *made, int m, mb_error *error) {
    mb_feature *feature = &made->features[m];
    mb_path group = mb_path_of("/input", mb_modality_names[m]);
    feature->name = (char *)mb_modality_names[m];
    feature->level = MB_LEVEL_FRAME;
    feature->offsets = calloc((size_t)made->corpus.utterance_count + 1, sizeof *feature->offsets);
    mb_status status = feature->offsets == NULL ? mb_out_of_memory(error, group.text) : MB_OK;
    for (int32_t i = 0; status == MB_OK && i < made->corpus.utterance_count; i++) {
        frames input;
        status = read_frames(fixture, mb_path_of(group.text, made->names[i]).text, &input, error);
        if (status == MB_OK && i > 0 && input.dimension != feature->dimension)
            status = mb_fail(error, MB_BAD_INPUT, "%s: %s/%s: expected dimension %d, found %d",
                             fixture->path, group.text, made->names[i], feature->dimension,
                             input.dimension);
        if (status == MB_OK)
            status = append(feature, i, &input, error);
        free(input.values);
    }
    return status;
}

static mb_status ragged_open(const mb_fixture *fixture, ragged *made, mb_error *error) {
    int count = 0;
    *made = (ragged){.names = NULL};
    mb_status status = mb_h5_list(fixture->h5, "/input/text", &made->names, &count, error);
    if (status == MB_OK && count == 0)
        status = mb_fail(error, MB_BAD_INPUT, "%s: /input/text: expected utterances, found none",
                         fixture->path);
    made->corpus = (mb_corpus){.path = (char *)fixture->path,
                               .rules = mb_dataset_find("MELD"),
                               .utterance_count = count,
                               .names = made->names,
                               .feature_count = MB_MODALITY_COUNT,
                               .features = made->features};
    for (int m = 0; status == MB_OK && m < MB_MODALITY_COUNT; m++)
        status = read_feature(fixture, made, m, error);
    return status;
}

static void ragged_close(ragged *made) {
    for (int m = 0; m < MB_MODALITY_COUNT; m++) {
        free(made->features[m].offsets);
        free(made->features[m].values);
    }
    mb_h5_free_names(made->names, made->corpus.utterance_count);
}

// The frames of an utterance after zero frames, as a model reads them.
static void pad(const mb_stream *sequence, int32_t utterance, int32_t steps, float *padded) {
    int64_t first = sequence->offsets != NULL ? sequence->offsets[utterance] : utterance;
    int64_t length = sequence->offsets != NULL ? sequence->offsets[utterance + 1] - first : 1;
    int64_t zeros = (steps - length) * sequence->dimension;
    memset(padded, 0, (size_t)zeros * sizeof *padded);
    memcpy(padded + zeros, (const float *)sequence->values + first * sequence->dimension,
           (size_t)(length * sequence->dimension) * sizeof *padded);
}

static mb_status compare_pipeline(const mb_fixture *fixture, const ragged *made,
                                  const mb_stream *sequence, const char *name,
                                  mb_parity_report *report, mb_error *error) {
    int32_t count = made->corpus.utterance_count;
    int32_t *rows = malloc((size_t)(count + 1) * sizeof *rows);
    if (rows == NULL)
        return mb_out_of_memory(error, name);
    for (int32_t i = 0; i < count; i++)
        rows[i] = i;
    int32_t steps = mb_stream_longest(sequence, rows, count);
    int64_t size = (int64_t)steps * sequence->dimension;
    float *expected = NULL, *found = malloc((size_t)(count * size + 1) * sizeof *found);
    mb_status status = found == NULL ? mb_out_of_memory(error, name) : MB_OK;
    if (status == MB_OK)
        status = mb_fixture_floats(fixture, name, count * size, &expected, error);
    for (int32_t i = 0; status == MB_OK && i < count; i++)
        pad(sequence, i, steps, found + i * size);
    if (status == MB_OK)
        mb_parity_compare_elements(mb_parity_group_of(report, "pipelines"), name, found, expected,
                                   count * size, limit);
    free(rows);
    free(expected);
    free(found);
    return status;
}

static mb_status check_pipeline(const mb_fixture *fixture, ragged *made, mb_feature_type type,
                                mb_parity_report *report, mb_error *error) {
    mb_sequences sequences;
    char group[64];
    snprintf(group, sizeof group, "/pipeline_%s", mb_feature_type_names[type]);
    mb_status status = mb_sequences_make(&made->corpus, mb_modality_names, MB_MODALITY_COUNT, type,
                                         &sequences, error);
    if (status != MB_OK)
        return status;
    for (int m = 0; status == MB_OK && m < MB_MODALITY_COUNT; m++)
        status = compare_pipeline(fixture, made, &sequences.streams[m],
                                  mb_path_of(group, mb_modality_names[m]).text, report, error);
    mb_sequences_free(&sequences);
    return status;
}

// Checks a group of single operations: each result is its input, mapped to another length.
static mb_status check_operation(const mb_fixture *fixture, const ragged *made, const char *group,
                                 mb_parity_report *report, mb_error *error) {
    mb_status status = MB_OK;
    for (int m = 0; status == MB_OK && m < MB_MODALITY_COUNT; m++)
        for (int32_t i = 0; status == MB_OK && i < made->corpus.utterance_count; i++) {
            const mb_feature *feature = &made->features[m];
            frames input = {feature->values + feature->offsets[i] * feature->dimension,
                            (int32_t)(feature->offsets[i + 1] - feature->offsets[i]),
                            feature->dimension};
            mb_path modality = mb_path_of(group, mb_modality_names[m]);
            status = compare_mapped(fixture, &input, mb_path_of(modality.text, made->names[i]).text,
                                    "operations", report, error);
        }
    return status;
}

mb_status mb_parity_align_file(mb_fixture *fixture, mb_parity_report *report, mb_error *error) {
    ragged made;
    char **groups = NULL;
    int count = 0;
    mb_status status = ragged_open(fixture, &made, error);
    for (int type = MB_UTT; status == MB_OK && type <= MB_FRM_UNALIGN; type++)
        status = check_pipeline(fixture, &made, (mb_feature_type)type, report, error);
    if (status == MB_OK)
        status = mb_h5_list(fixture->h5, "/", &groups, &count, error);
    for (int i = 0; status == MB_OK && i < count; i++)
        if (strncmp(groups[i], "align_to_", 9) == 0 ||
            strncmp(groups[i], "feature_scale_compress_", 23) == 0)
            status = check_operation(fixture, &made, groups[i], report, error);
    mb_h5_free_names(groups, count);
    ragged_close(&made);
    return status == MB_OK ? mb_parity_verdict(report) : status;
}
