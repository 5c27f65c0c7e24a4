// Comparison, bit for bit, of a run with the same run trained again.
#ifndef MB_SWEEP_COMPARE_H
#define MB_SWEEP_COMPARE_H

#include <stdbool.h>

#include "sweep/ledger.h"

// True when status, curves, best epoch, scores and predictions are the same bits (of NaN: that it
// is NaN). Otherwise `difference` says what differs first, and how. Time and speed are not
// compared, nor is what `spec` does not ask for: other parts, with selection_only.
bool mb_runs_equal(const mb_run_result *stored, const mb_run_result *again, const mb_run_spec *spec,
                   char *difference, size_t size);

bool mb_trial_scores_equal(const mb_ledger_scores *stored, const mb_ledger_scores *again,
                           char *difference, size_t size);

#endif
