// Writes a corpus from memory. Used by the importer and by the generator of synthetic corpora.
#ifndef MB_DATA_CORPUS_WRITE_H
#define MB_DATA_CORPUS_WRITE_H

#include <stdbool.h>

#include "base/interrupt.h"
#include "merbench/corpus.h"

// A file or folder that the corpus was made from.
typedef struct mb_source {
    char *file;
    char digest[33]; // empty: known when all features are loaded
} mb_source;

// Loads the features of a corpus while it is written, one after the other: `load` fills in the
// level, dimension, offsets and values of a feature. Those of the feature before are no longer
// needed. If `interrupt` comes, it may return early with MB_FAILED.
typedef struct mb_feature_loader {
    mb_status (*load)(void *context, int32_t feature, mb_interrupt *interrupt, mb_error *error);
    void *context;
} mb_feature_loader;

// Writes the corpus. All of its features must be loaded; its `path`, digests and `tool_version` are
// ignored. The file appears under its name, replacing an older one if `replace`, when it is
// complete and on disk. After a failure (MB_FAILED: disk full, SIGINT, SIGTERM ...) nothing is left
// behind. The same arguments always result in the same bytes.
mb_status mb_corpus_write(const mb_corpus *corpus, const mb_source *sources, int32_t source_count,
                          const char *path, bool replace, mb_error *error);

// The same for a corpus whose features are not loaded yet. The digests of sources may be filled in
// while features are loaded.
mb_status mb_corpus_write_from(const mb_corpus *corpus, const mb_source *sources,
                               int32_t source_count, const mb_feature_loader *loader,
                               const char *path, bool replace, mb_error *error);

#endif
