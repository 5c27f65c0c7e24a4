// What a run comes to: curves, scores, predictions.
#ifndef MERBENCH_RUN_RESULT_H
#define MERBENCH_RUN_RESULT_H

#include <stdint.h>

#include "merbench/metrics.h"

typedef enum mb_run_status {
    MB_RUN_DONE = 0,
    MB_RUN_DIVERGED = 1,
    MB_RUN_STOPPED = 2
} mb_run_status;

typedef struct mb_epoch {
    double train_loss;  // unweighted mean of the batch totals
    double select_loss; // likewise on the selection part
    double select_metric;
} mb_epoch;

// Predictions on one part, in the order of its rows; count 0 where a run diverged before it had
// any.
typedef struct mb_predictions {
    int32_t count;
    float *logits; // (count, C) or NULL
    float *values; // (count) or NULL
} mb_predictions;

typedef struct mb_run_result {
    mb_run_status status;
    char cause[128];     // of a divergence: what was not finite, and where
    int32_t epochs_done; // of a divergence: epochs completed before it
    mb_epoch *epochs;    // (epochs_done)
    int32_t best_epoch;  // from 0
    mb_scores select;    // on the selection part at the best epoch
    mb_scores held;      // on the held-out part; NaN where there is none
    mb_predictions select_predictions, held_predictions;
    mb_predictions *tests; // (test_count)
    double seconds;
    int64_t steps; // model-steps trained
} mb_run_result;

// Frees what is in it; `test_count` as in the run's spec.
void mb_run_result_free(mb_run_result *result, int32_t test_count);

#endif
