// Adam (Kingma and Ba, 2015) with coupled weight decay, after clipping by value:
//   g = clamp(g, -clip, clip) + weight_decay * w
//   m = 0.9 m + 0.1 g;  v = 0.999 v + 0.001 g^2
//   w = w - lr / (1 - 0.9^s) * m / (sqrt(v) / sqrt(1 - 0.999^s) + 1e-8),  s = 1, 2, ...
// The gradient g has the shape of the weight w; m and v are its moments. Updates w, m and v in
// place.
#include "cpu/isa/optim.h"

#include "cpu/isa/gemm.h"

mb_adam MB_NAME(adam_of)(const mb_cpu_call *call) {
    double s = (double)call->training_step + 1.0;
    return (mb_adam){
        .clip = call->slots[MB_SLOT_GRAD_CLIP],
        .weight_decay = call->slots[MB_SLOT_WEIGHT_DECAY],
        .step_size =
            (float)((double)call->slots[MB_SLOT_LEARNING_RATE] / (1.0 - pow(MB_ADAM_BETA1, s))),
        .root_scale = (float)(1.0 / sqrt(1.0 - pow(MB_ADAM_BETA2, s))),
    };
}

// Updates a parameter from its stored gradient.
MB_KERNEL(adam) {
    enum { LINE = 16 };
    const mb_parameter *parameter = &call->parameter_list[call->op->params.update.parameter];
    mb_adam adam = MB_NAME(adam_of)(call);
    mb_cpu_range weights = mb_cpu_range_of(call, mb_shape_elements(&parameter->shape, 0), LINE);
    int64_t at = parameter->offset + weights.first;
    mb_adam_step(&adam, weights.end - weights.first, call->inputs[0] + weights.first,
                 call->parameters + at, call->first_moments + at, call->second_moments + at);
}

void MB_NAME(adam_block)(const mb_adam *adam, const mb_cpu_call *call, int64_t at, int32_t outputs,
                         int32_t rows, int32_t columns, const float *block) {
    int32_t runs = columns == outputs ? 1 : rows; // whole rows of W are contiguous
    int64_t length = (int64_t)rows * columns / runs;
    for (int32_t r = 0; r < runs; r++, at += outputs)
        mb_adam_step(adam, length, block + r * length, call->parameters + at,
                     call->first_moments + at, call->second_moments + at);
}

// Prefetches the weights of a block and their moments into L2.
static void fetch_block(const mb_cpu_call *call, int64_t at, int32_t row, int32_t rows,
                        int32_t columns) {
    for (int32_t r = 0; r < rows; r++, at += row)
        for (int32_t o = 0; o < columns; o += 16) {
            __builtin_prefetch(call->parameters + at + o, 1, 2);
            __builtin_prefetch(call->first_moments + at + o, 1, 2);
            __builtin_prefetch(call->second_moments + at + o, 1, 2);
        }
}

// Updates W with the gradient dW (M, N) = A (M, K) B (K, N), a block at a time: Adam uses a block
// of dW while it is in L2. W begins at offset `weight` of the parameters; its rows are `row` floats
// apart.
static void product_update(const mb_cpu_call *call, int64_t weight, int32_t row, int32_t m,
                           int32_t n, int32_t k, mb_matrix a, mb_matrix b) {
    enum { BLOCK_INPUTS = 192, BLOCK_OUTPUTS = 128, UNIT = 16 };
    _Alignas(64) float block[BLOCK_INPUTS * BLOCK_OUTPUTS];
    mb_adam adam = MB_NAME(adam_of)(call);
    mb_cpu_range inputs = mb_cpu_range_of(call, m, UNIT);
    for (int32_t i = (int32_t)inputs.first; i < inputs.end && !mb_stopped(call->stop);
         i += BLOCK_INPUTS) {
        int32_t rows = inputs.end - i < BLOCK_INPUTS ? (int32_t)inputs.end - i : BLOCK_INPUTS;
        for (int32_t o = 0; o < n; o += BLOCK_OUTPUTS) {
            int32_t columns = n - o < BLOCK_OUTPUTS ? n - o : BLOCK_OUTPUTS;
            mb_matrix left = {a.values + i * a.row, a.row, a.column};
            mb_matrix right = {b.values + o * b.column, b.row, b.column};
            fetch_block(call, weight + (int64_t)i * row + o, row, rows, columns);
            MB_NAME(gemm)(call->stop, rows, columns, k, left, right, block, columns, 0);
            MB_NAME(adam_block)
            (&adam, call, weight + (int64_t)i * row + o, row, rows, columns, block);
        }
    }
}

static const mb_parameter *updated(const mb_cpu_call *call) {
    return &call->parameter_list[call->op->params.update.parameter];
}

// dW (I, O) = x^T dy; each pair of inputs (x, dy) updates the next O columns of W.
MB_KERNEL(linear_update) {
    const mb_parameter *parameter = updated(call);
    int64_t at = parameter->offset;
    for (int32_t k = 0; k < mb_group_count(call->op, linear_update); k++) {
        const mb_operand *x = &mb_in_group(call->op, linear_update, x, k);
        const mb_operand *dy = &mb_in_group(call->op, linear_update, dy, k);
        int32_t inputs = mb_width(x), outputs = mb_width(dy);
        product_update(call, at, parameter->shape.dims[0], inputs, outputs,
                       (int32_t)mb_vectors(call, x),
                       (mb_matrix){mb_in_group(call, linear_update, x, k), 1, inputs},
                       (mb_matrix){mb_in_group(call, linear_update, dy, k), outputs, 1});
        at += outputs;
    }
}

// dF[k] (I, O) = x^T dy[:, k]
MB_KERNEL(rank_linear_update) {
    const mb_shape *dy = &mb_in(call->op, rank_linear_update, dy).shape; // (B, K, O)
    int32_t inputs = mb_width(&mb_in(call->op, rank_linear_update, x));
    int32_t ranks = dy->dims[1];
    int32_t outputs = dy->dims[2];
    int64_t factor = updated(call)->offset;
    for (int32_t k = 0; k < ranks; k++)
        product_update(call, factor + (int64_t)k * inputs * outputs, outputs, inputs, outputs,
                       call->rows, (mb_matrix){mb_in(call, rank_linear_update, x), 1, inputs},
                       (mb_matrix){mb_in(call, rank_linear_update, dy) + (int64_t)k * outputs,
                                   (int64_t)ranks * outputs, 1});
}
