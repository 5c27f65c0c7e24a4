// Knows which memory belongs to the device, hides it from the host, and copies it.
#include "runtime.h"
#include "statistics.h"

#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define CUDASIM_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CUDASIM_ASAN 1
#endif
#endif
#ifdef CUDASIM_ASAN
#include <sanitizer/asan_interface.h>
#endif

using namespace cudasim;

namespace cudasim {

static void set_hidden(uintptr_t first, uintptr_t end, bool hidden) {
#ifdef CUDASIM_ASAN
    if (!runtime.settings.hide)
        return;
    if (hidden)
        __asan_poison_memory_region((void *)first, end - first);
    else
        __asan_unpoison_memory_region((void *)first, end - first);
#else
    (void)first, (void)end, (void)hidden;
#endif
}

static void set_all_hidden(bool hidden) {
    for (const auto &[first, block] : runtime.memory)
        set_hidden(first, first + block.bytes, hidden);
}

void expose_memory() {
    if (runtime.exposed++ == 0)
        set_all_hidden(false);
}

void hide_memory() {
    if (--runtime.exposed == 0)
        set_all_hidden(true);
}

static bool find(const void *memory, uintptr_t *first, size_t *bytes) {
    auto after = runtime.memory.upper_bound((uintptr_t)memory);
    if (after == runtime.memory.begin())
        return false;
    --after;
    *first = after->first;
    *bytes = after->second.bytes;
    return (uintptr_t)memory < *first + *bytes;
}

static void set_range_hidden(const void *memory, size_t bytes, bool hidden) {
    uintptr_t first, from = (uintptr_t)memory / 8 * 8, to = (uintptr_t)memory + bytes;
    size_t size;
    if (runtime.exposed || !find(memory, &first, &size))
        return;
    to = (to + 7) / 8 * 8; // AddressSanitizer poisons 8 bytes at a time
    set_hidden(from < first ? first : from, to > first + size ? first + size : to, hidden);
}

void expose_range(const void *memory, size_t bytes) {
    set_range_hidden(memory, bytes, false);
}

void hide_range(const void *memory, size_t bytes) {
    set_range_hidden(memory, bytes, true);
}

// Whether the bytes are within an allocation of the device (on_device), or outside of all of them.
static bool lies(const void *memory, size_t bytes, bool on_device) {
    uintptr_t first;
    size_t size;
    if (!find(memory, &first, &size))
        return !on_device && memory;
    return on_device && bytes <= first + size - (uintptr_t)memory;
}

static bool lies_anywhere(const void *memory, size_t bytes) {
    return lies(memory, bytes, true) || lies(memory, bytes, false);
}

static cudaError_t check_copy(void *to, const void *from, size_t bytes, cudaMemcpyKind kind) {
    switch (kind) {
    case cudaMemcpyDefault:
        return lies_anywhere(to, bytes) && lies_anywhere(from, bytes) ? cudaSuccess
                                                                      : cudaErrorInvalidValue;
    case cudaMemcpyHostToHost:
    case cudaMemcpyHostToDevice:
    case cudaMemcpyDeviceToHost:
    case cudaMemcpyDeviceToDevice:
        return lies(to, bytes, kind & cudaMemcpyHostToDevice) &&
                       lies(from, bytes, kind & cudaMemcpyDeviceToHost)
                   ? cudaSuccess
                   : cudaErrorInvalidValue;
    }
    return cudaErrorInvalidMemcpyDirection;
}

static cudaError_t copy_now(void *to, const void *from, size_t bytes, cudaMemcpyKind kind) {
    if (check_copy(to, from, bytes, kind))
        return cudaErrorIllegalAddress; // freed since the graph was recorded
    device_time time;
    expose_range(to, bytes);
    expose_range(from, bytes);
    memcpy(to, from, bytes); // with AddressSanitizer memmove is slow, and memcpy reports overlaps
    hide_range(to, bytes);
    hide_range(from, bytes);
    return cudaSuccess;
}

static cudaError_t set_now(void *memory, int value, size_t bytes) {
    if (!lies(memory, bytes, true))
        return cudaErrorIllegalAddress;
    device_time time;
    expose_range(memory, bytes);
    memset(memory, value, bytes);
    hide_range(memory, bytes);
    return cudaSuccess;
}

} // namespace cudasim

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
    return cudaMemcpy2DAsync(to, bytes, from, bytes, bytes, 1, kind, stream);
}

cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, cudaMemcpyKind kind) {
    api_call call;
    cudaError_t error = call.error ? call.error : call.unless_capturing();
    if (!error)
        error = cudaMemcpyAsync(to, from, bytes, kind, NULL);
    return call.answer(error ? error : cudaStreamSynchronize(NULL));
}

cudaError_t cudaMemcpy2DAsync(void *to, size_t to_pitch, const void *from, size_t from_pitch,
                              size_t width, size_t height, cudaMemcpyKind kind,
                              cudaStream_t stream) {
    api_call call;
    if (call.error || width == 0 || height == 0)
        return call.error;
    if (kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToHost) {
        (kind == cudaMemcpyHostToDevice ? counts.copies_up : counts.copies_down)++;
        (kind == cudaMemcpyHostToDevice ? counts.bytes_up : counts.bytes_down) += width * height;
    }
    size_t more = height - 1, pitch = to_pitch > from_pitch ? to_pitch : from_pitch;
    if (width > to_pitch || width > from_pitch || (more && pitch > (SIZE_MAX / 2 - width) / more))
        return call.answer(cudaErrorInvalidValue);
    cudaError_t error = check_copy(to, from, width, kind);
    for (size_t row = 0; row < height && !error; row++)
        error = check_copy((char *)to + row * to_pitch, (const char *)from + row * from_pitch,
                           width, kind);
    if (!error && kind == cudaMemcpyHostToDevice && find_stream(stream) && !is_capturing(stream))
        for (size_t row = 0; row < height; row++)
            note_late_read(find_stream(stream), (const char *)from + row * from_pitch, width);
    if (error)
        return call.answer(error);
    error = submit(stream, [=] {
        cudaError_t failed = cudaSuccess;
        for (size_t row = 0; row < height && !failed; row++)
            failed = copy_now((char *)to + row * to_pitch, (const char *)from + row * from_pitch,
                              width, kind);
        return failed;
    });
    if (!error && kind == cudaMemcpyDeviceToHost && !is_capturing(stream))
        for (size_t row = 0; row < height; row++)
            note_late_write(find_stream(stream), (char *)to + row * to_pitch, width);
    return call.answer(error);
}

cudaError_t cudaMemsetAsync(void *memory, int value, size_t bytes, cudaStream_t stream) {
    api_call call;
    if (call.error || bytes == 0)
        return call.error;
    if (!lies(memory, bytes, true))
        return call.answer(cudaErrorInvalidValue);
    return call.answer(submit(stream, [=] { return set_now(memory, value, bytes); }));
}

cudaError_t cudaMemset(void *memory, int value, size_t bytes) {
    api_call call;
    cudaError_t error = call.error ? call.error : call.unless_capturing();
    return call.answer(error ? error : cudaMemsetAsync(memory, value, bytes, NULL));
}
