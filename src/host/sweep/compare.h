// Compares a recorded run with the same run trained again, bit for bit.
#ifndef MB_SWEEP_COMPARE_H
#define MB_SWEEP_COMPARE_H

#include <stdbool.h>

#include "sweep/ledger.h"

// True if status, curves, best epoch, scores and predictions have the same bits (any two NaN are
// equal). Otherwise `difference` describes the first difference. Durations are not compared, and
// with spec->selection_only neither are parts other than the selection part.
bool mb_runs_equal(const mb_run_result *stored, const mb_run_result *again, const mb_run_spec *spec,
                   char *difference, size_t size);

bool mb_trial_scores_equal(const mb_ledger_scores *stored, const mb_ledger_scores *again,
                           char *difference, size_t size);

#endif
