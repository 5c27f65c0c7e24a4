// Scores of predictions. Definitions: weighted F1 and accuracy as scikit-learn computes them; CCC
// of Lin (1989), "A concordance correlation coefficient to evaluate reproducibility".
#ifndef MERBENCH_METRICS_H
#define MERBENCH_METRICS_H

#include <stdint.h>

#include "merbench/dataset.h"

// A score that is not defined for a dataset, or on the rows at hand, is NaN.
typedef struct mb_scores {
    double waf, acc, macro_f1, uar; // over classes; of the sign where there are no classes
    double mse, mae, pearson, ccc;  // over values
    double acc2, acc5, acc7;        // sentiment classes of a value
    double emoval;                  // WAF - 0.25 MSE
} mb_scores;

// Names of the fields of mb_scores in order ("waf", ...), for tables and the ledger.
#define MB_SCORE_COUNT 12
extern const char *const mb_score_names[MB_SCORE_COUNT];
double mb_score_get(const mb_scores *scores, int32_t index);

// Predictions for n utterances; emotions and valences are the corpus's, selected by rows.
// logits (n, C), values (n) may be NULL where the dataset has no such head.
void mb_scores_of(const mb_dataset_rules *rules, int32_t n, const int32_t *emotions,
                  const float *valences, const float *logits, const float *values,
                  mb_scores *scores);

// The number whose largest value chooses the epoch; NaN counts as minus infinity.
double mb_selection_value(mb_selection selection, const mb_scores *scores, double loss);

// Building blocks.
void mb_scores_of_classes(int32_t n, const int32_t *labels, const int32_t *predictions,
                          mb_scores *scores); // waf, acc, macro_f1, uar
void mb_scores_of_values(int32_t n, const double *labels, const double *predictions,
                         mb_scores *scores);           // mse, mae, pearson, ccc
int32_t mb_argmax(const float *scores, int32_t count); // ties to the lowest index

// Mean over folds: predictions (fold_count, n, width) -> result (n, width); with `softmax` each row
// of a fold is turned into probabilities first.
void mb_average_folds(int32_t fold_count, int32_t n, int32_t width, const float *const *predictions,
                      int softmax, float *result);

#endif
