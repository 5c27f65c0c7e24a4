// Losses, and their gradients. A block makes the mean of a run in double, as the CPU does: thread t
// of N sums the terms t, t + N, ... and the threads are added in a fixed order. B rows, C classes.
// Reference: src/kernels/cpu/isa/loss.c.
#include "cuda/call.cuh"
#include "cuda/reduce.cuh"

enum { ELEMENT_THREADS = 512 }; // of a block that sums over all elements of a tensor

// loss (1) = sum of the terms / their divisor. Assigns. The terms of a run:
//     int64_t count(int32_t rows) const               how many
//     double divisor(int32_t rows) const
//     double operator()(int32_t run, int64_t i) const
template <class Terms>
static __global__ void mean_kernel(mb_tables tables, Terms terms, mb_view loss) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run];
    if (rows == 0)
        return;
    int64_t count = terms.count(rows);
    double sum = 0.0;
#pragma unroll 4
    for (int64_t i = threadIdx.x; i < count; i += blockDim.x)
        sum += terms(run, i);
    sum = mb_block_sum(sum);
    if (threadIdx.x == 0)
        mb_at(loss, run)[0] = (float)(sum / terms.divisor(rows));
}

template <class Terms>
static void mean_of(const mb_cuda_call *call, const Terms &terms, unsigned threads) {
    MB_LAUNCH((mean_kernel<Terms>), dim3(1, (unsigned)call->run_count), dim3(threads), 0,
              call->stream, call->tables, terms, call->outputs[0]);
}

// ---- cross entropy ----------------------------------------------------------------------------

// log(sum(exp(x - max))) + max
static __device__ double log_sum_exp(const float *x, int32_t count) {
    double largest = (double)x[0], sum = 0.0;
    for (int32_t j = 1; j < count; j++)
        largest = (double)x[j] > largest ? (double)x[j] : largest;
    for (int32_t j = 0; j < count; j++)
        sum += exp((double)x[j] - largest);
    return log(sum) + largest;
}

// loss (1) = -(1/B) sum over b of log softmax(logits[b])[emotion[b]]; a thread takes a row.
struct cross_entropy_terms {
    mb_view logits, emotions;

    __device__ int64_t count(int32_t rows) const {
        return rows;
    }
    __device__ double divisor(int32_t rows) const {
        return rows;
    }
    __device__ double operator()(int32_t run, int64_t b) const {
        int32_t classes = mb_view_width(logits);
        const float *row = mb_at(logits, run) + b * classes;
        int32_t emotion = ((const int32_t *)mb_at(emotions, run))[b];
        return log_sum_exp(row, classes) - (double)row[emotion];
    }
};

MB_CUDA_OP(cross_entropy) {
    mean_of(call, cross_entropy_terms{call->inputs[0], call->inputs[1]}, MB_THREADS);
}

// dlogits (B, C) = dloss/B * (softmax(logits) - one-hot(emotion)); a thread makes a row. Assigns.
static __global__ void cross_entropy_gradient_kernel(mb_tables tables, mb_view logits,
                                                     mb_view emotions, mb_view dloss,
                                                     mb_view dlogits) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run], classes = mb_view_width(logits);
    int64_t b = mb_item();
    if (b >= rows)
        return;
    const float *row = mb_at(logits, run) + b * classes;
    float *gradient = mb_at(dlogits, run) + b * classes;
    int32_t emotion = ((const int32_t *)mb_at(emotions, run))[b];
    double scale = (double)mb_at(dloss, run)[0] / rows, total = log_sum_exp(row, classes);
    for (int32_t j = 0; j < classes; j++)
        gradient[j] = (float)(scale * (exp((double)row[j] - total) - (j == emotion ? 1.0 : 0.0)));
}

MB_CUDA_OP(cross_entropy_grad) {
    MB_LAUNCH(cross_entropy_gradient_kernel, mb_grid(call, call->max_rows), dim3(MB_THREADS), 0,
              call->stream, call->tables, call->inputs[0], call->inputs[1], call->inputs[2],
              call->outputs[0]);
}

// ---- squares ----------------------------------------------------------------------------------

// (a - b)^2 of all elements; divided by their number. For values (B, 1) and valences (B) that is
// the mean over the rows.
struct squared_difference_terms {
    mb_view a, b;

    __device__ int64_t count(int32_t rows) const {
        return mb_view_elements(a, rows);
    }
    __device__ double divisor(int32_t rows) const {
        return (double)count(rows);
    }
    __device__ double operator()(int32_t run, int64_t i) const {
        double difference = (double)mb_at(a, run)[i] - (double)mb_at(b, run)[i];
        return difference * difference;
    }
};

// loss (1) = (1/B) sum over b of (value[b] - valence[b])^2
MB_CUDA_OP(mean_squared_error) {
    mean_of(call, squared_difference_terms{call->inputs[0], call->inputs[1]}, MB_THREADS);
}

// loss (1) = mean over all elements of (a - b)^2
MB_CUDA_OP(mean_squared_difference) {
    mean_of(call, squared_difference_terms{call->inputs[0], call->inputs[1]}, ELEMENT_THREADS);
}

// da = dloss * 2/elements * (a - b); a thread makes one element. Assigns.
static __global__ void squared_difference_gradient_kernel(mb_tables tables, mb_view a, mb_view b,
                                                          mb_view dloss, mb_view da) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run];
    int64_t i = mb_item(), elements = mb_view_elements(a, rows);
    if (rows == 0 || i >= elements)
        return;
    float scale = (float)(2.0 * (double)mb_at(dloss, run)[0] / (double)elements);
    mb_at(da, run)[i] = scale * (mb_at(a, run)[i] - mb_at(b, run)[i]);
}

static void squared_difference_gradient(const mb_cuda_call *call) {
    int64_t elements = mb_view_elements(call->inputs[0], call->max_rows);
    MB_LAUNCH(squared_difference_gradient_kernel, mb_grid(call, elements), dim3(MB_THREADS), 0,
              call->stream, call->tables, call->inputs[0], call->inputs[1], call->inputs[2],
              call->outputs[0]);
}

// dvalues (B, 1) = dloss * 2/B * (value - valence)
MB_CUDA_OP(mean_squared_error_grad) {
    squared_difference_gradient(call);
}

MB_CUDA_OP(mean_squared_difference_grad) {
    squared_difference_gradient(call);
}

// ---- Gaussian bound ---------------------------------------------------------------------------

// exp(-logvar), within the range that the CPU's exponential keeps to.
static __device__ float precision_of(float logvar) {
    float x = -logvar;
    x = x > 88.0f ? 88.0f : x; // NaN stays NaN
    x = x < -87.0f ? -87.0f : x;
    return expf(x);
}

// loss (1) = (1/B) sum over b, j of -(mu - y)^2 / 2 * exp(-logvar), less logvar / 2 when asked for
struct gaussian_terms {
    mb_view mu, y, logvar;
    float half; // 0.5 with the term of logvar, 0 without

    __device__ int64_t count(int32_t rows) const {
        return mb_view_elements(mu, rows);
    }
    __device__ double divisor(int32_t rows) const {
        return rows;
    }
    __device__ double operator()(int32_t run, int64_t i) const {
        float difference = mb_at(mu, run)[i] - mb_at(y, run)[i], l = mb_at(logvar, run)[i];
        return -(double)(0.5f * difference * difference * precision_of(l) + half * l);
    }
};

static float half_of(const mb_cuda_call *call) {
    return call->step->params.gaussian_bound.logvar_term ? 0.5f : 0.0f;
}

MB_CUDA_OP(gaussian_bound) {
    mean_of(call, gaussian_terms{call->inputs[0], call->inputs[1], call->inputs[2], half_of(call)},
            ELEMENT_THREADS);
}

// With scale = dloss/B and w = exp(-logvar): dmu = -scale (mu - y) w, dy = -dmu,
// dlogvar = scale ((mu - y)^2 w / 2 - half). A thread makes one element of each. Assigns.
static __global__ void gaussian_gradient_kernel(mb_tables tables, gaussian_terms of, mb_view dloss,
                                                mb_view dmu, mb_view dy, mb_view dlogvar) {
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run];
    int64_t i = mb_item();
    if (rows == 0 || i >= of.count(rows))
        return;
    float scale = mb_at(dloss, run)[0] / (float)rows;
    float difference = mb_at(of.mu, run)[i] - mb_at(of.y, run)[i];
    float pull = difference * precision_of(mb_at(of.logvar, run)[i]);
    mb_at(dmu, run)[i] = -scale * pull;
    mb_at(dy, run)[i] = scale * pull;
    mb_at(dlogvar, run)[i] = scale * (0.5f * difference * pull - of.half);
}

MB_CUDA_OP(gaussian_bound_grad) {
    gaussian_terms of = {call->inputs[0], call->inputs[1], call->inputs[2], half_of(call)};
    MB_LAUNCH(gaussian_gradient_kernel,
              mb_grid(call, mb_view_elements(call->inputs[0], call->max_rows)), dim3(MB_THREADS), 0,
              call->stream, call->tables, of, call->inputs[3], call->outputs[0], call->outputs[1],
              call->outputs[2]);
}
