// Ranges of NVTX: what a profiler (Nsight Systems) shows above the launches of the host. Without
// one they cost a few nanoseconds; in a build without NVTX's header, which comes in a package of
// its own, nothing.
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

// From its making to the end of the block that it stands in.
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
