// Writes a corpus from memory. Used by the importer and by the generator of synthetic corpora.
#ifndef MB_DATA_CORPUS_WRITE_H
#define MB_DATA_CORPUS_WRITE_H

#include <stdbool.h>

#include "merbench/corpus.h"

// A file or folder that the corpus was made from.
typedef struct mb_source {
    char *file;
    char digest[33];
} mb_source;

// Writes the corpus. All of its features must be loaded; its `path`, digests and `tool_version` are
// ignored. The file appears under its name, replacing an older one if `replace`, when it is
// complete and on disk. After a failure (MB_FAILED: disk full, SIGINT, SIGTERM ...) nothing is left
// behind. The same arguments always result in the same bytes.
mb_status mb_corpus_write(const mb_corpus *corpus, const mb_source *sources, int32_t source_count,
                          const char *path, bool replace, mb_error *error);

#endif
