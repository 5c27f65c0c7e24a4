// Features as the models read them: aligned, compressed, ready to be padded at the front.
// Source: the toolkit's data set class (align_to_utt, align_to_text, feature_scale_compress).
#ifndef MERBENCH_SEQUENCES_H
#define MERBENCH_SEQUENCES_H

#include "merbench/corpus.h"
#include "merbench/stream.h"

// A stream for each feature.
typedef struct mb_sequences {
    mb_feature_type type;
    int32_t utterance_count;
    int32_t stream_count;
    mb_stream streams[MB_MAX_STREAMS];
} mb_sequences;

// Makes the sequences of `count` features of an open corpus; the result owns its memory. The same
// feature may stand in several places; NULL leaves a stream out (dimension 0). MB_FRM_ALIGN wants
// the text at MB_TEXT, which gives all others their lengths.
mb_status mb_sequences_make(mb_corpus *corpus, const char *const feature_names[], int32_t count,
                            mb_feature_type type, mb_sequences *sequences, mb_error *error);
void mb_sequences_free(mb_sequences *sequences);

// map(feature (length, dim), target) -> (target, dim): front padding with zero rows, or means over
// groups with zero rows in front. Sums in double, stored in single precision.
void mb_sequence_map(const float *frames, int32_t length, int32_t dimension, int32_t target,
                     float *result);

#endif
