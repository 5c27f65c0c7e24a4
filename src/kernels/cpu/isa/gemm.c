// C (M, N) (+)= A (M, K) B (K, N).
//
// Reference: c[i][j] = sum over k of a[i][k] * b[k][j]. Fast version: tiles of C stay in registers
// over a block of K; A is packed so that a tile reads it in order, and a panel of B where more than
// one tile reads it. The sum over k is split into blocks of MB_BLOCK_K, which are added to C one by
// one; this order does not depend on M and N.
//
// No library is used, because code that is generated for one processor may sum in another order on
// the next. libxsmm is 5% faster in plain products of 32 rows (measured on one core with AVX-512),
// but it accepts no transposed operands, which two of three products here have.
#include "cpu/isa/gemm.h"

#include "cpu/isa/pack.h"

// A panel of B stays in L1; a block of A and the columns of C that it adds to stay in L2.
enum { BLOCK_M = 192, BLOCK_N = 512, PACK_M = 64 };

// Where a tile is stored in C: of its elements, rows [first, end) x columns [0, columns).
typedef struct target {
    float *values;
    int64_t row;
    int32_t first, end, columns;
    int accumulate;
} target;

// Stores row i of the tile. `some`: columns of the last vector, MB_LANES if it is whole.
MB_INLINE void store_row(const target *c, int i, int vectors, int32_t some, const mb_vector *sums) {
    float *to = c->values + i * c->row;
    for (int v = 0; v < vectors; v++) {
        int whole = v + 1 < vectors || some == MB_LANES;
        mb_vector sum = sums[v];
        if (c->accumulate)
            sum += whole ? mb_load(to + v * MB_LANES) : mb_load_some(to + v * MB_LANES, some);
        if (whole)
            mb_store(to + v * MB_LANES, sum);
        else
            mb_store_some(to + v * MB_LANES, sum, some);
    }
}

// One tile of C. Element (i, p) of A is a[i * row + p * step]; b has k rows of `vectors` vectors,
// `ldb` floats apart.
MB_INLINE void tile_product(int vectors, int32_t k, const float *a, int64_t row, int64_t step,
                            const float *b, int64_t ldb, const target *c) {
    mb_vector sums[MB_TILE_ROWS][2] = {0};
#pragma GCC unroll 8
    for (int i = 0; i < MB_TILE_ROWS; i++)
        for (int v = 0; v < vectors; v++)
            __builtin_prefetch(c->values + i * c->row + v * MB_LANES, 1);
    for (int32_t p = 0; p < k; p++, a += step, b += ldb) {
        mb_vector b0 = mb_load(b), b1 = vectors == 2 ? mb_load(b + MB_LANES) : b0;
#pragma GCC unroll 8
        for (int i = 0; i < MB_TILE_ROWS; i++) {
            sums[i][0] += a[i * row] * b0;
            if (vectors == 2)
                sums[i][1] += a[i * row] * b1;
        }
    }
    int32_t some = c->columns - (vectors - 1) * MB_LANES;
    if (c->first == 0 && c->end == MB_TILE_ROWS && some == MB_LANES) {
#pragma GCC unroll 8
        for (int i = 0; i < MB_TILE_ROWS; i++)
            store_row(c, i, vectors, MB_LANES, sums[i]);
        return;
    }
#pragma GCC unroll 8
    for (int i = 0; i < MB_TILE_ROWS; i++)
        if (i >= c->first && i < c->end)
            store_row(c, i, vectors, some, sums[i]);
}

static mb_matrix submatrix(mb_matrix x, int32_t i, int32_t j) {
    return (mb_matrix){x.values + i * x.row + j * x.column, x.row, x.column};
}

// A block of A: packed, or read in place.
typedef enum layout { PACKED_ROWS, PACKED_TILES, IN_PLACE } layout;
typedef struct left_block {
    mb_matrix values; // the strides are used for IN_PLACE only
    layout layout;
} left_block;

// The tile that begins at row i of a block. Strides are passed as constants where possible.
MB_INLINE void layout_tile(int vectors, const left_block *a, int32_t i, int32_t k, const float *b,
                           int64_t ldb, const target *c) {
    const float *values = a->values.values;
    if (a->layout == PACKED_TILES)
        tile_product(vectors, k, values + (int64_t)i * k, 1, MB_TILE_ROWS, b, ldb, c);
    else if (a->layout == PACKED_ROWS)
        tile_product(vectors, k, values + i * MB_PACKED_ROW, MB_PACKED_ROW, 1, b, ldb, c);
    else if (a->values.column == 1)
        tile_product(vectors, k, values + i * a->values.row, a->values.row, 1, b, ldb, c);
    else
        tile_product(vectors, k, values + i, 1, a->values.column, b, ldb, c);
}

static void block_tile(const left_block *a, int32_t i, int32_t k, mb_matrix b, const target *c) {
    if (c->columns > MB_LANES)
        layout_tile(2, a, i, k, b.values, b.row, c);
    else
        layout_tile(1, a, i, k, b.values, b.row, c);
}

// The tile that begins at row i of a block of m rows. A block that is read in place has no padding
// after its last row. So its last tile begins earlier, and only the rows that were not computed
// before are stored.
static target target_of(const left_block *a, int32_t *i, int32_t m, float *c, int64_t ldc,
                        int32_t columns, int accumulate) {
    int32_t first = 0, end = mb_least(MB_TILE_ROWS, m - *i);
    if (a->layout == IN_PLACE && end < MB_TILE_ROWS) {
        first = MB_TILE_ROWS - end;
        end = MB_TILE_ROWS;
        *i = m - MB_TILE_ROWS;
    }
    return (target){c + *i * ldc, ldc, first, end, columns, accumulate};
}

// One block of K, M and N. Prefetches the next panel of B, and the block of A that follows
// (`after`).
static void block_product(int32_t m, int32_t n, int32_t k, const left_block *a, mb_matrix b,
                          float *c, int64_t ldc, int accumulate, mb_ahead *after) {
    _Alignas(64) float packed_b[MB_BLOCK_K * MB_TILE_COLUMNS];
    int32_t tiles = (m + MB_TILE_ROWS - 1) / MB_TILE_ROWS;
    int32_t panels = (n + MB_TILE_COLUMNS - 1) / MB_TILE_COLUMNS;
    int32_t share = after->rows / (tiles * panels) + 1;
    for (int32_t j = 0; j < n; j += MB_TILE_COLUMNS) {
        int32_t columns = mb_least(MB_TILE_COLUMNS, n - j), left = n - j - columns;
        mb_matrix panel = submatrix(b, 0, j);
        mb_ahead next = mb_ahead_of(left > 0 ? k : 0, mb_least(MB_TILE_COLUMNS, left),
                                    submatrix(panel, 0, columns), (mb_groups){0}, 0);
        int32_t next_share = next.rows / tiles + 1;
        if (columns % MB_LANES != 0 || b.column != 1 || m > PACK_M) {
            mb_pack_panel(k, columns, panel, packed_b);
            panel = (mb_matrix){packed_b, MB_TILE_COLUMNS, 1};
        }
        for (int32_t begin = 0; begin < m; begin += MB_TILE_ROWS) {
            int32_t i = begin;
            target t = target_of(a, &i, m, c + j, ldc, columns, accumulate);
            mb_fetch_rows(&next, next_share);
            mb_fetch_rows(after, share);
            block_tile(a, i, k, panel, &t);
        }
    }
}

// Packing a block of A pays only where many panels of B read it.
static int worth_packing(int32_t m, int32_t n, mb_matrix a) {
    if (m < MB_TILE_ROWS || (a.column != 1 && a.row != 1))
        return 1;
    return n > (a.column == 1 ? PACK_M : MB_TILE_COLUMNS);
}

// A, and the groups that its rows or columns are in.
typedef struct left {
    mb_matrix matrix;
    mb_groups groups;
    const int *stop; // of the product
} left;

// A block of M and N, over all of K. Its first row is row i of A.
static void deep_product(int32_t i, int32_t m, int32_t n, int32_t k, const left *a, mb_matrix b,
                         float *c, int64_t ldc, int accumulate) {
    _Alignas(64) float packed_a[(BLOCK_M + MB_TILE_ROWS) * MB_PACKED_ROW];
    int transposed = a->groups.skip != 0 ? a->groups.columns : a->matrix.row == 1;
    int packs = a->groups.skip != 0 || worth_packing(m, n, a->matrix);
    for (int32_t p = 0; p < k && !mb_stopped(a->stop); p += MB_BLOCK_K) {
        int32_t depth = mb_least(MB_BLOCK_K, k - p), rest = k - p - depth;
        left_block block = {submatrix(a->matrix, i, p), IN_PLACE};
        if (packs) {
            mb_pack_left(m, depth, block.values, transposed, a->groups, transposed ? p : i,
                         packed_a);
            block.values.values = packed_a;
            block.layout = transposed ? PACKED_TILES : PACKED_ROWS;
        }
        mb_ahead after =
            mb_ahead_of(rest > 0 ? m : 0, mb_least(MB_BLOCK_K, rest),
                        submatrix(a->matrix, i, p + depth), a->groups, transposed ? p + depth : i);
        block_product(m, n, depth, &block, submatrix(b, p, 0), c, ldc, accumulate || p > 0, &after);
    }
}

static void product(int32_t m, int32_t n, int32_t k, left a, mb_matrix b, float *c, int64_t ldc,
                    int accumulate) {
    if (k == 0 && !accumulate)
        for (int32_t i = 0; i < m; i++)
            memset(c + i * ldc, 0, (size_t)n * sizeof *c);
    for (int32_t j = 0; j < n; j += BLOCK_N)
        for (int32_t i = 0; i < m; i += BLOCK_M)
            deep_product(i, mb_least(BLOCK_M, m - i), mb_least(BLOCK_N, n - j), k, &a,
                         submatrix(b, 0, j), c + i * ldc + j, ldc, accumulate);
}

// Stores the transpose of a block (rows, columns) in C (columns, rows).
static void transpose_back(int32_t rows, int32_t columns, const float *from, int64_t row, float *c,
                           int64_t ldc) {
    _Alignas(64) float block[MB_LANES * MB_LANES];
    mb_transpose_padded(rows, columns, from, row, 1, block, MB_LANES);
    for (int32_t i = 0; i < columns; i++)
        mb_store_some(c + i * ldc, mb_load(block + i * MB_LANES), rows);
}

// The same product, computed as C^T = B^T A^T. For a transposed B and an A of few rows it is
// cheaper to transpose A and C than B.
static void transposed_product(const int *stop, int32_t m, int32_t n, int32_t k, mb_matrix a,
                               mb_matrix b, float *c, int64_t ldc, int accumulate) {
    enum { WIDTH = 128 };
    _Alignas(64) float transposed[WIDTH * PACK_M];
    int32_t row = (m + MB_LANES - 1) / MB_LANES * MB_LANES;
    for (int32_t j = 0; j < n; j += WIDTH) {
        int32_t columns = mb_least(WIDTH, n - j);
        left b_transposed = {{b.values + j * b.column, b.column, b.row}, {0}, stop};
        for (int32_t i = 0; accumulate && i < m; i += MB_LANES)
            for (int32_t q = 0; q < columns; q += MB_LANES)
                mb_transpose_padded(mb_least(MB_LANES, m - i), mb_least(MB_LANES, columns - q),
                                    c + i * ldc + j + q, ldc, 1, transposed + q * row + i, row);
        product(columns, m, k, b_transposed, (mb_matrix){a.values, a.column, a.row}, transposed,
                row, accumulate);
        for (int32_t i = 0; i < m; i += MB_LANES)
            for (int32_t q = 0; q < columns; q += MB_LANES)
                transpose_back(mb_least(MB_LANES, columns - q), mb_least(MB_LANES, m - i),
                               transposed + q * row + i, row, c + i * ldc + j + q, ldc);
    }
}

void MB_NAME(gemm)(const int *stop, int32_t m, int32_t n, int32_t k, mb_matrix a, mb_matrix b,
                   float *c, int64_t ldc, int accumulate) {
    // Transposing a small B costs no more than transposing A and C.
    int small = k <= MB_BLOCK_K && n <= 2 * m;
    if (b.column != 1 && b.row == 1 && m > MB_TILE_ROWS && m <= PACK_M && !small)
        transposed_product(stop, m, n, k, a, b, c, ldc, accumulate);
    else
        product(m, n, k, (left){a, {0}, stop}, b, c, ldc, accumulate);
}

void MB_NAME(gemm_of_groups)(const int *stop, int32_t m, int32_t n, int32_t k, mb_matrix a,
                             mb_groups groups, mb_matrix b, float *c, int64_t ldc, int accumulate) {
    product(m, n, k, (left){a, groups, stop}, b, c, ldc, accumulate);
}
