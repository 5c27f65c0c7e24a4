// Device memory and page-locked host memory: heap blocks of exactly the requested size, filled with
// NaN.
#include "runtime.h"
#include "statistics.h"

#include <stdlib.h>
#include <string.h>

using namespace cudasim;

namespace cudasim {

static cudaError_t take(void **memory, size_t bytes) {
    device_time time; // not counted as time of the host
    size_t *used = &runtime.used[current_device()], total = runtime.settings.memory;
    if (*used > total || bytes > total - *used || posix_memalign(memory, 256, bytes))
        return cudaErrorMemoryAllocation;
    memset(*memory, 0xFF, bytes); // NaN
    *used += bytes;
    counts.allocations++;
    runtime.memory[(uintptr_t)*memory] = {bytes, current_device()};
    hide_range(*memory, bytes);
    return cudaSuccess;
}

static cudaError_t give(void *memory) {
    auto found = runtime.memory.find((uintptr_t)memory);
    if (found == runtime.memory.end())
        return cudaErrorInvalidValue;
    expose_range(memory, found->second.bytes);
    runtime.used[found->second.device] -= found->second.bytes;
    runtime.memory.erase(found);
    free(memory);
    return cudaSuccess;
}

} // namespace cudasim

cudaError_t cudaMalloc(void **memory, size_t bytes) {
    api_call call;
    cudaError_t error = call.error ? call.error : call.unless_capturing();
    if (error || !memory)
        return call.answer(error ? error : cudaErrorInvalidValue);
    *memory = NULL;
    count_device_wide_wait(); // as on a GPU, if memory has to be mapped
    return bytes == 0 ? cudaSuccess : call.answer(take(memory, bytes));
}

cudaError_t cudaFree(void *memory) {
    api_call call;
    cudaError_t error = call.error ? call.error : call.unless_capturing();
    if (error == cudaErrorStreamCaptureUnsupported || !memory)
        return call.answer(error);
    counts.waits++;
    count_device_wide_wait();
    cudaError_t given = give(memory);
    return call.answer(error ? error : given); // the device may be lost
}

// ---- stream-ordered allocation ----------------------------------------------------------------

// Work of a stream is executed at once, so memory is allocated, or freed, when the call returns.
// Capturing these calls is not supported, because merbench does not need it.
static cudaError_t stream_error(const api_call &call, cudaStream_t stream) {
    if (call.error)
        return call.error;
    if (!runtime.settings.pools)
        return cudaErrorNotSupported;
    if (!find_stream(stream))
        return cudaErrorInvalidResourceHandle;
    return is_capturing(stream) ? cudaErrorStreamCaptureUnsupported : cudaSuccess;
}

cudaError_t cudaMallocAsync(void **memory, size_t bytes, cudaStream_t stream) {
    api_call call;
    cudaError_t error = stream_error(call, stream);
    if (error || !memory || bytes == 0)
        return call.answer(error ? error : cudaErrorInvalidValue);
    *memory = NULL;
    return call.answer(take(memory, bytes));
}

cudaError_t cudaFreeAsync(void *memory, cudaStream_t stream) {
    api_call call;
    cudaError_t error = stream_error(call, stream), given = give(memory);
    return call.answer(error ? error : given);
}

cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t *pool, int number) {
    api_call call;
    if (call.error)
        return call.error;
    if (!runtime.settings.pools)
        return call.answer(cudaErrorNotSupported);
    if (!pool || number < 0 || number >= runtime.settings.devices)
        return call.answer(pool ? cudaErrorInvalidDevice : cudaErrorInvalidValue);
    *pool = reinterpret_cast<cudaMemPool_t>((uintptr_t)number + 1);
    return cudaSuccess;
}

// The simulated pool keeps no freed memory.
cudaError_t cudaMemPoolTrimTo(cudaMemPool_t pool, size_t) {
    api_call call;
    return call.answer(call.error ? call.error : pool ? cudaSuccess : cudaErrorInvalidValue);
}

// ---- host memory ------------------------------------------------------------------------------

cudaError_t cudaMallocHost(void **memory, size_t bytes) {
    api_call call;
    cudaError_t error = call.error ? call.error : call.unless_capturing();
    if (error || !memory)
        return call.answer(error ? error : cudaErrorInvalidValue);
    device_time time;
    *memory = NULL;
    if (bytes == 0)
        return cudaSuccess;
    if (posix_memalign(memory, 256, bytes))
        return call.answer(cudaErrorMemoryAllocation);
    memset(*memory, 0xFF, bytes);
    counts.host_allocations++;
    runtime.host_memory[*memory] = bytes;
    return cudaSuccess;
}

cudaError_t cudaFreeHost(void *memory) {
    api_call call;
    auto found = runtime.host_memory.find(memory);
    if (memory && found == runtime.host_memory.end())
        return call.answer(call.error ? call.error : cudaErrorInvalidValue);
    if (memory && !call.error)
        refuse_late_copies(memory, found->second);
    if (memory)
        runtime.host_memory.erase(found);
    free(memory);
    return call.answer(call.error);
}

cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total_bytes) {
    api_call call;
    if (call.error)
        return call.error;
    size_t used = runtime.used[current_device()], total = runtime.settings.memory;
    *free_bytes = used < total ? total - used : 0;
    *total_bytes = total;
    return cudaSuccess;
}
