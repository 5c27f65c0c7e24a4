// Linear maps of several ranks, and weighted sums over the ranks.
#include "graph/backward.h"
#include "graph/construct.h"

mb_tensor mb_rank_linear(mb_graph *graph, mb_tensor x, mb_tensor factor) {
    mb_tensor inputs[] = {x, factor};
    if (!mb_given(graph, inputs, 2))
        return MB_NO_TENSOR;
    const mb_shape *xs = mb_graph_shape(graph, x), *fs = mb_graph_shape(graph, factor);
    if (xs->count != 2 || fs->count != 3 || xs->dims[1] != fs->dims[1])
        return mb_refuse(graph, MB_OP_RANK_LINEAR, "x (B, I), F (K, I, O)", inputs, 2);
    mb_shape shape = {3, {xs->dims[0], fs->dims[0], fs->dims[2]}};
    return mb_graph_add_one(graph, MB_OP_RANK_LINEAR, mb_no_params, inputs, 2, shape);
}

// The product with F is recorded first, because the update of F may overwrite it.
void mb_gradient_rank_linear(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_tensor x = mb_in(node, rank_linear, x), factor = mb_in(node, rank_linear, factor);
    mb_tensor for_input[] = {dy[0], factor}, for_factor[] = {x, dy[0]};
    mb_backward_contribute_op(pass, x, MB_OP_RANK_LINEAR_GRAD_INPUT, mb_no_params, for_input, 2);
    mb_backward_contribute_op(pass, factor, MB_OP_RANK_LINEAR_GRAD_WEIGHT, mb_no_params, for_factor,
                              2);
}

mb_tensor mb_weighted_sum(mb_graph *graph, mb_tensor weights, mb_tensor values, mb_tensor bias) {
    mb_tensor inputs[] = {weights, values, bias};
    if (!mb_given(graph, inputs, 3))
        return MB_NO_TENSOR;
    const mb_shape *ws = mb_graph_shape(graph, weights), *us = mb_graph_shape(graph, values);
    const mb_shape *bs = mb_graph_shape(graph, bias);
    if (ws->count != 2 || us->count != 3 || bs->count != 2 || ws->dims[0] != 1 ||
        ws->dims[1] != us->dims[1] || bs->dims[0] != 1 || bs->dims[1] != us->dims[2])
        return mb_refuse(graph, MB_OP_WEIGHTED_SUM, "w (1, K), u (B, K, H), b (1, H)", inputs, 3);
    mb_shape shape = {2, {us->dims[0], us->dims[2]}};
    return mb_graph_add_one(graph, MB_OP_WEIGHTED_SUM, mb_no_params, inputs, 3, shape);
}

void mb_gradient_weighted_sum(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_tensor weights = mb_in(node, weighted_sum, weights);
    mb_tensor values = mb_in(node, weighted_sum, values);
    mb_tensor for_weights[] = {dy[0], values}, for_values[] = {dy[0], weights};
    mb_backward_contribute_op(pass, weights, MB_OP_WEIGHTED_SUM_GRAD_WEIGHTS, mb_no_params,
                              for_weights, 2);
    mb_backward_contribute_op(pass, values, MB_OP_WEIGHTED_SUM_GRAD_VALUES, mb_no_params,
                              for_values, 2);
    mb_backward_contribute_op(pass, mb_in(node, weighted_sum, bias), MB_OP_LINEAR_GRAD_BIAS,
                              mb_no_params, dy, 1);
}
