// Losses and their gradients: means over the valid rows or over all elements, summed in double. B
// rows, C classes. A block computes the loss of one run; a thread takes every MB_THREADS-th row or
// element. All assign. Reference: src/kernels/cpu/isa/loss.c.
#include "cuda/call.cuh"
#include "cuda/reduce.cuh"

// The inputs of a loss or of its gradient; the last one of a gradient may be dloss.
struct loss_inputs {
    mb_view first, second, third;
};

static dim3 block_a_run(const mb_cuda_call *call) {
    return dim3(1, (unsigned)call->run_count);
}

// log(sum(exp(x - max))) + max
static __device__ double log_sum_exp(const float *x, int32_t count) {
    double largest = (double)x[0], sum = 0.0;
    for (int32_t j = 1; j < count; j++)
        largest = (double)x[j] > largest ? (double)x[j] : largest;
    for (int32_t j = 0; j < count; j++)
        sum += exp((double)x[j] - largest);
    return log(sum) + largest;
}

// loss (1) = -(1/B) sum over b of log softmax(logits[b])[emotion[b]]
static __global__ void cross_entropy_kernel(mb_tables tables, loss_inputs in, mb_view loss) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run], classes = mb_view_width(in.first);
    if (rows == 0)
        return;
    const int32_t *emotions = (const int32_t *)mb_at(in.second, run);
    double sum = 0.0;
    for (int32_t b = (int32_t)threadIdx.x; b < rows; b += (int32_t)blockDim.x) {
        const float *logits = mb_at(in.first, run) + (int64_t)b * classes;
        sum += log_sum_exp(logits, classes) - (double)logits[emotions[b]];
    }
    sum = mb_block_sum(sum);
    if (threadIdx.x == 0)
        mb_at(loss, run)[0] = (float)(sum / rows);
}

MB_CUDA_OP(cross_entropy) {
    loss_inputs in = {mb_in(call, cross_entropy, logits), mb_in(call, cross_entropy, emotions), {}};
    MB_LAUNCH(cross_entropy_kernel, block_a_run(call), dim3(MB_THREADS), 0, call->stream,
              call->tables, in, call->outputs[0]);
}

// dlogits (B, C) = dloss/B * (softmax(logits) - one-hot(emotion)); a thread computes a row
static __global__ void cross_entropy_gradient_kernel(mb_tables tables, loss_inputs in,
                                                     mb_view dlogits) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run], classes = mb_view_width(in.first);
    int64_t b = mb_item();
    if (b >= rows)
        return;
    int32_t emotion = ((const int32_t *)mb_at(in.second, run))[b];
    const float *logits = mb_at(in.first, run) + b * classes;
    float *gradient = mb_at(dlogits, run) + b * classes;
    double scale = (double)mb_at(in.third, run)[0] / rows, total = log_sum_exp(logits, classes);
    for (int32_t j = 0; j < classes; j++)
        gradient[j] =
            (float)(scale * (exp((double)logits[j] - total) - (j == emotion ? 1.0 : 0.0)));
}

MB_CUDA_OP(cross_entropy_grad) {
    loss_inputs in = {mb_in(call, cross_entropy_grad, logits),
                      mb_in(call, cross_entropy_grad, emotions),
                      mb_in(call, cross_entropy_grad, dloss)};
    MB_LAUNCH(cross_entropy_gradient_kernel, mb_grid(call, call->max_rows), dim3(MB_THREADS), 0,
              call->stream, call->tables, in, call->outputs[0]);
}

// loss (1) = mean over the elements of first of (first - second)^2
static __global__ void squared_kernel(mb_tables tables, loss_inputs in, mb_view loss) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run];
    if (rows == 0)
        return;
    int64_t elements = mb_view_elements(in.first, rows);
    const float *a = mb_at(in.first, run), *b = mb_at(in.second, run);
    double sum = 0.0;
    for (int64_t i = threadIdx.x; i < elements; i += blockDim.x) {
        double difference = (double)a[i] - (double)b[i];
        sum += difference * difference;
    }
    sum = mb_block_sum(sum);
    if (threadIdx.x == 0)
        mb_at(loss, run)[0] = (float)(sum / (double)elements);
}

// dfirst = dloss * 2/elements * (first - second)
static __global__ void squared_gradient_kernel(mb_tables tables, loss_inputs in, mb_view dfirst) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run];
    int64_t i = mb_item(), elements = mb_view_elements(in.first, rows);
    if (rows == 0 || i >= elements)
        return;
    double scale = 2.0 * (double)mb_at(in.third, run)[0] / (double)elements;
    double difference = (double)mb_at(in.first, run)[i] - (double)mb_at(in.second, run)[i];
    mb_at(dfirst, run)[i] = (float)(scale * difference);
}

static void squared(const mb_cuda_call *call, const mb_view &first, const mb_view &second) {
    loss_inputs in = {first, second, {}};
    MB_LAUNCH(squared_kernel, block_a_run(call), dim3(MB_THREADS), 0, call->stream, call->tables,
              in, call->outputs[0]);
}

static void squared_gradient(const mb_cuda_call *call, const loss_inputs &in) {
    int64_t elements = mb_view_elements(in.first, call->max_rows);
    MB_LAUNCH(squared_gradient_kernel, mb_grid(call, elements), dim3(MB_THREADS), 0, call->stream,
              call->tables, in, call->outputs[0]);
}

// values (B, 1), valences (B)
MB_CUDA_OP(mean_squared_error) {
    squared(call, mb_in(call, mean_squared_error, values),
            mb_in(call, mean_squared_error, valences));
}

MB_CUDA_OP(mean_squared_error_grad) {
    squared_gradient(call, {mb_in(call, mean_squared_error_grad, values),
                            mb_in(call, mean_squared_error_grad, valences),
                            mb_in(call, mean_squared_error_grad, dloss)});
}

MB_CUDA_OP(mean_squared_difference) {
    squared(call, mb_in(call, mean_squared_difference, a), mb_in(call, mean_squared_difference, b));
}

MB_CUDA_OP(mean_squared_difference_grad) {
    squared_gradient(call, {mb_in(call, mean_squared_difference_grad, a),
                            mb_in(call, mean_squared_difference_grad, b),
                            mb_in(call, mean_squared_difference_grad, dloss)});
}

// exp(-logvar), limited to the range of the CPU's exponential, so that the same runs stay finite on
// both.
static __device__ float precision_of(float logvar) {
    float x = -logvar;
    x = x > 88.0f ? 88.0f : x; // NaN stays NaN
    x = x < -87.0f ? -87.0f : x;
    return expf(x);
}

// loss (1) = (1/B) sum over b, j of -(mu - y)^2 / 2 * exp(-logvar) - half * logvar
static __global__ void gaussian_bound_kernel(mb_tables tables, loss_inputs in, mb_view loss,
                                             float half) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run];
    if (rows == 0)
        return;
    int64_t elements = mb_view_elements(in.first, rows);
    const float *mu = mb_at(in.first, run), *y = mb_at(in.second, run);
    const float *logvar = mb_at(in.third, run);
    double sum = 0.0;
    for (int64_t i = threadIdx.x; i < elements; i += blockDim.x) {
        float difference = mu[i] - y[i];
        sum -=
            (double)(0.5f * difference * difference * precision_of(logvar[i]) + half * logvar[i]);
    }
    sum = mb_block_sum(sum);
    if (threadIdx.x == 0)
        mb_at(loss, run)[0] = (float)(sum / rows);
}

static float half_of(const mb_cuda_call *call) {
    return call->op->params.gaussian_bound.logvar_term ? 0.5f : 0.0f;
}

MB_CUDA_OP(gaussian_bound) {
    loss_inputs in = {mb_in(call, gaussian_bound, mu), mb_in(call, gaussian_bound, y),
                      mb_in(call, gaussian_bound, logvar)};
    MB_LAUNCH(gaussian_bound_kernel, block_a_run(call), dim3(MB_THREADS), 0, call->stream,
              call->tables, in, call->outputs[0], half_of(call));
}

struct gaussian_gradients {
    mb_view dmu, dy, dlogvar;
};

// With scale = dloss/B and w = exp(-logvar): dmu = -scale (mu - y) w, dy = -dmu,
// dlogvar = scale ((mu - y)^2 w / 2 - half)
static __global__ void gaussian_gradient_kernel(mb_tables tables, loss_inputs in, mb_view dloss,
                                                gaussian_gradients out, float half) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run];
    int64_t i = mb_item();
    if (rows == 0 || i >= mb_view_elements(in.first, rows))
        return;
    float scale = mb_at(dloss, run)[0] / (float)rows;
    float difference = mb_at(in.first, run)[i] - mb_at(in.second, run)[i];
    float pull = difference * precision_of(mb_at(in.third, run)[i]);
    mb_at(out.dmu, run)[i] = -scale * pull;
    mb_at(out.dy, run)[i] = scale * pull;
    mb_at(out.dlogvar, run)[i] = scale * (0.5f * difference * pull - half);
}

MB_CUDA_OP(gaussian_bound_grad) {
    gaussian_gradients out = {mb_out(call, gaussian_bound_grad, dmu),
                              mb_out(call, gaussian_bound_grad, dy),
                              mb_out(call, gaussian_bound_grad, dlogvar)};
    loss_inputs in = {mb_in(call, gaussian_bound_grad, mu), mb_in(call, gaussian_bound_grad, y),
                      mb_in(call, gaussian_bound_grad, logvar)};
    int64_t elements = mb_view_elements(in.first, call->max_rows);
    MB_LAUNCH(gaussian_gradient_kernel, mb_grid(call, elements), dim3(MB_THREADS), 0, call->stream,
              call->tables, in, mb_in(call, gaussian_bound_grad, dloss), out, half_of(call));
}
