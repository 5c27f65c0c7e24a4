// Linear map of the outer product of three vectors.
#include "graph/backward.h"
#include "graph/construct.h"

// The number of chunks of Z whose sums a device may compute in parallel. It depends on the width
// alone, so that the order of summation is the same on all devices.
static int32_t chunk_count(int64_t width) {
    enum { FEWEST_COLUMNS = 1024, MOST_CHUNKS = 128, GROUP = 128 };
    int64_t columns = (width + MOST_CHUNKS - 1) / MOST_CHUNKS;
    columns = columns < FEWEST_COLUMNS ? FEWEST_COLUMNS : (columns + GROUP - 1) / GROUP * GROUP;
    return (int32_t)((width + columns - 1) / columns);
}

mb_tensor mb_outer_linear(mb_graph *graph, const mb_tensor factors[3], mb_dropout_site site,
                          mb_tensor weight, mb_tensor bias) {
    mb_tensor inputs[] = {factors[0], factors[1], factors[2], weight, bias};
    if (!mb_given(graph, inputs, 5))
        return MB_NO_TENSOR;
    const mb_shape *ws = mb_graph_shape(graph, weight), *bs = mb_graph_shape(graph, bias);
    int32_t rows = mb_graph_shape(graph, factors[0])->dims[0];
    int64_t width = 1;
    bool fits = ws->count == 2 && bs->count == 1 && bs->dims[0] == ws->dims[0];
    for (int i = 0; i < 3; i++) {
        const mb_shape *shape = mb_graph_shape(graph, factors[i]);
        fits = fits && shape->count == 2 && shape->dims[0] == rows;
        width *= width <= INT32_MAX ? mb_shape_last(shape) : 1;
    }
    if (!fits || width != ws->dims[1])
        return mb_refuse(graph, MB_OP_OUTER_LINEAR,
                         "a (B, P), v (B, Q), l (B, R), W (O, P*Q*R), b (O)", inputs, 5);
    mb_shape product = {2, {rows, (int32_t)width}};
    mb_shape shapes[] = {{2, {rows, ws->dims[0]}}, {3, {rows, chunk_count(width), ws->dims[0]}}};
    mb_tensor outputs[MB_MAX_OUTPUTS];
    mb_op_params params = mb_dropout_params(graph, site, &product);
    mb_graph_add(graph, MB_OP_OUTER_LINEAR, params, inputs, 5, shapes, outputs);
    return outputs[MB_OUTPUT(outer_linear, y)];
}

// The products with W are recorded first, because the update of W may overwrite it. The dropout
// inside has the same site in all three ops.
void mb_gradient_outer_linear(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    const mb_tensor *factors = &mb_in(node, outer_linear, a); // a, v, l
    mb_tensor gradient = dy[MB_OUTPUT(outer_linear, y)];
    mb_tensor inputs[] = {gradient, factors[0], factors[1], factors[2],
                          mb_in(node, outer_linear, weight)};
    mb_tensor for_weight[] = {factors[0], factors[1], factors[2], gradient};
    mb_shape shapes[4];
    mb_tensor outputs[MB_MAX_OUTPUTS];
    for (int i = 0; i < 3; i++)
        shapes[i] = mb_backward_shape(pass, factors[i]);
    shapes[3] = (mb_shape){3,
                           {shapes[0].dims[0], mb_shape_last(&shapes[0]),
                            mb_shape_last(&shapes[1]) + mb_shape_last(&shapes[2])}};
    mb_graph_add(pass->graph, MB_OP_OUTER_LINEAR_GRAD_INPUTS, node->params, inputs, 5, shapes,
                 outputs);
    for (int i = 0; i < 3; i++)
        if (mb_backward_wants(pass, factors[i]))
            mb_backward_contribute(pass, factors[i],
                                   outputs[MB_OUTPUT(outer_linear_grad_inputs, da) + i]);
    mb_backward_contribute_op(pass, mb_in(node, outer_linear, weight),
                              MB_OP_OUTER_LINEAR_GRAD_WEIGHT, node->params, for_weight, 4);
    mb_backward_contribute_op(pass, mb_in(node, outer_linear, bias), MB_OP_LINEAR_GRAD_BIAS,
                              mb_no_params, &gradient, 1);
}
