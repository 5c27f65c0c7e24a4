// The rules that every corpus must follow, in memory or in a file, and the digests of its content.
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/utf8.h"
#include "data/corpus_file.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "digests are of little-endian numbers");

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static mb_status check_names(const mb_corpus *corpus, const char *file, mb_error *error) {
    int32_t count = corpus->utterance_count;
    char **sorted = malloc(((size_t)count + 1) * sizeof *sorted);
    if (sorted == NULL)
        return mb_out_of_memory(error, "utterance names");
    memcpy(sorted, corpus->names, (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, compare_names);
    mb_status status = MB_OK;
    for (int32_t i = 0; i < count && status == MB_OK; i++) {
        if (sorted[i][0] == '\0')
            status = mb_fail(error, MB_BAD_INPUT, "%s: an utterance has an empty name", file);
        else if (!mb_is_utf8(sorted[i], strlen(sorted[i])))
            status = mb_fail(error, MB_BAD_INPUT, "%s: utterance name '%s': expected UTF-8", file,
                             sorted[i]);
        else if (i > 0 && strcmp(sorted[i - 1], sorted[i]) == 0)
            status =
                mb_fail(error, MB_BAD_INPUT, "%s: two utterances are named '%s'", file, sorted[i]);
    }
    free(sorted);
    return status;
}

static mb_status check_labels(const mb_corpus *corpus, const char *file, mb_error *error) {
    const mb_dataset_rules *rules = corpus->rules;
    for (int32_t i = 0; i < corpus->utterance_count; i++) {
        int32_t emotion = corpus->emotions[i];
        if (emotion != MB_EMOTION_MISSING && (emotion < 0 || emotion >= rules->class_count))
            return mb_fail(error, MB_BAD_INPUT,
                           "%s: utterance '%s': expected an emotion below %d (%s) or %d, found %d",
                           file, corpus->names[i], rules->class_count, rules->name,
                           MB_EMOTION_MISSING, emotion);
        if (isinf(corpus->valences[i]))
            return mb_fail(error, MB_BAD_INPUT, "%s: utterance '%s': the valence is infinite", file,
                           corpus->names[i]);
    }
    return MB_OK;
}

// Names of splits and features become links of HDF5.
static bool usable_name(const char *name) {
    return name[0] != '\0' && strchr(name, '/') == NULL && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0 && mb_is_utf8(name, strlen(name));
}

static mb_status check_splits(const mb_corpus *corpus, const char *file, mb_error *error) {
    for (int32_t s = 0; s < corpus->split_count; s++) {
        const mb_split *split = &corpus->splits[s];
        if (!usable_name(split->name))
            return mb_fail(error, MB_BAD_INPUT, "%s: split %d: '%s' is not a usable name", file, s,
                           split->name);
        for (int32_t i = 0; i < split->count; i++)
            if (split->rows[i] < 0 || split->rows[i] >= corpus->utterance_count)
                return mb_fail(error, MB_BAD_INPUT,
                               "%s: split '%s', entry %d: expected a row below %d, found %d", file,
                               split->name, i, corpus->utterance_count, split->rows[i]);
    }
    return MB_OK;
}

mb_status mb_offsets_check(const mb_corpus *corpus, const mb_feature *feature,
                           const int64_t *offsets, int64_t frames, const char *file,
                           mb_error *error) {
    int32_t count = corpus->utterance_count;
    if (offsets[0] != 0 || offsets[count] != frames)
        return mb_fail(error, MB_BAD_INPUT,
                       "%s: feature '%s': expected offsets from 0 to %" PRId64 ", found %" PRId64
                       " to %" PRId64,
                       file, feature->name, frames, offsets[0], offsets[count]);
    for (int32_t i = 0; i < count; i++) {
        bool rising = offsets[i + 1] > offsets[i];
        if (!rising)
            return mb_fail(error, MB_BAD_INPUT,
                           "%s: feature '%s', utterance '%s': expected at least one frame, found "
                           "offsets %" PRId64 " and %" PRId64,
                           file, feature->name, corpus->names[i], offsets[i], offsets[i + 1]);
        if (feature->level == MB_LEVEL_UTTERANCE && offsets[i + 1] - offsets[i] != 1)
            return mb_fail(
                error, MB_BAD_INPUT,
                "%s: feature '%s', utterance '%s': expected one frame at utterance level, "
                "found %" PRId64,
                file, feature->name, corpus->names[i], offsets[i + 1] - offsets[i]);
    }
    return MB_OK;
}

mb_status mb_feature_check(const mb_corpus *corpus, int32_t index, const char *file,
                           mb_error *error) {
    const mb_feature *feature = &corpus->features[index];
    if (!usable_name(feature->name))
        return mb_fail(error, MB_BAD_INPUT, "%s: feature %d: '%s' is not a usable name", file,
                       index, feature->name);
    if (feature->modality < -1 || feature->modality >= MB_MODALITY_COUNT)
        return mb_fail(error, MB_BAD_INPUT, "%s: feature '%s': there is no modality %d", file,
                       feature->name, feature->modality);
    if (feature->level != MB_LEVEL_UTTERANCE && feature->level != MB_LEVEL_FRAME)
        return mb_fail(error, MB_BAD_INPUT, "%s: feature '%s': there is no level %d", file,
                       feature->name, feature->level);
    if (feature->dimension < 1)
        return mb_fail(error, MB_BAD_INPUT,
                       "%s: feature '%s': expected a dimension of at least 1, found %d", file,
                       feature->name, feature->dimension);
    if (feature->offsets == NULL)
        return MB_OK;
    return mb_offsets_check(corpus, feature, feature->offsets,
                            feature->offsets[corpus->utterance_count], file, error);
}

mb_status mb_corpus_check(const mb_corpus *corpus, const char *file, mb_error *error) {
    if (corpus->utterance_count < 1)
        return mb_fail(error, MB_BAD_INPUT, "%s: expected at least one utterance, found none",
                       file);
    mb_status status = check_names(corpus, file, error);
    if (status == MB_OK)
        status = check_labels(corpus, file, error);
    if (status == MB_OK)
        status = check_splits(corpus, file, error);
    for (int32_t f = 0; f < corpus->feature_count && status == MB_OK; f++)
        status = mb_feature_check(corpus, f, file, error);
    return status;
}

static int split_rank(const char *name) {
    return strcmp(name, "whole") == 0   ? 0
           : strcmp(name, "train") == 0 ? 1
           : strcmp(name, "val") == 0   ? 2
                                        : 3;
}

int mb_split_compare(const void *a, const void *b) {
    const mb_split *left = a, *right = b;
    int difference = split_rank(left->name) - split_rank(right->name);
    return difference != 0 ? difference : strcmp(left->name, right->name);
}

static void add_number(mb_hasher *hasher, int64_t number) {
    mb_hasher_add(hasher, &number, sizeof number);
}

// Hashes the fields in a fixed order. Splits are sorted, so the caller's order does not matter.
mb_status mb_corpus_digest(const mb_corpus *corpus, char digest[33], mb_error *error) {
    size_t splits_size = (size_t)corpus->split_count * sizeof *corpus->splits;
    mb_split *splits = malloc(splits_size + 1);
    mb_hasher *hasher = splits != NULL ? mb_hasher_create() : NULL;
    if (hasher == NULL) {
        free(splits);
        return mb_out_of_memory(error, "digest of a corpus");
    }
    mb_hasher_add_string(hasher, corpus->rules->name);
    add_number(hasher, corpus->utterance_count);
    for (int32_t i = 0; i < corpus->utterance_count; i++) {
        float valence = isnan(corpus->valences[i]) ? NAN : corpus->valences[i];
        mb_hasher_add_string(hasher, corpus->names[i]);
        mb_hasher_add(hasher, &corpus->emotions[i], sizeof corpus->emotions[i]);
        mb_hasher_add(hasher, &valence, sizeof valence);
    }
    if (splits_size > 0) {
        memcpy(splits, corpus->splits, splits_size);
        qsort(splits, (size_t)corpus->split_count, sizeof *splits, mb_split_compare);
    }
    add_number(hasher, corpus->split_count);
    for (int32_t s = 0; s < corpus->split_count; s++) {
        mb_hasher_add_string(hasher, splits[s].name);
        add_number(hasher, splits[s].count);
        if (splits[s].count > 0)
            mb_hasher_add(hasher, splits[s].rows, (size_t)splits[s].count * sizeof *splits[s].rows);
    }
    mb_hasher_finish(hasher, digest);
    free(splits);
    return MB_OK;
}

mb_hasher *mb_feature_hasher(const mb_feature *feature, int32_t utterance_count) {
    mb_hasher *hasher = mb_hasher_create();
    if (hasher == NULL)
        return NULL;
    add_number(hasher, feature->dimension);
    mb_hasher_add(hasher, feature->offsets, ((size_t)utterance_count + 1) * sizeof(int64_t));
    return hasher;
}

mb_status mb_feature_digest(const mb_feature *feature, int32_t utterance_count, char digest[33],
                            mb_error *error) {
    mb_hasher *hasher = mb_feature_hasher(feature, utterance_count);
    if (hasher == NULL)
        return mb_out_of_memory(error, feature->name);
    size_t frames = (size_t)feature->offsets[utterance_count];
    mb_hasher_add(hasher, feature->values, frames * (size_t)feature->dimension * sizeof(float));
    mb_hasher_finish(hasher, digest);
    return MB_OK;
}

int64_t mb_first_nonfinite(const float *values, int64_t count) {
    enum { CHUNK = 1024 };
    for (int64_t start = 0; start < count; start += CHUNK) {
        int64_t end = count - start < CHUNK ? count : start + CHUNK;
        int found = 0; // no branch in the loop over a chunk, so that it is vectorised
        for (int64_t i = start; i < end; i++)
            found |= !(fabsf(values[i]) <= 3.4028235e38f);
        for (int64_t i = start; found && i < end; i++)
            if (!isfinite(values[i]))
                return i;
    }
    return -1;
}

int32_t mb_utterance_of_frame(const int64_t *offsets, int32_t utterance_count, int64_t frame) {
    int32_t low = 0, high = utterance_count - 1;
    while (low < high) {
        int32_t middle = low + (high - low + 1) / 2;
        if (offsets[middle] <= frame)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}
