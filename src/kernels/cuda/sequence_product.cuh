// Products of whole sequences: what a recurrence need not do place by place. B' stands for rows x
// steps; weights are stored input-major (I, O), and a product takes some neighbouring rows of them.
#ifndef MB_KERNELS_CUDA_SEQUENCE_PRODUCT_CUH
#define MB_KERNELS_CUDA_SEQUENCE_PRODUCT_CUH

#include "cuda/tensor_product.cuh"

enum { MB_SEQUENCE_PARTS = 3 };

// y (B', O) = x (B', I) W[first ... first + I) + b, for some parts. Assigns.
struct mb_sequence_forward {
    mb_tables tables;
    struct {
        mb_view x, weight, bias, y; // bias.first = NULL: none
        int32_t first;
    } parts[MB_SEQUENCE_PARTS];

    struct tile {
        int32_t m, n, k;
        const float *x, *weight, *bias;
        float *y;
        static constexpr bool a_along_p = true, b_along_p = false;

        __device__ float a(int32_t i, int32_t p) const {
            return x[(int64_t)i * k + p];
        }
        __device__ float b(int32_t p, int32_t j) const {
            return weight[(int64_t)p * n + j];
        }
        __device__ void four_a(int32_t i, int32_t p, float (&four)[4]) const {
            mb_load_four(x + (int64_t)i * k, p, k, four);
        }
        __device__ void four_b(int32_t p, int32_t j, float (&four)[4]) const {
            mb_load_four(weight + (int64_t)p * n, j, n, four);
        }
        __device__ void prefetch(int32_t, int32_t) {}
        __device__ void store(int32_t i0, int32_t j0, const float (&sums)[4][4]) {
            mb_store_map(i0, j0, sums, m, n, bias, false, y, n);
        }
    };

    __device__ bool begin(int32_t run, int32_t part, tile &t) const {
        int32_t rows = tables.rows[run];
        const auto &p = parts[part];
        t.m = (int32_t)mb_view_vectors(p.x, rows);
        t.n = mb_view_width(p.y);
        t.k = mb_view_width(p.x);
        t.x = mb_at(p.x, run);
        t.weight = mb_at(p.weight, run) + (int64_t)p.first * t.n;
        t.bias = p.bias.first != NULL ? mb_at(p.bias, run) : NULL;
        t.y = mb_at(p.y, run);
        return rows > 0;
    }
};

inline void mb_sequence_launch(const mb_cuda_call *call, int32_t parts,
                               const mb_sequence_forward &problem) {
    int64_t vectors = mb_view_vectors(problem.parts[0].y, call->max_rows);
    int32_t widest = 0;
    for (int32_t part = 0; part < parts; part++) {
        int32_t width = mb_view_width(problem.parts[part].y);
        widest = width > widest ? width : widest;
    }
    mb_forward_product(call, vectors, widest, parts, problem);
}

// dx (B', I) = sum over parts of dy (B', O) W[first ... first + I)^T, O the same for all of them:
// one product over the outputs of all parts. Adds to dx when asked to, else assigns.
struct mb_sequence_backward {
    mb_tables tables;
    struct {
        mb_view dy, weight;
        int32_t first;
    } parts[2];
    int32_t part_count;
    mb_view dx;
    bool add;

    struct tile {
        int32_t m, n, k, outputs; // k: outputs of all parts
        bool add;
        const float *dy[2], *weight[2];
        float *dx;
        static constexpr bool a_along_p = true, b_along_p = true;

        __device__ float a(int32_t i, int32_t p) const {
            int64_t row = (int64_t)i * outputs;
            return p < outputs ? dy[0][row + p] : dy[1][row + p - outputs];
        }
        __device__ float b(int32_t p, int32_t j) const {
            int64_t row = (int64_t)j * outputs;
            return p < outputs ? weight[0][row + p] : weight[1][row + p - outputs];
        }
        __device__ void prefetch(int32_t, int32_t) {}
        __device__ void store(int32_t i0, int32_t j0, const float (&sums)[4][4]) {
#pragma unroll
            for (int32_t i = 0; i < 4; i++)
#pragma unroll
                for (int32_t j = 0; j < 4; j++) {
                    if (i0 + i >= m || j0 + j >= n)
                        continue;
                    int64_t at = (int64_t)(i0 + i) * n + j0 + j;
                    dx[at] = add ? dx[at] + sums[i][j] : sums[i][j];
                }
        }
    };

    __device__ bool begin(int32_t run, int32_t, tile &t) const {
        int32_t rows = tables.rows[run];
        t.m = (int32_t)mb_view_vectors(dx, rows);
        t.n = mb_view_width(dx);
        t.outputs = mb_view_width(parts[0].dy);
        t.k = part_count * t.outputs;
        t.add = add;
#pragma unroll
        for (int32_t k = 0; k < 2; k++) {
            const auto &p = parts[k < part_count ? k : 0];
            t.dy[k] = mb_at(p.dy, run);
            t.weight[k] = mb_at(p.weight, run) + (int64_t)p.first * t.outputs;
        }
        t.dx = mb_at(dx, run);
        return rows > 0;
    }
};

inline void mb_sequence_launch(const mb_cuda_call *call, const mb_sequence_backward &problem) {
    mb_product(call, mb_view_vectors(problem.dx, call->max_rows), mb_view_width(problem.dx), 1,
               problem);
}

#endif
