// C (M, N) = A (M, K) B (K, N) for every run; a block computes a tile of C.
//
// Reference: c[i][j] = sum over p of a[i][p] * b[p][j], p ascending. Fast version: a block of 128
// threads computes 32 x 64 elements of C, each thread 4 x 4 in registers. Strips of A and B are
// staged in shared memory; while one strip is multiplied, the next is loaded into registers. The
// order of summation is that of the reference, whatever the shapes.
//
// A problem is a constant struct, passed to the kernel by value. It has views of the operands, and
//     struct tile                              scalars and pointers for one block
//     bool begin(int32_t run, int32_t piece, tile &t) const
//                                              sets the tile for blockIdx.y and blockIdx.z, the
//                                              run and the piece; false: nothing to do
// A tile has
//     int32_t m, n, k
//     float a(int32_t i, int32_t p) const      in range
//     float b(int32_t p, int32_t j) const
//     static constexpr bool a_along_p          whether neighbours along p lie together in memory
//     static constexpr bool b_along_p          (otherwise those along i, along j do)
//     void prefetch(int32_t i, int32_t j)      may load what store(i, j, ...) will need
//     void store(int32_t i, int32_t j, const float (&sums)[4][4])
//                                              stores the 4 x 4 elements that begin at (i, j);
//                                              elements beyond m, n must be ignored
// Instead of a() it may have void fetch_a(int32_t i0, int32_t p0, mb_strip &strip), which fills a
// strip and puts zeros beyond the ends of A.
//
// A problem may have several products in each run, its pieces: blockIdx.z is the piece.
#ifndef MB_KERNELS_CUDA_PRODUCT_CUH
#define MB_KERNELS_CUDA_PRODUCT_CUH

#include "cuda/four.cuh"
#include "cuda/optim.cuh"

enum {
    MB_TILE_M = 32,
    MB_TILE_N = 64,
    MB_TILE_K = 16,
    MB_PRODUCT_THREADS = 128,
    MB_PER_THREAD = 4, // rows and columns of C in a thread
};

// The elements of a strip that a thread loads, and their positions (p, i), with i in [0, WIDTH).
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

template <class Tile>
concept mb_fetches_a = requires(Tile tile, mb_strip<MB_TILE_M, Tile::a_along_p> strip) {
    tile.fetch_a(0, 0, strip);
};

template <class Tile>
__device__ inline void mb_fetch_a(Tile &tile, int32_t i0, int32_t p0,
                                  mb_strip<MB_TILE_M, Tile::a_along_p> &strip) {
    tile.fetch_a(i0, p0, strip);
}

template <class Tile>
requires(!mb_fetches_a<Tile>) __device__
    inline void mb_fetch_a(Tile &tile, int32_t i0, int32_t p0,
                           mb_strip<MB_TILE_M, Tile::a_along_p> &strip) {
#pragma unroll
    for (int e = 0; e < strip.COUNT; e++) {
        int p, i;
        strip.place(e, p, i);
        bool inside = i0 + i < tile.m && p0 + p < tile.k;
        strip.values[e] = inside ? tile.a(i0 + i, p0 + p) : 0.0f;
    }
}

template <class Tile>
__device__ inline void mb_fetch_b(const Tile &tile, int32_t j0, int32_t p0,
                                  mb_strip<MB_TILE_N, Tile::b_along_p> &strip) {
#pragma unroll
    for (int e = 0; e < strip.COUNT; e++) {
        int p, j;
        strip.place(e, p, j);
        bool inside = j0 + j < tile.n && p0 + p < tile.k;
        strip.values[e] = inside ? tile.b(p0 + p, j0 + j) : 0.0f;
    }
}

template <class Problem>
static __global__ void __launch_bounds__(MB_PRODUCT_THREADS, 3)
    mb_product_kernel(const __grid_constant__ Problem problem) {
    __shared__ __align__(16) float a_strip[MB_TILE_K][MB_TILE_M + 4];
    __shared__ __align__(16) float b_strip[MB_TILE_K][MB_TILE_N + 4];
    typename Problem::tile tile;
    if (!problem.begin((int32_t)blockIdx.y, (int32_t)blockIdx.z, tile))
        return;
    int32_t tiles_n = (tile.n + MB_TILE_N - 1) / MB_TILE_N;
    int32_t i0 = (int32_t)blockIdx.x / tiles_n * MB_TILE_M;
    int32_t j0 = (int32_t)blockIdx.x % tiles_n * MB_TILE_N;
    if (i0 >= tile.m)
        return;
    int32_t ti = (int32_t)threadIdx.x / (MB_TILE_N / MB_PER_THREAD) * MB_PER_THREAD;
    int32_t tj = (int32_t)threadIdx.x % (MB_TILE_N / MB_PER_THREAD) * MB_PER_THREAD;
    mb_strip<MB_TILE_M, Problem::tile::a_along_p> a;
    mb_strip<MB_TILE_N, Problem::tile::b_along_p> b;
    float sums[MB_PER_THREAD][MB_PER_THREAD] = {};
    tile.prefetch(i0 + ti, j0 + tj);
    mb_fetch_a(tile, i0, 0, a);
    mb_fetch_b(tile, j0, 0, b);
    for (int32_t p0 = 0; p0 < tile.k; p0 += MB_TILE_K) {
        a.put(a_strip);
        b.put(b_strip);
        __syncthreads();
        if (p0 + MB_TILE_K < tile.k) {
            mb_fetch_a(tile, i0, p0 + MB_TILE_K, a);
            mb_fetch_b(tile, j0, p0 + MB_TILE_K, b);
        }
#pragma unroll 8
        for (int p = 0; p < MB_TILE_K; p++) { // strips are zero beyond k
            float a_four[MB_PER_THREAD], b_four[MB_PER_THREAD];
            mb_get_four(&a_strip[p][ti], a_four);
            mb_get_four(&b_strip[p][tj], b_four);
#pragma unroll
            for (int i = 0; i < MB_PER_THREAD; i++)
#pragma unroll
                for (int j = 0; j < MB_PER_THREAD; j++)
                    sums[i][j] = fmaf(a_four[i], b_four[j], sums[i][j]);
        }
        __syncthreads();
    }
    tile.store(i0 + ti, j0 + tj, sums);
}

// Launches a problem whose C has at most `m` x `n` elements, with `pieces` pieces.
template <class Problem>
inline void mb_product(const mb_cuda_call *call, int64_t m, int64_t n, int32_t pieces,
                       const Problem &problem) {
    int64_t tiles = (m + MB_TILE_M - 1) / MB_TILE_M * ((n + MB_TILE_N - 1) / MB_TILE_N);
    dim3 grid((unsigned)tiles, (unsigned)call->run_count, (unsigned)pieces);
    MB_LAUNCH((mb_product_kernel<Problem>), grid, dim3(MB_PRODUCT_THREADS), 0, call->stream,
              problem);
}

// ---- epilogues: what becomes of the sums ------------------------------------------------------

// Assigns C, in rows of `pitch` floats. The tiles of all products that assign derive from it.
struct mb_store_tile {
    float *values;
    int64_t pitch; // floats between rows
    int32_t m, n;

    __device__ void prefetch(int32_t, int32_t) {}
    __device__ void store(int32_t i0, int32_t j0, const float (&sums)[4][4]) {
#pragma unroll
        for (int32_t i = 0; i < 4; i++)
#pragma unroll
            for (int32_t j = 0; j < 4; j++)
                if (i0 + i < m && j0 + j < n)
                    values[(i0 + i) * pitch + j0 + j] = sums[i][j];
    }
};

// The epilogue of a linear map: y = sums + bias (NULL: none), then max(0, .) if `relu`, for the 4 x
// 4 elements from (i0, j0) on of y (m, n), whose rows are `pitch` floats apart.
__device__ inline void mb_store_map(int32_t i0, int32_t j0, const float (&sums)[4][4], int32_t m,
                                    int32_t n, const float *bias, bool relu, float *y,
                                    int64_t pitch) {
#pragma unroll
    for (int32_t i = 0; i < 4; i++)
#pragma unroll
        for (int32_t j = 0; j < 4; j++) {
            if (i0 + i >= m || j0 + j >= n)
                continue;
            float value = bias != NULL ? sums[i][j] + bias[j0 + j] : sums[i][j];
            value = relu && value < 0.0f ? 0.0f : value; // NaN stays NaN
            y[(i0 + i) * pitch + j0 + j] = value;
        }
}

// The epilogue of a gradient dW that is stored. begin() sets the tile for a matrix (m, n) that
// begins `first` floats into dW and has rows of `pitch` floats.
struct mb_assign {
    mb_view gradient;
    using tile = mb_store_tile;

    __device__ bool begin(const mb_tables &, int32_t run, int64_t first, int64_t pitch, int32_t m,
                          int32_t n, tile &t) const {
        t = {mb_at(gradient, run) + first, pitch, m, n};
        return true;
    }
};

// The epilogue of a gradient dW that updates W at once: the weights and moments of the tile are
// loaded while the product is computed, and the gradient never reaches memory.
struct mb_step_weights {
    mb_update update;

    struct tile {
        float *weights, *first_moments, *second_moments;
        const mb_adam *adam;
        int64_t pitch; // floats between rows
        int32_t m, n;
        bool aligned; // rows can be read and written 16 bytes at a time
        float4 w[4], first[4], second[4];

        __device__ void prefetch(int32_t i0, int32_t j0) {
#pragma unroll
            for (int32_t i = 0; i < 4; i++)
                if (i0 + i < m && j0 < n) {
                    int64_t at = (i0 + i) * pitch + j0;
                    w[i] = load(weights + at, n - j0);
                    first[i] = load(first_moments + at, n - j0);
                    second[i] = load(second_moments + at, n - j0);
                }
        }
        __device__ void store(int32_t i0, int32_t j0, const float (&sums)[4][4]) {
            mb_adam numbers = *adam;
#pragma unroll
            for (int32_t i = 0; i < 4; i++)
                if (i0 + i < m && j0 < n) {
                    int64_t at = (i0 + i) * pitch + j0;
                    mb_adam_step(numbers, sums[i][0], w[i].x, first[i].x, second[i].x);
                    mb_adam_step(numbers, sums[i][1], w[i].y, first[i].y, second[i].y);
                    mb_adam_step(numbers, sums[i][2], w[i].z, first[i].z, second[i].z);
                    mb_adam_step(numbers, sums[i][3], w[i].w, first[i].w, second[i].w);
                    put(weights + at, n - j0, w[i]);
                    put(first_moments + at, n - j0, first[i]);
                    put(second_moments + at, n - j0, second[i]);
                }
        }
        // Four floats of a row, of which only `left` exist.
        __device__ float4 load(const float *from, int32_t left) const {
            if (aligned && left >= 4)
                return mb_four_once(from);
            return make_float4(from[0], left > 1 ? from[1] : 0.0f, left > 2 ? from[2] : 0.0f,
                               left > 3 ? from[3] : 0.0f);
        }
        __device__ void put(float *to, int32_t left, float4 values) const {
            if (aligned && left >= 4) {
                mb_put_four_once(to, values);
                return;
            }
            to[0] = values.x;
            if (left > 1)
                to[1] = values.y;
            if (left > 2)
                to[2] = values.z;
            if (left > 3)
                to[3] = values.w;
        }
    };

    __device__ bool begin(const mb_tables &tables, int32_t run, int64_t first, int64_t pitch,
                          int32_t m, int32_t n, tile &t) const {
        int64_t at = run * tables.parameter_floats + update.offset + first;
        t.weights = tables.parameters + at;
        t.first_moments = tables.first_moments + at;
        t.second_moments = tables.second_moments + at;
        t.adam = &tables.adam[run];
        t.pitch = pitch;
        t.m = m;
        t.n = n;
        t.aligned = at % 4 == 0 && pitch % 4 == 0;
        return mb_updates(tables, update, run);
    }
};

#endif
