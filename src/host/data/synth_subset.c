// The utterances of a dataset that are among those of another.
#include <stdlib.h>
#include <string.h>

#include "data/synth.h"

static int32_t category_of_row(const mb_corpus *corpus, int32_t row) {
    if (corpus->rules->class_count > 0)
        return corpus->emotions[row];
    return corpus->valences[row] < 0 ? 0 : corpus->valences[row] > 0 ? 2 : 1;
}

static mb_status allocate(const mb_corpus *whole, mb_corpus *corpus, int32_t **rows,
                          mb_error *error) {
    size_t most = (size_t)whole->utterance_count;
    corpus->names = calloc(most, sizeof *corpus->names);
    corpus->emotions = calloc(most, sizeof *corpus->emotions);
    corpus->valences = calloc(most, sizeof *corpus->valences);
    corpus->splits = calloc((size_t)whole->split_count, sizeof *corpus->splits);
    *rows = calloc(most, sizeof **rows);
    if (corpus->names == NULL || corpus->emotions == NULL || corpus->valences == NULL ||
        corpus->splits == NULL || *rows == NULL)
        return mb_out_of_memory(error, "synthetic utterances");
    return MB_OK;
}

static mb_status add_utterance(const mb_corpus *whole, int32_t from, int32_t category,
                               mb_corpus *corpus, int32_t *rows, mb_error *error) {
    int32_t row = corpus->utterance_count++;
    rows[row] = from;
    corpus->names[row] = strdup(whole->names[from]);
    corpus->emotions[row] = corpus->rules->class_count > 0 ? category : MB_EMOTION_MISSING;
    corpus->valences[row] = whole->valences[from];
    return corpus->names[row] != NULL ? MB_OK : mb_out_of_memory(error, "names of utterances");
}

static mb_status add_split(const mb_synth_options *options, const mb_corpus *whole,
                           const mb_synth_split *pattern, const int32_t *category_of,
                           mb_corpus *corpus, int32_t *rows, mb_error *error) {
    const mb_split *from = mb_corpus_split(whole, pattern->name);
    mb_split *split = &corpus->splits[corpus->split_count++];
    int32_t missing[8];
    split->name = strdup(pattern->name);
    split->rows = calloc((size_t)from->count, sizeof *split->rows);
    if (split->name == NULL || split->rows == NULL)
        return mb_out_of_memory(error, "synthetic splits");
    for (int c = 0; c < 8; c++)
        missing[c] = mb_synth_count(options, pattern, c);
    mb_status status = MB_OK;
    for (int32_t i = 0; i < from->count && status == MB_OK; i++) {
        int32_t category = category_of[category_of_row(whole, from->rows[i])];
        if (category < 0 || missing[category] == 0)
            continue;
        missing[category]--;
        split->rows[split->count++] = corpus->utterance_count;
        status = add_utterance(whole, from->rows[i], category, corpus, rows, error);
    }
    return status;
}

mb_status mb_synth_subset(const mb_synth_options *options, const mb_corpus *whole,
                          const int32_t *category_of, mb_corpus *corpus, int32_t **rows,
                          mb_error *error) {
    const mb_synth_profile *profile = mb_synth_profile_find(options->rules);
    *corpus = (mb_corpus){.rules = options->rules};
    *rows = NULL;
    mb_status status = allocate(whole, corpus, rows, error);
    for (int s = 0; s < whole->split_count && status == MB_OK; s++)
        status = add_split(options, whole, &profile->splits[s], category_of, corpus, *rows, error);
    if (status != MB_OK) {
        free(*rows);
        *rows = NULL;
    }
    return status;
}
