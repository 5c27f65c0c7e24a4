// Maximum mean discrepancy of two sets of rows, B rows of D columns each:
//   mean k(a_i, a_j) + mean k(b_i, b_j) - 2 mean k(a_i, b_j),  k(x, y) = exp(-||x - y||^2 / D^2)
// Where D is large, all k are near 1. So k - 1 is summed instead: it keeps the digits that adding
// ones would lose. Reference: src/kernels/cpu/isa/discrepancy.c.
#include "cuda/call.cuh"
#include "cuda/reduce.cuh"

// k(x, y) - 1, from ||x - y||^2
static __device__ double kernel_below_one(double squared_distance, int32_t width) {
    return expm1(-squared_distance / ((double)width * width));
}

// ---- loss -------------------------------------------------------------------------------------

// Squared distances of 32 rows x from 32 rows y, by 16 x 16 threads. A thread computes those of two
// rows of x, t and t + 16, from two rows of y. Strips of 32 columns are staged in shared memory.
enum { PAIR_TILE = 32, PAIR_STEP = 16 };

struct distance_tile {
    float x[32][PAIR_TILE + 1], y[32][PAIR_TILE + 1]; // [column][row]
};

// Copies 32 columns from `begin` on of rows first ... first + 31 into a strip, with zeros beyond
// the tensor.
static __device__ void fetch_strip(float (*strip)[PAIR_TILE + 1], const float *x, int32_t rows,
                                   int32_t width, int32_t first, int32_t begin) {
    int32_t column = (int32_t)threadIdx.x % 32;
    for (int32_t i = (int32_t)threadIdx.x / 32; i < PAIR_TILE; i += MB_THREADS / 32) {
        bool inside = first + i < rows && begin + column < width;
        strip[column][i] = inside ? x[(int64_t)(first + i) * width + begin + column] : 0.0f;
    }
}

// Every thread of the block must call it. Within a strip sums are float; strips are added in
// double.
static __device__ void distances(distance_tile &tile, const float *x, const float *y, int32_t rows,
                                 int32_t width, int32_t i0, int32_t j0, double (&squares)[2][2]) {
    int32_t ti = (int32_t)threadIdx.x / PAIR_STEP, tj = (int32_t)threadIdx.x % PAIR_STEP;
    for (int32_t begin = 0; begin < width; begin += 32) {
        float sums[2][2] = {};
        __syncthreads(); // until the previous strips have been read
        fetch_strip(tile.x, x, rows, width, i0, begin);
        fetch_strip(tile.y, y, rows, width, j0, begin);
        __syncthreads();
#pragma unroll 8
        for (int32_t column = 0; column < 32; column++)
#pragma unroll
            for (int32_t i = 0; i < 2; i++)
#pragma unroll
                for (int32_t j = 0; j < 2; j++) {
                    float difference =
                        tile.x[column][ti + i * PAIR_STEP] - tile.y[column][tj + j * PAIR_STEP];
                    sums[i][j] = fmaf(difference, difference, sums[i][j]);
                }
        for (int32_t i = 0; i < 2; i++)
            for (int32_t j = 0; j < 2; j++)
                squares[i][j] += (double)sums[i][j];
    }
}

// Sum of k - 1 over the thread's pairs of rows of x and y. With `within`, x and y are the same set
// and only pairs i > j are summed.
static __device__ double pairs_below_one(distance_tile &tile, const float *x, const float *y,
                                         int32_t rows, int32_t width, bool within) {
    double sum = 0.0;
    for (int32_t i0 = 0; i0 < rows; i0 += PAIR_TILE)
        for (int32_t j0 = 0; j0 < (within ? i0 + 1 : rows); j0 += PAIR_TILE) {
            double squares[2][2] = {};
            distances(tile, x, y, rows, width, i0, j0, squares);
#pragma unroll
            for (int32_t e = 0; e < 4; e++) {
                int32_t i = i0 + (int32_t)threadIdx.x / PAIR_STEP + e / 2 * PAIR_STEP;
                int32_t j = j0 + (int32_t)threadIdx.x % PAIR_STEP + e % 2 * PAIR_STEP;
                if (i < rows && j < (within ? i : rows))
                    sum += kernel_below_one(squares[e / 2][e % 2], width);
            }
        }
    return sum;
}

// a (B, D), b (B, D) -> loss (1). A block computes a run. Assigns.
static __global__ void discrepancy_kernel(mb_tables tables, mb_view a, mb_view b, mb_view loss) {
    __shared__ distance_tile tile;
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run], width = mb_view_width(a);
    if (rows == 0)
        return;
    const float *x = mb_at(a, run), *y = mb_at(b, run);
    double sum = pairs_below_one(tile, x, x, rows, width, true) +
                 pairs_below_one(tile, y, y, rows, width, true) -
                 pairs_below_one(tile, x, y, rows, width, false);
    sum = mb_block_sum(sum); // half of each sum over ordered pairs
    if (threadIdx.x == 0)
        mb_at(loss, run)[0] = (float)(2.0 * sum / ((double)rows * rows));
}

MB_CUDA_OP(mean_discrepancy) {
    MB_LAUNCH(discrepancy_kernel, dim3(1, (unsigned)call->run_count), dim3(MB_THREADS), 0,
              call->stream, call->tables, mb_in(call, mean_discrepancy, a),
              mb_in(call, mean_discrepancy, b), call->outputs[0]);
}

// ---- gradient ---------------------------------------------------------------------------------

enum {
    PULLED = 4,                 // rows of da that a block computes
    PULLING = 32,               // rows of a and of b at a time
    LANES = MB_THREADS / PULLED // threads per row
};

// The rows that are currently used: number 2j is row first + j of b, number 2j + 1 is row first + j
// of a.
struct pulling_rows {
    const float *a, *b;
    int32_t first, count, width; // count: of a and b together

    __device__ const float *row(int32_t number) const {
        return (number % 2 == 0 ? b : a) + (int64_t)(first + number / 2) * width;
    }
};

// Squared distances of rows own ... own + PULLED - 1 of a from the rows in `others`; a warp takes
// one of these at a time.
static __device__ void distances_from(const pulling_rows &others, int32_t own, int32_t rows,
                                      float (*squares)[2 * PULLING]) {
    int32_t lane = (int32_t)threadIdx.x % 32;
    for (int32_t q = (int32_t)threadIdx.x / 32; q < others.count; q += MB_THREADS / 32) {
        const float *other = others.row(q);
        float sums[PULLED] = {};
        for (int32_t d = lane; d < others.width; d += 32)
#pragma unroll
            for (int32_t i = 0; i < PULLED; i++) {
                // Any row will do beyond the last one: the result is not used.
                int32_t at = own + i < rows ? own + i : rows - 1;
                float difference = others.a[(int64_t)at * others.width + d] - other[d];
                sums[i] = fmaf(difference, difference, sums[i]);
            }
#pragma unroll
        for (int32_t i = 0; i < PULLED; i++) {
            float sum = mb_warp_sum(sums[i]);
            if (lane == 0)
                squares[i][q] = sum;
        }
    }
}

// a (B, D), b (B, D), dloss (1) -> da (B, D):
//   da_i = dloss * 4 / (B^2 D^2)
//          * sum over j of k(a_i, b_j) (a_i - b_j) - k(a_i, a_j) (a_i - a_j)
// A block computes PULLED rows of da, from PULLING rows of a and b at a time: distances, then
// factors, then sums. Assigns.
static __global__ void discrepancy_gradient_kernel(mb_tables tables, mb_view a, mb_view b,
                                                   mb_view dloss, mb_view da) {
    __shared__ float squares[PULLED][2 * PULLING], factors[PULLED][2 * PULLING];
    int32_t run = (int32_t)blockIdx.y, rows = tables.rows[run], width = mb_view_width(a);
    int32_t own = (int32_t)blockIdx.x * PULLED;
    if (own >= rows)
        return;
    double pairs = (double)rows * rows, square = (double)width * width;
    double weight = 4.0 * (double)mb_at(dloss, run)[0] / (pairs * square);
    int32_t i = (int32_t)threadIdx.x / LANES, t = (int32_t)threadIdx.x % LANES;
    int64_t at = (int64_t)(own + i) * width;
    pulling_rows others = {mb_at(a, run), mb_at(b, run), 0, 0, width};
    for (int32_t first = 0; first < rows; first += PULLING) {
        others.first = first;
        others.count = 2 * (rows - first < PULLING ? rows - first : PULLING);
        distances_from(others, own, rows, squares);
        __syncthreads();
        for (int32_t q = t; q < others.count; q += LANES)
            factors[i][q] = (float)((q % 2 == 0 ? weight : -weight) *
                                    (1.0 + kernel_below_one((double)squares[i][q], width)));
        __syncthreads();
        for (int32_t d = t; own + i < rows && d < width; d += LANES) {
            float x = others.a[at + d], sum = first == 0 ? 0.0f : mb_at(da, run)[at + d];
            for (int32_t q = 0; q < others.count; q++)
                sum = fmaf(factors[i][q], x - others.row(q)[d], sum);
            mb_at(da, run)[at + d] = sum;
        }
    }
}

MB_CUDA_OP(mean_discrepancy_grad) {
    dim3 grid((unsigned)(call->max_rows + PULLED - 1) / PULLED, (unsigned)call->run_count);
    MB_LAUNCH(discrepancy_gradient_kernel, grid, dim3(MB_THREADS), 0, call->stream, call->tables,
              mb_in(call, mean_discrepancy_grad, a), mb_in(call, mean_discrepancy_grad, b),
              mb_in(call, mean_discrepancy_grad, dloss), call->outputs[0]);
}
