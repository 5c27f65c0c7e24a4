// The digests of sources that are known only when all features are written, while the file has them
// before the features. Until then texts of the same length stand in their places.
#ifndef MB_DATA_CORPUS_SOURCES_H
#define MB_DATA_CORPUS_SOURCES_H

#include "data/corpus_write.h"
#include "data/seal.h"

// Fills in `standing`, which is written to the file: the sources, those without a digest with a
// text that nobody can foresee. The names stay the caller's.
mb_status mb_sources_stand_in(const mb_source *sources, int32_t count, mb_source *standing,
                              mb_error *error);

// Replaces the texts by the digests, which `sources` has by now. They are looked for from `start`
// to the end of the file, outside of the extents.
mb_status mb_sources_complete(int file, const char *path, const mb_source *standing,
                              const mb_source *sources, int32_t count, int64_t start,
                              const mb_extent *extents, int32_t extent_count, mb_error *error);

#endif
