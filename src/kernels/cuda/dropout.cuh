// Dropout masks, for all kernels that include dropout. The same masks as those of
// src/kernels/cpu/isa/dropout.c.
//
// Element e of a dropout site is kept when its 16 random bits are at least round(p * 65536). Groups
// of 128 elements use 16 Philox counters: element e has counter e/128*16 + e%16 and takes half
// (e/16)%2 of word (e/32)%4. So one counter has the bits of 8 elements, 16 apart.
#ifndef MB_KERNELS_CUDA_DROPOUT_CUH
#define MB_KERNELS_CUDA_DROPOUT_CUH

#include "cuda/philox.cuh"

enum {
    MB_DROPOUT_GROUP = 128,   // elements
    MB_DROPOUT_COUNTERS = 16, // of a group
    MB_DROPOUT_SHARE = 8,     // elements of a counter, MB_DROPOUT_COUNTERS apart
};

// The masks of one site for one run in one step.
struct mb_mask {
    mb_dropout_mode mode;
    mb_key key;
    uint32_t use, step;
    uint32_t threshold;  // 16 random bits must reach it; 0: everything is kept
    float scale;         // 1 / (1 - p); 1 where idle
    const float *stored; // MB_DROPOUT_STORED: 1 keep, 0 drop

    // Whether every factor is 1.
    __device__ bool idle() const {
        return mode != MB_DROPOUT_STORED && threshold == 0;
    }
};

__device__ inline mb_mask mb_mask_of(const mb_tables &tables, int32_t run,
                                     const mb_dropout_setting &setting) {
    const float *slots = tables.slots + (int64_t)run * MB_SLOT_COUNT;
    float p = setting.rate == MB_SLOT_NONE ? setting.constant_rate : slots[setting.rate];
    mb_mask mask;
    mask.mode = setting.mode;
    mask.key = tables.keys[run];
    mask.use = MB_RANDOM_DROPOUT + setting.site;
    mask.step = tables.steps[run];
    mask.threshold = setting.mode == MB_DROPOUT_RANDOM ? (uint32_t)(p * 65536.0f + 0.5f) : 0u;
    mask.stored = setting.mode == MB_DROPOUT_STORED ? tables.masks + setting.mask_offset : NULL;
    mask.scale = mask.idle() ? 1.0f : 1.0f / (1.0f - p);
    return mask;
}

// The first of the 8 elements of a counter. 16 neighbouring counters have 16 neighbouring first
// elements. Elements of the last counters may be beyond the end of the tensor.
__device__ inline int64_t mb_mask_first(int64_t counter) {
    return counter / MB_DROPOUT_COUNTERS * MB_DROPOUT_GROUP + counter % MB_DROPOUT_COUNTERS;
}

__host__ __device__ inline int64_t mb_mask_counters(int64_t elements) {
    return (elements + MB_DROPOUT_GROUP - 1) / MB_DROPOUT_GROUP * MB_DROPOUT_COUNTERS;
}

// Which of the 8 elements of a counter are kept: bit j for the j-th.
__device__ inline uint32_t mb_mask_bits(const mb_mask &mask, uint64_t counter) {
    uint4 random = mb_philox(mask.key, mask.use, mask.step, counter);
    uint32_t words[4] = {random.x, random.y, random.z, random.w}, bits = 0;
#pragma unroll
    for (int word = 0; word < 4; word++) {
        bits |= (uint32_t)((words[word] & 0xFFFFu) >= mask.threshold) << (2 * word);
        bits |= (uint32_t)((words[word] >> 16) >= mask.threshold) << (2 * word + 1);
    }
    return bits;
}

// The factors of the 8 elements of a counter, from one call of Philox. Not for stored masks.
__device__ inline void mb_mask_factors(const mb_mask &mask, int64_t counter,
                                       float (&factors)[MB_DROPOUT_SHARE]) {
    uint32_t bits = mask.idle() ? 0xFFu : mb_mask_bits(mask, (uint64_t)counter);
#pragma unroll
    for (int share = 0; share < MB_DROPOUT_SHARE; share++)
        factors[share] = (bits >> share & 1u) != 0 ? mask.scale : 0.0f;
}

// The factor of element e: the scale, 0, or 1 where nothing is dropped.
__device__ inline float mb_mask_factor(const mb_mask &mask, int64_t e) {
    if (mask.mode == MB_DROPOUT_STORED)
        return mask.stored[e] * mask.scale;
    if (mask.idle())
        return 1.0f;
    uint64_t counter =
        (uint64_t)e / MB_DROPOUT_GROUP * MB_DROPOUT_COUNTERS + (uint64_t)e % MB_DROPOUT_COUNTERS;
    int place = (int)(e % MB_DROPOUT_GROUP) / MB_DROPOUT_COUNTERS;
    return (mb_mask_bits(mask, counter) >> place & 1u) != 0 ? mask.scale : 0.0f;
}

#endif
