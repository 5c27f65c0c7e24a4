// Labels of several corpora on one scale, so that a model that was trained on one of them can be
// scored on another. Source: MERBench, Tables 19 and 20, and the toolkit's cross-corpus loaders.
#ifndef MB_DATA_HARMONISE_H
#define MB_DATA_HARMONISE_H

#include "merbench/dataset.h"

// The four emotions that all corpora with classes have.
enum { MB_COMMON_CLASS_COUNT = 4 };
extern const char *const mb_common_classes[MB_COMMON_CLASS_COUNT];

// The common class of an emotion of a dataset, or -1: then the utterance is left out, before folds
// are made and before anything else is computed from the utterances.
int32_t mb_common_class(const mb_dataset_rules *rules, int32_t emotion);

// A valence of a dataset without classes on the scale of CMU-MOSI, from -3 to 3.
double mb_common_value(const mb_dataset_rules *rules, double valence);

// MB_BAD_INPUT: one dataset has classes and the other has not, so that nothing is common.
mb_status mb_check_common(const mb_dataset_rules *source, const mb_dataset_rules *target,
                          mb_error *error);

#endif
