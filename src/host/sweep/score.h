// From the runs of a trial, one per fold, to its scores.
#ifndef MB_SWEEP_SCORE_H
#define MB_SWEEP_SCORE_H

#include "merbench/corpus.h"
#include "sweep/ledger.h"

// `results` has one entry per fold. The score is that of the fold-averaged predictions on the first
// test set; without test sets it is the mean over folds of the held-out parts or, where there are
// none either (IEMOCAP as the reference does it), of the selection parts at the best epochs. Runs
// that were scored on their selection parts alone leave it NaN.
mb_status mb_score_trial(const mb_corpus *corpus, const mb_fold_set *folds,
                         const mb_run_result *results, mb_ledger_scores *scores, mb_error *error);

#endif
