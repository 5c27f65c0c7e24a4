// Decoder with attention over an encoded sequence.
#include "graph/backward.h"
#include "graph/construct.h"

enum { Y, X, START, ATTENTION, SCORE, WEIGHT_F, BIAS_F, WEIGHT_B, BIAS_B, INPUTS };
enum { OUT, ALPHA, QUERIES, KEYS, GATES_F, GATES_B };

// H from x, or 0 when the shapes do not fit.
static int32_t width_of(const mb_graph *graph, const mb_tensor *inputs, mb_recurrence way) {
    const mb_shape *shapes[INPUTS];
    for (int i = 0; i < INPUTS; i++)
        shapes[i] = mb_graph_shape(graph, inputs[i]);
    if (shapes[Y]->count != 3 || shapes[X]->count != 3 ||
        shapes[Y]->dims[0] != shapes[X]->dims[0] || shapes[Y]->dims[1] != shapes[X]->dims[1])
        return 0;
    int32_t h = shapes[X]->dims[2], d = shapes[Y]->dims[2];
    mb_shape start = mb_side_shape(shapes[X], way), attention = {2, {h, 2 * h}},
             score = {2, {1, h}};
    mb_shape weight = {2, {4 * h, d + h}}, bias = {1, {4 * h}};
    const mb_shape *const expected[] = {&start, &attention, &score, &weight, &bias, &weight, &bias};
    for (int i = START; i < INPUTS; i++)
        if (!mb_shape_equal(shapes[i], expected[i - START]))
            return 0;
    return h;
}

mb_tensor mb_attention_decoder(mb_graph *graph, mb_tensor y, mb_tensor x, mb_tensor start,
                               mb_tensor attention, mb_tensor score, const mb_decoder_cell cells[2],
                               mb_recurrence way) {
    mb_tensor inputs[] = {y,
                          x,
                          start,
                          attention,
                          score,
                          cells[0].weight,
                          cells[0].bias,
                          cells[1].weight,
                          cells[1].bias};
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
    mb_shape shapes[] = {out, alpha, states, states, gates, gates};
    mb_tensor outputs[MB_MAX_OUTPUTS];
    mb_op_params params = {.recurrence = way};
    mb_graph_add(graph, MB_OP_ATTENTION_DECODER, params, inputs, INPUTS, shapes, outputs);
    return outputs[OUT];
}

static mb_tensor columns_of(mb_graph *graph, mb_tensor x, int32_t begin, int32_t width) {
    mb_shape shape = *mb_graph_shape(graph, x);
    shape.dims[shape.count - 1] = width;
    mb_op_params params = {.slice = {begin}};
    return mb_graph_add_one(graph, MB_OP_SLICE, params, &x, 1, shape);
}

// A cell's weights see concat(y, context), its bias the sums alone.
static void contribute_cell(mb_backward *pass, const mb_node *node, int weight, mb_tensor seen,
                            mb_tensor dz) {
    mb_tensor y = node->inputs[Y], w = node->inputs[weight];
    mb_backward_contribute_op(pass, w, MB_OP_LINEAR_GRAD_WEIGHT, mb_no_params,
                              (mb_tensor[]){seen, dz}, 2);
    mb_backward_contribute_op(pass, node->inputs[weight + 1], MB_OP_LINEAR_GRAD_BIAS, mb_no_params,
                              &dz, 1);
    if (!mb_backward_wants(pass, y))
        return;
    mb_tensor dseen = mb_graph_add_one(pass->graph, MB_OP_LINEAR_GRAD_INPUT, mb_no_params,
                                       (mb_tensor[]){dz, w}, 2, mb_backward_shape(pass, seen));
    mb_backward_contribute(pass, y,
                           columns_of(pass->graph, dseen, 0, mb_backward_shape(pass, y).dims[2]));
}

// W is stored input-major: its part for the queries, which sees the states one place before, lies
// in front of its part for the keys, which sees x.
static void contribute_attention(mb_backward *pass, const mb_node *node, mb_tensor states,
                                 mb_tensor dqueries, mb_tensor dkeys) {
    mb_graph *graph = pass->graph;
    mb_tensor attention = node->inputs[ATTENTION];
    if (!mb_backward_wants(pass, attention))
        return;
    mb_shape whole = mb_backward_shape(pass, attention);
    mb_shape half = {1, {whole.dims[0] * whole.dims[0]}}, flat = {1, {2 * half.dims[0]}};
    mb_tensor before = mb_graph_add_one(graph, MB_OP_DELAY, node->params,
                                        (mb_tensor[]){states, node->inputs[START]}, 2,
                                        mb_backward_shape(pass, states));
    mb_tensor halves[] = {
        mb_graph_add_one(graph, MB_OP_LINEAR_GRAD_WEIGHT, mb_no_params,
                         (mb_tensor[]){before, dqueries}, 2, half),
        mb_graph_add_one(graph, MB_OP_LINEAR_GRAD_WEIGHT, mb_no_params,
                         (mb_tensor[]){node->inputs[X], dkeys}, 2, half),
    };
    mb_tensor joined = mb_graph_add_one(graph, MB_OP_CONCAT, mb_no_params, halves, 2, flat);
    mb_backward_contribute_op(pass, attention, MB_OP_RESHAPE, mb_no_params, &joined, 1);
}

void mb_gradient_attention_decoder(mb_backward *pass, const mb_node *node, const mb_tensor *dy) {
    enum { DZ_F, DZ_B, DX, DSTART, DSCORE, DQUERIES, DKEYS, DALPHA };
    const mb_tensor *in = node->inputs, *out = node->outputs;
    mb_tensor inputs[] = {dy[0],        in[X],        in[ATTENTION], in[SCORE],
                          in[WEIGHT_F], in[WEIGHT_B], out[ALPHA],    out[QUERIES],
                          out[KEYS],    out[GATES_F], out[GATES_B]};
    mb_shape states = mb_backward_shape(pass, in[X]), gates = mb_backward_shape(pass, out[GATES_F]);
    mb_shape shapes[] = {gates,
                         gates,
                         states,
                         mb_backward_shape(pass, in[START]),
                         mb_backward_shape(pass, in[SCORE]),
                         states,
                         states,
                         mb_backward_shape(pass, out[ALPHA])};
    mb_tensor d[MB_MAX_OUTPUTS];
    if (!mb_graph_add(pass->graph, MB_OP_ATTENTION_DECODER_GRAD, node->params, inputs, 11, shapes,
                      d))
        return;
    const struct { int input, gradient; } direct[] = {{X, DX}, {START, DSTART}, {SCORE, DSCORE}};
    for (int i = 0; i < 3; i++)
        if (mb_backward_wants(pass, in[direct[i].input]))
            mb_backward_contribute(pass, in[direct[i].input], d[direct[i].gradient]);
    int32_t h = states.dims[2];
    mb_tensor context = columns_of(pass->graph, out[OUT], h, h);
    mb_tensor seen = mb_concat(pass->graph, (mb_tensor[]){in[Y], context}, 2);
    contribute_cell(pass, node, WEIGHT_F, seen, d[DZ_F]);
    contribute_cell(pass, node, WEIGHT_B, seen, d[DZ_B]);
    contribute_attention(pass, node, columns_of(pass->graph, out[OUT], 0, h), d[DQUERIES],
                         d[DKEYS]);
}
