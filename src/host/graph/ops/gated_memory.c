// The gated memory of MFN, Graph-MFN and MFM.
#include "graph/backward.h"
#include "graph/construct.h"

static bool is_vector(const mb_graph *graph, mb_tensor tensor, int32_t width) {
    const mb_shape *shape = mb_graph_shape(graph, tensor);
    return shape->count == 1 && shape->dims[0] == width;
}

static bool is_matrix(const mb_graph *graph, mb_tensor tensor, int32_t out, int32_t in) {
    const mb_shape *shape = mb_graph_shape(graph, tensor);
    return shape->count == 2 && shape->dims[0] == out && shape->dims[1] == in;
}

static bool fits(const mb_graph *graph, mb_tensor x, mb_tensor candidate,
                 const mb_memory_gate gates[2]) {
    const mb_shape *xs = mb_graph_shape(graph, x), *cs = mb_graph_shape(graph, candidate);
    if (xs->count != 3 || cs->count != 3 || xs->dims[0] != cs->dims[0] ||
        xs->dims[1] != cs->dims[1])
        return false;
    int32_t hidden = mb_graph_shape(graph, gates[0].weight_1)->dims[0];
    for (int32_t k = 0; k < 2; k++)
        if (!is_matrix(graph, gates[k].weight_1, hidden, xs->dims[2] + cs->dims[2]) ||
            !is_vector(graph, gates[k].bias_1, hidden) ||
            !is_matrix(graph, gates[k].weight_2, cs->dims[2], hidden) ||
            !is_vector(graph, gates[k].bias_2, cs->dims[2]))
            return false;
    return true;
}

mb_tensor mb_gated_memory(mb_graph *graph, mb_tensor x, mb_tensor candidate,
                          const mb_memory_gate gates[2]) {
    enum { INPUTS = sizeof(mb_gated_memory_inputs) };
    mb_tensor inputs[] = {
        [MB_INPUT(gated_memory, x)] = x,
        [MB_INPUT(gated_memory, candidate)] = candidate,
        [MB_INPUT(gated_memory, w_1)] = gates[0].weight_1,
        [MB_INPUT(gated_memory, b_1)] = gates[0].bias_1,
        [MB_INPUT(gated_memory, v_1)] = gates[0].weight_2,
        [MB_INPUT(gated_memory, a_1)] = gates[0].bias_2,
        [MB_INPUT(gated_memory, w_2)] = gates[1].weight_1,
        [MB_INPUT(gated_memory, b_2)] = gates[1].bias_1,
        [MB_INPUT(gated_memory, v_2)] = gates[1].weight_2,
        [MB_INPUT(gated_memory, a_2)] = gates[1].bias_2,
    };
    if (!mb_given(graph, inputs, INPUTS))
        return MB_NO_TENSOR;
    if (!fits(graph, x, candidate, gates))
        return mb_refuse(graph, MB_OP_GATED_MEMORY,
                         "x (B, T, D), c (B, T, M), twice W (H, D+M), b (H), V (M, H), a (M)",
                         inputs, INPUTS);
    mb_shape memory = *mb_graph_shape(graph, candidate), hidden = memory;
    hidden.dims[2] = mb_graph_shape(graph, gates[0].weight_1)->dims[0];
    mb_op_params params = {.gated_memory = {.gates = {{0}}}};
    for (int32_t k = 0; k < 2; k++)
        params.gated_memory.gates[k] = mb_dropout_params(graph, gates[k].dropout, &hidden).dropout;
    mb_shape shapes[] = {
        [MB_OUTPUT(gated_memory, u)] = memory,   [MB_OUTPUT(gated_memory, r_1)] = hidden,
        [MB_OUTPUT(gated_memory, r_2)] = hidden, [MB_OUTPUT(gated_memory, g_1)] = memory,
        [MB_OUTPUT(gated_memory, g_2)] = memory,
    };
    mb_tensor outputs[MB_MAX_OUTPUTS];
    mb_graph_add(graph, MB_OP_GATED_MEMORY, params, inputs, INPUTS, shapes, outputs);
    return outputs[MB_OUTPUT(gated_memory, u)];
}

// The gradients of weights are ordinary products over the whole sequence.
static void contribute_linear(mb_backward *pass, mb_tensor weight, mb_tensor bias, mb_tensor x,
                              mb_tensor dy) {
    mb_backward_contribute_op(pass, weight, MB_OP_LINEAR_GRAD_WEIGHT, mb_no_params,
                              (mb_tensor[]){x, dy}, 2);
    mb_backward_contribute_op(pass, bias, MB_OP_LINEAR_GRAD_BIAS, mb_no_params, &dy, 1);
}

void mb_gradient_gated_memory(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_tensor x = mb_in(node, gated_memory, x), candidate = mb_in(node, gated_memory, candidate);
    mb_tensor w_1 = mb_in(node, gated_memory, w_1), v_1 = mb_in(node, gated_memory, v_1);
    mb_tensor w_2 = mb_in(node, gated_memory, w_2), v_2 = mb_in(node, gated_memory, v_2);
    mb_tensor r_1 = mb_out(node, gated_memory, r_1), r_2 = mb_out(node, gated_memory, r_2);
    mb_tensor u = mb_out(node, gated_memory, u);
    mb_tensor inputs[] = {
        [MB_INPUT(gated_memory_grad, du)] = dy[MB_OUTPUT(gated_memory, u)],
        [MB_INPUT(gated_memory_grad, candidate)] = candidate,
        [MB_INPUT(gated_memory_grad, u)] = u,
        [MB_INPUT(gated_memory_grad, r_1)] = r_1,
        [MB_INPUT(gated_memory_grad, r_2)] = r_2,
        [MB_INPUT(gated_memory_grad, g_1)] = mb_out(node, gated_memory, g_1),
        [MB_INPUT(gated_memory_grad, g_2)] = mb_out(node, gated_memory, g_2),
        [MB_INPUT(gated_memory_grad, w_1)] = w_1,
        [MB_INPUT(gated_memory_grad, v_1)] = v_1,
        [MB_INPUT(gated_memory_grad, w_2)] = w_2,
        [MB_INPUT(gated_memory_grad, v_2)] = v_2,
    };
    mb_shape memory = mb_backward_shape(pass, candidate), hidden = mb_backward_shape(pass, r_1);
    mb_shape shapes[] = {
        [MB_OUTPUT(gated_memory_grad, dx)] = mb_backward_shape(pass, x),
        [MB_OUTPUT(gated_memory_grad, dcandidate)] = memory,
        [MB_OUTPUT(gated_memory_grad, s_1)] = hidden,
        [MB_OUTPUT(gated_memory_grad, s_2)] = hidden,
        [MB_OUTPUT(gated_memory_grad, z_1)] = memory,
        [MB_OUTPUT(gated_memory_grad, z_2)] = memory,
        [MB_OUTPUT(gated_memory_grad, workspace)] = {2, {MB_ROWS, memory.dims[2]}},
    };
    mb_tensor d[MB_MAX_OUTPUTS];
    if (!mb_graph_add(pass->graph, MB_OP_GATED_MEMORY_GRAD, node->params, inputs,
                      sizeof inputs / sizeof *inputs, shapes, d))
        return;
    if (mb_backward_wants(pass, x))
        mb_backward_contribute(pass, x, d[MB_OUTPUT(gated_memory_grad, dx)]);
    if (mb_backward_wants(pass, candidate))
        mb_backward_contribute(pass, candidate, d[MB_OUTPUT(gated_memory_grad, dcandidate)]);
    mb_tensor halves[] = {x, mb_delay(pass->graph, u)};
    mb_tensor read = mb_concat(pass->graph, halves, 2); // the input of the first maps
    contribute_linear(pass, w_1, mb_in(node, gated_memory, b_1), read,
                      d[MB_OUTPUT(gated_memory_grad, s_1)]);
    contribute_linear(pass, v_1, mb_in(node, gated_memory, a_1), r_1,
                      d[MB_OUTPUT(gated_memory_grad, z_1)]);
    contribute_linear(pass, w_2, mb_in(node, gated_memory, b_2), read,
                      d[MB_OUTPUT(gated_memory_grad, s_2)]);
    contribute_linear(pass, v_2, mb_in(node, gated_memory, a_2), r_2,
                      d[MB_OUTPUT(gated_memory_grad, z_2)]);
}
