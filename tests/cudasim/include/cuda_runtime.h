// CUDA for a machine without a GPU: with this header a C++ compiler builds the .cu files for the
// host. Blocks run one after another; the threads of a block are fibers, which are switched only at
// barriers and warp operations. ../README.md says what is checked and what is not.
//
// No thread is ever interrupted, so a kernel that spins until another thread writes never ends.
#ifndef CUDASIM_CUDA_RUNTIME_H
#define CUDASIM_CUDA_RUNTIME_H

#include "cudasim/types.h"

#include "cudasim/api.h"
#include "cudasim/launch.h"
#include "cudasim/math.h"
#include "cudasim/memory.h"
#include "cudasim/tensor.h"
#include "cudasim/warp.h"

#endif
