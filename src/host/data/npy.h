// A strict reader of .npy files (format versions 1 to 3).
#ifndef MB_DATA_NPY_H
#define MB_DATA_NPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "merbench/status.h"

enum { MB_NPY_MAX_DIMS = 32 };

typedef struct mb_npy_header {
    char kind;         // 'f' floating point, 'O' objects, 'i' ... as in the dtype
    int32_t item_size; // bytes; 0 for 'O'
    bool big_endian;
    bool fortran_order; // the first index changes fastest
    int32_t rank;
    int64_t dims[MB_NPY_MAX_DIMS];
    size_t data; // offset of the first value
} mb_npy_header;

// `file` is for messages.
mb_status mb_npy_parse_header(const unsigned char *bytes, size_t size, const char *file,
                              mb_npy_header *header, mb_error *error);

// The content of a feature file.
typedef struct mb_frames {
    int64_t count;     // T, 1 for an array of one dimension
    int32_t dimension; // D
    float *values;     // (T, D), malloc'ed
} mb_frames;

// Reads a whole file as the reference toolkit does. Axes of size 1 are dropped; then (D) is one
// frame and (T, D) is T frames. Consequently (T, 1), too, is one frame of T values. Values of 2, 4
// or 8 bytes are converted to float. MB_BAD_INPUT: the file is truncated or followed by garbage,
// holds integers or objects, has no values, or has three or more axes.
mb_status mb_npy_frames(const unsigned char *bytes, size_t size, const char *file,
                        mb_frames *frames, mb_error *error);

#endif
