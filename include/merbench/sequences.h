// Features as models read them: aligned, compressed, ready to be padded. A program makes sequences
// from the features of a corpus and puts their streams into the datasets of runs (train.h).
//
// Source: the toolkit's data set class (align_to_utt, align_to_text, feature_scale_compress).
#ifndef MERBENCH_SEQUENCES_H
#define MERBENCH_SEQUENCES_H

#include "merbench/corpus.h"
#include "merbench/stream.h"

// One stream for each feature.
typedef struct mb_sequences {
    mb_feature_type type;
    int32_t utterance_count;
    int32_t stream_count;
    mb_stream streams[MB_MAX_STREAMS];
} mb_sequences;

// Makes the sequences of `count` features of an open corpus; the result owns its memory. A feature
// may be named more than once; NULL makes an absent stream (dimension 0). MB_FRM_ALIGN needs the
// text at index MB_TEXT: all other streams are mapped to its lengths.
mb_status mb_sequences_make(mb_corpus *corpus, const char *const feature_names[], int32_t count,
                            mb_feature_type type, mb_sequences *sequences, mb_error *error);
void mb_sequences_free(mb_sequences *sequences);

// Maps frames (length, dimension) to result (target, dimension). A longer target puts zero frames
// before the frames; a shorter one takes means of groups of frames, zero frames prepended to fill
// the groups. Sums are in double, results in single precision.
void mb_sequence_map(const float *frames, int32_t length, int32_t dimension, int32_t target,
                     float *result);

#endif
