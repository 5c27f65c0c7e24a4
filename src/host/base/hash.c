#include "base/hash.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

mb_hasher *mb_hasher_create(void) {
    XXH3_state_t *state = XXH3_createState();
    if (state != NULL)
        XXH3_128bits_reset(state);
    return (mb_hasher *)state;
}

void mb_hasher_add(mb_hasher *hasher, const void *bytes, size_t count) {
    XXH3_128bits_update((XXH3_state_t *)hasher, bytes, count);
}

void mb_hasher_add_string(mb_hasher *hasher, const char *text) {
    mb_hasher_add(hasher, text, strlen(text) + 1);
}

static void print(XXH128_hash_t hash, char hex[33]) {
    snprintf(hex, 33, "%016llx%016llx", (unsigned long long)hash.high64,
             (unsigned long long)hash.low64);
}

void mb_hasher_finish(mb_hasher *hasher, char hex[33]) {
    print(XXH3_128bits_digest((XXH3_state_t *)hasher), hex);
    XXH3_freeState((XXH3_state_t *)hasher);
}

uint64_t mb_hasher_finish_short(mb_hasher *hasher) {
    uint64_t digest = XXH3_128bits_digest((XXH3_state_t *)hasher).low64;
    XXH3_freeState((XXH3_state_t *)hasher);
    return digest;
}

void mb_hash(const void *bytes, size_t count, char hex[33]) {
    print(XXH3_128bits(bytes, count), hex);
}
