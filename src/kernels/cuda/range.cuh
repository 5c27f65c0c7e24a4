// NVTX ranges, which a profiler (Nsight Systems) shows above the kernel launches. Without a
// profiler a range costs a few nanoseconds. Without the NVTX header, which comes in a separate
// package, ranges do nothing.
#ifndef MB_KERNELS_CUDA_RANGE_CUH
#define MB_KERNELS_CUDA_RANGE_CUH

#if __has_include(<nvtx3/nvToolsExt.h>)
#include <nvtx3/nvToolsExt.h>
#else
inline int nvtxRangePushA(const char *) {
    return 0;
}
inline int nvtxRangePop() {
    return 0;
}
#endif

// A range from the construction of the object to the end of its scope.
struct mb_cuda_range {
    explicit mb_cuda_range(const char *name) {
        (void)nvtxRangePushA(name);
    }
    ~mb_cuda_range() {
        (void)nvtxRangePop();
    }
    mb_cuda_range(const mb_cuda_range &) = delete;
    mb_cuda_range &operator=(const mb_cuda_range &) = delete;
};

#endif
