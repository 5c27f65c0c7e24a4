// Reads the search and the seeds of a plan. Used by sweep_plan.c only. As everywhere in a plan,
// refusals are collected: the status is MB_OK after them.
#ifndef MB_SWEEP_PLAN_SEARCH_H
#define MB_SWEEP_PLAN_SEARCH_H

#include "sweep/sweep_plan.h"

// Reads "search" and "final".
mb_status mb_plan_read_search(const mb_json *root, mb_sweep_plan *plan, mb_error *error);

// Reads an integer, if it is there; otherwise and after a refusal *value stays.
mb_status mb_plan_read_integer(const mb_json *object, const char *key, int32_t minimum,
                               int32_t maximum, int32_t *value, mb_error *error);
mb_status mb_plan_read_seed(const mb_json *object, const char *key, uint32_t *seed,
                            mb_error *error);

#endif
