// The argument of a CUDA op: one op of a plan, for all runs of an array.
//
// Grid convention of every kernel: blockIdx.y is the run, a in [0, A). A kernel first reads
// tables.rows[a] and returns if it is 0, so that a run without rows is left untouched. What a block
// computes, and the order of its sums, depend on shapes only: not on A, on other runs or on the
// order of blocks. Floating-point sums use no atomics.
#ifndef MB_KERNELS_CUDA_CALL_CUH
#define MB_KERNELS_CUDA_CALL_CUH

extern "C" {
#include "graph/ops.h"
#include "merbench/executor.h"
}

#include "cuda/launch.cuh"

// The numbers of a training step that are the same for every weight of a run; see optim.cuh.
struct mb_adam {
    float clip, weight_decay; // clip = INFINITY: off
    float step_size;          // learning rate / (1 - beta1^s)
    float root_scale;         // 1 / sqrt(1 - beta2^s)
};

// The tables of an array, in device memory.
struct mb_tables {
    const int32_t *rows;           // (A) valid rows in this step
    const int32_t *widest;         // (A) as mb_launch.widest
    const int32_t *const *indices; // (A) pointers to the utterances of this step's batch
    // The neighbouring training steps of the launch: rows of the next step (0: there is none), and
    // whether the previous step has begun the first layer of this one.
    const int32_t *next_rows; // (A)
    const int32_t *begun;     // (A)
    int32_t batch_rows;       // indices from this step's batch to the next one's
    const float *slots;       // (A, MB_SLOT_COUNT)
    const mb_key *keys;       // (A)
    const uint32_t *steps;    // (A) training step
    const mb_adam *adam;      // (A)
    float *parameters, *first_moments, *second_moments; // (A, parameter_floats)
    int64_t parameter_floats;
    const float *masks;
};

// A tensor of each run.
struct mb_view {
    float *first;   // of run 0
    int64_t stride; // floats between runs
    mb_shape shape;
};

struct mb_cuda_call {
    const mb_plan_op *op;
    const mb_plan *plan;
    int32_t run_count; // A
    int32_t max_rows;  // grids cover this many rows; kernels stop at tables.rows[a]
    mb_tables tables;
    mb_dataset dataset; // its pointers are device memory
    mb_view inputs[MB_MAX_INPUTS];
    mb_view outputs[MB_MAX_OUTPUTS];
    mb_precision precision; // of forward products; see tensor_product.cuh
    cudaStream_t stream;
};

// Launches the kernels of one op; the caller checks for launch errors.
typedef void (*mb_cuda_op)(const mb_cuda_call *call);

#define MB_CUDA_OP(name) void mb_cuda_##name(const mb_cuda_call *call)
#define MB_OP(NAME, name, ...) MB_CUDA_OP(name);
#include "graph/ops.def"
#undef MB_OP

// ---- on the device ----------------------------------------------------------------------------

__device__ inline float *mb_at(const mb_view &view, int32_t run) {
    return view.first + run * view.stride;
}

__host__ __device__ inline int64_t mb_view_elements(const mb_view &view, int32_t rows) {
    int64_t elements = 1;
    for (int32_t i = 0; i < view.shape.count; i++)
        elements *= view.shape.dims[i] == MB_ROWS ? rows : view.shape.dims[i];
    return elements;
}

__host__ __device__ inline int32_t mb_view_width(const mb_view &view) {
    return view.shape.dims[view.shape.count - 1];
}

// Product of all dimensions but the last.
__host__ __device__ inline int64_t mb_view_vectors(const mb_view &view, int32_t rows) {
    int64_t vectors = 1;
    for (int32_t i = 0; i + 1 < view.shape.count; i++)
        vectors *= view.shape.dims[i] == MB_ROWS ? rows : view.shape.dims[i];
    return vectors;
}

// ---- launching --------------------------------------------------------------------------------

enum { MB_THREADS = 256 }; // of a block, in kernels without special needs

// A grid of blocks of MB_THREADS threads, with a thread for each of `items` items of every run.
inline dim3 mb_grid(const mb_cuda_call *call, int64_t items) {
    int64_t blocks = (items + MB_THREADS - 1) / MB_THREADS;
    return dim3((unsigned)(blocks < 1 ? 1 : blocks), (unsigned)call->run_count);
}

// The item of a thread, in kernels that are launched over mb_grid.
__device__ inline int64_t mb_item() {
    return (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
}

#endif
