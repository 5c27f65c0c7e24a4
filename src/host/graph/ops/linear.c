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

// The product with W is recorded first, because the update of W may overwrite it.
void mb_gradient_linear(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_tensor x = mb_in(node, linear, x), weight = mb_in(node, linear, weight);
    mb_tensor for_input[] = {weight, dy[0]}, for_weight[] = {x, dy[0]};
    mb_op_params all = {.linear = {.first_output = 0}};
    mb_backward_contribute_op(pass, x, MB_OP_LINEAR_GRAD_INPUT, all, for_input, 2);
    mb_backward_contribute_op(pass, weight, MB_OP_LINEAR_GRAD_WEIGHT, mb_no_params, for_weight, 2);
    if (mb_has(node, linear, bias))
        mb_backward_contribute_op(pass, mb_in(node, linear, bias), MB_OP_LINEAR_GRAD_BIAS,
                                  mb_no_params, dy, 1);
}

void mb_linear_thirds(mb_graph *graph, const mb_tensor x[3], mb_tensor weight, mb_tensor bias,
                      mb_tensor y[3]) {
    mb_tensor inputs[] = {x[0], x[1], x[2], weight, bias};
    int32_t count = bias == MB_NO_TENSOR ? 4 : 5;
    y[0] = y[1] = y[2] = MB_NO_TENSOR;
    if (!mb_given(graph, inputs, count))
        return;
    const mb_shape *ws = mb_graph_shape(graph, weight);
    bool fits = ws->count == 2 && ws->dims[0] % 3 == 0;
    if (count == 5) {
        const mb_shape *bs = mb_graph_shape(graph, bias);
        fits = fits && bs->count == 1 && bs->dims[0] == ws->dims[0];
    }
    mb_shape shapes[3];
    for (int k = 0; k < 3; k++) {
        shapes[k] = *mb_graph_shape(graph, x[k]);
        fits = fits && mb_shape_last(&shapes[k]) == ws->dims[1];
        shapes[k].dims[shapes[k].count - 1] = ws->dims[0] / 3;
    }
    if (fits)
        mb_graph_add(graph, MB_OP_LINEAR_THIRDS, mb_no_params, inputs, count, shapes, y);
    else
        mb_refuse(graph, MB_OP_LINEAR_THIRDS, "x1, x2, x3 (..., I), W (3O, I), b (3O)", inputs,
                  count);
}

// Products with W first, as above; a single one if the three inputs are the same tensor.
void mb_gradient_linear_thirds(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    const mb_tensor *x = &mb_in(node, linear_thirds, x1);
    mb_tensor weight = mb_in(node, linear_thirds, weight);
    if (dy[0] == MB_NO_TENSOR || dy[1] == MB_NO_TENSOR || dy[2] == MB_NO_TENSOR) {
        mb_graph_refuse(pass->graph, "linear_thirds: expected all three outputs to be used");
        return;
    }
    mb_op_params params = {.linear = {.first_output = 0}};
    if (x[0] == x[1] && x[0] == x[2]) {
        mb_tensor for_input[] = {weight, dy[0], dy[1], dy[2]};
        mb_backward_contribute_op(pass, x[0], MB_OP_LINEAR_GRAD_INPUT, params, for_input, 4);
    } else {
        for (int k = 0; k < 3; k++) {
            mb_tensor for_input[] = {weight, dy[k]};
            mb_shape third = mb_backward_shape(pass, dy[k]);
            params.linear.first_output = k * mb_shape_last(&third);
            mb_backward_contribute_op(pass, x[k], MB_OP_LINEAR_GRAD_INPUT, params, for_input, 2);
        }
    }
    mb_tensor for_weight[] = {x[0], dy[0], x[1], dy[1], x[2], dy[2]};
    mb_backward_contribute_op(pass, weight, MB_OP_LINEAR_GRAD_WEIGHT, mb_no_params, for_weight, 6);
    if (mb_has(node, linear_thirds, bias))
        mb_backward_contribute_op(pass, mb_in(node, linear_thirds, bias), MB_OP_LINEAR_GRAD_BIAS,
                                  mb_no_params, dy, 3);
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
    mb_tensor weights = mb_in(node, mix, weights), values = mb_in(node, mix, values);
    mb_tensor for_weights[] = {dy[0], values}, for_values[] = {dy[0], weights};
    mb_backward_contribute_op(pass, weights, MB_OP_MIX_GRAD_WEIGHTS, mb_no_params, for_weights, 2);
    mb_backward_contribute_op(pass, values, MB_OP_MIX_GRAD_VALUES, mb_no_params, for_values, 2);
}
