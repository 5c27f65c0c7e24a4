// Labels of several corpora on one scale, so that a model that was trained on one of them can be
// scored on another. Source: MERBench, Tables 19 and 20, and the toolkit's cross-corpus loaders.
#ifndef MB_DATA_HARMONISE_H
#define MB_DATA_HARMONISE_H

#include "merbench/corpus.h"

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

// A corpus as it is seen with common labels. Utterances without a common class are in no split;
// their numbers and the features are those of the file. It shares everything but labels and splits
// with the corpus that it was made from, which must stay open.
typedef struct mb_common_corpus {
    mb_corpus corpus;
    mb_dataset_rules rules; // of the corpus: four classes, or a value from -3 to 3
} mb_common_corpus;

// The struct must not be moved afterwards.
mb_status mb_common_corpus_make(const mb_corpus *corpus, mb_common_corpus *common, mb_error *error);
void mb_common_corpus_free(mb_common_corpus *common); // all zero is fine

// The split of a target that runs of other corpora are scored on: the whole of IEMOCAP, test1 of
// MER2023, the test set of others.
const char *mb_target_split(const mb_dataset_rules *rules);

#endif
