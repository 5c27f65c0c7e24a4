// The memory of MFN and its relatives.
#include "graph/backward.h"
#include "graph/construct.h"

// Where the inputs of GATED_MEMORY and its outputs stand; gate k has GATE_INPUTS of the former.
enum { IN_X, IN_CANDIDATE, IN_GATES };
enum { WEIGHT_1, BIAS_1, WEIGHT_2, BIAS_2, GATE_INPUTS };
enum { IN_COUNT = IN_GATES + 2 * GATE_INPUTS };
enum { OUT_MEMORY, OUT_HIDDEN, OUT_GATES = OUT_HIDDEN + 2, OUT_COUNT = OUT_GATES + 2 };

static bool is_vector(const mb_graph *graph, mb_tensor tensor, int32_t width) {
    const mb_shape *shape = mb_graph_shape(graph, tensor);
    return shape->count == 1 && shape->dims[0] == width;
}

static bool is_matrix(const mb_graph *graph, mb_tensor tensor, int32_t out, int32_t in) {
    const mb_shape *shape = mb_graph_shape(graph, tensor);
    return shape->count == 2 && shape->dims[0] == out && shape->dims[1] == in;
}

static bool fits(const mb_graph *graph, const mb_tensor *inputs) {
    const mb_shape *xs = mb_graph_shape(graph, inputs[IN_X]);
    const mb_shape *cs = mb_graph_shape(graph, inputs[IN_CANDIDATE]);
    if (xs->count != 3 || cs->count != 3 || xs->dims[0] != cs->dims[0] ||
        xs->dims[1] != cs->dims[1])
        return false;
    int32_t hidden = mb_graph_shape(graph, inputs[IN_GATES + WEIGHT_1])->dims[0];
    for (int32_t k = 0; k < 2; k++) {
        const mb_tensor *gate = inputs + IN_GATES + k * GATE_INPUTS;
        if (!is_matrix(graph, gate[WEIGHT_1], hidden, xs->dims[2] + cs->dims[2]) ||
            !is_vector(graph, gate[BIAS_1], hidden) ||
            !is_matrix(graph, gate[WEIGHT_2], cs->dims[2], hidden) ||
            !is_vector(graph, gate[BIAS_2], cs->dims[2]))
            return false;
    }
    return true;
}

mb_tensor mb_gated_memory(mb_graph *graph, mb_tensor x, mb_tensor candidate,
                          const mb_memory_gate gates[2]) {
    mb_tensor inputs[IN_COUNT] = {x, candidate};
    for (int32_t k = 0; k < 2; k++) {
        mb_tensor *gate = inputs + IN_GATES + k * GATE_INPUTS;
        gate[WEIGHT_1] = gates[k].weight_1;
        gate[BIAS_1] = gates[k].bias_1;
        gate[WEIGHT_2] = gates[k].weight_2;
        gate[BIAS_2] = gates[k].bias_2;
    }
    if (!mb_given(graph, inputs, IN_COUNT))
        return MB_NO_TENSOR;
    if (!fits(graph, inputs))
        return mb_refuse(graph, MB_OP_GATED_MEMORY,
                         "x (B, T, D), c (B, T, M), twice W (H, D+M), b (H), V (M, H), a (M)",
                         inputs, IN_COUNT);
    mb_shape memory = *mb_graph_shape(graph, candidate), hidden = memory;
    hidden.dims[2] = mb_graph_shape(graph, gates[0].weight_1)->dims[0];
    mb_op_params params = {.gated_memory = {.gates = {{0}}}};
    for (int32_t k = 0; k < 2; k++)
        params.gated_memory.gates[k] = mb_dropout_params(graph, gates[k].dropout, &hidden).dropout;
    mb_shape shapes[OUT_COUNT] = {memory, hidden, hidden, memory, memory};
    mb_tensor outputs[MB_MAX_OUTPUTS];
    mb_graph_add(graph, MB_OP_GATED_MEMORY, params, inputs, IN_COUNT, shapes, outputs);
    return outputs[OUT_MEMORY];
}

// The weights' gradients: ordinary products of whole sequences.
static void contribute_linear(mb_backward *pass, const mb_tensor *weight_and_bias, mb_tensor x,
                              mb_tensor dy) {
    mb_backward_contribute_op(pass, weight_and_bias[0], MB_OP_LINEAR_GRAD_WEIGHT, mb_no_params,
                              (mb_tensor[]){x, dy}, 2);
    mb_backward_contribute_op(pass, weight_and_bias[1], MB_OP_LINEAR_GRAD_BIAS, mb_no_params, &dy,
                              1);
}

void mb_gradient_gated_memory(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    enum { GRAD_X, GRAD_CANDIDATE, GRAD_HIDDEN, GRAD_GATES = GRAD_HIDDEN + 2, ROOM = 6 };
    mb_tensor x = node->inputs[IN_X], candidate = node->inputs[IN_CANDIDATE];
    const mb_tensor *outputs = node->outputs, *gates = node->inputs + IN_GATES;
    mb_tensor inputs[] = {dy[OUT_MEMORY],
                          candidate,
                          outputs[OUT_MEMORY],
                          outputs[OUT_HIDDEN],
                          outputs[OUT_HIDDEN + 1],
                          outputs[OUT_GATES],
                          outputs[OUT_GATES + 1],
                          gates[WEIGHT_1],
                          gates[WEIGHT_2],
                          gates[GATE_INPUTS + WEIGHT_1],
                          gates[GATE_INPUTS + WEIGHT_2]};
    mb_shape memory = mb_backward_shape(pass, candidate);
    mb_shape hidden = mb_backward_shape(pass, outputs[OUT_HIDDEN]);
    mb_shape shapes[ROOM + 1] = {
        mb_backward_shape(pass, x),    memory, hidden, hidden, memory, memory,
        {2, {MB_ROWS, memory.dims[2]}}};
    mb_tensor gradients[MB_MAX_OUTPUTS];
    if (!mb_graph_add(pass->graph, MB_OP_GATED_MEMORY_GRAD, node->params, inputs,
                      sizeof inputs / sizeof *inputs, shapes, gradients))
        return;
    if (mb_backward_wants(pass, x))
        mb_backward_contribute(pass, x, gradients[GRAD_X]);
    if (mb_backward_wants(pass, candidate))
        mb_backward_contribute(pass, candidate, gradients[GRAD_CANDIDATE]);
    mb_tensor parts[] = {x, mb_delay(pass->graph, outputs[OUT_MEMORY])};
    mb_tensor read = mb_concat(pass->graph, parts, 2); // what the first maps read
    for (int32_t k = 0; k < 2; k++) {
        const mb_tensor *gate = gates + k * GATE_INPUTS;
        contribute_linear(pass, gate + WEIGHT_1, read, gradients[GRAD_HIDDEN + k]);
        contribute_linear(pass, gate + WEIGHT_2, outputs[OUT_HIDDEN + k],
                          gradients[GRAD_GATES + k]);
    }
}
