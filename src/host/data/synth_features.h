// The features of a synthetic corpus, and which random numbers belong to what.
#ifndef MB_DATA_SYNTH_FEATURES_H
#define MB_DATA_SYNTH_FEATURES_H

#include "data/synth.h"

// Steps of MB_RANDOM_SYNTHETIC; those of a modality or split are numbered from the base.
enum {
    MB_SYNTH_VALUES = 0,
    MB_SYNTH_LABELS = 16,
    MB_SYNTH_CLASS_DIRECTIONS = 32,
    MB_SYNTH_VALUE_DIRECTION = 48,
    MB_SYNTH_NOISE = 64,
    MB_SYNTH_LENGTHS = 80,
    MB_SYNTH_FRAME_NOISE = 96,
};

// Adds the features to a corpus whose utterances are labelled.
mb_status mb_synth_features(const mb_synth_options *options, mb_corpus *corpus, mb_error *error);

#endif
