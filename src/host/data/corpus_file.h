// Shared by the reader, the writer and the audit of corpus files.
#ifndef MB_DATA_CORPUS_FILE_H
#define MB_DATA_CORPUS_FILE_H

#include <stdbool.h>

#include "base/hash.h"
#include "data/h5.h"
#include "merbench/corpus.h"

#define MB_CORPUS_FORMAT 1

// Makes all calls of the HDF5 library that opening a corpus, loading its features and listing its
// sources make, but reads no values of features. A child process does this first (cli/probe.h). The
// seal is not checked.
mb_status mb_corpus_try(const char *path, mb_error *error);

// Opens a corpus once more that this process has open. The guard of the program is not asked again,
// since all but the values of features has been read. MB_BAD_INPUT: the file is another one now.
mb_status mb_corpus_open_again(const mb_corpus *known, mb_corpus *corpus, mb_error *error);

// Checks the rules that every corpus must follow: names, labels, splits, the descriptions of the
// features, and the offsets of the features that are loaded. Messages start with `file`.
mb_status mb_corpus_check(const mb_corpus *corpus, const char *file, mb_error *error);
// The part of it that is about one feature.
mb_status mb_feature_check(const mb_corpus *corpus, int32_t index, const char *file,
                           mb_error *error);

// Checks the N + 1 offsets of a feature: they rise from 0 to `frames`, so that every utterance has
// at least one frame.
mb_status mb_offsets_check(const mb_corpus *corpus, const mb_feature *feature,
                           const int64_t *offsets, int64_t frames, const char *file,
                           mb_error *error);

mb_status mb_corpus_digest(const mb_corpus *corpus, char digest[33], mb_error *error);
mb_status mb_feature_digest(const mb_feature *feature, int32_t utterance_count, char digest[33],
                            mb_error *error);

// The digest of a feature is that of its dimension and offsets, which are added already, and of its
// values. NULL when out of memory.
mb_hasher *mb_feature_hasher(const mb_feature *feature, int32_t utterance_count);

// Compares two mb_split for qsort. The order is whole, train, val, then the tests by name.
int mb_split_compare(const void *a, const void *b);

// Reads and checks the offsets of a feature; *offsets is malloc'ed.
mb_status mb_corpus_read_offsets(const mb_h5 *h5, const mb_corpus *corpus,
                                 const mb_feature *feature, int64_t **offsets, mb_error *error);

// Checks how the values of a feature are stored, and their shape, without reading them.
mb_status mb_corpus_check_values(const mb_h5 *h5, const mb_corpus *corpus,
                                 const mb_feature *feature, int64_t frames, mb_error *error);

// Like mb_corpus_load, but accepts values that are not finite.
mb_status mb_corpus_load_any(mb_corpus *corpus, const char *feature_name,
                             const mb_feature **feature, mb_error *error);

// The feature with its offsets, which are read if need be; its values may be NULL.
mb_status mb_corpus_load_offsets(mb_corpus *corpus, const char *feature_name,
                                 const mb_feature **feature, mb_error *error);

// Passes the values of a feature on, some utterances at a time and in their order: `use` gets the
// frames of utterances first .. first + count - 1. Values that are not loaded are read meanwhile,
// and memory holds a small part of them. They are checked as mb_corpus_load does; after a failure,
// what was passed on may be wrong.
typedef struct mb_feature_user {
    void (*use)(void *context, int32_t first, int32_t count, const float *frames);
    void *context;
} mb_feature_user;
mb_status mb_corpus_use(const mb_corpus *corpus, const mb_feature *feature,
                        const mb_feature_user *user, mb_error *error);

// Frees the offsets and values of a feature, if it is loaded.
void mb_corpus_unload(mb_corpus *corpus, const char *feature_name);

mb_status mb_fail_damaged(const mb_corpus *corpus, const mb_feature *feature, const char *digest,
                          mb_error *error);
mb_status mb_fail_nonfinite(const mb_corpus *corpus, const mb_feature *feature, int64_t index,
                            float value, mb_error *error);

// Index of the first value that is not finite, or -1.
int64_t mb_first_nonfinite(const float *values, int64_t count);

// The utterance that a frame belongs to.
int32_t mb_utterance_of_frame(const int64_t *offsets, int32_t utterance_count, int64_t frame);

// Reads the names and digests of the `count` source files that the corpus was made from. Free both
// lists with mb_h5_free_names.
mb_status mb_corpus_sources(const mb_corpus *corpus, char ***files, char ***digests, int *count,
                            mb_error *error);

#endif
