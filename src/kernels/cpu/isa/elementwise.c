// Element by element: constant, activations, sums and products; and the joining and cutting of
// columns.
#include "cpu/isa/activation.h"
#include "cpu/isa/kernel.h"

MB_KERNEL(constant) {
    call->outputs[0][0] = call->step->params.constant.value;
}

MB_KERNEL(relu) {
    int64_t elements = mb_elements(call, &call->step->outputs[0]);
    const float *restrict x = call->inputs[0];
    float *restrict y = call->outputs[0];
    for (int64_t i = 0; i < elements; i++)
        y[i] = x[i] < 0.0f ? 0.0f : x[i]; // NaN stays NaN
}

// dx = dy where y > 0, else 0.
MB_KERNEL(relu_grad) {
    int64_t elements = mb_elements(call, &call->step->outputs[0]);
    const float *restrict dy = call->inputs[0], *restrict y = call->inputs[1];
    float *restrict dx = call->outputs[0];
    for (int64_t i = 0; i < elements; i++)
        dx[i] = y[i] > 0.0f ? dy[i] : 0.0f;
}

MB_KERNEL(add) {
    int64_t elements = mb_elements(call, &call->step->outputs[0]);
    const float *restrict a = call->inputs[0], *restrict b = call->inputs[1];
    float *restrict y = call->outputs[0];
    for (int64_t i = 0; i < elements; i++)
        y[i] = a[i] + b[i];
}

MB_KERNEL(multiply) {
    int64_t elements = mb_elements(call, &call->step->outputs[0]);
    const float *restrict a = call->inputs[0], *restrict b = call->inputs[1];
    float *restrict y = call->outputs[0];
    for (int64_t i = 0; i < elements; i++)
        y[i] = a[i] * b[i];
}

MB_KERNEL(sigmoid) {
    int64_t elements = mb_elements(call, &call->step->outputs[0]);
    const float *restrict x = call->inputs[0];
    float *restrict y = call->outputs[0];
    for (int64_t i = 0; i < elements; i++)
        y[i] = mb_sigmoid_of(x[i]);
}

// dx = dy * y * (1 - y)
MB_KERNEL(sigmoid_grad) {
    int64_t elements = mb_elements(call, &call->step->outputs[0]);
    const float *restrict dy = call->inputs[0], *restrict y = call->inputs[1];
    float *restrict dx = call->outputs[0];
    for (int64_t i = 0; i < elements; i++)
        dx[i] = dy[i] * y[i] * (1.0f - y[i]);
}

MB_KERNEL(tanh) {
    int64_t elements = mb_elements(call, &call->step->outputs[0]);
    const float *restrict x = call->inputs[0];
    float *restrict y = call->outputs[0];
    for (int64_t i = 0; i < elements; i++)
        y[i] = mb_tanh_of(x[i]);
}

// dx = dy * (1 - y^2)
MB_KERNEL(tanh_grad) {
    int64_t elements = mb_elements(call, &call->step->outputs[0]);
    const float *restrict dy = call->inputs[0], *restrict y = call->inputs[1];
    float *restrict dx = call->outputs[0];
    for (int64_t i = 0; i < elements; i++)
        dx[i] = dy[i] * (1.0f - y[i] * y[i]);
}

MB_KERNEL(scale) {
    int64_t elements = mb_elements(call, &call->step->outputs[0]);
    mb_slot slot = call->step->params.scale.slot;
    float factor =
        call->step->params.scale.factor * (slot == MB_SLOT_NONE ? 1.0f : call->slots[slot]);
    const float *restrict x = call->inputs[0];
    float *restrict y = call->outputs[0];
    for (int64_t i = 0; i < elements; i++)
        y[i] = factor * x[i];
}

MB_KERNEL(reshape) {
    memcpy(call->outputs[0], call->inputs[0],
           (size_t)mb_elements(call, &call->step->outputs[0]) * sizeof(float));
}

// (B', D1), (B', D2) ... -> (B', D1 + D2 + ...)
MB_KERNEL(concat) {
    const mb_step *step = call->step;
    int64_t vectors = mb_vectors(call, &step->outputs[0]);
    int32_t width = mb_width(&step->outputs[0]), begin = 0;
    for (int32_t k = 0; k < step->input_count; k++) {
        int32_t part = mb_width(&step->inputs[k]);
        for (int64_t r = 0; r < vectors; r++)
            memcpy(call->outputs[0] + r * width + begin, call->inputs[k] + r * part,
                   (size_t)part * sizeof(float));
        begin += part;
    }
}

// (B', D) -> (B', 1 + D)
MB_KERNEL(prepend_one) {
    int64_t vectors = mb_vectors(call, &call->step->inputs[0]);
    int32_t width = mb_width(&call->step->inputs[0]);
    for (int64_t r = 0; r < vectors; r++) {
        float *y = call->outputs[0] + r * (width + 1);
        y[0] = 1.0f;
        memcpy(y + 1, call->inputs[0] + r * width, (size_t)width * sizeof *y);
    }
}

// (B', D) -> (B', D'), columns from params.slice.begin.
MB_KERNEL(slice) {
    const mb_step *step = call->step;
    int64_t vectors = mb_vectors(call, &step->outputs[0]);
    int32_t width = mb_width(&step->inputs[0]), part = mb_width(&step->outputs[0]);
    for (int64_t r = 0; r < vectors; r++)
        memcpy(call->outputs[0] + r * part, call->inputs[0] + r * width + step->params.slice.begin,
               (size_t)part * sizeof(float));
}

// dy (B', D') -> (B', D), zero but for the columns from params.slice.begin.
MB_KERNEL(slice_grad) {
    const mb_step *step = call->step;
    int64_t vectors = mb_vectors(call, &step->outputs[0]);
    int32_t width = mb_width(&step->outputs[0]), part = mb_width(&step->inputs[0]);
    memset(call->outputs[0], 0, (size_t)(vectors * width) * sizeof(float));
    for (int64_t r = 0; r < vectors; r++)
        memcpy(call->outputs[0] + r * width + step->params.slice.begin, call->inputs[0] + r * part,
               (size_t)part * sizeof(float));
}

// x (B, T, D) -> y[:, t] = x[:, t-1], y[:, 0] = 0.
MB_KERNEL(delay) {
    const mb_shape *shape = &call->step->outputs[0].shape;
    size_t sequence = (size_t)shape->dims[1] * (size_t)shape->dims[2],
           step = (size_t)shape->dims[2];
    for (int32_t b = 0; b < call->rows; b++) {
        float *y = call->outputs[0] + (size_t)b * sequence;
        memset(y, 0, step * sizeof *y);
        memcpy(y + step, call->inputs[0] + (size_t)b * sequence, (sequence - step) * sizeof *y);
    }
}

// x (B, T, D) -> (B, D)
MB_KERNEL(last_step) {
    const mb_shape *shape = &call->step->inputs[0].shape;
    size_t sequence = (size_t)shape->dims[1] * (size_t)shape->dims[2],
           step = (size_t)shape->dims[2];
    for (int32_t b = 0; b < call->rows; b++)
        memcpy(call->outputs[0] + (size_t)b * step,
               call->inputs[0] + ((size_t)b + 1) * sequence - step, step * sizeof(float));
}

// dy (B, D) -> (B, T, D), zero but for the last step.
MB_KERNEL(last_step_grad) {
    const mb_shape *shape = &call->step->outputs[0].shape;
    size_t sequence = (size_t)shape->dims[1] * (size_t)shape->dims[2],
           step = (size_t)shape->dims[2];
    memset(call->outputs[0], 0, (size_t)call->rows * sequence * sizeof(float));
    for (int32_t b = 0; b < call->rows; b++)
        memcpy(call->outputs[0] + ((size_t)b + 1) * sequence - step,
               call->inputs[0] + (size_t)b * step, step * sizeof(float));
}
