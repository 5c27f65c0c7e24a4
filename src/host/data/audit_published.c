// The audit of labels against what is published about the dataset, and about the others: whether
// they may be the labels of another dataset.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/plural.h"
#include "data/audit.h"
#include "data/summary.h"
#include "data/synth.h"

enum { FEW_VALENCES = 20 }; // may lie in a small range by chance

static const mb_published_split *find_published(const mb_dataset_rules *rules, const char *name) {
    for (int i = 0; i < MB_MOST_PUBLISHED_SPLITS && rules->published[i].name != NULL; i++)
        if (strcmp(rules->published[i].name, name) == 0)
            return &rules->published[i];
    return NULL;
}

// Whether the corpus has exactly the published splits of the dataset, in their sizes.
static bool fits(const mb_corpus *corpus, const mb_dataset_rules *rules) {
    int32_t known = 0;
    while (known < MB_MOST_PUBLISHED_SPLITS && rules->published[known].name != NULL)
        known++;
    for (int32_t s = 0; s < corpus->split_count; s++) {
        const mb_published_split *published = find_published(rules, corpus->splits[s].name);
        if (published == NULL || published->count != corpus->splits[s].count)
            return false;
    }
    return known > 0 && corpus->split_count == known;
}

static const mb_dataset_rules *find_fitting(const mb_corpus *corpus) {
    for (const mb_dataset_rules *const *rules = mb_dataset_all(); *rules != NULL; rules++)
        if (fits(corpus, *rules))
            return *rules;
    return NULL;
}

// Laboratories use parts of datasets, so other sizes may be meant.
static mb_status audit_sizes(const mb_corpus *corpus, mb_audit *audit, mb_error *error) {
    const mb_dataset_rules *rules = corpus->rules;
    mb_check check = mb_check_start(audit, MB_WARNING, "split-sizes", rules->name,
                                    "splits without the published size");
    for (int32_t s = 0; s < corpus->split_count; s++) {
        const mb_split *split = &corpus->splits[s];
        const mb_published_split *published = find_published(rules, split->name);
        if (published == NULL)
            mb_check_add(&check, "'%s': %d %s, not published", split->name, split->count,
                         mb_plural(split->count, "utterance", "utterances"));
        else if (published->count != split->count)
            mb_check_add(&check, "'%s': %d %s, published %d", split->name, split->count,
                         mb_plural(split->count, "utterance", "utterances"), published->count);
    }
    for (int i = 0; i < MB_MOST_PUBLISHED_SPLITS && rules->published[i].name != NULL; i++)
        if (mb_corpus_split(corpus, rules->published[i].name) == NULL)
            mb_check_add(&check, "'%s': missing, published %d", rules->published[i].name,
                         rules->published[i].count);
    return mb_check_finish(&check, error);
}

static mb_status audit_other(const mb_corpus *corpus, const mb_dataset_rules *other,
                             mb_audit *audit, mb_error *error) {
    mb_check check =
        mb_check_start(audit, MB_WARNING, "other-dataset", corpus->rules->name,
                       "datasets of another name whose published splits have exactly these sizes");
    char sizes[128] = "";
    for (int i = 0; i < MB_MOST_PUBLISHED_SPLITS && other->published[i].name != NULL; i++) {
        size_t length = strlen(sizes);
        snprintf(sizes + length, sizeof sizes - length, "%s%s %d", i > 0 ? ", " : "",
                 other->published[i].name, other->published[i].count);
    }
    mb_check_add(&check, "%s (%s)", other->name, sizes);
    return mb_check_finish(&check, error);
}

// The other direction, a range that is too small for the labels, is an error.
static mb_status audit_scale(const mb_corpus *corpus, mb_audit *audit, mb_error *error) {
    double range = corpus->rules->value_range;
    mb_label_summary labels = mb_summarize_labels(corpus, NULL);
    mb_check check = mb_check_start(audit, MB_WARNING, "valence-scale", corpus->rules->name,
                                    "sets of valences on what looks like a smaller scale");
    bool enough = labels.values >= FEW_VALENCES && labels.values > labels.zero;
    if (range > 1 && enough && labels.minimum >= -1 && labels.maximum <= 1)
        mb_check_add(&check, "all %d valences are in [-1, 1], the dataset's range is [%g, %g]",
                     labels.values, -range, range);
    return mb_check_finish(&check, error);
}

mb_status mb_audit_published(const mb_corpus *corpus, mb_audit *audit, mb_error *error) {
    const mb_dataset_rules *fitting = find_fitting(corpus);
    mb_status status = MB_OK;
    if (fitting != NULL && fitting != corpus->rules)
        status = audit_other(corpus, fitting, audit, error);
    else if (corpus->rules->published[0].name != NULL && !mb_synth_made(corpus))
        status = audit_sizes(corpus, audit, error);
    return status == MB_OK ? audit_scale(corpus, audit, error) : status;
}
