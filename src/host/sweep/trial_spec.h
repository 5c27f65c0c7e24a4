// From a trial, whether a plan describes it or a ledger recorded it, to what its runs are trained
// with. A sweep and a replay go this one way: the same trial gives the same runs.
#ifndef MB_SWEEP_TRIAL_SPEC_H
#define MB_SWEEP_TRIAL_SPEC_H

#include "sweep/store.h"
#include "sweep/trial.h"

// Nothing in it is owned: the store has the folds and the dataset.
typedef struct mb_trial_spec {
    const mb_trial *trial;
    const mb_corpus *corpus;
    const mb_fold_set *folds;
    const mb_dataset *dataset; // NULL until loaded
} mb_trial_spec;

// Finds the folds of the trial; its features wait for mb_trial_spec_load, which does nothing when
// the dataset is there.
mb_status mb_trial_spec_make(mb_store *store, const mb_trial *trial, const mb_corpus *corpus,
                             mb_trial_spec *spec, mb_error *error);
mb_status mb_trial_spec_load(mb_store *store, mb_trial_spec *spec, mb_error *error);

// The run of one fold; the features are loaded.
mb_run_spec mb_trial_spec_run(const mb_trial_spec *spec, int32_t fold);

#endif
