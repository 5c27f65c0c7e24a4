#include "merbench/sequences.h"

#include <stdlib.h>
#include <string.h>

enum { COLUMN_BLOCK = 128 }; // columns that are summed at a time, in double

static int64_t ceiling(int64_t length, int64_t divisor) {
    return (length + divisor - 1) / divisor;
}

// Mean over the rows first .. first + pool - 1 of `frames`; rows below zero are padding: they add
// nothing to the sum and count in the divisor.
static void mean_of_group(const float *frames, int32_t dimension, int64_t first, int64_t pool,
                          float *result) {
    int64_t start = first < 0 ? 0 : first;
    for (int32_t block = 0; block < dimension; block += COLUMN_BLOCK) {
        int32_t width = dimension - block < COLUMN_BLOCK ? dimension - block : COLUMN_BLOCK;
        double sums[COLUMN_BLOCK] = {0};
        for (int64_t row = start; row < first + pool; row++)
            for (int32_t d = 0; d < width; d++)
                sums[d] += (double)frames[row * dimension + block + d];
        for (int32_t d = 0; d < width; d++)
            result[block + d] = (float)(sums[d] / (double)pool);
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
    for (int64_t row = 0; row < target; row++, first += pool)
        mean_of_group(frames, dimension, first, pool, result + row * dimension);
}

void mb_sequence_map(const float *frames, int32_t length, int32_t dimension, int32_t target,
                     float *result) {
    map_frames(frames, length, dimension, target, result);
}

static int64_t frames_of(const mb_feature *feature, int32_t utterance) {
    return feature->offsets[utterance + 1] - feature->offsets[utterance];
}

// What is made of one feature: its compression and, for frm_align, the text that gives the lengths.
typedef struct making {
    int64_t scale; // 0: the mean of all frames
    const mb_feature *guide;
} making;

static int64_t target_length(const mb_feature *feature, const making *recipe, int32_t utterance) {
    if (recipe->scale == 0)
        return 1;
    const mb_feature *guide = recipe->guide != NULL ? recipe->guide : feature;
    return ceiling(frames_of(guide, utterance), recipe->scale);
}

// Allocates a sequence with its offsets; *compressed is the longest intermediate result in frames.
static mb_status allocate(const mb_feature *feature, const making *recipe, int32_t utterance_count,
                          mb_sequence *sequence, int64_t *compressed, mb_error *error) {
    sequence->offsets = calloc((size_t)utterance_count + 1, sizeof *sequence->offsets);
    if (sequence->offsets == NULL)
        return mb_out_of_memory(error, "offsets of a sequence");
    *compressed = 0;
    for (int32_t i = 0; i < utterance_count; i++) {
        sequence->offsets[i + 1] = sequence->offsets[i] + target_length(feature, recipe, i);
        int64_t own = recipe->scale == 0 ? 1 : ceiling(frames_of(feature, i), recipe->scale);
        *compressed = own > *compressed ? own : *compressed;
    }
    size_t bytes;
    if (__builtin_mul_overflow((size_t)sequence->offsets[utterance_count],
                               (size_t)feature->dimension * sizeof(float), &bytes))
        return mb_out_of_memory(error, "values of a sequence");
    sequence->values = malloc(bytes > 0 ? bytes : 1);
    if (sequence->values == NULL)
        return mb_out_of_memory(error, "values of a sequence");
    sequence->dimension = feature->dimension;
    return MB_OK;
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

static mb_status make_sequence(const mb_feature *feature, const making *recipe,
                               int32_t utterance_count, mb_sequence *sequence, mb_error *error) {
    int64_t longest = 0;
    mb_status status = allocate(feature, recipe, utterance_count, sequence, &longest, error);
    if (status != MB_OK)
        return status;
    int32_t dimension = feature->dimension;
    float *compressed = calloc((size_t)longest * (size_t)dimension + 1, sizeof *compressed);
    if (compressed == NULL)
        return mb_out_of_memory(error, "compressed frames");
    for (int32_t i = 0; i < utterance_count; i++) {
        const float *frames = feature->values + feature->offsets[i] * dimension;
        float *result = sequence->values + sequence->offsets[i] * dimension;
        int64_t length = frames_of(feature, i);
        int64_t target = sequence->offsets[i + 1] - sequence->offsets[i];
        int64_t own = recipe->scale == 0 ? 1 : ceiling(length, recipe->scale);
        if (own == target) {
            map_frames(frames, length, dimension, target, result);
        } else {
            map_frames(frames, length, dimension, own, compressed);
            map_frames(compressed, own, dimension, target, result);
        }
    }
    free(compressed);
    if (recipe->scale == 0) {
        free(sequence->offsets);
        sequence->offsets = NULL;
    }
    return MB_OK;
}

// The modality before `m` that holds the same feature, or -1.
static int32_t same_before(const mb_feature *const features[MB_MODALITY_COUNT], int32_t m) {
    for (int32_t other = 0; other < m; other++)
        if (features[other] == features[m])
            return other;
    return -1;
}

mb_status mb_sequences_make(mb_corpus *corpus, const char *const feature_names[MB_MODALITY_COUNT],
                            mb_feature_type type, mb_sequences *sequences, mb_error *error) {
    *sequences = (mb_sequences){.type = type, .utterance_count = corpus->utterance_count};
    const mb_feature *features[MB_MODALITY_COUNT] = {NULL};
    mb_status status = MB_OK;
    for (int32_t m = 0; m < MB_MODALITY_COUNT && status == MB_OK; m++) {
        if (feature_names[m] == NULL)
            continue;
        status = mb_corpus_load(corpus, feature_names[m], &features[m], error);
        if (status == MB_OK)
            status = check_frames(corpus, features[m], error);
    }
    making recipe = {type == MB_FRM_ALIGN ? 6 : type == MB_FRM_UNALIGN ? 12 : 0, NULL};
    if (status == MB_OK && type == MB_FRM_ALIGN) {
        recipe.guide = features[MB_TEXT];
        if (recipe.guide == NULL)
            return mb_fail(error, MB_BAD_INPUT,
                           "feature type 'frm_align' maps audio and video to the length of the "
                           "text: expected a text feature, found none");
    }
    for (int32_t m = 0; m < MB_MODALITY_COUNT && status == MB_OK; m++) {
        if (features[m] == NULL)
            continue;
        int32_t same = same_before(features, m);
        if (same >= 0)
            sequences->modalities[m] = sequences->modalities[same];
        else
            status = make_sequence(features[m], &recipe, corpus->utterance_count,
                                   &sequences->modalities[m], error);
    }
    if (status != MB_OK)
        mb_sequences_free(sequences);
    return status;
}

void mb_sequences_free(mb_sequences *sequences) {
    mb_sequence *all = sequences->modalities;
    for (int32_t m = 0; m < MB_MODALITY_COUNT; m++) {
        bool shared = false; // the same feature in two places shares its memory
        for (int32_t other = 0; other < m; other++)
            shared = shared ||
                     (all[other].values == all[m].values && all[other].offsets == all[m].offsets);
        if (shared)
            continue;
        free(all[m].offsets);
        free(all[m].values);
    }
    *sequences = (mb_sequences){0};
}

int32_t mb_sequence_longest(const mb_sequence *sequence, const int32_t *rows, int32_t count) {
    if (sequence->offsets == NULL)
        return 1;
    int64_t longest = 0;
    for (int32_t i = 0; i < count; i++) {
        int64_t length = sequence->offsets[rows[i] + 1] - sequence->offsets[rows[i]];
        longest = length > longest ? length : longest;
    }
    return (int32_t)longest;
}
