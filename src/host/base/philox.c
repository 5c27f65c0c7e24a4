#include "merbench/philox.h"

#include <math.h>

static const uint32_t multiplier_0 = 0xD2511F53u, multiplier_1 = 0xCD9E8D57u;
static const uint32_t weyl_0 = 0x9E3779B9u, weyl_1 = 0xBB67AE85u;

mb_key mb_key_make(uint32_t seed, uint32_t fold) {
    return (mb_key){{seed, fold}};
}

mb_random4 mb_random(mb_key key, uint32_t use, uint32_t step, uint64_t index) {
    uint32_t c0 = (uint32_t)index, c1 = (uint32_t)(index >> 32), c2 = step, c3 = use;
    uint32_t k0 = key.words[0], k1 = key.words[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)multiplier_0 * c0, p1 = (uint64_t)multiplier_1 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += weyl_0;
        k1 += weyl_1;
    }
    return (mb_random4){{c0, c1, c2, c3}};
}

float mb_random_uniform(mb_key key, uint32_t use, uint32_t step, uint64_t index) {
    return (float)(mb_random(key, use, step, index).words[0] >> 8) * 0x1p-24f;
}

double mb_random_normal(mb_key key, uint32_t use, uint32_t step, uint64_t index) {
    mb_random4 random = mb_random(key, use, step, index);
    double u = ((double)random.words[0] + 0.5) * 0x1p-32;
    double angle = 6.283185307179586476925 * ((double)random.words[1] * 0x1p-32);
    return sqrt(-2.0 * log(u)) * cos(angle);
}

uint32_t mb_random_below(mb_key key, uint32_t use, uint32_t step, uint64_t index, uint32_t bound) {
    mb_random4 random = mb_random(key, use, step, index);
    uint64_t bits = (uint64_t)random.words[0] << 32 | random.words[1];
    return (uint32_t)(((unsigned __int128)bits * bound) >> 64);
}

void mb_random_shuffle(mb_key key, uint32_t use, uint32_t step, int32_t *values, int32_t count) {
    for (int32_t i = count - 1; i > 0; i--) {
        uint32_t j = mb_random_below(key, use, step, (uint64_t)i, (uint32_t)i + 1);
        int32_t value = values[i];
        values[i] = values[j];
        values[j] = value;
    }
}
