#include "nvtx3/nvToolsExt.h"

#include <stddef.h>

#include <string>
#include <vector>

static thread_local std::vector<std::string> open;

int nvtxRangePushA(const char *name) {
    open.push_back(name);
    return (int)open.size() - 1;
}

int nvtxRangePop() {
    if (open.empty())
        return -1;
    open.pop_back();
    return (int)open.size();
}

const char *cudasim::open_range() {
    return open.empty() ? NULL : open.back().c_str();
}
