// Layer normalisation over the last dimension. B' stands for all leading dimensions. Reference:
// src/kernels/cpu/isa/norm.c.
//   y = w * n + b,  n = (x - mean) / sqrt(variance + 1e-5), variance over D, not D - 1
#include "cuda/vectors.cuh"

// x (B', D), w (D), b (D) -> y (B', D), statistics (B', 2): mean and 1 / sqrt(variance + 1e-5).
// Assigns.
template <int LANES>
static __global__ void layer_norm_kernel(const __grid_constant__ mb_vectors vectors) {
    const float epsilon = 1e-5f;
    mb_vector vector = mb_vector_here<LANES>(vectors);
    if (vector.rows == 0)
        return;
    const float *__restrict__ x =
        mb_at(mb_in(&vectors, layer_norm, x), vector.run) + vector.at * vector.width;
    const float *__restrict__ w = mb_at(mb_in(&vectors, layer_norm, weight), vector.run);
    const float *__restrict__ b = mb_at(mb_in(&vectors, layer_norm, bias), vector.run);
    float *__restrict__ y =
        mb_at(mb_out(&vectors, layer_norm, y), vector.run) + vector.at * vector.width;
    float sum = 0.0f, squares = 0.0f;
    for (int32_t j = vector.lane; j < vector.width; j += LANES)
        sum += x[j];
    float mean = mb_lanes_sum<LANES>(sum) / (float)vector.width;
    for (int32_t j = vector.lane; j < vector.width; j += LANES)
        squares += (x[j] - mean) * (x[j] - mean);
    float variance = mb_lanes_sum<LANES>(squares) / (float)vector.width;
    float scale = 1.0f / sqrtf(variance + epsilon);
    for (int32_t j = vector.lane; j < vector.width; j += LANES)
        y[j] = (x[j] - mean) * scale * w[j] + b[j];
    if (vector.width > 0 && vector.lane == 0) {
        float *statistics =
            mb_at(mb_out(&vectors, layer_norm, statistics), vector.run) + 2 * vector.at;
        statistics[0] = mean;
        statistics[1] = scale;
    }
}

MB_CUDA_OP(layer_norm) {
    mb_launch_vectors(call, {layer_norm_kernel<4>, layer_norm_kernel<8>, layer_norm_kernel<16>,
                             layer_norm_kernel<32>});
}

// dy (B', D), x (B', D), statistics (B', 2), w (D) -> dx (B', D). With g = dy * w:
//   dx = (g - mean(g) - n * mean(g * n)) / sqrt(variance + 1e-5)
// Assigns.
template <int LANES>
static __global__ void layer_norm_gradient_kernel(const __grid_constant__ mb_vectors vectors) {
    mb_vector vector = mb_vector_here<LANES>(vectors);
    if (vector.rows == 0)
        return;
    int64_t first = vector.at * vector.width;
    const float *__restrict__ dy = mb_at(mb_in(&vectors, layer_norm_grad, dy), vector.run) + first;
    const float *__restrict__ x = mb_at(mb_in(&vectors, layer_norm_grad, x), vector.run) + first;
    const float *__restrict__ w = mb_at(mb_in(&vectors, layer_norm_grad, weight), vector.run);
    float *__restrict__ dx = mb_at(vectors.outputs[0], vector.run) + first;
    float mean = 0.0f, scale = 0.0f, sum_g = 0.0f, sum_gn = 0.0f;
    if (vector.width > 0) {
        const float *__restrict__ statistics =
            mb_at(mb_in(&vectors, layer_norm_grad, statistics), vector.run) + 2 * vector.at;
        mean = statistics[0];
        scale = statistics[1];
    }
    for (int32_t j = vector.lane; j < vector.width; j += LANES) {
        float g = dy[j] * w[j];
        sum_g += g;
        sum_gn += g * ((x[j] - mean) * scale);
    }
    float mean_g = mb_lanes_sum<LANES>(sum_g) / (float)vector.width;
    float mean_gn = mb_lanes_sum<LANES>(sum_gn) / (float)vector.width;
    for (int32_t j = vector.lane; j < vector.width; j += LANES)
        dx[j] = (dy[j] * w[j] - mean_g - (x[j] - mean) * scale * mean_gn) * scale;
}

MB_CUDA_OP(layer_norm_grad) {
    mb_launch_vectors(call, {layer_norm_gradient_kernel<4>, layer_norm_gradient_kernel<8>,
                             layer_norm_gradient_kernel<16>, layer_norm_gradient_kernel<32>});
}

enum { COLUMNS = 32, WARPS = 16 }; // of a block that sums over vectors; a warp has COLUMNS lanes

// dy (B', D), x (B', D), statistics (B', 2) -> dw (D) = sum over B' of dy * n. Assigns. Warp w of a
// block sums vectors w, w + WARPS, ... of 32 columns; then the warps are added one after the other.
static __global__ void
layer_norm_gradient_weight_kernel(const __grid_constant__ mb_vectors vectors) {
    __shared__ float sums[WARPS][COLUMNS];
    int32_t run = (int32_t)blockIdx.y, rows = vectors.tables.rows[run];
    if (rows == 0)
        return;
    int32_t width = mb_view_width(mb_in(&vectors, layer_norm_grad_weight, dy));
    int32_t warp = (int32_t)threadIdx.x / COLUMNS, lane = (int32_t)threadIdx.x % COLUMNS;
    int32_t column = (int32_t)blockIdx.x * COLUMNS + lane;
    int64_t count = mb_view_vectors(mb_in(&vectors, layer_norm_grad_weight, dy), rows);
    const float *__restrict__ dy = mb_at(mb_in(&vectors, layer_norm_grad_weight, dy), run);
    const float *__restrict__ x = mb_at(mb_in(&vectors, layer_norm_grad_weight, x), run);
    const float *__restrict__ statistics =
        mb_at(mb_in(&vectors, layer_norm_grad_weight, statistics), run);
    float sum = 0.0f;
    for (int64_t v = warp; column < width && v < count; v += WARPS) {
        float n = (x[v * width + column] - statistics[2 * v]) * statistics[2 * v + 1];
        sum += dy[v * width + column] * n;
    }
    sums[warp][lane] = sum;
    __syncthreads();
    if (warp != 0 || column >= width)
        return;
    for (int32_t p = 1; p < WARPS; p++)
        sum += sums[p][lane];
    mb_at(vectors.outputs[0], run)[column] = sum;
}

MB_CUDA_OP(layer_norm_grad_weight) {
    mb_vectors vectors = {};
    vectors.tables = call->tables;
    for (int32_t i = 0; i < call->op->input_count; i++)
        vectors.inputs[i] = call->inputs[i];
    vectors.outputs[0] = call->outputs[0];
    int32_t blocks =
        (mb_view_width(mb_in(&vectors, layer_norm_grad_weight, dy)) + COLUMNS - 1) / COLUMNS;
    MB_LAUNCH(layer_norm_gradient_weight_kernel, dim3((unsigned)blocks, (unsigned)call->run_count),
              dim3(COLUMNS * WARPS), 0, call->stream, vectors);
}
