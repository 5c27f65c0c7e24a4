// Writing a corpus from memory; used by the importer and by the generator of synthetic corpora.
#ifndef MB_DATA_CORPUS_WRITE_H
#define MB_DATA_CORPUS_WRITE_H

#include <stdbool.h>

#include "merbench/corpus.h"

// A file or folder that the corpus was made from.
typedef struct mb_source {
    char *file;
    char digest[33];
} mb_source;

// To be asked before any long work: whether `path` can be written. MB_BAD_INPUT: it exists and
// `force` is false, it is a folder, or its folder is missing or not writable.
mb_status mb_corpus_can_write(const char *path, bool force, mb_error *error);

// Writes the corpus, whose features are all loaded; `path`, `digest`s and `tool_version` of the
// corpus are not looked at. The file appears under its name when it is complete and on disk,
// replacing a file of that name; after a failure (MB_FAILED: disk full,
// SIGINT, SIGTERM ...) nothing is left behind.
// The bytes depend on nothing but the arguments.
mb_status mb_corpus_write(const mb_corpus *corpus, const mb_source *sources, int32_t source_count,
                          const char *path, mb_error *error);

#endif
