// Division by a number that is known when a kernel is launched, as a multiplication and a shift.
// Source: Granlund and Montgomery, "Division by Invariant Integers using Multiplication", 1994.
#ifndef MB_KERNELS_CUDA_DIVIDE_CUH
#define MB_KERNELS_CUDA_DIVIDE_CUH

#include <stdint.h>

#include "cuda/launch.cuh"

// Exact for 0 <= x < 2^31.
struct mb_divider {
    uint32_t factor, shift; // x / by = x * factor / 2^shift
    int32_t by;

    __device__ int32_t quotient(int32_t x) const {
        return (int32_t)(((uint64_t)(uint32_t)x * factor) >> shift);
    }
    __device__ int32_t remainder(int32_t x) const {
        return x - quotient(x) * by;
    }
};

// by >= 1
inline mb_divider mb_divider_of(int32_t by) {
    uint32_t bits = 0; // of by - 1
    while (((uint64_t)1 << bits) < (uint64_t)by)
        bits++;
    uint64_t factor = (((uint64_t)1 << (31 + bits)) + (uint64_t)by - 1) / (uint64_t)by;
    return {(uint32_t)factor, 31 + bits, by};
}

#endif
