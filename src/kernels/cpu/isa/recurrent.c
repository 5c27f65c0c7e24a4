// LSTM over a whole sequence, and ops that move or pick positions of a sequence. B rows, T steps, H
// hidden; a recurrence walks over L positions with S sides (recurrence.h); blocks of gates in the
// order i, f, g, o. All assign. In formulae t is a position of the walk.
#include "cpu/isa/recurrence.h"

#include "cpu/isa/activation.h"
#include "cpu/isa/gemm.h"

// Activates the gates of one position and advances the state. On entry the blocks of z hold the
// arguments of the gates. The blocks are separate arguments and the function is not inlined, so
// that the loop vectorises.
static __attribute__((noinline)) void move_cell(int32_t hidden, float *restrict zi,
                                                float *restrict zf, float *restrict zg,
                                                float *restrict zo,
                                                const float *restrict cell_before,
                                                float *restrict cell, float *restrict state) {
    for (int32_t j = 0; j < hidden; j++) {
        float i = mb_sigmoid_of(zi[j]), f = mb_sigmoid_of(zf[j]);
        float g = mb_tanh_of(zg[j]), o = mb_sigmoid_of(zo[j]);
        float c = i * g + (cell_before != NULL ? f * cell_before[j] : 0.0f);
        zi[j] = i;
        zf[j] = f;
        zg[j] = g;
        zo[j] = o;
        cell[j] = c;
        state[j] = o * mb_tanh_of(c);
    }
}

static void lstm_cell(int32_t hidden, float *z, const float *cell_before, float *cell,
                      float *state) {
    move_cell(hidden, z, z + hidden, z + 2 * hidden, z + 3 * hidden, cell_before, cell, state);
}

// z (B, T, 4H), W (H, 4H), b (4H) -> hidden (B, T, H), cell (B, T, H), gates (B, T, 4H) activated.
//   gates[t] = z[t] + b + hidden[t-1] W;  c[t] = f*c[t-1] + i*g;  hidden[t] = o*tanh(c[t])
MB_KERNEL(lstm) {
    mb_walk walk = mb_walk_of(call, &mb_out(call->op, lstm, hidden).shape);
    int32_t h = mb_width(&mb_out(call->op, lstm, hidden)), g = 4 * h;
    const float *z = mb_in(call, lstm, z), *bias = mb_in(call, lstm, bias);
    float *hidden = mb_out(call, lstm, hidden);
    float *cell = mb_out(call, lstm, cell);
    float *gates = mb_out(call, lstm, gates);
    for (int32_t n = 0; n < walk.length; n++) {
        int64_t at = mb_walk_at(&walk, n), before = n > 0 ? mb_walk_at(&walk, n - 1) : 0;
        for (int32_t s = 0; s < walk.sides; s++) {
            int64_t gate = (at + s * walk.aside) * g;
            for (int32_t j = 0; j < g; j++)
                gates[gate + j] = z[gate + j] + bias[j];
        }
        if (n > 0)
            MB_NAME(gemm)
        (call->stop, walk.sides, g, h, (mb_matrix){hidden + before * h, walk.aside * h, 1},
         (mb_matrix){mb_in(call, lstm, weight), g, 1}, gates + at * g, walk.aside * g, 1);
        for (int32_t s = 0; s < walk.sides; s++) {
            int64_t here = at + s * walk.aside;
            lstm_cell(h, gates + here * g, n > 0 ? cell + (before + s * walk.aside) * h : NULL,
                      cell + here * h, hidden + here * h);
        }
    }
}

// Gradients of one side at one position. dh_after and dc_after are the gradients of hidden and
// cell; on return dc_after is the gradient of the previous cell state.
static __attribute__((noinline)) void
move_cell_grad(int32_t hidden, const float *restrict gates, const float *restrict cell,
               const float *restrict cell_before, const float *restrict dh_after,
               float *restrict dc_after, float *restrict dzi, float *restrict dzf,
               float *restrict dzg, float *restrict dzo) {
    for (int32_t j = 0; j < hidden; j++) {
        float i = gates[j], f = gates[hidden + j];
        float g = gates[2 * hidden + j], o = gates[3 * hidden + j];
        float dh = dh_after[j], tc = mb_tanh_of(cell[j]);
        float dc = dc_after[j] + dh * o * (1.0f - tc * tc);
        float before = cell_before != NULL ? cell_before[j] : 0.0f;
        dzi[j] = dc * g * i * (1.0f - i);
        dzf[j] = dc * before * f * (1.0f - f);
        dzg[j] = dc * i * (1.0f - g * g);
        dzo[j] = dh * tc * o * (1.0f - o);
        dc_after[j] = dc * f;
    }
}

// The same for dstate = [gradient of hidden | gradient of cell], as it comes from the positions
// after this one. The gradients of the op's outputs, dhidden and dcell, are added to it; they may
// be NULL.
static void lstm_cell_grad(int32_t hidden, const float *dhidden, const float *dcell,
                           const float *gates, const float *cell, const float *cell_before,
                           float *dstate, float *dz) {
    for (int32_t j = 0; dhidden != NULL && j < hidden; j++)
        dstate[j] += dhidden[j];
    for (int32_t j = 0; dcell != NULL && j < hidden; j++)
        dstate[hidden + j] += dcell[j];
    move_cell_grad(hidden, gates, cell, cell_before, dstate, dstate + hidden, dz, dz + hidden,
                   dz + 2 * hidden, dz + 3 * hidden);
}

// cell (B, T, H), gates (B, T, 4H), W (H, 4H), and dhidden, dcell or both (B, T, H) -> dz (B, T,
// 4H), dstate (S, 2H).
MB_KERNEL(lstm_grad) {
    const mb_plan_op *op = call->op;
    mb_walk walk = mb_walk_of(call, &mb_in(op, lstm_grad, cell).shape);
    int32_t h = mb_width(&mb_in(op, lstm_grad, cell)), g = 4 * h;
    const float *const *given = &mb_in(call, lstm_grad, dhidden); // or dcell
    const float *dhidden = op->params.lstm_grad.hidden ? *given++ : NULL;
    const float *dcell = op->params.lstm_grad.cell ? *given : NULL;
    const float *cell = mb_in(call, lstm_grad, cell);
    float *dz = mb_out(call, lstm_grad, dz), *dstate = mb_out(call, lstm_grad, workspace);
    memset(dstate, 0, (size_t)walk.sides * 2 * (size_t)h * sizeof *dstate);
    for (int32_t n = walk.length - 1; n >= 0; n--) {
        int64_t at = mb_walk_at(&walk, n), before = n > 0 ? mb_walk_at(&walk, n - 1) : 0;
        for (int32_t s = 0; s < walk.sides; s++) {
            int64_t here = at + s * walk.aside;
            lstm_cell_grad(h, dhidden != NULL ? dhidden + here * h : NULL,
                           dcell != NULL ? dcell + here * h : NULL,
                           mb_in(call, lstm_grad, gates) + here * g, cell + here * h,
                           n > 0 ? cell + (before + s * walk.aside) * h : NULL,
                           dstate + (int64_t)s * 2 * h, dz + here * g);
        }
        if (n > 0) // gradient of hidden[t-1]
            MB_NAME(gemm)
        (call->stop, walk.sides, h, g, (mb_matrix){dz + at * g, walk.aside * g, 1},
         (mb_matrix){mb_in(call, lstm_grad, weight), 1, g}, dstate, 2 * h, 0);
    }
}

// x (B, T, D), start (S, D) or none -> y[n] = x[n-1], y[0] = start or 0.
MB_KERNEL(delay) {
    mb_walk walk = mb_walk_of(call, &call->op->outputs[0].shape);
    int32_t width = mb_width(&call->op->outputs[0]);
    const float *start = mb_has(call->op, delay, start) ? mb_in(call, delay, start) : NULL;
    for (int32_t n = 0; n < walk.length; n++)
        for (int32_t s = 0; s < walk.sides; s++) {
            float *y = call->outputs[0] + (mb_walk_at(&walk, n) + s * walk.aside) * width;
            size_t bytes = (size_t)width * sizeof *y;
            if (n > 0)
                memcpy(y,
                       mb_in(call, delay, x) + (mb_walk_at(&walk, n - 1) + s * walk.aside) * width,
                       bytes);
            else if (start != NULL)
                memcpy(y, start + (int64_t)s * width, bytes);
            else
                memset(y, 0, bytes);
        }
}

// x (B, T, D) -> x[L-1] (S, D)
MB_KERNEL(last_step) {
    mb_walk walk = mb_walk_of(call, &call->op->inputs[0].shape);
    int32_t width = mb_width(&call->op->inputs[0]);
    int64_t last = mb_walk_at(&walk, walk.length - 1);
    for (int32_t s = 0; s < walk.sides; s++)
        memcpy(call->outputs[0] + (int64_t)s * width,
               call->inputs[0] + (last + s * walk.aside) * width, (size_t)width * sizeof(float));
}

// x (S, D) -> y (B, T, D), zero but for y[L-1] = x.
MB_KERNEL(at_last_step) {
    mb_walk walk = mb_walk_of(call, &call->op->outputs[0].shape);
    int32_t width = mb_width(&call->op->outputs[0]);
    int64_t last = mb_walk_at(&walk, walk.length - 1);
    memset(call->outputs[0], 0, (size_t)mb_elements(call, &call->op->outputs[0]) * sizeof(float));
    for (int32_t s = 0; s < walk.sides; s++)
        memcpy(call->outputs[0] + (last + s * walk.aside) * width,
               call->inputs[0] + (int64_t)s * width, (size_t)width * sizeof(float));
}
