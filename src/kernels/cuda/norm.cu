// Layer normalisation over the last dimension. B' stands for all leading dimensions.
//   y = w * n + b,  n = (x - mean) / sqrt(variance + 1e-5), variance over D, not D - 1
#include "cuda/call.cuh"
#include "cuda/reduce.cuh"

// x (B', D), w (D), b (D) -> y (B', D), statistics (B', 2): mean and 1 / sqrt(variance + 1e-5). A
// warp takes a vector.
static __global__ void layer_norm_kernel(mb_tables tables, mb_view x, mb_view w, mb_view b,
                                         mb_view y, mb_view statistics) {
    const float epsilon = 1e-5f;
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run], lane = (int32_t)threadIdx.x % 32;
    int32_t width = mb_view_width(y);
    int64_t vector = mb_item() / 32;
    if (rows == 0 || vector >= mb_view_vectors(y, rows))
        return; // the whole warp
    const float *from = mb_at(x, run) + vector * width;
    const float *weight = mb_at(w, run), *bias = mb_at(b, run);
    float sum = 0.0f, squares = 0.0f;
    for (int32_t j = lane; j < width; j += 32)
        sum += from[j];
    float mean = mb_warp_sum(sum) / (float)width;
    for (int32_t j = lane; j < width; j += 32)
        squares = fmaf(from[j] - mean, from[j] - mean, squares);
    float scale = 1.0f / sqrtf(mb_warp_sum(squares) / (float)width + epsilon);
    for (int32_t j = lane; j < width; j += 32)
        mb_at(y, run)[vector * width + j] = (from[j] - mean) * scale * weight[j] + bias[j];
    if (lane == 0) {
        mb_at(statistics, run)[2 * vector] = mean;
        mb_at(statistics, run)[2 * vector + 1] = scale;
    }
}

MB_CUDA_OP(layer_norm) {
    int64_t vectors = mb_view_vectors(call->outputs[0], call->max_rows);
    MB_LAUNCH(layer_norm_kernel, mb_grid(call, 32 * vectors), dim3(MB_THREADS), 0, call->stream,
              call->tables, call->inputs[0], call->inputs[1], call->inputs[2], call->outputs[0],
              call->outputs[1]);
}

// dy (B', D), x (B', D), statistics (B', 2), w (D) -> dx (B', D), g = dy * w:
//   dx = (g - mean(g) - n * mean(g * n)) / sqrt(variance + 1e-5)
static __global__ void layer_norm_gradient_kernel(mb_tables tables, mb_view dy, mb_view x,
                                                  mb_view statistics, mb_view w, mb_view dx) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run], lane = (int32_t)threadIdx.x % 32;
    int32_t width = mb_view_width(dx);
    int64_t vector = mb_item() / 32;
    if (rows == 0 || vector >= mb_view_vectors(dx, rows))
        return; // the whole warp
    const float *gradients = mb_at(dy, run) + vector * width;
    const float *from = mb_at(x, run) + vector * width, *weight = mb_at(w, run);
    float mean = mb_at(statistics, run)[2 * vector];
    float scale = mb_at(statistics, run)[2 * vector + 1], sum_g = 0.0f, sum_gn = 0.0f;
    for (int32_t j = lane; j < width; j += 32) {
        float g = gradients[j] * weight[j];
        sum_g += g;
        sum_gn = fmaf(g, (from[j] - mean) * scale, sum_gn);
    }
    float mean_g = mb_warp_sum(sum_g) / (float)width;
    float mean_gn = mb_warp_sum(sum_gn) / (float)width;
    for (int32_t j = lane; j < width; j += 32) {
        float n = (from[j] - mean) * scale;
        mb_at(dx, run)[vector * width + j] =
            (gradients[j] * weight[j] - mean_g - n * mean_gn) * scale;
    }
}

MB_CUDA_OP(layer_norm_grad) {
    int64_t vectors = mb_view_vectors(call->outputs[0], call->max_rows);
    MB_LAUNCH(layer_norm_gradient_kernel, mb_grid(call, 32 * vectors), dim3(MB_THREADS), 0,
              call->stream, call->tables, call->inputs[0], call->inputs[1], call->inputs[2],
              call->inputs[3], call->outputs[0]);
}

// dy (B', D), x (B', D), statistics (B', 2) -> dw (D) = sum over B' of dy * n. A block takes 32
// columns: its 8 warps every eighth vector each, and their sums are added warp after warp.
static __global__ void layer_norm_weight_gradient_kernel(mb_tables tables, mb_view dy, mb_view x,
                                                         mb_view statistics, mb_view dw) {
    __shared__ float sums[MB_THREADS / 32][32];
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run], width = mb_view_width(dw);
    if (rows == 0)
        return;
    int32_t lane = (int32_t)threadIdx.x % 32, warp = (int32_t)threadIdx.x / 32;
    int32_t column = (int32_t)blockIdx.x * 32 + lane;
    const float *gradients = mb_at(dy, run), *from = mb_at(x, run);
    const float *numbers = mb_at(statistics, run);
    int64_t vectors = mb_view_vectors(x, rows);
    float sum = 0.0f;
    for (int64_t v = warp; column < width && v < vectors; v += MB_THREADS / 32) {
        float n = (from[v * width + column] - numbers[2 * v]) * numbers[2 * v + 1];
        sum = fmaf(gradients[v * width + column], n, sum);
    }
    sums[warp][lane] = sum;
    __syncthreads();
    if (warp > 0 || column >= width)
        return;
    for (int32_t w = 1; w < MB_THREADS / 32; w++)
        sum += sums[w][lane];
    mb_at(dw, run)[column] = sum;
}

MB_CUDA_OP(layer_norm_grad_weight) {
    unsigned blocks = (unsigned)(mb_view_width(call->outputs[0]) + 31) / 32;
    MB_LAUNCH(layer_norm_weight_gradient_kernel, dim3(blocks, (unsigned)call->run_count),
              dim3(MB_THREADS), 0, call->stream, call->tables, call->inputs[0], call->inputs[1],
              call->inputs[2], call->outputs[0]);
}
