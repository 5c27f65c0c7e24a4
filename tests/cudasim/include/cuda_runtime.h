// CUDA for a machine without a GPU: lets a C++ compiler build the .cu files for the host and run
// them. Blocks run one after another, the threads of a block as fibers that are switched at
// barriers and warp operations only. README.md beside this folder says what is checked and what is
// not.
//
// No thread is ever interrupted: a kernel that spins until another thread writes does not end.
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
