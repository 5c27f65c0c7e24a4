// The features of a synthetic corpus, and the numbering of its random numbers.
#ifndef MB_DATA_SYNTH_FEATURES_H
#define MB_DATA_SYNTH_FEATURES_H

#include "data/synth.h"

// Values of `step` for random numbers of the use MB_RANDOM_SYNTHETIC. Where there is one per
// modality or split, its number is added to the constant.
enum {
    MB_SYNTH_VALUES = 0,
    MB_SYNTH_LABELS = 16,
    MB_SYNTH_CLASS_DIRECTIONS = 32,
    MB_SYNTH_VALUE_DIRECTION = 48,
    MB_SYNTH_NOISE = 64,
    MB_SYNTH_LENGTHS = 80,
    MB_SYNTH_FRAME_NOISE = 96,
};

// Adds the features to a corpus whose utterances have labels.
mb_status mb_synth_features(const mb_synth_options *options, mb_corpus *corpus, mb_error *error);

#endif
