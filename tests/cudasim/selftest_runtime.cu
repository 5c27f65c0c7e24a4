// The simulator's runtime API: limits, memory, capture, and devices that are missing, old or lost.
#include "selftest.h"

#include <dirent.h>

#include "cudasim/control.h"

static __global__ void add_kernel(float *values, int count, float addend) {
    int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    if (i < count)
        values[i] += addend;
}

static __global__ void shared_kernel(float *out) {
    MB_DYNAMIC_SHARED(float, values);
    values[0] = 1;
    *out = values[0];
}

// ---- limits -------------------------------------------------------------------------------------

static void check_launch(cudaError_t expected, dim3 grid, dim3 block, size_t shared_bytes) {
    device_array<float, 1> out;
    cudaMemset(out.device, 0, 4);
    MB_LAUNCH(shared_kernel, grid, block, shared_bytes, NULL, out.device);
    assert_cuda(expected, cudaPeekAtLastError());
    assert_cuda(expected, cudaGetLastError());
    assert_true(out.download()[0] == (expected == cudaSuccess ? 1 : 0));
}

static void test_limits(void **) {
    check_launch(cudaSuccess, 1, 1024, 4);
    check_launch(cudaSuccess, dim3(1, 1, 65535), 1, 4);
    check_launch(cudaErrorInvalidConfiguration, 1, 1025, 4);
    check_launch(cudaErrorInvalidConfiguration, 1, dim3(32, 33), 4);
    check_launch(cudaErrorInvalidConfiguration, 1, dim3(1, 1, 65), 4);
    check_launch(cudaErrorInvalidConfiguration, 1, 0, 4);
    check_launch(cudaErrorInvalidConfiguration, 0, 1, 4);
    check_launch(cudaErrorInvalidConfiguration, dim3(1, 65536), 1, 4);
    check_launch(cudaSuccess, 1, 1, 48 << 10);
    check_launch(cudaErrorInvalidValue, 1, 1, (48 << 10) + 1);
    cudaFuncAttribute most = cudaFuncAttributeMaxDynamicSharedMemorySize;
    assert_cuda(cudaErrorInvalidValue, cudaFuncSetAttribute(shared_kernel, most, (227 << 10) + 1));
    assert_cuda(cudaErrorInvalidValue, cudaGetLastError());
    assert_cuda(cudaSuccess, cudaFuncSetAttribute(shared_kernel, most, 227 << 10));
    check_launch(cudaSuccess, 1, 1, 227 << 10);
    check_launch(cudaErrorInvalidValue, 1, 1, (227 << 10) + 1);
    int blocks = 0;
    cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, shared_kernel, 256, 100 << 10);
    assert_int_equal(blocks, 2);
}

// ---- memory -------------------------------------------------------------------------------------

static void test_copies(void **) {
    device_array<float, 12> a, b;
    for (int i = 0; i < 12; i++)
        a.host[i] = (float)i;
    a.upload();
    float *host = b.host;
    cudaMemcpyKind in = cudaMemcpyDeviceToDevice, up = cudaMemcpyHostToDevice;
    assert_cuda(cudaSuccess, cudaMemcpyAsync(b.device, a.device, 48, in));
    assert_cuda(cudaSuccess, cudaMemcpy2DAsync(b.device + 1, 16, a.device, 8, 8, 3, in));
    const float expected[] = {0, 0, 1, 3, 4, 2, 3, 7, 8, 4, 5, 11};
    assert_memory_equal(b.download(), expected, sizeof expected);
    assert_cuda(cudaErrorInvalidValue, cudaMemcpy(b.device + 1, host, 48, up));
    assert_cuda(cudaErrorInvalidValue, cudaMemcpy(host, host, 48, up));
    assert_cuda(cudaErrorInvalidValue, cudaMemcpy(b.device, host, 48, cudaMemcpyDeviceToHost));
    assert_cuda(cudaErrorInvalidValue, cudaMemset(b.device, 0, 49));
    assert_cuda(cudaErrorInvalidValue, cudaMemset(host, 0, 4));
    assert_cuda(cudaErrorInvalidValue, cudaMemcpy2DAsync(b.device, 8, host, 16, 12, 2, up));
    assert_cuda(cudaErrorInvalidValue, cudaFree(b.device + 1));
    assert_cuda(cudaErrorInvalidValue, cudaFreeHost(host));
    assert_cuda(cudaSuccess, cudaFree(NULL));
    assert_cuda(cudaErrorInvalidValue, cudaGetLastError());
    assert_cuda(cudaSuccess, cudaGetLastError());
    assert_memory_equal(b.download(), expected, sizeof expected);
}

static void test_memory_is_limited(void **) {
    use("CUDASIM_MEMORY", "1000");
    char *first, *second;
    size_t available, total;
    assert_cuda(cudaSuccess, cudaMalloc(&first, 600));
    assert_cuda(cudaErrorMemoryAllocation, cudaMalloc(&second, 401));
    assert_null(second);
    assert_cuda(cudaErrorMemoryAllocation, cudaGetLastError());
    assert_cuda(cudaSuccess, cudaMemGetInfo(&available, &total));
    assert_int_equal(available, 400);
    assert_int_equal(total, 1000);
    assert_cuda(cudaSuccess, cudaMalloc(&second, 400));
    assert_cuda(cudaSuccess, cudaFree(first));
    assert_cuda(cudaSuccess, cudaFree(second));
    assert_cuda(cudaSuccess, cudaMemGetInfo(&available, &total));
    assert_int_equal(available, 1000);
}

// ---- capture ------------------------------------------------------------------------------------

static void check_values(device_array<float, 4> *values, float expected) {
    for (int i = 0; i < 4; i++)
        assert_true(values->download()[i] == expected);
}

static void record(cudaStream_t stream, device_array<float, 4> *values) {
    float addend = 2;
    assert_cuda(cudaSuccess, cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    assert_cuda(cudaSuccess, cudaMemsetAsync(values->device, 0, 16, stream));
    for (int i = 0; i < 3; i++) {
        MB_LAUNCH(add_kernel, 1, 32, 0, stream, values->device, 4, addend);
        addend *= 10; // the launch has its own copy
    }
    cudaStreamCaptureStatus status;
    assert_cuda(cudaSuccess, cudaStreamIsCapturing(stream, &status));
    assert_int_equal(status, cudaStreamCaptureStatusActive);
}

static void test_capture_records_and_replays(void **) {
    device_array<float, 4> values;
    cudaStream_t stream;
    cudaGraph_t graph;
    cudaGraphExec_t exec, old_style;
    size_t count = 0;
    cudaMemset(values.device, 0, 16);
    assert_cuda(cudaSuccess, cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    record(stream, &values);
    assert_cuda(cudaSuccess, cudaStreamEndCapture(stream, &graph));
    assert_cuda(cudaSuccess, cudaGraphGetNodes(graph, NULL, &count));
    assert_int_equal(count, 4);
    check_values(&values, 0); // nothing has been executed
    assert_cuda(cudaSuccess, cudaGraphInstantiate(&exec, graph));
    assert_cuda(cudaSuccess, cudaGraphInstantiate(&old_style, graph, NULL, NULL, 0));
    assert_cuda(cudaSuccess, cudaGraphDestroy(graph));
    for (int i = 0; i < 3; i++) {
        assert_cuda(cudaSuccess, cudaGraphLaunch(i ? exec : old_style, stream));
        assert_cuda(cudaSuccess, cudaStreamSynchronize(stream));
        check_values(&values, 222);
        cudaMemset(values.device, 0, 16);
    }
    // A graph within a graph.
    assert_cuda(cudaSuccess, cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
    assert_cuda(cudaSuccess, cudaGraphLaunch(exec, stream));
    MB_LAUNCH(add_kernel, 1, 32, 0, stream, values.device, 4, 1);
    assert_cuda(cudaSuccess, cudaStreamEndCapture(stream, &graph));
    assert_cuda(cudaSuccess, cudaGraphExecDestroy(exec));
    check_values(&values, 0);
    assert_cuda(cudaSuccess, cudaGraphInstantiate(&exec, graph, 0));
    assert_cuda(cudaSuccess, cudaGraphLaunch(exec, stream));
    check_values(&values, 223);
    cudaGraphDestroy(graph);
    cudaGraphExecDestroy(exec);
    cudaGraphExecDestroy(old_style);
    assert_cuda(cudaSuccess, cudaStreamDestroy(stream));
}

// Each of these calls invalidates the capture.
static cudaError_t illegal_call(int which, cudaStream_t stream, float *device) {
    float host;
    void *memory;
    switch (which) {
    case 0:
        return cudaMalloc(&memory, 4);
    case 1:
        return cudaStreamSynchronize(stream);
    case 2:
        return cudaDeviceSynchronize();
    case 3:
        return cudaMemcpy(&host, device, 4, cudaMemcpyDeviceToHost);
    case 4:
        return cudaMemset(device, 0, 4);
    default:
        return cudaFree(device);
    }
}

static void test_calls_that_capture_forbids(void **) {
    cudaStream_t stream;
    cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
    for (int which = 0; which < 6; which++) {
        device_array<float, 4> values;
        cudaGraph_t graph;
        record(stream, &values);
        assert_cuda(cudaErrorStreamCaptureUnsupported, illegal_call(which, stream, values.device));
        assert_cuda(cudaErrorStreamCaptureInvalidated,
                    cudaMemsetAsync(values.device, 0, 16, stream));
        assert_cuda(cudaErrorStreamCaptureInvalidated, cudaStreamEndCapture(stream, &graph));
        assert_null(graph);
        cudaGetLastError();
    }
    cudaGraph_t graph;
    assert_cuda(cudaErrorIllegalState, cudaStreamEndCapture(stream, &graph));
    assert_cuda(cudaErrorStreamCaptureUnsupported,
                cudaStreamBeginCapture(NULL, cudaStreamCaptureModeRelaxed));
    cudaStreamDestroy(stream);
    cudaGetLastError();
}

// The second stream joins the capture with an event. `waited`: whether the first stream waits for
// it at the end.
static cudaError_t capture_two(cudaStream_t streams[2], cudaEvent_t events[2],
                               device_array<float, 4> *values, bool join, cudaGraph_t *graph) {
    record(streams[0], values);
    cudaEventRecord(events[0], streams[0]);
    assert_cuda(cudaSuccess, cudaStreamWaitEvent(streams[1], events[0]));
    MB_LAUNCH(add_kernel, 1, 32, 0, streams[1], values->device, 4, 1000);
    cudaEventRecord(events[1], streams[1]);
    if (join)
        assert_cuda(cudaSuccess, cudaStreamWaitEvent(streams[0], events[1]));
    return cudaStreamEndCapture(streams[0], graph);
}

static void test_capture_over_two_streams(void **) {
    device_array<float, 4> values;
    cudaStream_t streams[2];
    cudaEvent_t events[2];
    cudaGraph_t graph;
    cudaGraphExec_t exec;
    for (int i = 0; i < 2; i++) {
        cudaStreamCreateWithFlags(&streams[i], cudaStreamNonBlocking);
        cudaEventCreateWithFlags(&events[i], cudaEventDisableTiming);
    }
    cudaMemset(values.device, 0, 16);
    assert_cuda(cudaErrorStreamCaptureUnjoined,
                capture_two(streams, events, &values, false, &graph));
    cudaGetLastError();
    assert_cuda(cudaSuccess, capture_two(streams, events, &values, true, &graph));
    check_values(&values, 0);
    assert_cuda(cudaSuccess, cudaGraphInstantiate(&exec, graph));
    assert_cuda(cudaSuccess, cudaGraphLaunch(exec, streams[1]));
    check_values(&values, 1222);
    cudaGraphDestroy(graph);
    cudaGraphExecDestroy(exec);
    for (int i = 0; i < 2; i++) {
        cudaEventDestroy(events[i]);
        cudaStreamDestroy(streams[i]);
    }
}

static void test_events(void **) {
    cudaEvent_t start, end, blind;
    float milliseconds = -1;
    cudaEventCreate(&start);
    cudaEventCreate(&end);
    cudaEventCreateWithFlags(&blind, cudaEventDisableTiming);
    cudaEventRecord(start);
    assert_cuda(cudaErrorInvalidResourceHandle, cudaEventElapsedTime(&milliseconds, start, end));
    cudaEventRecord(end);
    cudaEventRecord(blind);
    assert_cuda(cudaSuccess, cudaEventSynchronize(end));
    assert_cuda(cudaSuccess, cudaEventElapsedTime(&milliseconds, start, end));
    assert_true(milliseconds >= 0);
    assert_cuda(cudaErrorInvalidResourceHandle, cudaEventElapsedTime(&milliseconds, start, blind));
    cudaEventDestroy(start);
    cudaEventDestroy(end);
    cudaEventDestroy(blind);
    cudaGetLastError();
}

// ---- devices ------------------------------------------------------------------------------------

static void test_no_device(void **) {
    int count = -1;
    void *memory = NULL;
    use("CUDASIM_DEVICES", "0");
    assert_cuda(cudaErrorNoDevice, cudaGetDeviceCount(&count));
    assert_int_equal(count, 0);
    assert_cuda(cudaErrorNoDevice, cudaMalloc(&memory, 4));
    use("CUDASIM_DRIVER", "0");
    assert_cuda(cudaErrorInsufficientDriver, cudaGetDeviceCount(&count));
    assert_cuda(cudaErrorInsufficientDriver, cudaSetDevice(0));
    int driver = -1;
    assert_cuda(cudaSuccess, cudaDriverGetVersion(&driver));
    assert_int_equal(driver, 0);
}

static void test_two_devices(void **) {
    use("CUDASIM_DEVICES", "2");
    int count = 0;
    cudaDeviceProp properties;
    cudaStream_t stream;
    device_array<float, 4> values;
    assert_cuda(cudaSuccess, cudaGetDeviceCount(&count));
    assert_int_equal(count, 2);
    assert_cuda(cudaErrorInvalidDevice, cudaSetDevice(2));
    assert_cuda(cudaErrorInvalidDevice, cudaGetLastError());
    assert_cuda(cudaSuccess, cudaSetDevice(1));
    assert_cuda(cudaSuccess, cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    MB_LAUNCH(add_kernel, 1, 32, 0, stream, values.device, 4, 1);
    assert_cuda(cudaSuccess, cudaGetLastError());
    assert_cuda(cudaSuccess, cudaSetDevice(0));
    MB_LAUNCH(add_kernel, 1, 32, 0, stream, values.device, 4, 1);
    assert_cuda(cudaErrorInvalidResourceHandle, cudaGetLastError());
    assert_cuda(cudaSuccess, cudaStreamDestroy(stream));
    assert_cuda(cudaSuccess, cudaGetDeviceProperties(&properties, 1));
    assert_string_equal(properties.name, "cudasim");
    assert_int_equal(properties.major * 10 + properties.minor, 90);
    assert_int_equal(properties.multiProcessorCount, 132);
}

// With three devices.
static int contexts() {
    int count = 0;
    for (int device = 0; device < 3; device++)
        count += cudasim_has_context(device);
    return count;
}

static void test_contexts(void **) {
    use("CUDASIM_DEVICES", "3");
    int count, value;
    size_t available, total;
    cudaDeviceProp properties;
    assert_cuda(cudaSuccess, cudaDriverGetVersion(&value));
    assert_cuda(cudaSuccess, cudaGetDeviceCount(&count));
    assert_cuda(cudaSuccess, cudaGetDevice(&value));
    for (int device = 0; device < 3; device++) {
        assert_cuda(cudaSuccess, cudaGetDeviceProperties(&properties, device));
        assert_cuda(cudaSuccess, cudaDeviceGetAttribute(&value, cudaDevAttrWarpSize, device));
    }
    assert_cuda(cudaSuccess, cudaGetLastError());
    assert_int_equal(contexts(), 0);
    assert_cuda(cudaErrorInvalidDevice, cudaSetDevice(3));
    cudaGetLastError();
    assert_int_equal(contexts(), 0);
    assert_cuda(cudaSuccess, cudaMemGetInfo(&available, &total)); // on the current one
    assert_true(cudasim_has_context(0));
    assert_cuda(cudaSuccess, cudaSetDevice(2));
    assert_true(cudasim_has_context(2));
    assert_cuda(cudaSuccess, cudaMemGetInfo(&available, &total));
    assert_int_equal(contexts(), 2);
    use("CUDASIM_DEVICES", "3");
    assert_int_equal(contexts(), 0);
}

static void test_busy_devices(void **) {
    use("CUDASIM_DEVICES", "3");
    use("CUDASIM_BUSY", "0,2");
    void *memory = NULL;
    int device = -1;
    cudaDeviceProp properties;
    assert_cuda(cudaSuccess, cudaGetDeviceProperties(&properties, 0));
    assert_cuda(cudaErrorDevicesUnavailable, cudaMalloc(&memory, 4));
    assert_cuda(cudaErrorDevicesUnavailable, cudaGetLastError());
    assert_cuda(cudaErrorDevicesUnavailable, cudaSetDevice(2));
    assert_cuda(cudaErrorDevicesUnavailable, cudaGetLastError());
    assert_cuda(cudaSuccess, cudaGetLastError());
    assert_int_equal(contexts(), 0);
    assert_cuda(cudaSuccess, cudaSetDevice(1));
    assert_cuda(cudaErrorDevicesUnavailable, cudaSetDevice(2));
    assert_cuda(cudaSuccess, cudaGetDevice(&device)); // the last device that could be set
    assert_int_equal(device, 1);
    cudaGetLastError();
    assert_cuda(cudaSuccess, cudaMalloc(&memory, 4));
    assert_cuda(cudaSuccess, cudaFree(memory));
    assert_int_equal(contexts(), 1);
}

static int threads_of_the_process() {
    int count = 0;
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    while (const dirent *task = readdir(tasks))
        count += task->d_name[0] != '.';
    closedir(tasks);
    return count;
}

// Must be the first test, because the thread is started only once, with the first context.
static void test_driver_thread(void **) {
    int count, before = threads_of_the_process();
    assert_cuda(cudaSuccess, cudaGetDeviceCount(&count));
    assert_int_equal(threads_of_the_process(), before);
    assert_cuda(cudaSuccess, cudaFree(NULL));
    int with = threads_of_the_process();
    assert_true(with > before);
    assert_cuda(cudaSuccess, cudaFree(NULL));
    assert_int_equal(threads_of_the_process(), with);
}

static void test_old_device(void **) {
    use("CUDASIM_CAPABILITY", "7.0");
    int major = 0;
    device_array<float, 4> values;
    assert_cuda(cudaSuccess, cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0));
    assert_int_equal(major, 7);
    MB_LAUNCH(add_kernel, 1, 32, 0, NULL, values.device, 4, 1);
    assert_cuda(cudaErrorNoKernelImageForDevice, cudaGetLastError());
}

static void test_lost_device(void **) {
    use("CUDASIM_LOST_AFTER", "2");
    device_array<float, 4> values;
    cudaMemset(values.device, 0, 16);
    for (int i = 0; i < 2; i++)
        MB_LAUNCH(add_kernel, 1, 32, 0, NULL, values.device, 4, 1);
    check_values(&values, 2);
    MB_LAUNCH(add_kernel, 1, 32, 0, NULL, values.device, 4, 1);
    for (int i = 0; i < 2; i++)
        assert_cuda(cudaErrorIllegalAddress, cudaGetLastError());
    void *memory;
    assert_cuda(cudaErrorIllegalAddress, cudaMalloc(&memory, 4));
    assert_cuda(cudaErrorIllegalAddress, cudaDeviceSynchronize());
    assert_cuda(cudaErrorIllegalAddress,
                cudaMemcpy(values.host, values.device, 16, cudaMemcpyDeviceToHost));
    assert_true(values.host[0] == 2);
}

static void test_memory_pools(void **) {
    cudaMemPool_t pool = NULL;
    cudaStream_t stream;
    float *memory = NULL;
    size_t before = 0, after = 0, total = 0;
    use("CUDASIM_MEMORY", "1000");
    assert_cuda(cudaSuccess, cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    assert_cuda(cudaSuccess, cudaDeviceGetDefaultMemPool(&pool, 0));
    assert_cuda(cudaSuccess, cudaMemGetInfo(&before, &total));
    uint64_t waits = cudasim_device_wide_waits();
    assert_cuda(cudaErrorMemoryAllocation, cudaMallocAsync((void **)&memory, 1001, stream));
    assert_cuda(cudaSuccess, cudaMallocAsync((void **)&memory, 900, stream));
    assert_cuda(cudaSuccess, cudaMemsetAsync(memory, 0, 900, stream));
    assert_cuda(cudaSuccess, cudaFreeAsync(memory, stream));
    assert_cuda(cudaErrorInvalidValue, cudaFreeAsync(memory, stream));
    assert_cuda(cudaSuccess, cudaMemPoolTrimTo(pool, 0));
    assert_int_equal(cudasim_device_wide_waits(), waits);
    assert_cuda(cudaSuccess, cudaMemGetInfo(&after, &total));
    assert_int_equal(after, before);
    assert_cuda(cudaSuccess, cudaMalloc(&memory, 4));
    assert_cuda(cudaSuccess, cudaFree(memory));
    assert_true(cudasim_device_wide_waits() > waits);
    assert_cuda(cudaSuccess, cudaStreamDestroy(stream));
    use("CUDASIM_POOLS", "0");
    int supported = 1;
    assert_cuda(cudaSuccess,
                cudaDeviceGetAttribute(&supported, cudaDevAttrMemoryPoolsSupported, 0));
    assert_int_equal(supported, 0);
    assert_cuda(cudaErrorNotSupported, cudaDeviceGetDefaultMemPool(&pool, 0));
}

static void test_settings_are_checked(void **) {
    const char *const wrong[][2] = {{"CUDASIM_ORDER", "backwards"},
                                    {"CUDASIM_ORDER", "shuffled:x"},
                                    {"CUDASIM_DEVICES", "9"},
                                    {"CUDASIM_MEMORY", "1G"},
                                    {"CUDASIM_CAPABILITY", "newest"},
                                    {"CUDASIM_LOST_AFTER", "-1"},
                                    {"CUDASIM_BUSY", "8"},
                                    {"CUDASIM_BUSY", "0,"},
                                    {"CUDASIM_BUSY", ""},
                                    {"CUDASIM_SLOW", "1s"}};
    for (const char *const *setting : wrong)
        expect_death([&] { use(setting[0], setting[1]); }, {setting[0], setting[1], "expected"});
}

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(test_driver_thread),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_copies),
        cmocka_unit_test_teardown(test_memory_is_limited, use_defaults),
        cmocka_unit_test(test_capture_records_and_replays),
        cmocka_unit_test(test_calls_that_capture_forbids),
        cmocka_unit_test(test_capture_over_two_streams),
        cmocka_unit_test(test_events),
        cmocka_unit_test_teardown(test_no_device, use_defaults),
        cmocka_unit_test_teardown(test_two_devices, use_defaults),
        cmocka_unit_test_teardown(test_contexts, use_defaults),
        cmocka_unit_test_teardown(test_busy_devices, use_defaults),
        cmocka_unit_test_teardown(test_old_device, use_defaults),
        cmocka_unit_test_teardown(test_lost_device, use_defaults),
        cmocka_unit_test_teardown(test_memory_pools, use_defaults),
        cmocka_unit_test(test_settings_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
