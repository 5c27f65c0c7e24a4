// Loads the values of features, and reads the list of source files.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/plural.h"
#include "base/suggest.h"
#include "data/corpus_file.h"

mb_status mb_fail_damaged(const mb_corpus *corpus, const mb_feature *feature, const char *digest,
                          mb_error *error) {
    return mb_fail(error, MB_BAD_INPUT,
                   "%s: feature '%s' is damaged or was changed: expected digest %s, found %s",
                   corpus->path, feature->name, feature->digest, digest);
}

mb_status mb_fail_nonfinite(const mb_corpus *corpus, const mb_feature *feature, int64_t index,
                            float value, mb_error *error) {
    int64_t frame = index / feature->dimension;
    int32_t row = mb_utterance_of_frame(feature->offsets, corpus->utterance_count, frame);
    return mb_fail(error, MB_BAD_INPUT,
                   "%s: feature '%s', utterance '%s', frame %" PRId64 ", column %" PRId64
                   ": expected a finite value, found %g; 'merbench doctor' lists them all",
                   corpus->path, feature->name, corpus->names[row], frame - feature->offsets[row],
                   index % feature->dimension, (double)value);
}

static mb_status load_values(const mb_h5 *h5, const mb_corpus *corpus, mb_feature *feature,
                             mb_error *error) {
    char object[1024], digest[33];
    int64_t dims[8];
    int rank;
    snprintf(object, sizeof object, "/features/%s/values", feature->name);
    mb_status status = mb_corpus_check_values(h5, corpus, feature,
                                              feature->offsets[corpus->utterance_count], error);
    if (status == MB_OK)
        status = mb_h5_read_floats(h5, object, &feature->values, &rank, dims, error);
    if (status == MB_OK)
        status = mb_feature_digest(feature, corpus->utterance_count, digest, error);
    if (status == MB_OK && strcmp(digest, feature->digest) != 0)
        status = mb_fail_damaged(corpus, feature, digest, error);
    return status;
}

static mb_status unknown_feature(const mb_corpus *corpus, const char *name, mb_error *error) {
    const char **names = calloc((size_t)corpus->feature_count + 1, sizeof *names);
    if (names == NULL)
        return mb_out_of_memory(error, name);
    for (int32_t f = 0; f < corpus->feature_count; f++)
        names[f] = corpus->features[f].name;
    mb_status status = mb_fail_unknown(
        error, MB_BAD_INPUT,
        &(mb_unknown){
            .what = "feature", .name = name, .known = names, .count = corpus->feature_count});
    free(names);
    return mb_fail_in(error, status, "%s: ", corpus->path);
}

// Reads what is missing of a feature: its offsets, and its values if `values`.
static mb_status load(mb_corpus *corpus, const char *feature_name, bool values,
                      const mb_feature **feature, mb_error *error) {
    mb_feature *found = (mb_feature *)mb_corpus_feature(corpus, feature_name);
    if (found == NULL)
        return unknown_feature(corpus, feature_name, error);
    if (found->offsets == NULL || (values && found->values == NULL)) {
        mb_h5 *h5;
        mb_status status = mb_h5_open_corpus(corpus->path, &h5, error);
        if (status == MB_OK && found->offsets == NULL)
            status = mb_corpus_read_offsets(h5, corpus, found, &found->offsets, error);
        if (status == MB_OK && values)
            status = load_values(h5, corpus, found, error);
        mb_h5_close(h5);
        if (status != MB_OK) {
            mb_corpus_unload(corpus, feature_name);
            return status;
        }
    }
    if (feature != NULL)
        *feature = found;
    return MB_OK;
}

mb_status mb_corpus_load_any(mb_corpus *corpus, const char *feature_name,
                             const mb_feature **feature, mb_error *error) {
    return load(corpus, feature_name, true, feature, error);
}

mb_status mb_corpus_load_offsets(mb_corpus *corpus, const char *feature_name,
                                 const mb_feature **feature, mb_error *error) {
    return load(corpus, feature_name, false, feature, error);
}

void mb_corpus_unload(mb_corpus *corpus, const char *feature_name) {
    mb_feature *found = (mb_feature *)mb_corpus_feature(corpus, feature_name);
    if (found == NULL)
        return;
    free(found->offsets);
    free(found->values);
    found->offsets = NULL;
    found->values = NULL;
}

mb_status mb_corpus_load(mb_corpus *corpus, const char *feature_name, const mb_feature **feature,
                         mb_error *error) {
    const mb_feature *found = NULL;
    mb_status status = mb_corpus_load_any(corpus, feature_name, &found, error);
    if (status != MB_OK)
        return status;
    int64_t count = found->offsets[corpus->utterance_count] * found->dimension;
    int64_t bad = mb_first_nonfinite(found->values, count);
    if (bad >= 0)
        return mb_fail_nonfinite(corpus, found, bad, found->values[bad], error);
    if (feature != NULL)
        *feature = found;
    return MB_OK;
}

mb_status mb_corpus_sources(const mb_corpus *corpus, char ***files, char ***digests, int *count,
                            mb_error *error) {
    *files = NULL, *digests = NULL, *count = 0;
    mb_h5 *h5;
    mb_status status = mb_h5_open_corpus(corpus->path, &h5, error);
    if (status != MB_OK)
        return status;
    int file_count = 0, digest_count = 0;
    status = mb_h5_read_texts(h5, "/provenance/file", files, &file_count, error);
    if (status == MB_OK)
        status = mb_h5_read_texts(h5, "/provenance/digest", digests, &digest_count, error);
    if (status == MB_OK && file_count != digest_count)
        status = mb_fail(error, MB_BAD_INPUT, "%s: /provenance: %d %s but %d %s", corpus->path,
                         file_count, mb_plural(file_count, "file", "files"), digest_count,
                         mb_plural(digest_count, "digest", "digests"));
    mb_h5_close(h5);
    if (status != MB_OK) {
        mb_h5_free_names(*files, file_count);
        mb_h5_free_names(*digests, digest_count);
        *files = NULL, *digests = NULL;
        return status;
    }
    *count = file_count;
    return MB_OK;
}
