// Dropout masks, for the kernels that have dropout inside.
#ifndef MB_KERNELS_CPU_DROPOUT_H
#define MB_KERNELS_CPU_DROPOUT_H

#include "cpu/isa/kernel.h"

enum { MB_DROPOUT_GROUP = 128 }; // elements whose masks are generated together

// The masks of one site in one step.
typedef struct mb_random_mask {
    mb_key key;
    uint32_t use, step;
    uint32_t threshold; // 16 random bits must reach it; 0: everything is kept
    float scale;        // 1 / (1 - p)
} mb_random_mask;

mb_random_mask MB_NAME(random_mask)(const mb_cpu_call *call, const mb_dropout_setting *setting);

// The factors (scale or 0) of elements [first, first + MB_DROPOUT_GROUP); `first` is a multiple of
// MB_DROPOUT_GROUP.
void MB_NAME(random_factors)(const mb_random_mask *mask, int64_t first, float *factors);

// y = x * factor for elements [begin, begin + count) of the site's tensor; x and y may be the same.
void MB_NAME(random_apply)(const mb_random_mask *mask, int64_t begin, int64_t count, const float *x,
                           float *y);

// The same in the mode of the setting: random masks, stored masks, or a plain copy.
void MB_NAME(dropout_apply)(const mb_cpu_call *call, const mb_dropout_setting *setting,
                            int64_t begin, int64_t count, const float *x, float *y);

#endif
