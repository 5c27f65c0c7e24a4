// A whole file in memory.
#ifndef MB_DATA_FILE_BYTES_H
#define MB_DATA_FILE_BYTES_H

#include <stddef.h>

#include "merbench/status.h"

typedef struct mb_file_bytes {
    unsigned char *bytes; // malloc'ed
    size_t size;
} mb_file_bytes;

// MB_BAD_INPUT: missing, not readable, no plain file, more than `largest` bytes.
mb_status mb_file_read(const char *path, size_t largest, mb_file_bytes *file, mb_error *error);

#endif
