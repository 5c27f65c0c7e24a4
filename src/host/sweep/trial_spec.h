// Turns a trial into the specifications of its runs. A sweep, whose trials come from a plan, and
// a replay, whose trial comes from a ledger, share this code, so that the same trial gives the
// same runs.
#ifndef MB_SWEEP_TRIAL_SPEC_H
#define MB_SWEEP_TRIAL_SPEC_H

#include "sweep/store.h"
#include "sweep/trial.h"

// It owns nothing: the folds and the dataset belong to the store.
typedef struct mb_trial_spec {
    const mb_trial *trial;
    const mb_corpus *corpus; // with common labels, if the trial has them
    mb_targets *targets;     // NULL: none
    const mb_fold_set *folds;
    const mb_dataset *dataset; // NULL until loaded; with targets, that of the corpus and theirs
} mb_trial_spec;

// mb_trial_spec_make finds the folds of the trial. mb_trial_spec_load loads its features, unless
// the dataset is set already.
mb_status mb_trial_spec_make(mb_store *store, const mb_trial *trial, const mb_corpus *corpus,
                             mb_targets *targets, mb_trial_spec *spec, mb_error *error);
mb_status mb_trial_spec_load(mb_store *store, mb_trial_spec *spec, mb_error *error);

// The corpora of the datasets of a run, for scoring.
const mb_corpus *const *mb_trial_corpora(const mb_corpus *const *corpus, const mb_targets *targets);

// The specification of the run of one fold. The dataset must have been loaded.
mb_run_spec mb_trial_spec_run(const mb_trial_spec *spec, int32_t fold);

#endif
