#include "sweep/choice.h"

#include <math.h>

double mb_selection_of_trial(const mb_ledger_scores *scores) {
    return scores->diverged ? -(double)INFINITY : scores->selection;
}

void mb_candidate_add(mb_candidate *candidate, double selection) {
    candidate->finished++;
    candidate->sum += selection;
}

double mb_candidate_mean(const mb_candidate *candidate) {
    return candidate->finished > 0 ? candidate->sum / candidate->finished : (double)NAN;
}

void mb_choice_offer(mb_choice *choice, const mb_candidate *candidate) {
    int32_t setting = choice->offered++;
    double mean = mb_candidate_mean(candidate);
    if (candidate->finished < candidate->asked)
        return;
    if (isnan(mean))
        mean = -(double)INFINITY;
    if (choice->setting < 0 || mean > choice->mean) {
        choice->setting = setting;
        choice->mean = mean;
    }
}
