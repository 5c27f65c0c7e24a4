// Trains a plan, or shows what there is to do.
#ifndef MB_CLI_RUN_PLAN_H
#define MB_CLI_RUN_PLAN_H

#include "cli/device_choice.h"
#include "sweep/plan_replace.h"
#include "sweep/sweep.h"

typedef struct mb_run_options {
    const char *plan, *results, *data; // plan: its file, for messages
    int32_t threads;
    bool dry_run, quiet, no_table;
    mb_plan_replacement replacement;
    const char *replaced; // what it has replaced, in words; "" = nothing
    mb_device_choice choice;
    const mb_backend *backend; // of the chosen device, and below: filled in by mb_run_plan
    mb_device_description device;
} mb_run_options;

// `status` is that of reading the plan, with its message in `error`: if something in the plan was
// refused (plan->findings), its corpora are checked, too, and the message has all of it.
mb_status mb_run_plan(mb_run_options *options, const mb_sweep_plan *plan, mb_status status,
                      mb_error *error);

#endif
