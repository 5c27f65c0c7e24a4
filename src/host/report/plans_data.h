// The list of plans as data, for its printers.
#ifndef MB_REPORT_PLANS_DATA_H
#define MB_REPORT_PLANS_DATA_H

#include <stdio.h>

#include "sweep/ledger_progress.h"

// Trials, done and in all. All includes final seeds whose setting is not chosen yet.
typedef struct mb_cell_progress {
    mb_ledger_count search, final;
} mb_cell_progress;

typedef struct mb_plan_progress {
    const mb_ledger_plan *plan;
    char digest[9];          // its first digits, safe to print
    char *replaced;          // what 'merbench run' has replaced, in words; "": nothing
    char last_run[32];       // "": none
    mb_cell_progress *cells; // by position in the plan
    mb_cell_progress sum;
} mb_plan_progress;

typedef struct mb_plan_list {
    const char *path;
    mb_ledger_plan *plans;
    int32_t count;
    mb_plan_progress *progress; // (count)
} mb_plan_list;

void mb_plans_print_json(const mb_plan_list *list, FILE *out);

#endif
