// Shared by the kernels of recurrences: the walk through a tensor (B, T, D), and the small products
// of one of its positions.
//
// A block takes a tile of sides through all positions, so that a recurrence is a single launch. In
// a near kernel, the operands that pass from one position to the next are in shared memory; where
// they do not fit there, a far kernel keeps them in global memory. The order of every sum is the
// same in both, and however sides are divided among threads and blocks.
#ifndef MB_KERNELS_CUDA_RECURRENCE_CUH
#define MB_KERNELS_CUDA_RECURRENCE_CUH

#include <type_traits>

#include "cuda/call.cuh"
#include "cuda/four.cuh"

// A walk goes along the T steps of each row, or along the B rows of each step. It has L positions,
// and at each of them S sides: vectors that advance together and do not depend on each other.
// Forwards, position n of side s is vector n * along + s * aside.
struct mb_walk {
    int32_t length; // L: T along time, the valid rows B along the rows
    int32_t sides;  // S: B along time, T along the rows
    int64_t along, aside;
    bool reverse;
};

__host__ __device__ inline mb_walk mb_walk_of(const mb_view &sequence, int32_t rows,
                                              mb_recurrence recurrence) {
    int32_t steps = sequence.shape.dims[1];
    if (recurrence.axis == MB_AXIS_ROWS)
        return {rows, steps, steps, 1, recurrence.reverse};
    return {steps, rows, 1, steps, recurrence.reverse};
}

// The vector of side 0 at position n.
__device__ inline int64_t mb_walk_at(const mb_walk &walk, int32_t n) {
    return (walk.reverse ? walk.length - 1 - n : n) * walk.along;
}

__device__ inline float mb_sigmoid_of(float x) {
    return 1.0f / (1.0f + expf(-x));
}

// ---- launches --------------------------------------------------------------------------------

enum {
    MB_SIDES = 8,             // in a group, which the threads of the group work on together
    MB_MOST_THREADS = 512,    // of a block of these kernels
    MB_FAR_THREADS = 256,     // of a block of a far kernel, where addresses take more registers
    MB_MOST_SHARED = 96 << 10 // bytes of shared memory of a near block
};

__host__ __device__ inline int32_t mb_round_up(int32_t x, int32_t to) {
    return (x + to - 1) / to * to;
}

__host__ __device__ inline int32_t mb_clamp(int32_t x, int32_t least, int32_t most) {
    return x < least ? least : x > most ? most : x;
}

// The number of groups of MB_SIDES sides in a block: two, or one if one has all sides or two do not
// fit into shared memory.
inline int32_t mb_groups(int32_t sides, int64_t bytes_of_group) {
    return sides <= MB_SIDES || 2 * bytes_of_group > MB_MOST_SHARED ? 1 : 2;
}

// Launches blocks of `threads` threads for all sides of every run, `tile` sides a block: the near
// kernel with `bytes` bytes of shared memory, or the far kernel if that is too much.
template <class Problem>
inline void mb_launch_tiles(const mb_cuda_call *call, void (*near)(Problem), void (*far)(Problem),
                            int32_t sides, int32_t tile, int32_t threads, int64_t bytes,
                            const Problem &problem) {
    dim3 grid((unsigned)((sides + tile - 1) / tile), (unsigned)call->run_count);
    dim3 block((unsigned)threads);
    if (bytes > MB_MOST_SHARED) {
        MB_LAUNCH(far, grid, block, 0, call->stream, problem);
        return;
    }
    if (bytes > 48 << 10)
        cudaFuncSetAttribute(near, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)bytes);
    MB_LAUNCH(near, grid, block, (size_t)bytes, call->stream, problem);
}

// ---- products with columns --------------------------------------------------------------------
//
// sum over p of a[side][p] * W[p][j], p ascending: a thread has COLUMNS columns j and COUNT sides.

// The operand a in shared memory, as [p][MB_SIDES]; `values` points to the first of the COUNT
// sides. Sides that are not valid may hold anything.
template <int COUNT> struct mb_near_sides {
    const float *values;
    __device__ void read(int32_t p, float (&x)[COUNT]) const {
#pragma unroll
        for (int s = 0; s < COUNT; s += 4) {
            float4 four = mb_four(values + p * MB_SIDES + s);
            x[s] = four.x;
            x[s + 1] = four.y;
            x[s + 2] = four.z;
            x[s + 3] = four.w;
        }
    }
};

// The operand a in global memory, sides `row` floats apart. Sides after `last` are not valid;
// `last` is read in their place.
template <int COUNT> struct mb_far_sides {
    const float *values;
    int64_t row;
    int32_t last;
    __device__ void read(int32_t p, float (&x)[COUNT]) const {
#pragma unroll
        for (int s = 0; s < COUNT; s++)
            x[s] = values[(s < last ? s : last) * row + p];
    }
};

template <bool NEAR, int COUNT>
using mb_sides = std::conditional_t<NEAR, mb_near_sides<COUNT>, mb_far_sides<COUNT>>;

// sums[c][s] += sum over p < depth of a[s][p] * columns[c][p * row]. While some weights are
// multiplied, those of the next AHEAD values of p are loaded.
template <int COLUMNS, int COUNT, class Sides>
__device__ inline void mb_add_columns(float (&sums)[COLUMNS][COUNT],
                                      const float *const (&columns)[COLUMNS], int64_t row,
                                      const Sides &sides, int32_t depth) {
    constexpr int AHEAD = COLUMNS >= 4 ? 2 : 4;
    float next[AHEAD][COLUMNS];
#pragma unroll
    for (int q = 0; q < AHEAD; q++)
#pragma unroll
        for (int c = 0; c < COLUMNS; c++)
            next[q][c] = q < depth ? columns[c][q * row] : 0.0f;
    for (int32_t p0 = 0; p0 < depth; p0 += AHEAD) {
        float now[AHEAD][COLUMNS];
#pragma unroll
        for (int q = 0; q < AHEAD; q++) {
            int32_t ahead = p0 + AHEAD + q;
#pragma unroll
            for (int c = 0; c < COLUMNS; c++) {
                now[q][c] = next[q][c];
                if (ahead < depth)
                    next[q][c] = columns[c][ahead * row];
            }
        }
#pragma unroll
        for (int q = 0; q < AHEAD; q++) {
            if (p0 + q >= depth)
                break;
            float x[COUNT];
            sides.read(p0 + q, x);
#pragma unroll
            for (int c = 0; c < COLUMNS; c++)
#pragma unroll
                for (int s = 0; s < COUNT; s++)
                    sums[c][s] = fmaf(x[s], now[q][c], sums[c][s]);
        }
    }
}

// ---- products with rows -----------------------------------------------------------------------
//
// sum over p of a[side][p] * W[i][p], where both are contiguous along p. A warp has MB_DOT_ROWS
// rows i and MB_SIDES sides. Eight lanes share a sum: each takes every eighth p (or every eighth
// group of four, if they can be loaded as 16 bytes), and the lanes are added in a fixed tree.

enum { MB_DOT_ROWS = 16, MB_DOT_LANES = 8, MB_DOT_EACH = 4 /* rows i of a lane */ };

struct mb_dot {
    const float *weights; // (n, depth), rows `row` floats apart
    int64_t row;
    const float *a; // of the tile's first side; sides are `side` floats apart
    int64_t side;
    int32_t depth;
    bool whole; // all offsets are multiples of four floats
};

// Adds up pairs of lanes that differ in `bit`: the lane with the bit set keeps the upper half of
// the sums, the other lane the lower half.
template <int HALF, int ALL>
__device__ inline void mb_dot_fold(float (&sums)[ALL], int lane, int bit) {
    bool upper = (lane & bit) != 0;
#pragma unroll
    for (int e = 0; e < HALF; e++) {
        float other = __shfl_xor_sync(0xFFFFFFFFu, upper ? sums[e] : sums[e + HALF], bit);
        sums[e] = (upper ? sums[e + HALF] : sums[e]) + other;
    }
}

template <int ALL>
__device__ inline void mb_dot_add(const mb_dot &dot, const int32_t (&rows)[MB_DOT_EACH],
                                  const int32_t (&sides)[MB_SIDES], int lane, float (&sums)[ALL]) {
    int eighth = lane % MB_DOT_LANES;
    for (int32_t p = 4 * eighth; dot.whole && p < dot.depth; p += 4 * MB_DOT_LANES) {
        float4 w[MB_DOT_EACH];
#pragma unroll
        for (int u = 0; u < MB_DOT_EACH; u++)
            w[u] = mb_four(dot.weights + rows[u] * dot.row + p);
#pragma unroll
        for (int s = 0; s < MB_SIDES; s++) {
            float4 a = mb_four(dot.a + sides[s] * dot.side + p);
#pragma unroll
            for (int u = 0; u < MB_DOT_EACH; u++) {
                float &sum = sums[u * MB_SIDES + s];
                sum = fmaf(a.x, w[u].x, sum);
                sum = fmaf(a.y, w[u].y, sum);
                sum = fmaf(a.z, w[u].z, sum);
                sum = fmaf(a.w, w[u].w, sum);
            }
        }
    }
    for (int32_t p = eighth; !dot.whole && p < dot.depth; p += MB_DOT_LANES)
#pragma unroll
        for (int s = 0; s < MB_SIDES; s++)
#pragma unroll
            for (int u = 0; u < MB_DOT_EACH; u++) {
                float &sum = sums[u * MB_SIDES + s];
                sum = fmaf(dot.a[sides[s] * dot.side + p], dot.weights[rows[u] * dot.row + p], sum);
            }
}

// Calls put(side, i, sum of the DOTS dots) for every row i < n and side < count of the tile. All
// threads of the block must call it.
template <int DOTS, class Put>
__device__ inline void mb_dot_rows(const mb_dot (&dots)[DOTS], int32_t n, int32_t count, Put put) {
    int32_t blocks = (n + MB_DOT_ROWS - 1) / MB_DOT_ROWS;
    int32_t tasks = blocks * ((count + MB_SIDES - 1) / MB_SIDES);
    int lane = (int)threadIdx.x % 32, eighth = lane % MB_DOT_LANES;
    for (int32_t task = (int32_t)threadIdx.x / 32; task < tasks; task += (int32_t)blockDim.x / 32) {
        int32_t first = task % blocks * MB_DOT_ROWS + lane / MB_DOT_LANES;
        int32_t side = task / blocks * MB_SIDES, rows[MB_DOT_EACH], sides[MB_SIDES];
        float sums[(int)MB_DOT_EACH * MB_SIDES] = {};
#pragma unroll
        for (int u = 0; u < MB_DOT_EACH; u++)
            rows[u] = mb_clamp(first + 4 * u, 0, n - 1);
#pragma unroll
        for (int s = 0; s < MB_SIDES; s++)
            sides[s] = mb_clamp(side + s, 0, count - 1);
#pragma unroll
        for (int k = 0; k < DOTS; k++)
            mb_dot_add(dots[k], rows, sides, lane, sums);
        mb_dot_fold<16>(sums, lane, 4);
        mb_dot_fold<8>(sums, lane, 2);
        mb_dot_fold<4>(sums, lane, 1);
        int32_t i = first + 4 * (eighth / 2);
        side += eighth % 2 * 4;
#pragma unroll
        for (int e = 0; e < 4; e++)
            if (i < n && side + e < count)
                put(side + e, i, sums[e]);
    }
}

#endif
