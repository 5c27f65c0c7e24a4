// The audit of labels and splits.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/plural.h"
#include "data/audit.h"

static const double imbalance_worth_a_note = 10;

static bool is_test(const char *split) {
    return strncmp(split, "test", 4) == 0;
}

// Training refuses a corpus that lacks labels to learn from or to score with. Only a test set may
// lack valences, if its emotions can be scored.
static mb_severity missing_severity(const mb_corpus *corpus, const char *split, bool emotion) {
    static const char *const learnt[] = {"train", "val", "whole"};
    if (is_test(split))
        return emotion || corpus->rules->class_count == 0 ? MB_ERROR : MB_NOTE;
    for (int i = 0; i < 3; i++)
        if (strcmp(split, learnt[i]) == 0)
            return MB_ERROR;
    return MB_WARNING; // a split that nothing uses
}

static mb_status audit_missing(const mb_corpus *corpus, const mb_split *split, bool emotion,
                               mb_audit *audit, mb_error *error) {
    mb_check check = mb_check_start(audit, missing_severity(corpus, split->name, emotion),
                                    emotion ? "missing-emotion" : "missing-valence", split->name,
                                    emotion ? "utterances of the split without emotion"
                                            : "utterances of the split without valence");
    for (int32_t i = 0; i < split->count; i++) {
        int32_t row = split->rows[i];
        if (emotion ? corpus->emotions[row] == MB_EMOTION_MISSING : isnan(corpus->valences[row]))
            mb_check_add(&check, "'%s'", corpus->names[row]);
    }
    return mb_check_finish(&check, error);
}

static mb_status audit_range(const mb_corpus *corpus, mb_audit *audit, mb_error *error) {
    double range = corpus->rules->value_range;
    mb_check check = mb_check_start(audit, MB_ERROR, "valence-range", corpus->rules->name,
                                    "valences outside the dataset's range");
    for (int32_t i = 0; range > 0 && i < corpus->utterance_count; i++)
        if (fabs((double)corpus->valences[i]) > range)
            mb_check_add(&check, "'%s': %g is not in [%g, %g]", corpus->names[i],
                         (double)corpus->valences[i], -range, range);
    return mb_check_finish(&check, error);
}

static mb_status audit_classes(const mb_corpus *corpus, mb_audit *audit, mb_error *error) {
    const mb_dataset_rules *rules = corpus->rules;
    int32_t counts[8] = {0}, most = 0, labelled = 0;
    for (int32_t i = 0; i < corpus->utterance_count; i++)
        if (corpus->emotions[i] >= 0) {
            most = ++counts[corpus->emotions[i]] > most ? counts[corpus->emotions[i]] : most;
            labelled++;
        }
    if (most == labelled) // mb_audit_parts says so
        return MB_OK;
    mb_check absent = mb_check_start(audit, MB_WARNING, "absent-class", rules->name,
                                     "classes without any utterance");
    mb_check rare = mb_check_start(audit, MB_NOTE, "rare-class", rules->name,
                                   "classes with less than a tenth of the largest class");
    for (int32_t c = 0; c < rules->class_count; c++)
        if (counts[c] == 0)
            mb_check_add(&absent, "%d '%s'", c, rules->classes[c]);
        else if (counts[c] * imbalance_worth_a_note < most)
            mb_check_add(&rare, "%d '%s': %d %s, the largest class has %d", c, rules->classes[c],
                         counts[c], mb_plural(counts[c], "utterance", "utterances"), most);
    mb_status status = mb_check_finish(&absent, error);
    mb_status other = mb_check_finish(&rare, error);
    return status != MB_OK ? status : other;
}

// splits_of[row] receives the number of times that the row occurs in the splits.
static mb_status audit_membership(const mb_corpus *corpus, int32_t *splits_of, mb_audit *audit,
                                  mb_error *error) {
    mb_check twice = mb_check_start(audit, MB_ERROR, "split-overlap", corpus->rules->name,
                                    "utterances in two splits, or twice in one");
    mb_check nowhere = mb_check_start(audit, MB_WARNING, "no-split", corpus->rules->name,
                                      "utterances in no split");
    for (int32_t s = 0; s < corpus->split_count; s++)
        for (int32_t i = 0; i < corpus->splits[s].count; i++) {
            int32_t row = corpus->splits[s].rows[i];
            if (++splits_of[row] == 2)
                mb_check_add(&twice, "'%s', again in '%s'", corpus->names[row],
                             corpus->splits[s].name);
        }
    for (int32_t row = 0; row < corpus->utterance_count; row++)
        if (splits_of[row] == 0)
            mb_check_add(&nowhere, "'%s'", corpus->names[row]);
    mb_status status = mb_check_finish(&twice, error);
    mb_status other = mb_check_finish(&nowhere, error);
    return status != MB_OK ? status : other;
}

static mb_status audit_empty_splits(const mb_corpus *corpus, mb_audit *audit, mb_error *error) {
    mb_check check = mb_check_start(audit, MB_ERROR, "empty-split", corpus->rules->name,
                                    "splits without utterances");
    for (int32_t s = 0; s < corpus->split_count; s++)
        if (corpus->splits[s].count == 0)
            mb_check_add(&check, "'%s'", corpus->splits[s].name);
    return mb_check_finish(&check, error);
}

// "Ses01F_impro01_F000" belongs to session 1. Every session is a fold.
static mb_status audit_sessions(const mb_corpus *corpus, mb_audit *audit, mb_error *error) {
    if (corpus->rules->splits != MB_SPLIT_SESSIONS)
        return MB_OK;
    mb_check check = mb_check_start(audit, MB_ERROR, "no-session", corpus->rules->name,
                                    "names whose fifth character is not a session from 1 to 5");
    int32_t counts[5] = {0};
    for (int32_t i = 0; i < corpus->utterance_count; i++) {
        const char *name = corpus->names[i];
        if (strlen(name) < 5 || name[4] < '1' || name[4] > '5')
            mb_check_add(&check, "'%s'", name);
        else
            counts[name[4] - '1']++;
    }
    mb_check empty = mb_check_start(audit, MB_ERROR, "empty-session", corpus->rules->name,
                                    "sessions without utterances");
    for (int session = 1; session <= 5; session++)
        if (counts[session - 1] == 0)
            mb_check_add(&empty, "session %d", session);
    mb_status status = mb_check_finish(&check, error);
    mb_status other = mb_check_finish(&empty, error);
    return status != MB_OK ? status : other;
}

mb_status mb_audit_labels(const mb_corpus *corpus, mb_audit *audit, mb_error *error) {
    int32_t *splits_of = calloc((size_t)corpus->utterance_count + 1, sizeof *splits_of);
    if (splits_of == NULL)
        return mb_out_of_memory(error, "audit");
    mb_status status = audit_membership(corpus, splits_of, audit, error);
    free(splits_of);
    if (status == MB_OK)
        status = audit_empty_splits(corpus, audit, error);
    if (status == MB_OK)
        status = audit_sessions(corpus, audit, error);
    for (int32_t s = 0; s < corpus->split_count && status == MB_OK; s++) {
        if (corpus->rules->class_count > 0)
            status = audit_missing(corpus, &corpus->splits[s], true, audit, error);
        if (status == MB_OK && corpus->rules->value_count > 0)
            status = audit_missing(corpus, &corpus->splits[s], false, audit, error);
    }
    if (status == MB_OK)
        status = audit_range(corpus, audit, error);
    if (status == MB_OK && corpus->rules->class_count > 0)
        status = audit_classes(corpus, audit, error);
    if (status == MB_OK)
        status = mb_audit_published(corpus, audit, error);
    if (status == MB_OK)
        status = mb_audit_parts(corpus, audit, error);
    return status;
}
