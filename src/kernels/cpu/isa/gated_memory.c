// The memory of MFN over a whole sequence. B rows, T steps, D inputs, M memory, H hidden units of
// the gates; weights are stored input-major: W_k (D+M, H), V_k (H, M).
//   r_k[t] = drop(max(0, concat(x[t], u[t-1]) W_k + b_k));  g_k[t] = sigmoid(r_k[t] V_k + a_k)
//   u[t] = g_1[t] * u[t-1] + g_2[t] * c[t],  u[-1] = 0
// The products x W_k do not depend on the memory, and are made once for the whole sequence.
#include "cpu/isa/activation.h"
#include "cpu/isa/dropout.h"
#include "cpu/isa/gemm.h"

typedef struct memory_sizes {
    int32_t rows, steps, x, memory, hidden;
} memory_sizes;

// Offset of a row at step t in a tensor (B, T, width).
static inline int64_t step_at(const memory_sizes *n, int32_t row, int32_t t, int32_t width) {
    return ((int64_t)row * n->steps + t) * width;
}

typedef struct gate_pointers {
    const float *weight_1, *bias_1, *weight_2, *bias_2;
    const mb_dropout_setting *dropout;
    float *hidden, *gate; // r_k, g_k
} gate_pointers;

// Computes r_k[t] and g_k[t] from u[t-1]. On entry r_k[t] holds x[t] W_k.
static void gate_step(const mb_cpu_call *call, const memory_sizes *n, const gate_pointers *gate,
                      const float *memory, int32_t t) {
    int32_t h = n->hidden, m = n->memory;
    int64_t hidden_row = (int64_t)n->steps * h, memory_row = (int64_t)n->steps * m;
    float *hidden = gate->hidden + step_at(n, 0, t, h), *out = gate->gate + step_at(n, 0, t, m);
    if (t > 0)
        MB_NAME(gemm)
    (call->stop, n->rows, h, m, (mb_matrix){memory + step_at(n, 0, t - 1, m), memory_row, 1},
     (mb_matrix){gate->weight_1 + (int64_t)n->x * h, h, 1}, hidden, hidden_row, 1);
    for (int32_t b = 0; b < n->rows; b++) {
        float *r = hidden + b * hidden_row;
        for (int32_t j = 0; j < h; j++) {
            float sum = r[j] + gate->bias_1[j];
            r[j] = sum < 0.0f ? 0.0f : sum; // NaN stays NaN
        }
        MB_NAME(dropout_apply)
        (call, gate->dropout, step_at(n, call->first_row + b, t, h), h, r, r);
    }
    MB_NAME(gemm)
    (call->stop, n->rows, m, h, (mb_matrix){hidden, hidden_row, 1},
     (mb_matrix){gate->weight_2, m, 1}, out, memory_row, 0);
    for (int32_t b = 0; b < n->rows; b++)
        for (int32_t j = 0; j < m; j++)
            out[b * memory_row + j] = mb_sigmoid_of(out[b * memory_row + j] + gate->bias_2[j]);
}

// x (B, T, D), c (B, T, M), then W, b, V, a of gate 1 and of gate 2
// -> u (B, T, M), r_1, r_2 (B, T, H), g_1, g_2 (B, T, M). Assigns.
MB_KERNEL(gated_memory) {
    const mb_plan_op *op = call->op;
    memory_sizes n = {call->rows, mb_out(op, gated_memory, u).shape.dims[1],
                      mb_width(&mb_in(op, gated_memory, x)), mb_width(&mb_out(op, gated_memory, u)),
                      mb_width(&mb_out(op, gated_memory, r_1))};
    const float *candidate = mb_in(call, gated_memory, candidate);
    float *memory = mb_out(call, gated_memory, u);
    const gate_pointers gates[2] = {{.weight_1 = mb_in(call, gated_memory, w_1),
                                     .bias_1 = mb_in(call, gated_memory, b_1),
                                     .weight_2 = mb_in(call, gated_memory, v_1),
                                     .bias_2 = mb_in(call, gated_memory, a_1),
                                     .dropout = &op->params.gated_memory.gates[0],
                                     .hidden = mb_out(call, gated_memory, r_1),
                                     .gate = mb_out(call, gated_memory, g_1)},
                                    {.weight_1 = mb_in(call, gated_memory, w_2),
                                     .bias_1 = mb_in(call, gated_memory, b_2),
                                     .weight_2 = mb_in(call, gated_memory, v_2),
                                     .bias_2 = mb_in(call, gated_memory, a_2),
                                     .dropout = &op->params.gated_memory.gates[1],
                                     .hidden = mb_out(call, gated_memory, r_2),
                                     .gate = mb_out(call, gated_memory, g_2)}};
    for (int32_t k = 0; k < 2; k++)
        MB_NAME(gemm)
    (call->stop, n.rows * n.steps, n.hidden, n.x, (mb_matrix){mb_in(call, gated_memory, x), n.x, 1},
     (mb_matrix){gates[k].weight_1, n.hidden, 1}, gates[k].hidden, n.hidden, 0);
    for (int32_t t = 0; t < n.steps; t++) {
        for (int32_t k = 0; k < 2; k++)
            gate_step(call, &n, &gates[k], memory, t);
        for (int32_t b = 0; b < n.rows; b++) {
            int64_t at = step_at(&n, b, t, n.memory);
            const float *before = t > 0 ? memory + at - n.memory : NULL;
            for (int32_t j = 0; j < n.memory; j++)
                memory[at + j] = gates[1].gate[at + j] * candidate[at + j] +
                                 (before != NULL ? gates[0].gate[at + j] * before[j] : 0.0f);
        }
    }
}

// ---- backward ---------------------------------------------------------------------------------

// 1/(1-p), 1 without dropout
static float scale_of(const mb_cpu_call *call, const mb_dropout_setting *setting) {
    return setting->mode == MB_DROPOUT_OFF ? 1.0f : MB_NAME(random_mask)(call, setting).scale;
}

typedef struct gate_gradients {
    const float *weight_1, *weight_2, *hidden, *gate;
    float scale;            // 1/(1-p)
    float *dhidden, *dgate; // gradients of the arguments of max(0, .) and of the sigmoid
} gate_gradients;

// One row of one step. `running` is the gradient of u[t]; it becomes the gradient of u[t-1],
// without what passes through the gates.
static void memory_cell_grad(int32_t memory, const float *restrict du, const float *restrict before,
                             const float *restrict candidate, const float *restrict g1,
                             const float *restrict g2, float *restrict running,
                             float *restrict dcandidate, float *restrict z1, float *restrict z2) {
    for (int32_t j = 0; j < memory; j++) {
        float d = running[j] + du[j];
        z1[j] = d * (before != NULL ? before[j] : 0.0f) * g1[j] * (1.0f - g1[j]);
        z2[j] = d * candidate[j] * g2[j] * (1.0f - g2[j]);
        dcandidate[j] = d * g2[j];
        running[j] = d * g1[j];
    }
}

// Gradient through one gate at step t. The gradient of a hidden unit is 0 where the unit was
// dropped or negative: r is 0 in both cases.
static void gate_step_grad(const mb_cpu_call *call, const memory_sizes *n,
                           const gate_gradients *gate, int32_t t, float *running) {
    int32_t h = n->hidden, m = n->memory;
    int64_t hidden_row = (int64_t)n->steps * h, at = step_at(n, 0, t, h);
    float *dhidden = gate->dhidden + at;
    MB_NAME(gemm)
    (call->stop, n->rows, h, m,
     (mb_matrix){gate->dgate + step_at(n, 0, t, m), (int64_t)n->steps * m, 1},
     (mb_matrix){gate->weight_2, 1, m}, dhidden, hidden_row, 0);
    for (int32_t b = 0; b < n->rows; b++) {
        const float *restrict r = gate->hidden + at + b * hidden_row;
        float *restrict ds = dhidden + b * hidden_row;
        for (int32_t j = 0; j < h; j++)
            ds[j] = r[j] <= 0.0f ? 0.0f : ds[j] * gate->scale; // a NaN lets it pass
    }
    if (t > 0)
        MB_NAME(gemm)
    (call->stop, n->rows, m, h, (mb_matrix){dhidden, hidden_row, 1},
     (mb_matrix){gate->weight_1 + (int64_t)n->x * h, 1, h}, running, m, 1);
}

// du (B, T, M), c, u, r_1, r_2, g_1, g_2, W_1, V_1, W_2, V_2
// -> dx (B, T, D), dc, s_1, s_2 (B, T, H), z_1, z_2 (B, T, M), running gradient (B, M). Assigns.
MB_KERNEL(gated_memory_grad) {
    const mb_plan_op *op = call->op;
    memory_sizes n = {call->rows, mb_out(op, gated_memory_grad, dx).shape.dims[1],
                      mb_width(&mb_out(op, gated_memory_grad, dx)),
                      mb_width(&mb_out(op, gated_memory_grad, dcandidate)),
                      mb_width(&mb_out(op, gated_memory_grad, s_1))};
    const mb_dropout_setting *dropouts = op->params.gated_memory.gates;
    const gate_gradients gates[2] = {{.weight_1 = mb_in(call, gated_memory_grad, w_1),
                                      .weight_2 = mb_in(call, gated_memory_grad, v_1),
                                      .hidden = mb_in(call, gated_memory_grad, r_1),
                                      .gate = mb_in(call, gated_memory_grad, g_1),
                                      .scale = scale_of(call, &dropouts[0]),
                                      .dhidden = mb_out(call, gated_memory_grad, s_1),
                                      .dgate = mb_out(call, gated_memory_grad, z_1)},
                                     {.weight_1 = mb_in(call, gated_memory_grad, w_2),
                                      .weight_2 = mb_in(call, gated_memory_grad, v_2),
                                      .hidden = mb_in(call, gated_memory_grad, r_2),
                                      .gate = mb_in(call, gated_memory_grad, g_2),
                                      .scale = scale_of(call, &dropouts[1]),
                                      .dhidden = mb_out(call, gated_memory_grad, s_2),
                                      .dgate = mb_out(call, gated_memory_grad, z_2)}};
    const float *du = mb_in(call, gated_memory_grad, du);
    const float *candidate = mb_in(call, gated_memory_grad, candidate);
    const float *memory = mb_in(call, gated_memory_grad, u);
    float *dcandidate = mb_out(call, gated_memory_grad, dcandidate);
    float *running = mb_out(call, gated_memory_grad, workspace);
    memset(running, 0, (size_t)n.rows * (size_t)n.memory * sizeof *running);
    for (int32_t t = n.steps - 1; t >= 0; t--) {
        for (int32_t b = 0; b < n.rows; b++) {
            int64_t at = step_at(&n, b, t, n.memory);
            memory_cell_grad(n.memory, du + at, t > 0 ? memory + at - n.memory : NULL,
                             candidate + at, gates[0].gate + at, gates[1].gate + at,
                             running + (int64_t)b * n.memory, dcandidate + at, gates[0].dgate + at,
                             gates[1].dgate + at);
        }
        for (int32_t k = 0; k < 2; k++)
            gate_step_grad(call, &n, &gates[k], t, running);
    }
    for (int32_t k = 0; k < 2; k++)
        MB_NAME(gemm)
    (call->stop, n.rows * n.steps, n.x, n.hidden, (mb_matrix){gates[k].dhidden, n.hidden, 1},
     (mb_matrix){gates[k].weight_1, 1, n.hidden}, mb_out(call, gated_memory_grad, dx), n.x, k);
}
