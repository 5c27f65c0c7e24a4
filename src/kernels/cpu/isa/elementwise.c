// Element-wise ops: constants, activations, sums and products. Also ops that join and cut columns.
// All assign; shapes are those of ops.def.
#include "cpu/isa/activation.h"
#include "cpu/isa/kernel.h"
#include "cpu/isa/sums.h"

// y = params.constant.value
MB_KERNEL(constant) {
    int64_t elements = mb_elements(call, &call->op->outputs[0]);
    for (int64_t i = 0; i < elements; i++)
        call->outputs[0][i] = call->op->params.constant.value;
}

// y = max(0, x)
MB_KERNEL(relu) {
    int64_t elements = mb_elements(call, &call->op->outputs[0]);
    const float *restrict x = call->inputs[0];
    float *restrict y = call->outputs[0];
    for (int64_t i = 0; i < elements; i++)
        y[i] = x[i] < 0.0f ? 0.0f : x[i]; // NaN stays NaN
}

// dx = 0 where y is 0, else dy: a NaN lets the gradient pass.
MB_KERNEL(relu_grad) {
    int64_t elements = mb_elements(call, &call->op->outputs[0]);
    const float *restrict dy = mb_in(call, relu_grad, dy), *restrict y = mb_in(call, relu_grad, y);
    float *restrict dx = call->outputs[0];
    for (int64_t i = 0; i < elements; i++)
        dx[i] = y[i] <= 0.0f ? 0.0f : dy[i];
}

// y = a + b
MB_KERNEL(add) {
    int64_t elements = mb_elements(call, &call->op->outputs[0]);
    const float *restrict a = mb_in(call, add, a), *restrict b = mb_in(call, add, b);
    float *restrict y = call->outputs[0];
    for (int64_t i = 0; i < elements; i++)
        y[i] = a[i] + b[i];
}

// y = a * b
MB_KERNEL(multiply) {
    int64_t elements = mb_elements(call, &call->op->outputs[0]);
    const float *restrict a = mb_in(call, multiply, a), *restrict b = mb_in(call, multiply, b);
    float *restrict y = call->outputs[0];
    for (int64_t i = 0; i < elements; i++)
        y[i] = a[i] * b[i];
}

// y = 1 / (1 + exp(-x))
MB_KERNEL(sigmoid) {
    int64_t elements = mb_elements(call, &call->op->outputs[0]);
    const float *restrict x = call->inputs[0];
    float *restrict y = call->outputs[0];
    for (int64_t i = 0; i < elements; i++)
        y[i] = mb_sigmoid_of(x[i]);
}

// dx = dy * y * (1 - y)
MB_KERNEL(sigmoid_grad) {
    int64_t elements = mb_elements(call, &call->op->outputs[0]);
    const float *restrict dy = mb_in(call, sigmoid_grad, dy);
    const float *restrict y = mb_in(call, sigmoid_grad, y);
    float *restrict dx = call->outputs[0];
    for (int64_t i = 0; i < elements; i++)
        dx[i] = dy[i] * y[i] * (1.0f - y[i]);
}

// y = tanh(x)
MB_KERNEL(tanh) {
    int64_t elements = mb_elements(call, &call->op->outputs[0]);
    const float *restrict x = call->inputs[0];
    float *restrict y = call->outputs[0];
    for (int64_t i = 0; i < elements; i++)
        y[i] = mb_tanh_of(x[i]);
}

// dx = dy * (1 - y^2)
MB_KERNEL(tanh_grad) {
    int64_t elements = mb_elements(call, &call->op->outputs[0]);
    const float *restrict dy = mb_in(call, tanh_grad, dy), *restrict y = mb_in(call, tanh_grad, y);
    float *restrict dx = call->outputs[0];
    for (int64_t i = 0; i < elements; i++)
        dx[i] = dy[i] * (1.0f - y[i] * y[i]);
}

// y = params.scale.factor * x, times the slot if there is one
MB_KERNEL(scale) {
    int64_t elements = mb_elements(call, &call->op->outputs[0]);
    mb_slot slot = call->op->params.scale.slot;
    float factor =
        call->op->params.scale.factor * (slot == MB_SLOT_NONE ? 1.0f : call->slots[slot]);
    const float *restrict x = call->inputs[0];
    float *restrict y = call->outputs[0];
    for (int64_t i = 0; i < elements; i++)
        y[i] = factor * x[i];
}

// y = x
MB_KERNEL(idle_weights) {
    memcpy(call->outputs[0], mb_in(call, idle_weights, x),
           (size_t)mb_elements(call, &call->op->outputs[0]) * sizeof(float));
}

// y = x, in another shape
MB_KERNEL(reshape) {
    memcpy(call->outputs[0], call->inputs[0],
           (size_t)mb_elements(call, &call->op->outputs[0]) * sizeof(float));
}

// (B', D1), (B', D2) ... -> (B', D1 + D2 + ...)
MB_KERNEL(concat) {
    const mb_plan_op *op = call->op;
    int64_t vectors = mb_vectors(call, &op->outputs[0]);
    int32_t width = mb_width(&op->outputs[0]), begin = 0;
    for (int32_t k = 0; k < op->input_count; k++) {
        int32_t columns = mb_width(&op->inputs[k]);
        for (int64_t r = 0; r < vectors; r++)
            memcpy(call->outputs[0] + r * width + begin, call->inputs[k] + r * columns,
                   (size_t)columns * sizeof(float));
        begin += columns;
    }
}

// s (B', N), x_1 (B', D_1) ... -> concat(s[column] * x_1, s[column+1] * x_2, ...)
MB_KERNEL(scaled_concat) {
    const mb_plan_op *op = call->op;
    int64_t vectors = mb_vectors(call, &op->outputs[0]);
    int32_t width = mb_width(&op->outputs[0]), begin = 0;
    int32_t scales = mb_width(&mb_in(op, scaled_concat, scales));
    for (int32_t k = 0; k < mb_last_count(op, scaled_concat, x); k++) {
        int32_t columns = mb_width(&mb_in_last(op, scaled_concat, x, k));
        int32_t column = op->params.scaled_concat.column + k;
        for (int64_t r = 0; r < vectors; r++) {
            float s = mb_in(call, scaled_concat, scales)[r * scales + column];
            const float *restrict x = mb_in_last(call, scaled_concat, x, k) + r * columns;
            float *restrict y = call->outputs[0] + r * width + begin;
            for (int32_t j = 0; j < columns; j++)
                y[j] = s * x[j];
        }
        begin += columns;
    }
}

// dy (B', W), s (B', N) -> dx (B', D) = s[column] * dy[begin ...]
MB_KERNEL(scaled_concat_grad_input) {
    const mb_plan_op *op = call->op;
    int64_t vectors = mb_vectors(call, &op->outputs[0]);
    int32_t width = mb_width(&mb_in(op, scaled_concat_grad_input, dy));
    int32_t scales = mb_width(&mb_in(op, scaled_concat_grad_input, scales));
    int32_t columns = mb_width(&op->outputs[0]);
    const float *whole = mb_in(call, scaled_concat_grad_input, dy);
    const float *factors = mb_in(call, scaled_concat_grad_input, scales);
    for (int64_t r = 0; r < vectors; r++) {
        float s = factors[r * scales + op->params.scaled_concat.column];
        const float *restrict dy = whole + r * width + op->params.scaled_concat.begin;
        float *restrict dx = call->outputs[0] + r * columns;
        for (int32_t j = 0; j < columns; j++)
            dx[j] = s * dy[j];
    }
}

// dy (B', W), x_1, x_2 ... -> ds (B', N): ds[column + k] = sum of dy * x_k over the columns of x_k,
// 0 elsewhere
MB_KERNEL(scaled_concat_grad_scales) {
    const mb_plan_op *op = call->op;
    int64_t vectors = mb_vectors(call, &op->outputs[0]);
    int32_t width = mb_width(&mb_in(op, scaled_concat_grad_scales, dy)), begin = 0;
    int32_t scales = mb_width(&op->outputs[0]);
    const float *dy = mb_in(call, scaled_concat_grad_scales, dy);
    memset(call->outputs[0], 0, (size_t)(vectors * scales) * sizeof(float));
    for (int32_t k = 0; k < mb_last_count(op, scaled_concat_grad_scales, x); k++) {
        int32_t columns = mb_width(&mb_in_last(op, scaled_concat_grad_scales, x, k));
        int32_t column = op->params.scaled_concat.column + k;
        const float *x = mb_in_last(call, scaled_concat_grad_scales, x, k);
        for (int64_t r = 0; r < vectors; r++)
            call->outputs[0][r * scales + column] =
                mb_dot_of(columns, dy + r * width + begin, x + r * columns);
        begin += columns;
    }
}

// (B', D) -> (B', 1 + D)
MB_KERNEL(prepend_one) {
    int64_t vectors = mb_vectors(call, &call->op->inputs[0]);
    int32_t width = mb_width(&call->op->inputs[0]);
    for (int64_t r = 0; r < vectors; r++) {
        float *y = call->outputs[0] + r * (width + 1);
        y[0] = 1.0f;
        memcpy(y + 1, call->inputs[0] + r * width, (size_t)width * sizeof *y);
    }
}

// x (B', D) -> y (B', D'): the columns from params.slice.begin on.
MB_KERNEL(slice) {
    const mb_plan_op *op = call->op;
    int64_t vectors = mb_vectors(call, &op->outputs[0]);
    int32_t width = mb_width(&op->inputs[0]), columns = mb_width(&op->outputs[0]);
    for (int64_t r = 0; r < vectors; r++)
        memcpy(call->outputs[0] + r * columns, call->inputs[0] + r * width + op->params.slice.begin,
               (size_t)columns * sizeof(float));
}

// dy (B', D') -> dx (B', D): dy in the columns from params.slice.begin on, 0 elsewhere.
MB_KERNEL(slice_grad) {
    const mb_plan_op *op = call->op;
    int64_t vectors = mb_vectors(call, &op->outputs[0]);
    int32_t width = mb_width(&op->outputs[0]), columns = mb_width(&op->inputs[0]);
    memset(call->outputs[0], 0, (size_t)(vectors * width) * sizeof(float));
    for (int64_t r = 0; r < vectors; r++)
        memcpy(call->outputs[0] + r * width + op->params.slice.begin, call->inputs[0] + r * columns,
               (size_t)columns * sizeof(float));
}
