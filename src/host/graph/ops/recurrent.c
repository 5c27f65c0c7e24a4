// LSTMs, and ops that shift a sequence or take its ends. A recurrence goes along time or along the
// rows of the batch.
#include "graph/backward.h"
#include "graph/construct.h"

static const mb_recurrence along_time = {MB_AXIS_TIME, false};

static mb_lstm_states add_lstm(mb_graph *graph, mb_tensor z, mb_tensor weight_hh, mb_tensor bias_hh,
                               mb_recurrence way) {
    mb_lstm_states none = {MB_NO_TENSOR, MB_NO_TENSOR};
    mb_tensor inputs[] = {z, weight_hh, bias_hh};
    if (!mb_given(graph, inputs, 3))
        return none;
    const mb_shape *zs = mb_graph_shape(graph, z), *ws = mb_graph_shape(graph, weight_hh);
    const mb_shape *bs = mb_graph_shape(graph, bias_hh);
    if (zs->count != 3 || ws->count != 2 || ws->dims[0] != 4 * ws->dims[1] ||
        zs->dims[2] != ws->dims[0] || bs->count != 1 || bs->dims[0] != ws->dims[0]) {
        mb_refuse(graph, MB_OP_LSTM, "z (B, T, 4H), W (4H, H), b (4H)", inputs, 3);
        return none;
    }
    mb_shape hidden = {3, {zs->dims[0], zs->dims[1], ws->dims[1]}};
    mb_shape shapes[] = {hidden, hidden, *zs};
    mb_tensor outputs[MB_MAX_OUTPUTS];
    mb_op_params params = {.recurrence = way};
    mb_graph_add(graph, MB_OP_LSTM, params, inputs, 3, shapes, outputs);
    return (mb_lstm_states){outputs[MB_OUTPUT(lstm, hidden)], outputs[MB_OUTPUT(lstm, cell)]};
}

mb_lstm_states mb_lstm_all(mb_graph *graph, mb_tensor z, mb_tensor weight_hh, mb_tensor bias_hh) {
    return add_lstm(graph, z, weight_hh, bias_hh, along_time);
}

mb_tensor mb_lstm_along(mb_graph *graph, mb_tensor z, mb_tensor weight_hh, mb_tensor bias_hh,
                        mb_recurrence way) {
    return add_lstm(graph, z, weight_hh, bias_hh, way).hidden;
}

mb_tensor mb_lstm(mb_graph *graph, mb_tensor z, mb_tensor weight_hh, mb_tensor bias_hh) {
    return mb_lstm_along(graph, z, weight_hh, bias_hh, along_time);
}

// The rest of a graph may read hidden states and cells, but not gates.
void mb_gradient_lstm(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_tensor z = mb_in(node, lstm, z);
    mb_tensor weight = mb_in(node, lstm, weight);
    mb_tensor bias = mb_in(node, lstm, bias);
    mb_tensor hidden = mb_out(node, lstm, hidden);
    mb_tensor cell = mb_out(node, lstm, cell);
    mb_tensor gates = mb_out(node, lstm, gates);
    mb_tensor dhidden = dy[MB_OUTPUT(lstm, hidden)], dcell = dy[MB_OUTPUT(lstm, cell)];
    mb_tensor inputs[sizeof(mb_lstm_grad_inputs)] = {cell, gates, weight};
    mb_op_params params = {
        .lstm_grad = {node->params.recurrence, dhidden != MB_NO_TENSOR, dcell != MB_NO_TENSOR}};
    int32_t count = MB_INPUT(lstm_grad, dhidden);
    if (dhidden != MB_NO_TENSOR)
        inputs[count++] = dhidden;
    if (dcell != MB_NO_TENSOR)
        inputs[count++] = dcell;
    mb_shape states = mb_backward_shape(pass, hidden);
    mb_shape running = mb_state_shape(&states, node->params.recurrence);
    running.dims[1] *= 2;
    mb_shape shapes[] = {mb_backward_shape(pass, z), running};
    mb_tensor outputs[MB_MAX_OUTPUTS];
    mb_graph_add(pass->graph, MB_OP_LSTM_GRAD, params, inputs, count, shapes, outputs);
    mb_tensor dz = outputs[MB_OUTPUT(lstm_grad, dz)];
    if (mb_backward_wants(pass, z))
        mb_backward_contribute(pass, z, dz);
    mb_tensor before = mb_delay_along(pass->graph, hidden, node->params.recurrence);
    mb_backward_contribute_op(pass, weight, MB_OP_LINEAR_GRAD_WEIGHT, mb_no_params,
                              (mb_tensor[]){before, dz}, 2);
    mb_backward_contribute_op(pass, bias, MB_OP_LINEAR_GRAD_BIAS, mb_no_params, &dz, 1);
}

mb_shape mb_state_shape(const mb_shape *sequence, mb_recurrence way) {
    int32_t side = sequence->dims[way.axis == MB_AXIS_ROWS ? 1 : 0];
    return (mb_shape){2, {side, sequence->dims[2]}};
}

mb_tensor mb_delay_along(mb_graph *graph, mb_tensor x, mb_recurrence way) {
    if (!mb_given(graph, &x, 1))
        return MB_NO_TENSOR;
    if (mb_graph_shape(graph, x)->count != 3)
        return mb_refuse(graph, MB_OP_DELAY, "x (B, T, D)", &x, 1);
    mb_op_params params = {.recurrence = way};
    return mb_same_shape(graph, MB_OP_DELAY, params, x);
}

// A shift in the other direction. A start, which only gradient rules give, gets no gradient.
void mb_gradient_delay(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_op_params back = node->params;
    back.recurrence.reverse = !back.recurrence.reverse;
    mb_backward_contribute_op(pass, mb_in(node, delay, x), MB_OP_DELAY, back, dy, 1);
}

mb_tensor mb_delay(mb_graph *graph, mb_tensor x) {
    return mb_delay_along(graph, x, along_time);
}

mb_tensor mb_last_along(mb_graph *graph, mb_tensor x, mb_recurrence way) {
    if (!mb_given(graph, &x, 1))
        return MB_NO_TENSOR;
    const mb_shape *xs = mb_graph_shape(graph, x);
    if (xs->count != 3)
        return mb_refuse(graph, MB_OP_LAST_STEP, "x (B, T, D)", &x, 1);
    mb_op_params params = {.recurrence = way};
    return mb_graph_add_one(graph, MB_OP_LAST_STEP, params, &x, 1, mb_state_shape(xs, way));
}

mb_tensor mb_last_step(mb_graph *graph, mb_tensor x) {
    return mb_last_along(graph, x, along_time);
}

void mb_gradient_last_step(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_backward_contribute_op(pass, node->inputs[0], MB_OP_AT_LAST_STEP, node->params, dy, 1);
}

// The first step is the last one in reverse.
mb_tensor mb_first_step(mb_graph *graph, mb_tensor x, int32_t steps) {
    if (!mb_given(graph, &x, 1))
        return MB_NO_TENSOR;
    const mb_shape *xs = mb_graph_shape(graph, x);
    if (xs->count != 2 || steps < 1)
        return mb_refuse(graph, MB_OP_AT_LAST_STEP, "x (B, D) and at least one step", &x, 1);
    mb_op_params params = {.recurrence = {MB_AXIS_TIME, true}};
    mb_shape shape = {3, {xs->dims[0], steps, xs->dims[1]}};
    return mb_graph_add_one(graph, MB_OP_AT_LAST_STEP, params, &x, 1, shape);
}

void mb_gradient_at_last_step(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_backward_contribute_op(pass, node->inputs[0], MB_OP_LAST_STEP, node->params, dy, 1);
}
