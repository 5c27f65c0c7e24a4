// Weighted sums of parts: with weights of each row (mix) or the same for all rows (weighted_sum).
// B rows, K parts, H hidden; u (B, K, H), also written (B, K*H).
// Reference: src/kernels/cpu/isa/reduce.c and rank.c.
#include "cuda/call.cuh"
#include "cuda/reduce.cuh"

struct weights_of_parts {
    mb_view w;
    int32_t parts;
    bool of_rows; // (B, K), otherwise (1, K)

    __device__ float of(int32_t run, int64_t row, int32_t part) const {
        return mb_at(w, run)[(of_rows ? row * parts : 0) + part];
    }
};

static weights_of_parts weights_from(const mb_view &w, bool of_rows) {
    return {w, mb_view_width(w), of_rows};
}

// y (B, H) = sum over k of w[k] * u[:, k], + bias (1, H) where there is one. A thread makes an
// element. Assigns.
static __global__ void blend_kernel(mb_tables tables, weights_of_parts w, mb_view u, mb_view bias,
                                    mb_view y) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run], hidden = mb_view_width(y);
    int64_t item = mb_item(), b = item / hidden;
    if (b >= rows)
        return;
    int32_t j = (int32_t)(item - b * hidden);
    const float *values = mb_at(u, run) + b * w.parts * hidden + j;
    float sum = w.of(run, b, 0) * values[0];
    for (int32_t k = 1; k < w.parts; k++)
        sum = fmaf(w.of(run, b, k), values[(int64_t)k * hidden], sum);
    if (bias.first != NULL)
        sum += mb_at(bias, run)[j];
    mb_at(y, run)[item] = sum;
}

static void blend(const mb_cuda_call *call, bool of_rows, const mb_view &bias) {
    MB_LAUNCH(blend_kernel, mb_grid(call, mb_view_elements(call->outputs[0], call->max_rows)),
              dim3(MB_THREADS), 0, call->stream, call->tables,
              weights_from(call->inputs[0], of_rows), call->inputs[1], bias, call->outputs[0]);
}

MB_CUDA_OP(mix) {
    blend(call, true, mb_view{});
}

MB_CUDA_OP(weighted_sum) {
    blend(call, false, call->inputs[2]);
}

// du (B, K, H): du[b, k] = w[k] * dy[b]. A thread makes an element. Assigns.
static __global__ void blend_values_gradient_kernel(mb_tables tables, mb_view dy,
                                                    weights_of_parts w, mb_view du) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run], hidden = mb_view_width(dy);
    int64_t item = mb_item(), vector = item / hidden, b = vector / w.parts;
    if (b >= rows)
        return;
    int32_t j = (int32_t)(item - vector * hidden), k = (int32_t)(vector - b * w.parts);
    mb_at(du, run)[item] = w.of(run, b, k) * mb_at(dy, run)[b * hidden + j];
}

static void blend_values_gradient(const mb_cuda_call *call, bool of_rows) {
    MB_LAUNCH(blend_values_gradient_kernel,
              mb_grid(call, mb_view_elements(call->outputs[0], call->max_rows)), dim3(MB_THREADS),
              0, call->stream, call->tables, call->inputs[0],
              weights_from(call->inputs[1], of_rows), call->outputs[0]);
}

MB_CUDA_OP(mix_grad_values) {
    blend_values_gradient(call, true);
}

MB_CUDA_OP(weighted_sum_grad_values) {
    blend_values_gradient(call, false);
}

// dw (B, K): dw[b, k] = sum over j of dy[b, j] * u[b, k, j], in double. A warp makes an element.
// Assigns.
static __global__ void mix_weights_gradient_kernel(mb_tables tables, mb_view dy, mb_view u,
                                                   mb_view dw) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run], lane = (int32_t)threadIdx.x % 32;
    int32_t hidden = mb_view_width(dy);
    int64_t vector = mb_item() / 32, b = vector / mb_view_width(dw);
    if (b >= rows)
        return; // the whole warp
    const float *gradient = mb_at(dy, run) + b * hidden, *values = mb_at(u, run) + vector * hidden;
    double sum = 0.0;
    for (int32_t j = lane; j < hidden; j += 32)
        sum += (double)gradient[j] * (double)values[j];
    sum = mb_warp_sum(sum);
    if (lane == 0)
        mb_at(dw, run)[vector] = (float)sum;
}

MB_CUDA_OP(mix_grad_weights) {
    MB_LAUNCH(mix_weights_gradient_kernel,
              mb_grid(call, 32 * mb_view_elements(call->outputs[0], call->max_rows)),
              dim3(MB_THREADS), 0, call->stream, call->tables, call->inputs[0], call->inputs[1],
              call->outputs[0]);
}

// dw (1, K): dw[k] = sum over b and j of dy[b, j] * u[b, k, j], in double. A block makes element
// blockIdx.x: its warps a row each at a time. Assigns.
static __global__ void weighted_sum_weights_gradient_kernel(mb_tables tables, mb_view dy, mb_view u,
                                                            mb_view dw) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run];
    if (rows == 0)
        return;
    int32_t hidden = mb_view_width(dy), parts = mb_view_width(dw), part = (int32_t)blockIdx.x;
    double sum = 0.0;
    for (int32_t b = (int32_t)threadIdx.x / 32; b < rows; b += MB_THREADS / 32) {
        const float *gradient = mb_at(dy, run) + (int64_t)b * hidden;
        const float *values = mb_at(u, run) + ((int64_t)b * parts + part) * hidden;
        for (int32_t j = (int32_t)threadIdx.x % 32; j < hidden; j += 32)
            sum += (double)gradient[j] * (double)values[j];
    }
    sum = mb_block_sum(sum);
    if (threadIdx.x == 0)
        mb_at(dw, run)[part] = (float)sum;
}

MB_CUDA_OP(weighted_sum_grad_weights) {
    dim3 grid((unsigned)mb_view_width(call->outputs[0]), (unsigned)call->run_count);
    MB_LAUNCH(weighted_sum_weights_gradient_kernel, grid, dim3(MB_THREADS), 0, call->stream,
              call->tables, call->inputs[0], call->inputs[1], call->outputs[0]);
}
