// Dropout sites.
#include "graph/backward.h"
#include "graph/construct.h"

mb_tensor mb_dropout(mb_graph *graph, mb_tensor x, mb_slot rate) {
    if (graph->dropout == MB_DROPOUT_OFF || !mb_given(graph, &x, 1))
        return x;
    mb_op_params params = {.dropout = {.rate = rate, .site = graph->dropout_sites++}};
    mb_op op = MB_OP_DROPOUT;
    if (graph->dropout == MB_DROPOUT_STORED) {
        op = MB_OP_STORED_DROPOUT;
        params.dropout.mask_offset = graph->mask_floats;
        graph->mask_floats += mb_shape_elements(mb_graph_shape(graph, x), graph->max_rows);
    }
    return mb_same_shape(graph, op, params, x);
}

void mb_gradient_dropout(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_backward_contribute_op(pass, node->inputs[0], node->op, node->params, dy, 1);
}

void mb_gradient_stored_dropout(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_gradient_dropout(pass, node, dy);
}
