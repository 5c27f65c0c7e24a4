// LSTM over a whole sequence. B rows, T steps, H hidden; gate blocks in the order i, f, g, o.
#include "cpu/isa/activation.h"
#include "cpu/isa/gemm.h"

// Activates the gates of step t and moves the state. z holds the sums of the gates.
static void lstm_cell(int32_t hidden, float *restrict z, const float *restrict cell_before,
                      float *restrict cell, float *restrict state) {
    for (int32_t j = 0; j < hidden; j++) {
        float i = mb_sigmoid_of(z[j]), f = mb_sigmoid_of(z[hidden + j]);
        float g = mb_tanh_of(z[2 * hidden + j]), o = mb_sigmoid_of(z[3 * hidden + j]);
        float c = i * g + (cell_before != NULL ? f * cell_before[j] : 0.0f);
        z[j] = i;
        z[hidden + j] = f;
        z[2 * hidden + j] = g;
        z[3 * hidden + j] = o;
        cell[j] = c;
        state[j] = o * mb_tanh_of(c);
    }
}

// z (B, T, 4H), W (H, 4H), b (4H) -> hidden (B, T, H), cell (B, T, H), gates (B, T, 4H) activated.
//   gates[t] = z[t] + b + hidden[t-1] W;  c[t] = f*c[t-1] + i*g;  hidden[t] = o*tanh(c[t])
MB_KERNEL(lstm) {
    const mb_shape *shape = &call->step->outputs[0].shape;
    int32_t steps = shape->dims[1], h = shape->dims[2];
    int64_t state_row = (int64_t)steps * h, gate_row = 4 * state_row;
    float *hidden = call->outputs[0], *cell = call->outputs[1], *gates = call->outputs[2];
    for (int32_t t = 0; t < steps; t++) {
        for (int32_t b = 0; b < call->rows; b++)
            for (int32_t j = 0; j < 4 * h; j++) {
                int64_t at = b * gate_row + (int64_t)t * 4 * h + j;
                gates[at] = call->inputs[0][at] + call->inputs[2][j];
            }
        if (t > 0)
            MB_NAME(gemm)
        (call->rows, 4 * h, h, (mb_matrix){hidden + (int64_t)(t - 1) * h, state_row, 1},
         (mb_matrix){call->inputs[1], 4 * h, 1}, gates + (int64_t)t * 4 * h, gate_row, 1);
        for (int32_t b = 0; b < call->rows; b++) {
            int64_t at = b * state_row + (int64_t)t * h;
            lstm_cell(h, gates + b * gate_row + (int64_t)t * 4 * h, t > 0 ? cell + at - h : NULL,
                      cell + at, hidden + at);
        }
    }
}

// One row of one step: dstate = [gradient of hidden | gradient of cell] from the steps after it;
// the cell's part moves on to the step before. dhidden and dcell, the gradients from outside, may
// be NULL.
static void lstm_cell_grad(int32_t hidden, const float *restrict dhidden,
                           const float *restrict dcell, const float *restrict gates,
                           const float *restrict cell, const float *restrict cell_before,
                           float *restrict dstate, float *restrict dz) {
    for (int32_t j = 0; dhidden != NULL && j < hidden; j++)
        dstate[j] += dhidden[j];
    for (int32_t j = 0; dcell != NULL && j < hidden; j++)
        dstate[hidden + j] += dcell[j];
    for (int32_t j = 0; j < hidden; j++) {
        float i = gates[j], f = gates[hidden + j];
        float g = gates[2 * hidden + j], o = gates[3 * hidden + j];
        float dh = dstate[j], tc = mb_tanh_of(cell[j]);
        float dc = dstate[hidden + j] + dh * o * (1.0f - tc * tc);
        float before = cell_before != NULL ? cell_before[j] : 0.0f;
        dz[j] = dc * g * i * (1.0f - i);
        dz[hidden + j] = dc * before * f * (1.0f - f);
        dz[2 * hidden + j] = dc * i * (1.0f - g * g);
        dz[3 * hidden + j] = dh * tc * o * (1.0f - o);
        dstate[hidden + j] = dc * f;
    }
}

// cell (B, T, H), gates (B, T, 4H), W (H, 4H), then the gradients of hidden and cell (B, T, H) that
// there are -> dz (B, T, 4H), dstate (B, 2H).
MB_KERNEL(lstm_grad) {
    const mb_step *step = call->step;
    const mb_shape *shape = &step->inputs[0].shape;
    int32_t steps = shape->dims[1], h = shape->dims[2];
    int64_t state_row = (int64_t)steps * h, gate_row = 4 * state_row;
    bool hidden = step->params.lstm_grad.hidden;
    const float *dhidden = hidden ? call->inputs[3] : NULL;
    const float *dcell = step->params.lstm_grad.cell ? call->inputs[hidden ? 4 : 3] : NULL;
    float *dz = call->outputs[0], *dstate = call->outputs[1];
    memset(dstate, 0, (size_t)call->rows * 2 * (size_t)h * sizeof *dstate);
    for (int32_t t = steps - 1; t >= 0; t--) {
        for (int32_t b = 0; b < call->rows; b++) {
            int64_t at = b * state_row + (int64_t)t * h, gate = b * gate_row + (int64_t)t * 4 * h;
            const float *cell = call->inputs[0] + at;
            lstm_cell_grad(h, dhidden != NULL ? dhidden + at : NULL,
                           dcell != NULL ? dcell + at : NULL, call->inputs[1] + gate, cell,
                           t > 0 ? cell - h : NULL, dstate + (int64_t)b * 2 * h, dz + gate);
        }
        if (t > 0) // gradient of hidden[t-1]
            MB_NAME(gemm)
        (call->rows, h, 4 * h, (mb_matrix){dz + (int64_t)t * 4 * h, gate_row, 1},
         (mb_matrix){call->inputs[2], 1, 4 * h}, dstate, 2 * h, 0);
    }
}
