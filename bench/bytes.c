#include "bytes.h"

static int64_t floats_of(const mb_plan *plan, const mb_operand *operand) {
    return mb_shape_elements(&operand->shape, plan->info.max_rows);
}

// The number of outputs, at the end of the list, that are workspaces.
static int32_t workspaces_of(mb_op op) {
    switch (op) {
    case MB_OP_SOURCE_LINEAR:
    case MB_OP_SOURCE_LINEAR_UPDATE:
        return 2;
    case MB_OP_OUTER_LINEAR:
    case MB_OP_OUTER_LINEAR_GRAD_INPUTS:
    case MB_OP_GATED_MEMORY_GRAD:
    case MB_OP_LSTM_GRAD:
    case MB_OP_CONTRASTIVE_GRAD:
    case MB_OP_OVERLAP_GRAD:
        return 1;
    default:
        return 0;
    }
}

// Whether an op is a first layer whose sums come from the update of the previous step.
static bool takes_sums(const mb_plan *plan, const mb_plan_op *op) {
    return op->kind == MB_OP_SOURCE_LINEAR && plan->info.trains;
}

// Floats that an op reads from its input i.
static int64_t floats_read(const mb_plan *plan, const mb_plan_op *op, int32_t i) {
    const mb_operand *input = &op->inputs[i];
    for (int32_t k = 0; k < i; k++) // an operand that is given twice is read once
        if (op->inputs[k].space == input->space && op->inputs[k].offset == input->offset)
            return 0;
    switch (op->kind) {
    case MB_OP_SLICE:
    case MB_OP_LAST_STEP:
        return floats_of(plan, &op->outputs[0]);
    case MB_OP_SCALED_CONCAT_GRAD_INPUT:
        return i == MB_INPUT(scaled_concat_grad_input, dy) ? floats_of(plan, &op->outputs[0])
                                                           : floats_of(plan, input);
    case MB_OP_LINEAR_GRAD_INPUT: { // of W, only the outputs that belong to the blocks dy
        int64_t outputs = 0;
        for (int32_t k = 0; k < mb_last_count(op, linear_grad_input, dy); k++)
            outputs += mb_shape_last(&mb_in_last(op, linear_grad_input, dy, k).shape);
        return i == MB_INPUT(linear_grad_input, weight)
                   ? outputs * mb_shape_last(&op->outputs[0].shape)
                   : floats_of(plan, input);
    }
    case MB_OP_IDLE_WEIGHTS:
        return i == MB_INPUT(idle_weights, x) ? floats_of(plan, input) : 0;
    case MB_OP_SOURCE_LINEAR:
        return i == MB_INPUT(source_linear, weight) && takes_sums(plan, op)
                   ? 0
                   : floats_of(plan, input);
    default:
        return floats_of(plan, input);
    }
}

// Floats that an op reads from the dataset.
static int64_t features_read(const mb_plan *plan, const mb_plan_op *op) {
    int64_t rows = plan->info.max_rows;
    switch (op->kind) {
    case MB_OP_GATHER:
    case MB_OP_LABELS:
        return floats_of(plan, &op->outputs[0]);
    case MB_OP_SOURCE_LINEAR: // W (O, I)
        return takes_sums(plan, op) ? 0
                                    : rows * mb_shape_last(&mb_in(op, source_linear, weight).shape);
    case MB_OP_SOURCE_LINEAR_UPDATE: // x (2, B, I)
        return 2 * rows * mb_shape_last(&mb_out(op, source_linear_update, x_buffer).shape);
    default:
        return 0;
    }
}

// Floats of the sums (B, O) that a first layer reads or its update writes; as many as those of y or
// dy.
static int64_t sums_passed(const mb_plan *plan, const mb_plan_op *op) {
    if (takes_sums(plan, op))
        return floats_of(plan, &mb_out(op, source_linear, y));
    return op->kind == MB_OP_SOURCE_LINEAR_UPDATE ? floats_of(plan, &op->inputs[0]) : 0;
}

bool mb_bench_op_updates(const mb_plan_op *op) {
    return op->output_count == 0 || op->kind == MB_OP_SOURCE_LINEAR_UPDATE;
}

static int64_t weights_stepped(const mb_plan *plan, const mb_plan_op *op) {
    return mb_bench_op_updates(op)
               ? mb_shape_elements(&plan->parameters[op->params.update.parameter].shape, 0)
               : 0;
}

int64_t mb_bench_op_bytes(const mb_plan *plan, const mb_plan_op *op) {
    int64_t floats = features_read(plan, op) + sums_passed(plan, op);
    for (int32_t i = 0; i < op->input_count; i++)
        floats += floats_read(plan, op, i);
    for (int32_t i = 0; i < op->output_count - workspaces_of(op->kind); i++)
        floats += floats_of(plan, &op->outputs[i]);
    return 4 * floats + 24 * weights_stepped(plan, op);
}

int64_t mb_bench_op_products(const mb_plan *plan, const mb_plan_op *op) {
    if (takes_sums(plan, op))
        return 0;
    return op->multiply_accumulates * (op->kind == MB_OP_SOURCE_LINEAR_UPDATE ? 2 : 1);
}
