// Softmax over the last dimension, and its gradient. B' stands for all leading dimensions.
// Reference: src/kernels/cpu/isa/softmax.c.
#include "cuda/vectors.cuh"

// exp(x); 0 for -infinity, and where exp(x) would be denormal.
static __device__ inline float exponential(float x) {
    float e = expf(x);
    return x < -87.0f ? 0.0f : e; // NaN stays NaN
}

// y (B', D) = exp(x - max) / sum. Assigns. exp is computed twice: reading x again, from the L1
// cache, is cheaper than writing y twice.
template <int LANES>
static __global__ void softmax_kernel(const __grid_constant__ mb_vectors vectors) {
    mb_vector vector = mb_vector_here<LANES>(vectors);
    if (vector.rows == 0)
        return;
    const float *__restrict__ x = mb_at(vectors.inputs[0], vector.run) + vector.at * vector.width;
    float *__restrict__ y = mb_at(vectors.outputs[0], vector.run) + vector.at * vector.width;
    float largest = -INFINITY, sum = 0.0f;
    for (int32_t j = vector.lane; j < vector.width; j += LANES)
        largest = x[j] > largest ? x[j] : largest;
    largest = mb_lanes_max<LANES>(largest);
    for (int32_t j = vector.lane; j < vector.width; j += LANES)
        sum += exponential(x[j] - largest);
    sum = mb_lanes_sum<LANES>(sum);
    for (int32_t j = vector.lane; j < vector.width; j += LANES)
        y[j] = exponential(x[j] - largest) / sum;
}

MB_CUDA_OP(softmax) {
    mb_launch_vectors(
        call, {softmax_kernel<4>, softmax_kernel<8>, softmax_kernel<16>, softmax_kernel<32>});
}

// dy, y (B', D) -> dx (B', D) = y * (dy - sum(dy * y)), the sum in double. Assigns.
template <int LANES>
static __global__ void softmax_gradient_kernel(const __grid_constant__ mb_vectors vectors) {
    mb_vector vector = mb_vector_here<LANES>(vectors);
    if (vector.rows == 0)
        return;
    int64_t first = vector.at * vector.width;
    const float *__restrict__ dy = mb_at(mb_in(&vectors, softmax_grad, dy), vector.run) + first;
    const float *__restrict__ y = mb_at(mb_in(&vectors, softmax_grad, y), vector.run) + first;
    float *__restrict__ dx = mb_at(vectors.outputs[0], vector.run) + first;
    double sum = 0.0;
    for (int32_t j = vector.lane; j < vector.width; j += LANES)
        sum += (double)dy[j] * (double)y[j];
    float total = (float)mb_lanes_sum<LANES>(sum);
    for (int32_t j = vector.lane; j < vector.width; j += LANES)
        dx[j] = y[j] * (dy[j] - total);
}

MB_CUDA_OP(softmax_grad) {
    mb_launch_vectors(call, {softmax_gradient_kernel<4>, softmax_gradient_kernel<8>,
                             softmax_gradient_kernel<16>, softmax_gradient_kernel<32>});
}
