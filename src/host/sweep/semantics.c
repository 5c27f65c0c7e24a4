#include "sweep/semantics.h"

#include <stdio.h>
#include <string.h>

// A change of results.
typedef struct change {
    int32_t number;
    const char *what;
    bool (*touches)(const mb_trial *trial);
} change;

// Whether sequences are padded or cut, which `utt` is not.
static bool pads_to_training_part(const mb_trial *trial) {
    return trial->protocol == MB_PROTOCOL_STRICT && trial->feature_type != MB_UTT;
}

static bool permutes_evaluation(const mb_trial *trial) {
    const mb_dataset_rules *rules = mb_dataset_find(trial->dataset);
    return rules != NULL && mb_permutes_evaluation(trial->protocol, rules, trial->model);
}

enum { FIRST = 1 }; // the number of trials that no change touches

// In ascending order of numbers. A new change gets the next number, and an entry here for every
// reason why a trial may give other results.
static const change changes[] = {
    {2, "random folds are drawn with fold_seed instead of the trial's seed",
     mb_trial_has_fold_seed},
    {2, "sequences are padded to the longest of the training part, and cut to it",
     pads_to_training_part},
    {2, "a model that couples rows is evaluated in a new order of rows on every pass",
     permutes_evaluation},
};
enum { CHANGE_COUNT = sizeof changes / sizeof *changes };

int32_t mb_trial_semantics(const mb_trial *trial) {
    int32_t number = FIRST;
    for (int i = 0; i < CHANGE_COUNT; i++)
        if (changes[i].touches(trial))
            number = changes[i].number;
    return number;
}

mb_status mb_semantics_check_known(const char *where, int64_t found, mb_error *error) {
    int32_t newest = changes[CHANGE_COUNT - 1].number;
    if (found >= FIRST && found <= newest)
        return MB_OK;
    return mb_fail(error, MB_UNSUPPORTED,
                   "%s: made by an engine with semantics %lld; this one knows %d to %d", where,
                   (long long)found, FIRST, newest);
}

mb_status mb_semantics_check(const char *where, const mb_trial *trial, int64_t found,
                             mb_error *error) {
    char list[400] = "";
    int32_t number = mb_trial_semantics(trial);
    if (found == number)
        return MB_OK;
    for (int i = 0; i < CHANGE_COUNT; i++) {
        size_t length = strlen(list);
        if (changes[i].number > found && changes[i].touches(trial))
            snprintf(list + length, sizeof list - length, "%s%s", length > 0 ? "; " : ": ",
                     changes[i].what);
    }
    return mb_fail(error, MB_UNSUPPORTED,
                   "%s: made by an engine with semantics %lld; in this one the trial has %d%s",
                   where, (long long)found, number, list);
}
