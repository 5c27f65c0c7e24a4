// The CUDA executor's device: opening, memory, copies. All work is done in order on one stream,
// except uploads of another thread, which have a stream of their own (`beside`).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cuda/device.cuh"
#include "cuda/range.cuh"

extern "C" {
#include "merbench/survey.h"
}

mb_status mb_cuda_check(cudaError_t code, mb_error *error, const char *doing) {
    if (code == cudaSuccess)
        return MB_OK;
    (void)cudaGetLastError(); // clears the error, unless it is permanent
    if (code == cudaErrorMemoryAllocation)
        return mb_out_of_memory(error, doing);
    return mb_fail(error, MB_FAILED, "CUDA: %s: %s (%s)", doing, cudaGetErrorString(code),
                   cudaGetErrorName(code));
}

mb_status mb_cuda_launched(mb_cuda_device *cuda, mb_error *error, const char *doing) {
    cudaError_t code = cudaGetLastError();
    if (code == cudaSuccess && cuda->waits)
        code = cudaStreamSynchronize(cuda->stream);
    return mb_cuda_check(code, error, doing);
}

static mb_cuda_device *of(mb_device *device) {
    return reinterpret_cast<mb_cuda_device *>(device);
}

// CUDA calls go to the current device of the calling thread, so every call chooses its device
// first.
static mb_status choose(mb_device *device, mb_error *error) {
    return mb_cuda_check(cudaSetDevice(of(device)->ordinal), error, "choosing the GPU");
}

static mb_status wait_for(mb_device *device, cudaStream_t stream, mb_error *error) {
    mb_status status = choose(device, error);
    if (status == MB_OK)
        status = mb_cuda_check(cudaStreamSynchronize(stream), error, "waiting for the GPU");
    return status;
}

static void cuda_close(mb_device *device) {
    mb_cuda_device *cuda = of(device);
    (void)cudaSetDevice(cuda->ordinal);
    for (mb_captured &captured : cuda->captured)
        mb_captured_free(&captured);
    (void)cudaFree(cuda->tables.memory);
    for (cudaEvent_t mark : cuda->marks)
        if (mark != NULL)
            (void)cudaEventDestroy(mark);
    mb_op_clock_free(&cuda->clock);
    for (cudaStream_t stream : {cuda->stream, cuda->beside})
        if (stream != NULL)
            (void)cudaStreamDestroy(stream);
    free(cuda);
}

// Finds the device's memory pool, for stream-ordered allocation; leaves it NULL if the device has
// none.
static mb_status find_pool(mb_cuda_device *cuda, mb_error *error) {
    int supported = 0;
    mb_status status = mb_cuda_check(
        cudaDeviceGetAttribute(&supported, cudaDevAttrMemoryPoolsSupported, cuda->ordinal), error,
        "asking the GPU for memory pools");
    if (status == MB_OK && supported)
        status = mb_cuda_check(cudaDeviceGetDefaultMemPool(&cuda->pool, cuda->ordinal), error,
                               "asking the GPU for its memory pool");
    return status;
}

static bool is_set(const char *variable) {
    const char *value = getenv(variable);
    return value != NULL && strcmp(value, "") != 0 && strcmp(value, "0") != 0;
}

mb_status mb_cuda_open(const mb_cuda_options *options, mb_device **device, mb_error *error) {
    static_assert(offsetof(mb_cuda_device, device) == 0, "mb_device must be the first member");
    mb_cuda_survey survey;
    mb_cuda_look(&survey, options->gpu);
    if (survey.chosen < 0)
        return mb_fail(error, MB_UNSUPPORTED,
                       options->gpu == MB_ANY_GPU ? "no GPU can be used: %s"
                                                  : "this GPU cannot be used: %s",
                       survey.problem);
    mb_cuda_device *cuda = (mb_cuda_device *)calloc(1, sizeof *cuda);
    if (cuda == NULL)
        return mb_out_of_memory(error, "device");
    cuda->device.backend = mb_cuda_backend();
    cuda->ordinal = survey.chosen;
    cuda->device.precision = options->precision;
    cuda->waits = is_set("MERBENCH_CUDA_SYNC");
    mb_status status = choose(&cuda->device, error);
    for (cudaStream_t *stream : {&cuda->stream, &cuda->beside})
        if (status == MB_OK)
            status = mb_cuda_check(cudaStreamCreateWithFlags(stream, cudaStreamNonBlocking), error,
                                   "making a stream");
    for (cudaEvent_t &mark : cuda->marks)
        if (status == MB_OK)
            status = mb_cuda_check(
                cudaEventCreateWithFlags(&mark, cudaEventBlockingSync | cudaEventDisableTiming),
                error, "making an event");
    if (status == MB_OK)
        status = find_pool(cuda, error);
    if (status != MB_OK)
        cuda_close(&cuda->device);
    else
        *device = &cuda->device;
    return status;
}

static mb_status cuda_open(mb_device **device, mb_error *error) {
    mb_cuda_options options = {.precision = MB_PRECISION_FLOAT32, .gpu = MB_ANY_GPU};
    return mb_cuda_open(&options, device, error);
}

static mb_status cuda_describe(mb_device *device, mb_device_description *description,
                               mb_error *error) {
    cudaDeviceProp properties;
    size_t available = 0, total = 0;
    mb_status status = choose(device, error);
    if (status == MB_OK)
        status = mb_cuda_check(cudaGetDeviceProperties(&properties, of(device)->ordinal), error,
                               "asking the GPU for its properties");
    if (status == MB_OK && of(device)->pool != NULL) // unused memory of the pool counts as free
        status = mb_cuda_check(cudaMemPoolTrimTo(of(device)->pool, 0), error, "asking for memory");
    if (status == MB_OK)
        status = mb_cuda_check(cudaMemGetInfo(&available, &total), error, "asking for free memory");
    if (status != MB_OK)
        return status;
    *description = {};
    description->free_bytes = (int64_t)available;
    description->total_bytes = (int64_t)total;
    snprintf(description->text, sizeof description->text, "cuda %.150s sm_%d%d%s", properties.name,
             properties.major, properties.minor,
             device->precision == MB_PRECISION_TF32 ? " tf32" : "");
    return MB_OK;
}

// Allocates on the stream `beside`, which has nothing to wait for. When the call returns, the
// memory can be used on every stream, and work on the main stream was not interrupted.
static mb_status cuda_allocate(mb_device *device, size_t bytes, void **memory, mb_error *error) {
    mb_cuda_device *cuda = of(device);
    size_t wanted = bytes == 0 ? 1 : bytes;
    mb_status status = choose(device, error);
    if (status != MB_OK)
        return status;
    if (cuda->pool == NULL)
        return mb_cuda_check(cudaMalloc(memory, wanted), error, "GPU memory");
    status = mb_cuda_check(cudaMallocAsync(memory, wanted, cuda->beside), error, "GPU memory");
    return status == MB_OK ? wait_for(device, cuda->beside, error) : status;
}

// Frees memory in the order of a stream, and waits for the stream: only then can the pool reuse the
// memory.
static void release_on(mb_cuda_device *cuda, void *memory, cudaStream_t stream) {
    (void)cudaSetDevice(cuda->ordinal);
    if (cuda->pool == NULL) {
        (void)cudaFree(memory); // waits for the whole device
        return;
    }
    (void)cudaFreeAsync(memory, stream);
    (void)cudaStreamSynchronize(stream);
}

static void cuda_release(mb_device *device, void *memory) {
    release_on(of(device), memory, of(device)->stream);
}

static void cuda_release_concurrent(mb_device *device, void *memory) {
    release_on(of(device), memory, of(device)->beside);
}

// Page-locked memory: the GPU accesses it directly, without an intermediate copy.
static mb_status cuda_allocate_host(mb_device *device, size_t bytes, void **memory,
                                    mb_error *error) {
    mb_status status = choose(device, error);
    if (status == MB_OK)
        status = mb_cuda_check(cudaMallocHost(memory, bytes == 0 ? 1 : bytes), error,
                               "page-locked memory of the host");
    return status;
}

static void cuda_release_host(mb_device *device, void *memory) {
    (void)cudaSetDevice(of(device)->ordinal);
    (void)cudaStreamSynchronize(of(device)->stream); // for copies that still use the memory
    (void)cudaFreeHost(memory);
}

static mb_status transfer(mb_device *device, cudaStream_t stream, void *to, const void *from,
                          size_t bytes, cudaMemcpyKind kind, mb_error *error) {
    if (bytes == 0)
        return MB_OK;
    mb_status status = choose(device, error);
    if (status == MB_OK)
        status =
            mb_cuda_check(cudaMemcpyAsync(to, from, bytes, kind, stream), error, "copying memory");
    return status;
}

static mb_status cuda_synchronize(mb_device *device, mb_error *error) {
    return wait_for(device, of(device)->stream, error);
}

static mb_status cuda_upload_async(mb_device *device, void *to, const void *from, size_t bytes,
                                   mb_error *error) {
    return transfer(device, of(device)->stream, to, from, bytes, cudaMemcpyHostToDevice, error);
}

static mb_status cuda_download_async(mb_device *device, void *to, const void *from, size_t bytes,
                                     mb_error *error) {
    return transfer(device, of(device)->stream, to, from, bytes, cudaMemcpyDeviceToHost, error);
}

// Waits for the copy, because a GPU that reads pageable memory directly may do so later.
static mb_status cuda_upload(mb_device *device, void *to, const void *from, size_t bytes,
                             mb_error *error) {
    mb_status status = cuda_upload_async(device, to, from, bytes, error);
    return status == MB_OK ? cuda_synchronize(device, error) : status;
}

// The calling thread waits until the data has arrived, so that it can be used on every stream.
static mb_status cuda_upload_concurrent(mb_device *device, void *to, const void *from, size_t bytes,
                                        mb_error *error) {
    cudaStream_t stream = of(device)->beside;
    mb_status status = transfer(device, stream, to, from, bytes, cudaMemcpyHostToDevice, error);
    return status == MB_OK ? wait_for(device, stream, error) : status;
}

static mb_status cuda_download(mb_device *device, void *to, const void *from, size_t bytes,
                               mb_error *error) {
    mb_status status = cuda_download_async(device, to, from, bytes, error);
    return status == MB_OK ? cuda_synchronize(device, error) : status;
}

static mb_status cuda_zero(mb_device *device, void *memory, size_t bytes, mb_error *error) {
    mb_status status = choose(device, error);
    if (status == MB_OK)
        status = mb_cuda_check(cudaMemsetAsync(memory, 0, bytes, of(device)->stream), error,
                               "clearing memory");
    return status;
}

static mb_status cuda_initialise(mb_device *device, const mb_plan *plan, int32_t run_count,
                                 const mb_key *keys, float *parameters, mb_error *error) {
    size_t floats = (size_t)run_count * (size_t)plan->info.parameter_floats;
    mb_status status = cuda_zero(device, parameters, floats * sizeof *parameters, error);
    if (status != MB_OK)
        return status;
    mb_cuda_start(of(device), plan, run_count, keys, parameters);
    return mb_cuda_launched(of(device), error, "drawing start values");
}

static mb_status cuda_copy(mb_device *device, void *to, const void *from, size_t bytes,
                           mb_error *error) {
    return transfer(device, of(device)->stream, to, from, bytes, cudaMemcpyDeviceToDevice, error);
}

static mb_status cuda_copy_rows(mb_device *device, const mb_row_copy *copy, mb_error *error) {
    mb_status status = choose(device, error);
    if (status != MB_OK)
        return status;
    mb_cuda_range range("keep rows");
    mb_cuda_copy_rows(of(device), copy);
    return mb_cuda_launched(of(device), error, "copying rows");
}

static mb_status cuda_shuffle(mb_device *device, const mb_shuffle_launch *launch, mb_error *error) {
    mb_status status = choose(device, error);
    if (status != MB_OK)
        return status;
    mb_cuda_range range("shuffle");
    mb_cuda_shuffle(of(device), launch);
    return mb_cuda_launched(of(device), error, "shuffling rows");
}

static mb_status cuda_tally(mb_device *device, const mb_tally_launch *launch, mb_error *error) {
    mb_status status = choose(device, error);
    if (status != MB_OK)
        return status;
    mb_cuda_range range("tally");
    mb_cuda_tally(of(device), launch);
    return mb_cuda_launched(of(device), error, "tallying predictions");
}

static mb_status cuda_mark(mb_device *device, int32_t mark, mb_error *error) {
    mb_status status = choose(device, error);
    if (status == MB_OK)
        status = mb_cuda_check(cudaEventRecord(of(device)->marks[mark], of(device)->stream), error,
                               "recording a mark");
    return status;
}

static mb_status cuda_wait_for_mark(mb_device *device, int32_t mark, mb_error *error) {
    mb_status status = choose(device, error);
    if (status == MB_OK)
        status = mb_cuda_check(cudaEventSynchronize(of(device)->marks[mark]), error,
                               "waiting for the GPU");
    return status;
}

static mb_status cuda_run(mb_device *device, const mb_plan *plan, const mb_launch *launch,
                          mb_error *error) {
    mb_status status = choose(device, error);
    return status == MB_OK ? mb_cuda_run(device, plan, launch, error) : status;
}

static const mb_executor cuda_executor = {
    .initialise = cuda_initialise,
    .copy_rows = cuda_copy_rows,
    .shuffle = cuda_shuffle,
    .steps_per_launch = 64,
    .work_per_launch = 2000000000000, // a fraction of a second
    .run = cuda_run,
    .assist = NULL,
    .tally = cuda_tally,
};

static const mb_backend cuda_backend = {
    .name = "cuda",
    .shares_host_memory = false,
    .executor = &cuda_executor,
    .open = cuda_open,
    .close = cuda_close,
    .describe = cuda_describe,
    .allocate = cuda_allocate,
    .release = cuda_release,
    .allocate_host = cuda_allocate_host,
    .release_host = cuda_release_host,
    .upload = cuda_upload,
    .upload_async = cuda_upload_async,
    .download_async = cuda_download_async,
    .upload_concurrent = cuda_upload_concurrent,
    .release_concurrent = cuda_release_concurrent,
    .download = cuda_download,
    .zero = cuda_zero,
    .copy = cuda_copy,
    .mark = cuda_mark,
    .wait_for_mark = cuda_wait_for_mark,
    .synchronize = cuda_synchronize,
};

const mb_backend *mb_cuda_backend(void) {
    return &cuda_backend;
}
