// Ranges of NVTX in the simulator: they are counted, and must be closed in the thread that opened
// them.
#ifndef CUDASIM_NVTOOLSEXT_H
#define CUDASIM_NVTOOLSEXT_H

// Ranges that are open in this thread, or a negative number.
int nvtxRangePushA(const char *name);
int nvtxRangePop();

namespace cudasim {

// The innermost range that is open in this thread; NULL: none.
const char *open_range();

} // namespace cudasim

#endif
