// Weighted sums of the modalities of a row. B rows, K weights of a row, H hidden. All assign.
#include "cpu/isa/kernel.h"

// w (B, K), u (B, K*H) -> y (B, H): y[b, j] = sum over k of w[b, k] * u[b, k*H + j]
MB_KERNEL(mix) {
    int32_t terms = mb_width(&mb_in(call->op, mix, weights));
    int32_t hidden = mb_width(&call->op->outputs[0]);
    for (int32_t b = 0; b < call->rows; b++) {
        const float *w = mb_in(call, mix, weights) + (int64_t)b * terms;
        const float *u = mb_in(call, mix, values) + (int64_t)b * terms * hidden;
        float *y = call->outputs[0] + (int64_t)b * hidden;
        for (int32_t j = 0; j < hidden; j++)
            y[j] = w[0] * u[j];
        for (int32_t k = 1; k < terms; k++)
            for (int32_t j = 0; j < hidden; j++)
                y[j] += w[k] * u[(int64_t)k * hidden + j];
    }
}

// dy (B, H), u (B, K*H) -> dw (B, K): dw[b, k] = sum over j of dy[b, j] * u[b, k*H + j], in double
MB_KERNEL(mix_grad_weights) {
    int32_t terms = mb_width(&call->op->outputs[0]);
    int32_t hidden = mb_width(&mb_in(call->op, mix_grad_weights, dy));
    for (int32_t b = 0; b < call->rows; b++)
        for (int32_t k = 0; k < terms; k++) {
            const float *dy = mb_in(call, mix_grad_weights, dy) + (int64_t)b * hidden;
            const float *u =
                mb_in(call, mix_grad_weights, values) + ((int64_t)b * terms + k) * hidden;
            double sum = 0.0;
            for (int32_t j = 0; j < hidden; j++)
                sum += (double)dy[j] * (double)u[j];
            call->outputs[0][(int64_t)b * terms + k] = (float)sum;
        }
}

// dy (B, H), w (B, K) -> du (B, K*H): du[b, k*H + j] = w[b, k] * dy[b, j]
MB_KERNEL(mix_grad_values) {
    int32_t terms = mb_width(&mb_in(call->op, mix_grad_values, weights));
    int32_t hidden = mb_width(&mb_in(call->op, mix_grad_values, dy));
    for (int32_t b = 0; b < call->rows; b++)
        for (int32_t k = 0; k < terms; k++) {
            const float *dy = mb_in(call, mix_grad_values, dy) + (int64_t)b * hidden;
            float w = mb_in(call, mix_grad_values, weights)[(int64_t)b * terms + k];
            float *du = call->outputs[0] + ((int64_t)b * terms + k) * hidden;
            for (int32_t j = 0; j < hidden; j++)
                du[j] = w * dy[j];
        }
}
