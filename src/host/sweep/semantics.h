// The engine's semantics: a number in the description of a trial, and thereby in its key, that
// grows when the same description would give other results than before. Each change of results has
// a number and names the trials that it touches; the keys of all other trials stay.
#ifndef MB_SWEEP_SEMANTICS_H
#define MB_SWEEP_SEMANTICS_H

#include "sweep/trial.h"

// The number of the last change that touches the trial; 1 if none does.
int32_t mb_trial_semantics(const mb_trial *trial);

// Checks that `found`, the number in a description of the trial, is this engine's. MB_UNSUPPORTED
// with a message that says what has changed since; `where` is the description's origin.
mb_status mb_semantics_check(const char *where, const mb_trial *trial, int64_t found,
                             mb_error *error);

// Refuses the numbers of newer engines (MB_UNSUPPORTED), whose descriptions this one may not
// understand. To be called before the trial is read.
mb_status mb_semantics_check_known(const char *where, int64_t found, mb_error *error);

#endif
