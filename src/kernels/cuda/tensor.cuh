// One product on the tensor cores. A warp computes D (16, 8) = C + A (16, 8) B (8, 8). A and B are
// TF32, with the exponent of float32 and 10 bits of mantissa. Sums are float32, but rounded towards
// zero, so long sums should be added outside of the tensor cores.
//
// With g = lane / 4 and t = lane % 4, a lane holds the elements
//     a[0] (g, t)    a[1] (g + 8, t)    a[2] (g, t + 4)       a[3] (g + 8, t + 4)
//     b[0] (t, g)    b[1] (t + 4, g)
//     c[0] (g, 2t)   c[1] (g, 2t + 1)   c[2] (g + 8, 2t)      c[3] (g + 8, 2t + 1)
#ifndef MB_KERNELS_CUDA_TENSOR_CUH
#define MB_KERNELS_CUDA_TENSOR_CUH

#include "cuda/launch.cuh"

// x rounded to the nearest TF32, ties away from zero.
__device__ inline uint32_t mb_tf32(float x) {
#if !defined(__CUDACC__)
    return cudasim::tf32(x);
#elif __CUDA_ARCH__ >= 800
    uint32_t bits;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
    return bits;
#else // never executed: older architectures are not supported
    return __float_as_uint(x);
#endif
}

// c += a b, by all 32 lanes of a warp together.
__device__ inline void mb_tf32_product(const uint32_t (&a)[4], const uint32_t (&b)[2],
                                       float (&c)[4]) {
#if !defined(__CUDACC__)
    cudasim::tf32_product(a, b, c);
#elif __CUDA_ARCH__ >= 800
    asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    __trap();
#endif
}

#endif
