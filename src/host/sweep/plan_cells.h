// Reads the cells of a plan and their settings. Used by sweep_plan.c only. As everywhere in a plan,
// refusals are collected: the status is MB_OK after them.
#ifndef MB_SWEEP_PLAN_CELLS_H
#define MB_SWEEP_PLAN_CELLS_H

#include "sweep/sweep_plan.h"

// Reads "cells" into plan->cells. The rest of the plan must have been read already.
mb_status mb_plan_read_cells(const mb_json *root, mb_sweep_plan *plan, mb_error *error);

// Makes cell->settings from the "settings" and "grid" of the cell's entry, which take precedence,
// and of the plan. There are none after a refusal.
mb_status mb_cell_make_settings(const mb_json *root, const mb_json *entry,
                                const mb_sweep_plan *plan, mb_sweep_cell *cell, mb_error *error);

// Checks that every name in "settings" and "grid" of `object` is known to one of the models. *good
// tells whether nothing was refused.
mb_status mb_check_hyper_names(const mb_json *object, const mb_model *const *models,
                               int32_t model_count, bool *good, mb_error *error);

#endif
