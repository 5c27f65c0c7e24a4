// The result of a run: its curves, scores and predictions. Training fills it (train.h); a program
// reads it, stores it and frees it.
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
    double train_loss;  // unweighted mean of the total losses of the batches
    double select_loss; // the same on the selection part
    double select_metric;
} mb_epoch;

// Predictions on one part, in the order of its rows. count is 0 where the run has none, because it
// diverged or was not evaluated there.
typedef struct mb_predictions {
    int32_t count;
    float *logits; // (count, C) or NULL
    float *values; // (count) or NULL
} mb_predictions;

typedef struct mb_run_result {
    mb_run_status status;
    char cause[128]; // which number was not finite, in which epoch; "" if none
    // The first epoch, from 0, in which a number of a run that was scored nevertheless was not
    // finite; -1: none.
    int32_t broken_epoch;
    int32_t epochs_done; // completed epochs
    mb_epoch *epochs;    // (epochs_done)
    int32_t best_epoch;  // from 0
    mb_scores select;    // on the selection part, at the best epoch
    mb_scores held;      // on the held-out part, at the best epoch; NaN where there is none
    mb_predictions select_predictions, held_predictions;
    int32_t test_count;    // 0 where the run was scored on its selection part alone
    mb_predictions *tests; // (test_count)
    double seconds;
    int64_t steps; // training steps of the run
} mb_run_result;

// Frees what the result points to.
void mb_run_result_free(mb_run_result *result);

#endif
