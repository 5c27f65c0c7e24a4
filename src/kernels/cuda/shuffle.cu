// Shuffles the rows of an epoch, as mb_random_shuffle (src/host/base/philox.c) does: from the last
// row down to row 1, swaps row i with a row drawn from 0 ... i.
#include "cuda/device.cuh"
#include "cuda/philox.cuh"

enum { DRAWS = 1024 }; // made by a block at a time

// All threads draw; then one thread swaps.
static __device__ inline void shuffle_rows(mb_key key, uint32_t epoch, int32_t count,
                                           uint32_t (&draws)[DRAWS], int32_t *rows) {
    int32_t end = count;
    while (end > 1) {
        int32_t begin = end > DRAWS ? end - DRAWS : 1;
        for (int32_t i = begin + (int32_t)threadIdx.x; i < end; i += MB_THREADS)
            draws[i - begin] =
                mb_philox_below(key, MB_RANDOM_SHUFFLE, epoch, (uint64_t)i, (uint32_t)i + 1);
        __syncthreads();
        for (int32_t i = end - 1; threadIdx.x == 0 && i >= begin; i--) {
            uint32_t j = draws[i - begin];
            int32_t row = rows[i];
            rows[i] = rows[j];
            rows[j] = row;
        }
        __syncthreads();
        end = begin;
    }
}

static __device__ inline void copy_rows(const int32_t *from, int32_t count, int32_t *to) {
    for (int32_t i = (int32_t)threadIdx.x; i < count; i += MB_THREADS)
        to[i] = from[i];
}

// A block shuffles the rows of one run: in shared memory if there are at most `near` rows, else in
// global memory.
static __global__ void shuffle_kernel(mb_shuffle_launch launch, int32_t near) {
    __shared__ uint32_t draws[DRAWS];
    MB_DYNAMIC_SHARED(int32_t, near_rows);
    int32_t run = (int32_t)blockIdx.y, count = launch.counts[run];
    mb_key key = launch.keys[run];
    const int32_t *from = launch.from + run * launch.stride;
    int32_t *to = launch.to + run * launch.stride;
    if (launch.shuffled[run] == 0) {
        copy_rows(from, count, to);
    } else if (count <= near) {
        copy_rows(from, count, near_rows);
        shuffle_rows(key, launch.epoch, count, draws, near_rows);
        copy_rows(near_rows, count, to);
    } else {
        copy_rows(from, count, to);
        shuffle_rows(key, launch.epoch, count, draws, to);
    }
}

// The number of rows that fit into shared memory beside the draws. If the device does not allow
// more, these are the 48 KiB that every device has.
static int32_t most_near(const mb_cuda_device *cuda) {
    const int draws = DRAWS * (int)sizeof(uint32_t);
    int bytes = 0;
    if (cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, cuda->ordinal) !=
            cudaSuccess ||
        cudaFuncSetAttribute(shuffle_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             bytes - draws) != cudaSuccess) {
        (void)cudaGetLastError();
        bytes = 48 << 10;
    }
    return (bytes - draws) / (int)sizeof(int32_t);
}

void mb_cuda_shuffle(mb_cuda_device *cuda, const mb_shuffle_launch *launch) {
    int32_t most = most_near(cuda), near = launch->stride < most ? (int32_t)launch->stride : most;
    MB_LAUNCH(shuffle_kernel, dim3(1, (unsigned)launch->run_count), dim3(MB_THREADS),
              (size_t)near * sizeof(int32_t), cuda->stream, *launch, near);
}
