// What gradient rules work with. The rule of an op gets the gradients of a node's outputs and adds
// nodes to the graph that compute what the node contributes to the gradients of its inputs.
#ifndef MB_GRAPH_BACKWARD_H
#define MB_GRAPH_BACKWARD_H

#include "graph/graph.h"

typedef struct mb_backward {
    mb_graph *graph;
    mb_tensor *gradients; // by tensor of the forward pass
} mb_backward;

// Whether a tensor needs a gradient: whether a trained parameter is among what it depends on.
bool mb_backward_wants(const mb_backward *pass, mb_tensor tensor);
mb_shape mb_backward_shape(const mb_backward *pass, mb_tensor tensor);
// Adds a contribution to the gradient of a tensor. A tensor that is used more than once
// accumulates them.
void mb_backward_contribute(mb_backward *pass, mb_tensor tensor, mb_tensor gradient);
// Adds op(inputs), in the shape of `tensor`, to the gradient of `tensor` if it needs one.
void mb_backward_contribute_op(mb_backward *pass, mb_tensor tensor, mb_op op, mb_op_params params,
                               const mb_tensor *inputs, int32_t count);

// The rules of all ops that have one. dy[i] is the gradient of output i, or MB_NO_TENSOR; at least
// one output has a gradient.
#define MB_RULE_RULE(name)                                                                         \
    void mb_gradient_##name(mb_backward *pass, const mb_node *node, const mb_tensor *dy);
#define MB_RULE_NONE(name)
#define MB_OP(NAME, name, gradient, ...) MB_RULE_##gradient(name)
#include "graph/ops.def"
#undef MB_OP
#undef MB_RULE_RULE
#undef MB_RULE_NONE

#endif
