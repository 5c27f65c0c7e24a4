// The backward pass: each op's gradient rule adds nodes to the same graph.
#include "graph/graph.h"

#include <stddef.h>

typedef struct backward {
    mb_graph *graph;
    mb_tensor *gradients; // of the tensors of the forward pass
} backward;

static const mb_op_params no_params = {.update = {-1}};

static bool wanted(const backward *pass, mb_tensor tensor) {
    return pass->graph->tensors[tensor].needs_gradient;
}

// Adds a contribution; a tensor used more than once accumulates.
static void contribute(backward *pass, mb_tensor tensor, mb_tensor gradient) {
    mb_tensor *sum = &pass->gradients[tensor];
    *sum = *sum == MB_NO_TENSOR ? gradient : mb_add(pass->graph, *sum, gradient);
}

static mb_tensor emit(backward *pass, mb_op op, mb_op_params params, const mb_tensor *inputs,
                      int32_t count, const mb_shape *shape) {
    return mb_graph_add_one(pass->graph, op, params, inputs, count, *shape);
}

static mb_shape shape_of(const backward *pass, mb_tensor tensor) {
    return pass->graph->tensors[tensor].shape;
}

// Contributes op(dy, other) to `tensor`, in the shape of `tensor`.
static void contribute_op(backward *pass, mb_tensor tensor, mb_op op, mb_tensor dy,
                          mb_tensor other) {
    if (!wanted(pass, tensor))
        return;
    mb_tensor inputs[] = {dy, other};
    mb_shape shape = shape_of(pass, tensor);
    contribute(pass, tensor, emit(pass, op, no_params, inputs, 2, &shape));
}

// dy (..., O) of y = x W^T + b. The product with W comes first: an update of W may follow in place.
static void gradient_linear(backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_tensor x = node->inputs[0], weight = node->inputs[1];
    contribute_op(pass, x, MB_OP_LINEAR_GRAD_INPUT, dy[0], weight);
    if (wanted(pass, weight)) {
        mb_tensor inputs[] = {x, dy[0]};
        mb_shape shape = shape_of(pass, weight);
        contribute(pass, weight,
                   emit(pass, MB_OP_LINEAR_GRAD_WEIGHT, no_params, inputs, 2, &shape));
    }
    if (node->input_count == 3 && wanted(pass, node->inputs[2])) {
        mb_shape shape = shape_of(pass, node->inputs[2]);
        contribute(pass, node->inputs[2],
                   emit(pass, MB_OP_LINEAR_GRAD_BIAS, no_params, dy, 1, &shape));
    }
}

static void gradient_of_output(backward *pass, const mb_node *node, const mb_tensor *dy, mb_op op) {
    contribute_op(pass, node->inputs[0], op, dy[0], node->outputs[0]);
}

static void gradient_relu(backward *pass, const mb_node *node, const mb_tensor *dy) {
    gradient_of_output(pass, node, dy, MB_OP_RELU_GRAD);
}

static void gradient_softmax(backward *pass, const mb_node *node, const mb_tensor *dy) {
    gradient_of_output(pass, node, dy, MB_OP_SOFTMAX_GRAD);
}

static void gradient_dropout(backward *pass, const mb_node *node, const mb_tensor *dy) {
    if (!wanted(pass, node->inputs[0]))
        return;
    mb_shape shape = shape_of(pass, node->inputs[0]);
    contribute(pass, node->inputs[0], emit(pass, node->op, node->params, dy, 1, &shape));
}

static void gradient_concat(backward *pass, const mb_node *node, const mb_tensor *dy) {
    int32_t begin = 0;
    for (int32_t i = 0; i < node->input_count; i++) {
        mb_shape shape = shape_of(pass, node->inputs[i]);
        if (wanted(pass, node->inputs[i])) {
            mb_op_params params = {.slice = {begin}};
            contribute(pass, node->inputs[i], emit(pass, MB_OP_SLICE, params, dy, 1, &shape));
        }
        begin += mb_shape_last(&shape);
    }
}

static void gradient_add(backward *pass, const mb_node *node, const mb_tensor *dy) {
    for (int32_t i = 0; i < 2; i++)
        if (wanted(pass, node->inputs[i]))
            contribute(pass, node->inputs[i], dy[0]);
}

static void gradient_mix(backward *pass, const mb_node *node, const mb_tensor *dy) {
    contribute_op(pass, node->inputs[0], MB_OP_MIX_GRAD_WEIGHTS, dy[0], node->inputs[1]);
    contribute_op(pass, node->inputs[1], MB_OP_MIX_GRAD_VALUES, dy[0], node->inputs[0]);
}

// Only the hidden states (output 0) are seen by the rest of a graph.
static void gradient_lstm(backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_tensor z = node->inputs[0], weight = node->inputs[1], bias = node->inputs[2];
    mb_tensor hidden = node->outputs[0], cell = node->outputs[1], gates = node->outputs[2];
    mb_tensor inputs[] = {dy[0], cell, gates, weight};
    mb_shape hidden_shape = shape_of(pass, hidden);
    mb_shape shapes[] = {shape_of(pass, z), {2, {hidden_shape.dims[0], 2 * hidden_shape.dims[2]}}};
    mb_tensor outputs[MB_MAX_OUTPUTS];
    mb_graph_add(pass->graph, MB_OP_LSTM_GRAD, no_params, inputs, 4, shapes, outputs);
    mb_tensor dz = outputs[0];
    if (wanted(pass, z))
        contribute(pass, z, dz);
    if (wanted(pass, weight)) {
        mb_tensor before = emit(pass, MB_OP_DELAY, no_params, &hidden, 1, &hidden_shape);
        mb_tensor pair[] = {before, dz};
        mb_shape weight_shape = shape_of(pass, weight);
        contribute(pass, weight,
                   emit(pass, MB_OP_LINEAR_GRAD_WEIGHT, no_params, pair, 2, &weight_shape));
    }
    if (wanted(pass, bias)) {
        mb_shape bias_shape = shape_of(pass, bias);
        contribute(pass, bias, emit(pass, MB_OP_LINEAR_GRAD_BIAS, no_params, &dz, 1, &bias_shape));
    }
}

static void gradient_last_step(backward *pass, const mb_node *node, const mb_tensor *dy) {
    if (!wanted(pass, node->inputs[0]))
        return;
    mb_shape shape = shape_of(pass, node->inputs[0]);
    contribute(pass, node->inputs[0], emit(pass, MB_OP_LAST_STEP_GRAD, no_params, dy, 1, &shape));
}

static void gradient_loss(backward *pass, const mb_node *node, const mb_tensor *dy, mb_op op) {
    if (!wanted(pass, node->inputs[0]))
        return;
    mb_tensor inputs[] = {node->inputs[0], node->inputs[1], dy[0]};
    mb_shape shape = shape_of(pass, node->inputs[0]);
    contribute(pass, node->inputs[0], emit(pass, op, no_params, inputs, 3, &shape));
}

static void gradient_cross_entropy(backward *pass, const mb_node *node, const mb_tensor *dy) {
    gradient_loss(pass, node, dy, MB_OP_CROSS_ENTROPY_GRAD);
}

static void gradient_mean_squared_error(backward *pass, const mb_node *node, const mb_tensor *dy) {
    gradient_loss(pass, node, dy, MB_OP_MEAN_SQUARED_ERROR_GRAD);
}

// dy[i] is the gradient of output i. Ops that are not here stand in no forward pass, or have no
// input that a gradient could reach.
static void (*const rules[MB_OP_COUNT])(backward *, const mb_node *, const mb_tensor *dy) = {
    [MB_OP_LINEAR] = gradient_linear,
    [MB_OP_RELU] = gradient_relu,
    [MB_OP_SOFTMAX] = gradient_softmax,
    [MB_OP_DROPOUT] = gradient_dropout,
    [MB_OP_STORED_DROPOUT] = gradient_dropout,
    [MB_OP_CONCAT] = gradient_concat,
    [MB_OP_ADD] = gradient_add,
    [MB_OP_MIX] = gradient_mix,
    [MB_OP_LSTM] = gradient_lstm,
    [MB_OP_LAST_STEP] = gradient_last_step,
    [MB_OP_CROSS_ENTROPY] = gradient_cross_entropy,
    [MB_OP_MEAN_SQUARED_ERROR] = gradient_mean_squared_error,
};

mb_status mb_graph_differentiate(mb_graph *graph, mb_tensor loss, mb_tensor *gradients,
                                 mb_error *error) {
    if (graph->status != MB_OK)
        return mb_graph_status(graph, error);
    for (mb_tensor tensor = 0; tensor < graph->tensor_count; tensor++)
        gradients[tensor] = MB_NO_TENSOR;
    int32_t forward_nodes = graph->node_count;
    backward pass = {graph, gradients};
    mb_op_params one = {.constant = {1.0f}};
    gradients[loss] = mb_graph_add_one(graph, MB_OP_CONSTANT, one, NULL, 0, (mb_shape){1, {1}});
    for (int32_t i = forward_nodes - 1; i >= 0 && graph->status == MB_OK; i--) {
        mb_node node = graph->nodes[i]; // a copy: rules add nodes, which may move the array
        mb_tensor dy = gradients[node.outputs[0]];
        if (dy == MB_NO_TENSOR || !graph->tensors[node.outputs[0]].needs_gradient)
            continue;
        if (rules[node.op] == NULL)
            return mb_fail(error, MB_UNSUPPORTED, "op %s has no gradient rule",
                           mb_op_infos[node.op].name);
        mb_tensor dys[MB_MAX_OUTPUTS] = {dy};
        for (int32_t k = 1; k < node.output_count; k++)
            dys[k] = gradients[node.outputs[k]];
        rules[node.op](&pass, &node, dys);
    }
    return mb_graph_status(graph, error);
}
