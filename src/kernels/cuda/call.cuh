// What the CUDA executor hands to an op: one step of a plan for all runs of an array.
//
// Grid convention of every kernel: blockIdx.y is the run, a in [0, A). A kernel first asks
// tables.rows[a] and returns when it is 0, so that a run without rows is left untouched. What a
// block computes and in which order it sums depends on shapes only, never on A, on other runs or on
// the order of blocks; sums need no atomics.
#ifndef MB_KERNELS_CUDA_CALL_CUH
#define MB_KERNELS_CUDA_CALL_CUH

extern "C" {
#include "graph/ops.h"
#include "merbench/executor.h"
}

#include "cuda/launch.cuh"

// Numbers of Adam's step that are the same for every weight of a run; see optim.cu.
struct mb_adam {
    float clip, weight_decay; // clip = INFINITY: off
    float step_size;          // learning rate / (1 - beta1^s)
    float root_scale;         // 1 / sqrt(1 - beta2^s)
};

// Device memory of the array, as kernels get it.
struct mb_tables {
    const int32_t *rows;           // (A) valid rows in this step
    const int32_t *widest;         // (A) as mb_launch.widest
    const int32_t *const *indices; // (A) -> utterances of this step's batch
    // For plans that train, the neighbouring steps of the launch: rows of the step that follows, 0
    // for none; whether the step before had one to begin, and has.
    const int32_t *next_rows;                           // (A)
    const int32_t *begun;                               // (A)
    int32_t batch_rows;                                 // from this step's batch to the next one's
    const float *slots;                                 // (A, MB_SLOT_COUNT)
    const mb_key *keys;                                 // (A)
    const uint32_t *steps;                              // (A) training step
    const mb_adam *adam;                                // (A)
    float *parameters, *first_moments, *second_moments; // (A, parameter_floats)
    int64_t parameter_floats;
    const float *masks;
};

// A tensor of every run.
struct mb_view {
    float *first;   // of run 0
    int64_t stride; // floats from run to run
    mb_shape shape;
};

struct mb_cuda_call {
    const mb_step *step;
    const mb_plan *plan;
    int32_t run_count; // A
    int32_t max_rows;  // grids are made for so many rows; kernels stop at tables.rows[a]
    mb_tables tables;
    mb_dataset dataset; // its pointers are device memory
    mb_view inputs[MB_MAX_INPUTS];
    mb_view outputs[MB_MAX_OUTPUTS];
    mb_precision precision; // of forward products; see tensor_product.cuh
    cudaStream_t stream;
};

// Launches the kernels of one op; errors of launches are asked for by the backend.
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

enum { MB_THREADS = 256 }; // of kernels that have no reason for another number

// Blocks of MB_THREADS threads for `items` of every run.
inline dim3 mb_grid(const mb_cuda_call *call, int64_t items) {
    int64_t blocks = (items + MB_THREADS - 1) / MB_THREADS;
    return dim3((unsigned)(blocks < 1 ? 1 : blocks), (unsigned)call->run_count);
}

// Position of a thread among those of its run, for kernels launched over mb_grid.
__device__ inline int64_t mb_item() {
    return (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
}

#endif
