// Dropout masks, for every kernel that has dropout: what an element is multiplied by is made from
// its position whenever it is wanted. Reference: src/kernels/cpu/isa/dropout.c.
//
// Element e of a site is kept when 16 random bits reach round(p * 65536). Groups of 128 elements
// use 16 Philox counters: element e has counter e/128*16 + e%16 and takes half (e/16)%2 of word
// (e/32)%4. So a thread that makes the 8 elements of a counter computes Philox once.
#ifndef MB_KERNELS_CUDA_DROPOUT_CUH
#define MB_KERNELS_CUDA_DROPOUT_CUH

#include "cuda/philox.cuh"

enum {
    MB_MASK_GROUP = 128,   // elements that share
    MB_MASK_COUNTERS = 16, // counters, with
    MB_MASK_SHARE = 8,     // elements each, MB_MASK_COUNTERS apart
};

// The mask of one site in one step of one run.
struct mb_mask {
    bool stored;        // given from outside:
    const float *given; // 1 keep, 0 drop
    mb_key key;
    uint32_t stream, step;
    uint32_t threshold; // 16 random bits must reach it; 0: everything is kept
    float scale;        // of what is kept: 1 / (1 - p), or 1 where nothing is dropped

    // Whether every factor is 1.
    __device__ bool idle() const {
        return !stored && threshold == 0;
    }
};

__device__ inline mb_mask mb_mask_of(const mb_tables &tables, const mb_dropout_setting &setting,
                                     int32_t run) {
    mb_mask mask = {};
    float p = setting.rate == MB_SLOT_NONE
                  ? setting.constant_rate
                  : tables.slots[(int64_t)run * MB_SLOT_COUNT + setting.rate];
    mask.scale = 1.0f / (1.0f - p);
    mask.stored = setting.mode == MB_DROPOUT_STORED;
    if (mask.stored) {
        mask.given = tables.masks + setting.mask_offset;
        return mask;
    }
    mask.key = tables.keys[run];
    mask.stream = MB_STREAM_DROPOUT + setting.site;
    mask.step = tables.steps[run];
    mask.threshold = setting.mode == MB_DROPOUT_RANDOM ? (uint32_t)(p * 65536.0f + 0.5f) : 0u;
    if (mask.threshold == 0)
        mask.scale = 1.0f;
    return mask;
}

// What element `e` of the site's tensor is multiplied by: mask.scale or 0.
__device__ inline float mb_mask_factor(const mb_mask &mask, int64_t e) {
    if (mask.stored)
        return mask.given[e] * mask.scale;
    if (mask.threshold == 0)
        return 1.0f;
    int64_t counter = e / MB_MASK_GROUP * MB_MASK_COUNTERS + e % MB_MASK_COUNTERS;
    int32_t share = (int32_t)(e % MB_MASK_GROUP) / MB_MASK_COUNTERS;
    mb_random4 random = mb_philox(mask.key, mask.stream, mask.step, (uint64_t)counter);
    // no array by a variable: it would lie in memory
    uint32_t low = share & 2 ? random.words[1] : random.words[0];
    uint32_t high = share & 2 ? random.words[3] : random.words[2];
    uint32_t bits = share & 4 ? high : low;
    bits = share & 1 ? bits >> 16 : bits & 0xFFFFu;
    return bits >= mask.threshold ? mask.scale : 0.0f;
}

// The first of the 8 elements that share a counter; the others follow MB_MASK_COUNTERS apart. Lanes
// with neighbouring counters have neighbouring elements, 16 in a row. A tensor of E elements has
// mb_mask_counters(E) counters; the last ones may stand for elements that are not there.
__device__ inline int64_t mb_mask_first(int64_t counter) {
    return counter / MB_MASK_COUNTERS * MB_MASK_GROUP + counter % MB_MASK_COUNTERS;
}

__host__ __device__ inline int64_t mb_mask_counters(int64_t elements) {
    return (elements + MB_MASK_GROUP - 1) / MB_MASK_GROUP * MB_MASK_COUNTERS;
}

// The factors of the 8 elements of a counter, by one Philox. Not for masks that are stored.
__device__ inline void mb_mask_factors(const mb_mask &mask, int64_t counter,
                                       float (&factors)[MB_MASK_SHARE]) {
    mb_random4 random = mb_philox(mask.key, mask.stream, mask.step, (uint64_t)counter);
#pragma unroll
    for (int word = 0; word < 4; word++) {
        uint32_t bits = random.words[word];
        factors[2 * word] = (bits & 0xFFFFu) >= mask.threshold ? mask.scale : 0.0f;
        factors[2 * word + 1] = (bits >> 16) >= mask.threshold ? mask.scale : 0.0f;
    }
}

#endif
