// A corpus: the utterances, labels, splits and extracted features of one dataset, in one HDF5 file.
// A program opens a corpus, loads the features that it needs, makes sequences of them (sequences.h)
// and cuts the utterances into folds (folds.h).
//
// The layout of the file is documented in docs/corpus-format.md.
#ifndef MERBENCH_CORPUS_H
#define MERBENCH_CORPUS_H

#include <stdbool.h>
#include <stdint.h>

#include "merbench/dataset.h"
#include "merbench/status.h"

#define MB_EMOTION_MISSING (-1) // emotion of an utterance that has none; a missing valence is NaN

enum { MB_LEVEL_UTTERANCE = 0, MB_LEVEL_FRAME = 1 };

typedef struct mb_feature {
    char *name;        // as in the toolkit: "lsa-en-256-UTT"
    int32_t modality;  // MB_AUDIO ..., or -1 if unknown
    int32_t level;     // MB_LEVEL_UTTERANCE: one frame per utterance
    int32_t dimension; // D
    char digest[33];   // hash of dimension, offsets and values
    // Both NULL until loaded. Utterance i has frames offsets[i] ... offsets[i + 1] - 1.
    int64_t *offsets; // (N + 1)
    float *values;    // (offsets[N], D)
} mb_feature;

typedef struct mb_split {
    char *name; // "train", "val", "test", "test1" ... "whole"
    int32_t count;
    int32_t *rows; // (count) utterance indices, in the toolkit's order
} mb_split;

typedef struct mb_corpus {
    char *path;
    const mb_dataset_rules *rules;
    int32_t utterance_count; // N
    char **names;            // (N)
    int32_t *emotions;       // (N) class index or MB_EMOTION_MISSING
    float *valences;         // (N) NaN if missing
    char **transcripts;      // (N) or NULL
    int32_t split_count;
    mb_split *splits;
    int32_t feature_count;
    mb_feature *features;
    char *source;       // where it came from: a folder or "synthetic: ..."
    char *tool_version; // version of merbench that wrote the file
    char digest[33];    // hash of the dataset's name and the utterances' names, labels and splits
} mb_corpus;

// Reads everything but the values of features. MB_BAD_INPUT for a file that is not a corpus, is
// truncated, or was written in another version of the format. The corpus must be closed even after
// a failure.
mb_status mb_corpus_open(const char *path, mb_corpus *corpus, mb_error *error);

// Loads the offsets and values of one feature, unless they are loaded already, and checks that
// every value is finite. Not thread-safe: load before threads start.
mb_status mb_corpus_load(mb_corpus *corpus, const char *feature_name, const mb_feature **feature,
                         mb_error *error);

// The description of a feature or split, or NULL; nothing is loaded.
const mb_feature *mb_corpus_feature(const mb_corpus *corpus, const char *feature_name);
const mb_split *mb_corpus_split(const mb_corpus *corpus, const char *split_name);

void mb_corpus_close(mb_corpus *corpus);

// A file from a stranger may crash the HDF5 library, or keep it busy for ever: the seal of a corpus
// tells damage, but anybody can seal a file. The program `merbench` lets a child process open each
// file first, with limits of memory and time. This library starts no processes by itself. A program
// that opens files of strangers with it can do the same: the guard is called before the HDF5
// library opens a corpus (or another HDF5 file, for parity), and any status but MB_OK, with a
// message, keeps the library from doing so. Set it before other threads use the library.
typedef mb_status (*mb_file_guard)(const char *path, bool corpus, mb_error *error);
void mb_set_file_guard(mb_file_guard guard);

#endif
