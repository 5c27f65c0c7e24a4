// C (M, N) (+)= A (M, K) B (K, N).
//
// Reference: c[i][j] = sum over k of a[i][k] * b[k][j]. Fast version: tiles of C stay in registers
// over a block of K; A is packed so that a tile reads it in order, and a panel of B where more than
// one tile reads it. Sums run over k in blocks of BLOCK_K, whatever M and N are; what is
// added to C is added block by block, or at once where the product is turned round.
//
// No library is asked: code that is generated for the processor at hand may sum in another order on
// the next one. libxsmm's is a twentieth faster in plain products of 32 rows (measured on one core
// with AVX-512); it takes no transposed operands, which two of three products here have.
#include "cpu/isa/gemm.h"

#include "cpu/isa/pack.h"

// A panel of B stays in L1; the block of A and the columns of C that meet it stay in L2.
enum { BLOCK_M = 192, BLOCK_N = 512, PACK_M = 64 };

// Where a tile goes: rows [0, rows) x columns [0, columns) of it.
typedef struct target {
    float *values;
    int64_t row;
    int32_t rows, columns;
    int accumulate;
} target;

static void store_part(mb_vector sums[MB_TILE_ROWS][2], const target *c) {
    for (int32_t i = 0; i < c->rows; i++) {
        float *to = c->values + i * c->row, row[MB_TILE_COLUMNS];
        memcpy(row, sums[i], sizeof row);
        for (int32_t j = 0; j < c->columns; j++)
            to[j] = c->accumulate ? to[j] + row[j] : row[j];
    }
}

// Element (i, p) of the block of A is a[i * row + p * step]; b: k rows, `ldb` apart.
MB_INLINE void tile_product(int32_t k, const float *a, int64_t row, int32_t step, const float *b,
                            int64_t ldb, const target *c) {
    mb_vector sums[MB_TILE_ROWS][2] = {0};
#pragma GCC unroll 8
    for (int i = 0; i < MB_TILE_ROWS; i++) {
        int32_t r = mb_least(i, c->rows - 1);
        __builtin_prefetch(c->values + r * c->row, 1);
        __builtin_prefetch(c->values + r * c->row + c->columns - 1, 1);
    }
    for (int32_t p = 0; p < k; p++, a += step, b += ldb) {
        mb_vector b0 = mb_load(b), b1 = mb_load(b + MB_LANES);
#pragma GCC unroll 8
        for (int i = 0; i < MB_TILE_ROWS; i++) {
            sums[i][0] += a[i * row] * b0;
            sums[i][1] += a[i * row] * b1;
        }
    }
    if (c->rows < MB_TILE_ROWS || c->columns < MB_TILE_COLUMNS) {
        mb_vector copy[MB_TILE_ROWS][2]; // `sums` itself never leaves the registers
#pragma GCC unroll 8
        for (int i = 0; i < MB_TILE_ROWS; i++) {
            copy[i][0] = sums[i][0];
            copy[i][1] = sums[i][1];
        }
        store_part(copy, c);
        return;
    }
    float *to = c->values;
    if (c->accumulate)
#pragma GCC unroll 8
        for (int i = 0; i < MB_TILE_ROWS; i++) {
            sums[i][0] += mb_load(to + i * c->row);
            sums[i][1] += mb_load(to + i * c->row + MB_LANES);
        }
#pragma GCC unroll 8
    for (int i = 0; i < MB_TILE_ROWS; i++) {
        mb_store(to + i * c->row, sums[i][0]);
        mb_store(to + i * c->row + MB_LANES, sums[i][1]);
    }
}

// A block of A: packed, or as it lies.
typedef enum layout { PACKED_ROWS, PACKED_TILES, AS_IT_LIES } layout;
typedef struct left_block {
    const float *values;
    layout layout;
    int64_t row; // where it was left as it lies
} left_block;

// Tile of rows i ... of a block; the strides are constants where they can be.
MB_INLINE void block_tile(const left_block *a, int32_t i, int32_t k, const float *b, int64_t ldb,
                          const target *c) {
    if (a->layout == PACKED_TILES)
        tile_product(k, a->values + (int64_t)i * k, 1, MB_TILE_ROWS, b, ldb, c);
    else if (a->layout == PACKED_ROWS)
        tile_product(k, a->values + i * MB_PACKED_ROW, MB_PACKED_ROW, 1, b, ldb, c);
    else
        tile_product(k, a->values + i * a->row, a->row, 1, b, ldb, c);
}

// One block of K, M and N. Fetches the panels of B in turn, and what comes after the block.
static void block_product(int32_t m, int32_t n, int32_t k, const left_block *a, mb_matrix b,
                          float *c, int64_t ldc, int accumulate, mb_ahead *after) {
    _Alignas(64) float packed_b[MB_BLOCK_K * MB_TILE_COLUMNS];
    int32_t tiles = (m + MB_TILE_ROWS - 1) / MB_TILE_ROWS;
    int32_t panels = (n + MB_TILE_COLUMNS - 1) / MB_TILE_COLUMNS;
    int32_t share = after->rows / (tiles * panels) + 1;
    for (int32_t j = 0; j < n; j += MB_TILE_COLUMNS) {
        int32_t columns = mb_least(MB_TILE_COLUMNS, n - j), left = n - j - columns;
        mb_matrix panel = {b.values + j * b.column, b.row, b.column};
        mb_ahead next =
            mb_ahead_of(left > 0 ? k : 0, mb_least(MB_TILE_COLUMNS, left),
                        (mb_matrix){panel.values + columns * b.column, b.row, b.column});
        int32_t next_share = next.rows / tiles + 1;
        if (columns < MB_TILE_COLUMNS || b.column != 1 || m > PACK_M) {
            mb_pack_panel(k, columns, panel, packed_b);
            panel = (mb_matrix){packed_b, MB_TILE_COLUMNS, 1};
        }
        for (int32_t i = 0; i < m; i += MB_TILE_ROWS) {
            target t = {c + i * ldc + j, ldc, mb_least(MB_TILE_ROWS, m - i), columns, accumulate};
            mb_fetch_rows(&next, next_share);
            mb_fetch_rows(after, share);
            block_tile(a, i, k, panel.values, panel.row, &t);
        }
    }
}

static mb_matrix part_of(mb_matrix x, int32_t i, int32_t j) {
    return (mb_matrix){x.values + i * x.row + j * x.column, x.row, x.column};
}

// All of K for a block of M and N.
static void deep_product(int32_t m, int32_t n, int32_t k, mb_matrix a, mb_matrix b, float *c,
                         int64_t ldc, int accumulate) {
    _Alignas(64) float packed_a[(BLOCK_M + MB_TILE_ROWS) * MB_PACKED_ROW];
    for (int32_t p = 0; p < k; p += MB_BLOCK_K) {
        int32_t depth = mb_least(MB_BLOCK_K, k - p), left = k - p - depth;
        mb_matrix part_a = part_of(a, 0, p);
        mb_ahead after =
            mb_ahead_of(left > 0 ? m : 0, mb_least(MB_BLOCK_K, left), part_of(a, 0, p + depth));
        left_block block = {packed_a, a.row == 1 ? PACKED_TILES : PACKED_ROWS, 0};
        // Whole tiles that few panels read are not worth it.
        if (a.column == 1 && n <= PACK_M && m % MB_TILE_ROWS == 0)
            block = (left_block){part_a.values, AS_IT_LIES, a.row};
        else
            mb_pack_left(m, depth, part_a, packed_a);
        block_product(m, n, depth, &block, part_of(b, p, 0), c, ldc, accumulate || p > 0, &after);
    }
}

static void product(int32_t m, int32_t n, int32_t k, mb_matrix a, mb_matrix b, float *c,
                    int64_t ldc, int accumulate) {
    if (k == 0 && !accumulate)
        for (int32_t i = 0; i < m; i++)
            memset(c + i * ldc, 0, (size_t)n * sizeof *c);
    for (int32_t j = 0; j < n; j += BLOCK_N)
        for (int32_t i = 0; i < m; i += BLOCK_M)
            deep_product(mb_least(BLOCK_M, m - i), mb_least(BLOCK_N, n - j), k, part_of(a, i, 0),
                         part_of(b, 0, j), c + i * ldc + j, ldc, accumulate);
}

// C (columns, rows) (+)= the transpose of a block (rows, columns).
static void turn_back(int32_t rows, int32_t columns, const float *from, int64_t row, float *c,
                      int64_t ldc, int accumulate) {
    float block[MB_LANES * MB_LANES];
    mb_turn(rows, columns, from, row, 1, block, MB_LANES);
    for (int32_t i = 0; i < columns; i++, c += ldc)
        for (int32_t j = 0; j < rows; j++)
            c[j] = accumulate ? c[j] + block[i * MB_LANES + j] : block[i * MB_LANES + j];
}

// The same by way of C^T = B^T A^T, for few rows of A and a B that lies transposed: of the two it
// is A that is turned round then, and C.
static void turned_product(int32_t m, int32_t n, int32_t k, mb_matrix a, mb_matrix b, float *c,
                           int64_t ldc, int accumulate) {
    enum { WIDTH = 128 };
    _Alignas(64) float turned[WIDTH * PACK_M];
    for (int32_t j = 0; j < n; j += WIDTH) {
        int32_t columns = n - j < WIDTH ? n - j : WIDTH;
        product(columns, m, k, (mb_matrix){b.values + j * b.column, b.column, b.row},
                (mb_matrix){a.values, a.column, a.row}, turned, m, 0);
        for (int32_t i = 0; i < m; i += MB_LANES)
            for (int32_t q = 0; q < columns; q += MB_LANES)
                turn_back(mb_least(MB_LANES, columns - q), mb_least(MB_LANES, m - i),
                          turned + q * m + i, m, c + i * ldc + j + q, ldc, accumulate);
    }
}

void MB_NAME(gemm)(int32_t m, int32_t n, int32_t k, mb_matrix a, mb_matrix b, float *c, int64_t ldc,
                   int accumulate) {
    if (b.column != 1 && b.row == 1 && m > MB_TILE_ROWS && m <= PACK_M)
        turned_product(m, n, k, a, b, c, ldc, accumulate);
    else
        product(m, n, k, a, b, c, ldc, accumulate);
}
