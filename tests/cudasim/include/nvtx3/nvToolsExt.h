// NVTX ranges in the simulator, which only counts them.
#ifndef CUDASIM_NVTOOLSEXT_H
#define CUDASIM_NVTOOLSEXT_H

// Returns the depth of the range in this thread, from 0; negative if none was open.
int nvtxRangePushA(const char *name);
int nvtxRangePop();

#endif
