// Other epochs and seeds than those of a plan's file, for a quick try. What is recorded is another
// plan, which has the new values and, under "replaced", the old ones.
#ifndef MB_SWEEP_PLAN_REPLACE_H
#define MB_SWEEP_PLAN_REPLACE_H

#include "sweep/sweep_plan.h"

enum { MB_MOST_REPLACED_SEEDS = 32 };

typedef struct mb_plan_replacement {
    int32_t epochs;     // 0: those of the plan
    int32_t seed_count; // 0: the seeds of the plan
    uint32_t seeds[MB_MOST_REPLACED_SEEDS];
} mb_plan_replacement;

// Replaces values of a plan that mb_sweep_plan_load has read. The seeds replace those of the
// result: the final seeds, and the search keeps the first of its seeds; or, in a plan without final
// seeds, those of the search. A plan that has these values already stays as it is.
mb_status mb_plan_replace(const mb_plan_replacement *replacement, const char *data_folder,
                          mb_sweep_plan *plan, mb_error *error);

// Says what was replaced in a recorded plan: "epochs 3 (of the plan: 100), final seeds 1, 2 (of the
// plan: 1, 2, 3)". "" if nothing was. malloc'ed; NULL when out of memory.
char *mb_plan_replaced_text(const char *json);

#endif
