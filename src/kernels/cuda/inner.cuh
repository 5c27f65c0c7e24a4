// Inner products of rows with rows, for any number of slices at once.
#ifndef MB_KERNELS_CUDA_INNER_CUH
#define MB_KERNELS_CUDA_INNER_CUH

#include "cuda/product.cuh"

// x, y (B, D) or (B, K, D) -> s (B, B) or (K, B, B): s[i, j] = <x[i], y[j]>, slice by slice;
// blockIdx.z is the slice k. B is the number of valid rows, in s too. Assigns.
struct mb_inner_products {
    mb_tables tables;
    mb_view x, y, s;

    struct tile : mb_store_tile {
        int32_t k;
        int64_t stride; // between rows
        const float *x, *y;
        static constexpr bool a_along_p = true, b_along_p = true;

        __device__ float a(int32_t i, int32_t p) const {
            return x[i * stride + p];
        }
        __device__ float b(int32_t p, int32_t j) const {
            return y[j * stride + p];
        }
    };

    __device__ bool begin(int32_t run, int32_t slice, tile &t) const {
        int32_t rows = tables.rows[run];
        static_cast<mb_store_tile &>(t) = {mb_at(s, run) + (int64_t)slice * rows * rows, rows, rows,
                                           rows};
        t.k = mb_view_width(x);
        t.stride = mb_view_elements(x, 1);
        t.x = mb_at(x, run) + (int64_t)slice * t.k;
        t.y = mb_at(y, run) + (int64_t)slice * t.k;
        return rows > 0;
    }
};

inline void mb_inner_products_launch(const mb_cuda_call *call, const mb_view &x, const mb_view &y,
                                     const mb_view &s, int32_t slices) {
    mb_inner_products problem = {};
    problem.tables = call->tables;
    problem.x = x;
    problem.y = y;
    problem.s = s;
    mb_product(call, call->max_rows, call->max_rows, slices, problem);
}

#endif
