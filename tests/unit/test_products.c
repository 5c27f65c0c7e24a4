// Matrix products of every instruction set against sums in double, at sizes around those of
// vectors, tiles and blocks; nothing beside C is written, nothing beside A and B is read.
#include "engine_support.h"

#define MB_ISA portable
#include "cpu/isa/gemm.h"

typedef void (*product)(const int *stop, int32_t m, int32_t n, int32_t k, mb_matrix a, mb_matrix b,
                        float *c, int64_t ldc, int accumulate);
typedef void (*group_product)(const int *stop, int32_t m, int32_t n, int32_t k, mb_matrix a,
                              mb_groups groups, mb_matrix b, float *c, int64_t ldc, int accumulate);

typedef struct isa {
    const char *name;
    product product;
    group_product of_groups;
} isa;

#if defined(__x86_64__)
void mb_cpu_gemm_avx2(const int *, int32_t, int32_t, int32_t, mb_matrix, mb_matrix, float *,
                      int64_t, int);
void mb_cpu_gemm_avx512(const int *, int32_t, int32_t, int32_t, mb_matrix, mb_matrix, float *,
                        int64_t, int);
void mb_cpu_gemm_of_groups_avx2(const int *, int32_t, int32_t, int32_t, mb_matrix, mb_groups,
                                mb_matrix, float *, int64_t, int);
void mb_cpu_gemm_of_groups_avx512(const int *, int32_t, int32_t, int32_t, mb_matrix, mb_groups,
                                  mb_matrix, float *, int64_t, int);
#endif

static const isa isas[] = {
#if defined(__x86_64__)
    {"avx512", mb_cpu_gemm_avx512, mb_cpu_gemm_of_groups_avx512},
    {"avx2", mb_cpu_gemm_avx2, mb_cpu_gemm_of_groups_avx2},
#endif
    {"portable", mb_cpu_gemm_portable, mb_cpu_gemm_of_groups_portable},
};

static bool available(const char *name) {
    mb_device *device;
    mb_error error;
    if (mb_cpu_open(name, &device, &error) != MB_OK)
        return false;
    device->backend->close(device);
    return true;
}

// Numbers in [-1, 1), no more room than they take, so that a sanitiser sees who reads behind them.
static float *numbers(int64_t count, uint32_t seed) {
    float *x = malloc((size_t)count * sizeof *x);
    for (int64_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (float)(seed >> 8) / 8388608.0f - 1.0f;
    }
    return x;
}

static mb_matrix layout(const float *values, int32_t rows, int32_t columns, bool transposed) {
    return transposed ? (mb_matrix){values, 1, rows} : (mb_matrix){values, columns, 1};
}

static const float *element(mb_matrix x, mb_groups groups, int32_t i, int32_t j) {
    int64_t group = groups.skip == 0 ? 0 : (groups.columns ? j : i) / groups.count;
    return x.values + i * x.row + j * x.column + group * groups.skip;
}

static void check_result(const char *name, int32_t m, int32_t n, int32_t k, mb_matrix a,
                         mb_groups groups, mb_matrix b, const float *c, float before, int64_t ldc) {
    for (int32_t i = 0; i < m; i++) {
        for (int32_t j = 0; j < n; j++) {
            double sum = (double)before;
            for (int32_t p = 0; p < k; p++)
                sum +=
                    (double)*element(a, groups, i, p) * (double)b.values[p * b.row + j * b.column];
            if (!(fabs((double)c[i * ldc + j] - sum) < 2e-6 * (k + 1)))
                fail_msg("%s, (%d, %d, %d): %g at (%d, %d), not %g", name, m, n, k,
                         (double)c[i * ldc + j], i, j, sum);
        }
        for (int64_t j = n; j < ldc; j++)
            assert_true(c[i * ldc + j] == 7.0f);
    }
}

static void check_product(const isa *set, int32_t m, int32_t n, int32_t k, int variant) {
    enum { GAP = 3 };
    bool accumulate = variant & 4;
    float *x = numbers((int64_t)m * k, 1), *y = numbers((int64_t)k * n, 2);
    int64_t ldc = n + GAP;
    float *c = malloc((size_t)(m * ldc) * sizeof *c);
    mb_matrix a = layout(x, m, k, variant & 1), b = layout(y, k, n, variant & 2);
    for (int64_t i = 0; i < m * ldc; i++)
        c[i] = i % ldc < n ? accumulate ? 0.5f : NAN : 7.0f;
    set->product(NULL, m, n, k, a, b, c, ldc, accumulate);
    check_result(set->name, m, n, k, a, (mb_groups){0}, b, c, accumulate ? 0.5f : 0.0f, ldc);
    free(c);
    free(x);
    free(y);
}

static void products_of_all_sizes(void **state) {
    (void)state;
    static const int32_t rows[] = {1, 7, 9, 18, 31, 65, 200}, widths[] = {1, 16, 18, 31, 33, 127};
    static const int32_t depths[] = {1, 16, 18, 127, 130};
    for (size_t s = 0; s < sizeof isas / sizeof *isas; s++)
        for (size_t i = 0; available(isas[s].name) && i < sizeof rows / sizeof *rows; i++)
            for (size_t j = 0; j < sizeof widths / sizeof *widths; j++)
                for (size_t p = 0; p < sizeof depths / sizeof *depths; p++)
                    for (int variant = 0; variant < 8; variant++)
                        check_product(&isas[s], rows[i], widths[j], depths[p], variant);
}

// More than a block of everything.
static void large_products(void **state) {
    (void)state;
    for (size_t s = 0; s < sizeof isas / sizeof *isas; s++)
        for (int variant = 0; available(isas[s].name) && variant < 8; variant++) {
            check_product(&isas[s], 203, 550, 261, variant);
            check_product(&isas[s], 33, 521, 257, variant);
        }
}

// The rows of C in two parts, `first` rows and the others: the same bits, whatever way is taken for
// so many rows.
static void check_parts(const isa *set, int32_t m, int32_t first, int variant) {
    enum { N = 67, K = 391 };
    bool accumulate = variant & 4;
    float *x = numbers((int64_t)m * K, 5), *y = numbers((int64_t)K * N, 6);
    float *whole = numbers((int64_t)m * N, 7), *parts = numbers((int64_t)m * N, 7);
    mb_matrix a = layout(x, m, K, variant & 1), b = layout(y, K, N, variant & 2);
    mb_matrix rest = {a.values + first * a.row, a.row, a.column};
    set->product(NULL, m, N, K, a, b, whole, N, accumulate);
    set->product(NULL, first, N, K, a, b, parts, N, accumulate);
    set->product(NULL, m - first, N, K, rest, b, parts + first * N, N, accumulate);
    assert_memory_equal(whole, parts, (size_t)m * N * sizeof *whole);
    free(x);
    free(y);
    free(whole);
    free(parts);
}

static void products_in_parts(void **state) {
    (void)state;
    for (size_t s = 0; s < sizeof isas / sizeof *isas; s++)
        for (int variant = 0; available(isas[s].name) && variant < 8; variant++) {
            check_parts(&isas[s], 32, 16, variant);
            check_parts(&isas[s], 32, 3, variant);
            check_parts(&isas[s], 100, 40, variant);
            check_parts(&isas[s], 300, 200, variant);
        }
}

// Windows of `width` steps in sequences of `steps`, as a convolution reads them.
static void check_windows(const isa *set, int32_t sequences, int32_t steps, int32_t inputs,
                          int32_t width, bool columns) {
    int32_t out_steps = steps - width + 1, windows = sequences * out_steps, depth = width * inputs;
    int32_t m = columns ? depth : windows, k = columns ? windows : depth, n = 19;
    float *x = numbers((int64_t)sequences * steps * inputs, 3), *y = numbers((int64_t)k * n, 4);
    float *c = malloc((size_t)m * (size_t)n * sizeof *c);
    mb_groups groups = {out_steps, (int64_t)(width - 1) * inputs, columns};
    mb_matrix a = columns ? (mb_matrix){x, 1, inputs} : (mb_matrix){x, inputs, 1};
    mb_matrix b = {y, n, 1};
    set->of_groups(NULL, m, n, k, a, groups, b, c, n, 0);
    check_result(set->name, m, n, k, a, groups, b, c, 0.0f, n);
    free(c);
    free(x);
    free(y);
}

static void products_of_windows(void **state) {
    (void)state;
    static const int32_t inputs[] = {1, 31, 127};
    for (size_t s = 0; s < sizeof isas / sizeof *isas; s++)
        for (size_t i = 0; available(isas[s].name) && i < sizeof inputs / sizeof *inputs; i++)
            for (int32_t width = 1; width <= 5; width += 2)
                for (int columns = 0; columns < 2; columns++) {
                    check_windows(&isas[s], 33, 20, inputs[i], width, columns);
                    check_windows(&isas[s], 3, 5, inputs[i], width, columns);
                }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_of_all_sizes),
        cmocka_unit_test(large_products),
        cmocka_unit_test(products_in_parts),
        cmocka_unit_test(products_of_windows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
