// Decoder with attention over an encoded sequence.
#include "graph/backward.h"
#include "graph/construct.h"

enum { INPUTS = sizeof(mb_attention_decoder_inputs) };

// H, or 0 when the shapes do not fit.
static int32_t width_of(const mb_graph *graph, const mb_tensor *inputs, mb_recurrence way) {
    const mb_shape *ys = mb_graph_shape(graph, inputs[MB_INPUT(attention_decoder, y)]);
    const mb_shape *xs = mb_graph_shape(graph, inputs[MB_INPUT(attention_decoder, x)]);
    if (ys->count != 3 || xs->count != 3 || ys->dims[0] != xs->dims[0] ||
        ys->dims[1] != xs->dims[1])
        return 0;
    int32_t h = xs->dims[2], d = ys->dims[2];
    mb_shape start = mb_state_shape(xs, way), attention = {2, {h, 2 * h}}, score = {2, {1, h}};
    mb_shape weight = {2, {4 * h, d + h}}, bias = {1, {4 * h}};
    const mb_shape *const expected[INPUTS] = {
        [MB_INPUT(attention_decoder, y)] = ys,
        [MB_INPUT(attention_decoder, x)] = xs,
        [MB_INPUT(attention_decoder, start)] = &start,
        [MB_INPUT(attention_decoder, attention)] = &attention,
        [MB_INPUT(attention_decoder, score)] = &score,
        [MB_INPUT(attention_decoder, weight_f)] = &weight,
        [MB_INPUT(attention_decoder, bias_f)] = &bias,
        [MB_INPUT(attention_decoder, weight_b)] = &weight,
        [MB_INPUT(attention_decoder, bias_b)] = &bias,
    };
    for (int i = 0; i < INPUTS; i++)
        if (!mb_shape_equal(mb_graph_shape(graph, inputs[i]), expected[i]))
            return 0;
    return h;
}

mb_tensor mb_attention_decoder(mb_graph *graph, mb_tensor y, mb_tensor x, mb_tensor start,
                               mb_tensor attention, mb_tensor score, const mb_decoder_cell cells[2],
                               mb_recurrence way) {
    mb_tensor inputs[] = {
        [MB_INPUT(attention_decoder, y)] = y,
        [MB_INPUT(attention_decoder, x)] = x,
        [MB_INPUT(attention_decoder, start)] = start,
        [MB_INPUT(attention_decoder, attention)] = attention,
        [MB_INPUT(attention_decoder, score)] = score,
        [MB_INPUT(attention_decoder, weight_f)] = cells[0].weight,
        [MB_INPUT(attention_decoder, bias_f)] = cells[0].bias,
        [MB_INPUT(attention_decoder, weight_b)] = cells[1].weight,
        [MB_INPUT(attention_decoder, bias_b)] = cells[1].bias,
    };
    if (!mb_given(graph, inputs, INPUTS))
        return MB_NO_TENSOR;
    int32_t h = width_of(graph, inputs, way);
    if (h == 0)
        return mb_refuse(graph, MB_OP_ATTENTION_DECODER,
                         "y (B, T, D), x (B, T, H), start (B or T, H), W (H, 2H), v (1, H), and "
                         "twice W (4H, D+H), b (4H)",
                         inputs, INPUTS);
    mb_shape states = *mb_graph_shape(graph, x), out = states, alpha = states, gates = states;
    out.dims[2] = 2 * h;
    alpha.dims[2] = states.dims[way.axis == MB_AXIS_ROWS ? 0 : 1];
    gates.dims[2] = 4 * h;
    mb_shape shapes[] = {
        [MB_OUTPUT(attention_decoder, out)] = out,
        [MB_OUTPUT(attention_decoder, alpha)] = alpha,
        [MB_OUTPUT(attention_decoder, queries)] = states,
        [MB_OUTPUT(attention_decoder, keys)] = states,
        [MB_OUTPUT(attention_decoder, gates_f)] = gates,
        [MB_OUTPUT(attention_decoder, gates_b)] = gates,
    };
    mb_tensor outputs[MB_MAX_OUTPUTS];
    mb_op_params params = {.recurrence = way};
    mb_graph_add(graph, MB_OP_ATTENTION_DECODER, params, inputs, INPUTS, shapes, outputs);
    return outputs[MB_OUTPUT(attention_decoder, out)];
}

static mb_tensor columns_of(mb_graph *graph, mb_tensor x, int32_t begin, int32_t width) {
    mb_shape shape = *mb_graph_shape(graph, x);
    shape.dims[shape.count - 1] = width;
    mb_op_params params = {.slice = {begin}};
    return mb_graph_add_one(graph, MB_OP_SLICE, params, &x, 1, shape);
}

// `seen` is concat(y, context), the input of the cell; dz is the gradient of its gates
// before activation.
static void contribute_cell(mb_backward *pass, mb_tensor y, mb_decoder_cell cell, mb_tensor seen,
                            mb_tensor dz) {
    mb_backward_contribute_op(pass, cell.weight, MB_OP_LINEAR_GRAD_WEIGHT, mb_no_params,
                              (mb_tensor[]){seen, dz}, 2);
    mb_backward_contribute_op(pass, cell.bias, MB_OP_LINEAR_GRAD_BIAS, mb_no_params, &dz, 1);
    if (!mb_backward_wants(pass, y))
        return;
    mb_tensor dseen =
        mb_graph_add_one(pass->graph, MB_OP_LINEAR_GRAD_INPUT, mb_no_params,
                         (mb_tensor[]){cell.weight, dz}, 2, mb_backward_shape(pass, seen));
    mb_backward_contribute(pass, y,
                           columns_of(pass->graph, dseen, 0, mb_backward_shape(pass, y).dims[2]));
}

// W is stored input-major: first the half for queries, which reads the previous states, then the
// half for keys, which reads x.
static void contribute_attention(mb_backward *pass, const mb_node *node, mb_tensor states,
                                 mb_tensor dqueries, mb_tensor dkeys) {
    mb_graph *graph = pass->graph;
    mb_tensor attention = mb_in(node, attention_decoder, attention);
    if (!mb_backward_wants(pass, attention))
        return;
    mb_shape whole = mb_backward_shape(pass, attention);
    mb_shape half = {1, {whole.dims[0] * whole.dims[0]}}, flat = {1, {2 * half.dims[0]}};
    mb_tensor before =
        mb_graph_add_one(graph, MB_OP_DELAY, node->params,
                         (mb_tensor[]){states, mb_in(node, attention_decoder, start)}, 2,
                         mb_backward_shape(pass, states));
    mb_tensor halves[] = {
        mb_graph_add_one(graph, MB_OP_LINEAR_GRAD_WEIGHT, mb_no_params,
                         (mb_tensor[]){before, dqueries}, 2, half),
        mb_graph_add_one(graph, MB_OP_LINEAR_GRAD_WEIGHT, mb_no_params,
                         (mb_tensor[]){mb_in(node, attention_decoder, x), dkeys}, 2, half),
    };
    mb_tensor joined = mb_graph_add_one(graph, MB_OP_CONCAT, mb_no_params, halves, 2, flat);
    mb_backward_contribute_op(pass, attention, MB_OP_RESHAPE, mb_no_params, &joined, 1);
}

void mb_gradient_attention_decoder(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    mb_tensor y = mb_in(node, attention_decoder, y), x = mb_in(node, attention_decoder, x);
    mb_tensor start = mb_in(node, attention_decoder, start);
    mb_tensor score = mb_in(node, attention_decoder, score);
    mb_tensor out = mb_out(node, attention_decoder, out);
    mb_tensor alpha = mb_out(node, attention_decoder, alpha);
    mb_tensor gates_f = mb_out(node, attention_decoder, gates_f);
    mb_decoder_cell cell_f = {mb_in(node, attention_decoder, weight_f),
                              mb_in(node, attention_decoder, bias_f)};
    mb_decoder_cell cell_b = {mb_in(node, attention_decoder, weight_b),
                              mb_in(node, attention_decoder, bias_b)};
    mb_tensor inputs[] = {
        [MB_INPUT(attention_decoder_grad, dout)] = dy[MB_OUTPUT(attention_decoder, out)],
        [MB_INPUT(attention_decoder_grad, x)] = x,
        [MB_INPUT(attention_decoder_grad, attention)] = mb_in(node, attention_decoder, attention),
        [MB_INPUT(attention_decoder_grad, score)] = score,
        [MB_INPUT(attention_decoder_grad, weight_f)] = cell_f.weight,
        [MB_INPUT(attention_decoder_grad, weight_b)] = cell_b.weight,
        [MB_INPUT(attention_decoder_grad, alpha)] = alpha,
        [MB_INPUT(attention_decoder_grad, queries)] = mb_out(node, attention_decoder, queries),
        [MB_INPUT(attention_decoder_grad, keys)] = mb_out(node, attention_decoder, keys),
        [MB_INPUT(attention_decoder_grad, gates_f)] = gates_f,
        [MB_INPUT(attention_decoder_grad, gates_b)] = mb_out(node, attention_decoder, gates_b),
    };
    mb_shape states = mb_backward_shape(pass, x), gates = mb_backward_shape(pass, gates_f);
    mb_shape shapes[] = {
        [MB_OUTPUT(attention_decoder_grad, dz_f)] = gates,
        [MB_OUTPUT(attention_decoder_grad, dz_b)] = gates,
        [MB_OUTPUT(attention_decoder_grad, dx)] = states,
        [MB_OUTPUT(attention_decoder_grad, dstart)] = mb_backward_shape(pass, start),
        [MB_OUTPUT(attention_decoder_grad, dscore)] = mb_backward_shape(pass, score),
        [MB_OUTPUT(attention_decoder_grad, dqueries)] = states,
        [MB_OUTPUT(attention_decoder_grad, dkeys)] = states,
        [MB_OUTPUT(attention_decoder_grad, dalpha)] = mb_backward_shape(pass, alpha),
    };
    mb_tensor d[MB_MAX_OUTPUTS];
    if (!mb_graph_add(pass->graph, MB_OP_ATTENTION_DECODER_GRAD, node->params, inputs,
                      sizeof inputs / sizeof *inputs, shapes, d))
        return;
    const struct {
        mb_tensor input, gradient;
    } direct[] = {
        {x, d[MB_OUTPUT(attention_decoder_grad, dx)]},
        {start, d[MB_OUTPUT(attention_decoder_grad, dstart)]},
        {score, d[MB_OUTPUT(attention_decoder_grad, dscore)]},
    };
    for (int i = 0; i < 3; i++)
        if (mb_backward_wants(pass, direct[i].input))
            mb_backward_contribute(pass, direct[i].input, direct[i].gradient);
    int32_t h = states.dims[2];
    mb_tensor context = columns_of(pass->graph, out, h, h);
    mb_tensor seen = mb_concat(pass->graph, (mb_tensor[]){y, context}, 2);
    contribute_cell(pass, y, cell_f, seen, d[MB_OUTPUT(attention_decoder_grad, dz_f)]);
    contribute_cell(pass, y, cell_b, seen, d[MB_OUTPUT(attention_decoder_grad, dz_b)]);
    contribute_attention(pass, node, columns_of(pass->graph, out, 0, h),
                         d[MB_OUTPUT(attention_decoder_grad, dqueries)],
                         d[MB_OUTPUT(attention_decoder_grad, dkeys)]);
}
