// LSTM over a whole sequence. B rows, T steps, H hidden; a recurrence walks over L positions with S
// sides (recurrence.cuh); blocks of gates in the order i, f, g, o. In formulae t is a position of
// the walk. Reference: src/kernels/cpu/isa/recurrent.c.
#include "cuda/recurrence.cuh"

// ---- forward ----------------------------------------------------------------------------------

struct lstm_problem {
    mb_tables tables;
    mb_recurrence recurrence;
    mb_view z, weight, bias, hidden, cell, gates;
    int32_t groups;       // of MB_SIDES sides in a block
    int32_t unit_threads; // threads of a group
};

// The tensors of a run, from the first of a thread's sides on; `count` sides are valid.
struct lstm_sides {
    const float *z, *weight, *bias;
    float *hidden, *cell, *gates;
    float *waiting; // near: z of the current position, (4, MB_SIDES, H)
    int32_t h, count;
    int64_t aside;

    // Begins to copy z of a unit at position `at` to shared memory.
    __device__ void ask(int64_t at, int32_t unit) const {
        for (int s = 0; s < count; s++)
            for (int k = 0; k < 4; k++)
                mb_async_copy<4>(waiting + (k * MB_SIDES + s) * h + unit,
                                 z + (at + s * aside) * 4 * h + k * h + unit);
    }
};

// One unit of up to MB_SIDES sides at position `at`; `before` is the previous position.
//   gates[t] = z[t] + b + hidden[t-1] W;  c[t] = f*c[t-1] + i*g;  hidden[t] = o*tanh(c[t])
template <bool NEAR>
static __device__ __forceinline__ void
lstm_unit(const lstm_sides &q, int32_t unit, bool begins, int64_t at, int64_t before,
          const mb_sides<NEAR, MB_SIDES> &states, float *after) {
    const int32_t h = q.h, g = 4 * h;
    float sums[4][MB_SIDES] = {}, cell[MB_SIDES];
#pragma unroll
    for (int s = 0; s < MB_SIDES; s++) // loaded during the product
        cell[s] = begins || s >= q.count ? 0.0f : q.cell[(before + s * q.aside) * h + unit];
    if (!begins) {
        const float *w = q.weight + unit;
        const float *const columns[4] = {w, w + h, w + 2 * h, w + 3 * h};
        mb_add_columns(sums, columns, g, states, h);
    }
    if (NEAR)
        mb_async_wait<0>();
#pragma unroll
    for (int s = 0; s < MB_SIDES; s++) {
        if (s >= q.count)
            continue;
        int64_t here = at + s * q.aside;
#pragma unroll
        for (int k = 0; k < 4; k++)
            sums[k][s] +=
                (NEAR ? q.waiting[(k * MB_SIDES + s) * h + unit] : q.z[here * g + k * h + unit]) +
                q.bias[k * h + unit];
        float i = mb_sigmoid_of(sums[0][s]), f = mb_sigmoid_of(sums[1][s]);
        float gate = tanhf(sums[2][s]), o = mb_sigmoid_of(sums[3][s]);
        float c = i * gate + (begins ? 0.0f : f * cell[s]), state = o * tanhf(c);
        float *gates = q.gates + here * g + unit;
        __stcs(gates, i);
        __stcs(gates + h, f);
        __stcs(gates + 2 * h, gate);
        __stcs(gates + 3 * h, o);
        q.cell[here * h + unit] = c;
        q.hidden[here * h + unit] = state;
        if (NEAR)
            after[unit * MB_SIDES + s] = state;
    }
}

// z (B, T, 4H), W (H, 4H), b (4H) -> hidden (B, T, H), cell (B, T, H), gates (B, T, 4H) activated.
// Assigns. A thread has all gates of some units of MB_SIDES sides, so that it makes the state from
// gates in its registers. In near kernels, shared memory holds the states of two positions, which
// alternate, and z of the next position is copied there in advance.
template <bool NEAR>
static __global__ void __launch_bounds__(NEAR ? MB_MOST_THREADS : MB_FAR_THREADS)
    lstm_kernel(lstm_problem problem) {
    MB_DYNAMIC_SHARED(float, shared); // for each group: (2, H, MB_SIDES), (4, MB_SIDES, H)
    int32_t run = (int32_t)blockIdx.y, rows = problem.tables.rows[run];
    mb_walk walk = mb_walk_of(problem.hidden, rows, problem.recurrence);
    int32_t tile = (int32_t)blockIdx.x * problem.groups * MB_SIDES;
    if (rows == 0 || tile >= walk.sides)
        return;
    int32_t group = (int32_t)threadIdx.x / problem.unit_threads;
    int32_t thread = (int32_t)threadIdx.x % problem.unit_threads;
    int32_t h = mb_view_width(problem.hidden), first = tile + group * MB_SIDES;
    float *states = shared + group * 6 * MB_SIDES * h;
    lstm_sides q = {};
    q.h = h;
    q.aside = walk.aside;
    q.count = mb_clamp(walk.sides - first, 0, MB_SIDES);
    q.z = mb_at(problem.z, run) + first * walk.aside * 4 * h;
    q.weight = mb_at(problem.weight, run);
    q.bias = mb_at(problem.bias, run);
    q.hidden = mb_at(problem.hidden, run) + first * walk.aside * h;
    q.cell = mb_at(problem.cell, run) + first * walk.aside * h;
    q.gates = mb_at(problem.gates, run) + first * walk.aside * 4 * h;
    q.waiting = states + 2 * MB_SIDES * h;
    for (int32_t n = 0; n < walk.length; n++) {
        int64_t at = mb_walk_at(walk, n), before = n > 0 ? mb_walk_at(walk, n - 1) : 0;
        mb_sides<NEAR, MB_SIDES> sides;
        float *after = states + (n + 1) % 2 * MB_SIDES * h;
        if constexpr (NEAR)
            sides = {states + n % 2 * MB_SIDES * h};
        else
            sides = {q.hidden + before * h, walk.aside * h, q.count - 1};
        for (int32_t unit = thread; NEAR && n == 0 && unit < h; unit += problem.unit_threads)
            q.ask(at, unit);
        mb_async_commit();
        for (int32_t unit = thread; q.count > 0 && unit < h; unit += problem.unit_threads)
            lstm_unit<NEAR>(q, unit, n == 0, at, before, sides, after);
        for (int32_t unit = thread; NEAR && n + 1 < walk.length && unit < h;
             unit += problem.unit_threads)
            q.ask(mb_walk_at(walk, n + 1), unit);
        __syncthreads();
    }
}

MB_CUDA_OP(lstm) {
    lstm_problem problem = {};
    problem.tables = call->tables;
    problem.recurrence = call->op->params.recurrence;
    problem.z = mb_in(call, lstm, z);
    problem.weight = mb_in(call, lstm, weight);
    problem.bias = mb_in(call, lstm, bias);
    problem.hidden = mb_out(call, lstm, hidden);
    problem.cell = mb_out(call, lstm, cell);
    problem.gates = mb_out(call, lstm, gates);
    int32_t h = mb_view_width(problem.hidden);
    int32_t sides = mb_walk_of(problem.hidden, call->max_rows, problem.recurrence).sides;
    int64_t bytes = (int64_t)6 * h * MB_SIDES * (int64_t)sizeof(float);
    problem.groups = mb_groups(sides, bytes);
    int32_t threads = problem.groups * bytes > MB_MOST_SHARED ? MB_FAR_THREADS : MB_MOST_THREADS;
    problem.unit_threads = mb_clamp(mb_round_up(h, 32), 32, threads / problem.groups);
    mb_launch_tiles(call, lstm_kernel<true>, lstm_kernel<false>, sides, problem.groups * MB_SIDES,
                    problem.groups * problem.unit_threads, problem.groups * bytes, problem);
}

// ---- backward ---------------------------------------------------------------------------------

struct lstm_gradient {
    mb_tables tables;
    mb_recurrence recurrence;
    mb_view cell, gates, weight, dhidden, dcell, dz, dstate; // dhidden, dcell: first = NULL: none
    int32_t groups;
};

// The gradients of one unit of one side. dstate = [gradient of hidden | gradient of cell], as it
// comes from the positions after this one; the gradient of cell becomes that of the previous cell
// state.
struct lstm_unit_gradient {
    const float *gates, *cell, *cell_before, *dhidden, *dcell; // the latter three may be NULL
    float *dstate, *dz;

    __device__ void move(int32_t h, int32_t unit, float (&d)[4]) const {
        float i = gates[unit], f = gates[h + unit];
        float g = gates[2 * h + unit], o = gates[3 * h + unit];
        float dh = dstate[unit], dc = dstate[h + unit], tc = tanhf(cell[unit]);
        float before = cell_before != NULL ? cell_before[unit] : 0.0f;
        dh += dhidden != NULL ? dhidden[unit] : 0.0f;
        dc += dcell != NULL ? dcell[unit] : 0.0f;
        dstate[unit] = dh;
        dc += dh * o * (1.0f - tc * tc);
        d[0] = dc * g * i * (1.0f - i);
        d[1] = dc * before * f * (1.0f - f);
        d[2] = dc * i * (1.0f - g * g);
        d[3] = dh * tc * o * (1.0f - o);
        dstate[h + unit] = dc * f;
        for (int k = 0; k < 4; k++)
            dz[k * h + unit] = d[k];
    }
};

// cell (B, T, H), gates (B, T, 4H), W (H, 4H), and dhidden, dcell or both (B, T, H)
// -> dz (B, T, 4H), dstate (S, 2H). Assigns. In near kernels, dz of one position and dstate are in
// shared memory, with the layout that they have in global memory.
template <bool NEAR>
static __global__ void __launch_bounds__(MB_MOST_THREADS) lstm_grad_kernel(lstm_gradient q) {
    MB_DYNAMIC_SHARED(float, shared); // (sides, 4H), (sides, 2H)
    int32_t run = (int32_t)blockIdx.y, rows = q.tables.rows[run];
    mb_walk walk = mb_walk_of(q.cell, rows, q.recurrence);
    int32_t most = q.groups * MB_SIDES, first = (int32_t)blockIdx.x * most;
    if (rows == 0 || first >= walk.sides)
        return;
    int32_t h = mb_view_width(q.cell), g = 4 * h, count = mb_clamp(walk.sides - first, 0, most);
    int32_t lane = (int32_t)threadIdx.x % 32, warp = (int32_t)threadIdx.x / 32;
    int32_t warps = (int32_t)blockDim.x / 32;
    float *room = mb_at(q.dstate, run) + (int64_t)first * 2 * h;
    float *dstate = NEAR ? shared + most * g : room;
    const float *cells = mb_at(q.cell, run), *gates = mb_at(q.gates, run);
    const float *dhidden = q.dhidden.first != NULL ? mb_at(q.dhidden, run) : NULL;
    const float *dcell = q.dcell.first != NULL ? mb_at(q.dcell, run) : NULL;
    float *dz = mb_at(q.dz, run);
    for (int32_t i = (int32_t)threadIdx.x; i < count * 2 * h; i += (int32_t)blockDim.x)
        dstate[i] = 0.0f;
    __syncthreads();
    for (int32_t n = walk.length - 1; n >= 0; n--) {
        int64_t at = mb_walk_at(walk, n) + first * walk.aside;
        int64_t before = n > 0 ? mb_walk_at(walk, n - 1) + first * walk.aside : 0;
        for (int32_t s = warp; s < count; s += warps) {
            int64_t here = at + s * walk.aside;
            lstm_unit_gradient unit = {gates + here * g,
                                       cells + here * h,
                                       n > 0 ? cells + (before + s * walk.aside) * h : NULL,
                                       dhidden != NULL ? dhidden + here * h : NULL,
                                       dcell != NULL ? dcell + here * h : NULL,
                                       dstate + s * 2 * h,
                                       dz + here * g};
            for (int32_t j = lane; j < h; j += 32) {
                float d[4];
                unit.move(h, j, d);
                for (int k = 0; NEAR && k < 4; k++)
                    shared[s * g + k * h + j] = d[k];
            }
        }
        __syncthreads();
        if (n == 0)
            break;
        mb_dot dots[1] = {{mb_at(q.weight, run), g, NEAR ? shared : dz + at * g,
                           NEAR ? g : walk.aside * g, g, true}};
        mb_dot_rows(dots, h, count, [=](int32_t side, int32_t unit, float sum) {
            dstate[side * 2 * h + unit] = sum; // gradient of hidden[t-1]
        });
        __syncthreads();
    }
    for (int32_t i = (int32_t)threadIdx.x; NEAR && i < count * 2 * h; i += (int32_t)blockDim.x)
        room[i] = dstate[i];
}

MB_CUDA_OP(lstm_grad) {
    const mb_plan_op *op = call->op;
    lstm_gradient problem = {};
    const mb_view *given = &mb_in(call, lstm_grad, dhidden); // or dcell
    problem.tables = call->tables;
    problem.recurrence = op->params.lstm_grad.recurrence;
    problem.cell = mb_in(call, lstm_grad, cell);
    problem.gates = mb_in(call, lstm_grad, gates);
    problem.weight = mb_in(call, lstm_grad, weight);
    if (op->params.lstm_grad.hidden)
        problem.dhidden = *given++;
    if (op->params.lstm_grad.cell)
        problem.dcell = *given;
    problem.dz = mb_out(call, lstm_grad, dz);
    problem.dstate = mb_out(call, lstm_grad, workspace);
    int32_t h = mb_view_width(problem.cell);
    int32_t sides = mb_walk_of(problem.cell, call->max_rows, problem.recurrence).sides;
    int64_t bytes = (int64_t)MB_SIDES * 6 * h * (int64_t)sizeof(float);
    problem.groups = mb_groups(sides, bytes);
    int32_t warps = problem.groups * ((h + MB_DOT_ROWS - 1) / MB_DOT_ROWS);
    mb_launch_tiles(call, lstm_grad_kernel<true>, lstm_grad_kernel<false>, sides,
                    problem.groups * MB_SIDES, mb_clamp(32 * warps, 64, MB_MOST_THREADS),
                    problem.groups * bytes, problem);
}
