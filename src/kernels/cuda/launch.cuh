// Launches of kernels, and what of CUDA the simulator (tests/cudasim) does by other means.
#ifndef MB_KERNELS_CUDA_LAUNCH_CUH
#define MB_KERNELS_CUDA_LAUNCH_CUH

#include <cuda_runtime.h>

#ifdef __CUDACC__
#define MB_LAUNCH(kernel, grid, block, shared_bytes, stream, ...)                                  \
    kernel<<<(grid), (block), (shared_bytes), (stream)>>>(__VA_ARGS__)
#define MB_DYNAMIC_SHARED(type, name)                                                              \
    extern __shared__ __align__(16) unsigned char mb_dynamic_shared[];                             \
    type *name = reinterpret_cast<type *>(mb_dynamic_shared)
#else
#define MB_LAUNCH(kernel, grid, block, shared_bytes, stream, ...)                                  \
    cudasim::launch((grid), (block), (shared_bytes), (stream), [=] { kernel(__VA_ARGS__); },       \
                    #kernel)
#define MB_DYNAMIC_SHARED(type, name)                                                              \
    type *name = reinterpret_cast<type *>(cudasim::dynamic_shared())
#endif

#endif
