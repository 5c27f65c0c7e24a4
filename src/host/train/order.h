// The order of the selection part, which some runs evaluate in a new order after every epoch
// (mb_permutes_evaluation).
#ifndef MB_TRAIN_ORDER_H
#define MB_TRAIN_ORDER_H

#include "merbench/train.h"

// Puts one number for each row of the selection part into the order after an epoch.
void mb_order_selection(const mb_run_spec *spec, int32_t epoch, int32_t *numbers);

// Puts predictions that were made in the order after an epoch into the order of the part.
mb_status mb_put_in_order(const mb_run_spec *spec, int32_t epoch, mb_predictions *predictions,
                          mb_error *error);

#endif
