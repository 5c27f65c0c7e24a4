// Convolution along time, and sinusoidal positions.
#include "graph/backward.h"
#include "graph/construct.h"

mb_tensor mb_convolve(mb_graph *graph, mb_tensor x, mb_tensor filter) {
    mb_tensor inputs[] = {x, filter};
    if (!mb_given(graph, inputs, 2))
        return MB_NO_TENSOR;
    const mb_shape *xs = mb_graph_shape(graph, x), *ws = mb_graph_shape(graph, filter);
    if (xs->count != 3 || ws->count != 3 || xs->dims[2] != ws->dims[1] || xs->dims[1] < ws->dims[2])
        return mb_refuse(graph, MB_OP_CONVOLVE, "x (B, T, I), W (O, I, K) with K <= T", inputs, 2);
    mb_shape shape = {3, {xs->dims[0], xs->dims[1] - ws->dims[2] + 1, ws->dims[0]}};
    return mb_graph_add_one(graph, MB_OP_CONVOLVE, mb_no_params, inputs, 2, shape);
}

// The product with W is recorded first, because the update of W may overwrite it.
void mb_gradient_convolve(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_tensor x = mb_in(node, convolve, x), filter = mb_in(node, convolve, filter);
    mb_tensor for_input[] = {dy[0], filter}, for_filter[] = {x, dy[0]};
    mb_backward_contribute_op(pass, x, MB_OP_CONVOLVE_GRAD_INPUT, mb_no_params, for_input, 2);
    mb_backward_contribute_op(pass, filter, MB_OP_CONVOLVE_GRAD_WEIGHT, mb_no_params, for_filter,
                              2);
}

mb_tensor mb_positions(mb_graph *graph, mb_tensor x) {
    if (!mb_given(graph, &x, 1))
        return MB_NO_TENSOR;
    const mb_shape *xs = mb_graph_shape(graph, x);
    if (xs->count != 3 || xs->dims[2] < 4)
        return mb_refuse(graph, MB_OP_POSITIONS, "x (B, T, D) with D >= 4", &x, 1);
    return mb_same_shape(graph, MB_OP_POSITIONS, mb_no_params, x);
}

// y depends only on whether x is zero: there is no gradient.
void mb_gradient_positions(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    (void)pass;
    (void)node;
    (void)dy;
}
