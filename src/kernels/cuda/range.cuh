// Ranges of NVTX: what a profiler (Nsight Systems) shows above the launches of the host. Without
// one they cost a few nanoseconds.
#ifndef MB_KERNELS_CUDA_RANGE_CUH
#define MB_KERNELS_CUDA_RANGE_CUH

#include <nvtx3/nvToolsExt.h>

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
