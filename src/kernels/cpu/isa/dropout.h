// Dropout factors for ops that drop elements themselves.
#ifndef MB_KERNELS_CPU_DROPOUT_H
#define MB_KERNELS_CPU_DROPOUT_H

#include "cpu/isa/kernel.h"

// 1/(1-p); 1 when dropout is off.
float MB_NAME(dropout_scale)(const mb_cpu_call *call, const mb_dropout_params *site);

// Multiplies x[0..count), elements `begin` ... of the site's tensor, by 1/(1-p) or by 0.
void MB_NAME(dropout_apply)(const mb_cpu_call *call, const mb_dropout_params *site, int64_t begin,
                            int64_t count, const float *x, float *y);

#endif
