// Loads and stores of four floats at once: 16 bytes of shared or global memory, at an address that
// is a multiple of 16.
//
// Local arrays of a thread must not be accessed this way. They normally are in registers, but in a
// debug build they are in memory, aligned only like a float. So they are read and written element
// by element, and no other file casts pointers to vectors (tests/cudasim/casts_are_aligned.sh).
#ifndef MB_KERNELS_CUDA_FOUR_CUH
#define MB_KERNELS_CUDA_FOUR_CUH

#include "cuda/launch.cuh"

__device__ inline float4 mb_four(const float *from) {
    return *(const float4 *)from;
}

__device__ inline void mb_get_four(const float *from, float (&values)[4]) {
    float4 four = *(const float4 *)from;
    values[0] = four.x;
    values[1] = four.y;
    values[2] = four.z;
    values[3] = four.w;
}

__device__ inline void mb_put_four(float *to, float4 four) {
    *(float4 *)to = four;
}

__device__ inline void mb_put_four(float *to, const float (&values)[4]) {
    *(float4 *)to = make_float4(values[0], values[1], values[2], values[3]);
}

// Two floats, at an address that is a multiple of 8.
__device__ inline void mb_put_two(float *to, float first, float second) {
    *(float2 *)to = make_float2(first, second);
}

// For global memory that is used once and need not stay in the caches.
__device__ inline float4 mb_four_once(const float *from) {
    return __ldcs((const float4 *)from);
}

__device__ inline void mb_put_four_once(float *to, float4 four) {
    __stcs((float4 *)to, four);
}

#endif
