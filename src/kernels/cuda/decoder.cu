// Decoder with attention, forward; decoder.cuh has the formulae.
#include "cuda/decoder.cuh"
#include "cuda/linear.cuh"

enum { HALF = MB_SIDES / 2 }; // sides that a thread has in products

struct decoder_problem {
    mb_tables tables;
    mb_recurrence recurrence;
    mb_view x, start, attention, score, out, alpha, queries, keys;
    struct {
        mb_view weight, gates;
    } cells[2];
    int32_t y_width; // D
};

// The tensors of a run, from the block's first side on; `count` sides are valid. In near kernels,
// state, query and context of one position are in shared memory, (H, MB_SIDES) each.
struct decoder_block {
    mb_walk walk;
    int32_t h, count;
    const float *x, *start, *attention, *score;
    const float *weight[2]; // the rows of W that the context is multiplied by
    float *out, *alpha, *queries, *keys, *gates[2];
    float *near_state, *near_query, *near_context;

    // Vector of a side at position n.
    __device__ int64_t at(int32_t n, int32_t side) const {
        return mb_walk_at(walk, n) + side * walk.aside;
    }
};

// HALF sides from `side` on: in shared memory (near), or in global memory with `row` floats between
// sides (far).
template <bool NEAR>
static __device__ __forceinline__ mb_sides<NEAR, HALF> half_of(const decoder_block &q, int32_t side,
                                                               const float *near_one,
                                                               const float *far_one, int64_t row) {
    if constexpr (NEAR)
        return {near_one + side};
    else
        return {far_one + side * row, row, q.count - 1 - side};
}

// Unit `unit` of q = state[n-1] A[:H].
template <bool NEAR>
static __device__ __forceinline__ void query_unit(const decoder_block &q, int32_t n, int32_t side,
                                                  int32_t unit) {
    float sums[1][HALF] = {};
    const float *const columns[1] = {q.attention + unit};
    const float *before = n > 0 ? q.out + q.at(n - 1, 0) * 2 * q.h : q.start;
    int64_t row = n > 0 ? q.walk.aside * 2 * q.h : q.h;
    mb_add_columns(sums, columns, q.h, half_of<NEAR>(q, side, q.near_state, before, row), q.h);
#pragma unroll
    for (int s = 0; s < HALF; s++) {
        if (NEAR)
            q.near_query[unit * MB_SIDES + side + s] = sums[0][s];
        if (side + s < q.count)
            q.queries[q.at(n, side + s) * q.h + unit] = sums[0][s];
    }
}

// v . tanh(q + k[m]) for every side and position m, stored where alpha will be.
template <bool NEAR>
static __device__ __forceinline__ void energies(const decoder_block &q, int32_t n) {
    auto term = [&](int32_t side, int32_t m, int32_t j) {
        float query = NEAR ? q.near_query[j * MB_SIDES + side] : q.queries[q.at(n, side) * q.h + j];
        return q.score[j] * tanhf(query + q.keys[q.at(m, side) * q.h + j]);
    };
    mb_decoder_sums(q.count, q.walk.length, q.h, term, [&](int32_t side, int32_t m, float sum) {
        q.alpha[q.at(n, side) * q.walk.length + m] = sum;
    });
}

// Softmax of the energies; a warp takes a side.
static __device__ __forceinline__ void normalise(const decoder_block &q, int32_t n) {
    int32_t lane = (int32_t)threadIdx.x % 32, warps = (int32_t)blockDim.x / 32;
    for (int32_t side = (int32_t)threadIdx.x / 32; side < q.count; side += warps) {
        float *alpha = q.alpha + q.at(n, side) * q.walk.length;
        float largest = -INFINITY, sum = 0.0f;
        for (int32_t m = lane; m < q.walk.length; m += 32)
            largest = alpha[m] > largest ? alpha[m] : largest; // a NaN makes the sum NaN
        largest = mb_warp_max(largest);
        for (int32_t m = lane; m < q.walk.length; m += 32) {
            alpha[m] = expf(alpha[m] - largest);
            sum += alpha[m];
        }
        sum = mb_warp_sum(sum);
        for (int32_t m = lane; m < q.walk.length; m += 32)
            alpha[m] /= sum;
    }
}

// The context, sum over m of alpha[m] x[m], of one side and unit.
template <bool NEAR>
static __device__ __forceinline__ void context_unit(const decoder_block &q, int32_t n, int32_t side,
                                                    int32_t unit) {
    const float *alpha = q.alpha + q.at(n, side) * q.walk.length;
    float context = 0.0f;
#pragma unroll 4
    for (int32_t m = 0; m < q.walk.length; m++)
        context = fmaf(alpha[m], q.x[q.at(m, side) * q.h + unit], context);
    q.out[q.at(n, side) * 2 * q.h + q.h + unit] = context;
    if (NEAR)
        q.near_context[unit * MB_SIDES + side] = context;
}

// Both cells and the state of one unit. On entry `gates` holds y W[:D] + b.
template <bool NEAR>
static __device__ __forceinline__ void state_unit(const decoder_block &q, int32_t n, int32_t side,
                                                  int32_t unit) {
    const int32_t h = q.h, g = 4 * h;
    float sums[8][HALF] = {}; // blocks of cell f, then of cell b
    const float *f = q.weight[0] + unit, *b = q.weight[1] + unit;
    const float *const columns[8] = {f, f + h, f + 2 * h, f + 3 * h,
                                     b, b + h, b + 2 * h, b + 3 * h};
    mb_add_columns(sums, columns, g,
                   half_of<NEAR>(q, side, q.near_context, q.out + q.at(n, 0) * 2 * h + h,
                                 q.walk.aside * 2 * h),
                   h);
#pragma unroll
    for (int s = 0; s < HALF; s++) {
        if (side + s >= q.count)
            continue;
        float state = 0.0f;
#pragma unroll
        for (int k = 0; k < 2; k++) {
            float *z = q.gates[k] + q.at(n, side + s) * g + unit;
            float i = mb_sigmoid_of(z[0] + sums[4 * k][s]);
            float gate = tanhf(z[2 * h] + sums[4 * k + 2][s]);
            float o = mb_sigmoid_of(z[3 * h] + sums[4 * k + 3][s]);
            z[0] = i;
            z[h] += sums[4 * k + 1][s];
            z[2 * h] = gate;
            z[3 * h] = o;
            state += o * tanhf(i * gate);
        }
        q.out[q.at(n, side + s) * 2 * h + unit] = state;
        if (NEAR)
            q.near_state[unit * MB_SIDES + side + s] = state;
    }
}

template <bool NEAR>
static __device__ __forceinline__ void decode_position(const decoder_block &q, int32_t n) {
    int32_t padded = mb_round_up(q.h, 32), threads = (int32_t)blockDim.x;
    for (int32_t item = (int32_t)threadIdx.x; item < 2 * padded; item += threads) {
        int32_t side = item / padded * HALF, unit = item % padded;
        if (unit < q.h && side < q.count)
            query_unit<NEAR>(q, n, side, unit);
    }
    __syncthreads();
    energies<NEAR>(q, n);
    __syncthreads();
    normalise(q, n);
    __syncthreads();
    for (int32_t item = (int32_t)threadIdx.x; item < q.count * padded; item += threads)
        if (item % padded < q.h)
            context_unit<NEAR>(q, n, item / padded, item % padded);
    __syncthreads();
    for (int32_t item = (int32_t)threadIdx.x; item < 2 * padded; item += threads) {
        int32_t side = item / padded * HALF, unit = item % padded;
        if (unit < q.h && side < q.count)
            state_unit<NEAR>(q, n, side, unit);
    }
    __syncthreads();
}

template <bool NEAR>
static __device__ void decoder_begin(const decoder_problem &problem, int32_t run, int32_t first,
                                     float *shared, decoder_block &q) {
    int64_t side = first * q.walk.aside;
    int32_t h = mb_view_width(problem.x);
    q.h = h;
    q.count = mb_clamp(q.walk.sides - first, 0, MB_SIDES);
    q.x = mb_at(problem.x, run) + side * h;
    q.start = mb_at(problem.start, run) + (int64_t)first * h;
    q.attention = mb_at(problem.attention, run);
    q.score = mb_at(problem.score, run);
    q.out = mb_at(problem.out, run) + side * 2 * h;
    q.alpha = mb_at(problem.alpha, run) + side * q.walk.length;
    q.queries = mb_at(problem.queries, run) + side * h;
    q.keys = mb_at(problem.keys, run) + side * h;
#pragma unroll
    for (int k = 0; k < 2; k++) {
        q.weight[k] = mb_at(problem.cells[k].weight, run) + (int64_t)problem.y_width * 4 * h;
        q.gates[k] = mb_at(problem.cells[k].gates, run) + side * 4 * h;
    }
    q.near_state = shared;
    q.near_query = shared + MB_SIDES * h;
    q.near_context = shared + 2 * MB_SIDES * h;
}

// x (B, T, H), start (S, H), A (2H, H), v (1, H), keys (B, T, H), both cells' W (D+H, 4H) and gates
// (B, T, 4H), which hold y W[:D] + b
// -> out (B, T, 2H), alpha (B, T, L), queries (B, T, H), gates. Assigns all positions but the last,
// where out becomes zero and the others keep their values.
template <bool NEAR>
static __global__ void __launch_bounds__(NEAR ? MB_MOST_THREADS : MB_FAR_THREADS)
    decoder_kernel(const __grid_constant__ decoder_problem problem) {
    MB_DYNAMIC_SHARED(float, shared);
    int32_t run = (int32_t)blockIdx.y, rows = problem.tables.rows[run];
    int32_t first = (int32_t)blockIdx.x * MB_SIDES;
    decoder_block q;
    q.walk = mb_walk_of(problem.x, rows, problem.recurrence);
    if (rows == 0 || first >= q.walk.sides)
        return;
    decoder_begin<NEAR>(problem, run, first, shared, q);
    for (int32_t i = (int32_t)threadIdx.x; i < MB_SIDES * q.h; i += (int32_t)blockDim.x) {
        int32_t side = i / q.h, unit = i % q.h;
        if (side >= q.count)
            continue;
        if (NEAR)
            q.near_state[unit * MB_SIDES + side] = q.start[(int64_t)side * q.h + unit];
        float *last = q.out + q.at(q.walk.length - 1, side) * 2 * q.h;
        last[unit] = last[q.h + unit] = 0.0f;
    }
    __syncthreads();
    for (int32_t n = 0; n + 1 < q.walk.length; n++)
        decode_position<NEAR>(q, n);
}

// y (B, T, D), x (B, T, H), start (S, H), A (2H, H), v (1, H), W_f (D+H, 4H), b_f (4H), W_b, b_b
// -> out (B, T, 2H), alpha (B, T, L), queries (B, T, H), keys (B, T, H), gates_f, gates_b (B, T,
// 4H). First the products of whole sequences, then the kernel above. Assigns.
MB_CUDA_OP(attention_decoder) {
    decoder_problem problem = {};
    mb_linear_map ahead[3] = {};
    problem.tables = call->tables;
    problem.recurrence = call->op->params.recurrence;
    problem.x = mb_in(call, attention_decoder, x);
    problem.start = mb_in(call, attention_decoder, start);
    problem.attention = mb_in(call, attention_decoder, attention);
    problem.score = mb_in(call, attention_decoder, score);
    problem.out = mb_out(call, attention_decoder, out);
    problem.alpha = mb_out(call, attention_decoder, alpha);
    problem.queries = mb_out(call, attention_decoder, queries);
    problem.keys = mb_out(call, attention_decoder, keys);
    problem.y_width = mb_view_width(mb_in(call, attention_decoder, y));
    int32_t h = mb_view_width(problem.x);
    problem.cells[0].weight = mb_in(call, attention_decoder, weight_f);
    problem.cells[0].gates = mb_out(call, attention_decoder, gates_f);
    problem.cells[1].weight = mb_in(call, attention_decoder, weight_b);
    problem.cells[1].gates = mb_out(call, attention_decoder, gates_b);
    ahead[0].bias = mb_in(call, attention_decoder, bias_f);
    ahead[1].bias = mb_in(call, attention_decoder, bias_b);
    for (int32_t k = 0; k < 2; k++) {
        ahead[k].x = mb_in(call, attention_decoder, y);
        ahead[k].weight = problem.cells[k].weight;
        ahead[k].y = problem.cells[k].gates;
    }
    ahead[2].x = problem.x;
    ahead[2].weight = problem.attention;
    ahead[2].first_row = h;
    ahead[2].y = problem.keys;
    mb_linear_maps(call, 3, ahead, false);
    int64_t bytes = 3 * (int64_t)MB_SIDES * h * (int64_t)sizeof(float);
    int32_t sides = mb_walk_of(problem.x, call->max_rows, problem.recurrence).sides;
    int32_t threads = mb_decoder_threads(h);
    if (bytes > MB_MOST_SHARED)
        threads = MB_FAR_THREADS;
    mb_launch_tiles(call, decoder_kernel<true>, decoder_kernel<false>, sides, MB_SIDES, threads,
                    bytes, problem);
}
