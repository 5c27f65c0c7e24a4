// Statistics of a corpus.
#ifndef MB_DATA_SUMMARY_H
#define MB_DATA_SUMMARY_H

#include "merbench/corpus.h"

typedef struct mb_label_summary {
    int32_t classes[8]; // utterances of each class
    int32_t emotions_missing;
    int32_t values; // utterances with a valence
    int32_t negative, zero, positive;
    double minimum, mean, maximum, deviation; // of the valences; NaN when there are none
} mb_label_summary;

// Summarizes the rows of a split, or all utterances if `split` is NULL.
mb_label_summary mb_summarize_labels(const mb_corpus *corpus, const mb_split *split);

typedef struct mb_length_summary {
    int64_t minimum, maximum, total; // frames per utterance, and of all utterances
    double mean;
} mb_length_summary;

// Reads the offsets of a feature from the corpus file.
mb_status mb_summarize_lengths(const mb_corpus *corpus, const mb_feature *feature,
                               mb_length_summary *lengths, mb_error *error);

#endif
