// Reads corpora. The seal is checked first. Every field is checked all the same: a valid seal does
// not mean that the content makes sense.
#include "merbench/corpus.h"
#include "base/plural.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/corpus_file.h"
#include "data/seal.h"

static mb_status read_root(const mb_h5 *h5, mb_corpus *corpus, mb_error *error) {
    char *text = NULL;
    mb_status status = mb_h5_attribute_text(h5, "/", "dataset", &text, error);
    if (status != MB_OK)
        return status;
    corpus->rules = mb_dataset_find(text);
    if (corpus->rules == NULL)
        status = mb_fail(error, MB_BAD_INPUT, "%s: dataset '%s' is unknown to this version",
                         corpus->path, text);
    free(text);
    if (status == MB_OK)
        status = mb_h5_attribute_text(h5, "/", "source", &corpus->source, error);
    if (status == MB_OK)
        status = mb_h5_attribute_text(h5, "/", "tool_version", &corpus->tool_version, error);
    if (status == MB_OK)
        status = mb_h5_attribute_text(h5, "/", "digest", &text, error);
    if (status == MB_OK) {
        snprintf(corpus->digest, sizeof corpus->digest, "%s", text);
        free(text);
    }
    return status;
}

static mb_status expect_length(const mb_corpus *corpus, const char *object, int rank,
                               const int64_t *dims, int64_t expected, mb_error *error) {
    if (rank != 1)
        return mb_fail(error, MB_BAD_INPUT, "%s: %s: expected one dimension, found %d",
                       corpus->path, object, rank);
    if (dims[0] != expected)
        return mb_fail(error, MB_BAD_INPUT, "%s: %s: expected %" PRId64 " %s, found %" PRId64,
                       corpus->path, object, expected, mb_plural(expected, "entry", "entries"),
                       dims[0]);
    return MB_OK;
}

// Reads a column of integers that fit into 32 bits. A negative `expected` allows any length.
static mb_status read_column(const mb_h5 *h5, const mb_corpus *corpus, const char *object,
                             int64_t expected, int32_t **column, int32_t *count, mb_error *error) {
    int64_t *wide, dims[8];
    int rank;
    *column = NULL, *count = 0;
    mb_status status = mb_h5_read_integers(h5, object, &wide, &rank, dims, error);
    if (status != MB_OK)
        return status;
    int64_t length = expected >= 0 ? expected : rank == 1 && dims[0] <= INT32_MAX ? dims[0] : -1;
    status = expect_length(corpus, object, rank, dims, length, error);
    int32_t *narrow = status == MB_OK ? malloc(((size_t)length + 1) * sizeof *narrow) : NULL;
    if (status == MB_OK && narrow == NULL)
        status = mb_out_of_memory(error, object);
    for (int64_t i = 0; status == MB_OK && i < length; i++) {
        narrow[i] = (int32_t)wide[i];
        if (narrow[i] != wide[i])
            status = mb_fail(error, MB_BAD_INPUT,
                             "%s: %s, entry %" PRId64 ": expected a 32-bit integer, found %" PRId64,
                             corpus->path, object, i, wide[i]);
    }
    free(wide);
    if (status != MB_OK) {
        free(narrow);
        return status;
    }
    *column = narrow;
    *count = (int32_t)length;
    return MB_OK;
}

static mb_status read_utterances(const mb_h5 *h5, mb_corpus *corpus, mb_error *error) {
    int count, rank;
    int64_t dims[8];
    mb_status status = mb_h5_read_texts(h5, "/utterances/name", &corpus->names, &count, error);
    if (status != MB_OK)
        return status;
    corpus->utterance_count = count;
    int32_t read;
    status = read_column(h5, corpus, "/utterances/emotion", count, &corpus->emotions, &read, error);
    if (status == MB_OK)
        status =
            mb_h5_read_floats(h5, "/utterances/valence", &corpus->valences, &rank, dims, error);
    if (status == MB_OK)
        status = expect_length(corpus, "/utterances/valence", rank, dims, count, error);
    if (status != MB_OK || !mb_h5_has(h5, "/utterances/transcript"))
        return status;
    int found;
    status = mb_h5_read_texts(h5, "/utterances/transcript", &corpus->transcripts, &found, error);
    if (status == MB_OK && found != count) {
        mb_h5_free_names(corpus->transcripts, found);
        corpus->transcripts = NULL;
        status =
            mb_fail(error, MB_BAD_INPUT, "%s: /utterances/transcript: expected %d %s, found %d",
                    corpus->path, count, mb_plural(count, "entry", "entries"), found);
    }
    return status;
}

static mb_status read_splits(const mb_h5 *h5, mb_corpus *corpus, mb_error *error) {
    char **names, object[1024];
    int count;
    mb_status status = mb_h5_list(h5, "/splits", &names, &count, error);
    if (status != MB_OK)
        return status;
    corpus->splits = calloc((size_t)count + 1, sizeof *corpus->splits);
    if (corpus->splits == NULL)
        status = mb_out_of_memory(error, "splits");
    for (int i = 0; i < count && status == MB_OK; i++) {
        mb_split *split = &corpus->splits[corpus->split_count++];
        split->name = names[i];
        names[i] = NULL; // now the corpus owns it
        snprintf(object, sizeof object, "/splits/%s", split->name);
        status = read_column(h5, corpus, object, -1, &split->rows, &split->count, error);
    }
    mb_h5_free_names(names, count);
    if (status == MB_OK && count > 0)
        qsort(corpus->splits, (size_t)count, sizeof *corpus->splits, mb_split_compare);
    return status;
}

static mb_status read_small_number(const mb_h5 *h5, const mb_corpus *corpus, const char *object,
                                   const char *attribute, int32_t *number, mb_error *error) {
    double value;
    mb_status status = mb_h5_attribute_number(h5, object, attribute, &value, error);
    if (status == MB_OK && !(value >= INT32_MIN && value <= INT32_MAX && value == floor(value)))
        status = mb_fail(error, MB_BAD_INPUT,
                         "%s: %s: attribute '%s': expected a 32-bit integer, found %g",
                         corpus->path, object, attribute, value);
    if (status == MB_OK)
        *number = (int32_t)value;
    return status;
}

mb_status mb_corpus_read_offsets(const mb_h5 *h5, const mb_corpus *corpus,
                                 const mb_feature *feature, int64_t **offsets, mb_error *error) {
    char object[1024];
    int64_t dims[8];
    int rank;
    snprintf(object, sizeof object, "/features/%s/offsets", feature->name);
    mb_status status = mb_h5_read_integers(h5, object, offsets, &rank, dims, error);
    if (status != MB_OK)
        return status;
    int64_t count = corpus->utterance_count;
    status = expect_length(corpus, object, rank, dims, count + 1, error);
    if (status == MB_OK)
        status =
            mb_offsets_check(corpus, feature, *offsets, (*offsets)[count], corpus->path, error);
    if (status != MB_OK) {
        free(*offsets);
        *offsets = NULL;
    }
    return status;
}

mb_status mb_corpus_check_values(const mb_h5 *h5, const mb_corpus *corpus,
                                 const mb_feature *feature, int64_t frames, mb_error *error) {
    char object[1024];
    int64_t dims[8];
    int rank;
    snprintf(object, sizeof object, "/features/%s/values", feature->name);
    mb_status status = mb_h5_shape(h5, object, &rank, dims, error);
    if (status == MB_OK && (rank != 2 || dims[0] != frames || dims[1] != feature->dimension))
        status = mb_fail(error, MB_BAD_INPUT, "%s: %s: expected shape (%" PRId64 ", %d)",
                         corpus->path, object, frames, feature->dimension);
    return status;
}

// Reads everything about a feature except its values. The offsets are checked but not kept.
static mb_status read_feature(const mb_h5 *h5, mb_corpus *corpus, mb_feature *feature,
                              mb_error *error) {
    char object[1024], *digest;
    snprintf(object, sizeof object, "/features/%s", feature->name);
    mb_status status = read_small_number(h5, corpus, object, "modality", &feature->modality, error);
    if (status == MB_OK)
        status = read_small_number(h5, corpus, object, "level", &feature->level, error);
    if (status == MB_OK)
        status = read_small_number(h5, corpus, object, "dimension", &feature->dimension, error);
    if (status == MB_OK)
        status = mb_h5_attribute_text(h5, object, "digest", &digest, error);
    if (status != MB_OK)
        return status;
    snprintf(feature->digest, sizeof feature->digest, "%s", digest);
    free(digest);
    int64_t *offsets;
    status = mb_corpus_read_offsets(h5, corpus, feature, &offsets, error);
    if (status != MB_OK)
        return status;
    int64_t frames = offsets[corpus->utterance_count];
    free(offsets);
    return mb_corpus_check_values(h5, corpus, feature, frames, error);
}

static mb_status read_features(const mb_h5 *h5, mb_corpus *corpus, mb_error *error) {
    char **names;
    int count;
    mb_status status = mb_h5_list(h5, "/features", &names, &count, error);
    if (status != MB_OK)
        return status;
    corpus->features = calloc((size_t)count + 1, sizeof *corpus->features);
    if (corpus->features == NULL)
        status = mb_out_of_memory(error, "features");
    for (int i = 0; i < count && status == MB_OK; i++) {
        mb_feature *feature = &corpus->features[corpus->feature_count++];
        feature->name = names[i];
        names[i] = NULL; // now the corpus owns it
        status = read_feature(h5, corpus, feature, error);
    }
    mb_h5_free_names(names, count);
    return status;
}

// Reads everything but values and sources, without a look at the seal.
static mb_status read_corpus(const char *path, mb_corpus *corpus, mb_error *error) {
    mb_h5 *h5;
    mb_status status = mb_h5_open_corpus(path, &h5, error);
    if (status != MB_OK)
        return status;
    status = read_root(h5, corpus, error);
    if (status == MB_OK)
        status = read_utterances(h5, corpus, error);
    if (status == MB_OK)
        status = read_splits(h5, corpus, error);
    if (status == MB_OK)
        status = read_features(h5, corpus, error);
    if (status == MB_OK)
        status = mb_h5_check(h5, error);
    mb_h5_close(h5);
    if (status == MB_OK)
        status = mb_corpus_check(corpus, path, error);
    char digest[33];
    if (status == MB_OK)
        status = mb_corpus_digest(corpus, digest, error);
    if (status == MB_OK && strcmp(digest, corpus->digest) != 0)
        status = mb_fail(error, MB_BAD_INPUT,
                         "%s: names, labels and splits: expected digest %s, found %s", path,
                         corpus->digest, digest);
    return status;
}

static mb_status open_corpus(const char *path, bool guarded, mb_corpus *corpus, mb_error *error) {
    *corpus = (mb_corpus){.path = strdup(path)};
    if (corpus->path == NULL)
        return mb_out_of_memory(error, path);
    mb_status status = mb_seal_check(path, error);
    if (status == MB_OK && guarded)
        status = mb_h5_guard(path, true, error);
    return status == MB_OK ? read_corpus(path, corpus, error) : status;
}

mb_status mb_corpus_open(const char *path, mb_corpus *corpus, mb_error *error) {
    return open_corpus(path, true, corpus, error);
}

mb_status mb_corpus_open_again(const mb_corpus *known, mb_corpus *corpus, mb_error *error) {
    mb_status status = open_corpus(known->path, false, corpus, error);
    if (status == MB_OK && strcmp(corpus->digest, known->digest) != 0)
        status = mb_fail(error, MB_BAD_INPUT, "%s: the file was changed while it was in use",
                         known->path);
    return status;
}

// Loading values makes no calls that could fail in another way: reading has looked at the header of
// each `values`, and what follows is a copy of bytes from one place of the file, as the format
// allows neither chunks nor filters nor another type.
mb_status mb_corpus_try(const char *path, mb_error *error) {
    mb_corpus corpus = {.path = strdup(path)};
    char **files = NULL, **digests = NULL;
    int count = 0;
    mb_status status = corpus.path != NULL ? MB_OK : mb_out_of_memory(error, path);
    if (status == MB_OK)
        status = read_corpus(path, &corpus, error);
    if (status == MB_OK)
        status = mb_corpus_sources(&corpus, &files, &digests, &count, error);
    mb_h5_free_names(files, count);
    mb_h5_free_names(digests, count);
    mb_corpus_close(&corpus);
    return status;
}

const mb_feature *mb_corpus_feature(const mb_corpus *corpus, const char *feature_name) {
    for (int32_t f = 0; f < corpus->feature_count; f++)
        if (strcmp(corpus->features[f].name, feature_name) == 0)
            return &corpus->features[f];
    return NULL;
}

const mb_split *mb_corpus_split(const mb_corpus *corpus, const char *split_name) {
    for (int32_t s = 0; s < corpus->split_count; s++)
        if (strcmp(corpus->splits[s].name, split_name) == 0)
            return &corpus->splits[s];
    return NULL;
}

void mb_corpus_close(mb_corpus *corpus) {
    mb_h5_free_names(corpus->names, corpus->utterance_count);
    mb_h5_free_names(corpus->transcripts, corpus->utterance_count);
    free(corpus->emotions);
    free(corpus->valences);
    for (int32_t s = 0; s < corpus->split_count; s++) {
        free(corpus->splits[s].name);
        free(corpus->splits[s].rows);
    }
    free(corpus->splits);
    for (int32_t f = 0; f < corpus->feature_count; f++) {
        free(corpus->features[f].name);
        free(corpus->features[f].offsets);
        free(corpus->features[f].values);
    }
    free(corpus->features);
    free(corpus->source);
    free(corpus->tool_version);
    free(corpus->path);
    *corpus = (mb_corpus){0};
}
