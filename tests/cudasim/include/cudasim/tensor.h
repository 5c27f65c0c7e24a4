// The tensor cores: rounding to TF32, and the product of a warp; src/kernels/cuda/tensor.cuh says
// which lane holds which element.
#ifndef CUDASIM_TENSOR_H
#define CUDASIM_TENSOR_H

#include "cudasim/types.h"

namespace cudasim {

// cvt.rna.tf32.f32: to 10 bits of mantissa, to the nearest, ties away from zero.
uint32_t tf32(float x);

// mma.m16n8k8 in TF32: c += a b. Sums are rounded towards zero. Aborts with a message unless all 32
// lanes of the warp reach it together, with operands that were rounded to TF32.
void tf32_product(const uint32_t (&a)[4], const uint32_t (&b)[2], float (&c)[4],
                  const char *file = __builtin_FILE(), int line = __builtin_LINE());

} // namespace cudasim

#endif
