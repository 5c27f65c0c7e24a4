#include "sweep/targets.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "data/harmonise.h"

enum { DIGEST_DIGITS = 16 };
static const char separator = ':';

mb_status mb_targets_add(mb_targets *targets, const mb_corpus *common, const char *const features[],
                         int32_t count, mb_error *error) {
    const char *split_name = mb_target_split(common->rules);
    const mb_split *split = mb_corpus_split(common, split_name);
    mb_status status = mb_check_common(targets->corpora[0]->rules, common->rules, error);
    if (status != MB_OK)
        return status;
    if (targets->count == MB_MOST_TARGETS)
        return mb_fail(error, MB_BAD_INPUT,
                       "expected at most %d targets of cells with the same corpus and features, "
                       "found more",
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

const char mb_target_arrow[] = " > ";

const char *mb_targets_of_cell(const char *datasets) {
    const char *arrow = strstr(datasets, mb_target_arrow);
    return arrow != NULL ? arrow + strlen(mb_target_arrow) : NULL;
}

void mb_targets_drop_digests(char *datasets) {
    char *end = datasets;
    bool digest = false;
    for (const char *at = datasets; *at != '\0'; at++) {
        digest = (digest || *at == separator) && *at != ',';
        if (!digest)
            *end++ = *at;
    }
    *end = '\0';
}
