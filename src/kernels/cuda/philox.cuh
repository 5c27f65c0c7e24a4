// Philox4x32-10 on the device: the same words as src/host/base/philox.c.
#ifndef MB_KERNELS_CUDA_PHILOX_CUH
#define MB_KERNELS_CUDA_PHILOX_CUH

#include "cuda/call.cuh"

// The words at (index, step, use).
__device__ inline uint4 mb_philox(mb_key key, uint32_t use, uint32_t step, uint64_t index) {
    uint32_t k0 = key.words[0], k1 = key.words[1];
    uint4 c = make_uint4((uint32_t)index, (uint32_t)(index >> 32), step, use);
#pragma unroll
    for (int round = 0; round < 10; round++) {
        uint32_t high_0 = __umulhi(0xD2511F53u, c.x), low_0 = 0xD2511F53u * c.x;
        uint32_t high_1 = __umulhi(0xCD9E8D57u, c.z), low_1 = 0xCD9E8D57u * c.z;
        c = make_uint4(high_1 ^ c.y ^ k0, low_1, high_0 ^ c.w ^ k1, low_0);
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return c;
}

// Uniform integer in [0, bound), as mb_random_below.
__device__ inline uint32_t mb_philox_below(mb_key key, uint32_t use, uint32_t step, uint64_t index,
                                           uint32_t bound) {
    uint4 random = mb_philox(key, use, step, index);
    return (uint32_t)__umul64hi((uint64_t)random.x << 32 | random.y, bound);
}

// Standard normal, in double as on the host.
__device__ inline double mb_philox_normal(mb_key key, uint32_t use, uint32_t step, uint64_t index) {
    uint4 random = mb_philox(key, use, step, index);
    double u = ((double)random.x + 0.5) * 0x1p-32;
    double angle = 6.283185307179586476925 * ((double)random.y * 0x1p-32);
    return sqrt(-2.0 * log(u)) * cos(angle);
}

#endif
