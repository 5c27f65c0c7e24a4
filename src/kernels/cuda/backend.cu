// The CUDA executor's device: opening, memory, copies. Everything happens on one stream, in order,
// but uploads that another thread makes beside it.
#include <stdio.h>
#include <stdlib.h>

#include "cuda/device.cuh"

mb_status mb_cuda_check(cudaError_t code, mb_error *error, const char *doing) {
    if (code == cudaSuccess)
        return MB_OK;
    (void)cudaGetLastError(); // an error that does not stick is reported once
    if (code == cudaErrorMemoryAllocation)
        return mb_out_of_memory(error, doing);
    return mb_fail(error, MB_FAILED, "CUDA: %s: %s (%s)", doing, cudaGetErrorString(code),
                   cudaGetErrorName(code));
}

static mb_cuda_device *of(mb_device *device) {
    return reinterpret_cast<mb_cuda_device *>(device);
}

// Calls of CUDA go to the device that the calling thread has chosen.
static mb_status choose(mb_device *device, mb_error *error) {
    return mb_cuda_check(cudaSetDevice(of(device)->ordinal), error, "choosing the GPU");
}

static void cuda_close(mb_device *device) {
    mb_cuda_device *cuda = of(device);
    mb_step_tables *tables = &cuda->tables;
    void *memory[] = {tables->cursor, tables->rows,  tables->widest,          tables->next_rows,
                      tables->begun,  tables->steps, (void *)tables->indices, tables->adam};
    (void)cudaSetDevice(cuda->ordinal);
    for (int i = 0; i < MB_CAPTURED_MOST; i++)
        mb_captured_free(&cuda->captured[i]);
    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++)
        (void)cudaFree(memory[i]);
    for (cudaStream_t stream : {cuda->stream, cuda->beside})
        if (stream != NULL)
            (void)cudaStreamDestroy(stream);
    free(cuda);
}

mb_status mb_cuda_open(mb_precision precision, mb_device **device, mb_error *error) {
    static_assert(offsetof(mb_cuda_device, device) == 0, "an mb_device is its first member");
    mb_cuda_survey survey;
    mb_cuda_look(&survey);
    if (survey.chosen < 0)
        return mb_fail(error, MB_UNSUPPORTED, "no GPU can be used: %s", survey.problem);
    mb_cuda_device *cuda = (mb_cuda_device *)calloc(1, sizeof *cuda);
    if (cuda == NULL)
        return mb_out_of_memory(error, "device");
    cuda->device.backend = mb_cuda_backend();
    cuda->ordinal = survey.chosen;
    cuda->device.precision = precision;
    mb_status status = choose(&cuda->device, error);
    for (cudaStream_t *stream : {&cuda->stream, &cuda->beside})
        if (status == MB_OK)
            status = mb_cuda_check(cudaStreamCreateWithFlags(stream, cudaStreamNonBlocking), error,
                                   "making a stream");
    if (status != MB_OK)
        cuda_close(&cuda->device);
    else
        *device = &cuda->device;
    return status;
}

static mb_status cuda_open(mb_device **device, mb_error *error) {
    return mb_cuda_open(MB_PRECISION_FLOAT32, device, error);
}

static mb_status cuda_describe(mb_device *device, mb_device_description *description,
                               mb_error *error) {
    cudaDeviceProp properties;
    size_t available = 0, total = 0;
    mb_status status = choose(device, error);
    if (status == MB_OK)
        status = mb_cuda_check(cudaGetDeviceProperties(&properties, of(device)->ordinal), error,
                               "asking the GPU for its properties");
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

static mb_status cuda_allocate(mb_device *device, size_t bytes, void **memory, mb_error *error) {
    mb_status status = choose(device, error);
    if (status == MB_OK)
        status = mb_cuda_check(cudaMalloc(memory, bytes == 0 ? 1 : bytes), error, "GPU memory");
    return status;
}

static void cuda_release(mb_device *device, void *memory) {
    (void)cudaSetDevice(of(device)->ordinal);
    (void)cudaFree(memory); // waits for work that may still use it
}

// Page-locked: the GPU reads and writes it itself, without a copy in between.
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
    (void)cudaStreamSynchronize(of(device)->stream); // copies that still use it
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

static mb_status wait_for(mb_device *device, cudaStream_t stream, mb_error *error) {
    mb_status status = choose(device, error);
    if (status == MB_OK)
        status = mb_cuda_check(cudaStreamSynchronize(stream), error, "waiting for the GPU");
    return status;
}

static mb_status cuda_synchronize(mb_device *device, mb_error *error) {
    return wait_for(device, of(device)->stream, error);
}

// From memory that CUDA does not know the copy has left the source when the call returns.
static mb_status cuda_upload(mb_device *device, void *to, const void *from, size_t bytes,
                             mb_error *error) {
    return transfer(device, of(device)->stream, to, from, bytes, cudaMemcpyHostToDevice, error);
}

// The thread waits until the data is there, so what it hands over is ready for every stream.
static mb_status cuda_upload_beside(mb_device *device, void *to, const void *from, size_t bytes,
                                    mb_error *error) {
    cudaStream_t stream = of(device)->beside;
    mb_status status = transfer(device, stream, to, from, bytes, cudaMemcpyHostToDevice, error);
    return status == MB_OK ? wait_for(device, stream, error) : status;
}

static mb_status cuda_download(mb_device *device, void *to, const void *from, size_t bytes,
                               mb_error *error) {
    mb_status status =
        transfer(device, of(device)->stream, to, from, bytes, cudaMemcpyDeviceToHost, error);
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
    return mb_cuda_check(cudaGetLastError(), error, "drawing start values");
}

static mb_status cuda_copy(mb_device *device, void *to, const void *from, size_t bytes,
                           mb_error *error) {
    return transfer(device, of(device)->stream, to, from, bytes, cudaMemcpyDeviceToDevice, error);
}

static mb_status cuda_copy_rows(mb_device *device, const mb_row_copy *copy, mb_error *error) {
    mb_status status = choose(device, error);
    if (status != MB_OK)
        return status;
    mb_cuda_copy_rows(of(device), copy);
    return mb_cuda_check(cudaGetLastError(), error, "copying rows");
}

static mb_status cuda_shuffle(mb_device *device, const mb_shuffle_launch *launch, mb_error *error) {
    mb_status status = choose(device, error);
    if (status != MB_OK)
        return status;
    mb_cuda_shuffle(of(device), launch);
    return mb_cuda_check(cudaGetLastError(), error, "shuffling rows");
}

static mb_status cuda_tally(mb_device *device, const mb_tally_launch *launch, mb_error *error) {
    mb_status status = choose(device, error);
    if (status != MB_OK)
        return status;
    mb_cuda_tally(of(device), launch);
    return mb_cuda_check(cudaGetLastError(), error, "tallying predictions");
}

static mb_status cuda_run(mb_device *device, const mb_plan *plan, const mb_launch *launch,
                          mb_error *error) {
    mb_status status = choose(device, error);
    return status == MB_OK ? mb_cuda_run(device, plan, launch, error) : status;
}

static const mb_backend cuda_backend = {
    .name = "cuda",
    .shares_host_memory = false,
    .open = cuda_open,
    .close = cuda_close,
    .describe = cuda_describe,
    .allocate = cuda_allocate,
    .release = cuda_release,
    .allocate_host = cuda_allocate_host,
    .release_host = cuda_release_host,
    .upload = cuda_upload,
    .upload_beside = cuda_upload_beside,
    .download = cuda_download,
    .zero = cuda_zero,
    .initialise = cuda_initialise,
    .copy = cuda_copy,
    .copy_rows = cuda_copy_rows,
    .shuffle = cuda_shuffle,
    .steps_per_launch = 64,
    .work_per_launch = 0, // whatever it is
    .run = cuda_run,
    .tally = cuda_tally,
    .synchronize = cuda_synchronize,
};

const mb_backend *mb_cuda_backend(void) {
    return &cuda_backend;
}
