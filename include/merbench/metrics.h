// Scores of predictions. A program gives labels and predictions, or a tally of them (tally.h), and
// gets the scores.
//
// Sources: weighted F1 and accuracy as scikit-learn computes them; CCC: Lin (1989), "A concordance
// correlation coefficient to evaluate reproducibility".
#ifndef MERBENCH_METRICS_H
#define MERBENCH_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "merbench/tally.h"
#include "merbench/terms.h"

// A score that is not defined for the dataset or for the given rows is NaN. Rows without a label
// are left out.
//
// In datasets with classes (C > 0), waf, acc, macro_f1 and uar are over the classes, and emoval is
// defined if there is also a value. In datasets with a value alone (C = 0), the four are over the
// two signs, on rows whose label is not 0; a prediction is positive when it is > 0, so 0 and -0
// count as negative. mse, mae, pearson and ccc use every row with a label.
//
// Sentiment classes of a value, in datasets with a value alone, in single precision:
//   acc2  is acc, on rows whose label is not 0 ("negative/positive" of CMU-MOSI).
//   CMU-MOSI and CMU-MOSEI (values in [-3, 3]), on every row, as `multiclass_acc` of MulT (Tsai et
//   al., ACL 2019), MISA and MMSA; labels and predictions are clipped, then rounded half to even:
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

// Indices of scores, in the order of scores.def: MB_SCORE_waf ...
typedef enum mb_score {
#define MB_SCORE(name, title, factor, better, scored) MB_SCORE_##name,
#include "merbench/scores.def"
#undef MB_SCORE
    MB_SCORE_COUNT
} mb_score;

typedef enum mb_scored {
    MB_SCORED_CLASSES, // or signs of values in datasets without classes
    MB_SCORED_VALUES,
    MB_SCORED_SENTIMENTS,
    MB_SCORED_BOTH, // classes and values
} mb_scored;

typedef struct mb_score_facts {
    const char *title;
    double factor; // of printed tables: 100 prints percent
    bool lower_is_better;
    mb_scored scored;
} mb_score_facts;

extern const char *const mb_score_names[MB_SCORE_COUNT]; // "waf", ...
extern const mb_score_facts mb_score_table[MB_SCORE_COUNT];
double mb_score_get(const mb_scores *scores, int32_t index);
void mb_score_set(mb_scores *scores, int32_t index, double value);
mb_scores mb_no_scores(void); // all NaN

void mb_scores_of_tally(mb_label_space labels, const mb_tally *tally, mb_scores *scores);

// Scores of predictions on n utterances. emotions (n) and valences (n) are their labels; logits (n,
// C) and values (n) may be NULL where the dataset has no such head.
void mb_scores_of(mb_label_space labels, int32_t n, const int32_t *emotions, const float *valences,
                  const float *logits, const float *values, mb_scores *scores);

// The selection metric of an epoch: the epoch with the largest is the best. NaN counts as
// minus infinity.
double mb_selection_value(mb_selection selection, const mb_scores *scores, double loss);

// The mean over folds of predictions[fold] (n, width) -> result (n, width). With `softmax` each row
// of a fold becomes probabilities first.
void mb_average_folds(int32_t fold_count, int32_t n, int32_t width, const float *const *predictions,
                      int softmax, float *result);

#endif
