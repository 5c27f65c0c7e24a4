// Softmax over the last dimension.
#include "graph/backward.h"
#include "graph/construct.h"

mb_tensor mb_softmax(mb_graph *graph, mb_tensor x) {
    return mb_same_shape(graph, MB_OP_SOFTMAX, mb_no_params, x);
}

void mb_gradient_softmax(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_tensor inputs[] = {dy[0], node->outputs[0]};
    mb_backward_contribute_op(pass, node->inputs[0], MB_OP_SOFTMAX_GRAD, mb_no_params, inputs, 2);
}
