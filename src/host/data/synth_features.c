#include "data/synth_features.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "merbench/philox.h"

// The mean number of frames of an utterance. Lengths are uniform on 1 .. 2 mean - 1.
static const uint32_t mean_frames[MB_MODALITY_COUNT] = {50, 12, 30};

static mb_status allocate_values(int64_t frames, int32_t dimension, float **values,
                                 mb_error *error) {
    size_t bytes;
    if (__builtin_mul_overflow((size_t)frames, (size_t)dimension * sizeof **values, &bytes))
        return mb_out_of_memory(error, "synthetic features");
    *values = malloc(bytes);
    return *values != NULL ? MB_OK : mb_out_of_memory(error, "synthetic features");
}

// A random unit vector.
static void draw_direction(mb_key key, uint32_t step, int32_t which, int32_t dimension,
                           double *direction) {
    double squares = 0;
    for (int32_t d = 0; d < dimension; d++) {
        uint64_t index = (uint64_t)which * (uint64_t)dimension + (uint64_t)d;
        direction[d] = mb_random_normal(key, MB_RANDOM_SYNTHETIC, step, index);
        squares += direction[d] * direction[d];
    }
    for (int32_t d = 0; d < dimension; d++)
        direction[d] /= sqrt(squares);
}

// The directions of a modality, (C + 1, D): those of the classes, then that of the value.
static double *draw_directions(const mb_synth_options *options, int32_t m) {
    int32_t classes = options->rules->class_count, dimension = options->dims[m];
    mb_key key = mb_key_make(options->seed, 0);
    double *directions = calloc((size_t)(classes + 1) * (size_t)dimension, sizeof *directions);
    if (directions == NULL)
        return NULL;
    for (int32_t c = 0; c < classes; c++)
        draw_direction(key, MB_SYNTH_CLASS_DIRECTIONS + (uint32_t)m, c, dimension,
                       directions + (size_t)c * (size_t)dimension);
    draw_direction(key, MB_SYNTH_VALUE_DIRECTION + (uint32_t)m, 0, dimension,
                   directions + (size_t)classes * (size_t)dimension);
    return directions;
}

static void fill_utterance(const mb_synth_options *options, const mb_corpus *corpus, int32_t m,
                           int32_t row, const double *directions, float *values) {
    const mb_dataset_rules *rules = options->rules;
    int32_t dimension = options->dims[m], emotion = corpus->emotions[row];
    const double *value_direction = directions + (size_t)rules->class_count * (size_t)dimension;
    const double *class_direction =
        emotion >= 0 ? directions + (size_t)emotion * (size_t)dimension : NULL;
    bool valued = rules->value_range > 0 && !isnan(corpus->valences[row]);
    double slope = valued ? 2 * (double)corpus->valences[row] / rules->value_range : 0;
    mb_key key = mb_key_make(options->seed, 0);
    uint64_t first = (uint64_t)row * (uint64_t)dimension;
    for (int32_t d = 0; d < dimension; d++) {
        double mean = slope * value_direction[d];
        if (class_direction != NULL)
            mean += class_direction[d];
        double noise = mb_random_normal(key, MB_RANDOM_SYNTHETIC, MB_SYNTH_NOISE + (uint32_t)m,
                                        first + (uint64_t)d);
        values[d] = (float)(options->signal[m] * mean + noise);
    }
}

static mb_status begin_feature(const mb_synth_options *options, int32_t m, int32_t level,
                               mb_corpus *corpus, mb_feature **feature, mb_error *error) {
    *feature = &corpus->features[corpus->feature_count++];
    (*feature)->modality = m;
    (*feature)->level = level;
    (*feature)->dimension = options->dims[m];
    (*feature)->offsets = calloc((size_t)corpus->utterance_count + 1, sizeof *(*feature)->offsets);
    char name[64];
    snprintf(name, sizeof name, "synth-%s-%s", mb_modality_names[m],
             level == MB_LEVEL_FRAME ? "FRA" : "UTT");
    (*feature)->name = strdup(name);
    if ((*feature)->offsets == NULL || (*feature)->name == NULL)
        return mb_out_of_memory(error, "a synthetic feature");
    return MB_OK;
}

static mb_status add_utterance_feature(const mb_synth_options *options, int32_t m,
                                       mb_corpus *corpus, mb_error *error) {
    mb_feature *feature;
    mb_status status = begin_feature(options, m, MB_LEVEL_UTTERANCE, corpus, &feature, error);
    if (status == MB_OK)
        status =
            allocate_values(corpus->utterance_count, feature->dimension, &feature->values, error);
    if (status != MB_OK)
        return status;
    double *directions = draw_directions(options, m);
    if (directions == NULL)
        return mb_out_of_memory(error, "directions of synthetic features");
    for (int32_t row = 0; row < corpus->utterance_count; row++) {
        feature->offsets[row + 1] = row + 1;
        fill_utterance(options, corpus, m, row, directions,
                       feature->values + (size_t)row * (size_t)feature->dimension);
    }
    free(directions);
    return MB_OK;
}

static mb_status add_frame_feature(const mb_synth_options *options, int32_t m, mb_corpus *corpus,
                                   const mb_feature *base, mb_error *error) {
    mb_feature *feature;
    mb_status status = begin_feature(options, m, MB_LEVEL_FRAME, corpus, &feature, error);
    if (status != MB_OK)
        return status;
    mb_key key = mb_key_make(options->seed, 0);
    for (int32_t row = 0; row < corpus->utterance_count; row++)
        feature->offsets[row + 1] =
            feature->offsets[row] + 1 +
            mb_random_below(key, MB_RANDOM_SYNTHETIC, MB_SYNTH_LENGTHS + (uint32_t)m, (uint64_t)row,
                            2 * mean_frames[m] - 1);
    int64_t frames = feature->offsets[corpus->utterance_count];
    status = allocate_values(frames, feature->dimension, &feature->values, error);
    if (status != MB_OK)
        return status;
    size_t dimension = (size_t)feature->dimension;
    for (int32_t row = 0; row < corpus->utterance_count; row++) {
        const float *centre = base->values + (size_t)row * dimension;
        for (int64_t frame = feature->offsets[row]; frame < feature->offsets[row + 1]; frame++)
            for (size_t d = 0; d < dimension; d++) {
                size_t index = (size_t)frame * dimension + d;
                double noise = mb_random_normal(key, MB_RANDOM_SYNTHETIC,
                                                MB_SYNTH_FRAME_NOISE + (uint32_t)m, index);
                feature->values[index] = (float)((double)centre[d] + noise);
            }
    }
    return MB_OK;
}

mb_status mb_synth_features(const mb_synth_options *options, mb_corpus *corpus, mb_error *error) {
    corpus->features = calloc(2 * MB_MODALITY_COUNT, sizeof *corpus->features);
    if (corpus->features == NULL)
        return mb_out_of_memory(error, "synthetic features");
    mb_status status = MB_OK;
    for (int32_t m = 0; m < MB_MODALITY_COUNT && status == MB_OK; m++)
        status = add_utterance_feature(options, m, corpus, error);
    for (int32_t m = 0; options->frames && m < MB_MODALITY_COUNT && status == MB_OK; m++)
        status = add_frame_feature(options, m, corpus, &corpus->features[m], error);
    return status;
}
