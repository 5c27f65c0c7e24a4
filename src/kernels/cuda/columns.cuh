// Kernels in which each thread computes one element of a tensor (B', D), from its vector and
// column. B' stands for all leading dimensions.
//
// A problem is a constant struct, passed to the kernel by value, with
//     mb_tables tables
//     mb_view y                        the tensor that is assigned
//     mb_divider width                 divides by the width of y
//     float value(int32_t run, int32_t rows, int64_t vector, int32_t column) const
#ifndef MB_KERNELS_CUDA_COLUMNS_CUH
#define MB_KERNELS_CUDA_COLUMNS_CUH

#include "cuda/call.cuh"
#include "cuda/divide.cuh"

// x / by for any x >= 0; fast where x is less than 2^31.
__device__ inline int64_t mb_quotient(const mb_divider &divider, int64_t x) {
    return x <= INT32_MAX ? divider.quotient((int32_t)x) : x / divider.by;
}

template <class Problem>
__global__ void mb_columns_kernel(const __grid_constant__ Problem problem) {
    int32_t run = (int32_t)blockIdx.y, rows = problem.tables.rows[run];
    int64_t item = mb_item();
    if (rows == 0 || item >= mb_view_elements(problem.y, rows))
        return;
    int64_t vector = mb_quotient(problem.width, item);
    int32_t column = (int32_t)(item - vector * problem.width.by);
    mb_at(problem.y, run)[item] = problem.value(run, rows, vector, column);
}

// Fills in the fields that all problems have, and launches the kernel.
template <class Problem> inline void mb_columns(const mb_cuda_call *call, Problem &problem) {
    problem.tables = call->tables;
    problem.y = call->outputs[0];
    problem.width = mb_divider_of(mb_view_width(problem.y));
    MB_LAUNCH((mb_columns_kernel<Problem>),
              mb_grid(call, mb_view_elements(problem.y, call->max_rows)), dim3(MB_THREADS), 0,
              call->stream, problem);
}

#endif
