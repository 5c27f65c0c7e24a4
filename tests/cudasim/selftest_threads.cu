// Threads, barriers and warps of the simulator: kernels have the right results in every order, and
// a kernel that lacks a barrier has different ones.
#include "selftest.h"

#include <time.h>

static const char *const ORDERS[] = {"forward",    "reverse",     "shuffled",
                                     "shuffled:7", "shuffled:99", "shuffled:12345678901"};

// ---- sums ---------------------------------------------------------------------------------------

template <class T> static __device__ T block_sum(T value) {
    __shared__ T sums[32];
    for (int distance = 16; distance > 0; distance /= 2)
        value += __shfl_down_sync(0xFFFFFFFFu, value, distance);
    __syncthreads();
    if (threadIdx.x % 32 == 0)
        sums[threadIdx.x / 32] = value;
    __syncthreads();
    if (threadIdx.x < 32) {
        value = threadIdx.x < blockDim.x / 32 ? sums[threadIdx.x] : 0;
        for (int distance = 16; distance > 0; distance /= 2)
            value += __shfl_xor_sync(0xFFFFFFFFu, value, distance);
        if (threadIdx.x == 0)
            sums[0] = value;
    }
    __syncthreads();
    return sums[0];
}

template <class T> static __global__ void sum_kernel(int count, T *out) {
    T total = 0;
    for (int pass = 0; pass < 3; pass++) {
        int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);
        total += block_sum(i < count ? (T)i : (T)0);
    }
    if (threadIdx.x == blockDim.x - 1)
        out[blockIdx.x] = total;
}

template <class T> static void check_sums(int threads) {
    enum { BLOCKS = 5 };
    for (const char *order : ORDERS) {
        use("CUDASIM_ORDER", order);
        device_array<T, BLOCKS> out;
        int count = BLOCKS * threads - 13;
        MB_LAUNCH((sum_kernel<T>), BLOCKS, threads, 0, NULL, count, out.device);
        double total = 0;
        for (int i = 0; i < BLOCKS; i++)
            total += (double)out.download()[i];
        assert_true(total == 3.0 * count * (count - 1) / 2);
    }
}

static void test_sums(void **) {
    for (int threads : {32, 96, 256, 1024}) {
        check_sums<int>(threads);
        check_sums<float>(threads);
        check_sums<double>(threads);
        check_sums<unsigned long long>(threads);
    }
}

// ---- indices ------------------------------------------------------------------------------------

static __global__ void count_kernel(int *seen) {
    unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    if (threadIdx.y == 1)
        __syncwarp(1u << thread % 32); // some threads wait, some never do
    atomicAdd(&seen[block * (blockDim.x * blockDim.y * blockDim.z) + thread], 1);
}

static void test_every_thread_runs_once(void **) {
    enum { COUNT = 3 * 4 * 2 * 5 * 3 * 2 };
    for (const char *order : ORDERS) {
        use("CUDASIM_ORDER", order);
        device_array<int, COUNT> seen;
        assert_cuda(cudaSuccess, cudaMemset(seen.device, 0, sizeof seen.host));
        MB_LAUNCH(count_kernel, dim3(3, 4, 2), dim3(5, 3, 2), 0, NULL, seen.device);
        seen.download();
        for (int i = 0; i < COUNT; i++)
            assert_int_equal(seen.host[i], 1);
    }
}

// ---- missing barriers ---------------------------------------------------------------------------

enum { THREADS = 128 };

template <bool FIRST, bool SECOND> static __global__ void rotate_kernel(int base, int *out) {
    __shared__ int values[THREADS];
    int me = (int)threadIdx.x, sum = 0;
    for (int i = 0; i < 4; i++) {
        values[me] = base + i * me;
        if (FIRST)
            __syncthreads();
        sum += values[(me + 17) % THREADS] + 3 * values[(me + 90) % THREADS];
        if (SECOND)
            __syncthreads();
    }
    out[me] = sum;
}

// The number of orders whose result differs from that of the first order.
template <bool FIRST, bool SECOND> static int differing_orders() {
    int differing = 0, first[THREADS];
    for (int i = 0; i < 6; i++) {
        use("CUDASIM_ORDER", ORDERS[i]);
        device_array<int, THREADS> out;
        MB_LAUNCH((rotate_kernel<FIRST, SECOND>), 1, THREADS, 0, NULL, 1000 * i, out.device);
        out.download();
        for (int j = 0; j < THREADS; j++)
            out.host[j] -= 16 * 1000 * i;
        if (i == 0)
            memcpy(first, out.host, sizeof first);
        differing += memcmp(first, out.host, sizeof first) != 0;
    }
    return differing;
}

static void test_missing_barriers_show(void **) {
    int both = differing_orders<true, true>(), second = differing_orders<false, true>();
    int first = differing_orders<true, false>(), none = differing_orders<false, false>();
    assert_int_equal(both, 0);
    assert_int_equal(second, 5);
    assert_int_equal(first, 5);
    assert_int_equal(none, 5);
}

static __global__ void warp_exchange_kernel(int *out, bool synchronize) {
    __shared__ int values[32];
    values[threadIdx.x] = 100 * (int)blockIdx.x + (int)threadIdx.x;
    if (synchronize)
        __syncwarp();
    out[blockIdx.x * 32 + threadIdx.x] = values[31 - threadIdx.x];
}

static void test_missing_syncwarp_shows(void **) {
    int right[2] = {0, 0};
    for (int synchronize = 0; synchronize < 2; synchronize++) {
        device_array<int, 128> out;
        MB_LAUNCH(warp_exchange_kernel, 4, 32, 0, NULL, out.device, synchronize != 0);
        out.download();
        for (int i = 0; i < 128; i++)
            right[synchronize] += out.host[i] == i / 32 * 100 + 31 - i % 32;
    }
    assert_int_equal(right[1], 128);
    assert_true(right[0] < 128);
}

// ---- warps --------------------------------------------------------------------------------------

static __global__ void shuffle_kernel(int width, int by, int *out) {
    int lane = (int)threadIdx.x, *mine = out + 4 * lane;
    mine[0] = __shfl_sync(0xFFFFFFFFu, lane, by, width);
    mine[1] = __shfl_up_sync(0xFFFFFFFFu, lane, (unsigned)by, width);
    mine[2] = __shfl_down_sync(0xFFFFFFFFu, lane, (unsigned)by, width);
    mine[3] = __shfl_xor_sync(0xFFFFFFFFu, lane, by, width);
}

// Results according to the CUDA programming guide and the PTX manual.
static void check_shuffles(int width, int by) {
    device_array<int, 128> out;
    MB_LAUNCH(shuffle_kernel, 1, 32, 0, NULL, width, by, out.device);
    out.download();
    for (int lane = 0; lane < 32; lane++) {
        int first = lane / width * width, within = lane - first;
        const int *mine = out.host + 4 * lane;
        assert_int_equal(mine[0], first + by % width);
        assert_int_equal(mine[1], within >= by ? lane - by : lane);
        assert_int_equal(mine[2], within + by < width ? lane + by : lane);
        assert_int_equal(mine[3], (lane ^ by) < first + width ? lane ^ by : lane);
    }
}

static void test_shuffles(void **) {
    for (const char *order : ORDERS) {
        use("CUDASIM_ORDER", order);
        for (int width = 1; width <= 32; width *= 2)
            for (int by : {0, 1, 3, 8, 16, 31})
                check_shuffles(width, by);
    }
}

// The halves of a warp diverge and converge again.
static __global__ void vote_kernel(unsigned *out) {
    int lane = (int)threadIdx.x;
    unsigned half = lane < 16 ? 0xFFFFu : 0xFFFF0000u, sum = 1;
    for (int i = 0; i < (lane < 16 ? 1 : 3); i++)
        sum += __shfl_xor_sync(half, sum, 1);
    unsigned *mine = out + 5 * lane;
    mine[0] = __ballot_sync(half, lane % 3 == 0);
    mine[1] = (unsigned)__any_sync(0xFFFFFFFFu, lane == 20);
    mine[2] = (unsigned)__all_sync(half, lane < 16);
    mine[3] = sum;
    mine[4] = (unsigned)__syncthreads_count(lane % 5 == 0);
}

static void test_votes_and_divided_warps(void **) {
    for (const char *order : ORDERS) {
        use("CUDASIM_ORDER", order);
        device_array<unsigned, 160> out;
        MB_LAUNCH(vote_kernel, 1, 32, 0, NULL, out.device);
        out.download();
        for (int lane = 0; lane < 32; lane++) {
            const unsigned *mine = out.host + 5 * lane;
            assert_int_equal(mine[0], 0x49249249u & (lane < 16 ? 0xFFFFu : 0xFFFF0000u));
            assert_int_equal(mine[1], 1);
            assert_int_equal(mine[2], lane < 16);
            assert_int_equal(mine[3], lane < 16 ? 2 : 8);
            assert_int_equal(mine[4], 7);
        }
    }
}

// ---- arithmetic ---------------------------------------------------------------------------------

static __global__ void arithmetic_kernel(float *out, int *counts) {
    out[0] = max(NAN, 2.0f);
    out[1] = rsqrtf(16.0f);
    out[2] = __uint_as_float(__float_as_uint(-3.5f) ^ 0x80000000u);
    out[3] = __fmaf_rn(1.0f + 0x1p-13f, 1.0f - 0x1p-13f, -1.0f);
    out[4] = __fadd_rn(__fmul_rn(1.0f + 0x1p-13f, 1.0f - 0x1p-13f), -1.0f);
    out[5] = (float)__umulhi(0x80000000u, 6u);
    out[6] = (float)(__popc(0xF0F0u) + 100 * __clz(1));
    out[7] = __ldg(out);
    atomicAdd(&out[8], 0.5f);
    atomicMax(&counts[0], (int)threadIdx.x);
    atomicMin(&counts[1], -(int)threadIdx.x);
    atomicAdd(&counts[2], 1);
}

static void test_arithmetic_and_atomics(void **) {
    device_array<float, 9> out;
    device_array<int, 3> counts;
    cudaMemset(out.device, 0, sizeof out.host);
    cudaMemset(counts.device, 0, sizeof counts.host);
    MB_LAUNCH(arithmetic_kernel, 2, 40, 0, NULL, out.device, counts.device);
    const float expected[] = {2, 0.25f, 3.5f, -0x1p-26f, 0, 3, 3108, 2, 40};
    for (int i = 0; i < 9; i++)
        assert_true(out.download()[i] == expected[i]);
    const int expected_counts[] = {39, -39, 80};
    assert_memory_equal(counts.download(), expected_counts, sizeof expected_counts);
}

// ---- cost, host threads -------------------------------------------------------------------------

static __global__ void barriers_kernel(int *out) {
    __shared__ int values[256];
    values[threadIdx.x] = 0;
    for (int i = 0; i < 100; i++) {
        __syncthreads();
        values[(threadIdx.x + i) % 256] += 1;
    }
    __syncthreads();
    out[threadIdx.x] = values[threadIdx.x];
}

static void test_a_barrier_is_cheap(void **) {
#if defined(__SANITIZE_THREAD__)
    const double most = 100; // ThreadSanitizer records every switch
#elif defined(SELFTEST_ASAN)
    const double most = 8;
#else
    const double most = 1;
#endif
    device_array<int, 256> out;
    clock_t start = clock(); // processor time, because the machine may be busy
    MB_LAUNCH(barriers_kernel, 100, 256, 0, NULL, out.device);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    for (int i = 0; i < 256; i++)
        assert_int_equal(out.download()[i], 100);
    print_message("2560000 switches: %.3f s\n", seconds);
    assert_true(seconds < most);
}

static void run_many(double *total) {
    *total = 0;
    float *out, host[3];
    cudaMalloc(&out, sizeof host);
    for (int i = 0; i < 50; i++) {
        MB_LAUNCH((sum_kernel<float>), 3, 96, 0, NULL, 200, out);
        cudaMemcpy(host, out, sizeof host, cudaMemcpyDeviceToHost);
        *total += host[0] + host[1] + host[2];
    }
    cudaFree(out);
}

static void test_host_threads(void **) {
    double totals[3];
    std::thread first(run_many, &totals[0]), second(run_many, &totals[1]);
    run_many(&totals[2]);
    first.join();
    second.join();
    for (double total : totals)
        assert_true(total == 50 * 3 * (199.0 * 200 / 2));
}

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_sums, use_defaults),
        cmocka_unit_test_teardown(test_every_thread_runs_once, use_defaults),
        cmocka_unit_test_teardown(test_missing_barriers_show, use_defaults),
        cmocka_unit_test(test_missing_syncwarp_shows),
        cmocka_unit_test_teardown(test_shuffles, use_defaults),
        cmocka_unit_test_teardown(test_votes_and_divided_warps, use_defaults),
        cmocka_unit_test(test_arithmetic_and_atomics),
        cmocka_unit_test(test_a_barrier_is_cheap),
        cmocka_unit_test(test_host_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
