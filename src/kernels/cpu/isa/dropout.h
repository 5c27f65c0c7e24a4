// Dropout masks, for the kernels that have dropout inside.
#ifndef MB_KERNELS_CPU_DROPOUT_H
#define MB_KERNELS_CPU_DROPOUT_H

#include "cpu/isa/kernel.h"

enum { MB_DROPOUT_GROUP = 128 }; // masks are made in groups of as many elements

// The masks of one site in one step.
typedef struct mb_random_mask {
    mb_key key;
    uint32_t stream, step;
    uint32_t threshold; // 16 random bits must reach it; 0: everything is kept
    float scale;        // 1 / (1 - p)
} mb_random_mask;

mb_random_mask MB_NAME(random_mask)(const mb_cpu_call *call, const mb_dropout_setting *setting);

// What elements [first, first + MB_DROPOUT_GROUP) are multiplied by: scale or 0. `first` is a
// multiple of the group.
void MB_NAME(random_factors)(const mb_random_mask *mask, int64_t first, float *factors);

// Elements [begin, begin + count) of the site's tensor; x and y may be the same.
void MB_NAME(random_apply)(const mb_random_mask *mask, int64_t begin, int64_t count, const float *x,
                           float *y);

// Drops elements [begin, begin + count) of the site's tensor as the setting's mode says; x and y
// may be the same.
void MB_NAME(dropout_apply)(const mb_cpu_call *call, const mb_dropout_setting *setting,
                            int64_t begin, int64_t count, const float *x, float *y);

#endif
