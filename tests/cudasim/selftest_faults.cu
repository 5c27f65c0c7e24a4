// Faults of kernels that the simulator must find.
#include "selftest.h"

// Runs a kernel in a child process, which must abort with all of the texts on stderr.
#define EXPECT_DEATH(texts, ...)                                                                   \
    expect_death(                                                                                  \
        [&] {                                                                                      \
            MB_LAUNCH(__VA_ARGS__);                                                                \
            fprintf(stderr, "%s\n", cudaGetErrorName(cudaGetLastError()));                         \
        },                                                                                         \
        texts)
#define TEXTS(...) (std::initializer_list<const char *>{__VA_ARGS__})

// ---- barriers -----------------------------------------------------------------------------------

static __global__ void exited_kernel(int threads) {
    if ((int)threadIdx.x < threads)
        __syncthreads();
}

static __global__ void other_barrier_kernel() {
    if (threadIdx.y == 0)
        __syncthreads();
    else
        __syncthreads();
}

static __global__ void warp_and_barrier_kernel() {
    if (threadIdx.x < 7)
        __syncwarp();
    else
        __syncthreads();
}

static void test_divergent_barriers(void **) {
    for (const char *order : {"forward", "reverse", "shuffled"}) {
        use("CUDASIM_ORDER", order);
        EXPECT_DEATH(TEXTS("'exited_kernel'", "block (", "__syncthreads not reached by all threads",
                           "selftest_faults.cu:", "thread (0, 0, 0) and 15 others: at __sync",
                           "thread (16, 0, 0) and 47 others: ended"),
                     exited_kernel, 3, 64, 0, NULL, 16);
        EXPECT_DEATH(TEXTS("'other_barrier_kernel', block (", "thread (0, 0, 0) and 31 others: at",
                           "thread (0, 1, 0) and 31 others: at"),
                     other_barrier_kernel, dim3(1, 1, 2), dim3(32, 2), 0, NULL);
        EXPECT_DEATH(TEXTS("warp operation not reached by all lanes",
                           "(0, 0, 0) and 6 others: at a warp operation with mask 0xffffffff",
                           "(7, 0, 0) and 24 others: at __syncthreads"),
                     warp_and_barrier_kernel, 1, 32, 0, NULL);
    }
    MB_LAUNCH(exited_kernel, 3, 64, 0, NULL, 64);
    MB_LAUNCH(exited_kernel, 3, 64, 0, NULL, 0);
    assert_cuda(cudaSuccess, cudaGetLastError());
}

// ---- warps --------------------------------------------------------------------------------------

static __global__ void mask_kernel(unsigned mask, int lanes, int source, int width) {
    if ((int)threadIdx.x < lanes)
        __shfl_sync(mask, 1.0f, source, width);
}

static void test_masks(void **) {
    EXPECT_DEATH(TEXTS("the mask 0x0000ffff does not name the calling lane 16", "(16, 0, 0)"),
                 mask_kernel, 1, 32, 0, NULL, 0xFFFFu, 32, 0, 32);
    EXPECT_DEATH(TEXTS("not reached by all lanes of its mask", "(12, 0, 0) and 19 others: ended"),
                 mask_kernel, 1, 32, 0, NULL, 0xFFFFu, 12, 0, 32);
    EXPECT_DEATH(TEXTS("names lanes that the warp, of 8 threads, does not have", "(32, 0, 0)"),
                 mask_kernel, 1, 40, 0, NULL, ~0u, 40, 0, 32);
    EXPECT_DEATH(TEXTS("reads lane 3, which the mask 0x00000007 does not name"), mask_kernel, 1, 32,
                 0, NULL, 7u, 3, 3, 32);
    EXPECT_DEATH(TEXTS("power of two of at most 32, not 12"), mask_kernel, 1, 32, 0, NULL, ~0u, 32,
                 0, 12);
    MB_LAUNCH(mask_kernel, 1, 32, 0, NULL, 7u, 3, 2, 32);
    MB_LAUNCH(mask_kernel, 1, 8, 0, NULL, 0xFFu, 8, 2, 8);
    assert_cuda(cudaSuccess, cudaGetLastError());
}

static void test_outside_of_kernels(void **) {
    expect_death([] { __syncthreads(); }, {"__syncthreads outside of a kernel"});
}

// ---- memory -------------------------------------------------------------------------------------

static __global__ void dynamic_kernel(int write, float *out) {
    MB_DYNAMIC_SHARED(float, values);
    if (threadIdx.x == 0) {
        out[blockIdx.x] = values[0]; // NaN in every block
        values[write] = 1;
    }
}

static __global__ void static_kernel(int write, float *out) {
    __shared__ float values[10];
    float *flat = values; // avoids the compiler's own check of array bounds
    asm volatile("" : "+r"(flat));
    flat[write] = 1;
    *out = flat[0];
}

static __global__ void global_kernel(int write, float *out) {
    out[write] = 1;
}

static void test_out_of_bounds(void **) {
    device_array<float, 3> out;
    MB_LAUNCH(dynamic_kernel, 3, 32, 40, NULL, 9, out.device);
    MB_LAUNCH(static_kernel, 1, 1, 0, NULL, 9, out.device);
    MB_LAUNCH(global_kernel, 1, 1, 0, NULL, 2, out.device);
    assert_cuda(cudaSuccess, cudaGetLastError());
#ifdef SELFTEST_ASAN
    EXPECT_DEATH(TEXTS("AddressSanitizer: heap-buffer-overflow", "dynamic_kernel"), dynamic_kernel,
                 3, 32, 40, NULL, 10, out.device);
    EXPECT_DEATH(TEXTS("AddressSanitizer: global-buffer-overflow", "static_kernel"), static_kernel,
                 1, 1, 0, NULL, 10, out.device);
    EXPECT_DEATH(TEXTS("AddressSanitizer: heap-buffer-overflow", "global_kernel"), global_kernel, 1,
                 1, 0, NULL, 3, out.device);
    expect_death([&] { out.device[0] = 1; }, {"AddressSanitizer: use-after-poison"});
    float *freed;
    cudaMalloc(&freed, 4);
    cudaFree(freed);
    EXPECT_DEATH(TEXTS("AddressSanitizer: heap-use-after-free"), global_kernel, 1, 1, 0, NULL, 0,
                 freed);
#else
    print_message("out of bounds: seen by the build with AddressSanitizer only\n");
#endif
}

static void test_fresh_memory_is_nan(void **) {
    device_array<float, 3> out;
    for (int i = 0; i < 3; i++)
        assert_true(isnan(out.download()[i]));
    MB_LAUNCH(dynamic_kernel, 3, 32, 40, NULL, 0, out.device);
    for (int i = 0; i < 3; i++)
        assert_true(isnan(out.download()[i]));
    float *pinned;
    assert_cuda(cudaSuccess, cudaMallocHost(&pinned, 8));
    assert_true(isnan(pinned[1]));
    assert_cuda(cudaSuccess, cudaFreeHost(pinned));
}

// ---- asynchronous copies ------------------------------------------------------------------------

// Two groups of copies; the thread waits for all except the newest `open`.
template <int OPEN> static __global__ void copy_kernel(const float *in, float *out, int shift) {
    __shared__ __align__(16) float first[4], second[4];
    mb_async_copy<16>(first, in + shift);
    mb_async_commit();
    mb_async_copy<4>(second, in + 4);
    mb_async_copy<8>(second + 2, in + 6);
    mb_async_commit();
    if (OPEN >= 0)
        mb_async_wait<(OPEN > 0 ? OPEN : 0)>();
    out[0] = first[3];
    out[1] = second[0];
    out[2] = second[3];
}

static void test_asynchronous_copies(void **) {
    device_array<float, 16> in;
    device_array<float, 3> out;
    for (int i = 0; i < 16; i++)
        in.host[i] = (float)i;
    in.upload();
    MB_LAUNCH((copy_kernel<-1>), 1, 1, 0, NULL, in.device, out.device, 0);
    assert_true(isnan(out.download()[0]) && isnan(out.host[1]) && isnan(out.host[2]));
    MB_LAUNCH((copy_kernel<1>), 1, 1, 0, NULL, in.device, out.device, 8);
    assert_true(out.download()[0] == 11 && isnan(out.host[1]) && isnan(out.host[2]));
    MB_LAUNCH((copy_kernel<0>), 1, 1, 0, NULL, in.device, out.device, 4);
    assert_true(out.download()[0] == 7 && out.host[1] == 4 && out.host[2] == 7);
    EXPECT_DEATH(TEXTS("copy of 16 bytes", "not aligned", "thread (0, 0, 0)"), (copy_kernel<0>), 1,
                 1, 0, NULL, in.device, out.device, 1);
}

// ---- late copies --------------------------------------------------------------------------------

// Copies `count` floats from host memory, changes them, and waits as `wait` says.
enum late_wait { BEFORE, AFTER, EVENT_BEFORE, EVENT_TOO_EARLY };

static void copy_late(float *host, late_wait how) {
    float *device;
    cudaStream_t stream;
    cudaEvent_t event;
    cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
    cudaEventCreate(&event);
    cudaMalloc(&device, 8 * sizeof *host);
    if (how == EVENT_TOO_EARLY)
        cudaEventRecord(event, stream);
    cudaMemcpyAsync(device, host, 8 * sizeof *host, cudaMemcpyHostToDevice, stream);
    if (how == EVENT_BEFORE)
        cudaEventRecord(event, stream);
    if (how == BEFORE)
        cudaStreamSynchronize(stream);
    if (how == EVENT_BEFORE || how == EVENT_TOO_EARLY)
        cudaEventSynchronize(event);
    host[7] += 1;
    cudaStreamSynchronize(stream);
    cudaFree(device);
    cudaEventDestroy(event);
    cudaStreamDestroy(stream);
}

static void test_late_reads(void **) {
    float ordinary[8] = {1};
    float *locked;
    assert_cuda(cudaSuccess, cudaMallocHost(&locked, sizeof ordinary));
    memset(locked, 0, sizeof ordinary);
    for (float *host : {ordinary, locked}) {
        copy_late(host, BEFORE);
        copy_late(host, EVENT_BEFORE);
        for (late_wait how : {AFTER, EVENT_TOO_EARLY})
            expect_death([&] { copy_late(host, how); },
                         TEXTS("32 bytes of the host", "while a copy might still read them"));
    }
    expect_death(
        [&] {
            cudaStream_t stream;
            float *device;
            cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
            cudaMalloc(&device, sizeof ordinary);
            cudaMemcpyAsync(device, locked, sizeof ordinary, cudaMemcpyHostToDevice, stream);
            cudaFreeHost(locked);
        },
        TEXTS("page-locked memory", "is freed while a copy might still use it"));
    cudaFreeHost(locked);
}

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_divergent_barriers, use_defaults),
        cmocka_unit_test(test_masks),
        cmocka_unit_test(test_outside_of_kernels),
        cmocka_unit_test(test_out_of_bounds),
        cmocka_unit_test(test_fresh_memory_is_nan),
        cmocka_unit_test(test_asynchronous_copies),
        cmocka_unit_test(test_late_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
