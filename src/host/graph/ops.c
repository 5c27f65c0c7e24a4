// Constructors: check shapes, record, return a tensor.
#include "graph/graph.h"

#include <string.h>

static const mb_op_params no_params = {.update = {-1}};

// Whether all inputs are there; false also after an earlier failure.
static bool given(const mb_graph *graph, const mb_tensor *tensors, int32_t count) {
    if (graph->status != MB_OK)
        return false;
    for (int32_t i = 0; i < count; i++)
        if (tensors[i] == MB_NO_TENSOR)
            return false;
    return true;
}

// Records the failure "op: expected ..., found shapes".
static mb_tensor refuse(mb_graph *graph, mb_op op, const char *expected, const mb_tensor *tensors,
                        int32_t count) {
    char shapes[256] = "";
    for (int32_t i = 0; i < count; i++) {
        size_t used = strlen(shapes);
        if (i > 0 && used + 1 < sizeof shapes)
            shapes[used++] = ' ';
        mb_shape_print(mb_graph_shape(graph, tensors[i]), shapes + used,
                       (int32_t)(sizeof shapes - used));
    }
    mb_graph_refuse(graph, "%s: expected %s, found %s", mb_op_infos[op].name, expected, shapes);
    return MB_NO_TENSOR;
}

mb_tensor mb_linear(mb_graph *graph, mb_tensor x, mb_tensor weight, mb_tensor bias) {
    mb_tensor inputs[] = {x, weight, bias};
    int32_t count = bias == MB_NO_TENSOR ? 2 : 3;
    if (!given(graph, inputs, count))
        return MB_NO_TENSOR;
    const mb_shape *xs = mb_graph_shape(graph, x), *ws = mb_graph_shape(graph, weight);
    if (ws->count != 2 || mb_shape_last(xs) != ws->dims[1])
        return refuse(graph, MB_OP_LINEAR, "x (..., I), W (O, I)", inputs, count);
    if (count == 3) {
        const mb_shape *bs = mb_graph_shape(graph, bias);
        if (bs->count != 1 || bs->dims[0] != ws->dims[0])
            return refuse(graph, MB_OP_LINEAR, "x (..., I), W (O, I), b (O)", inputs, count);
    }
    mb_shape shape = *xs;
    shape.dims[shape.count - 1] = ws->dims[0];
    mb_op_params params = {.linear = {.relu = false}};
    return mb_graph_add_one(graph, MB_OP_LINEAR, params, inputs, count, shape);
}

// Ops that keep the shape of their one input.
static mb_tensor same_shape(mb_graph *graph, mb_op op, mb_op_params params, mb_tensor x) {
    if (!given(graph, &x, 1))
        return MB_NO_TENSOR;
    return mb_graph_add_one(graph, op, params, &x, 1, *mb_graph_shape(graph, x));
}

mb_tensor mb_relu(mb_graph *graph, mb_tensor x) {
    return same_shape(graph, MB_OP_RELU, no_params, x);
}

mb_tensor mb_softmax(mb_graph *graph, mb_tensor x) {
    return same_shape(graph, MB_OP_SOFTMAX, no_params, x);
}

mb_tensor mb_dropout(mb_graph *graph, mb_tensor x, mb_slot rate) {
    if (graph->dropout == MB_DROPOUT_OFF || !given(graph, &x, 1))
        return x;
    mb_op_params params = {.dropout = {.rate = rate, .site = graph->dropout_sites++}};
    mb_op op = MB_OP_DROPOUT;
    if (graph->dropout == MB_DROPOUT_STORED) {
        op = MB_OP_STORED_DROPOUT;
        params.dropout.mask_offset = graph->mask_floats;
        graph->mask_floats += mb_shape_elements(mb_graph_shape(graph, x), graph->max_rows);
    }
    return same_shape(graph, op, params, x);
}

mb_tensor mb_concat(mb_graph *graph, const mb_tensor *tensors, int32_t count) {
    if (count < 1 || count > MB_MAX_INPUTS) {
        mb_graph_refuse(graph, "concat: expected 1 to %d tensors, found %d", MB_MAX_INPUTS, count);
        return MB_NO_TENSOR;
    }
    if (!given(graph, tensors, count))
        return MB_NO_TENSOR;
    mb_shape shape = *mb_graph_shape(graph, tensors[0]);
    int32_t width = 0;
    for (int32_t i = 0; i < count; i++) {
        mb_shape other = *mb_graph_shape(graph, tensors[i]);
        width += mb_shape_last(&other);
        other.dims[other.count - 1] = mb_shape_last(&shape);
        if (!mb_shape_equal(&shape, &other))
            return refuse(graph, MB_OP_CONCAT, "shapes that differ in the last dimension only",
                          tensors, count);
    }
    shape.dims[shape.count - 1] = width;
    return mb_graph_add_one(graph, MB_OP_CONCAT, no_params, tensors, count, shape);
}

mb_tensor mb_mix(mb_graph *graph, mb_tensor weights, mb_tensor values) {
    mb_tensor inputs[] = {weights, values};
    if (!given(graph, inputs, 2))
        return MB_NO_TENSOR;
    const mb_shape *ws = mb_graph_shape(graph, weights), *us = mb_graph_shape(graph, values);
    if (ws->count != 2 || us->count != 2 || ws->dims[0] != us->dims[0] ||
        us->dims[1] % ws->dims[1] != 0)
        return refuse(graph, MB_OP_MIX, "w (B, K), u (B, K*H)", inputs, 2);
    mb_shape shape = {2, {us->dims[0], us->dims[1] / ws->dims[1]}};
    return mb_graph_add_one(graph, MB_OP_MIX, no_params, inputs, 2, shape);
}

mb_tensor mb_lstm(mb_graph *graph, mb_tensor z, mb_tensor weight_hh, mb_tensor bias_hh) {
    mb_tensor inputs[] = {z, weight_hh, bias_hh};
    if (!given(graph, inputs, 3))
        return MB_NO_TENSOR;
    const mb_shape *zs = mb_graph_shape(graph, z), *ws = mb_graph_shape(graph, weight_hh);
    const mb_shape *bs = mb_graph_shape(graph, bias_hh);
    if (zs->count != 3 || ws->count != 2 || ws->dims[0] != 4 * ws->dims[1] ||
        zs->dims[2] != ws->dims[0] || bs->count != 1 || bs->dims[0] != ws->dims[0])
        return refuse(graph, MB_OP_LSTM, "z (B, T, 4H), W (4H, H), b (4H)", inputs, 3);
    mb_shape hidden = {3, {zs->dims[0], zs->dims[1], ws->dims[1]}};
    mb_shape shapes[] = {hidden, hidden, *zs};
    mb_tensor outputs[MB_MAX_OUTPUTS];
    mb_graph_add(graph, MB_OP_LSTM, no_params, inputs, 3, shapes, outputs);
    return outputs[0];
}

mb_tensor mb_last_step(mb_graph *graph, mb_tensor x) {
    if (!given(graph, &x, 1))
        return MB_NO_TENSOR;
    const mb_shape *xs = mb_graph_shape(graph, x);
    if (xs->count != 3)
        return refuse(graph, MB_OP_LAST_STEP, "x (B, T, D)", &x, 1);
    mb_shape shape = {2, {xs->dims[0], xs->dims[2]}};
    return mb_graph_add_one(graph, MB_OP_LAST_STEP, no_params, &x, 1, shape);
}

mb_tensor mb_add(mb_graph *graph, mb_tensor a, mb_tensor b) {
    mb_tensor inputs[] = {a, b};
    if (!given(graph, inputs, 2))
        return MB_NO_TENSOR;
    if (!mb_shape_equal(mb_graph_shape(graph, a), mb_graph_shape(graph, b)))
        return refuse(graph, MB_OP_ADD, "equal shapes", inputs, 2);
    return mb_graph_add_one(graph, MB_OP_ADD, no_params, inputs, 2, *mb_graph_shape(graph, a));
}

static mb_tensor loss(mb_graph *graph, mb_op op, mb_tensor outputs, mb_tensor labels) {
    mb_tensor inputs[] = {outputs, labels};
    if (!given(graph, inputs, 2))
        return MB_NO_TENSOR;
    const mb_shape *os = mb_graph_shape(graph, outputs), *ls = mb_graph_shape(graph, labels);
    bool fits = os->count == 2 && ls->count == 1 && os->dims[0] == ls->dims[0];
    if (op == MB_OP_MEAN_SQUARED_ERROR)
        fits = fits && os->dims[1] == 1;
    if (!fits)
        return refuse(graph, op, "outputs (B, C), labels (B)", inputs, 2);
    return mb_graph_add_one(graph, op, no_params, inputs, 2, (mb_shape){1, {1}});
}

mb_tensor mb_cross_entropy(mb_graph *graph, mb_tensor logits, mb_tensor emotions) {
    return loss(graph, MB_OP_CROSS_ENTROPY, logits, emotions);
}

mb_tensor mb_mean_squared_error(mb_graph *graph, mb_tensor values, mb_tensor valences) {
    return loss(graph, MB_OP_MEAN_SQUARED_ERROR, values, valences);
}
