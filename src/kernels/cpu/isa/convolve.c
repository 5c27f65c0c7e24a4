// Convolution along the time axis, and position encodings. B rows, T steps, I inputs, O outputs, K
// width of the filter, T' = T - K + 1. W (O, I, K) is stored with its dimensions reversed, as (K,
// I, O): the K steps of x that make one step of y are contiguous, and are multiplied by W as one
// matrix (K*I, O).
#include "cpu/isa/gemm.h"
#include "cpu/isa/optim.h"

typedef struct convolution {
    int32_t rows, steps, out_steps, inputs, outputs, width;
    int32_t depth; // K * I
} convolution;

static convolution convolution_of(const mb_cpu_call *call, const mb_shape *x, const mb_shape *y) {
    convolution c = {.rows = call->rows, .steps = x->dims[1], .out_steps = y->dims[1]};
    c.inputs = x->dims[2];
    c.outputs = y->dims[2];
    c.width = c.steps - c.out_steps + 1;
    c.depth = c.width * c.inputs;
    if (c.width == 1) { // steps are independent: treat the batch as one long sequence
        c.steps = c.out_steps = c.rows * c.steps;
        c.rows = 1;
    }
    return c;
}

// The windows of x as a matrix: of the T steps of a row, the first T' begin a window.
static mb_groups windows(const convolution *c, bool columns) {
    return (mb_groups){c->out_steps, (int64_t)(c->steps - c->out_steps) * c->inputs, columns};
}

// x (B, T, I), W -> y (B, T', O):  y[b,t] = sum over k of x[b,t+k] W[k]. Assigns.
MB_KERNEL(convolve) {
    const mb_plan_op *op = call->op;
    convolution c = convolution_of(call, &mb_in(op, convolve, x).shape, &op->outputs[0].shape);
    MB_NAME(gemm_of_groups)
    (call->stop, c.rows * c.out_steps, c.outputs, c.depth,
     (mb_matrix){mb_in(call, convolve, x), c.inputs, 1}, windows(&c, false),
     (mb_matrix){mb_in(call, convolve, filter), c.outputs, 1}, call->outputs[0], c.outputs, 0);
}

// dy (B, T', O), W -> dx (B, T, I):  dx[b,t] = sum over k of dy[b,t-k] W[k]^T. Assigns.
MB_KERNEL(convolve_grad_input) {
    const mb_plan_op *op = call->op;
    convolution c =
        convolution_of(call, &op->outputs[0].shape, &mb_in(op, convolve_grad_input, dy).shape);
    int64_t sequence = (int64_t)c.steps * c.inputs;
    memset(call->outputs[0], 0, (size_t)(c.rows * sequence) * sizeof(float));
    for (int32_t b = 0; b < c.rows; b++)
        for (int32_t k = 0; k < c.width; k++) {
            const float *dy =
                mb_in(call, convolve_grad_input, dy) + (int64_t)b * c.out_steps * c.outputs;
            const float *weight =
                mb_in(call, convolve_grad_input, filter) + (int64_t)k * c.inputs * c.outputs;
            float *dx = call->outputs[0] + b * sequence + (int64_t)k * c.inputs;
            MB_NAME(gemm)
            (call->stop, c.out_steps, c.inputs, c.outputs, (mb_matrix){dy, c.outputs, 1},
             (mb_matrix){weight, 1, c.outputs}, dx, c.inputs, 1);
        }
}

// A block of dW (K*I, O) = sum over b and t of x[b,t...t+K-1]^T dy[b,t].
typedef struct gradient_block {
    int32_t depth, rows; // depth ... depth + rows - 1 of K*I
    int32_t output, columns;
} gradient_block;

static void filter_gradient(const mb_cpu_call *call, const convolution *c, gradient_block block,
                            float *gradient, int64_t row) {
    const float *x = mb_in(call, convolve_grad_weight, x); // CONVOLVE_UPDATE has the same inputs
    const float *dy = mb_in(call, convolve_grad_weight, dy);
    MB_NAME(gemm_of_groups)
    (call->stop, block.rows, block.columns, c->rows * c->out_steps,
     (mb_matrix){x + block.depth, 1, c->inputs}, windows(c, true),
     (mb_matrix){dy + block.output, c->outputs, 1}, gradient, row, 0);
}

static int32_t at_most(int32_t count, int32_t limit) {
    return count < limit ? count : limit;
}

// A tile of dW stays in the cache until Adam has used it.
enum { TILE_DEPTH = 192, TILE_OUTPUTS = 128, SHARE_DEPTH = 16 };

// x (B, T, I), dy (B, T', O) -> dW (K, I, O). Assigns.
MB_KERNEL(convolve_grad_weight) {
    const mb_plan_op *op = call->op;
    convolution c = convolution_of(call, &mb_in(op, convolve_grad_weight, x).shape,
                                   &mb_in(op, convolve_grad_weight, dy).shape);
    for (int32_t i = 0; i < c.depth; i += TILE_DEPTH)
        for (int32_t o = 0; o < c.outputs; o += TILE_OUTPUTS) {
            gradient_block block = {i, at_most(c.depth - i, TILE_DEPTH), o,
                                    at_most(c.outputs - o, TILE_OUTPUTS)};
            filter_gradient(call, &c, block, call->outputs[0] + (int64_t)i * c.outputs + o,
                            c.outputs);
        }
}

// x (B, T, I), dy (B, T', O): computes dW a tile at a time, and applies Adam to W while the tile is
// in the cache.
MB_KERNEL(convolve_update) {
    _Alignas(64) float tile[TILE_DEPTH * TILE_OUTPUTS];
    const mb_plan_op *op = call->op;
    const mb_parameter *parameter = &call->parameter_list[op->params.update.parameter];
    convolution c = convolution_of(call, &mb_in(op, convolve_update, x).shape,
                                   &mb_in(op, convolve_update, dy).shape);
    mb_adam adam = MB_NAME(adam_of)(call);
    mb_cpu_range inputs = mb_cpu_range_of(call, c.depth, SHARE_DEPTH);
    for (int32_t i = (int32_t)inputs.first; i < inputs.end; i += TILE_DEPTH)
        for (int32_t o = 0; o < c.outputs; o += TILE_OUTPUTS) {
            gradient_block block = {i, at_most((int32_t)inputs.end - i, TILE_DEPTH), o,
                                    at_most(c.outputs - o, TILE_OUTPUTS)};
            filter_gradient(call, &c, block, tile, block.columns);
            int64_t at = parameter->offset + (int64_t)i * c.outputs + o;
            for (int32_t r = 0; r < block.rows; r++, at += c.outputs)
                mb_adam_step(&adam, block.columns, tile + r * block.columns, call->parameters + at,
                             call->first_moments + at, call->second_moments + at);
        }
}

// Sinusoidal position encoding, x (B, T, D) -> y (B, T, D). The position of step t is t + 1, or 0
// where x[b,t,0] is exactly 0 (a padded frame). With half = D / 2 and w_i = exp(-i * ln(10000) /
// (half - 1)):
//   y[i] = sin(position * w_i), y[half + i] = cos(position * w_i)
// At position 0 all of y is 0, and so is the last column of an odd D. Assigns.
MB_KERNEL(positions) {
    const mb_shape *shape = &call->op->outputs[0].shape;
    int32_t steps = shape->dims[1], width = shape->dims[2], half = width / 2;
    float rate = (float)(log(10000.0) / (half - 1));
    for (int32_t t = 0; t < steps; t++) {
        const float *known = NULL; // y of the first row in which step t is not padding
        for (int32_t b = 0; b < call->rows; b++) {
            int64_t at = ((int64_t)b * steps + t) * width;
            float *y = call->outputs[0] + at;
            if (call->inputs[0][at] == 0.0f) {
                memset(y, 0, (size_t)width * sizeof *y);
                continue;
            }
            if (known != NULL) {
                memcpy(y, known, (size_t)width * sizeof *y);
                continue;
            }
            known = y;
            y[width - 1] = 0.0f;
            for (int32_t i = 0; i < half; i++) {
                float angle = (float)(t + 1) * expf((float)i * -rate);
                y[i] = sinf(angle);
                y[half + i] = cosf(angle);
            }
        }
    }
}
