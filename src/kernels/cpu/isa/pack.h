// Prepares the operands of a matrix product for its tiles: packing and prefetching.
#ifndef MB_KERNELS_CPU_PACK_H
#define MB_KERNELS_CPU_PACK_H

#include "cpu/isa/gemm.h"
#include "cpu/isa/transpose.h"

// A block of A has at most MB_BLOCK_K columns. Packed rows are MB_PACKED_ROW floats apart, so that
// they do not fall into the same cache sets.
enum { MB_BLOCK_K = 128, MB_PACKED_ROW = MB_BLOCK_K + 16 };

// Extra floats before row (or column) i of a matrix, from the gaps between groups.
MB_INLINE int64_t mb_group_offset(mb_groups groups, int32_t i) {
    return groups.skip == 0 ? 0 : i / groups.count * groups.skip;
}

// Copies a block of A so that tiles read it in order; rows missing from the last tile become zeros.
// `first`: number of the block's first row (or column) within the groups. A `transposed` operand
// (contiguous along m) is packed tile by tile, as k vectors of MB_TILE_ROWS floats each; any other
// is packed row by row, MB_PACKED_ROW floats apart.
static void mb_pack_left(int32_t m, int32_t k, mb_matrix a, int transposed, mb_groups groups,
                         int32_t first, float *packed) {
    int32_t whole = (m + MB_TILE_ROWS - 1) / MB_TILE_ROWS * MB_TILE_ROWS;
    if (!transposed) {
        for (int32_t i = 0; i < m; i++) {
            const float *from = a.values + i * a.row + mb_group_offset(groups, first + i);
            if (a.column == 1)
                memcpy(packed + i * MB_PACKED_ROW, from, (size_t)k * sizeof *packed);
            else
                for (int32_t p = 0; p < k; p++)
                    packed[i * MB_PACKED_ROW + p] = from[p * a.column];
        }
        for (int32_t i = m; i < whole; i++)
            memset(packed + i * MB_PACKED_ROW, 0, (size_t)k * sizeof *packed);
        return;
    }
    enum { AHEAD = 8 };
    for (int32_t p = 0; p < k; p++) {
        const float *from = a.values + p * a.column + mb_group_offset(groups, first + p);
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

// to[j][i] = from[i][j] for at most MB_LANES rows and columns of `from`; to[j] is padded with
// zeros.
MB_INLINE void mb_transpose_padded(int32_t rows, int32_t columns, const float *from, int64_t row,
                                   int64_t column, float *to, int64_t to_row) {
    if (rows == MB_LANES && columns == MB_LANES && column == 1) {
        mb_transpose(from, row, to, to_row);
        return;
    }
    if (column == 1) {
        mb_transpose_some(rows, columns, from, row, to, to_row);
        return;
    }
    for (int32_t j = 0; j < columns; j++)
        for (int32_t i = 0; i < MB_LANES; i++)
            to[j * to_row + i] = i < rows ? from[i * row + j * column] : 0.0f;
}

// Packs one panel of MB_TILE_COLUMNS columns of B, padded with zeros.
static void mb_pack_panel(int32_t k, int32_t columns, mb_matrix b, float *packed) {
    int32_t left = mb_least(columns, MB_LANES), right = columns - left;
    if (b.column == 1) {
        for (int32_t p = 0; p < k; p++) {
            const float *from = b.values + p * b.row;
            mb_store(packed + p * MB_TILE_COLUMNS, mb_load_some(from, left));
            mb_store(packed + p * MB_TILE_COLUMNS + MB_LANES, mb_load_some(from + left, right));
        }
        return;
    }
    for (int32_t p = 0; p < k; p += MB_LANES)
        for (int32_t half = 0; half < 2; half++)
            mb_transpose_padded(half == 0 ? left : right, mb_least(MB_LANES, k - p),
                                b.values + p * b.row + half * left * b.column, b.column, b.row,
                                packed + p * MB_TILE_COLUMNS + half * MB_LANES, MB_TILE_COLUMNS);
}

// A matrix (rows, width) with contiguous rows, which the product will need next and prefetches.
// Hardware prefetchers do not follow rows that are far apart. Rows are requested a few at a time,
// between tiles, because many requests at once would wait for each other.
typedef struct mb_ahead {
    const float *values;
    int64_t row;
    int32_t rows, lines; // 0 rows: nothing to prefetch; cache lines of a row
    int32_t next;        // the first row not yet requested
    mb_groups groups;
    int32_t first; // number of the first row within the groups
} mb_ahead;

MB_INLINE mb_ahead mb_ahead_of(int32_t rows, int32_t columns, mb_matrix matrix, mb_groups groups,
                               int32_t first) {
    enum { LINE = 16 };
    int transposed = matrix.column != 1;
    int32_t count = transposed ? columns : rows, width = transposed ? rows : columns;
    return (mb_ahead){matrix.values,
                      transposed ? matrix.column : matrix.row,
                      count,
                      (width + LINE - 1) / LINE,
                      0,
                      groups,
                      first};
}

// Prefetches the next rows into L2.
MB_INLINE void mb_fetch_rows(mb_ahead *ahead, int32_t rows) {
    int32_t end = mb_least(ahead->rows, ahead->next + rows);
    for (; ahead->next < end; ahead->next++) {
        const float *row = ahead->values + ahead->next * ahead->row +
                           mb_group_offset(ahead->groups, ahead->first + ahead->next);
        for (int32_t l = 0; l < ahead->lines; l++)
            __builtin_prefetch(row + l * 16, 0, 2);
    }
}

#endif
