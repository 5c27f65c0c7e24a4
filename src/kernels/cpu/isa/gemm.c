// C (M, N) (+)= A (M, K) B (K, N).
//
// Reference: c[i][j] = sum over k of a[i][k] * b[k][j]. Fast version: tiles of C stay in registers
// over a block of K; A is packed so that a tile reads it in order, and a panel of B where more than
// one tile reads it. Sums run over k in blocks of BLOCK_K, which are added to C one by one,
// whatever M and N are.
//
// No library is asked: code that is generated for the processor at hand may sum in another order on
// the next one. libxsmm's is a twentieth faster in plain products of 32 rows (measured on one core
// with AVX-512); it takes no transposed operands, which two of three products here have.
#include "cpu/isa/gemm.h"

#include "cpu/isa/transpose.h"

// A panel of B stays in L1, the block of A in L2. ROW keeps the rows of the block out of each
// other's cache sets.
enum { BLOCK_K = 128, BLOCK_M = 192, ROW = BLOCK_K + 16, PACK_M = 64 };

typedef struct tile {
    mb_vector sums[MB_TILE_ROWS][2];
} tile;

// Element (i, p) of the block of A is a[i * row + p * step]; b: k rows, `ldb` apart.
MB_INLINE tile tile_product(int32_t k, const float *a, int64_t row, int32_t step, const float *b,
                            int64_t ldb) {
    tile t = {0};
    for (int32_t p = 0; p < k; p++, a += step, b += ldb) {
        mb_vector b0 = mb_load(b), b1 = mb_load(b + MB_LANES);
#pragma GCC unroll 8
        for (int i = 0; i < MB_TILE_ROWS; i++) {
            t.sums[i][0] += a[i * row] * b0;
            t.sums[i][1] += a[i * row] * b1;
        }
    }
    return t;
}

// Rows [0, rows) x columns [0, columns) of the tile go to C.
static void tile_store(const tile *t, int32_t rows, int32_t columns, float *c, int64_t ldc,
                       int accumulate) {
    if (columns == MB_TILE_COLUMNS) {
        for (int32_t i = 0; i < rows; i++, c += ldc) {
            mb_vector c0 = t->sums[i][0], c1 = t->sums[i][1];
            if (accumulate) {
                c0 += mb_load(c);
                c1 += mb_load(c + MB_LANES);
            }
            mb_store(c, c0);
            mb_store(c + MB_LANES, c1);
        }
        return;
    }
    for (int32_t i = 0; i < rows; i++, c += ldc) {
        float row[MB_TILE_COLUMNS];
        memcpy(row, t->sums[i], sizeof row);
        for (int32_t j = 0; j < columns; j++)
            c[j] = accumulate ? c[j] + row[j] : row[j];
    }
}

// Copies a block of A so that tiles read it in order; missing rows of the last tile become zeros. A
// transposed operand (contiguous along m) is laid out k by k in groups of MB_TILE_ROWS, any other
// row by row, ROW floats apart.
static void pack_a(int32_t m, int32_t k, mb_matrix a, float *packed) {
    int32_t whole = (m + MB_TILE_ROWS - 1) / MB_TILE_ROWS * MB_TILE_ROWS;
    if (a.row != 1) {
        for (int32_t i = 0; i < m; i++)
            if (a.column == 1)
                memcpy(packed + i * ROW, a.values + i * a.row, (size_t)k * sizeof *packed);
            else
                for (int32_t p = 0; p < k; p++)
                    packed[i * ROW + p] = a.values[i * a.row + p * a.column];
        for (int32_t i = m; i < whole; i++)
            memset(packed + i * ROW, 0, (size_t)k * sizeof *packed);
        return;
    }
    enum { AHEAD = 8 };
    for (int32_t p = 0; p < k; p++) {
        const float *from = a.values + p * a.column;
        for (int32_t i = 0; i < m && p + AHEAD < k; i += 16)
            __builtin_prefetch(from + AHEAD * a.column + i);
        float *to = packed + p * MB_TILE_ROWS;
        int32_t i = 0;
        for (; i + MB_TILE_ROWS <= m; i += MB_TILE_ROWS, to += k * MB_TILE_ROWS)
            memcpy(to, from + i, MB_TILE_ROWS * sizeof *to);
        for (int32_t tail = 0; i < whole && tail < MB_TILE_ROWS; tail++)
            to[tail] = i + tail < m ? from[i + tail] : 0.0f;
    }
}

// to[j][i] = from[i][j] for at most LANES rows and columns of `from`.
MB_INLINE void turn(int32_t rows, int32_t columns, const float *from, int64_t row, int64_t column,
                    float *to, int64_t to_row) {
    if (rows == MB_LANES && columns == MB_LANES && column == 1) {
        mb_transpose(from, row, to, to_row);
        return;
    }
    for (int32_t j = 0; j < columns; j++)
        for (int32_t i = 0; i < rows; i++)
            to[j * to_row + i] = from[i * row + j * column];
}

// One panel of MB_TILE_COLUMNS columns, filled up with zeros.
static void pack_b(int32_t k, int32_t columns, mb_matrix b, float *packed) {
    if (columns < MB_TILE_COLUMNS)
        memset(packed, 0, (size_t)k * MB_TILE_COLUMNS * sizeof *packed);
    if (b.column == 1) {
        for (int32_t p = 0; p < k && columns == MB_TILE_COLUMNS; p++)
            memcpy(packed + p * MB_TILE_COLUMNS, b.values + p * b.row,
                   MB_TILE_COLUMNS * sizeof *packed);
        for (int32_t p = 0; p < k && columns < MB_TILE_COLUMNS; p++)
            for (int32_t j = 0; j < columns; j++)
                packed[p * MB_TILE_COLUMNS + j] = b.values[p * b.row + j];
        return;
    }
    for (int32_t p = 0; p < k; p += MB_LANES)
        for (int32_t j = 0; j < columns; j += MB_LANES)
            turn(mb_least(MB_LANES, columns - j), mb_least(MB_LANES, k - p),
                 b.values + p * b.row + j * b.column, b.column, b.row,
                 packed + p * MB_TILE_COLUMNS + j, MB_TILE_COLUMNS);
}

// Fetches a panel of B into L2; its rows lie apart, which no processor foresees.
MB_INLINE void fetch_panel(int32_t k, mb_matrix b) {
    for (int32_t p = 0; b.column == 1 && p < k; p++) {
        __builtin_prefetch(b.values + p * b.row, 0, 2);
        __builtin_prefetch(b.values + p * b.row + MB_TILE_COLUMNS - 1, 0, 2);
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
MB_INLINE tile block_tile(const left_block *a, int32_t i, int32_t k, const float *b, int64_t ldb) {
    if (a->layout == PACKED_TILES)
        return tile_product(k, a->values + (int64_t)i * k, 1, MB_TILE_ROWS, b, ldb);
    if (a->layout == PACKED_ROWS)
        return tile_product(k, a->values + i * ROW, ROW, 1, b, ldb);
    return tile_product(k, a->values + i * a->row, a->row, 1, b, ldb);
}

// One block of K and M: all columns of C.
static void block_product(int32_t m, int32_t n, int32_t k, const left_block *a, mb_matrix b,
                          float *c, int64_t ldc, int accumulate) {
    _Alignas(64) float packed_b[BLOCK_K * MB_TILE_COLUMNS];
    for (int32_t j = 0; j < n; j += MB_TILE_COLUMNS) {
        int32_t columns = mb_least(MB_TILE_COLUMNS, n - j);
        mb_matrix panel = {b.values + j * b.column, b.row, b.column};
        if (j + MB_TILE_COLUMNS < n)
            fetch_panel(k, (mb_matrix){panel.values + MB_TILE_COLUMNS, b.row, b.column});
        if (columns < MB_TILE_COLUMNS || b.column != 1 || m > PACK_M) {
            pack_b(k, columns, panel, packed_b);
            panel = (mb_matrix){packed_b, MB_TILE_COLUMNS, 1};
        }
        for (int32_t i = 0; i < m; i += MB_TILE_ROWS) {
            tile t = block_tile(a, i, k, panel.values, panel.row);
            tile_store(&t, mb_least(MB_TILE_ROWS, m - i), columns, c + i * ldc + j, ldc,
                       accumulate);
        }
    }
}

static void product(int32_t m, int32_t n, int32_t k, mb_matrix a, mb_matrix b, float *c,
                    int64_t ldc, int accumulate) {
    _Alignas(64) float packed_a[(BLOCK_M + MB_TILE_ROWS) * ROW];
    if (k == 0 && !accumulate)
        for (int32_t i = 0; i < m; i++)
            memset(c + i * ldc, 0, (size_t)n * sizeof *c);
    for (int32_t p = 0; p < k; p += BLOCK_K) {
        int32_t depth = mb_least(BLOCK_K, k - p);
        for (int32_t i = 0; i < m; i += BLOCK_M) {
            int32_t height = mb_least(BLOCK_M, m - i);
            mb_matrix part_a = {a.values + i * a.row + p * a.column, a.row, a.column};
            mb_matrix part_b = {b.values + p * b.row, b.row, b.column};
            left_block packed = {packed_a, a.row == 1 ? PACKED_TILES : PACKED_ROWS, 0};
            // Whole tiles that few panels read are not worth it.
            if (a.column == 1 && n <= PACK_M && height % MB_TILE_ROWS == 0)
                packed = (left_block){part_a.values, AS_IT_LIES, a.row};
            else
                pack_a(height, depth, part_a, packed_a);
            block_product(height, n, depth, &packed, part_b, c + i * ldc, ldc, accumulate || p > 0);
        }
    }
}

// to (columns, rows) = the transpose of from (rows, columns), a square at a time.
static void turn_all(int32_t rows, int32_t columns, const float *from, int64_t row, float *to,
                     int64_t to_row) {
    for (int32_t i = 0; i < rows; i += MB_LANES)
        for (int32_t j = 0; j < columns; j += MB_LANES)
            turn(mb_least(MB_LANES, rows - i), mb_least(MB_LANES, columns - j), from + i * row + j,
                 row, 1, to + j * to_row + i, to_row);
}

// The same by way of C^T = B^T A^T, for few rows of A and a B that lies transposed: of the two it
// is A that is turned round then, and C.
static void turned_product(int32_t m, int32_t n, int32_t k, mb_matrix a, mb_matrix b, float *c,
                           int64_t ldc, int accumulate) {
    enum { WIDTH = 128 };
    _Alignas(64) float turned[WIDTH * PACK_M];
    for (int32_t j = 0; j < n; j += WIDTH) {
        int32_t columns = mb_least(WIDTH, n - j);
        if (accumulate)
            turn_all(m, columns, c + j, ldc, turned, m);
        product(columns, m, k, (mb_matrix){b.values + j * b.column, b.column, b.row},
                (mb_matrix){a.values, a.column, a.row}, turned, m, accumulate);
        turn_all(columns, m, turned, m, c + j, ldc);
    }
}

void MB_NAME(gemm)(int32_t m, int32_t n, int32_t k, mb_matrix a, mb_matrix b, float *c, int64_t ldc,
                   int accumulate) {
    if (b.column != 1 && b.row == 1 && m > MB_TILE_ROWS && m <= PACK_M)
        turned_product(m, n, k, a, b, c, ldc, accumulate);
    else
        product(m, n, k, a, b, c, ldc, accumulate);
}
