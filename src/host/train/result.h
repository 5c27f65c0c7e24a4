// What a run comes to, while the trainer fills it.
#ifndef MB_TRAIN_RESULT_H
#define MB_TRAIN_RESULT_H

#include "train/array.h"

// Room for curves and predictions; must be freed also after a failure (mb_run_result_free).
mb_status mb_run_result_open(const mb_run_spec *spec, mb_run_result *result, mb_error *error);

// The predictions on one part.
mb_predictions *mb_run_result_part(mb_run_result *result, mb_part_kind kind, int32_t test);

// A run that diverged has no predictions but those of its best epoch on the selection part: frees
// the others.
void mb_run_result_trim(mb_run_result *result);

#endif
