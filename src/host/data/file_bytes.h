// Reads a whole file into memory.
#ifndef MB_DATA_FILE_BYTES_H
#define MB_DATA_FILE_BYTES_H

#include <stddef.h>

#include "merbench/status.h"

typedef struct mb_file_bytes {
    unsigned char *bytes; // malloc'ed
    size_t size;
} mb_file_bytes;

// MB_BAD_INPUT: the file is missing, not permitted, not a regular file, or larger than `largest`.
mb_status mb_file_read(const char *path, size_t largest, mb_file_bytes *file, mb_error *error);

#endif
