// Layer normalisation.
#include "graph/backward.h"
#include "graph/construct.h"

// The statistics: mean and 1 / standard deviation of every vector of x.
static mb_shape statistics_shape(mb_shape x) {
    x.dims[x.count - 1] = 2;
    return x;
}

mb_tensor mb_layer_norm(mb_graph *graph, mb_tensor x, mb_tensor weight, mb_tensor bias) {
    mb_tensor inputs[] = {x, weight, bias};
    if (!mb_given(graph, inputs, 3))
        return MB_NO_TENSOR;
    const mb_shape *xs = mb_graph_shape(graph, x), *ws = mb_graph_shape(graph, weight);
    const mb_shape *bs = mb_graph_shape(graph, bias);
    if (xs->count < 2 || ws->count != 1 || ws->dims[0] != mb_shape_last(xs) ||
        !mb_shape_equal(ws, bs))
        return mb_refuse(graph, MB_OP_LAYER_NORM, "x (..., D), w (D), b (D)", inputs, 3);
    mb_shape shapes[] = {*xs, statistics_shape(*xs)};
    mb_tensor outputs[MB_MAX_OUTPUTS];
    mb_graph_add(graph, MB_OP_LAYER_NORM, mb_no_params, inputs, 3, shapes, outputs);
    return outputs[MB_OUTPUT(layer_norm, y)];
}

// The rest of a graph reads y alone, not the statistics.
void mb_gradient_layer_norm(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_tensor x = mb_in(node, layer_norm, x);
    mb_tensor weight = mb_in(node, layer_norm, weight);
    mb_tensor bias = mb_in(node, layer_norm, bias);
    mb_tensor statistics = mb_out(node, layer_norm, statistics);
    mb_tensor gradient = dy[MB_OUTPUT(layer_norm, y)];
    mb_tensor for_x[] = {gradient, x, statistics, weight}, for_weight[] = {gradient, x, statistics};
    mb_backward_contribute_op(pass, x, MB_OP_LAYER_NORM_GRAD, mb_no_params, for_x, 4);
    mb_backward_contribute_op(pass, weight, MB_OP_LAYER_NORM_GRAD_WEIGHT, mb_no_params, for_weight,
                              3);
    mb_backward_contribute_op(pass, bias, MB_OP_LINEAR_GRAD_BIAS, mb_no_params, &gradient, 1);
}
