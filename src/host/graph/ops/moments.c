// Losses that compare the slices x[:, k] (B, D) of a tensor (B, K, D) by their statistics over the
// rows of the batch.
#include "graph/backward.h"
#include "graph/construct.h"

enum { MOMENTS = 5 };

mb_tensor mb_center(mb_graph *graph, mb_tensor x) {
    return mb_same_shape(graph, MB_OP_CENTER, mb_no_params, x);
}

void mb_gradient_center(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_backward_contribute_op(pass, node->inputs[0], MB_OP_CENTER, node->params, dy, 1);
}

// Whether every pair names two different slices of (B, K, D).
static bool pairs_fit(const mb_shape *shape, const mb_pairs *pairs) {
    bool fit = shape->count == 3 && shape->dims[0] == MB_ROWS && pairs->count >= 1 &&
               pairs->count <= MB_MAX_PAIRS;
    for (int32_t p = 0; fit && p < pairs->count; p++) {
        const uint8_t *slices = pairs->slices[p];
        fit = slices[0] < shape->dims[1] && slices[1] < shape->dims[1] && slices[0] != slices[1];
    }
    return fit;
}

mb_tensor mb_overlap(mb_graph *graph, mb_tensor u, mb_pairs pairs) {
    if (!mb_given(graph, &u, 1))
        return MB_NO_TENSOR;
    const mb_shape *shape = mb_graph_shape(graph, u);
    if (!pairs_fit(shape, &pairs))
        return mb_refuse(graph, MB_OP_OVERLAP, "u (B, K, D) and pairs of the K slices", &u, 1);
    mb_op_params params = {.pairs = {.pairs = pairs}};
    mb_shape shapes[] = {{1, {1}}, {3, {shape->dims[1], MB_ROWS, MB_ROWS}}};
    mb_tensor outputs[MB_MAX_OUTPUTS];
    mb_graph_add(graph, MB_OP_OVERLAP, params, &u, 1, shapes, outputs);
    return outputs[MB_OUTPUT(overlap, loss)];
}

void mb_gradient_overlap(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_tensor u = node->inputs[0], outputs[MB_MAX_OUTPUTS];
    mb_tensor inputs[] = {u, mb_out(node, overlap, grams), dy[MB_OUTPUT(overlap, loss)]};
    if (!mb_backward_wants(pass, u))
        return;
    mb_shape shapes[] = {mb_backward_shape(pass, u), {2, {MB_ROWS, MB_ROWS}}};
    mb_graph_add(pass->graph, MB_OP_OVERLAP_GRAD, node->params, inputs, 3, shapes, outputs);
    mb_backward_contribute(pass, u, outputs[MB_OUTPUT(overlap_grad, du)]);
}

mb_tensor mb_moment_discrepancy(mb_graph *graph, mb_tensor x, mb_tensor centered, mb_pairs pairs,
                                bool zero_norm_gradient) {
    mb_tensor inputs[] = {x, centered}, outputs[MB_MAX_OUTPUTS];
    if (!mb_given(graph, inputs, 2))
        return MB_NO_TENSOR;
    const mb_shape *shape = mb_graph_shape(graph, x);
    if (!pairs_fit(shape, &pairs) || !mb_shape_equal(shape, mb_graph_shape(graph, centered)))
        return mb_refuse(graph, MB_OP_MOMENT_DISCREPANCY,
                         "x, centered (B, K, D) and pairs of the K slices", inputs, 2);
    mb_op_params params = {.pairs = {pairs, zero_norm_gradient}};
    mb_shape shapes[] = {{1, {1}}, {3, {pairs.count, MOMENTS, mb_shape_last(shape)}}};
    mb_graph_add(graph, MB_OP_MOMENT_DISCREPANCY, params, inputs, 2, shapes, outputs);
    return outputs[MB_OUTPUT(moment_discrepancy, loss)];
}

void mb_gradient_moment_discrepancy(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_tensor x = mb_in(node, moment_discrepancy, x);
    mb_tensor centered = mb_in(node, moment_discrepancy, centered);
    mb_tensor inputs[] = {centered, mb_out(node, moment_discrepancy, differences),
                          dy[MB_OUTPUT(moment_discrepancy, loss)]};
    mb_tensor outputs[MB_MAX_OUTPUTS];
    mb_shape shape = mb_backward_shape(pass, x), shapes[] = {shape, shape};
    mb_graph_add(pass->graph, MB_OP_MOMENT_DISCREPANCY_GRAD, node->params, inputs, 3, shapes,
                 outputs);
    if (mb_backward_wants(pass, x))
        mb_backward_contribute(pass, x, outputs[MB_OUTPUT(moment_discrepancy_grad, dx)]);
    if (mb_backward_wants(pass, centered))
        mb_backward_contribute(pass, centered,
                               outputs[MB_OUTPUT(moment_discrepancy_grad, dcentered)]);
}
