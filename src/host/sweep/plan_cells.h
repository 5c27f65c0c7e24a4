// The cells of a plan and their settings; the parts of sweep_plan.c that fill a file of their own.
#ifndef MB_SWEEP_PLAN_CELLS_H
#define MB_SWEEP_PLAN_CELLS_H

#include "sweep/sweep_plan.h"

// Reads "cells" into plan->cells; everything else of the plan has been read.
mb_status mb_plan_read_cells(const mb_json *root, mb_sweep_plan *plan, mb_error *error);

// Makes cell->settings of the "settings" and "grid" of the cell's entry and, behind them, of the
// plan.
mb_status mb_cell_make_settings(const mb_json *root, const mb_json *entry,
                                const mb_sweep_plan *plan, mb_sweep_cell *cell, mb_error *error);

// Checks that every name in "settings" and "grid" of `object` is known to one of the models.
mb_status mb_check_hyper_names(const mb_json *object, const mb_model *const *models,
                               int32_t model_count, mb_error *error);

#endif
