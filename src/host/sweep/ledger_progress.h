// How far the plans of a ledger are.
#ifndef MB_SWEEP_LEDGER_PROGRESS_H
#define MB_SWEEP_LEDGER_PROGRESS_H

#include "sweep/ledger.h"

// Trials that are linked to a cell as part of the search or of the final seeds. Final seeds are
// linked when the setting of the cell is chosen.
typedef struct mb_ledger_count {
    int64_t trials, finished; // finished: with scores
} mb_ledger_count;
mb_status mb_ledger_count_trials(mb_ledger *ledger, const char *plan_digest, int32_t cell,
                                 bool final, mb_ledger_count *count, mb_error *error);

// When the last run of a plan's trials was recorded: "2026-11-29 14:30:00" in UTC; "" if there is
// none.
mb_status mb_ledger_last_run(mb_ledger *ledger, const char *plan_digest, char time[32],
                             mb_error *error);

#endif
