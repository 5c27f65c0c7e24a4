// Content digests: XXH3 with 128 bits, written as 32 hexadecimal digits.
#ifndef MB_BASE_HASH_H
#define MB_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

typedef struct mb_hasher mb_hasher;

mb_hasher *mb_hasher_create(void); // NULL when out of memory
void mb_hasher_add(mb_hasher *hasher, const void *bytes, size_t count);
// Adds a string with its terminating zero, so that "ab","c" and "a","bc" differ.
void mb_hasher_add_string(mb_hasher *hasher, const char *text);
void mb_hasher_finish(mb_hasher *hasher, char hex[33]); // frees the hasher
uint64_t mb_hasher_finish_short(mb_hasher *hasher);     // the lower 64 bits; frees the hasher

void mb_hash(const void *bytes, size_t count, char hex[33]);

#endif
