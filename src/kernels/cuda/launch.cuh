// Kernel launches, and the features of CUDA that the simulator (tests/cudasim) implements
// differently.
#ifndef MB_KERNELS_CUDA_LAUNCH_CUH
#define MB_KERNELS_CUDA_LAUNCH_CUH

#include <cuda_runtime.h>
#include <stdint.h>

// A kernel with template arguments needs parentheses: MB_LAUNCH((kernel<T, 4>), ...). All of its
// template arguments must be given. cudaGetLastError returns errors of the launch.
#ifdef __CUDACC__
#define MB_LAUNCH(kernel, grid, block, shared_bytes, stream, ...)                                  \
    kernel<<<(grid), (block), (shared_bytes), (stream)>>>(__VA_ARGS__)
#else
#define MB_LAUNCH(kernel, grid, block, shared_bytes, stream, ...)                                  \
    cudasim::launch(#kernel, kernel,                                                               \
                    cudasim::shape((grid), (block), (shared_bytes), (stream)) __VA_OPT__(, )       \
                        __VA_ARGS__)
#endif

// Declares `name`, a pointer to the block's dynamic shared memory, 16-byte aligned.
#ifdef __CUDACC__
#define MB_DYNAMIC_SHARED(type, name)                                                              \
    extern __shared__ __align__(16) unsigned char mb_dynamic_shared[];                             \
    type *name = reinterpret_cast<type *>(mb_dynamic_shared)
#else
#define MB_DYNAMIC_SHARED(type, name) type *name = static_cast<type *>(cudasim::dynamic_shared())
#endif

// Begins an asynchronous copy of BYTES (4, 8 or 16) from global to shared memory; both addresses
// are aligned to BYTES. mb_async_commit makes a group of the copies that the thread has begun. The
// thread sees the data after it has waited for the group; the other threads of the block see it
// after the next __syncthreads.
template <int BYTES> __device__ inline void mb_async_copy(void *shared, const void *global) {
    static_assert(BYTES == 4 || BYTES == 8 || BYTES == 16, "the hardware copies 4, 8 or 16 bytes");
#if !defined(__CUDACC__)
    cudasim::async_copy(shared, global, BYTES);
#elif __CUDA_ARCH__ >= 800
    unsigned to = (unsigned)__cvta_generic_to_shared(shared);
    if (BYTES == 16) // bypasses the L1 cache
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to), "l"(global) : "memory");
    else
        asm volatile("cp.async.ca.shared.global [%0], [%1], %2;" ::"r"(to), "l"(global), "n"(BYTES)
                     : "memory");
#else
    for (int i = 0; i < BYTES / 4; i++)
        static_cast<uint32_t *>(shared)[i] = static_cast<const uint32_t *>(global)[i];
#endif
}

__device__ inline void mb_async_commit() {
#if !defined(__CUDACC__)
    cudasim::async_commit();
#elif __CUDA_ARCH__ >= 800
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

// Waits for all of the thread's groups except the newest N.
template <int N> __device__ inline void mb_async_wait() {
#if !defined(__CUDACC__)
    cudasim::async_wait(N);
#elif __CUDA_ARCH__ >= 800
    asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
#endif
}

#endif
