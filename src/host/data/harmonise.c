#include "data/harmonise.h"

#include <stddef.h>
#include <string.h>

const char *const mb_common_classes[MB_COMMON_CLASS_COUNT] = {"happy", "sad", "neutral", "angry"};

// As MELD calls them. IEMOCAP's "excited" is none of them: its four classes have it within "happy",
// its six classes beside it.
static const char *const other_names[MB_COMMON_CLASS_COUNT] = {"joy", "sadness", "neutral",
                                                               "anger"};

static const double common_range = 3;

int32_t mb_common_class(const mb_dataset_rules *rules, int32_t emotion) {
    if (emotion < 0 || emotion >= rules->class_count)
        return -1;
    const char *name = rules->classes[emotion];
    for (int32_t c = 0; c < MB_COMMON_CLASS_COUNT; c++)
        if (strcmp(name, mb_common_classes[c]) == 0 || strcmp(name, other_names[c]) == 0)
            return c;
    return -1;
}

double mb_common_value(const mb_dataset_rules *rules, double valence) {
    return valence * (common_range / rules->value_range);
}

static const char *kind_of(const mb_dataset_rules *rules) {
    return rules->class_count > 0 ? "emotions" : "sentiment values";
}

mb_status mb_check_common(const mb_dataset_rules *source, const mb_dataset_rules *target,
                          mb_error *error) {
    if ((source->class_count > 0) == (target->class_count > 0))
        return MB_OK;
    return mb_fail(error, MB_BAD_INPUT,
                   "expected a source and a target with the same kind of labels; %s has %s, %s has "
                   "%s",
                   source->name, kind_of(source), target->name, kind_of(target));
}
