#include "sweep/targets.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "data/harmonise.h"

enum { DIGEST_DIGITS = 16 };
static const char separator = ':';

static const mb_split *split_of(const mb_corpus *corpus, const char *name) {
    for (int32_t i = 0; i < corpus->split_count; i++)
        if (strcmp(corpus->splits[i].name, name) == 0)
            return &corpus->splits[i];
    return NULL;
}

mb_status mb_targets_add(mb_targets *targets, const mb_corpus *common, const char *const features[],
                         int32_t count, mb_error *error) {
    const char *split_name = mb_target_split(common->rules);
    const mb_split *split = split_of(common, split_name);
    mb_status status = mb_check_common(targets->corpora[0]->rules, common->rules, error);
    if (status != MB_OK)
        return status;
    if (targets->count == MB_MOST_TARGETS)
        return mb_fail(error, MB_BAD_INPUT, "expected at most %d targets, found more",
                       MB_MOST_TARGETS);
    if (split == NULL || split->count == 0)
        return mb_fail(error, MB_BAD_INPUT,
                       "target %s: expected utterances with %s in the split '%s' of %s, found %s",
                       common->rules->name,
                       common->rules->class_count > 0
                           ? "one of the emotions happy, sad, neutral, angry"
                           : "values",
                       split_name, common->path, split == NULL ? "no such split" : "none");
    mb_target_name(common, features, count, targets->names[targets->count]);
    targets->corpora[++targets->count] = common;
    return MB_OK;
}

void mb_target_name(const mb_corpus *common, const char *const features[], int32_t count,
                    char name[MB_PART_NAME]) {
    char text[2 * sizeof common->digest * (1 + MB_MAX_STREAMS)], digest[33];
    int length = snprintf(text, sizeof text, "%s", common->digest);
    for (int32_t m = 0; m < count; m++)
        length +=
            snprintf(text + length, sizeof text - (size_t)length, " %s",
                     features[m] == NULL ? "-" : mb_corpus_feature(common, features[m])->digest);
    mb_hash(text, (size_t)length, digest);
    snprintf(name, MB_PART_NAME, "%.14s%c%.*s", common->rules->name, separator, DIGEST_DIGITS,
             digest);
}

bool mb_is_target_name(const char *part) {
    return strchr(part, separator) != NULL;
}

size_t mb_target_dataset_length(const char *part) {
    return strcspn(part, (const char[]){separator, '\0'});
}

bool mb_same_target(const char *a, const char *b) {
    size_t length = mb_target_dataset_length(a);
    return mb_is_target_name(a) && mb_is_target_name(b) && length == mb_target_dataset_length(b) &&
           strncmp(a, b, length) == 0;
}
