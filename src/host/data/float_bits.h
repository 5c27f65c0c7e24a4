// Decodes numbers from bytes in either byte order.
#ifndef MB_DATA_FLOAT_BITS_H
#define MB_DATA_FLOAT_BITS_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

// `size` is 1 to 8.
static inline uint64_t mb_bits_from_bytes(const unsigned char *bytes, int size, bool big_endian) {
    uint64_t bits = 0;
    for (int i = 0; i < size; i++)
        bits |= (uint64_t)bytes[i] << 8 * (big_endian ? size - 1 - i : i);
    return bits;
}

static inline double mb_half_from_bits(uint32_t bits) {
    int exponent = (int)(bits >> 10 & 0x1F);
    double fraction = (double)(bits & 0x3FF);
    double value = exponent == 0x1F ? (fraction != 0 ? NAN : INFINITY)
                   : exponent == 0  ? ldexp(fraction, -24)
                                    : ldexp(fraction + 1024, exponent - 25);
    return (bits & 0x8000) != 0 ? -value : value;
}

// An IEEE 754 value; `size` is 2, 4 or 8.
static inline double mb_float_from_bytes(const unsigned char *bytes, int size, bool big_endian) {
    uint64_t bits = mb_bits_from_bytes(bytes, size, big_endian);
    if (size == 2)
        return mb_half_from_bits((uint32_t)bits);
    if (size == 4) {
        uint32_t narrow = (uint32_t)bits;
        float value;
        memcpy(&value, &narrow, sizeof value);
        return (double)value;
    }
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

#endif
