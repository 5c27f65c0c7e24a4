// Features as the models read them: aligned, compressed, ready to be padded at the front.
// Source: the toolkit's data set class (align_to_utt, align_to_text, feature_scale_compress).
#ifndef MERBENCH_SEQUENCES_H
#define MERBENCH_SEQUENCES_H

#include "merbench/corpus.h"

typedef struct mb_sequence {
    int32_t dimension; // D
    int64_t *offsets;  // (N + 1) frames; NULL for MB_UTT (frame i = utterance i)
    float *values;     // (frames, D)
} mb_sequence;

typedef struct mb_sequences {
    mb_feature_type type;
    int32_t utterance_count;
    mb_sequence modalities[MB_MODALITY_COUNT];
} mb_sequences;

// Builds the three sequences of `feature_names` (audio, text, video) from a loaded corpus; the
// result owns its memory. The same feature may stand in several places; NULL leaves a modality out
// (dimension 0).
mb_status mb_sequences_make(mb_corpus *corpus, const char *const feature_names[MB_MODALITY_COUNT],
                            mb_feature_type type, mb_sequences *sequences, mb_error *error);
void mb_sequences_free(mb_sequences *sequences);

// Longest sequence of a modality over `rows` (1 for MB_UTT).
int32_t mb_sequence_longest(const mb_sequence *sequence, const int32_t *rows, int32_t count);

// map(feature (length, dim), target) -> (target, dim): front padding with zero rows, or means over
// groups with zero rows in front. Sums in double, stored in single precision.
void mb_sequence_map(const float *frames, int32_t length, int32_t dimension, int32_t target,
                     float *result);

#endif
