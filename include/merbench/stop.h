// Work that another thread may stop.
#ifndef MERBENCH_STOP_H
#define MERBENCH_STOP_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

// Whether *stop has become non-zero; false if `stop` is NULL. It points to the number of an
// atomic_int, which C++ lacks.
static inline bool mb_stopped(const int *stop) {
    return stop != NULL && __atomic_load_n(stop, __ATOMIC_RELAXED) != 0;
}

// Zeroes memory, or only some of it if it is stopped.
static inline void mb_clear(void *memory, size_t bytes, const int *stop) {
    const size_t piece = (size_t)64 << 20; // some ten milliseconds
    char *at = (char *)memory;
    for (size_t count; bytes > 0 && !mb_stopped(stop); at += count, bytes -= count) {
        count = bytes < piece ? bytes : piece;
        memset(at, 0, count);
    }
}

#endif
