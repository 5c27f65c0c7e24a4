// The rule by which a search chooses a setting. Sweeps train the chosen setting with the final
// seeds, and tables mark it.
#ifndef MB_SWEEP_CHOICE_H
#define MB_SWEEP_CHOICE_H

#include "sweep/ledger.h"

// The search seeds of one setting.
typedef struct mb_candidate {
    int32_t asked, finished; // seeds that the plan asks for; seeds that are finished
    int32_t diverged;        // of the finished seeds
    double sum;              // of the selection values of the finished seeds
} mb_candidate;

// The selection value of a trial; minus infinity if it diverged.
double mb_selection_of_trial(const mb_ledger_scores *scores);

// Adds a finished seed.
void mb_candidate_add(mb_candidate *candidate, double selection, bool diverged);
// The mean selection value of the finished seeds; NaN if there are none.
double mb_candidate_mean(const mb_candidate *candidate);

// The best of the settings that were offered so far.
typedef struct mb_choice {
    int32_t setting;                   // -1: no setting so far had all of its seeds
    double mean;                       // of that setting
    int32_t offered;                   // number of settings so far
    int32_t complete, equal, diverged; // of these: with all seeds; with the best mean; diverged
} mb_choice;

#define MB_NO_CHOICE ((mb_choice){.setting = -1})

// Offers the next setting. It is chosen if its mean is above that of the best setting so far, so
// that ties go to the earlier one. A mean of NaN counts as minus infinity. A setting with missing
// seeds is skipped, since its mean is not known yet.
void mb_choice_offer(mb_choice *choice, const mb_candidate *candidate);

// Why the choice among several settings has no ground: every setting diverged, or none has a
// selection value, or all have the same. "" if it has.
const char *mb_choice_doubt(const mb_choice *choice);

#endif
