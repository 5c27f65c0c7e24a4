// Sums over the threads of a block and of a warp, in a fixed order.
#ifndef MB_KERNELS_CUDA_REDUCE_CUH
#define MB_KERNELS_CUDA_REDUCE_CUH

#include "cuda/launch.cuh"

// The sum over a warp, returned to every lane.
template <class T> __device__ inline T mb_warp_sum(T value) {
    for (int distance = 16; distance > 0; distance /= 2)
        value += __shfl_xor_sync(0xFFFFFFFFu, value, distance);
    return value;
}

template <class T> __device__ inline T mb_warp_max(T value) {
    for (int distance = 16; distance > 0; distance /= 2) {
        T other = __shfl_xor_sync(0xFFFFFFFFu, value, distance);
        value = other > value ? other : value;
    }
    return value;
}

// The sum over a block of at most 1024 threads (a multiple of 32), returned to every thread. All
// threads of the block must call it.
template <class T> static __device__ inline T mb_block_sum(T value) {
    __shared__ T sums[32];
    int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32, warps = (int)blockDim.x / 32;
    value = mb_warp_sum(value);
    __syncthreads(); // until the sums of the previous call have been read
    if (lane == 0)
        sums[warp] = value;
    __syncthreads();
    T total = 0;
    for (int i = 0; i < warps; i++)
        total += sums[i];
    return total;
}

#endif
