// The seal of a corpus file: a block of text before the HDF5 data, with the length of the file and
// a digest of everything except the feature values, which have digests of their own that are
// checked when they are loaded. The seal is checked before the HDF5 library sees any byte, so that
// truncated, damaged and foreign files are recognised early, while opening a corpus of many
// gigabytes stays fast.
#ifndef MB_DATA_SEAL_H
#define MB_DATA_SEAL_H

#include <stdint.h>

#include "merbench/status.h"

// A range of bytes that the seal does not cover: the values of a feature.
typedef struct mb_extent {
    int64_t start, length;
} mb_extent;

// The size of the block for a seal with `extent_count` extents: a power of two, at least 512.
int64_t mb_seal_block_size(int extent_count);

// Seals the open file, which begins with an empty block of mb_seal_block_size bytes. The extents
// must be in ascending order. `path` is for messages.
mb_status mb_seal_write(int file, const char *path, const mb_extent *extents, int extent_count,
                        mb_error *error);

// MB_BAD_INPUT: the file is missing, not a corpus, truncated, changed, or written in another
// version of the format.
mb_status mb_seal_check(const char *path, mb_error *error);

#endif
