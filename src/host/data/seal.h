// The seal of a corpus file: a text block in front of the HDF5 data with the file's length and a
// digest of everything except the feature values (they have digests of their own, checked when they
// are loaded). It is checked before the HDF5 library sees a byte, so that truncated, damaged and
// foreign files are told apart early, and opening a corpus of many gigabytes stays fast.
#ifndef MB_DATA_SEAL_H
#define MB_DATA_SEAL_H

#include <stdint.h>

#include "merbench/status.h"

// Bytes that the seal does not cover.
typedef struct mb_extent {
    int64_t start, length;
} mb_extent;

// Size of the block that holds a seal with `extent_count` extents: a power of two, at least 512.
int64_t mb_seal_block_size(int extent_count);

// Seals the file behind the descriptor, whose block of that size is still empty. Extents in
// ascending order. `path` is for messages.
mb_status mb_seal_write(int file, const char *path, const mb_extent *extents, int extent_count,
                        mb_error *error);

// MB_BAD_INPUT: no such file, no corpus, another format version, truncated, changed.
mb_status mb_seal_check(const char *path, mb_error *error);

#endif
