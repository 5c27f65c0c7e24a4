// Synthetic corpora: sizes, splits, class balance and names like a dataset's, features that carry a
// signal of known strength. docs/datasets.md tells where the numbers come from.
#ifndef MB_DATA_SYNTH_H
#define MB_DATA_SYNTH_H

#include <stdbool.h>
#include <stdint.h>

#include "merbench/corpus.h"

#define MB_SYNTH_MAX_SPLITS 4
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

// Utterances of a split: per class, or negative / zero / positive where there is only a value.
typedef struct mb_synth_split {
    const char *name;
    int32_t counts[8];
    bool without_values; // as MER2023's third test set
} mb_synth_split;

// What a synthetic corpus imitates.
typedef struct mb_synth_profile {
    const char *dataset;
    mb_synth_names names;
    mb_synth_split splits[MB_SYNTH_MAX_SPLITS]; // until a name is NULL
    int32_t sessions[5];                        // sizes; zeros = no sessions
    int32_t value_levels;   // C = 0: |value| is one of range/levels, 2 range/levels ... range
    double class_values[8]; // C > 0 and R > 0: mean value of each class, as a part of the range
    int32_t dims[MB_MODALITY_COUNT];
    double signal[MB_MODALITY_COUNT];
} mb_synth_profile;

const mb_synth_profile *mb_synth_profile_find(const mb_dataset_rules *rules); // NULL: none

typedef struct mb_synth_options {
    const mb_dataset_rules *rules;
    uint32_t seed;
    double scale; // of the number of utterances
    double signal[MB_MODALITY_COUNT];
    int32_t dims[MB_MODALITY_COUNT];
    bool frames; // also frame-level features
} mb_synth_options;

// Seed 1, scale 1, dimensions and signal of the profile. MB_UNSUPPORTED without a profile.
mb_status mb_synth_defaults(const mb_dataset_rules *rules, mb_synth_options *options,
                            mb_error *error);

// Makes the corpus in memory, all features loaded; close it with mb_corpus_close, also after a
// failure. The same options give the same corpus, bit for bit.
//
// A feature of modality m is x = signal[m] (u(m, class) + (2 value / range) w(m)) + noise, with
// unit vectors u and w at random and a noise of unit variance in each dimension; without classes or
// values their term is absent. So the means of two classes lie about signal * sqrt(2) standard
// deviations of the noise apart, and without signal there is nothing to learn. A frame is its
// utterance's vector plus new noise.
mb_status mb_synth_make(const mb_synth_options *options, mb_corpus *corpus, mb_error *error);

#endif
