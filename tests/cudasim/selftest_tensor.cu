// The tensor cores of the simulator: rounding, the elements of each lane, sums, and faults.
#include "selftest.h"

#include "cuda/tensor.cuh"

static float tf32_of(float x) {
    return __uint_as_float(mb_tf32(x));
}

static void test_rounding(void **) {
    const float unit = 1.0f / 1024; // of the last place of numbers from 1 to 2
    assert_true(tf32_of(1.0f + unit) == 1.0f + unit);
    assert_true(tf32_of(1.0f + 0.49f * unit) == 1.0f);
    assert_true(tf32_of(1.0f + 0.51f * unit) == 1.0f + unit);
    assert_true(tf32_of(1.0f + 0.5f * unit) == 1.0f + unit); // ties go away from zero
    assert_true(tf32_of(-1.0f - 0.5f * unit) == -1.0f - unit);
    assert_true(tf32_of(1.0f + 1.5f * unit) == 1.0f + 2.0f * unit);
    assert_true(tf32_of(1.99999f) == 2.0f);
    assert_true(tf32_of(0.0f) == 0.0f && signbit(tf32_of(-0.0f)));
    assert_true(tf32_of(INFINITY) == INFINITY && tf32_of(-INFINITY) == -INFINITY);
    assert_true(tf32_of(3.4028235e38f) == INFINITY);
    assert_true(isnan(tf32_of(NAN)) && isnan(tf32_of(__uint_as_float(0x7F800001u))));
    assert_true(tf32_of(1e-41f) > 0.0f);
}

// ---- products -----------------------------------------------------------------------------------

enum { M = 16, N = 8, K = 8, WARPS = 3 };

// Operands are distributed as in tensor.cuh. There are several warps, each of which computes a
// product with its own C.
static __global__ void product_kernel(const float *a, const float *b, float *c) {
    int lane = (int)threadIdx.x % 32, g = lane / 4, t = lane % 4;
    float *own = c + threadIdx.x / 32 * (M * N);
    uint32_t rows[4], columns[2];
    float sums[4];
    for (int n = 0; n < 4; n++) {
        rows[n] = mb_tf32(a[(g + n % 2 * 8) * K + t + n / 2 * 4]);
        sums[n] = own[(g + n / 2 * 8) * N + 2 * t + n % 2];
    }
    for (int n = 0; n < 2; n++)
        columns[n] = mb_tf32(b[(t + n * 4) * N + g]);
    mb_tf32_product(rows, columns, sums);
    for (int n = 0; n < 4; n++)
        own[(g + n / 2 * 8) * N + 2 * t + n % 2] = sums[n];
}

// Whole numbers, so that sums are exact; different for every element.
static void test_layout(void **) {
    for (const char *order : {"forward", "reverse", "shuffled"}) {
        use("CUDASIM_ORDER", order);
        device_array<float, M * K> a;
        device_array<float, K * N> b;
        device_array<float, WARPS * M * N> c;
        for (int n = 0; n < M * K; n++)
            a.host[n] = (float)(n * 37 % 101 - 50);
        for (int n = 0; n < K * N; n++)
            b.host[n] = (float)(n * 29 % 67 - 33);
        for (int n = 0; n < WARPS * M * N; n++)
            c.host[n] = (float)n;
        a.upload();
        b.upload();
        c.upload();
        MB_LAUNCH(product_kernel, 1, WARPS * 32, 0, NULL, a.device, b.device, c.device);
        c.download();
        for (int n = 0; n < WARPS * M * N; n++) {
            int i = n % (M * N) / N, j = n % N;
            float expected = (float)n;
            for (int p = 0; p < K; p++)
                expected += a.host[i * K + p] * b.host[p * N + j];
            assert_true(c.host[n] == expected);
        }
    }
}

// Returns an element of C + A B where all elements of A, B and C are x, y and c: c + 8 x y.
static float product_of(float x, float y, float start) {
    device_array<float, M * K> a;
    device_array<float, K * N> b;
    device_array<float, M * N> c;
    for (int n = 0; n < M * K; n++)
        a.host[n] = x;
    for (int n = 0; n < K * N; n++)
        b.host[n] = y;
    for (int n = 0; n < M * N; n++)
        c.host[n] = start;
    a.upload();
    b.upload();
    c.upload();
    MB_LAUNCH(product_kernel, 1, 32, 0, NULL, a.device, b.device, c.device);
    c.download();
    for (int n = 1; n < M * N; n++)
        assert_memory_equal(&c.host[n], &c.host[0], sizeof c.host[0]);
    return c.host[0];
}

static void test_sums(void **) {
    const float most = 0.9f * 0x1p-23f; // of the last place of 1
    assert_true(product_of(1.0f, most / 8, 1.0f) == 1.0f);
    assert_true(product_of(-1.0f, most / 8, -1.0f) == -1.0f);
    assert_true(product_of(1.0f, 0x1p-26f, 1.0f) == 1.0f + 0x1p-23f);
    assert_true(product_of(1.0f + 0x1p-12f, 1.0f, 0.0f) == 8.0f); // operands are rounded
    assert_true(product_of(INFINITY, 2.0f, 1.0f) == INFINITY);
    assert_true(isnan(product_of(INFINITY, 0.0f, 1.0f)));
    assert_true(isnan(product_of(NAN, 1.0f, 1.0f)));
}

// ---- faults -------------------------------------------------------------------------------------

static __global__ void some_lanes_kernel(int lanes) {
    const uint32_t rows[4] = {}, columns[2] = {};
    float sums[4] = {};
    if ((int)threadIdx.x < lanes)
        mb_tf32_product(rows, columns, sums);
}

static __global__ void unrounded_kernel(float x) {
    const uint32_t rows[4] = {}, columns[2] = {0, __float_as_uint(x)};
    float sums[4] = {};
    mb_tf32_product(rows, columns, sums);
}

static void test_faults(void **) {
    expect_death([] { MB_LAUNCH(some_lanes_kernel, 1, 32, 0, NULL, 31); },
                 {"'some_lanes_kernel'", "not reached by all lanes of its mask"});
    expect_death([] { MB_LAUNCH(some_lanes_kernel, 1, 48, 0, NULL, 48); },
                 {"names lanes that the warp, of 16 threads, does not have", "(32, 0, 0)"});
    expect_death([] { MB_LAUNCH(unrounded_kernel, 1, 32, 0, NULL, 1.0f + 0x1p-11f); },
                 {"an operand of a tensor product, 0x3f801000, was not rounded to TF32"});
    expect_death(
        [] {
            const uint32_t rows[4] = {}, columns[2] = {};
            float sums[4] = {};
            mb_tf32_product(rows, columns, sums);
        },
        {"a tensor product outside of a kernel"});
    MB_LAUNCH(some_lanes_kernel, 1, 64, 0, NULL, 64);
    MB_LAUNCH(unrounded_kernel, 1, 32, 0, NULL, 1.5f);
    assert_cuda(cudaSuccess, cudaGetLastError());
}

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(test_rounding),
        cmocka_unit_test_teardown(test_layout, use_defaults),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
