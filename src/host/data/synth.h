// Synthetic corpora with the sizes, splits, class balance and utterance names of a dataset,
// and with features that carry a signal of known strength. The numbers are from the sources
// in docs/datasets.md.
#ifndef MB_DATA_SYNTH_H
#define MB_DATA_SYNTH_H

#include <stdbool.h>
#include <stdint.h>

#include "merbench/corpus.h"

#define MB_SYNTH_MAX_SPLITS 4
#define MB_SYNTH_FOLDS 5 // where a dataset has folds
#define MB_SYNTH_MAX_SIGNAL 1000.0
#define MB_SYNTH_MAX_DIMENSION 1048576
#define MB_SYNTH_MAX_SCALE 100.0

typedef enum mb_synth_names {
    MB_SYNTH_NAMES_PLAIN,    // sample_00000007
    MB_SYNTH_NAMES_DIALOGUE, // train_dia0_utt7
    MB_SYNTH_NAMES_SESSION,  // Ses01F_impro01_F000
    MB_SYNTH_NAMES_VIDEO_ID, // SYN00000000_8, as long as a name of CMU-MOSI
    MB_SYNTH_NAMES_VIDEO,    // video_0001_0008
} mb_synth_names;

// The number of utterances of a split: per class or, without classes, with a negative, zero and
// positive value.
typedef struct mb_synth_split {
    const char *name;
    int32_t counts[8];
    bool without_values; // like the third test set of MER2023
} mb_synth_split;

// The properties of a dataset that a synthetic corpus imitates.
typedef struct mb_synth_profile {
    const char *dataset;
    mb_synth_names names;
    mb_synth_split splits[MB_SYNTH_MAX_SPLITS]; // a NULL name ends the list
    int32_t sessions[5];                        // relative sizes; zeros = no sessions
    int32_t value_levels; // without classes: |value| is range/levels, 2 range/levels ... range
    double
        class_values[8]; // with classes and values: mean of each class as a fraction of the range
    int32_t dims[MB_MODALITY_COUNT];
    double signal[MB_MODALITY_COUNT];
} mb_synth_profile;

const mb_synth_profile *mb_synth_profile_find(const mb_dataset_rules *rules); // NULL: none

typedef struct mb_synth_options {
    const mb_dataset_rules *rules;
    uint32_t seed;
    double scale; // multiplies the number of utterances
    // Utterances that every category of a split, or of a fold that a split is cut into, keeps at
    // any scale; 0 = 2 of a split.
    int32_t least;
    double signal[MB_MODALITY_COUNT];
    int32_t dims[MB_MODALITY_COUNT];
    bool frames; // add frame-level features
} mb_synth_options;

// Sets seed 1, scale 1, and the dimensions and signal of the profile. MB_UNSUPPORTED if the dataset
// has no profile.
mb_status mb_synth_defaults(const mb_dataset_rules *rules, mb_synth_options *options,
                            mb_error *error);

// Makes the corpus in memory, with all features loaded. Close it with mb_corpus_close, also after a
// failure. The same options give the same corpus, bit for bit.
//
// A feature of modality m is x = signal[m] (u(m, class) + (2 value / range) w(m)) + noise. Here u
// and w are random unit vectors, and the noise has unit variance in each dimension. The term of the
// classes or of the values is absent if the dataset has none. The distance between the means of two
// classes is therefore about signal * sqrt(2) standard deviations of the noise, and without signal
// there is nothing to learn. A frame is the vector of its utterance plus new noise.
mb_status mb_synth_make(const mb_synth_options *options, mb_corpus *corpus, mb_error *error);

// Makes the utterances alone, with names, labels and splits, for a caller that makes other features
// and describes the `source`, which begins with MB_SYNTH_SOURCE. `signal`, `dims` and `frames` are
// not used. Close the corpus also after a failure.
mb_status mb_synth_utterances(const mb_synth_options *options, mb_corpus *corpus, mb_error *error);

// The same for a dataset whose utterances are among those of another: those of `whole` whose
// category (class, or 0, 1, 2 for a negative, zero and positive value) becomes one of the dataset,
// in their order, until each category of each split has its number. `category_of` has the new
// category for each category of `whole`, or -1. *rows, to be freed, receives the row in `whole` of
// each utterance.
mb_status mb_synth_subset(const mb_synth_options *options, const mb_corpus *whole,
                          const int32_t *category_of, mb_corpus *corpus, int32_t **rows,
                          mb_error *error);

// How many utterances of a category a split has.
int32_t mb_synth_count(const mb_synth_options *options, const mb_synth_split *split,
                       int32_t category);

// What the source of every synthetic corpus begins with.
#define MB_SYNTH_SOURCE "synthetic: "

// Whether a corpus was made by mb_synth_make. Its sizes are then what somebody asked for.
bool mb_synth_made(const mb_corpus *corpus);

#endif
