#include "nvtx3/nvToolsExt.h"

#include "runtime.h"
#include "statistics.h"

static thread_local int depth;

int nvtxRangePushA(const char *) {
    std::lock_guard<std::recursive_mutex> guard(cudasim::runtime.lock);
    cudasim::counts.ranges++;
    cudasim::counts.open_ranges++;
    return depth++;
}

int nvtxRangePop() {
    std::lock_guard<std::recursive_mutex> guard(cudasim::runtime.lock);
    cudasim::counts.open_ranges--;
    return --depth;
}
