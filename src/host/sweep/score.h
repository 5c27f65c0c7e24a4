// Computes the scores of a trial from its runs.
#ifndef MB_SWEEP_SCORE_H
#define MB_SWEEP_SCORE_H

#include "merbench/corpus.h"
#include "sweep/ledger.h"

// `results` has one entry per fold. The score is that of the predictions on the first test set,
// averaged over the folds. Without test sets, it is the mean over folds of the scores on the
// held-out parts or, if there are none either (IEMOCAP with the reference protocol), on the
// selection parts at the best epochs. It is NaN if runs were scored on their selection parts alone.
//
// corpora[i] has the labels of dataset i of the runs: the corpus, then targets.
//
// The parts of the scores are "folds" (that mean, if there are several folds), every test set, and
// on MER2023 "average" (Lian et al., Tables 2 and 3). Free with mb_ledger_scores_free.
int32_t mb_score_part_count(const mb_corpus *corpus, const mb_fold_set *folds);
mb_status mb_score_trial(const mb_corpus *const *corpora, const mb_fold_set *folds,
                         const mb_run_result *results, mb_ledger_scores *scores, mb_error *error);

#endif
