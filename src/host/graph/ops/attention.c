// The products of multi-head attention: scores of queries against keys, weighted sums of values.
// Head h of N has columns h*D/N ... (h+1)*D/N - 1.
#include "graph/backward.h"
#include "graph/construct.h"

mb_tensor mb_attention_scores(mb_graph *graph, mb_tensor queries, mb_tensor keys, int32_t heads,
                              double scale, mb_attention_mask mask) {
    mb_tensor inputs[] = {queries, keys};
    if (!mb_given(graph, inputs, 2))
        return MB_NO_TENSOR;
    const mb_shape *qs = mb_graph_shape(graph, queries), *ks = mb_graph_shape(graph, keys);
    if (qs->count != 3 || ks->count != 3 || qs->dims[0] != ks->dims[0] ||
        qs->dims[2] != ks->dims[2])
        return mb_refuse(graph, MB_OP_ATTENTION_SCORES, "q (B, Lq, D), k (B, Lk, D)", inputs, 2);
    if (heads < 1 || qs->dims[2] % heads != 0) {
        mb_graph_refuse(
            graph,
            "attention_scores: expected a number of heads that divides the width %d, found %d",
            qs->dims[2], heads);
        return MB_NO_TENSOR;
    }
    mb_op_params params = {.attention = {.scale = (float)scale, .mask = mask}};
    mb_shape shape = {4, {qs->dims[0], heads, qs->dims[1], ks->dims[1]}};
    return mb_graph_add_one(graph, MB_OP_ATTENTION_SCORES, params, inputs, 2, shape);
}

// The mask needs no rule: after the softmax, the gradient of a hidden score is 0.
void mb_gradient_attention_scores(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_tensor queries = mb_in(node, attention_scores, queries);
    mb_tensor keys = mb_in(node, attention_scores, keys);
    mb_op_params params = {.attention = {.scale = node->params.attention.scale}};
    mb_tensor for_queries[] = {dy[0], keys}, for_keys[] = {dy[0], queries};
    mb_backward_contribute_op(pass, queries, MB_OP_ATTENTION_APPLY, params, for_queries, 2);
    mb_backward_contribute_op(pass, keys, MB_OP_ATTENTION_APPLY_TRANSPOSED, params, for_keys, 2);
}

mb_tensor mb_attention_apply(mb_graph *graph, mb_tensor weights, mb_tensor values) {
    mb_tensor inputs[] = {weights, values};
    if (!mb_given(graph, inputs, 2))
        return MB_NO_TENSOR;
    const mb_shape *ws = mb_graph_shape(graph, weights), *vs = mb_graph_shape(graph, values);
    if (ws->count != 4 || vs->count != 3 || ws->dims[0] != vs->dims[0] ||
        ws->dims[3] != vs->dims[1] || vs->dims[2] % ws->dims[1] != 0)
        return mb_refuse(graph, MB_OP_ATTENTION_APPLY, "w (B, N, Lq, Lk), v (B, Lk, D)", inputs, 2);
    mb_op_params params = {.attention = {.scale = 1.0f}};
    mb_shape shape = {3, {vs->dims[0], ws->dims[2], vs->dims[2]}};
    return mb_graph_add_one(graph, MB_OP_ATTENTION_APPLY, params, inputs, 2, shape);
}

void mb_gradient_attention_apply(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_tensor weights = mb_in(node, attention_apply, weights);
    mb_tensor values = mb_in(node, attention_apply, values);
    mb_tensor for_weights[] = {dy[0], values}, for_values[] = {weights, dy[0]};
    mb_backward_contribute_op(pass, weights, MB_OP_ATTENTION_SCORES, node->params, for_weights, 2);
    mb_backward_contribute_op(pass, values, MB_OP_ATTENTION_APPLY_TRANSPOSED, node->params,
                              for_values, 2);
}
