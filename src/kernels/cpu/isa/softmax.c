// Softmax over the last dimension, and its gradient. B' stands for all leading dimensions.
//   y (B', D) = exp(x - max(x)) / sum(exp(x - max(x)))
//   dx (B', D) = y * (dy - sum(dy * y)), the sum in double
// Both assign.
#include "cpu/isa/activation.h"
#include "cpu/isa/kernel.h"

MB_KERNEL(softmax) {
    int64_t vectors = mb_vectors(call, &call->op->outputs[0]);
    int32_t width = mb_width(&call->op->outputs[0]);
    for (int64_t r = 0; r < vectors; r++) {
        const float *x = call->inputs[0] + r * width;
        float *y = call->outputs[0] + r * width, largest = x[0], sum = 0.0f;
        for (int32_t j = 1; j < width; j++)
            largest = x[j] > largest ? x[j] : largest;
        for (int32_t j = 0; j < width; j++) {
            float e = mb_exponential(x[j] - largest);
            y[j] = x[j] - largest < -87.0f ? 0.0f : e; // -infinity too
        }
        for (int32_t j = 0; j < width; j++)
            sum += y[j];
        for (int32_t j = 0; j < width; j++)
            y[j] /= sum;
    }
}

MB_KERNEL(softmax_grad) {
    int64_t vectors = mb_vectors(call, &call->op->outputs[0]);
    int32_t width = mb_width(&call->op->outputs[0]);
    for (int64_t r = 0; r < vectors; r++) {
        const float *dy = mb_in(call, softmax_grad, dy) + r * width;
        const float *y = mb_in(call, softmax_grad, y) + r * width;
        float *dx = call->outputs[0] + r * width;
        double sum = 0.0;
        for (int32_t j = 0; j < width; j++)
            sum += (double)dy[j] * (double)y[j];
        for (int32_t j = 0; j < width; j++)
            dx[j] = y[j] * (dy[j] - (float)sum);
    }
}
