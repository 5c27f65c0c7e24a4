// Philox4x32-10 on the device: the numbers of src/host/base/philox.c, bit for bit.
#ifndef MB_KERNELS_CUDA_PHILOX_CUH
#define MB_KERNELS_CUDA_PHILOX_CUH

#include "cuda/call.cuh"

// The four words at (index, step, stream).
__device__ inline mb_random4 mb_philox(mb_key key, uint32_t stream, uint32_t step, uint64_t index) {
    const uint32_t multiplier_0 = 0xD2511F53u, multiplier_1 = 0xCD9E8D57u;
    const uint32_t weyl_0 = 0x9E3779B9u, weyl_1 = 0xBB67AE85u;
    uint32_t c0 = (uint32_t)index, c1 = (uint32_t)(index >> 32), c2 = step, c3 = stream;
    uint32_t k0 = key.words[0], k1 = key.words[1];
#pragma unroll
    for (int round = 0; round < 10; round++) {
        uint32_t high_0 = __umulhi(multiplier_0, c0), low_0 = multiplier_0 * c0;
        uint32_t high_1 = __umulhi(multiplier_1, c2), low_1 = multiplier_1 * c2;
        c0 = high_1 ^ c1 ^ k0;
        c1 = low_1;
        c2 = high_0 ^ c3 ^ k1;
        c3 = low_0;
        k0 += weyl_0;
        k1 += weyl_1;
    }
    return {{c0, c1, c2, c3}};
}

// Standard normal, as mb_random_normal: equal to it but for the last places of log and cos.
__device__ inline double mb_philox_normal(mb_key key, uint32_t stream, uint32_t step,
                                          uint64_t index) {
    mb_random4 random = mb_philox(key, stream, step, index);
    double u = ((double)random.words[0] + 0.5) * 0x1p-32;
    double angle = 6.283185307179586476925 * ((double)random.words[1] * 0x1p-32);
    return sqrt(-2.0 * log(u)) * cos(angle);
}

#endif
