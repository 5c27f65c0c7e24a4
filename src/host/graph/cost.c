// The cost rules that ops.def names: the multiply-accumulates of an op, for a batch of `rows` rows.
#include "graph/cost.h"

static int64_t elements(const mb_operand *operand, int32_t rows) {
    return mb_shape_elements(&operand->shape, rows);
}

static int64_t vectors(const mb_operand *operand, int32_t rows) {
    return mb_shape_vectors(&operand->shape, rows);
}

static int64_t width(const mb_operand *operand) {
    return mb_shape_last(&operand->shape);
}

// The op moves numbers, or computes each from a few others.
static int64_t no_products(const mb_plan_op *op, int32_t rows) {
    (void)op;
    (void)rows;
    return 0;
}

// ---- linear maps ------------------------------------------------------------------------------

static int64_t linear(const mb_plan_op *op, int32_t rows) {
    return vectors(&mb_in(op, linear, x), rows) * elements(&mb_in(op, linear, weight), rows);
}

static int64_t linear_thirds(const mb_plan_op *op, int32_t rows) {
    int64_t outputs = width(&mb_out(op, linear_thirds, y1));
    return outputs * (elements(&mb_in(op, linear_thirds, x1), rows) +
                      elements(&mb_in(op, linear_thirds, x2), rows) +
                      elements(&mb_in(op, linear_thirds, x3), rows));
}

static int64_t linear_grad_input(const mb_plan_op *op, int32_t rows) {
    int64_t cost = 0;
    for (int32_t k = 0; k < mb_last_count(op, linear_grad_input, dy); k++)
        cost += elements(&mb_in_last(op, linear_grad_input, dy, k), rows) *
                width(&mb_out(op, linear_grad_input, dx));
    return cost;
}

static int64_t linear_grad_weight(const mb_plan_op *op, int32_t rows) {
    int64_t cost = 0;
    for (int32_t k = 0; k < mb_group_count(op, linear_grad_weight); k++)
        cost += elements(&mb_in_group(op, linear_grad_weight, x, k), rows) *
                width(&mb_in_group(op, linear_grad_weight, dy, k));
    return cost;
}

static int64_t source_linear(const mb_plan_op *op, int32_t rows) {
    return rows * elements(&mb_in(op, source_linear, weight), rows);
}

// The x_buffer is as wide as x.
static int64_t source_linear_update(const mb_plan_op *op, int32_t rows) {
    return elements(&mb_in(op, source_linear_update, dy), rows) *
           width(&mb_out(op, source_linear_update, x_buffer));
}

static int64_t rank_linear(const mb_plan_op *op, int32_t rows) {
    return rows * elements(&mb_in(op, rank_linear, factor), rows);
}

static int64_t rank_linear_grad_input(const mb_plan_op *op, int32_t rows) {
    return rows * elements(&mb_in(op, rank_linear_grad_input, factor), rows);
}

static int64_t rank_linear_grad_weight(const mb_plan_op *op, int32_t rows) {
    return width(&mb_in(op, rank_linear_grad_weight, x)) *
           elements(&mb_in(op, rank_linear_grad_weight, dy), rows);
}

static int64_t outer_linear(const mb_plan_op *op, int32_t rows) {
    return rows * elements(&mb_in(op, outer_linear, weight), rows);
}

static int64_t outer_linear_grad_inputs(const mb_plan_op *op, int32_t rows) {
    return rows * elements(&mb_in(op, outer_linear_grad_inputs, weight), rows);
}

static int64_t outer_linear_grad_weight(const mb_plan_op *op, int32_t rows) {
    return elements(&mb_in(op, outer_linear_grad_weight, a), rows) *
           width(&mb_in(op, outer_linear_grad_weight, v)) *
           width(&mb_in(op, outer_linear_grad_weight, l)) *
           width(&mb_in(op, outer_linear_grad_weight, dy));
}

// ---- sums of weighted vectors -----------------------------------------------------------------

static int64_t mix(const mb_plan_op *op, int32_t rows) {
    return elements(&mb_in(op, mix, values), rows);
}

static int64_t mix_grad_weights(const mb_plan_op *op, int32_t rows) {
    return elements(&mb_in(op, mix_grad_weights, values), rows);
}

static int64_t weighted_sum(const mb_plan_op *op, int32_t rows) {
    return elements(&mb_in(op, weighted_sum, values), rows);
}

static int64_t weighted_sum_grad_weights(const mb_plan_op *op, int32_t rows) {
    return elements(&mb_in(op, weighted_sum_grad_weights, values), rows);
}

// ---- sequences --------------------------------------------------------------------------------

// Every element of a query is multiplied with all keys.
static int64_t attention_scores(const mb_plan_op *op, int32_t rows) {
    return elements(&mb_in(op, attention_scores, queries), rows) *
           mb_in(op, attention_scores, keys).shape.dims[1];
}

// Every weight (B, N, Lq, Lk) is multiplied with D / N values.
static int64_t attention_apply(const mb_plan_op *op, int32_t rows) {
    const mb_operand *weights = &mb_in(op, attention_apply, weights);
    return elements(weights, rows) *
           (width(&mb_in(op, attention_apply, values)) / weights->shape.dims[1]);
}

static int64_t attention_apply_transposed(const mb_plan_op *op, int32_t rows) {
    const mb_operand *weights = &mb_in(op, attention_apply_transposed, weights);
    return elements(weights, rows) *
           (width(&mb_in(op, attention_apply_transposed, values)) / weights->shape.dims[1]);
}

// Every vector of y takes the whole filter.
static int64_t convolve(const mb_plan_op *op, int32_t rows) {
    return vectors(&mb_out(op, convolve, y), rows) * elements(&mb_in(op, convolve, filter), rows);
}

static int64_t convolve_grad_input(const mb_plan_op *op, int32_t rows) {
    return vectors(&mb_in(op, convolve_grad_input, dy), rows) *
           elements(&mb_in(op, convolve_grad_input, filter), rows);
}

// Every vector of dy is multiplied with as many vectors of x as the filter is wide.
static int64_t convolve_grad_weight(const mb_plan_op *op, int32_t rows) {
    const mb_operand *x = &mb_in(op, convolve_grad_weight, x);
    const mb_operand *dy = &mb_in(op, convolve_grad_weight, dy);
    int64_t filter_width = x->shape.dims[1] - dy->shape.dims[1] + 1;
    return elements(dy, rows) * filter_width * width(x);
}

static int64_t lstm(const mb_plan_op *op, int32_t rows) {
    return vectors(&mb_in(op, lstm, z), rows) * elements(&mb_in(op, lstm, weight), rows);
}

static int64_t lstm_grad(const mb_plan_op *op, int32_t rows) {
    return vectors(&mb_in(op, lstm_grad, cell), rows) *
           elements(&mb_in(op, lstm_grad, weight), rows);
}

// Every weight is used once for each row and step.
static int64_t gated_memory(const mb_plan_op *op, int32_t rows) {
    return vectors(&mb_in(op, gated_memory, candidate), rows) *
           (elements(&mb_in(op, gated_memory, w_1), rows) +
            elements(&mb_in(op, gated_memory, v_1), rows) +
            elements(&mb_in(op, gated_memory, w_2), rows) +
            elements(&mb_in(op, gated_memory, v_2), rows));
}

static int64_t gated_memory_grad(const mb_plan_op *op, int32_t rows) {
    return vectors(&mb_in(op, gated_memory_grad, candidate), rows) *
           (elements(&mb_in(op, gated_memory_grad, w_1), rows) +
            elements(&mb_in(op, gated_memory_grad, v_1), rows) +
            elements(&mb_in(op, gated_memory_grad, w_2), rows) +
            elements(&mb_in(op, gated_memory_grad, v_2), rows));
}

// Products of both cells, which read `seen` numbers, products with the attention weight, and
// `products` products of queries with keys or values.
static int64_t decoder_products(const mb_operand *x, int64_t seen, const mb_operand *alpha,
                                int64_t products, int32_t rows) {
    int64_t h = width(x);
    return vectors(x, rows) * (2 * 4 * h * seen + 2 * h * h) + elements(alpha, rows) * products * h;
}

static int64_t attention_decoder(const mb_plan_op *op, int32_t rows) {
    const mb_operand *x = &mb_in(op, attention_decoder, x);
    int64_t seen = width(&mb_in(op, attention_decoder, y)) + width(x);
    return decoder_products(x, seen, &mb_out(op, attention_decoder, alpha), 2, rows);
}

// The backward pass omits the columns of the cells that read y.
static int64_t attention_decoder_grad(const mb_plan_op *op, int32_t rows) {
    const mb_operand *x = &mb_in(op, attention_decoder_grad, x);
    return decoder_products(x, width(x), &mb_in(op, attention_decoder_grad, alpha), 4, rows);
}

// ---- rows against rows ------------------------------------------------------------------------

// Three values of k(x, y) for each pair of rows; two in the gradient.
static int64_t mean_discrepancy(const mb_plan_op *op, int32_t rows) {
    return 3 * rows * elements(&mb_in(op, mean_discrepancy, a), rows);
}

static int64_t mean_discrepancy_grad(const mb_plan_op *op, int32_t rows) {
    return 2 * rows * elements(&mb_in(op, mean_discrepancy_grad, a), rows);
}

static int64_t contrastive(const mb_plan_op *op, int32_t rows) {
    return rows * elements(&mb_in(op, contrastive, x), rows);
}

static int64_t contrastive_grad(const mb_plan_op *op, int32_t rows) {
    return 2 * rows * elements(&mb_in(op, contrastive_grad, x), rows);
}

static int64_t overlap(const mb_plan_op *op, int32_t rows) {
    return rows * elements(&mb_in(op, overlap, u), rows);
}

static int64_t overlap_grad(const mb_plan_op *op, int32_t rows) {
    return rows * elements(&mb_in(op, overlap_grad, u), rows);
}

// -----------------------------------------------------------------------------------------------

static int64_t (*const rules[MB_OP_COUNT])(const mb_plan_op *, int32_t) = {
#define MB_OP(NAME, name, gradient, cost, ...) [MB_OP_##NAME] = cost,
#include "graph/ops.def"
#undef MB_OP
};

int64_t mb_plan_op_cost(const mb_plan_op *op, int32_t rows) {
    return rules[op->kind](op, rows);
}
