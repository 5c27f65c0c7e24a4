#include "sweep/choice.h"

#include <math.h>

double mb_selection_of_trial(const mb_ledger_scores *scores) {
    return scores->diverged ? -(double)INFINITY : scores->selection;
}

void mb_candidate_add(mb_candidate *candidate, double selection, bool diverged) {
    candidate->finished++;
    candidate->diverged += diverged;
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
    choice->complete++;
    choice->diverged += candidate->diverged > 0;
    if (choice->setting < 0 || mean > choice->mean) {
        choice->setting = setting;
        choice->mean = mean;
        choice->equal = 0;
    }
    choice->equal += mean == choice->mean;
}

const char *mb_choice_doubt(const mb_choice *choice) {
    if (choice->complete < 2)
        return "";
    if (choice->diverged == choice->complete)
        return "no setting has a selection value: every one diverged; the first one is taken";
    if (choice->mean == -(double)INFINITY)
        return choice->diverged > 0
                   ? "no setting has a selection value: they diverged or the metric is not "
                     "defined; "
                     "the first one is taken"
                   : "no setting has a selection value: the metric is not defined on the "
                     "selection part; the first one is taken";
    return choice->equal == choice->complete
               ? "no setting is better than another: all have the same selection value; the first "
                 "one is taken"
               : "";
}
