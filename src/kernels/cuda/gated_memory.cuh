// The memory of MFN over a whole sequence: shared by forward and backward kernels. B rows, T steps,
// D inputs, M memory, H hidden units of the gates; weights are stored input-major: W_k (D+M, H),
// V_k (H, M).
//   r_k[t] = drop(max(0, concat(x[t], u[t-1]) W_k + b_k));  g_k[t] = sigmoid(r_k[t] V_k + a_k)
//   u[t] = g_1[t] * u[t-1] + g_2[t] * c[t],  u[-1] = 0
// The products x W_k do not depend on the memory, and are made once for the whole sequence.
// Reference: src/kernels/cpu/isa/gated_memory.c.
#ifndef MB_KERNELS_CUDA_GATED_MEMORY_CUH
#define MB_KERNELS_CUDA_GATED_MEMORY_CUH

#include "cuda/dropout.cuh"
#include "cuda/recurrence.cuh"

struct mb_memory_sizes {
    int32_t steps, x, memory, hidden;
    int32_t groups; // groups of MB_SIDES rows in a block
};

// Offset of row s at step t in a tensor (B, T, width).
__device__ inline int64_t mb_memory_at(const mb_memory_sizes &n, int32_t s, int32_t t,
                                       int32_t width) {
    return ((int64_t)s * n.steps + t) * width;
}

#endif
