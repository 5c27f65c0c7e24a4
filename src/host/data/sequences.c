#include "merbench/sequences.h"

#include <stdlib.h>
#include <string.h>

#include "data/corpus_file.h"

enum { COLUMN_CHUNK = 128 }; // columns that are summed at a time, in double

static int64_t ceiling(int64_t length, int64_t divisor) {
    return (length + divisor - 1) / divisor;
}

// The mean of the frames first .. first + pool - 1. Negative frames are padding: they add nothing
// to the sum, but count in the divisor.
static void mean_of_group(const float *frames, int32_t dimension, int64_t first, int64_t pool,
                          float *result) {
    int64_t start = first < 0 ? 0 : first;
    for (int32_t column = 0; column < dimension; column += COLUMN_CHUNK) {
        int32_t width = dimension - column < COLUMN_CHUNK ? dimension - column : COLUMN_CHUNK;
        double sums[COLUMN_CHUNK] = {0};
        for (int64_t frame = start; frame < first + pool; frame++)
            for (int32_t d = 0; d < width; d++)
                sums[d] += (double)frames[frame * dimension + column + d];
        for (int32_t d = 0; d < width; d++)
            result[column + d] = (float)(sums[d] / (double)pool);
    }
}

static void map_frames(const float *frames, int64_t length, int32_t dimension, int64_t target,
                       float *result) {
    if (length <= target) {
        size_t padding = (size_t)(target - length) * (size_t)dimension;
        memset(result, 0, padding * sizeof *result);
        memcpy(result + padding, frames, (size_t)length * (size_t)dimension * sizeof *result);
        return;
    }
    int64_t pool = ceiling(length, target), first = length - pool * target;
    for (int64_t frame = 0; frame < target; frame++, first += pool)
        mean_of_group(frames, dimension, first, pool, result + frame * dimension);
}

void mb_sequence_map(const float *frames, int32_t length, int32_t dimension, int32_t target,
                     float *result) {
    map_frames(frames, length, dimension, target, result);
}

static int64_t frames_of(const mb_feature *feature, int32_t utterance) {
    return feature->offsets[utterance + 1] - feature->offsets[utterance];
}

// How a sequence is made from a feature: its compression and, for frm_align, the text feature whose
// lengths it takes.
typedef struct sequence_recipe {
    int64_t scale; // frames that become one; 0: the mean of all frames
    const mb_feature *guide;
} sequence_recipe;

static int64_t target_length(const mb_feature *feature, const sequence_recipe *recipe,
                             int32_t utterance) {
    if (recipe->scale == 0)
        return 1;
    const mb_feature *guide = recipe->guide != NULL ? recipe->guide : feature;
    return ceiling(frames_of(guide, utterance), recipe->scale);
}

// A sequence in the making.
typedef struct sequence {
    int64_t *offsets; // (N + 1)
    float *values;
    int64_t longest; // frames of the longest intermediate result
} sequence;

static mb_status allocate(const mb_feature *feature, const sequence_recipe *recipe,
                          int32_t utterance_count, sequence *made, mb_error *error) {
    made->offsets = calloc((size_t)utterance_count + 1, sizeof *made->offsets);
    if (made->offsets == NULL)
        return mb_out_of_memory(error, "offsets of a sequence");
    for (int32_t i = 0; i < utterance_count; i++) {
        made->offsets[i + 1] = made->offsets[i] + target_length(feature, recipe, i);
        int64_t own = recipe->scale == 0 ? 1 : ceiling(frames_of(feature, i), recipe->scale);
        made->longest = own > made->longest ? own : made->longest;
    }
    size_t bytes;
    if (__builtin_mul_overflow((size_t)made->offsets[utterance_count],
                               (size_t)feature->dimension * sizeof(float), &bytes))
        return mb_out_of_memory(error, "values of a sequence");
    made->values = malloc(bytes > 0 ? bytes : 1);
    return made->values == NULL ? mb_out_of_memory(error, "values of a sequence") : MB_OK;
}

static mb_status check_frames(const mb_corpus *corpus, const mb_feature *feature, mb_error *error) {
    for (int32_t i = 0; i < corpus->utterance_count; i++)
        if (frames_of(feature, i) < 1)
            return mb_fail(error, MB_BAD_INPUT,
                           "%s: feature '%s': utterance '%s': expected at least one frame, found "
                           "none",
                           corpus->path != NULL ? corpus->path : corpus->rules->name, feature->name,
                           corpus->names[i]);
    return MB_OK;
}

typedef struct sequence_maker {
    const mb_feature *feature;
    const sequence_recipe *recipe;
    const sequence *made;
    float *compressed; // an intermediate result
} sequence_maker;

// Makes the frames of some utterances.
static void map_utterances(void *context, int32_t first, int32_t count, const float *frames) {
    const sequence_maker *maker = context;
    const mb_feature *feature = maker->feature;
    const sequence *made = maker->made;
    int32_t dimension = feature->dimension;
    for (int32_t i = first; i < first + count; i++) {
        const float *own_frames =
            frames + (feature->offsets[i] - feature->offsets[first]) * dimension;
        float *result = made->values + made->offsets[i] * dimension;
        int64_t length = frames_of(feature, i);
        int64_t target = made->offsets[i + 1] - made->offsets[i];
        int64_t own = maker->recipe->scale == 0 ? 1 : ceiling(length, maker->recipe->scale);
        if (own == target) {
            map_frames(own_frames, length, dimension, target, result);
            continue;
        }
        map_frames(own_frames, length, dimension, own, maker->compressed);
        map_frames(maker->compressed, own, dimension, target, result);
    }
}

static mb_status make_sequence(const mb_corpus *corpus, const mb_feature *feature,
                               const sequence_recipe *recipe, mb_stream *stream, mb_error *error) {
    sequence made = {.offsets = NULL};
    mb_status status = allocate(feature, recipe, corpus->utterance_count, &made, error);
    float *compressed = NULL;
    if (status == MB_OK) {
        size_t numbers = (size_t)made.longest * (size_t)feature->dimension;
        compressed = calloc(numbers + 1, sizeof *compressed);
        status = compressed == NULL ? mb_out_of_memory(error, "compressed frames") : MB_OK;
    }
    if (status == MB_OK) {
        sequence_maker maker = {feature, recipe, &made, compressed};
        status = mb_corpus_use(corpus, feature, &(mb_feature_user){map_utterances, &maker}, error);
    }
    free(compressed);
    if (status != MB_OK || recipe->scale == 0) { // one frame per utterance needs no offsets
        free(made.offsets);
        made.offsets = NULL;
    }
    if (status != MB_OK) {
        free(made.values);
        return status;
    }
    *stream = (mb_stream){.dimension = feature->dimension,
                          .type = MB_FLOAT32,
                          .offsets = made.offsets,
                          .values = made.values};
    return MB_OK;
}

// The first position before `i` that holds the same feature, or -1.
static int32_t same_before(const mb_feature *const features[], int32_t i) {
    for (int32_t other = 0; other < i; other++)
        if (features[other] == features[i])
            return other;
    return -1;
}

mb_status mb_sequences_make(mb_corpus *corpus, const char *const feature_names[], int32_t count,
                            mb_feature_type type, mb_sequences *sequences, mb_error *error) {
    *sequences = (mb_sequences){
        .type = type, .utterance_count = corpus->utterance_count, .stream_count = count};
    const mb_feature *features[MB_MAX_STREAMS] = {NULL};
    mb_status status = MB_OK;
    for (int32_t i = 0; i < count && status == MB_OK; i++) {
        if (feature_names[i] == NULL)
            continue;
        status = mb_corpus_load_offsets(corpus, feature_names[i], &features[i], error);
        if (status == MB_OK)
            status = check_frames(corpus, features[i], error);
    }
    sequence_recipe recipe = {type == MB_FRM_ALIGN ? 6 : type == MB_FRM_UNALIGN ? 12 : 0, NULL};
    if (status == MB_OK && type == MB_FRM_ALIGN) {
        recipe.guide = features[MB_TEXT];
        if (recipe.guide == NULL)
            return mb_fail(error, MB_BAD_INPUT,
                           "feature type 'frm_align' maps audio and video to the length of the "
                           "text: expected a text feature, found none");
    }
    for (int32_t i = 0; i < count && status == MB_OK; i++) {
        if (features[i] == NULL)
            continue;
        int32_t same = same_before(features, i);
        if (same >= 0)
            sequences->streams[i] = sequences->streams[same];
        else
            status = make_sequence(corpus, features[i], &recipe, &sequences->streams[i], error);
    }
    if (status != MB_OK)
        mb_sequences_free(sequences);
    return status;
}

void mb_sequences_free(mb_sequences *sequences) {
    const mb_stream *all = sequences->streams;
    for (int32_t i = 0; i < sequences->stream_count; i++) {
        bool shared = false; // a feature that is used twice shares its memory
        for (int32_t other = 0; other < i; other++)
            shared = shared ||
                     (all[other].values == all[i].values && all[other].offsets == all[i].offsets);
        if (shared)
            continue;
        free((void *)all[i].offsets);
        free((void *)all[i].values);
    }
    *sequences = (mb_sequences){0};
}
