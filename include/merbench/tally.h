// Tallies: the counts and sums over a list of predictions from which losses and scores are computed
// (metrics.h). A device makes a tally of predictions that never leave it; a program can make one of
// its own predictions.
#ifndef MERBENCH_TALLY_H
#define MERBENCH_TALLY_H

#include <stdint.h>

enum { MB_TALLY_CLASSES = 64 }; // no dataset has more

// Counts of rows by label and prediction. In a dataset without classes, the signs of values on the
// rows whose label is not 0: class 1 is > 0, so 0 and -0 are in class 0.
typedef struct mb_class_counts {
    int32_t total, correct;
    int32_t hits[MB_TALLY_CLASSES];      // true positives
    int32_t labelled[MB_TALLY_CLASSES];  // true positives + false negatives
    int32_t predicted[MB_TALLY_CLASSES]; // true positives + false positives
} mb_class_counts;

// Moments of pairs (label, prediction), updated one pair at a time (Welford, 1962, "Note on a
// method for calculating corrected sums of squares and products"), so that the deviation of a
// constant is exactly 0.
typedef struct mb_pair_moments {
    double count, mean_label, mean_prediction;
    double label_squares, prediction_squares, products; // sums of products of deviations
    double squared_errors, absolute_errors;
} mb_pair_moments;

// Counts of rows whose label and prediction are in the same sentiment class, as metrics.h defines
// the classes.
typedef struct mb_sentiment_counts {
    int32_t total, rounded7, rounded5, sims5;
} mb_sentiment_counts;

typedef struct mb_tally {
    // The unweighted mean over batches of (auxiliary loss + cross entropy + mean squared error), as
    // the reference reports it: a small last batch counts as much as a full one. NaN when a label
    // is missing or there are no rows.
    double loss;
    int32_t broken; // number of predictions that are not finite
    mb_class_counts classes;
    mb_pair_moments values;
    mb_sentiment_counts sentiments;
} mb_tally;

// Predictions on n utterances, and their labels. Rows without a label enter the loss only.
typedef struct mb_tally_rows {
    int32_t count, batch_size; // n; rows of the batches of the loss
    int32_t class_count;       // C, 0 = none; at most MB_TALLY_CLASSES
    const int32_t *utterances; // (n), or NULL: 0 ... n - 1
    const int32_t *emotions;   // by utterance; negative = missing; needed where C > 0
    const float *valences;     // by utterance; NaN = missing; needed where there are values
    const float *logits;       // (n, C), or NULL
    const float *values;       // (n), or NULL
    const float *auxiliary;    // loss of each batch, or NULL
} mb_tally_rows;

void mb_tally_make(const mb_tally_rows *rows, mb_tally *tally);

#endif
