// The backward pass: each op's gradient rule adds nodes to the same graph.
#include "graph/backward.h"

#include <stddef.h>

bool mb_backward_wants(const mb_backward *pass, mb_tensor tensor) {
    return pass->graph->tensors[tensor].needs_gradient;
}

mb_shape mb_backward_shape(const mb_backward *pass, mb_tensor tensor) {
    return pass->graph->tensors[tensor].shape;
}

void mb_backward_contribute(mb_backward *pass, mb_tensor tensor, mb_tensor gradient) {
    mb_tensor *sum = &pass->gradients[tensor];
    *sum = *sum == MB_NO_TENSOR ? gradient : mb_add(pass->graph, *sum, gradient);
}

void mb_backward_contribute_op(mb_backward *pass, mb_tensor tensor, mb_op op, mb_op_params params,
                               const mb_tensor *inputs, int32_t count) {
    if (!mb_backward_wants(pass, tensor))
        return;
    mb_shape shape = mb_backward_shape(pass, tensor);
    mb_backward_contribute(pass, tensor,
                           mb_graph_add_one(pass->graph, op, params, inputs, count, shape));
}

#define MB_RULE_RULE(name) mb_gradient_##name
#define MB_RULE_NONE(name) NULL
static void (*const rules[MB_OP_COUNT])(mb_backward *, const mb_node *, const mb_tensor *dy) = {
#define MB_OP(NAME, name, gradient, ...) MB_RULE_##gradient(name),
#include "graph/ops.def"
#undef MB_OP
};

mb_status mb_graph_differentiate(mb_graph *graph, mb_tensor loss, mb_tensor *gradients,
                                 mb_error *error) {
    if (graph->status != MB_OK)
        return mb_graph_status(graph, error);
    for (mb_tensor tensor = 0; tensor < graph->tensor_count; tensor++)
        gradients[tensor] = MB_NO_TENSOR;
    int32_t forward_nodes = graph->node_count;
    mb_backward pass = {graph, gradients};
    mb_op_params one = {.constant = {1.0f}};
    gradients[loss] = mb_graph_add_one(graph, MB_OP_CONSTANT, one, NULL, 0, (mb_shape){1, {1}});
    for (int32_t i = forward_nodes - 1; i >= 0 && graph->status == MB_OK; i--) {
        mb_node node = graph->nodes[i]; // a copy: rules add nodes, which may move the list
        mb_tensor dys[MB_MAX_OUTPUTS];
        bool reached = false;
        for (int32_t k = 0; k < node.output_count; k++) {
            dys[k] = gradients[node.outputs[k]];
            reached |= dys[k] != MB_NO_TENSOR;
        }
        if (!reached || !graph->tensors[node.outputs[0]].needs_gradient)
            continue;
        if (rules[node.op] == NULL)
            return mb_fail(error, MB_UNSUPPORTED, "op %s has no gradient rule",
                           mb_op_infos[node.op].name);
        rules[node.op](&pass, &node, dys);
    }
    return mb_graph_status(graph, error);
}
