// Kernels over the vectors of a tensor (B', D), where B' stands for all leading dimensions. LANES
// lanes of a warp share a vector: 4 to 32, depending on its width, so that few lanes are idle.
#ifndef MB_KERNELS_CUDA_VECTORS_CUH
#define MB_KERNELS_CUDA_VECTORS_CUH

#include "cuda/call.cuh"

// The sum over the LANES lanes of a vector, returned to each of them. All lanes of the warp must
// call it.
template <int LANES, class T> __device__ inline T mb_lanes_sum(T value) {
#pragma unroll
    for (int distance = LANES / 2; distance > 0; distance /= 2)
        value += __shfl_xor_sync(0xFFFFFFFFu, value, distance);
    return value;
}

// The maximum over the LANES lanes of a vector. NaN is ignored; lanes without a number pass
// -infinity.
template <int LANES> __device__ inline float mb_lanes_max(float value) {
#pragma unroll
    for (int distance = LANES / 2; distance > 0; distance /= 2) {
        float other = __shfl_xor_sync(0xFFFFFFFFu, value, distance);
        value = other > value ? other : value;
    }
    return value;
}

struct mb_vectors {
    mb_tables tables;
    mb_view inputs[4], outputs[2]; // of the op; the vectors are those of inputs[0]
};

// A thread's share of a vector: columns lane, lane + LANES, ...
struct mb_vector {
    int32_t run, rows, lane;
    int64_t at;    // index of the vector
    int32_t width; // D, or 0 for lanes that only join in warp sums
};

template <int LANES> __device__ inline mb_vector mb_vector_here(const mb_vectors &vectors) {
    mb_vector vector;
    vector.run = (int32_t)blockIdx.y;
    vector.rows = vectors.tables.rows[vector.run];
    vector.lane = (int32_t)threadIdx.x % LANES;
    vector.at = mb_item() / LANES;
    bool inside = vector.at < mb_view_vectors(vectors.inputs[0], vector.rows);
    vector.width = inside ? mb_view_width(vectors.inputs[0]) : 0;
    return vector;
}

// One kernel, instantiated for 4, 8, 16 and 32 lanes.
typedef void (*mb_vectors_kernel)(const mb_vectors vectors);
struct mb_vectors_kernels {
    mb_vectors_kernel of_4, of_8, of_16, of_32;
};

inline void mb_launch_vectors(const mb_cuda_call *call, const mb_vectors_kernels &kernels) {
    mb_vectors vectors = {};
    vectors.tables = call->tables;
    for (int32_t i = 0; i < call->op->input_count; i++)
        vectors.inputs[i] = call->inputs[i];
    for (int32_t i = 0; i < call->op->output_count; i++)
        vectors.outputs[i] = call->outputs[i];
    int32_t width = mb_view_width(vectors.inputs[0]);
    int32_t lanes = width <= 4 ? 4 : width <= 8 ? 8 : width <= 16 ? 16 : 32;
    mb_vectors_kernel kernel = lanes == 4    ? kernels.of_4
                               : lanes == 8  ? kernels.of_8
                               : lanes == 16 ? kernels.of_16
                                             : kernels.of_32;
    int64_t threads = mb_view_vectors(vectors.inputs[0], call->max_rows) * lanes;
    MB_LAUNCH(kernel, mb_grid(call, threads), dim3(MB_THREADS), 0, call->stream, vectors);
}

#endif
