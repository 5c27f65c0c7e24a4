// Which setting a search chooses. Sweeps train it with the final seeds and tables mark it.
#ifndef MB_SWEEP_CHOICE_H
#define MB_SWEEP_CHOICE_H

#include "sweep/ledger.h"

// The search seeds of one setting.
typedef struct mb_candidate {
    int32_t asked, finished;
    double sum; // of the selection values of those that are finished
} mb_candidate;

// What a trial counts with: minus infinity when it diverged.
double mb_selection_of_trial(const mb_ledger_scores *scores);

// A seed that is finished.
void mb_candidate_add(mb_candidate *candidate, double selection);
// Mean selection value of the finished seeds; NaN = none is finished.
double mb_candidate_mean(const mb_candidate *candidate);

// The best setting of those offered so far, one after the other.
typedef struct mb_choice {
    int32_t setting; // -1: every setting so far misses a seed
    double mean;
    int32_t offered;
} mb_choice;

#define MB_NO_CHOICE ((mb_choice){.setting = -1})

// Takes the next setting when its mean is above that of the best so far; ties go to the earlier
// one, and a mean that is NaN is as good as minus infinity. A setting that misses a seed is passed
// over: what it is worth is not known yet.
void mb_choice_offer(mb_choice *choice, const mb_candidate *candidate);

#endif
