// What gradient rules work with. A rule adds to the graph the nodes that turn the gradients of a
// node's outputs into contributions to the gradients of its inputs.
#ifndef MB_GRAPH_BACKWARD_H
#define MB_GRAPH_BACKWARD_H

#include "graph/graph.h"

typedef struct mb_backward {
    mb_graph *graph;
    mb_tensor *gradients; // of the tensors of the forward pass
} mb_backward;

// Whether a gradient of this tensor is of any use.
bool mb_backward_wants(const mb_backward *pass, mb_tensor tensor);
mb_shape mb_backward_shape(const mb_backward *pass, mb_tensor tensor);
// Adds a contribution; a tensor used more than once accumulates.
void mb_backward_contribute(mb_backward *pass, mb_tensor tensor, mb_tensor gradient);
// Contributes op(inputs) to `tensor`, in the shape of `tensor`, if it is wanted.
void mb_backward_contribute_op(mb_backward *pass, mb_tensor tensor, mb_op op, mb_op_params params,
                               const mb_tensor *inputs, int32_t count);

// The rules of all ops that have one. dy[i] is the gradient of output i, MB_NO_TENSOR where there
// is none; at least one is there.
#define MB_RULE_RULE(name)                                                                         \
    void mb_gradient_##name(mb_backward *pass, const mb_node *node, const mb_tensor *dy);
#define MB_RULE_NONE(name)
#define MB_OP(NAME, name, gradient, ...) MB_RULE_##gradient(name)
#include "graph/ops.def"
#undef MB_OP
#undef MB_RULE_RULE
#undef MB_RULE_NONE

#endif
