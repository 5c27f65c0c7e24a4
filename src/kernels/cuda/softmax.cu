// Softmax over the last dimension, max-subtracted, and its gradient; a warp takes a vector.
#include "cuda/call.cuh"
#include "cuda/reduce.cuh"

// y = exp(x - max(x)) / sum. exp(-infinity) = 0; NaN anywhere makes the whole vector NaN.
static __global__ void softmax_kernel(mb_tables tables, mb_view x, mb_view y) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run], lane = (int32_t)threadIdx.x % 32;
    int32_t width = mb_view_width(y);
    int64_t vector = mb_item() / 32;
    if (rows == 0 || vector >= mb_view_vectors(y, rows))
        return; // the whole warp
    const float *from = mb_at(x, run) + vector * width;
    float *to = mb_at(y, run) + vector * width, largest = from[0], sum = 0.0f;
    for (int32_t j = lane; j < width; j += 32)
        largest = from[j] > largest ? from[j] : largest;
    largest = mb_warp_max(largest);
    for (int32_t j = lane; j < width; j += 32) {
        float difference = from[j] - largest;
        float e = difference < -87.0f ? 0.0f : expf(difference);
        to[j] = e;
        sum += e;
    }
    sum = mb_warp_sum(sum);
    for (int32_t j = lane; j < width; j += 32)
        to[j] /= sum;
}

static dim3 warps(const mb_cuda_call *call) {
    return mb_grid(call, 32 * mb_view_vectors(call->outputs[0], call->max_rows));
}

MB_CUDA_OP(softmax) {
    MB_LAUNCH(softmax_kernel, warps(call), dim3(MB_THREADS), 0, call->stream, call->tables,
              call->inputs[0], call->outputs[0]);
}

// dx = y * (dy - sum(dy * y))
static __global__ void softmax_gradient_kernel(mb_tables tables, mb_view dy, mb_view y,
                                               mb_view dx) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run], lane = (int32_t)threadIdx.x % 32;
    int32_t width = mb_view_width(dx);
    int64_t vector = mb_item() / 32;
    if (rows == 0 || vector >= mb_view_vectors(dx, rows))
        return; // the whole warp
    const float *gradients = mb_at(dy, run) + vector * width;
    const float *weights = mb_at(y, run) + vector * width;
    double sum = 0.0;
    for (int32_t j = lane; j < width; j += 32)
        sum += (double)gradients[j] * (double)weights[j];
    sum = mb_warp_sum(sum);
    for (int32_t j = lane; j < width; j += 32)
        mb_at(dx, run)[vector * width + j] = weights[j] * (gradients[j] - (float)sum);
}

MB_CUDA_OP(softmax_grad) {
    MB_LAUNCH(softmax_gradient_kernel, warps(call), dim3(MB_THREADS), 0, call->stream, call->tables,
              call->inputs[0], call->inputs[1], call->outputs[0]);
}
