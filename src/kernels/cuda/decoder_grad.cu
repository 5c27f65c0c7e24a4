// Decoder with attention, backward; decoder.cuh has the formulae.
#include "cuda/decoder.cuh"
#include "cuda/linear.cuh"

struct decoder_gradient {
    mb_tables tables;
    mb_recurrence recurrence;
    mb_view dout, x, attention, score, alpha, queries, keys;
    mb_view dx, dstart, dscore, dqueries, dkeys, dalpha;
    struct {
        mb_view weight, gates, dz;
    } cells[2];
};

// The tensors of a run, from the block's first side on; `count` sides are valid. In near kernels,
// shared memory holds, for one position, dz of both cells (sides, 4H), the running gradient of the
// state, and the gradient of the context, later of the query.
struct decoder_grad_block {
    mb_walk walk;
    int32_t h, count;
    const float *dout, *x, *attention, *score, *alpha, *queries, *keys, *weight[2], *gates[2];
    float *dx, *dqueries, *dkeys, *dalpha, *dz[2];
    float *dstate;               // (sides, state_row)
    float *near_dz, *near_query; // (2, sides, 4H), (sides, near_row)
    int32_t state_row, near_row;
    float2 *means; // (sides), sum of alpha * dalpha, split into a large and a small float

    // Vector of a side at position n.
    __device__ int64_t at(int32_t n, int32_t side) const {
        return mb_walk_at(walk, n) + side * walk.aside;
    }
    // Gradient of context or query at position n.
    template <bool NEAR> __device__ float *query(int32_t n, int32_t side) const {
        return NEAR ? near_query + side * near_row : dqueries + at(n, side) * h;
    }
};

// Gradient of z of both cells, whose hidden states have the gradient of the state. Starts dctx, the
// gradient of the context, with that of `out`.
template <bool NEAR>
static __device__ __forceinline__ void cells_grad(const decoder_grad_block &q, int32_t n,
                                                  int32_t side, int32_t unit) {
    const int32_t h = q.h;
    int64_t here = q.at(n, side);
    float dh = q.dout[here * 2 * h + unit] + q.dstate[side * (int64_t)q.state_row + unit];
#pragma unroll
    for (int k = 0; k < 2; k++) {
        const float *gates = q.gates[k] + here * 4 * h + unit;
        float i = gates[0], g = gates[2 * h], o = gates[3 * h];
        float tc = tanhf(i * g), dc = dh * o * (1.0f - tc * tc);
        const float d[4] = {dc * g * i * (1.0f - i), 0.0f, dc * i * (1.0f - g * g),
                            dh * tc * o * (1.0f - o)};
#pragma unroll
        for (int block = 0; block < 4; block++) {
            q.dz[k][here * 4 * h + block * h + unit] = d[block];
            if (NEAR)
                q.near_dz[(k * MB_SIDES + side) * 4 * h + block * h + unit] = d[block];
        }
    }
    q.query<NEAR>(n, side)[unit] = q.dout[here * 2 * h + h + unit];
}

// dctx += dz_f W_f[D:]^T + dz_b W_b[D:]^T
template <bool NEAR>
static __device__ __forceinline__ void context_grad(const decoder_grad_block &q, int32_t n) {
    const int32_t g = 4 * q.h;
    mb_dot dots[2];
#pragma unroll
    for (int k = 0; k < 2; k++)
        dots[k] = {q.weight[k],
                   g,
                   NEAR ? q.near_dz + k * MB_SIDES * g : q.dz[k] + q.at(n, 0) * g,
                   NEAR ? g : q.walk.aside * g,
                   g,
                   true};
    mb_dot_rows(dots, q.h, q.count, [&](int32_t side, int32_t unit, float sum) {
        q.query<NEAR>(n, side)[unit] += sum;
    });
}

// dalpha[m] = x[m] . dctx
template <bool NEAR>
static __device__ __forceinline__ void alpha_grad(const decoder_grad_block &q, int32_t n) {
    auto term = [&](int32_t side, int32_t m, int32_t j) {
        return q.x[q.at(m, side) * q.h + j] * q.query<NEAR>(n, side)[j];
    };
    mb_decoder_sums(q.count, q.walk.length, q.h, term, [&](int32_t side, int32_t m, float sum) {
        q.dalpha[q.at(n, side) * q.walk.length + m] = sum;
    });
}

// Mean of dalpha, weighted by alpha; a warp takes a side.
static __device__ __forceinline__ void alpha_means(const decoder_grad_block &q, int32_t n) {
    int32_t lane = (int32_t)threadIdx.x % 32, warps = (int32_t)blockDim.x / 32;
    for (int32_t side = (int32_t)threadIdx.x / 32; side < q.count; side += warps) {
        int64_t at = q.at(n, side) * q.walk.length;
        double sum = 0.0;
        for (int32_t m = lane; m < q.walk.length; m += 32)
            sum += (double)q.alpha[at + m] * (double)q.dalpha[at + m];
        sum = mb_warp_sum(sum);
        if (lane == 0)
            q.means[side] = make_float2((float)sum, (float)(sum - (double)(float)sum));
    }
}

// One unit of a side, over all positions m; dscore[m] = alpha[m] * (dalpha[m] - mean):
//   dx[m] += alpha[m] * dctx;  with e = tanh(q + k[m]), p = dscore[m] * v * (1 - e^2):
//   dv += dscore[m] * e, dk[m] += p, dq = sum of p
// dv of the side is accumulated in dqueries at the last position, whose own value is zero.
template <bool NEAR>
static __device__ __forceinline__ void attention_grad(const decoder_grad_block &q, int32_t n,
                                                      int32_t side, int32_t unit) {
    const int32_t length = q.walk.length;
    const float *__restrict__ alpha = q.alpha + q.at(n, side) * length;
    const float *__restrict__ dalpha = q.dalpha + q.at(n, side) * length;
    const float *__restrict__ keys = q.keys + unit;
    float *__restrict__ dx = q.dx + unit, *__restrict__ dkeys = q.dkeys + unit;
    float query = q.queries[q.at(n, side) * q.h + unit], v = q.score[unit];
    float *place = q.query<NEAR>(n, side) + unit, dcontext = *place, dv = 0.0f, dquery = 0.0f;
    float2 mean = q.means[side];
#pragma unroll 2
    for (int32_t m = 0; m < length; m++) {
        int64_t at = q.at(m, side) * q.h;
        float dscore = alpha[m] * (dalpha[m] - mean.x - mean.y);
        float e = tanhf(query + keys[at]), p = dscore * v * (1.0f - e * e);
        dx[at] += alpha[m] * dcontext;
        dkeys[at] += p;
        dv = fmaf(dscore, e, dv);
        dquery += p;
    }
    *place = dquery;
    if (NEAR)
        q.dqueries[q.at(n, side) * q.h + unit] = dquery;
    q.dqueries[q.at(length - 1, side) * q.h + unit] += dv;
}

// Gradient of the state at the previous position: dq A[:H]^T
template <bool NEAR>
static __device__ __forceinline__ void state_grad(const decoder_grad_block &q, int32_t n) {
    mb_dot dots[1] = {{q.attention, q.h, q.query<NEAR>(n, 0),
                       NEAR ? q.near_row : q.walk.aside * q.h, q.h, q.h % 4 == 0}};
    mb_dot_rows(dots, q.h, q.count, [&](int32_t side, int32_t unit, float sum) {
        q.dstate[side * (int64_t)q.state_row + unit] = sum;
    });
}

template <bool NEAR>
static __device__ __forceinline__ void position_grad(const decoder_grad_block &q, int32_t n) {
    int32_t padded = mb_round_up(q.h, 32), items = q.count * padded;
    for (int32_t item = (int32_t)threadIdx.x; item < items; item += (int32_t)blockDim.x)
        if (item % padded < q.h)
            cells_grad<NEAR>(q, n, item / padded, item % padded);
    __syncthreads();
    context_grad<NEAR>(q, n);
    __syncthreads();
    alpha_grad<NEAR>(q, n);
    __syncthreads();
    alpha_means(q, n);
    __syncthreads();
    for (int32_t item = (int32_t)threadIdx.x; item < items; item += (int32_t)blockDim.x)
        if (item % padded < q.h)
            attention_grad<NEAR>(q, n, item / padded, item % padded);
    __syncthreads();
    state_grad<NEAR>(q, n);
    __syncthreads();
}

// Clears the gradients that positions add to, and those of the last position.
static __device__ void clear_gradients(const decoder_grad_block &q) {
    int32_t thread = (int32_t)threadIdx.x, threads = (int32_t)blockDim.x, h = q.h;
    for (int32_t n = 0; n < q.walk.length; n++)
        for (int32_t i = thread; i < q.count * h; i += threads) {
            int64_t at = q.at(n, i / h) * h + i % h;
            q.dx[at] = q.dkeys[at] = 0.0f;
        }
    for (int32_t side = 0; side < q.count; side++) {
        int64_t last = q.at(q.walk.length - 1, side);
        for (int32_t i = thread; i < h; i += threads)
            q.dqueries[last * h + i] = q.dstate[side * (int64_t)q.state_row + i] = 0.0f;
        for (int32_t i = thread; i < 4 * h; i += threads)
            q.dz[0][last * 4 * h + i] = q.dz[1][last * 4 * h + i] = 0.0f;
    }
}

template <bool NEAR>
static __device__ void decoder_grad_begin(const decoder_gradient &problem, int32_t run,
                                          int32_t first, float *shared, decoder_grad_block &q) {
    int64_t side = first * q.walk.aside;
    int32_t h = mb_view_width(problem.x);
    q.h = h;
    q.count = mb_clamp(q.walk.sides - first, 0, MB_SIDES);
    q.near_row = mb_round_up(h, 4);
    q.near_dz = shared;
    q.near_query = shared + 2 * MB_SIDES * 4 * h;
    q.state_row = NEAR ? q.near_row : h;
    q.dstate = NEAR ? q.near_query + MB_SIDES * q.near_row
                    : mb_at(problem.dstart, run) + (int64_t)first * h;
    q.dout = mb_at(problem.dout, run) + side * 2 * h;
    q.x = mb_at(problem.x, run) + side * h;
    q.attention = mb_at(problem.attention, run);
    q.score = mb_at(problem.score, run);
    q.alpha = mb_at(problem.alpha, run) + side * q.walk.length;
    q.queries = mb_at(problem.queries, run) + side * h;
    q.keys = mb_at(problem.keys, run) + side * h;
    q.dx = mb_at(problem.dx, run) + side * h;
    q.dqueries = mb_at(problem.dqueries, run) + side * h;
    q.dkeys = mb_at(problem.dkeys, run) + side * h;
    q.dalpha = mb_at(problem.dalpha, run) + side * q.walk.length;
#pragma unroll
    for (int k = 0; k < 2; k++) {
        const auto &cell = problem.cells[k];
        int64_t rows_of_y = cell.weight.shape.dims[1] - h; // dims[1] = D + H, the inputs of W
        q.weight[k] = mb_at(cell.weight, run) + rows_of_y * 4 * h;
        q.gates[k] = mb_at(cell.gates, run) + side * 4 * h;
        q.dz[k] = mb_at(cell.dz, run) + side * 4 * h;
    }
}

// dout, x, A, v, W_f, W_b, alpha, queries, keys, gates_f, gates_b
// -> dz_f, dz_b (B, T, 4H), dx (B, T, H) without what comes through the keys, dstart (S, H),
//    dqueries, dkeys (B, T, H), dalpha (B, T, L); dv of every side in dqueries at the last
//    position, where dalpha keeps its values. Assigns.
template <bool NEAR>
static __global__ void __launch_bounds__(NEAR ? MB_MOST_THREADS : MB_FAR_THREADS)
    decoder_grad_kernel(const __grid_constant__ decoder_gradient problem) {
    MB_DYNAMIC_SHARED(float, shared);
    __shared__ float2 means[MB_SIDES];
    int32_t run = (int32_t)blockIdx.y, rows = problem.tables.rows[run];
    int32_t first = (int32_t)blockIdx.x * MB_SIDES;
    decoder_grad_block q;
    q.walk = mb_walk_of(problem.x, rows, problem.recurrence);
    if (rows == 0 || first >= q.walk.sides)
        return;
    q.means = means;
    decoder_grad_begin<NEAR>(problem, run, first, shared, q);
    clear_gradients(q);
    __syncthreads();
    for (int32_t n = q.walk.length - 2; n >= 0; n--)
        position_grad<NEAR>(q, n);
    float *dstart = mb_at(problem.dstart, run) + (int64_t)first * q.h;
    for (int32_t i = (int32_t)threadIdx.x; NEAR && i < q.count * q.h; i += (int32_t)blockDim.x)
        dstart[i] = q.dstate[i / q.h * q.state_row + i % q.h];
}

// dv (1, H) = sum over sides of what the kernel above left in dqueries at the last position, which
// is then cleared. Assigns.
static __global__ void decoder_grad_score_kernel(const __grid_constant__ decoder_gradient problem) {
    int32_t run = (int32_t)blockIdx.y, rows = problem.tables.rows[run];
    int32_t h = mb_view_width(problem.x);
    int64_t unit = mb_item();
    if (rows == 0 || unit >= h)
        return;
    mb_walk walk = mb_walk_of(problem.x, rows, problem.recurrence);
    float *last = mb_at(problem.dqueries, run) + mb_walk_at(walk, walk.length - 1) * h + unit;
    float sum = 0.0f;
    for (int32_t side = 0; side < walk.sides; side++) {
        sum += last[side * walk.aside * h];
        last[side * walk.aside * h] = 0.0f;
    }
    mb_at(problem.dscore, run)[unit] = sum;
}

// dout, x, A, v, W_f, W_b, alpha, queries, keys, gates_f, gates_b
// -> dz_f, dz_b (B, T, 4H), dx (B, T, H), dstart (S, H), dv (1, H), dqueries, dkeys (B, T, H),
//    dalpha (B, T, L). Both kernels above, then dx += dkeys A[H:]^T.
MB_CUDA_OP(attention_decoder_grad) {
    decoder_gradient problem = {};
    mb_linear_back through_keys = {};
    problem.tables = call->tables;
    problem.recurrence = call->op->params.recurrence;
    problem.dout = mb_in(call, attention_decoder_grad, dout);
    problem.x = mb_in(call, attention_decoder_grad, x);
    problem.attention = mb_in(call, attention_decoder_grad, attention);
    problem.score = mb_in(call, attention_decoder_grad, score);
    problem.alpha = mb_in(call, attention_decoder_grad, alpha);
    problem.queries = mb_in(call, attention_decoder_grad, queries);
    problem.keys = mb_in(call, attention_decoder_grad, keys);
    problem.dx = mb_out(call, attention_decoder_grad, dx);
    problem.dstart = mb_out(call, attention_decoder_grad, dstart);
    problem.dscore = mb_out(call, attention_decoder_grad, dscore);
    problem.dqueries = mb_out(call, attention_decoder_grad, dqueries);
    problem.dkeys = mb_out(call, attention_decoder_grad, dkeys);
    problem.dalpha = mb_out(call, attention_decoder_grad, dalpha);
    problem.cells[0].weight = mb_in(call, attention_decoder_grad, weight_f);
    problem.cells[0].gates = mb_in(call, attention_decoder_grad, gates_f);
    problem.cells[0].dz = mb_out(call, attention_decoder_grad, dz_f);
    problem.cells[1].weight = mb_in(call, attention_decoder_grad, weight_b);
    problem.cells[1].gates = mb_in(call, attention_decoder_grad, gates_b);
    problem.cells[1].dz = mb_out(call, attention_decoder_grad, dz_b);
    int32_t h = mb_view_width(problem.x);
    int32_t sides = mb_walk_of(problem.x, call->max_rows, problem.recurrence).sides;
    int64_t floats = MB_SIDES * (8 * (int64_t)h + 2 * mb_round_up(h, 4));
    int64_t bytes = floats * (int64_t)sizeof(float);
    int32_t threads = bytes > MB_MOST_SHARED ? MB_FAR_THREADS : mb_decoder_threads(h);
    mb_launch_tiles(call, decoder_grad_kernel<true>, decoder_grad_kernel<false>, sides, MB_SIDES,
                    threads, bytes, problem);
    MB_LAUNCH(decoder_grad_score_kernel, mb_grid(call, h), dim3(MB_THREADS), 0, call->stream,
              problem);
    through_keys.terms[0].dy = problem.dkeys;
    through_keys.terms[0].weight = problem.attention;
    through_keys.terms[0].first_row = h;
    through_keys.term_count = 1;
    through_keys.dx = problem.dx;
    through_keys.add = true;
    mb_linear_input_gradient(call, through_keys);
}
