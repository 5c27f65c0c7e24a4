// The list of a ledger's plans: which there are, and how far they are.
#ifndef MB_REPORT_PLANS_H
#define MB_REPORT_PLANS_H

#include <stdbool.h>
#include <stdio.h>

#include "sweep/ledger.h"

// Prints the plans, the one that ran last first, and the progress of their cells; or, with `json`,
// one JSON document.
mb_status mb_plans_print(mb_ledger *ledger, bool json, FILE *out, mb_error *error);

#endif
