// The memory of MFN over a whole sequence, backward; gated_memory.cuh has the formulae.
#include "cuda/gated_memory.cuh"
#include "cuda/linear.cuh"

struct memory_gradient {
    mb_tables tables;
    mb_memory_sizes n;
    mb_view du, candidate, memory, dcandidate, running;
    struct {
        mb_view weight_1, weight_2, hidden, gate, dhidden, dgate;
        mb_dropout_setting dropout;
    } gates[2];
};

// The tensors of a run, from the block's first row on. In near kernels, the running gradient, z_1,
// z_2, s_1 and s_2 of one step are in shared memory.
struct memory_block {
    const float *du, *candidate, *memory, *weight_1[2], *weight_2[2], *hidden[2], *gate[2];
    float *dcandidate, *running, *dhidden[2], *dgate[2];
    float *near_z[2], *near_s[2]; // rows are padded to a multiple of four floats
    float scale[2];               // 1/(1-p), 1 without dropout
    int32_t count;
};

// One row of one step. `running` is the gradient of u[t]; it becomes the gradient of u[t-1],
// without what passes through the gates.
template <bool NEAR>
static __device__ void memory_cell_grad(const mb_memory_sizes &n, const memory_block &q, int32_t s,
                                        int32_t t, int32_t lane) {
    int64_t at = mb_memory_at(n, s, t, n.memory);
    for (int32_t j = lane; j < n.memory; j += 32) {
        float g1 = q.gate[0][at + j], g2 = q.gate[1][at + j];
        float before = t > 0 ? q.memory[at - n.memory + j] : 0.0f;
        float *running = q.running + (int64_t)s * n.memory + j, d = *running + q.du[at + j];
        float z1 = d * before * g1 * (1.0f - g1);
        float z2 = d * q.candidate[at + j] * g2 * (1.0f - g2);
        q.dgate[0][at + j] = z1;
        q.dgate[1][at + j] = z2;
        q.dcandidate[at + j] = d * g2;
        *running = d * g1;
        if (NEAR) {
            q.near_z[0][s * mb_round_up(n.memory, 4) + j] = z1;
            q.near_z[1][s * mb_round_up(n.memory, 4) + j] = z2;
        }
    }
}

// s_k[t] = z_k[t] V_k^T where r_k[t] > 0, else 0: the gradient of a hidden unit is 0 where it was
// dropped or negative, and r is 0 in both cases.
template <bool NEAR>
static __device__ __forceinline__ void hidden_grad(const mb_memory_sizes &n, const memory_block &q,
                                                   int32_t k, int32_t t) {
    int64_t at = mb_memory_at(n, 0, t, n.hidden), row = (int64_t)n.steps * n.hidden;
    const float *r = q.hidden[k] + at;
    float *ds = q.dhidden[k] + at, *near_s = q.near_s[k], scale = q.scale[k];
    int32_t near_row = mb_round_up(n.hidden, 4);
    mb_dot dots[1] = {{q.weight_2[k], n.memory,
                       NEAR ? q.near_z[k] : q.dgate[k] + mb_memory_at(n, 0, t, n.memory),
                       NEAR ? mb_round_up(n.memory, 4) : (int64_t)n.steps * n.memory, n.memory,
                       n.memory % 4 == 0}};
    mb_dot_rows(dots, n.hidden, q.count, [=](int32_t side, int32_t unit, float sum) {
        float s = r[side * row + unit] <= 0.0f ? 0.0f : sum * scale; // a NaN lets it pass
        ds[side * row + unit] = s;
        if (NEAR)
            near_s[side * near_row + unit] = s;
    });
}

// running += s_1[t] W_1u^T + s_2[t] W_2u^T, where W_ku (M, H) are the rows of W_k that u[t-1] is
// multiplied by.
template <bool NEAR>
static __device__ __forceinline__ void running_grad(const mb_memory_sizes &n, const memory_block &q,
                                                    int32_t t) {
    mb_dot dots[2];
#pragma unroll
    for (int k = 0; k < 2; k++)
        dots[k] = {q.weight_1[k] + (int64_t)n.x * n.hidden,
                   n.hidden,
                   NEAR ? q.near_s[k] : q.dhidden[k] + mb_memory_at(n, 0, t, n.hidden),
                   NEAR ? mb_round_up(n.hidden, 4) : (int64_t)n.steps * n.hidden,
                   n.hidden,
                   n.hidden % 4 == 0};
    float *running = q.running;
    int32_t width = n.memory;
    mb_dot_rows(dots, width, q.count, [=](int32_t side, int32_t unit, float sum) {
        running[side * (int64_t)width + unit] += sum;
    });
}

template <bool NEAR>
static __device__ void memory_grad_begin(const memory_gradient &problem, int32_t run, int32_t rows,
                                         float *shared, memory_block &q) {
    const mb_memory_sizes &n = problem.n;
    int32_t most = n.groups * MB_SIDES, first = (int32_t)blockIdx.x * most;
    int32_t z_row = mb_round_up(n.memory, 4), s_row = mb_round_up(n.hidden, 4);
    int64_t hidden = mb_memory_at(n, first, 0, n.hidden),
            memory = mb_memory_at(n, first, 0, n.memory);
    q.count = mb_clamp(rows - first, 0, most);
    q.du = mb_at(problem.du, run) + memory;
    q.candidate = mb_at(problem.candidate, run) + memory;
    q.memory = mb_at(problem.memory, run) + memory;
    q.dcandidate = mb_at(problem.dcandidate, run) + memory;
    q.running = NEAR ? shared : mb_at(problem.running, run) + (int64_t)first * n.memory;
#pragma unroll
    for (int k = 0; k < 2; k++) {
        const auto &gate = problem.gates[k];
        q.weight_1[k] = mb_at(gate.weight_1, run);
        q.weight_2[k] = mb_at(gate.weight_2, run);
        q.hidden[k] = mb_at(gate.hidden, run) + hidden;
        q.gate[k] = mb_at(gate.gate, run) + memory;
        q.dhidden[k] = mb_at(gate.dhidden, run) + hidden;
        q.dgate[k] = mb_at(gate.dgate, run) + memory;
        q.near_z[k] = shared + most * (1 + k) * z_row;
        q.near_s[k] = shared + most * (3 * z_row + k * s_row);
        q.scale[k] = gate.dropout.mode == MB_DROPOUT_OFF
                         ? 1.0f
                         : mb_mask_of(problem.tables, run, gate.dropout).scale;
    }
}

// du (B, T, M), c, u, r_1, r_2, g_1, g_2, W_1, V_1, W_2, V_2
// -> dc (B, T, M), s_1, s_2 (B, T, H), z_1, z_2 (B, T, M), running gradient (B, M). Assigns.
template <bool NEAR>
static __global__ void __launch_bounds__(NEAR ? MB_MOST_THREADS : MB_FAR_THREADS)
    memory_grad_kernel(const __grid_constant__ memory_gradient problem) {
    MB_DYNAMIC_SHARED(float, shared);
    const mb_memory_sizes &n = problem.n;
    int32_t run = (int32_t)blockIdx.y, rows = problem.tables.rows[run];
    int32_t first = (int32_t)blockIdx.x * n.groups * MB_SIDES;
    if (first >= rows)
        return;
    memory_block q;
    memory_grad_begin<NEAR>(problem, run, rows, shared, q);
    int32_t lane = (int32_t)threadIdx.x % 32, warp = (int32_t)threadIdx.x / 32;
    int32_t warps = (int32_t)blockDim.x / 32, floats = q.count * n.memory;
    for (int32_t i = (int32_t)threadIdx.x; i < floats; i += (int32_t)blockDim.x)
        q.running[i] = 0.0f;
    __syncthreads();
    for (int32_t t = n.steps - 1; t >= 0; t--) {
        for (int32_t s = warp; s < q.count; s += warps)
            memory_cell_grad<NEAR>(n, q, s, t, lane);
        __syncthreads();
#pragma unroll
        for (int32_t k = 0; k < 2; k++)
            hidden_grad<NEAR>(n, q, k, t);
        __syncthreads();
        if (t > 0)
            running_grad<NEAR>(n, q, t);
        __syncthreads();
    }
    float *running = mb_at(problem.running, run) + (int64_t)first * n.memory;
    for (int32_t i = (int32_t)threadIdx.x; NEAR && i < floats; i += (int32_t)blockDim.x)
        running[i] = q.running[i];
}

// The kernel above, then dx (B, T, D) = s_1 W_1x^T + s_2 W_2x^T of the whole sequence.
MB_CUDA_OP(gated_memory_grad) {
    memory_gradient problem = {};
    mb_linear_back dx = {};
    problem.tables = call->tables;
    problem.du = mb_in(call, gated_memory_grad, du);
    problem.candidate = mb_in(call, gated_memory_grad, candidate);
    problem.memory = mb_in(call, gated_memory_grad, u);
    problem.dcandidate = mb_out(call, gated_memory_grad, dcandidate);
    problem.running = mb_out(call, gated_memory_grad, workspace);
    auto &first = problem.gates[0], &second = problem.gates[1];
    first.weight_1 = mb_in(call, gated_memory_grad, w_1);
    first.weight_2 = mb_in(call, gated_memory_grad, v_1);
    first.hidden = mb_in(call, gated_memory_grad, r_1);
    first.gate = mb_in(call, gated_memory_grad, g_1);
    first.dhidden = mb_out(call, gated_memory_grad, s_1);
    first.dgate = mb_out(call, gated_memory_grad, z_1);
    second.weight_1 = mb_in(call, gated_memory_grad, w_2);
    second.weight_2 = mb_in(call, gated_memory_grad, v_2);
    second.hidden = mb_in(call, gated_memory_grad, r_2);
    second.gate = mb_in(call, gated_memory_grad, g_2);
    second.dhidden = mb_out(call, gated_memory_grad, s_2);
    second.dgate = mb_out(call, gated_memory_grad, z_2);
    for (int32_t k = 0; k < 2; k++) {
        problem.gates[k].dropout = call->op->params.gated_memory.gates[k];
        dx.terms[k].dy = problem.gates[k].dhidden;
        dx.terms[k].weight = problem.gates[k].weight_1;
    }
    dx.term_count = 2;
    dx.dx = mb_out(call, gated_memory_grad, dx);
    mb_memory_sizes *n = &problem.n;
    n->steps = dx.dx.shape.dims[1];
    n->x = mb_view_width(dx.dx);
    n->memory = mb_view_width(problem.memory);
    n->hidden = mb_view_width(mb_in(call, gated_memory_grad, r_1));
    int64_t bytes =
        MB_SIDES * (int64_t)sizeof(float) *
        (3 * (int64_t)mb_round_up(n->memory, 4) + 2 * (int64_t)mb_round_up(n->hidden, 4));
    n->groups = mb_groups(call->max_rows, bytes);
    int32_t widest = n->hidden > n->memory ? n->hidden : n->memory;
    int32_t warps = n->groups * ((widest + MB_DOT_ROWS - 1) / MB_DOT_ROWS);
    int32_t threads = n->groups * bytes > MB_MOST_SHARED ? MB_FAR_THREADS : MB_MOST_THREADS;
    mb_launch_tiles(call, memory_grad_kernel<true>, memory_grad_kernel<false>, call->max_rows,
                    n->groups * MB_SIDES, mb_clamp(32 * warps, 64, threads), n->groups * bytes,
                    problem);
    mb_linear_input_gradient(call, dx);
}
