// Linear maps, and weighted sums of the modalities.
#include "graph/backward.h"
#include "graph/construct.h"

mb_tensor mb_linear(mb_graph *graph, mb_tensor x, mb_tensor weight, mb_tensor bias) {
    mb_tensor inputs[] = {x, weight, bias};
    int32_t count = bias == MB_NO_TENSOR ? 2 : 3;
    if (!mb_given(graph, inputs, count))
        return MB_NO_TENSOR;
    const mb_shape *xs = mb_graph_shape(graph, x), *ws = mb_graph_shape(graph, weight);
    if (ws->count != 2 || mb_shape_last(xs) != ws->dims[1])
        return mb_refuse(graph, MB_OP_LINEAR, "x (..., I), W (O, I)", inputs, count);
    if (count == 3) {
        const mb_shape *bs = mb_graph_shape(graph, bias);
        if (bs->count != 1 || bs->dims[0] != ws->dims[0])
            return mb_refuse(graph, MB_OP_LINEAR, "x (..., I), W (O, I), b (O)", inputs, count);
    }
    mb_shape shape = *xs;
    shape.dims[shape.count - 1] = ws->dims[0];
    mb_op_params params = {.linear = {.relu = false}};
    return mb_graph_add_one(graph, MB_OP_LINEAR, params, inputs, count, shape);
}

// The product with W comes first: an update of W may follow in place.
void mb_gradient_linear(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_tensor x = node->inputs[0], weight = node->inputs[1];
    mb_tensor for_input[] = {dy[0], weight}, for_weight[] = {x, dy[0]};
    mb_backward_contribute_op(pass, x, MB_OP_LINEAR_GRAD_INPUT, mb_no_params, for_input, 2);
    mb_backward_contribute_op(pass, weight, MB_OP_LINEAR_GRAD_WEIGHT, mb_no_params, for_weight, 2);
    if (node->input_count == 3)
        mb_backward_contribute_op(pass, node->inputs[2], MB_OP_LINEAR_GRAD_BIAS, mb_no_params, dy,
                                  1);
}

mb_tensor mb_mix(mb_graph *graph, mb_tensor weights, mb_tensor values) {
    mb_tensor inputs[] = {weights, values};
    if (!mb_given(graph, inputs, 2))
        return MB_NO_TENSOR;
    const mb_shape *ws = mb_graph_shape(graph, weights), *us = mb_graph_shape(graph, values);
    if (ws->count != 2 || us->count != 2 || ws->dims[0] != us->dims[0] ||
        us->dims[1] % ws->dims[1] != 0)
        return mb_refuse(graph, MB_OP_MIX, "w (B, K), u (B, K*H)", inputs, 2);
    mb_shape shape = {2, {us->dims[0], us->dims[1] / ws->dims[1]}};
    return mb_graph_add_one(graph, MB_OP_MIX, mb_no_params, inputs, 2, shape);
}

void mb_gradient_mix(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_tensor weights = node->inputs[0], values = node->inputs[1];
    mb_tensor for_weights[] = {dy[0], values}, for_values[] = {dy[0], weights};
    mb_backward_contribute_op(pass, weights, MB_OP_MIX_GRAD_WEIGHTS, mb_no_params, for_weights, 2);
    mb_backward_contribute_op(pass, values, MB_OP_MIX_GRAD_VALUES, mb_no_params, for_values, 2);
}
