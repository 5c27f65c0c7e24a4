// C (M, N) = A (M, K) B (K, N) for every run, a tile of C a block.
//
// Reference: c[i][j] = sum over p of a[i][p] * b[p][j], p ascending. Fast version: a block of 128
// threads makes 32 x 64 elements of C, 4 x 4 a thread in registers; strips of A and B pass through
// shared memory, the next strip is on its way in registers while one is multiplied. The order of
// summation is that of the reference whatever the shapes.
//
// A problem is a struct, passed by value, with
//     bool begin(int32_t run, int32_t part)     finds the operands of blockIdx.y, blockIdx.z; false
//     =
//                                               nothing to do
//     int32_t m, n, k                           valid behind begin
//     float a(int32_t i, int32_t p) const       in range
//     float b(int32_t p, int32_t j) const
//     static constexpr bool a_along_p           whether neighbours along p lie together in memory
//     static constexpr bool b_along_p           (otherwise those along i, along j do)
//     void prefetch(int32_t i, int32_t j)       the 4 x 4 elements of the thread begin there: what
//                                               the epilogue will want may be asked for now
//     void store(int32_t i, int32_t j, const float (&sums)[4][4])   elements beyond m, n do not
//     count
#ifndef MB_KERNELS_CUDA_PRODUCT_CUH
#define MB_KERNELS_CUDA_PRODUCT_CUH

#include "cuda/optim.cuh"

enum {
    MB_TILE_M = 32,
    MB_TILE_N = 64,
    MB_TILE_K = 16,
    MB_PRODUCT_THREADS = 128,
    MB_PER_THREAD = 4, // rows and columns of C a thread
};

// Elements of a strip that a thread fetches, and where they go: (p, i) with i in [0, WIDTH).
template <int WIDTH, bool ALONG_P> struct mb_strip {
    static constexpr int COUNT = WIDTH * MB_TILE_K / MB_PRODUCT_THREADS;
    float values[COUNT];
    __device__ static void place(int e, int &p, int &i) {
        int at = e * MB_PRODUCT_THREADS + (int)threadIdx.x;
        p = ALONG_P ? at % MB_TILE_K : at / WIDTH;
        i = ALONG_P ? at / MB_TILE_K : at % WIDTH;
    }
    __device__ void put(float (*strip)[WIDTH + 4]) const {
        for (int e = 0; e < COUNT; e++) {
            int p, i;
            place(e, p, i);
            strip[p][i] = values[e];
        }
    }
};

template <class Problem>
__device__ inline void mb_fetch_a(const Problem &problem, int32_t i0, int32_t p0,
                                  mb_strip<MB_TILE_M, Problem::a_along_p> &strip) {
    for (int e = 0; e < strip.COUNT; e++) {
        int p, i;
        strip.place(e, p, i);
        bool inside = i0 + i < problem.m && p0 + p < problem.k;
        strip.values[e] = inside ? problem.a(i0 + i, p0 + p) : 0.0f;
    }
}

template <class Problem>
__device__ inline void mb_fetch_b(const Problem &problem, int32_t j0, int32_t p0,
                                  mb_strip<MB_TILE_N, Problem::b_along_p> &strip) {
    for (int e = 0; e < strip.COUNT; e++) {
        int p, j;
        strip.place(e, p, j);
        bool inside = j0 + j < problem.n && p0 + p < problem.k;
        strip.values[e] = inside ? problem.b(p0 + p, j0 + j) : 0.0f;
    }
}

template <class Problem>
__global__ void __launch_bounds__(MB_PRODUCT_THREADS) mb_product_kernel(Problem problem) {
    __shared__ float a_strip[MB_TILE_K][MB_TILE_M + 4], b_strip[MB_TILE_K][MB_TILE_N + 4];
    if (!problem.begin((int32_t)blockIdx.y, (int32_t)blockIdx.z))
        return;
    int32_t tiles_n = (problem.n + MB_TILE_N - 1) / MB_TILE_N;
    int32_t i0 = (int32_t)blockIdx.x / tiles_n * MB_TILE_M;
    int32_t j0 = (int32_t)blockIdx.x % tiles_n * MB_TILE_N;
    if (i0 >= problem.m)
        return;
    int32_t ti = (int32_t)threadIdx.x / (MB_TILE_N / MB_PER_THREAD) * MB_PER_THREAD;
    int32_t tj = (int32_t)threadIdx.x % (MB_TILE_N / MB_PER_THREAD) * MB_PER_THREAD;
    mb_strip<MB_TILE_M, Problem::a_along_p> a;
    mb_strip<MB_TILE_N, Problem::b_along_p> b;
    float sums[MB_PER_THREAD][MB_PER_THREAD] = {};
    problem.prefetch(i0 + ti, j0 + tj);
    mb_fetch_a(problem, i0, 0, a);
    mb_fetch_b(problem, j0, 0, b);
    for (int32_t p0 = 0; p0 < problem.k; p0 += MB_TILE_K) {
        a.put(a_strip);
        b.put(b_strip);
        __syncthreads();
        if (p0 + MB_TILE_K < problem.k) {
            mb_fetch_a(problem, i0, p0 + MB_TILE_K, a);
            mb_fetch_b(problem, j0, p0 + MB_TILE_K, b);
        }
        int32_t depth = problem.k - p0 < MB_TILE_K ? problem.k - p0 : MB_TILE_K;
        for (int32_t p = 0; p < depth; p++)
            for (int i = 0; i < MB_PER_THREAD; i++)
                for (int j = 0; j < MB_PER_THREAD; j++)
                    sums[i][j] = fmaf(a_strip[p][ti + i], b_strip[p][tj + j], sums[i][j]);
        __syncthreads();
    }
    problem.store(i0 + ti, j0 + tj, sums);
}

// Launches the problem for C of at most `m` x `n` elements; parts: blockIdx.z.
template <class Problem>
inline void mb_product(const mb_cuda_call *call, int64_t m, int64_t n, int32_t parts,
                       const Problem &problem) {
    int64_t tiles = (m + MB_TILE_M - 1) / MB_TILE_M * ((n + MB_TILE_N - 1) / MB_TILE_N);
    dim3 grid((unsigned)tiles, (unsigned)call->run_count, (unsigned)parts);
    MB_LAUNCH((mb_product_kernel<Problem>), grid, dim3(MB_PRODUCT_THREADS), 0, call->stream,
              problem);
}

// ---- where gradients of weights go ------------------------------------------------------------
//
// The epilogue of a product that is dW: a matrix (m, n) whose columns lie `first` ... in rows of
// `row` floats.

// Into memory.
struct mb_assign {
    mb_view gradient;
    float *values;
    int64_t row;
    int32_t m, n;

    __device__ bool begin(const mb_tables &, int32_t run, int64_t first, int64_t row_floats,
                          int32_t rows, int32_t columns) {
        values = mb_at(gradient, run) + first;
        row = row_floats;
        m = rows;
        n = columns;
        return true;
    }
    __device__ void prefetch(int32_t, int32_t) {}
    __device__ void store(int32_t i0, int32_t j0, const float (&sums)[4][4]) {
        for (int32_t i = i0; i < i0 + 4 && i < m; i++)
            for (int32_t j = j0; j < j0 + 4 && j < n; j++)
                values[i * row + j] = sums[i - i0][j - j0];
    }
};

// Into Adam: the weights and moments of the tile are on their way while the product is made, and
// the gradient never reaches memory.
struct mb_step_weights {
    mb_update update;
    mb_adam adam;
    float *weights, *first_moments, *second_moments;
    int64_t row;
    int32_t m, n;
    float w[4][4], first[4][4], second[4][4];

    __device__ bool begin(const mb_tables &tables, int32_t run, int64_t first_column,
                          int64_t row_floats, int32_t rows, int32_t columns) {
        int64_t at = run * tables.parameter_floats + update.offset + first_column;
        weights = tables.parameters + at;
        first_moments = tables.first_moments + at;
        second_moments = tables.second_moments + at;
        adam = tables.adam[run];
        row = row_floats;
        m = rows;
        n = columns;
        return mb_updates(tables, update, run);
    }
    // Whether rows of the tile can be read and written 16 bytes at a time.
    __device__ bool whole(int32_t j0) const {
        return j0 + 4 <= n && row % 4 == 0 && ((size_t)weights & 15) == 0;
    }
    __device__ void prefetch(int32_t i0, int32_t j0) {
        for (int32_t i = i0; i < i0 + 4 && i < m; i++) {
            int64_t at = i * row + j0;
            if (whole(j0)) {
                *(float4 *)w[i - i0] = __ldcs((const float4 *)(weights + at));
                *(float4 *)first[i - i0] = __ldcs((const float4 *)(first_moments + at));
                *(float4 *)second[i - i0] = __ldcs((const float4 *)(second_moments + at));
                continue;
            }
            for (int32_t j = 0; j < 4 && j0 + j < n; j++) {
                w[i - i0][j] = weights[at + j];
                first[i - i0][j] = first_moments[at + j];
                second[i - i0][j] = second_moments[at + j];
            }
        }
    }
    __device__ void store(int32_t i0, int32_t j0, const float (&sums)[4][4]) {
        for (int32_t i = i0; i < i0 + 4 && i < m; i++) {
            int64_t at = i * row + j0;
            int32_t r = i - i0;
            for (int32_t j = 0; j < 4 && j0 + j < n; j++)
                mb_adam_step(adam, sums[r][j], w[r][j], first[r][j], second[r][j]);
            if (whole(j0)) {
                __stcs((float4 *)(weights + at), *(float4 *)w[r]);
                __stcs((float4 *)(first_moments + at), *(float4 *)first[r]);
                __stcs((float4 *)(second_moments + at), *(float4 *)second[r]);
                continue;
            }
            for (int32_t j = 0; j < 4 && j0 + j < n; j++) {
                weights[at + j] = w[r][j];
                first_moments[at + j] = first[r][j];
                second_moments[at + j] = second[r][j];
            }
        }
    }
};

#endif
