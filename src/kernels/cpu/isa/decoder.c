// Decoder with attention. L positions with S sides (recurrence.h), D width of y, H hidden; blocks
// of gates in the order i, f, g, o. For position n = 0 .. L-2 and every side:
//   q = state[n-1] A[:H], or start A[:H] for n = 0        k[m] = x[m] A[H:]
//   alpha = softmax over m of v . tanh(q + k[m])           context = sum over m of alpha[m] x[m]
//   both cells: z = concat(y[n], context) W + b;  hidden = o * tanh(i * g)
//   state[n] = hidden_f + hidden_b;  out[n] = concat(state[n], context)
// The cell state before each step is zero, so the forget gate has no effect: its block of z is
// unused and its gradient is zero.
#include "cpu/isa/activation.h"
#include "cpu/isa/gemm.h"
#include "cpu/isa/recurrence.h"
#include "cpu/isa/sums.h"

// v . tanh(q + k)
static float energy(int32_t hidden, const float *restrict v, const float *restrict q,
                    const float *restrict k) {
    float lanes[MB_SUM_LANES] = {0.0f};
    int32_t j = 0;
    for (; j + MB_SUM_LANES <= hidden; j += MB_SUM_LANES)
        for (int i = 0; i < MB_SUM_LANES; i++)
            lanes[i] += v[j + i] * mb_tanh_of(q[j + i] + k[j + i]);
    for (; j < hidden; j++)
        lanes[j % MB_SUM_LANES] += v[j] * mb_tanh_of(q[j] + k[j]);
    return mb_sum_total(mb_sum_next(lanes, MB_SUM_LANES));
}

static void softmax_in_place(float *x, int32_t count) {
    float largest = x[0], sum = 0.0f;
    for (int32_t m = 1; m < count; m++)
        largest = x[m] > largest ? x[m] : largest;
    for (int32_t m = 0; m < count; m++) {
        x[m] = expf(x[m] - largest);
        sum += x[m];
    }
    for (int32_t m = 0; m < count; m++)
        x[m] /= sum;
}

// Attention of one side: q (H), and keys and x (H) at every position -> alpha (L), context (H).
static void attend(const mb_walk *walk, int32_t hidden, const float *v, const float *q,
                   const float *keys, const float *x, float *restrict alpha,
                   float *restrict context) {
    for (int32_t m = 0; m < walk->length; m++)
        alpha[m] = energy(hidden, v, q, keys + mb_walk_at(walk, m) * hidden);
    softmax_in_place(alpha, walk->length);
    memset(context, 0, (size_t)hidden * sizeof *context);
    for (int32_t m = 0; m < walk->length; m++) {
        const float *restrict value = x + mb_walk_at(walk, m) * hidden;
        for (int32_t j = 0; j < hidden; j++)
            context[j] += alpha[m] * value[j];
    }
}

// Activates the gates i, g, o of a cell whose state was zero, and adds its hidden state to `state`.
// The blocks of z are separate arguments and the function is not inlined, so that the loop
// vectorises.
static __attribute__((noinline)) void add_cell(int32_t hidden, float *restrict zi,
                                               float *restrict zg, float *restrict zo,
                                               float *restrict state) {
    for (int32_t j = 0; j < hidden; j++) {
        float i = mb_sigmoid_of(zi[j]), g = mb_tanh_of(zg[j]), o = mb_sigmoid_of(zo[j]);
        zi[j] = i;
        zg[j] = g;
        zo[j] = o;
        state[j] += o * mb_tanh_of(i * g);
    }
}

// gates (B', 4H) = y W[:D] + b
static void input_products(const mb_cpu_call *call, const float *weight, const float *bias,
                           int32_t hidden, float *gates) {
    int32_t vectors = (int32_t)mb_vectors(call, &mb_in(call->op, attention_decoder, y));
    int32_t width = mb_width(&mb_in(call->op, attention_decoder, y)), g = 4 * hidden;
    for (int32_t r = 0; r < vectors; r++)
        memcpy(gates + (int64_t)r * g, bias, (size_t)g * sizeof *gates);
    MB_NAME(gemm)
    (call->stop, vectors, g, width, (mb_matrix){mb_in(call, attention_decoder, y), width, 1},
     (mb_matrix){weight, g, 1}, gates, g, 1);
}

// y (B, T, D), x (B, T, H), start (S, H), A (2H, H), v (1, H), W_f (D+H, 4H), b_f (4H), W_b, b_b
// -> out (B, T, 2H), alpha (B, T, L), queries (B, T, H), keys (B, T, H),
//    gates_f, gates_b (B, T, 4H). Assigns.
MB_KERNEL(attention_decoder) {
    mb_walk walk = mb_walk_of(call, &mb_in(call->op, attention_decoder, x).shape);
    int32_t h = mb_width(&mb_in(call->op, attention_decoder, x));
    int32_t d = mb_width(&mb_in(call->op, attention_decoder, y));
    int32_t g = 4 * h;
    const float *x = mb_in(call, attention_decoder, x);
    const float *attention = mb_in(call, attention_decoder, attention);
    const float *v = mb_in(call, attention_decoder, score);
    const float *weights[2] = {mb_in(call, attention_decoder, weight_f),
                               mb_in(call, attention_decoder, weight_b)};
    const float *biases[2] = {mb_in(call, attention_decoder, bias_f),
                              mb_in(call, attention_decoder, bias_b)};
    float *out = mb_out(call, attention_decoder, out);
    float *alpha = mb_out(call, attention_decoder, alpha);
    float *queries = mb_out(call, attention_decoder, queries);
    float *keys = mb_out(call, attention_decoder, keys);
    float *gates[2] = {mb_out(call, attention_decoder, gates_f),
                       mb_out(call, attention_decoder, gates_b)};
    MB_NAME(gemm)
    (call->stop, (int32_t)mb_vectors(call, &mb_in(call->op, attention_decoder, x)), h, h,
     (mb_matrix){x, h, 1}, (mb_matrix){attention + (int64_t)h * h, h, 1}, keys, h, 0);
    for (int k = 0; k < 2; k++)
        input_products(call, weights[k], biases[k], h, gates[k]);
    memset(out, 0,
           (size_t)mb_elements(call, &mb_out(call->op, attention_decoder, out)) * sizeof *out);
    for (int32_t n = 0; n + 1 < walk.length; n++) {
        int64_t at = mb_walk_at(&walk, n);
        mb_matrix before = {mb_in(call, attention_decoder, start), h, 1};
        if (n > 0)
            before = (mb_matrix){out + mb_walk_at(&walk, n - 1) * 2 * h, walk.aside * 2 * h, 1};
        MB_NAME(gemm)
        (call->stop, walk.sides, h, h, before, (mb_matrix){attention, h, 1}, queries + at * h,
         walk.aside * h, 0);
        for (int32_t s = 0; s < walk.sides; s++) {
            int64_t side = s * walk.aside, here = at + side;
            attend(&walk, h, v, queries + here * h, keys + side * h, x + side * h,
                   alpha + here * walk.length, out + here * 2 * h + h);
        }
        for (int k = 0; k < 2; k++) {
            MB_NAME(gemm)
            (call->stop, walk.sides, g, h, (mb_matrix){out + at * 2 * h + h, walk.aside * 2 * h, 1},
             (mb_matrix){weights[k] + (int64_t)d * g, g, 1}, gates[k] + at * g, walk.aside * g, 1);
            for (int32_t s = 0; s < walk.sides; s++) {
                float *z = gates[k] + (at + s * walk.aside) * g;
                add_cell(h, z, z + 2 * h, z + 3 * h, out + (at + s * walk.aside) * 2 * h);
            }
        }
    }
}

// Gradient of z of a cell, whose hidden state has the gradient dout + dnext.
static __attribute__((noinline)) void add_cell_grad(int32_t hidden, const float *restrict dout,
                                                    const float *restrict dnext,
                                                    const float *restrict gates,
                                                    float *restrict dzi, float *restrict dzf,
                                                    float *restrict dzg, float *restrict dzo) {
    for (int32_t j = 0; j < hidden; j++) {
        float i = gates[j], g = gates[2 * hidden + j], o = gates[3 * hidden + j];
        float dh = dout[j] + dnext[j], tc = mb_tanh_of(i * g), dc = dh * o * (1.0f - tc * tc);
        dzi[j] = dc * g * i * (1.0f - i);
        dzf[j] = 0.0f;
        dzg[j] = dc * i * (1.0f - g * g);
        dzo[j] = dh * tc * o * (1.0f - o);
    }
}

static void decoder_cell_grad(int32_t hidden, const float *dout, const float *dnext,
                              const float *gates, float *dz) {
    add_cell_grad(hidden, dout, dnext, gates, dz, dz + hidden, dz + 2 * hidden, dz + 3 * hidden);
}

// dv += dscore * e, dk += p, dq += p with e = tanh(q + k), p = dscore * v * (1 - e^2)
static void energy_grad(int32_t hidden, float dscore, const float *restrict v,
                        const float *restrict q, const float *restrict k, float *restrict dv,
                        float *restrict dk, float *restrict dq) {
    for (int32_t j = 0; j < hidden; j++) {
        float e = mb_tanh_of(q[j] + k[j]), p = dscore * v[j] * (1.0f - e * e);
        dv[j] += dscore * e;
        dk[j] += p;
        dq[j] += p;
    }
}

// The operands of the attention of one side: inputs, and the gradients that it adds to.
typedef struct attention {
    const float *v, *q, *keys, *x, *alpha;
    float *dv, *dkeys, *dx, *dalpha;
} attention;

// On entry `gradient` (H) is the gradient of the context; on return it is the gradient of the
// query.
static void attend_grad(const mb_walk *walk, int32_t hidden, const attention *a,
                        float *restrict gradient) {
    double mean = 0.0;
    for (int32_t m = 0; m < walk->length; m++) {
        int64_t at = mb_walk_at(walk, m) * hidden;
        a->dalpha[m] = mb_dot_of(hidden, a->x + at, gradient);
        mean += (double)a->alpha[m] * (double)a->dalpha[m];
        for (int32_t j = 0; j < hidden; j++)
            a->dx[at + j] += a->alpha[m] * gradient[j];
    }
    memset(gradient, 0, (size_t)hidden * sizeof *gradient);
    for (int32_t m = 0; m < walk->length; m++) {
        int64_t at = mb_walk_at(walk, m) * hidden;
        float dscore = a->alpha[m] * (float)((double)a->dalpha[m] - mean);
        energy_grad(hidden, dscore, a->v, a->q, a->keys + at, a->dv, a->dkeys + at, gradient);
    }
}

static void fill_zero(const mb_cpu_call *call, int32_t output) {
    memset(call->outputs[output], 0,
           (size_t)mb_elements(call, &call->op->outputs[output]) * sizeof(float));
}

static void zero_position(const mb_walk *walk, int32_t n, int32_t width, float *x) {
    for (int32_t s = 0; s < walk->sides; s++)
        memset(x + (mb_walk_at(walk, n) + s * walk->aside) * width, 0, (size_t)width * sizeof *x);
}

// dout, x, A, v, W_f, W_b, alpha, queries, keys, gates_f, gates_b
// -> dz_f, dz_b (B, T, 4H), dx (B, T, H), dstart (S, H), dv (1, H), dqueries, dkeys (B, T, H),
//    dalpha (B, T, L). Assigns.
// dstart holds the running gradient of the previous state. At position n, dqueries first holds the
// gradient of the context, then that of the query.
MB_KERNEL(attention_decoder_grad) {
    mb_walk walk = mb_walk_of(call, &mb_in(call->op, attention_decoder_grad, x).shape);
    int32_t h = mb_width(&mb_in(call->op, attention_decoder_grad, x)), g = 4 * h;
    int32_t d = mb_in(call->op, attention_decoder_grad, weight_f).shape.dims[1] - h;
    const float *dout = mb_in(call, attention_decoder_grad, dout);
    const float *weight = mb_in(call, attention_decoder_grad, attention);
    float *dx = mb_out(call, attention_decoder_grad, dx);
    float *dstart = mb_out(call, attention_decoder_grad, dstart);
    float *dqueries = mb_out(call, attention_decoder_grad, dqueries);
    float *dkeys = mb_out(call, attention_decoder_grad, dkeys);
    const float *weights[2] = {mb_in(call, attention_decoder_grad, weight_f),
                               mb_in(call, attention_decoder_grad, weight_b)};
    const float *gates[2] = {mb_in(call, attention_decoder_grad, gates_f),
                             mb_in(call, attention_decoder_grad, gates_b)};
    float *dz[2] = {mb_out(call, attention_decoder_grad, dz_f),
                    mb_out(call, attention_decoder_grad, dz_b)};
    for (int32_t output = MB_OUTPUT(attention_decoder_grad, dx);
         output <= MB_OUTPUT(attention_decoder_grad, dkeys); output++)
        fill_zero(call, output);
    for (int k = 0; k < 2; k++)
        zero_position(&walk, walk.length - 1, g, dz[k]);
    for (int32_t n = walk.length - 2; n >= 0; n--) {
        int64_t at = mb_walk_at(&walk, n);
        for (int32_t s = 0; s < walk.sides; s++) {
            int64_t here = at + s * walk.aside;
            for (int k = 0; k < 2; k++)
                decoder_cell_grad(h, dout + here * 2 * h, dstart + (int64_t)s * h,
                                  gates[k] + here * g, dz[k] + here * g);
            memcpy(dqueries + here * h, dout + here * 2 * h + h, (size_t)h * sizeof *dqueries);
        }
        for (int k = 0; k < 2; k++)
            MB_NAME(gemm)
        (call->stop, walk.sides, h, g, (mb_matrix){dz[k] + at * g, walk.aside * g, 1},
         (mb_matrix){weights[k] + (int64_t)d * g, 1, g}, dqueries + at * h, walk.aside * h, 1);
        for (int32_t s = 0; s < walk.sides; s++) {
            int64_t side = s * walk.aside, here = at + side;
            attention a = {.v = mb_in(call, attention_decoder_grad, score),
                           .q = mb_in(call, attention_decoder_grad, queries) + here * h,
                           .keys = mb_in(call, attention_decoder_grad, keys) + side * h,
                           .x = mb_in(call, attention_decoder_grad, x) + side * h,
                           .alpha = mb_in(call, attention_decoder_grad, alpha) + here * walk.length,
                           .dv = mb_out(call, attention_decoder_grad, dscore),
                           .dkeys = dkeys + side * h,
                           .dx = dx + side * h,
                           .dalpha =
                               mb_out(call, attention_decoder_grad, dalpha) + here * walk.length};
            attend_grad(&walk, h, &a, dqueries + here * h);
        }
        MB_NAME(gemm)
        (call->stop, walk.sides, h, h, (mb_matrix){dqueries + at * h, walk.aside * h, 1},
         (mb_matrix){weight, 1, h}, dstart, h, 0);
    }
    MB_NAME(gemm)
    (call->stop, (int32_t)mb_vectors(call, &mb_in(call->op, attention_decoder_grad, x)), h, h,
     (mb_matrix){dkeys, h, 1}, (mb_matrix){weight + (int64_t)h * h, 1, h}, dx, h, 1);
}
