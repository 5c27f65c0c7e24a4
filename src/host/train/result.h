// The result of a run while the trainer fills it.
#ifndef MB_TRAIN_RESULT_H
#define MB_TRAIN_RESULT_H

#include "train/array.h"

// Allocates curves and predictions. Must be freed (mb_run_result_free) even after a failure.
mb_status mb_run_result_open(const mb_run_spec *spec, mb_run_result *result, mb_error *error);

// The predictions on one part.
mb_predictions *mb_run_result_part(mb_run_result *result, int32_t part);

// Frees the predictions that a run that diverged must not have: all but those of its best epoch on
// the selection part.
void mb_run_result_trim(mb_run_result *result);

#endif
