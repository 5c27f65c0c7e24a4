// The memory of MFN over a whole sequence. B rows, T steps, D inputs, M memory, H hidden of the
// gates; weights lie input-major: W_k (D+M, H), V_k (H, M).
//   r_k[t] = drop(max(0, concat(x[t], u[t-1]) W_k + b_k));  g_k[t] = sigmoid(r_k[t] V_k + a_k)
//   u[t] = g_1[t] * u[t-1] + g_2[t] * c[t],  u[-1] = 0
// What does not depend on the memory, x W_k, is one product of the whole sequence. Reference:
// src/kernels/cpu/isa/gated_memory.c.
#include "cuda/dropout.cuh"
#include "cuda/recurrence.cuh"
#include "cuda/sequence.cuh"

struct memory_sizes {
    int32_t steps, x, memory, hidden;
    int32_t groups; // of MB_SIDES rows a block
};

static int64_t bytes_of(int64_t floats_of_row) {
    return MB_SIDES * floats_of_row * (int64_t)sizeof(float);
}

// ---- forward ----------------------------------------------------------------------------------

struct memory_problem {
    mb_tables tables;
    memory_sizes n;
    int32_t unit_threads; // of a group
    mb_view candidate, memory;
    struct {
        mb_view weight_1, bias_1, weight_2, bias_2, hidden, gate;
        mb_dropout_setting dropout;
    } gates[2];
};

// The tensors of a run, at the first of a thread's rows; `count` rows are there. Near, u[t-1] and
// both r[t] of the group lie in shared memory, (M, MB_SIDES) and twice (H, MB_SIDES), and beside
// them the factors of dropout, twice (H, MB_SIDES).
struct memory_rows {
    const float *candidate, *weight_1[2], *bias_1[2], *weight_2[2], *bias_2[2];
    float *memory, *hidden[2], *gate[2];
    float *near_memory, *near_hidden[2], *near_factors[2];
    mb_dropout dropout[2];
    int32_t first, count;
};

// Row s at step t of a tensor (B, T, width).
static __device__ inline int64_t memory_at(const memory_sizes &n, int32_t s, int32_t t,
                                           int32_t width) {
    return ((int64_t)s * n.steps + t) * width;
}

template <bool NEAR>
static __device__ __forceinline__ mb_sides<NEAR, MB_SIDES>
memory_sides(const memory_sizes &n, const float *near_values, const float *far_values, int32_t t,
             int32_t width, int32_t count) {
    if constexpr (NEAR)
        return {near_values};
    else
        return {far_values + memory_at(n, 0, t, width), (int64_t)n.steps * width, count - 1};
}

// Factors of dropout of the group for step t, by `threads` threads: row after row.
static __device__ inline void drop_ahead(const memory_sizes &n, const memory_rows &q, int32_t t,
                                         int32_t thread, int32_t threads) {
    for (int k = 0; k < 2; k++)
        for (int32_t s = 0; s < q.count && q.dropout[k].drops(); s++) {
            float *factors = q.near_factors[k] + s;
            q.dropout[k].fill(memory_at(n, q.first + s, t, n.hidden), n.hidden, thread, threads,
                              [=](int32_t j, float factor) { factors[j * MB_SIDES] = factor; });
        }
}

// r_1[t] and r_2[t] of one unit, from x W_k, which they hold, and u[t-1].
template <bool NEAR>
static __device__ __forceinline__ void hidden_unit(const memory_sizes &n, const memory_rows &q,
                                                   int32_t t, int32_t unit) {
    float sums[2][MB_SIDES] = {}, x[2][MB_SIDES];
#pragma unroll
    for (int s = 0; s < MB_SIDES; s++) // on their way during the product
#pragma unroll
        for (int k = 0; k < 2; k++)
            x[k][s] = s < q.count ? q.hidden[k][memory_at(n, s, t, n.hidden) + unit] : 0.0f;
    if (t > 0) {
        int64_t first = (int64_t)n.x * n.hidden + unit;
        const float *const columns[2] = {q.weight_1[0] + first, q.weight_1[1] + first};
        mb_add_columns(
            sums, columns, n.hidden,
            memory_sides<NEAR>(n, q.near_memory, q.memory, t - 1, n.memory, q.count), n.memory);
    }
#pragma unroll
    for (int k = 0; k < 2; k++) {
        float bias = q.bias_1[k][unit];
#pragma unroll
        for (int s = 0; s < MB_SIDES; s++) {
            float r = sums[k][s] + x[k][s] + bias;
            r = r < 0.0f ? 0.0f : r; // NaN stays NaN
            int64_t at = memory_at(n, s, t, n.hidden) + unit;
            if (q.dropout[k].drops() && s < q.count)
                r *= NEAR ? q.near_factors[k][unit * MB_SIDES + s]
                          : q.dropout[k].factor(memory_at(n, q.first + s, t, n.hidden) + unit);
            if (NEAR)
                q.near_hidden[k][unit * MB_SIDES + s] = r;
            if (s < q.count)
                q.hidden[k][at] = r;
        }
    }
}

// g_1[t], g_2[t] and u[t] of one unit.
template <bool NEAR>
static __device__ __forceinline__ void memory_unit(const memory_sizes &n, const memory_rows &q,
                                                   int32_t t, int32_t unit) {
    float gates[2][MB_SIDES] = {}, before[MB_SIDES] = {};
#pragma unroll
    for (int k = 0; k < 2; k++) {
        float sums[1][MB_SIDES] = {}, bias = q.bias_2[k][unit];
        const float *const columns[1] = {q.weight_2[k] + unit};
        mb_add_columns(
            sums, columns, n.memory,
            memory_sides<NEAR>(n, q.near_hidden[k], q.hidden[k], t, n.hidden, q.count), n.hidden);
#pragma unroll
        for (int s = 0; s < MB_SIDES; s++)
            gates[k][s] = mb_sigmoid_of(sums[0][s] + bias);
    }
    if (t > 0)
        memory_sides<NEAR>(n, q.near_memory, q.memory, t - 1, n.memory, q.count)
            .read(unit, before);
#pragma unroll
    for (int s = 0; s < MB_SIDES; s++) {
        if (NEAR && s >= q.count)
            q.near_memory[unit * MB_SIDES + s] = 0.0f;
        if (s >= q.count)
            continue;
        int64_t at = memory_at(n, s, t, n.memory) + unit;
        float u = gates[1][s] * q.candidate[at] + (t > 0 ? gates[0][s] * before[s] : 0.0f);
        q.gate[0][at] = gates[0][s];
        q.gate[1][at] = gates[1][s];
        q.memory[at] = u;
        if (NEAR)
            q.near_memory[unit * MB_SIDES + s] = u;
    }
}

template <bool NEAR>
static __device__ void memory_begin(const memory_problem &problem, int32_t run, int32_t rows,
                                    int32_t group, float *shared, memory_rows &q) {
    const memory_sizes &n = problem.n;
    q.first = ((int32_t)blockIdx.x * n.groups + group) * MB_SIDES;
    q.count = mb_clamp(rows - q.first, 0, MB_SIDES);
    int64_t hidden = memory_at(n, q.first, 0, n.hidden);
    int64_t memory = memory_at(n, q.first, 0, n.memory);
    q.candidate = mb_at(problem.candidate, run) + memory;
    q.memory = mb_at(problem.memory, run) + memory;
    q.near_memory = shared + group * MB_SIDES * (n.memory + 4 * n.hidden);
#pragma unroll
    for (int k = 0; k < 2; k++) {
        const auto &gate = problem.gates[k];
        q.weight_1[k] = mb_at(gate.weight_1, run);
        q.bias_1[k] = mb_at(gate.bias_1, run);
        q.weight_2[k] = mb_at(gate.weight_2, run);
        q.bias_2[k] = mb_at(gate.bias_2, run);
        q.hidden[k] = mb_at(gate.hidden, run) + hidden;
        q.gate[k] = mb_at(gate.gate, run) + memory;
        q.near_hidden[k] = q.near_memory + MB_SIDES * (n.memory + k * n.hidden);
        q.near_factors[k] = q.near_memory + MB_SIDES * (n.memory + (2 + k) * n.hidden);
        q.dropout[k].begin(problem.tables, gate.dropout, run);
    }
}

// c (B, T, M), both gates' W, b, V, a; r_1, r_2 (B, T, H) hold x W_k
// -> u (B, T, M), r_1, r_2 (B, T, H), g_1, g_2 (B, T, M). Assigns. A thread has some units of
// MB_SIDES rows.
template <bool NEAR>
static __global__ void __launch_bounds__(NEAR ? MB_MOST_THREADS : MB_FAR_THREADS)
    memory_kernel(const __grid_constant__ memory_problem problem) {
    MB_DYNAMIC_SHARED(float, shared);
    const memory_sizes &n = problem.n;
    int32_t run = (int32_t)blockIdx.y, rows = problem.tables.rows[run];
    if ((int32_t)blockIdx.x * n.groups * MB_SIDES >= rows)
        return;
    int32_t group = (int32_t)threadIdx.x / problem.unit_threads;
    int32_t thread = (int32_t)threadIdx.x % problem.unit_threads;
    memory_rows q;
    memory_begin<NEAR>(problem, run, rows, group, shared, q);
    if (NEAR)
        drop_ahead(n, q, 0, thread, problem.unit_threads);
    __syncthreads();
    for (int32_t t = 0; t < n.steps; t++) {
        for (int32_t unit = thread; q.count > 0 && unit < n.hidden; unit += problem.unit_threads)
            hidden_unit<NEAR>(n, q, t, unit);
        __syncthreads();
        for (int32_t unit = thread; q.count > 0 && unit < n.memory; unit += problem.unit_threads)
            memory_unit<NEAR>(n, q, t, unit);
        if (NEAR && t + 1 < n.steps)
            drop_ahead(n, q, t + 1, thread, problem.unit_threads);
        __syncthreads();
    }
}

// x (B, T, D), c (B, T, M), then W, b, V, a of gate 1 and of gate 2
// -> u (B, T, M), r_1, r_2 (B, T, H), g_1, g_2 (B, T, M). Assigns.
MB_CUDA_OP(gated_memory) {
    memory_problem problem = {};
    mb_sequence_forward inputs = {};
    inputs.tables = problem.tables = call->tables;
    problem.candidate = call->inputs[1];
    problem.memory = call->outputs[0];
    for (int32_t k = 0; k < 2; k++) {
        const mb_view *in = call->inputs + 2 + 4 * k;
        auto &gate = problem.gates[k];
        gate.weight_1 = in[0];
        gate.bias_1 = in[1];
        gate.weight_2 = in[2];
        gate.bias_2 = in[3];
        gate.hidden = call->outputs[1 + k];
        gate.gate = call->outputs[3 + k];
        gate.dropout = call->step->params.gated_memory.gates[k];
        inputs.parts[k].x = call->inputs[0];
        inputs.parts[k].weight = in[0];
        inputs.parts[k].y = gate.hidden;
    }
    mb_sequence_launch(call, 2, inputs);
    memory_sizes *n = &problem.n;
    n->steps = problem.memory.shape.dims[1];
    n->x = mb_view_width(call->inputs[0]);
    n->memory = mb_view_width(problem.memory);
    n->hidden = mb_view_width(call->outputs[1]);
    int64_t bytes = bytes_of(n->memory + 4 * (int64_t)n->hidden);
    n->groups = mb_groups(call->max_rows, bytes);
    int32_t widest = n->hidden > n->memory ? n->hidden : n->memory;
    int32_t threads = n->groups * bytes > MB_MOST_SHARED ? MB_FAR_THREADS : MB_MOST_THREADS;
    problem.unit_threads = mb_clamp(mb_round_up(widest, 32), 32, threads / n->groups);
    mb_launch_tiles(call, memory_kernel<true>, memory_kernel<false>, call->max_rows,
                    n->groups * MB_SIDES, n->groups * problem.unit_threads, n->groups * bytes,
                    problem);
}

// ---- backward ---------------------------------------------------------------------------------

struct memory_gradient {
    mb_tables tables;
    memory_sizes n;
    mb_view du, candidate, memory, dcandidate, running;
    struct {
        mb_view weight_1, weight_2, hidden, gate, dhidden, dgate;
        mb_dropout_setting dropout;
    } gates[2];
};

// The tensors of a run, at the block's first row. Running gradient, z_1, z_2, s_1, s_2 of one step
// lie in shared memory when near, rows `*_row` floats apart.
struct memory_block {
    const float *du, *candidate, *memory, *weight_1[2], *weight_2[2], *hidden[2], *gate[2];
    float *dcandidate, *running, *dhidden[2], *dgate[2];
    float *near_z[2], *near_s[2]; // of a width that is a multiple of four
    float scale[2];               // 1/(1-p)
    int32_t count;
};

// One row of one step: `running` is the gradient of u[t] and becomes the part of u[t-1]'s gradient
// that does not pass through the gates.
template <bool NEAR>
static __device__ void memory_cell_grad(const memory_sizes &n, const memory_block &q, int32_t s,
                                        int32_t t, int32_t lane) {
    int64_t at = memory_at(n, s, t, n.memory);
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

// s_k[t] = z_k[t] V_k^T where r_k[t] > 0: a dropped or negative hidden unit has no gradient, and r
// tells both.
template <bool NEAR>
static __device__ __forceinline__ void hidden_grad(const memory_sizes &n, const memory_block &q,
                                                   int32_t k, int32_t t) {
    int64_t at = memory_at(n, 0, t, n.hidden), row = (int64_t)n.steps * n.hidden;
    const float *r = q.hidden[k] + at;
    float *ds = q.dhidden[k] + at, *near_s = q.near_s[k], scale = q.scale[k];
    int32_t near_row = mb_round_up(n.hidden, 4);
    mb_dot dots[1] = {{q.weight_2[k], n.memory,
                       NEAR ? q.near_z[k] : q.dgate[k] + memory_at(n, 0, t, n.memory),
                       NEAR ? mb_round_up(n.memory, 4) : (int64_t)n.steps * n.memory, n.memory,
                       n.memory % 4 == 0}};
    mb_dot_rows(dots, n.hidden, q.count, [=](int32_t side, int32_t unit, float sum) {
        float s = r[side * row + unit] > 0.0f ? sum * scale : 0.0f;
        ds[side * row + unit] = s;
        if (NEAR)
            near_s[side * near_row + unit] = s;
    });
}

// running += s_1[t] W_1u^T + s_2[t] W_2u^T, W_ku (M, H) the rows of W_k that see u[t-1].
template <bool NEAR>
static __device__ __forceinline__ void running_grad(const memory_sizes &n, const memory_block &q,
                                                    int32_t t) {
    mb_dot dots[2];
#pragma unroll
    for (int k = 0; k < 2; k++)
        dots[k] = {q.weight_1[k] + (int64_t)n.x * n.hidden,
                   n.hidden,
                   NEAR ? q.near_s[k] : q.dhidden[k] + memory_at(n, 0, t, n.hidden),
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
    const memory_sizes &n = problem.n;
    int32_t most = n.groups * MB_SIDES, first = (int32_t)blockIdx.x * most;
    int32_t z_row = mb_round_up(n.memory, 4), s_row = mb_round_up(n.hidden, 4);
    int64_t hidden = memory_at(n, first, 0, n.hidden), memory = memory_at(n, first, 0, n.memory);
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
        mb_dropout dropout;
        dropout.begin(problem.tables, gate.dropout, run);
        q.scale[k] = gate.dropout.mode == MB_DROPOUT_OFF ? 1.0f : dropout.scale;
    }
}

// du (B, T, M), c, u, r_1, r_2, g_1, g_2, W_1, V_1, W_2, V_2
// -> dc (B, T, M), s_1, s_2 (B, T, H), z_1, z_2 (B, T, M), running gradient (B, M). Assigns.
template <bool NEAR>
static __global__ void __launch_bounds__(NEAR ? MB_MOST_THREADS : MB_FAR_THREADS)
    memory_grad_kernel(const __grid_constant__ memory_gradient problem) {
    MB_DYNAMIC_SHARED(float, shared);
    const memory_sizes &n = problem.n;
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
    mb_sequence_backward dx = {};
    dx.tables = problem.tables = call->tables;
    problem.du = call->inputs[0];
    problem.candidate = call->inputs[1];
    problem.memory = call->inputs[2];
    problem.dcandidate = call->outputs[1];
    problem.running = call->outputs[6];
    for (int32_t k = 0; k < 2; k++) {
        auto &gate = problem.gates[k];
        gate.weight_1 = call->inputs[7 + 2 * k];
        gate.weight_2 = call->inputs[8 + 2 * k];
        gate.hidden = call->inputs[3 + k];
        gate.gate = call->inputs[5 + k];
        gate.dhidden = call->outputs[2 + k];
        gate.dgate = call->outputs[4 + k];
        gate.dropout = call->step->params.gated_memory.gates[k];
        dx.parts[k].dy = gate.dhidden;
        dx.parts[k].weight = gate.weight_1;
    }
    dx.part_count = 2;
    dx.dx = call->outputs[0];
    memory_sizes *n = &problem.n;
    n->steps = dx.dx.shape.dims[1];
    n->x = mb_view_width(dx.dx);
    n->memory = mb_view_width(problem.memory);
    n->hidden = mb_view_width(call->inputs[3]);
    int64_t bytes = bytes_of(3 * (int64_t)mb_round_up(n->memory, 4) +
                             2 * (int64_t)mb_round_up(n->hidden, 4));
    n->groups = mb_groups(call->max_rows, bytes);
    int32_t widest = n->hidden > n->memory ? n->hidden : n->memory;
    int32_t warps = n->groups * ((widest + MB_DOT_ROWS - 1) / MB_DOT_ROWS);
    int32_t threads = n->groups * bytes > MB_MOST_SHARED ? MB_FAR_THREADS : MB_MOST_THREADS;
    mb_launch_tiles(call, memory_grad_kernel<true>, memory_grad_kernel<false>, call->max_rows,
                    n->groups * MB_SIDES, mb_clamp(32 * warps, 64, threads), n->groups * bytes,
                    problem);
    mb_sequence_launch(call, dx);
}
