// Linear maps of several ranks, and weighted sums over the ranks. B rows, K ranks, I inputs, O
// outputs (H in weighted sums). The update of F (rank_linear_update) is in optim.c.
#include "cpu/isa/gemm.h"

// y (B, K, O): y[:, k] = x (B, I) F[k] (I, O). Assigns.
MB_KERNEL(rank_linear) {
    const mb_shape *factor = &mb_in(call->op, rank_linear, factor).shape;
    int32_t ranks = factor->dims[0], inputs = factor->dims[1], outputs = factor->dims[2];
    for (int32_t k = 0; k < ranks; k++)
        MB_NAME(gemm)
    (call->stop, call->rows, outputs, inputs, (mb_matrix){mb_in(call, rank_linear, x), inputs, 1},
     (mb_matrix){mb_in(call, rank_linear, factor) + (int64_t)k * inputs * outputs, outputs, 1},
     call->outputs[0] + (int64_t)k * outputs, (int64_t)ranks * outputs, 0);
}

// dx (B, I) = sum over k of dy[:, k] F[k]^T. Assigns.
MB_KERNEL(rank_linear_grad_input) {
    const mb_shape *factor = &mb_in(call->op, rank_linear_grad_input, factor).shape;
    int32_t ranks = factor->dims[0], inputs = factor->dims[1], outputs = factor->dims[2];
    for (int32_t k = 0; k < ranks; k++)
        MB_NAME(gemm)
    (call->stop, call->rows, inputs, outputs,
     (mb_matrix){mb_in(call, rank_linear_grad_input, dy) + (int64_t)k * outputs,
                 (int64_t)ranks * outputs, 1},
     (mb_matrix){mb_in(call, rank_linear_grad_input, factor) + (int64_t)k * inputs * outputs, 1,
                 outputs},
     call->outputs[0], inputs, k > 0);
}

// dF[k] (I, O) = x^T dy[:, k]. Assigns.
MB_KERNEL(rank_linear_grad_weight) {
    const mb_shape *factor = &call->op->outputs[0].shape;
    int32_t ranks = factor->dims[0], inputs = factor->dims[1], outputs = factor->dims[2];
    for (int32_t k = 0; k < ranks; k++)
        MB_NAME(gemm)
    (call->stop, inputs, outputs, call->rows,
     (mb_matrix){mb_in(call, rank_linear_grad_weight, x), 1, inputs},
     (mb_matrix){mb_in(call, rank_linear_grad_weight, dy) + (int64_t)k * outputs,
                 (int64_t)ranks * outputs, 1},
     call->outputs[0] + (int64_t)k * inputs * outputs, outputs, 0);
}

// w (1, K), u (B, K, H), b (H) -> y (B, H) = b + sum over k of w[k] * u[:, k]. Assigns.
MB_KERNEL(weighted_sum) {
    const mb_shape *shape = &mb_in(call->op, weighted_sum, values).shape;
    int32_t ranks = shape->dims[1], hidden = shape->dims[2];
    const float *w = mb_in(call, weighted_sum, weights), *bias = mb_in(call, weighted_sum, bias);
    for (int32_t b = 0; b < call->rows; b++) {
        const float *u = mb_in(call, weighted_sum, values) + (int64_t)b * ranks * hidden;
        float *y = call->outputs[0] + (int64_t)b * hidden;
        for (int32_t j = 0; j < hidden; j++)
            y[j] = w[0] * u[j];
        for (int32_t k = 1; k < ranks; k++)
            for (int32_t j = 0; j < hidden; j++)
                y[j] += w[k] * u[(int64_t)k * hidden + j];
        for (int32_t j = 0; j < hidden; j++)
            y[j] += bias[j];
    }
}

// dy (B, H), u (B, K, H) -> dw (1, K): dw[k] = sum over b and j of dy[b, j] * u[b, k, j], in
// double. Assigns.
MB_KERNEL(weighted_sum_grad_weights) {
    const mb_shape *shape = &mb_in(call->op, weighted_sum_grad_weights, values).shape;
    int32_t ranks = shape->dims[1], hidden = shape->dims[2];
    for (int32_t k = 0; k < ranks; k++) {
        double sum = 0.0;
        for (int32_t b = 0; b < call->rows; b++) {
            const float *dy = mb_in(call, weighted_sum_grad_weights, dy) + (int64_t)b * hidden;
            const float *u =
                mb_in(call, weighted_sum_grad_weights, values) + ((int64_t)b * ranks + k) * hidden;
            for (int32_t j = 0; j < hidden; j++)
                sum += (double)dy[j] * (double)u[j];
        }
        call->outputs[0][k] = (float)sum;
    }
}

// dy (B, H), w (1, K) -> du (B, K, H): du[b, k] = w[k] * dy[b]. Assigns.
MB_KERNEL(weighted_sum_grad_values) {
    const mb_shape *shape = &call->op->outputs[0].shape;
    int32_t ranks = shape->dims[1], hidden = shape->dims[2];
    for (int32_t b = 0; b < call->rows; b++)
        for (int32_t k = 0; k < ranks; k++) {
            const float *dy = mb_in(call, weighted_sum_grad_values, dy) + (int64_t)b * hidden;
            float w = mb_in(call, weighted_sum_grad_values, weights)[k];
            float *du = call->outputs[0] + ((int64_t)b * ranks + k) * hidden;
            for (int32_t j = 0; j < hidden; j++)
                du[j] = w * dy[j];
        }
}
