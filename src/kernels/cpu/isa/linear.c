// Linear maps and their gradients. B' stands for all leading dimensions (rows, or rows x steps),
// I inputs, O outputs; W is stored input-major (I, O).
#include "cpu/isa/gemm.h"

// y (B', O) += b; rows of y lie `row` apart.
static void add_bias(int32_t vectors, int32_t outputs, int32_t row, const float *restrict bias,
                     float *restrict y) {
    for (int32_t r = 0; r < vectors; r++, y += row)
        for (int32_t o = 0; o < outputs; o++)
            y[o] += bias[o];
}

// y (B', O) = max(0, y)
static void cut_negative(int32_t vectors, int32_t outputs, int32_t row, float *y) {
    for (int32_t r = 0; r < vectors; r++, y += row)
        for (int32_t o = 0; o < outputs; o++)
            y[o] = y[o] < 0.0f ? 0.0f : y[o]; // NaN stays NaN
}

// y (B', O) = x (B', I) W + b, then max(0, .) if params.linear.relu. A block of outputs at a time,
// so that it is still in L2 when bias and max are applied. Assigns.
MB_KERNEL(linear) {
    enum { BLOCK = 1 << 16, FEWEST = 512 };
    const mb_plan_op *op = call->op;
    int32_t vectors = (int32_t)mb_vectors(call, &mb_in(op, linear, x));
    int32_t inputs = mb_width(&mb_in(op, linear, x)), outputs = mb_width(&op->outputs[0]);
    int32_t block = vectors < BLOCK / FEWEST ? BLOCK / (vectors + 1) / FEWEST * FEWEST : FEWEST;
    for (int32_t o = 0; o < outputs; o += block) {
        int32_t columns = outputs - o < block ? outputs - o : block;
        float *y = call->outputs[0] + o;
        MB_NAME(gemm)
        (call->stop, vectors, columns, inputs, (mb_matrix){mb_in(call, linear, x), inputs, 1},
         (mb_matrix){mb_in(call, linear, weight) + o, outputs, 1}, y, outputs, 0);
        if (mb_has(op, linear, bias))
            add_bias(vectors, columns, outputs, mb_in(call, linear, bias) + o, y);
        if (op->params.linear.relu)
            cut_negative(vectors, columns, outputs, y);
    }
}

// yk (B', O) = xk (B', I) Wk + bk for k = 1, 2, 3; Wk and bk are thirds of W (I, 3O), b (3O).
// Assigns.
MB_KERNEL(linear_thirds) {
    const mb_plan_op *op = call->op;
    int32_t inputs = mb_width(&mb_in(op, linear_thirds, x1));
    int32_t outputs = mb_width(&mb_out(op, linear_thirds, y1));
    for (int32_t k = 0; k < 3; k++) {
        int32_t vectors = (int32_t)mb_vectors(call, &(&mb_in(op, linear_thirds, x1))[k]);
        mb_matrix x = {(&mb_in(call, linear_thirds, x1))[k], inputs, 1};
        float *y = (&mb_out(call, linear_thirds, y1))[k];
        mb_matrix weight = {mb_in(call, linear_thirds, weight) + k * outputs, 3 * (int64_t)outputs,
                            1};
        MB_NAME(gemm)(call->stop, vectors, outputs, inputs, x, weight, y, outputs, 0);
        if (mb_has(op, linear_thirds, bias))
            add_bias(vectors, outputs, outputs, mb_in(call, linear_thirds, bias) + k * outputs, y);
    }
}

// dx (B', I) = sum over k of dyk (B', Ok) Wk^T, where the Wk (I, Ok) are adjacent column blocks of
// W. Assigns.
MB_KERNEL(linear_grad_input) {
    const mb_plan_op *op = call->op;
    int32_t blocks = mb_last_count(op, linear_grad_input, dy);
    int32_t vectors = (int32_t)mb_vectors(call, &op->outputs[0]);
    int32_t inputs = mb_width(&op->outputs[0]);
    int32_t row = mb_in(op, linear_grad_input, weight).shape.dims[0]; // all outputs of W
    const float *weight = mb_in(call, linear_grad_input, weight) + op->params.linear.first_output;
    for (int32_t k = 0; k < blocks; k++) {
        const float *dy = mb_in_last(call, linear_grad_input, dy, k);
        int32_t outputs = mb_width(&mb_in_last(op, linear_grad_input, dy, k));
        MB_NAME(gemm)
        (call->stop, vectors, inputs, outputs, (mb_matrix){dy, outputs, 1},
         (mb_matrix){weight, 1, row}, call->outputs[0], inputs, k > 0);
        weight += outputs;
    }
}

// dW (I, all O): columns of block k = xk^T dyk. Assigns.
MB_KERNEL(linear_grad_weight) {
    const mb_plan_op *op = call->op;
    int32_t inputs = mb_width(&mb_in(op, linear_grad_weight, x)), row = 0; // all outputs
    for (int32_t k = 0; k < mb_group_count(op, linear_grad_weight); k++)
        row += mb_width(&mb_in_group(op, linear_grad_weight, dy, k));
    mb_cpu_range mine = mb_cpu_range_of(call, inputs, 16);
    float *gradient = call->outputs[0] + mine.first * row;
    for (int32_t k = 0; k < mb_group_count(op, linear_grad_weight); k++) {
        const float *x = mb_in_group(call, linear_grad_weight, x, k);
        const float *dy = mb_in_group(call, linear_grad_weight, dy, k);
        int32_t vectors = (int32_t)mb_vectors(call, &mb_in_group(op, linear_grad_weight, x, k));
        int32_t outputs = mb_width(&mb_in_group(op, linear_grad_weight, dy, k));
        MB_NAME(gemm)
        (call->stop, (int32_t)(mine.end - mine.first), outputs, vectors,
         (mb_matrix){x + mine.first, 1, inputs}, (mb_matrix){dy, outputs, 1}, gradient, row, 0);
        gradient += outputs;
    }
}

// db (all O): block k = sum over B' of dyk, row after row. Assigns.
MB_KERNEL(linear_grad_bias) {
    float *sum = call->outputs[0];
    for (int32_t k = 0; k < call->op->input_count; k++) {
        int64_t vectors = mb_vectors(call, &call->op->inputs[k]);
        int32_t outputs = mb_width(&call->op->inputs[k]);
        mb_cpu_range mine = mb_cpu_range_of(call, outputs, 16);
        memset(sum + mine.first, 0, (size_t)(mine.end - mine.first) * sizeof *sum);
        for (int64_t r = 0; r < vectors; r++)
            for (int64_t o = mine.first; o < mine.end; o++)
                sum[o] += call->inputs[k][r * outputs + o];
        sum += outputs;
    }
}
