// Linear maps and their gradients. B' stands for all leading dimensions (rows, or rows x steps),
// I inputs, O outputs; W is stored input-major (I, O).
#include "cpu/isa/gemm.h"

// y (B', O) = x (B', I) W + b, then max(0, .) when asked for. Assigns.
MB_KERNEL(linear) {
    const mb_step *step = call->step;
    int32_t vectors = (int32_t)mb_vectors(call, &step->inputs[0]);
    int32_t inputs = mb_width(&step->inputs[0]), outputs = mb_width(&step->outputs[0]);
    float *y = call->outputs[0];
    MB_NAME(gemm)
    (vectors, outputs, inputs, (mb_matrix){call->inputs[0], inputs, 1},
     (mb_matrix){call->inputs[1], outputs, 1}, y, outputs, 0);
    const float *bias = step->input_count == 3 ? call->inputs[2] : NULL;
    for (int32_t r = 0; bias != NULL && r < vectors; r++)
        for (int32_t o = 0; o < outputs; o++)
            y[(int64_t)r * outputs + o] += bias[o];
    int64_t elements = (int64_t)vectors * outputs;
    for (int64_t i = 0; step->params.linear.relu && i < elements; i++)
        y[i] = y[i] < 0.0f ? 0.0f : y[i]; // NaN stays NaN
}

// dx (B', I) = dy (B', O) W^T. Assigns.
MB_KERNEL(linear_grad_input) {
    const mb_step *step = call->step;
    int32_t vectors = (int32_t)mb_vectors(call, &step->inputs[0]);
    int32_t outputs = mb_width(&step->inputs[0]), inputs = mb_width(&step->outputs[0]);
    MB_NAME(gemm)
    (vectors, inputs, outputs, (mb_matrix){call->inputs[0], outputs, 1},
     (mb_matrix){call->inputs[1], 1, outputs}, call->outputs[0], inputs, 0);
}

// dW (I, O) = x^T dy. Assigns.
MB_KERNEL(linear_grad_weight) {
    const mb_step *step = call->step;
    int32_t vectors = (int32_t)mb_vectors(call, &step->inputs[0]);
    int32_t inputs = mb_width(&step->inputs[0]), outputs = mb_width(&step->inputs[1]);
    MB_NAME(gemm)
    (inputs, outputs, vectors, (mb_matrix){call->inputs[0], 1, inputs},
     (mb_matrix){call->inputs[1], outputs, 1}, call->outputs[0], outputs, 0);
}

// db (O) = sum over B' of dy, row after row. Assigns.
MB_KERNEL(linear_grad_bias) {
    const mb_operand *dy = &call->step->inputs[0];
    int64_t vectors = mb_vectors(call, dy);
    int32_t outputs = mb_width(dy);
    float *sum = call->outputs[0];
    memset(sum, 0, (size_t)outputs * sizeof *sum);
    for (int64_t r = 0; r < vectors; r++)
        for (int32_t o = 0; o < outputs; o++)
            sum[o] += call->inputs[0][r * outputs + o];
}
