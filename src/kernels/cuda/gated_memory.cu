// The memory of MFN over a whole sequence, forward; gated_memory.cuh has the formulae.
#include "cuda/gated_memory.cuh"
#include "cuda/linear.cuh"

struct memory_problem {
    mb_tables tables;
    mb_memory_sizes n;
    int32_t unit_threads; // threads of a group of rows
    mb_view candidate, memory;
    struct {
        mb_view weight_1, bias_1, weight_2, bias_2, hidden, gate;
        mb_dropout_setting dropout;
    } gates[2];
};

// The tensors of a run, from the first of a thread's rows on; `count` rows are valid. In near
// kernels, shared memory holds for each group u[t-1] (M, MB_SIDES), and for both gates r[t] and the
// dropout factors (H, MB_SIDES).
struct memory_rows {
    const float *candidate, *weight_1[2], *bias_1[2], *weight_2[2], *bias_2[2];
    float *memory, *hidden[2], *gate[2];
    float *near_memory, *near_hidden[2], *near_factors[2];
    bool drops[2];
    int32_t first, count;
};

template <bool NEAR>
static __device__ __forceinline__ mb_sides<NEAR, MB_SIDES>
memory_sides(const mb_memory_sizes &n, const float *near_values, const float *far_values, int32_t t,
             int32_t width, int32_t count) {
    if constexpr (NEAR)
        return {near_values};
    else
        return {far_values + mb_memory_at(n, 0, t, width), (int64_t)n.steps * width, count - 1};
}

// Makes the dropout factors of one gate at step t, with all threads of the group: one call of
// Philox for the eight elements of a counter.
static __device__ inline void drop_ahead(const memory_problem &problem, const memory_rows &q,
                                         int32_t run, int32_t k, int32_t t, int32_t thread) {
    const mb_memory_sizes &n = problem.n;
    mb_mask mask = mb_mask_of(problem.tables, run, problem.gates[k].dropout);
    float *near_factors = q.near_factors[k];
    bool stored = mask.mode == MB_DROPOUT_STORED;
    // Dropout groups that a row may overlap.
    int32_t groups = (n.hidden + MB_DROPOUT_GROUP - 1) / MB_DROPOUT_GROUP + 1;
    int32_t each = stored ? n.hidden : groups * MB_DROPOUT_COUNTERS;
    for (int32_t item = thread; item < q.count * each; item += problem.unit_threads) {
        int32_t s = item / each, i = item % each;
        int64_t begin = mb_memory_at(n, q.first + s, t, n.hidden);
        if (stored) {
            near_factors[i * MB_SIDES + s] = mb_mask_factor(mask, begin + i);
            continue;
        }
        int64_t group = begin / MB_DROPOUT_GROUP + i / MB_DROPOUT_COUNTERS;
        int64_t unit = group * MB_DROPOUT_GROUP - begin + i % MB_DROPOUT_COUNTERS;
        if (unit >= n.hidden)
            continue;
        uint32_t bits =
            mb_mask_bits(mask, (uint64_t)(group * MB_DROPOUT_COUNTERS + i % MB_DROPOUT_COUNTERS));
#pragma unroll
        for (int share = 0; share < 8; share++, unit += MB_DROPOUT_COUNTERS)
            if (unit >= 0 && unit < n.hidden)
                near_factors[unit * MB_SIDES + s] = (bits >> share & 1u) != 0 ? mask.scale : 0.0f;
    }
}

// r_1[t] and r_2[t] of one unit, from u[t-1] and from x W_k, which is stored in them on entry.
template <bool NEAR>
static __device__ __forceinline__ void hidden_unit(const memory_problem &problem,
                                                   const memory_rows &q, int32_t run, int32_t t,
                                                   int32_t unit) {
    const mb_memory_sizes &n = problem.n;
    float sums[2][MB_SIDES] = {};
    for (int s = 0; NEAR && s < q.count; s++) { // load x W_k to where r[t] will be
        int64_t at = mb_memory_at(n, s, t, n.hidden) + unit;
        mb_async_copy<4>(q.near_hidden[0] + unit * MB_SIDES + s, q.hidden[0] + at);
        mb_async_copy<4>(q.near_hidden[1] + unit * MB_SIDES + s, q.hidden[1] + at);
    }
    mb_async_commit();
    if (t > 0) {
        int64_t first = (int64_t)n.x * n.hidden + unit;
        const float *const columns[2] = {q.weight_1[0] + first, q.weight_1[1] + first};
        mb_add_columns(sums, columns, n.hidden,
                       memory_sides<NEAR>(n, q.near_memory, q.memory, t - 1, n.memory, q.count),
                       n.memory);
    }
    if (NEAR)
        mb_async_wait<0>();
#pragma unroll
    for (int k = 0; k < 2; k++) {
        float bias = q.bias_1[k][unit];
        mb_mask mask = {};
        if (!NEAR)
            mask = mb_mask_of(problem.tables, run, problem.gates[k].dropout);
#pragma unroll
        for (int s = 0; s < MB_SIDES; s++) {
            int32_t near_at = unit * MB_SIDES + s;
            int64_t at = mb_memory_at(n, s, t, n.hidden) + unit;
            if (s >= q.count)
                continue;
            float r = sums[k][s] + (NEAR ? q.near_hidden[k][near_at] : q.hidden[k][at]) + bias;
            r = r < 0.0f ? 0.0f : r; // NaN stays NaN
            if (q.drops[k])
                r *= NEAR ? q.near_factors[k][near_at]
                          : mb_mask_factor(mask, mb_memory_at(n, q.first, 0, n.hidden) + at);
            if (NEAR)
                q.near_hidden[k][near_at] = r;
            q.hidden[k][at] = r;
        }
    }
}

// g_1[t], g_2[t] and u[t] of one unit.
template <bool NEAR>
static __device__ __forceinline__ void memory_unit(const mb_memory_sizes &n, const memory_rows &q,
                                                   int32_t t, int32_t unit) {
    float gates[2][MB_SIDES] = {}, before[MB_SIDES] = {};
#pragma unroll
    for (int k = 0; k < 2; k++) {
        float sums[1][MB_SIDES] = {}, bias = q.bias_2[k][unit];
        const float *const columns[1] = {q.weight_2[k] + unit};
        mb_add_columns(sums, columns, n.memory,
                       memory_sides<NEAR>(n, q.near_hidden[k], q.hidden[k], t, n.hidden, q.count),
                       n.hidden);
#pragma unroll
        for (int s = 0; s < MB_SIDES; s++)
            gates[k][s] = mb_sigmoid_of(sums[0][s] + bias);
    }
    if (t > 0)
        memory_sides<NEAR>(n, q.near_memory, q.memory, t - 1, n.memory, q.count).read(unit, before);
#pragma unroll
    for (int s = 0; s < MB_SIDES; s++) {
        if (s >= q.count)
            continue;
        int64_t at = mb_memory_at(n, s, t, n.memory) + unit;
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
    const mb_memory_sizes &n = problem.n;
    q.first = ((int32_t)blockIdx.x * n.groups + group) * MB_SIDES;
    q.count = mb_clamp(rows - q.first, 0, MB_SIDES);
    int64_t hidden = mb_memory_at(n, q.first, 0, n.hidden);
    int64_t memory = mb_memory_at(n, q.first, 0, n.memory);
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
        mb_mask mask = mb_mask_of(problem.tables, run, gate.dropout);
        q.drops[k] = mask.mode == MB_DROPOUT_STORED ||
                     (mask.mode == MB_DROPOUT_RANDOM && mask.threshold > 0);
    }
}

// c (B, T, M), both gates' W, b, V, a; r_1, r_2 (B, T, H) hold x W_k
// -> u (B, T, M), r_1, r_2 (B, T, H), g_1, g_2 (B, T, M). Assigns. A thread computes some units of
// MB_SIDES rows.
template <bool NEAR>
static __global__ void __launch_bounds__(NEAR ? MB_MOST_THREADS : MB_FAR_THREADS)
    memory_kernel(const __grid_constant__ memory_problem problem) {
    MB_DYNAMIC_SHARED(float, shared);
    const mb_memory_sizes &n = problem.n;
    int32_t run = (int32_t)blockIdx.y, rows = problem.tables.rows[run];
    if ((int32_t)blockIdx.x * n.groups * MB_SIDES >= rows)
        return;
    int32_t group = (int32_t)threadIdx.x / problem.unit_threads;
    int32_t thread = (int32_t)threadIdx.x % problem.unit_threads;
    memory_rows q;
    memory_begin<NEAR>(problem, run, rows, group, shared, q);
#pragma unroll
    for (int32_t k = 0; k < 2; k++)
        if (NEAR && q.drops[k])
            drop_ahead(problem, q, run, k, 0, thread);
    __syncthreads();
    for (int32_t t = 0; t < n.steps; t++) {
        for (int32_t unit = thread; q.count > 0 && unit < n.hidden; unit += problem.unit_threads)
            hidden_unit<NEAR>(problem, q, run, t, unit);
        __syncthreads();
        for (int32_t unit = thread; q.count > 0 && unit < n.memory; unit += problem.unit_threads)
            memory_unit<NEAR>(n, q, t, unit);
#pragma unroll
        for (int32_t k = 0; k < 2; k++)
            if (NEAR && q.drops[k] && t + 1 < n.steps)
                drop_ahead(problem, q, run, k, t + 1, thread);
        __syncthreads();
    }
}

// x (B, T, D), c (B, T, M), then W, b, V, a of gate 1 and of gate 2
// -> u (B, T, M), r_1, r_2 (B, T, H), g_1, g_2 (B, T, M). Assigns.
MB_CUDA_OP(gated_memory) {
    memory_problem problem = {};
    mb_linear_map inputs[2] = {};
    problem.tables = call->tables;
    problem.candidate = mb_in(call, gated_memory, candidate);
    problem.memory = mb_out(call, gated_memory, u);
    auto &first = problem.gates[0], &second = problem.gates[1];
    first.weight_1 = mb_in(call, gated_memory, w_1);
    first.bias_1 = mb_in(call, gated_memory, b_1);
    first.weight_2 = mb_in(call, gated_memory, v_1);
    first.bias_2 = mb_in(call, gated_memory, a_1);
    first.hidden = mb_out(call, gated_memory, r_1);
    first.gate = mb_out(call, gated_memory, g_1);
    second.weight_1 = mb_in(call, gated_memory, w_2);
    second.bias_1 = mb_in(call, gated_memory, b_2);
    second.weight_2 = mb_in(call, gated_memory, v_2);
    second.bias_2 = mb_in(call, gated_memory, a_2);
    second.hidden = mb_out(call, gated_memory, r_2);
    second.gate = mb_out(call, gated_memory, g_2);
    for (int32_t k = 0; k < 2; k++) {
        problem.gates[k].dropout = call->op->params.gated_memory.gates[k];
        inputs[k].x = mb_in(call, gated_memory, x);
        inputs[k].weight = problem.gates[k].weight_1;
        inputs[k].y = problem.gates[k].hidden;
    }
    mb_linear_maps(call, 2, inputs, false);
    mb_memory_sizes *n = &problem.n;
    n->steps = problem.memory.shape.dims[1];
    n->x = mb_view_width(mb_in(call, gated_memory, x));
    n->memory = mb_view_width(problem.memory);
    n->hidden = mb_view_width(mb_out(call, gated_memory, r_1));
    int64_t bytes = MB_SIDES * (int64_t)sizeof(float) * (n->memory + 4 * (int64_t)n->hidden);
    n->groups = mb_groups(call->max_rows, bytes);
    int32_t widest = n->hidden > n->memory ? n->hidden : n->memory;
    int32_t threads = n->groups * bytes > MB_MOST_SHARED ? MB_FAR_THREADS : MB_MOST_THREADS;
    problem.unit_threads = mb_clamp(mb_round_up(widest, 32), 32, threads / n->groups);
    mb_launch_tiles(call, memory_kernel<true>, memory_kernel<false>, call->max_rows,
                    n->groups * MB_SIDES, n->groups * problem.unit_threads, n->groups * bytes,
                    problem);
}
