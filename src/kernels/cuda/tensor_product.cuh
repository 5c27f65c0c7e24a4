// Forward products, C (M, N) = A (M, K) B (K, N) as in product.cuh, with the same kind of problem.
// In plans that do not train they are bound by arithmetic, and are computed on the tensor cores.
//
// Float32 is made of TF32 by splitting: x = big + small, both TF32, with a relative error of 2^-24;
// a b = small_a big_b + big_a small_b + big_a big_b. Tensor cores round their sums towards zero, so
// they sum only 16 products at a time; these sums are added in float32 outside.
//
// A block of 128 threads computes 64 x 64 elements of C, each warp 32 x 32. Strips of A and B are
// staged in shared memory; while one strip is multiplied, the next is loaded into registers. The
// order of summation is always the same.
#ifndef MB_KERNELS_CUDA_TENSOR_PRODUCT_CUH
#define MB_KERNELS_CUDA_TENSOR_PRODUCT_CUH

#include "cuda/product.cuh"
#include "cuda/tensor.cuh"

enum {
    MB_TENSOR_M = 64,
    MB_TENSOR_N = 64,
    MB_TENSOR_K = 16,
    MB_TENSOR_SIDE = 32, // of the square that a warp computes
    MB_TENSOR_THREADS = 128,
    MB_TENSOR_FOURS =
        MB_TENSOR_M * MB_TENSOR_K / 4 / MB_TENSOR_THREADS, // groups of four in a strip, per thread
    // Fragments of 16 x 8 elements in the square, and steps along a strip.
    MB_FRAGMENTS_M = MB_TENSOR_SIDE / 16,
    MB_FRAGMENTS_N = MB_TENSOR_SIDE / 8,
    MB_FRAGMENTS = MB_FRAGMENTS_M * MB_FRAGMENTS_N,
    MB_FRAGMENTS_K = MB_TENSOR_K / 8,
};

// Shared memory. The rows are padded so that the lanes of a warp that read a fragment (rows g and
// columns t of a[i][p], or rows t and columns g of b[p][j]) access 32 different banks.
union mb_tensor_memory {
    struct {
        alignas(16) float a[MB_TENSOR_M][MB_TENSOR_K + 4];
        alignas(16) float b[MB_TENSOR_K][MB_TENSOR_N + 8];
    } strips;
    alignas(16) float sums[MB_TENSOR_SIDE][MB_TENSOR_N + 8]; // half of the rows of the block's C
};

// ---- strips -----------------------------------------------------------------------------------

// values = row[at], row[at + 1] ...; zeros from `end` on.
__device__ inline void mb_load_four(const float *row, int32_t at, int32_t end, float (&values)[4]) {
    if ((uintptr_t)(row + at) % 16 == 0 && at + 4 <= end) {
        mb_get_four(row + at, values);
        return;
    }
#pragma unroll
    for (int n = 0; n < 4; n++)
        values[n] = at + n < end ? row[at + n] : 0.0f;
}

// values = a(i, p), a(i, p + 1) ... and b(p, j), b(p, j + 1) ...; zeros beyond the ends. A tile may
// have its own four_a(i, p, values) and four_b(p, j, values), which are called with the first
// element in range.
template <class Tile>
__device__ inline void mb_four_a(const Tile &tile, int32_t i, int32_t p, float (&values)[4]) {
    if constexpr (requires { tile.four_a(i, p, values); }) {
        tile.four_a(i, p, values);
    } else {
#pragma unroll
        for (int n = 0; n < 4; n++)
            values[n] = p + n < tile.k ? tile.a(i, p + n) : 0.0f;
    }
}

template <class Tile>
__device__ inline void mb_four_b(const Tile &tile, int32_t p, int32_t j, float (&values)[4]) {
    if constexpr (requires { tile.four_b(p, j, values); }) {
        tile.four_b(p, j, values);
    } else {
#pragma unroll
        for (int n = 0; n < 4; n++)
            values[n] = j + n < tile.n ? tile.b(p, j + n) : 0.0f;
    }
}

// The elements of the next strips that a thread loads, four at a time.
struct mb_tensor_fetch {
    float a[MB_TENSOR_FOURS][4], b[MB_TENSOR_FOURS][4];

    __device__ static void place(int four, int length, int &line, int &at) {
        int position = (four * MB_TENSOR_THREADS + (int)threadIdx.x) * 4;
        line = position / length;
        at = position % length;
    }
    template <class Tile>
    __device__ void fetch(const Tile &tile, int32_t i0, int32_t j0, int32_t p0) {
        static_assert(Tile::a_along_p && !Tile::b_along_p,
                      "A must be contiguous along p, and B along j");
#pragma unroll
        for (int n = 0; n < MB_TENSOR_FOURS; n++) {
            int i, j, p;
            clear(a[n]);
            place(n, MB_TENSOR_K, i, p);
            if (i0 + i < tile.m && p0 + p < tile.k)
                mb_four_a(tile, i0 + i, p0 + p, a[n]);
            clear(b[n]);
            place(n, MB_TENSOR_N, p, j);
            if (p0 + p < tile.k && j0 + j < tile.n)
                mb_four_b(tile, p0 + p, j0 + j, b[n]);
        }
    }
    __device__ void put(mb_tensor_memory &memory) const {
#pragma unroll
        for (int n = 0; n < MB_TENSOR_FOURS; n++) {
            int line, at;
            place(n, MB_TENSOR_K, line, at);
            mb_put_four(&memory.strips.a[line][at], a[n]);
            place(n, MB_TENSOR_N, line, at);
            mb_put_four(&memory.strips.b[line][at], b[n]);
        }
    }
    // Whether a number is NaN, infinite, or so large that products may overflow.
    __device__ bool extreme() const {
        const float limit = 4.6e18f; // 2^62
        bool within = true;
#pragma unroll
        for (int n = 0; n < MB_TENSOR_FOURS * 4; n++)
            within &= fabsf(a[n / 4][n % 4]) < limit && fabsf(b[n / 4][n % 4]) < limit;
        return !within;
    }
    __device__ static void clear(float (&values)[4]) {
#pragma unroll
        for (int n = 0; n < 4; n++)
            values[n] = 0.0f;
    }
};

// ---- products of strips -----------------------------------------------------------------------

// The thread's position in the tile of C.
struct mb_tensor_place {
    int i, j; // first row and column of the warp's square
    int g, t; // of the lane, as in tensor.cuh

    __device__ mb_tensor_place() {
        int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32;
        int squares = MB_TENSOR_N / MB_TENSOR_SIDE;
        i = warp / squares * MB_TENSOR_SIDE;
        j = warp % squares * MB_TENSOR_SIDE;
        g = lane / 4;
        t = lane % 4;
    }
};

// The sums of a thread, one row of fragments after the other.
struct mb_tensor_sums {
    float values[MB_FRAGMENTS][4];
};

// A fragment of A or B as TF32.
template <int COUNT> struct mb_fragment {
    uint32_t big[COUNT], small[COUNT];

    __device__ void set(int n, float x) {
        big[n] = mb_tf32(x);
        small[n] = mb_tf32(x - __uint_as_float(big[n]));
    }
};

// sums += a strip of A times a strip of B, as PRODUCTS products of TF32: 1 or 3.
template <int PRODUCTS>
__device__ inline void mb_tensor_multiply(const mb_tensor_memory &memory, const mb_tensor_place &at,
                                          mb_tensor_sums &sums) {
    mb_tensor_sums strip = {};
#pragma unroll 1
    for (int k = 0; k < MB_FRAGMENTS_K; k++) {
        mb_fragment<4> a[MB_FRAGMENTS_M];
        mb_fragment<2> b[MB_FRAGMENTS_N];
#pragma unroll
        for (int n = 0; n < 4 * MB_FRAGMENTS_M; n++) {
            int i = at.i + n / 4 * 16 + n % 2 * 8 + at.g, p = k * 8 + n / 2 % 2 * 4 + at.t;
            a[n / 4].set(n % 4, memory.strips.a[i][p]);
        }
#pragma unroll
        for (int n = 0; n < 2 * MB_FRAGMENTS_N; n++) {
            int p = k * 8 + n % 2 * 4 + at.t, j = at.j + n / 2 * 8 + at.g;
            b[n / 2].set(n % 2, memory.strips.b[p][j]);
        }
        // The smallest terms first. Consecutive products are independent of each other.
#pragma unroll
        for (int product = 3 - PRODUCTS; product < 3; product++)
#pragma unroll
            for (int n = 0; n < MB_FRAGMENTS; n++) {
                const auto &row = a[n / MB_FRAGMENTS_N];
                const auto &column = b[n % MB_FRAGMENTS_N];
                mb_tf32_product(product == 0 ? row.small : row.big,
                                product == 1 ? column.small : column.big, strip.values[n]);
            }
    }
#pragma unroll
    for (int n = 0; n < MB_FRAGMENTS * 4; n++)
        sums.values[n / 4][n % 4] += strip.values[n / 4][n % 4];
}

// The same in float32, on the CUDA cores.
__device__ inline void mb_tensor_multiply_plainly(const mb_tensor_memory &memory,
                                                  const mb_tensor_place &at, mb_tensor_sums &sums) {
#pragma unroll 1
    for (int p = 0; p < MB_TENSOR_K; p++)
#pragma unroll
        for (int n = 0; n < MB_FRAGMENTS * 4; n++) {
            int i = at.i + n / 4 / MB_FRAGMENTS_N * 16 + n / 2 % 2 * 8 + at.g;
            int j = at.j + n / 4 % MB_FRAGMENTS_N * 8 + 2 * at.t + n % 2;
            float &sum = sums.values[n / 4][n % 4];
            sum = fmaf(memory.strips.a[i][p], memory.strips.b[p][j], sum);
        }
}

// Splitting an infinite number gives NaN where the plain product may be infinite, so strips with
// extreme numbers are multiplied on the CUDA cores.
template <int PRODUCTS, class Tile>
__device__ inline void mb_tensor_add(const Tile &tile, int32_t i0, int32_t j0,
                                     mb_tensor_memory &memory, mb_tensor_sums &sums) {
    mb_tensor_place at;
    mb_tensor_fetch next;
    next.fetch(tile, i0, j0, 0);
#pragma unroll 1
    for (int32_t p0 = 0; p0 < tile.k; p0 += MB_TENSOR_K) {
        next.put(memory);
        bool plainly = __syncthreads_or(PRODUCTS > 1 && next.extreme());
        if (p0 + MB_TENSOR_K < tile.k)
            next.fetch(tile, i0, j0, p0 + MB_TENSOR_K);
        if (plainly)
            mb_tensor_multiply_plainly(memory, at, sums);
        else
            mb_tensor_multiply<PRODUCTS>(memory, at, sums);
        __syncthreads();
    }
}

// ---- the kernel -------------------------------------------------------------------------------

// Stores the sums. The tile stores 4 x 4 elements at a time, so the sums are first rearranged in
// shared memory, half of the rows at a time.
template <class Tile>
__device__ inline void mb_tensor_store(Tile &tile, int32_t i0, int32_t j0, mb_tensor_memory &memory,
                                       const mb_tensor_sums &sums) {
    mb_tensor_place at;
    int ti = (int)threadIdx.x / (MB_TENSOR_N / 4) * 4,
        tj = (int)threadIdx.x % (MB_TENSOR_N / 4) * 4;
    for (int half = 0; half < MB_TENSOR_M; half += MB_TENSOR_SIDE) {
        if (at.i == half) {
#pragma unroll
            for (int n = 0; n < MB_FRAGMENTS; n++) {
                int i = n / MB_FRAGMENTS_N * 16 + at.g;
                int j = at.j + n % MB_FRAGMENTS_N * 8 + 2 * at.t;
                const float(&c)[4] = sums.values[n];
                mb_put_two(&memory.sums[i][j], c[0], c[1]);
                mb_put_two(&memory.sums[i + 8][j], c[2], c[3]);
            }
        }
        __syncthreads();
        float square[4][4];
#pragma unroll
        for (int i = 0; i < 4; i++)
            mb_get_four(&memory.sums[ti + i][tj], square[i]);
        tile.store(i0 + half + ti, j0 + tj, square);
        __syncthreads();
    }
}

template <class Problem, int PRODUCTS>
static __global__ void __launch_bounds__(MB_TENSOR_THREADS, 3)
    mb_tensor_kernel(const __grid_constant__ Problem problem) {
    __shared__ mb_tensor_memory memory;
    typename Problem::tile tile;
    if (!problem.begin((int32_t)blockIdx.y, (int32_t)blockIdx.z, tile))
        return;
    int32_t tiles_n = (tile.n + MB_TENSOR_N - 1) / MB_TENSOR_N;
    int32_t i0 = (int32_t)blockIdx.x / tiles_n * MB_TENSOR_M;
    int32_t j0 = (int32_t)blockIdx.x % tiles_n * MB_TENSOR_N;
    if (i0 >= tile.m)
        return;
    mb_tensor_sums sums = {};
    mb_tensor_add<PRODUCTS>(tile, i0, j0, memory, sums);
    mb_tensor_store(tile, i0, j0, memory, sums);
}

template <int PRODUCTS, class Problem>
inline void mb_tensor_launch(const mb_cuda_call *call, int64_t m, int64_t n, int32_t pieces,
                             const Problem &problem) {
    int64_t tiles = (m + MB_TENSOR_M - 1) / MB_TENSOR_M * ((n + MB_TENSOR_N - 1) / MB_TENSOR_N);
    dim3 grid((unsigned)tiles, (unsigned)call->run_count, (unsigned)pieces);
    MB_LAUNCH((mb_tensor_kernel<Problem, PRODUCTS>), grid, dim3(MB_TENSOR_THREADS), 0, call->stream,
              problem);
}

// The same as mb_product, in the precision of the call; the tile has a() or four_a(), and b() or
// four_b().
template <class Problem>
inline void mb_tensor_product(const mb_cuda_call *call, int64_t m, int64_t n, int32_t pieces,
                              const Problem &problem) {
    if (call->precision == MB_PRECISION_TF32)
        mb_tensor_launch<1>(call, m, n, pieces, problem);
    else
        mb_tensor_launch<3>(call, m, n, pieces, problem);
}

// Whether a forward product of m rows goes to the tensor cores: training is bound by the memory
// traffic of the optimiser, small batches by that of the weights, and both use plain products.
inline bool mb_on_tensor_cores(const mb_cuda_call *call, int64_t m) {
    enum { FEWEST_ROWS = 48 };
    return !call->plan->info.trains && m >= FEWEST_ROWS;
}

// A product of a weight with its input, on tensor cores or CUDA cores.
template <class Problem>
inline void mb_forward_product(const mb_cuda_call *call, int64_t m, int64_t n, int32_t pieces,
                               const Problem &problem) {
    if (mb_on_tensor_cores(call, m))
        mb_tensor_product(call, m, n, pieces, problem);
    else
        mb_product(call, m, n, pieces, problem);
}

#endif
