// A corpus: utterances, labels, splits and extracted features of one dataset, in one HDF5 file.
// The file's layout is documented in docs/corpus-format.md.
#ifndef MERBENCH_CORPUS_H
#define MERBENCH_CORPUS_H

#include <stdint.h>

#include "merbench/dataset.h"
#include "merbench/status.h"

#define MB_EMOTION_MISSING (-1) // emotion of an utterance that has none; a missing valence is NaN

enum { MB_LEVEL_UTTERANCE = 0, MB_LEVEL_FRAME = 1 };

typedef struct mb_feature {
    char *name;        // as the toolkit names it: "lsa-en-256-UTT"
    int32_t modality;  // MB_AUDIO ..., or -1 when not known
    int32_t level;     // MB_LEVEL_UTTERANCE: one frame per utterance
    int32_t dimension; // D
    char digest[33];   // of dimension, offsets and values
    int64_t *offsets; // (N + 1) frames; NULL until loaded. Frames of utterance i: offsets[i]..[i+1]
    float *values;    // (offsets[N], D); NULL until loaded
} mb_feature;

typedef struct mb_split {
    char *name; // "train", "val", "test", "test1" ... "whole"
    int32_t count;
    int32_t *rows; // utterance indices in the toolkit's order
} mb_split;

typedef struct mb_corpus {
    char *path;
    const mb_dataset_rules *rules;
    int32_t utterance_count; // N
    char **names;            // N
    int32_t *emotions;       // N, class index or MB_EMOTION_MISSING
    float *valences;         // N, NaN = missing
    char **transcripts;      // N or NULL
    int32_t split_count;
    mb_split *splits;
    int32_t feature_count;
    mb_feature *features;
    char *source;       // provenance: folder or "synthetic: ..."
    char *tool_version; // merbench version that wrote the file
    char digest[33];    // of dataset name, names, labels and splits; features have their own
} mb_corpus;

// Reads everything but feature values. MB_BAD_INPUT for a file that is not a corpus, is truncated
// or was written by another format version. The corpus must be closed also after a failure.
mb_status mb_corpus_open(const char *path, mb_corpus *corpus, mb_error *error);

// Loads offsets and values of one feature (no-op when loaded) and checks that every value is
// finite. Not thread-safe: load before starting threads.
mb_status mb_corpus_load(mb_corpus *corpus, const char *feature_name, const mb_feature **feature,
                         mb_error *error);

// The feature's description, or NULL; never loads.
const mb_feature *mb_corpus_feature(const mb_corpus *corpus, const char *feature_name);
const mb_split *mb_corpus_split(const mb_corpus *corpus, const char *split_name);

void mb_corpus_close(mb_corpus *corpus);

#endif
