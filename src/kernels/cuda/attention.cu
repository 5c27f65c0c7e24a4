// The products of multi-head attention. B rows, H heads, Lq queries, Lk keys, D columns. Each head
// has E = D / H columns: head h has columns h*E ... h*E + E - 1. Reference:
// src/kernels/cpu/isa/attention.c.
//
// All three are C (M, N) = scale * A (M, K) B (K, N) for every row and head:
//   scores            M = Lq, N = Lk, K = E     A = q,    B = k^T
//   apply             M = Lq, N = E,  K = Lk    A = w,    B = v
//   apply_transposed  M = Lk, N = E,  K = Lq    A = w^T,  B = x
// Sequences are short or long and heads are narrow, so a tile of fixed shape would often be mostly
// empty. Instead the tile of a block is chosen from the shapes, and where heads are small, a block
// takes as many whole heads as its threads can serve. A thread computes 4 x 4 elements of C in
// registers. Strips of A and B, as deep as shared memory allows, are staged there. The order of
// summation is that of the reference, p ascending, whatever the tile.
#include <stdlib.h>

#include "cuda/call.cuh"
#include "cuda/four.cuh"

enum {
    SIDE = 4, // of the square of C that a thread computes
    MOST_COLUMNS = 64,
    PADDING = 4, // between the columns of a strip, against bank conflicts
    LEAST_DEPTH = 4,
    SHARED_FLOATS = 8192 // limit of a block
};

// Element (row, head, i, j) of an operand is at row * row_stride + head * head_stride + i * down +
// j * along.
struct head_matrix {
    mb_view view;
    int64_t row_stride, head_stride, down, along;

    __device__ int64_t at(int32_t row, int32_t head) const {
        return row * row_stride + head * head_stride;
    }
};

struct head_products {
    mb_tables tables;
    head_matrix a, b, c;
    int32_t heads, m, n, k;
    float scale;
    int32_t hidden_from; // scores of query i are -infinity for keys i + hidden_from and later
    // The tile of a block, chosen from the shapes: rows, columns, depth and the number of heads. A
    // block has several heads only if one tile covers a whole head.
    int32_t tile_m, tile_n, depth, heads_of_block;
};

static __host__ __device__ inline int32_t up_to(int32_t count, int32_t unit) {
    return (count + unit - 1) / unit;
}

// The positions of a thread when `workers` threads together walk through lines of `length`
// elements: line by line, `workers` elements further each time.
struct line_walk {
    int32_t line, at, lines, left, length;

    __device__ line_walk(int32_t worker, int32_t workers, int32_t length_)
        : line(worker / length_), at(worker % length_), lines(workers / length_),
          left(workers % length_), length(length_) {}
    __device__ void next() {
        line += lines;
        at += left;
        if (at >= length) {
            at -= length;
            line++;
        }
    }
};

// Copies rows [i0, i0 + rows) and depths [p0, p0 + depth) of a matrix, whose element (i, p) is at
// i * down + p * along, into strip[p][i], with zeros beyond (m, k). Neighbouring threads read
// neighbouring addresses.
static __device__ inline void fetch_strip(const float *from, int64_t down, int64_t along,
                                          int32_t i0, int32_t m, int32_t rows, int32_t p0,
                                          int32_t k, int32_t depth, int32_t worker, int32_t workers,
                                          float *strip) {
    bool along_p = along == 1;
    int32_t pitch = rows + PADDING, all = rows * depth;
    line_walk walk(worker, workers, along_p ? depth : rows);
    for (int32_t e = worker; e < all; e += workers, walk.next()) {
        int32_t i = along_p ? walk.line : walk.at, p = along_p ? walk.at : walk.line;
        bool inside = i0 + i < m && p0 + p < k;
        strip[p * pitch + i] = inside ? from[(i0 + i) * down + (p0 + p) * along] : 0.0f;
    }
}

static __device__ inline void add_products(const float *a_strip, int32_t a_pitch,
                                           const float *b_strip, int32_t b_pitch, int32_t depth,
                                           float (&sums)[SIDE][SIDE]) {
    for (int32_t p = 0; p < depth; p++, a_strip += a_pitch, b_strip += b_pitch) {
        float a[SIDE], b[SIDE];
        mb_get_four(a_strip, a);
        mb_get_four(b_strip, b);
        for (int i = 0; i < SIDE; i++)
            for (int j = 0; j < SIDE; j++)
                sums[i][j] = fmaf(a[i], b[j], sums[i][j]);
    }
}

static __device__ inline void store_head(const head_products &problem, float *c, int32_t i0,
                                         int32_t j0, const float (&sums)[SIDE][SIDE]) {
    for (int32_t i = i0; i < i0 + SIDE && i < problem.m; i++)
        for (int32_t j = j0; j < j0 + SIDE && j < problem.n; j++)
            c[i * problem.c.down + j] =
                j - i >= problem.hidden_from ? -INFINITY : problem.scale * sums[i - i0][j - j0];
}

// blockIdx.x numbers the heads of the batch, heads_of_block at a time, and within them the tiles of
// C. Assigns.
static __global__ void __launch_bounds__(MB_THREADS)
    head_products_kernel(const __grid_constant__ head_products problem) {
    MB_DYNAMIC_SHARED(float, shared);
    int32_t run = (int32_t)blockIdx.y, rows = problem.tables.rows[run];
    int32_t tiles_n = up_to(problem.n, problem.tile_n);
    int32_t tiles = tiles_n * up_to(problem.m, problem.tile_m);
    int32_t tile = (int32_t)blockIdx.x % tiles;
    int32_t first = (int32_t)blockIdx.x / tiles * problem.heads_of_block;
    if (first >= rows * problem.heads)
        return;
    // Each head has its own threads; threads that are left over have none.
    int32_t squares_n = problem.tile_n / SIDE, workers = problem.tile_m / SIDE * squares_n;
    int32_t place = (int32_t)threadIdx.x / workers, worker = (int32_t)threadIdx.x % workers;
    int32_t at = first + place, row = at / problem.heads, head = at % problem.heads;
    bool works = place < problem.heads_of_block && row < rows;
    int32_t i0 = tile / tiles_n * problem.tile_m, j0 = tile % tiles_n * problem.tile_n;
    int32_t ti = worker / squares_n * SIDE, tj = worker % squares_n * SIDE;
    int32_t a_pitch = problem.tile_m + PADDING, b_pitch = problem.tile_n + PADDING;
    float *a_strip = shared + place * problem.depth * (a_pitch + b_pitch);
    float *b_strip = a_strip + problem.depth * a_pitch;
    const float *a = mb_at(problem.a.view, run) + problem.a.at(row, head);
    const float *b = mb_at(problem.b.view, run) + problem.b.at(row, head);
    float sums[SIDE][SIDE] = {};
    for (int32_t p0 = 0; p0 < problem.k; p0 += problem.depth) {
        int32_t left = problem.k - p0, depth = left < problem.depth ? left : problem.depth;
        if (works) {
            fetch_strip(a, problem.a.down, problem.a.along, i0, problem.m, problem.tile_m, p0,
                        problem.k, depth, worker, workers, a_strip);
            fetch_strip(b, problem.b.along, problem.b.down, j0, problem.n, problem.tile_n, p0,
                        problem.k, depth, worker, workers, b_strip);
        }
        __syncthreads();
        if (works)
            add_products(a_strip + ti, a_pitch, b_strip + tj, b_pitch, depth, sums);
        __syncthreads();
    }
    if (works)
        store_head(problem, mb_at(problem.c.view, run) + problem.c.at(row, head), i0 + ti, j0 + tj,
                   sums);
}

static int32_t smaller(int64_t a, int64_t b) {
    return (int32_t)(a < b ? a : b);
}

// Chooses the tile: at most MB_THREADS squares of C, from one or more heads.
static void choose_tile(head_products *problem) {
    int32_t squares_n = smaller(up_to(problem->n, SIDE), MOST_COLUMNS / SIDE);
    int32_t squares_m = smaller(up_to(problem->m, SIDE), MB_THREADS / squares_n);
    bool whole = squares_m * SIDE >= problem->m && squares_n * SIDE >= problem->n;
    problem->tile_n = squares_n * SIDE;
    problem->tile_m = squares_m * SIDE;
    // Of shared memory, for each head and depth.
    int32_t floats = problem->tile_m + problem->tile_n + 2 * PADDING;
    int32_t heads = smaller(MB_THREADS / (squares_m * squares_n),
                            SHARED_FLOATS / (floats * smaller(problem->k, LEAST_DEPTH)));
    problem->heads_of_block = whole ? heads : 1;
    problem->depth = smaller(problem->k, SHARED_FLOATS / (floats * problem->heads_of_block));
}

static void launch(const mb_cuda_call *call, head_products *problem) {
    problem->tables = call->tables;
    choose_tile(problem);
    int64_t tiles =
        (int64_t)up_to(problem->m, problem->tile_m) * up_to(problem->n, problem->tile_n);
    int64_t groups = ((int64_t)call->max_rows * problem->heads + problem->heads_of_block - 1) /
                     problem->heads_of_block;
    int32_t floats = problem->tile_m + problem->tile_n + 2 * PADDING;
    size_t bytes =
        sizeof(float) * (size_t)problem->heads_of_block * (size_t)problem->depth * (size_t)floats;
    MB_LAUNCH(head_products_kernel, dim3((unsigned)(tiles * groups), (unsigned)call->run_count),
              dim3(MB_THREADS), bytes, call->stream, *problem);
}

// A sequence (B, L, D): element (i, j) is step i, column j of the head.
static head_matrix sequence_of(const mb_view &view, int32_t heads) {
    int64_t steps = view.shape.dims[1], width = view.shape.dims[2];
    return {view, steps * width, width / heads, width, 1};
}

// Weights (B, H, Lq, Lk).
static head_matrix weights_of(const mb_view &view) {
    int64_t head_floats = (int64_t)view.shape.dims[2] * view.shape.dims[3];
    return {view, view.shape.dims[1] * head_floats, head_floats, view.shape.dims[3], 1};
}

static head_matrix transposed(head_matrix matrix) {
    int64_t down = matrix.down;
    matrix.down = matrix.along;
    matrix.along = down;
    return matrix;
}

// q (B, Lq, D), k (B, Lk, D) -> s (B, H, Lq, Lk):
//   s[b,h,i,j] = scale * sum over the columns of head h of q[b,i] * k[b,j]
// With the FUTURE mask, s is -infinity where j - i >= 1 + |Lk - Lq|. Assigns.
MB_CUDA_OP(attention_scores) {
    const mb_view &q = mb_in(call, attention_scores, queries);
    const mb_view &k = mb_in(call, attention_scores, keys);
    head_products problem = {};
    problem.heads = call->outputs[0].shape.dims[1];
    problem.a = sequence_of(q, problem.heads);
    problem.b = transposed(sequence_of(k, problem.heads));
    problem.c = weights_of(call->outputs[0]);
    problem.m = q.shape.dims[1];
    problem.n = k.shape.dims[1];
    problem.k = q.shape.dims[2] / problem.heads;
    problem.scale = call->op->params.attention.scale;
    problem.hidden_from = call->op->params.attention.mask == MB_ATTENTION_FUTURE
                              ? 1 + abs(problem.n - problem.m)
                              : INT32_MAX;
    launch(call, &problem);
}

// C = scale * A B, where A are the weights, transposed if `backwards`, and B and C are sequences.
static void apply(const mb_cuda_call *call, const mb_view &weights, const mb_view &from,
                  bool backwards) {
    const mb_view &to = call->outputs[0];
    head_products problem = {};
    problem.heads = weights.shape.dims[1];
    problem.a = backwards ? transposed(weights_of(weights)) : weights_of(weights);
    problem.b = sequence_of(from, problem.heads);
    problem.c = sequence_of(to, problem.heads);
    problem.m = to.shape.dims[1];
    problem.n = from.shape.dims[2] / problem.heads;
    problem.k = from.shape.dims[1];
    problem.scale = call->op->params.attention.scale;
    problem.hidden_from = INT32_MAX;
    launch(call, &problem);
}

// w (B, H, Lq, Lk), v (B, Lk, D) -> y (B, Lq, D):
//   y[b,i] = scale * sum over j of w[b,h,i,j] * v[b,j], for the columns of each head h. Assigns.
MB_CUDA_OP(attention_apply) {
    apply(call, mb_in(call, attention_apply, weights), mb_in(call, attention_apply, values), false);
}

// w (B, H, Lq, Lk), x (B, Lq, D) -> y (B, Lk, D):
//   y[b,j] = scale * sum over i of w[b,h,i,j] * x[b,i], for the columns of each head h. Assigns.
MB_CUDA_OP(attention_apply_transposed) {
    apply(call, mb_in(call, attention_apply_transposed, weights),
          mb_in(call, attention_apply_transposed, values), true);
}
