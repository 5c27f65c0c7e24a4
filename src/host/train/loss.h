// The loss of predictions as the reference reports it.
#ifndef MB_TRAIN_LOSS_H
#define MB_TRAIN_LOSS_H

#include "merbench/train.h"

// Unweighted mean over the batches of a part of (auxiliary loss + cross entropy + mean squared
// error); a small last batch counts as much as a full one. `interloss` has a value for each batch,
// or is NULL. NaN where a label is missing.
double mb_mean_batch_loss(const mb_run_spec *spec, const mb_part *part,
                          const mb_predictions *predictions, const double *interloss);

#endif
