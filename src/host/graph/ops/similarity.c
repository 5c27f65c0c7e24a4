// Unit vectors, and losses of their inner products.
#include "graph/backward.h"
#include "graph/construct.h"

mb_tensor mb_unit_rows(mb_graph *graph, mb_tensor x, mb_unit_rule rule) {
    if (!mb_given(graph, &x, 1))
        return MB_NO_TENSOR;
    mb_shape shape = *mb_graph_shape(graph, x), inverse = shape;
    inverse.dims[inverse.count - 1] = 1;
    mb_op_params params = {.unit_rows = {.epsilon = (float)rule.epsilon,
                                         .constant_norm = rule.constant_norm,
                                         .keep_zero = rule.keep_zero}};
    mb_tensor outputs[MB_MAX_OUTPUTS];
    mb_graph_add(graph, MB_OP_UNIT_ROWS, params, &x, 1, (mb_shape[]){shape, inverse}, outputs);
    return outputs[MB_OUTPUT(unit_rows, y)];
}

void mb_gradient_unit_rows(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_tensor inputs[] = {dy[MB_OUTPUT(unit_rows, y)], mb_out(node, unit_rows, y),
                          mb_out(node, unit_rows, inverse)};
    mb_backward_contribute_op(pass, node->inputs[0], MB_OP_UNIT_ROWS_GRAD, node->params, inputs, 3);
}

mb_tensor mb_contrastive(mb_graph *graph, mb_tensor x, mb_tensor q) {
    mb_tensor inputs[] = {x, q}, outputs[MB_MAX_OUTPUTS];
    if (!mb_given(graph, inputs, 2))
        return MB_NO_TENSOR;
    const mb_shape *shape = mb_graph_shape(graph, x);
    if (shape->count != 2 || shape->dims[0] != MB_ROWS ||
        !mb_shape_equal(shape, mb_graph_shape(graph, q)))
        return mb_refuse(graph, MB_OP_CONTRASTIVE, "x (B, D), q (B, D)", inputs, 2);
    mb_shape shapes[] = {{1, {1}}, {2, {MB_ROWS, MB_ROWS}}};
    mb_graph_add(graph, MB_OP_CONTRASTIVE, mb_no_params, inputs, 2, shapes, outputs);
    return outputs[MB_OUTPUT(contrastive, loss)];
}

void mb_gradient_contrastive(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_tensor x = mb_in(node, contrastive, x);
    mb_tensor q = mb_in(node, contrastive, q);
    mb_tensor probabilities = mb_out(node, contrastive, probabilities);
    mb_tensor inputs[] = {x, q, probabilities, dy[MB_OUTPUT(contrastive, loss)]},
              outputs[MB_MAX_OUTPUTS];
    mb_shape shape = mb_backward_shape(pass, x);
    mb_shape shapes[] = {shape, shape, mb_backward_shape(pass, probabilities)};
    mb_graph_add(pass->graph, MB_OP_CONTRASTIVE_GRAD, mb_no_params, inputs, 4, shapes, outputs);
    if (mb_backward_wants(pass, x))
        mb_backward_contribute(pass, x, outputs[MB_OUTPUT(contrastive_grad, dx)]);
    if (mb_backward_wants(pass, q))
        mb_backward_contribute(pass, q, outputs[MB_OUTPUT(contrastive_grad, dq)]);
}
