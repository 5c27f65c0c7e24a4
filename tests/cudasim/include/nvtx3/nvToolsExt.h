// Ranges of NVTX in the simulator: they are counted.
#ifndef CUDASIM_NVTOOLSEXT_H
#define CUDASIM_NVTOOLSEXT_H

// The depth of the range in this thread, from 0; negative where none is open.
int nvtxRangePushA(const char *name);
int nvtxRangePop();

#endif
