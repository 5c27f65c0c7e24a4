// Losses: of the heads, and between other tensors.
#include "graph/backward.h"
#include "graph/construct.h"

static mb_tensor loss(mb_graph *graph, mb_op op, mb_tensor outputs, mb_tensor labels) {
    mb_tensor inputs[] = {outputs, labels};
    if (!mb_given(graph, inputs, 2))
        return MB_NO_TENSOR;
    const mb_shape *os = mb_graph_shape(graph, outputs), *ls = mb_graph_shape(graph, labels);
    bool fits = os->count == 2 && ls->count == 1 && os->dims[0] == ls->dims[0];
    if (op == MB_OP_MEAN_SQUARED_ERROR)
        fits = fits && os->dims[1] == 1;
    if (!fits)
        return mb_refuse(graph, op, "outputs (B, C), labels (B)", inputs, 2);
    return mb_graph_add_one(graph, op, mb_no_params, inputs, 2, (mb_shape){1, {1}});
}

mb_tensor mb_cross_entropy(mb_graph *graph, mb_tensor logits, mb_tensor emotions) {
    return loss(graph, MB_OP_CROSS_ENTROPY, logits, emotions);
}

mb_tensor mb_mean_squared_error(mb_graph *graph, mb_tensor values, mb_tensor valences) {
    return loss(graph, MB_OP_MEAN_SQUARED_ERROR, values, valences);
}

mb_tensor mb_gaussian_bound(mb_graph *graph, mb_tensor mu, mb_tensor y, mb_tensor logvar,
                            bool logvar_term) {
    mb_tensor inputs[] = {mu, y, logvar};
    if (!mb_given(graph, inputs, 3))
        return MB_NO_TENSOR;
    const mb_shape *shape = mb_graph_shape(graph, mu);
    if (shape->count != 2 || !mb_shape_equal(shape, mb_graph_shape(graph, y)) ||
        !mb_shape_equal(shape, mb_graph_shape(graph, logvar)))
        return mb_refuse(graph, MB_OP_GAUSSIAN_BOUND, "mu, y, logvar (B, D)", inputs, 3);
    mb_op_params params = {.gaussian_bound = {logvar_term}};
    return mb_graph_add_one(graph, MB_OP_GAUSSIAN_BOUND, params, inputs, 3, (mb_shape){1, {1}});
}

void mb_gradient_gaussian_bound(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_tensor inputs[] = {mb_in(node, gaussian_bound, mu), mb_in(node, gaussian_bound, y),
                          mb_in(node, gaussian_bound, logvar), dy[0]};
    mb_tensor outputs[MB_MAX_OUTPUTS];
    mb_shape shape = mb_backward_shape(pass, inputs[0]), shapes[] = {shape, shape, shape};
    mb_graph_add(pass->graph, MB_OP_GAUSSIAN_BOUND_GRAD, node->params, inputs, 4, shapes, outputs);
    for (int32_t i = 0; i < 3; i++)
        if (mb_backward_wants(pass, inputs[i]))
            mb_backward_contribute(pass, inputs[i],
                                   outputs[i]); // outputs are in the order of inputs
}

void mb_gradient_cross_entropy(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_tensor logits = mb_in(node, cross_entropy, logits);
    mb_tensor inputs[] = {logits, mb_in(node, cross_entropy, emotions), dy[0]};
    mb_backward_contribute_op(pass, logits, MB_OP_CROSS_ENTROPY_GRAD, mb_no_params, inputs, 3);
}

void mb_gradient_mean_squared_error(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_tensor values = mb_in(node, mean_squared_error, values);
    mb_tensor inputs[] = {values, mb_in(node, mean_squared_error, valences), dy[0]};
    mb_backward_contribute_op(pass, values, MB_OP_MEAN_SQUARED_ERROR_GRAD, mb_no_params, inputs, 3);
}

mb_tensor mb_mean_squared_difference(mb_graph *graph, mb_tensor a, mb_tensor b) {
    mb_tensor inputs[] = {a, b};
    if (!mb_given(graph, inputs, 2))
        return MB_NO_TENSOR;
    if (!mb_shape_equal(mb_graph_shape(graph, a), mb_graph_shape(graph, b)))
        return mb_refuse(graph, MB_OP_MEAN_SQUARED_DIFFERENCE, "equal shapes", inputs, 2);
    return mb_graph_add_one(graph, MB_OP_MEAN_SQUARED_DIFFERENCE, mb_no_params, inputs, 2,
                            (mb_shape){1, {1}});
}

void mb_gradient_mean_squared_difference(mb_backward *pass, const mb_node *node,
                                         const mb_tensor *dy) {
    mb_op op = MB_OP_MEAN_SQUARED_DIFFERENCE_GRAD;
    mb_tensor a = mb_in(node, mean_squared_difference, a);
    mb_tensor b = mb_in(node, mean_squared_difference, b);
    mb_tensor for_a[] = {a, b, dy[0]}, for_b[] = {b, a, dy[0]};
    mb_backward_contribute_op(pass, a, op, mb_no_params, for_a, 3);
    mb_backward_contribute_op(pass, b, op, mb_no_params, for_b, 3);
}

mb_tensor mb_mean_discrepancy(mb_graph *graph, mb_tensor a, mb_tensor b) {
    mb_tensor inputs[] = {a, b};
    if (!mb_given(graph, inputs, 2))
        return MB_NO_TENSOR;
    if (mb_graph_shape(graph, a)->count != 2 ||
        !mb_shape_equal(mb_graph_shape(graph, a), mb_graph_shape(graph, b)))
        return mb_refuse(graph, MB_OP_MEAN_DISCREPANCY, "a (B, D), b (B, D)", inputs, 2);
    if (graph->tensors[b].needs_gradient)
        return mb_refuse(graph, MB_OP_MEAN_DISCREPANCY, "a second tensor without a gradient",
                         inputs, 2);
    return mb_graph_add_one(graph, MB_OP_MEAN_DISCREPANCY, mb_no_params, inputs, 2,
                            (mb_shape){1, {1}});
}

void mb_gradient_mean_discrepancy(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_tensor inputs[] = {mb_in(node, mean_discrepancy, a), mb_in(node, mean_discrepancy, b),
                          dy[0]};
    mb_backward_contribute_op(pass, mb_in(node, mean_discrepancy, a), MB_OP_MEAN_DISCREPANCY_GRAD,
                              mb_no_params, inputs, 3);
}
