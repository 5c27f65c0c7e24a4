// The outer product Z of three vectors, made where a product reads it. B rows; a (B, P), v (B, Q),
// l (B, R):
//   Z[b, (i*Q + j)*R + k] = mask * a[b, i] * v[b, j] * l[b, k]        (B, P*Q*R)
// Reference: src/kernels/cpu/isa/outer.c.
//
// In the numbering of the random masks, each row of Z begins at a multiple of 128, and sixteen
// Philox counters make the masks of a group of 128 columns. So kernels go through the columns of Z
// a group at a time, and a thread makes all eight columns of a counter: for counter c, columns c, c
// + 16, ..., c + 112 of the group. A tile of 32 rows has 512 such units.
#ifndef MB_KERNELS_CUDA_OUTER_CUH
#define MB_KERNELS_CUDA_OUTER_CUH

#include "cuda/divide.cuh"
#include "cuda/dropout.cuh"
#include "cuda/four.cuh"

enum {
    MB_OUTER_GROUP = MB_DROPOUT_GROUP,
    MB_OUTER_COUNTERS = MB_DROPOUT_COUNTERS,
    MB_OUTER_EACH = MB_OUTER_GROUP / MB_OUTER_COUNTERS, // columns of a counter
    MB_OUTER_ROWS = 32,                                 // of a tile
    MB_OUTER_UNITS = MB_OUTER_ROWS * MB_OUTER_COUNTERS,
};

// Adds the products of two strips to 4 x 4 sums. Row p of a strip is `a_pitch` or `b_pitch` floats
// after row p - 1. A larger UNROLL takes more registers.
template <int UNROLL>
__device__ inline void mb_outer_add(const float *a_strip, int32_t a_pitch, const float *b_strip,
                                    int32_t b_pitch, int32_t depth, float (&sums)[4][4]) {
#pragma unroll UNROLL
    for (int32_t p = 0; p < depth; p++, a_strip += a_pitch, b_strip += b_pitch) {
        float a[4], b[4];
        mb_get_four(a_strip, a);
        mb_get_four(b_strip, b);
#pragma unroll
        for (int i = 0; i < 4; i++)
#pragma unroll
            for (int j = 0; j < 4; j++)
                sums[i][j] = fmaf(a[i], b[j], sums[i][j]);
    }
}

// Z of one run.
struct mb_outer_product {
    int32_t rows, p, q, r, width; // width: P*Q*R
    mb_divider by_q, by_r;
    const float *a, *v, *l;
    mb_mask mask; // stored: (B, P*Q*R)

    // The mask factors in row b of the columns of counter c, in the group at `first`. Those of
    // columns beyond the last are not used.
    __device__ void factors(int32_t b, int32_t first, int32_t c,
                            float (&values)[MB_OUTER_EACH]) const {
        bool random = mask.mode == MB_DROPOUT_RANDOM && mask.threshold > 0;
        int64_t groups = ((int64_t)width + MB_OUTER_GROUP - 1) / MB_OUTER_GROUP;
        int64_t group = b * groups + first / MB_OUTER_GROUP;
        uint32_t bits =
            random ? mb_mask_bits(mask, (uint64_t)(group * MB_OUTER_COUNTERS + c)) : 0xFFFFFFFFu;
        float kept = random ? mask.scale : 1.0f;
#pragma unroll
        for (int n = 0; n < MB_OUTER_EACH; n++) {
            int32_t column = first + n * MB_OUTER_COUNTERS + c;
            values[n] = (bits >> n & 1u) != 0 ? kept : 0.0f;
            if (mask.mode == MB_DROPOUT_STORED && column < width)
                values[n] = mask.stored[(int64_t)b * width + column] * mask.scale;
        }
    }
    // Z of the same columns; 0 for rows that are not valid and for columns from `end` on.
    __device__ void make(int32_t b, int32_t first, int32_t end, int32_t c,
                         float (&z)[MB_OUTER_EACH]) const {
        int32_t column = first + c, pairs = by_r.quotient(column);
        int32_t i = by_q.quotient(pairs), j = pairs - i * q, k = column - pairs * r;
        float pair = 0.0f;
        if (b < rows)
            factors(b, first, c, z);
#pragma unroll
        for (int n = 0; n < MB_OUTER_EACH; n++, column += MB_OUTER_COUNTERS) {
            bool inside = b < rows && column < end;
            if (inside && (n == 0 || k < MB_OUTER_COUNTERS)) // else the pair has not changed
                pair = a[b * p + i] * v[b * q + j];
            z[n] = inside ? pair * l[b * r + k] * z[n] : 0.0f;
            for (k += MB_OUTER_COUNTERS; k >= r; k -= r)
                if (++j == q) {
                    j = 0;
                    i++;
                }
        }
    }
    // Z without its mask, for row b and four columns from `column` on; 0 from column `end` on.
    __device__ void make_four(int32_t b, int32_t column, int32_t end, float (&z)[4]) const {
        int32_t pairs = by_r.quotient(column), i = by_q.quotient(pairs);
        int32_t j = pairs - i * q, k = column - pairs * r;
        float pair = a[b * p + i] * v[b * q + j];
#pragma unroll
        for (int n = 0; n < 4; n++) {
            z[n] = column + n < end ? pair * l[b * r + k] : 0.0f;
            if (++k == r && column + n + 1 < end) {
                k = 0;
                i += j + 1 == q;
                j = j + 1 == q ? 0 : j + 1;
                pair = a[b * p + i] * v[b * q + j];
            }
        }
    }
};

// The argument of kernels; begin() finds Z of one run.
struct mb_outer {
    mb_tables tables;
    mb_view factors[3]; // a, v, l
    mb_dropout_setting dropout;
    mb_divider by_q, by_r;
    int32_t p, width;

    // Returns false if the run has no rows.
    __device__ bool begin(int32_t run, mb_outer_product &z) const {
        z.rows = tables.rows[run];
        z.p = p;
        z.q = by_q.by;
        z.r = by_r.by;
        z.width = width;
        z.by_q = by_q;
        z.by_r = by_r;
        z.a = mb_at(factors[0], run);
        z.v = mb_at(factors[1], run);
        z.l = mb_at(factors[2], run);
        z.mask = mb_mask_of(tables, run, dropout);
        return z.rows > 0;
    }
};

// The factors a, v, l are inputs first, first + 1 and first + 2.
inline mb_outer mb_outer_of(const mb_cuda_call *call, int32_t first) {
    mb_outer z = {};
    z.tables = call->tables;
    for (int n = 0; n < 3; n++)
        z.factors[n] = call->inputs[first + n];
    z.dropout = call->op->params.dropout;
    z.p = mb_view_width(z.factors[0]);
    z.by_q = mb_divider_of(mb_view_width(z.factors[1]));
    z.by_r = mb_divider_of(mb_view_width(z.factors[2]));
    z.width = z.p * z.by_q.by * z.by_r.by;
    return z;
}

#endif
