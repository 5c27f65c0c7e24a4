#include "data/harmonise.h"

#include <math.h>
#include <stdlib.h>
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

// ---- a corpus with common labels --------------------------------------------------------------

static void set_rules(const mb_dataset_rules *rules, mb_common_corpus *common) {
    common->rules = *rules;
    common->corpus.rules = &common->rules;
    if (rules->class_count == 0) {
        common->rules.value_range = common_range;
        return;
    }
    common->rules.class_count = MB_COMMON_CLASS_COUNT;
    common->rules.value_count = 0;
    common->rules.value_range = 0;
    common->rules.selection = MB_SELECT_EMO;
    memset(common->rules.classes, 0, sizeof common->rules.classes);
    memcpy(common->rules.classes, mb_common_classes, sizeof mb_common_classes);
}

static void set_labels(const mb_corpus *from, mb_corpus *to) {
    bool classes = from->rules->class_count > 0;
    for (int32_t i = 0; i < from->utterance_count; i++) {
        int32_t emotion = classes ? mb_common_class(from->rules, from->emotions[i]) : -1;
        to->emotions[i] = emotion >= 0 ? emotion : MB_EMOTION_MISSING;
        to->valences[i] =
            classes ? NAN : (float)mb_common_value(from->rules, (double)from->valences[i]);
    }
}

static mb_status copy_split(const mb_corpus *from, const mb_split *split, mb_corpus *to,
                            mb_error *error) {
    mb_split *copy = &to->splits[to->split_count++];
    bool classes = from->rules->class_count > 0;
    *copy = (mb_split){.name = split->name,
                       .rows = calloc((size_t)split->count + 1, sizeof *copy->rows)};
    if (copy->rows == NULL)
        return mb_out_of_memory(error, "common labels");
    for (int32_t i = 0; i < split->count; i++) {
        int32_t row = split->rows[i];
        if (!classes || to->emotions[row] != MB_EMOTION_MISSING)
            copy->rows[copy->count++] = row;
    }
    return MB_OK;
}

mb_status mb_common_corpus_make(const mb_corpus *corpus, mb_common_corpus *common,
                                mb_error *error) {
    *common = (mb_common_corpus){.corpus = *corpus};
    size_t count = (size_t)corpus->utterance_count + 1;
    common->corpus.split_count = 0;
    common->corpus.emotions = calloc(count, sizeof *common->corpus.emotions);
    common->corpus.valences = calloc(count, sizeof *common->corpus.valences);
    common->corpus.splits = calloc((size_t)corpus->split_count + 1, sizeof *common->corpus.splits);
    set_rules(corpus->rules, common);
    mb_status status = MB_OK;
    if (common->corpus.emotions == NULL || common->corpus.valences == NULL ||
        common->corpus.splits == NULL)
        status = mb_out_of_memory(error, "common labels");
    else
        set_labels(corpus, &common->corpus);
    for (int32_t i = 0; i < corpus->split_count && status == MB_OK; i++)
        status = copy_split(corpus, &corpus->splits[i], &common->corpus, error);
    if (status != MB_OK)
        mb_common_corpus_free(common);
    return status;
}

void mb_common_corpus_free(mb_common_corpus *common) {
    for (int32_t i = 0; i < common->corpus.split_count; i++)
        free(common->corpus.splits[i].rows);
    free(common->corpus.splits);
    free(common->corpus.emotions);
    free(common->corpus.valences);
    *common = (mb_common_corpus){0};
}

const char *mb_target_split(const mb_dataset_rules *rules) {
    switch (rules->splits) {
    case MB_SPLIT_SESSIONS:
        return "whole";
    case MB_SPLIT_RANDOM_FOLDS:
        return "test1";
    case MB_SPLIT_OFFICIAL:
        break;
    }
    return "test";
}
