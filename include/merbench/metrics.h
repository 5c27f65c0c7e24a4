// Scores of predictions. Definitions: weighted F1 and accuracy as scikit-learn computes them; CCC
// of Lin (1989), "A concordance correlation coefficient to evaluate reproducibility".
#ifndef MERBENCH_METRICS_H
#define MERBENCH_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "merbench/tally.h"
#include "merbench/terms.h"

// A score that is not defined for a dataset, or on the rows at hand, is NaN. Rows without a label
// are left out.
//
// Datasets with classes (C > 0): waf, acc, macro_f1 and uar are over the classes, and emoval is
// there when there is a value too. Datasets with a value alone (C = 0): the same four are over the
// two signs of the rows whose label is not 0 (a prediction is positive when it is > 0, so 0 and -0
// are negative), while mse, mae, pearson and ccc take every row with a label.
//
// Sentiment classes of a value, for datasets with a value alone, in single precision:
//   acc2  is acc, on rows whose label is not 0 (the "negative/positive" form of CMU-MOSI);
//   CMU-MOSI, CMU-MOSEI (values in [-3, 3]), on every row, as `multiclass_acc` of MulT (Tsai et
//   al., ACL 2019), MISA and MMSA: label and prediction are clipped, then rounded with halves to
//   even;
//     acc7  clipped to [-3, 3]          acc5  clipped to [-2, 2]
//   CH-SIMS (values in [-1, 1]), on every row, as MMSA (Yu et al., ACL 2020):
//     acc5  bins [-1, -0.7], (-0.7, -0.1], (-0.1, 0.1], (0.1, 0.7], (0.7, 1]; acc7 is not defined.
//
// emoval is WAF - 0.25 MSE.
typedef struct mb_scores {
#define MB_SCORE(name, title, factor, better, scored) double name;
#include "merbench/scores.def"
#undef MB_SCORE
} mb_scores;

// Positions in scores.def: MB_SCORE_waf ...
typedef enum mb_score {
#define MB_SCORE(name, title, factor, better, scored) MB_SCORE_##name,
#include "merbench/scores.def"
#undef MB_SCORE
    MB_SCORE_COUNT
} mb_score;

typedef enum mb_scored {
    MB_SCORED_CLASSES, // or the signs of values
    MB_SCORED_VALUES,
    MB_SCORED_SENTIMENTS,
    MB_SCORED_BOTH, // classes and values
} mb_scored;

typedef struct mb_score_facts {
    const char *title;
    double factor; // in tables for people; 100: in percent
    bool lower_is_better;
    mb_scored scored;
} mb_score_facts;

extern const char *const mb_score_names[MB_SCORE_COUNT]; // "waf", ...
extern const mb_score_facts mb_score_table[MB_SCORE_COUNT];
double mb_score_get(const mb_scores *scores, int32_t index);
void mb_score_set(mb_scores *scores, int32_t index, double value);
mb_scores mb_no_scores(void); // none is defined: every one is NaN

void mb_scores_of_tally(mb_label_space labels, const mb_tally *tally, mb_scores *scores);

// Predictions for n utterances; emotions and valences are the corpus's, selected by rows.
// logits (n, C), values (n) may be NULL where the dataset has no such head.
void mb_scores_of(mb_label_space labels, int32_t n, const int32_t *emotions, const float *valences,
                  const float *logits, const float *values, mb_scores *scores);

// The number whose largest value chooses the epoch; NaN counts as minus infinity.
double mb_selection_value(mb_selection selection, const mb_scores *scores, double loss);

// Mean over folds: predictions (fold_count, n, width) -> result (n, width); with `softmax` each row
// of a fold is turned into probabilities first.
void mb_average_folds(int32_t fold_count, int32_t n, int32_t width, const float *const *predictions,
                      int softmax, float *result);

#endif
