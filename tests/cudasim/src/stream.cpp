// Streams and events. Work is executed when it is submitted, unless its stream is capturing.
#include "cudasim/control.h"
#include "runtime.h"
#include "statistics.h"

#include <chrono>
#include <new>

using namespace cudasim;

typedef std::chrono::steady_clock::time_point moment;

struct cudasim_event {
    unsigned flags;
    bool recorded;
    moment when;
    // recorded in a capture
    std::shared_ptr<capture> within;
    cudaStream_t source;
    uint64_t clock;
    uint64_t copies; // copies of the source before the event
};

namespace cudasim {

static cudasim_stream default_stream;

// Handles 1 and 2 are the legacy and the per-thread default stream.
cudasim_stream *find_stream(cudaStream_t stream) {
    if ((uintptr_t)stream <= 2)
        return &default_stream;
    return runtime.streams.count(stream) && stream->device == current_device() ? stream : NULL;
}

static thread_local uint64_t waits_of_thread;

void count_device_wide_wait() {
    waits_of_thread++;
}

bool is_capturing(cudaStream_t handle) {
    cudasim_stream *stream = find_stream(handle);
    return stream && stream->capture;
}

// Whether the default stream would have to wait for a stream that is capturing.
static bool default_stream_would_wait() {
    for (cudaStream_t stream : runtime.streams)
        if (stream->capture && !(stream->flags & cudaStreamNonBlocking))
            return true;
    return false;
}

cudaError_t submit(cudaStream_t handle, const operation &work) {
    cudasim_stream *stream = find_stream(handle);
    if (!stream)
        return cudaErrorInvalidResourceHandle;
    if (stream == &default_stream && default_stream_would_wait()) {
        for (const auto &open : runtime.captures)
            open->invalid = true;
        return cudaErrorStreamCaptureImplicit;
    }
    capture *into = stream->capture.get();
    if (!into)
        return work();
    if (into->invalid)
        return cudaErrorStreamCaptureInvalidated;
    into->operations.push_back(work);
    into->last[stream] = ++into->clock;
    return cudaSuccess;
}

cudaError_t api_call::unless_capturing() const {
    bool found = false;
    for (const auto &open : runtime.captures) {
        bool ours = open->thread == std::this_thread::get_id();
        if (open->mode == cudaStreamCaptureModeGlobal ||
            (ours && open->mode == cudaStreamCaptureModeThreadLocal))
            found = open->invalid = true;
    }
    return found ? cudaErrorStreamCaptureUnsupported : cudaSuccess;
}

// Waiting for a stream is never allowed while it captures.
static cudaError_t wait_error(cudasim_stream *stream) {
    counts.waits++;
    if (!stream)
        return cudaErrorInvalidResourceHandle;
    if (!stream->capture) {
        settle_late_copies(stream, stream->copies_noted);
        return cudaSuccess;
    }
    stream->capture->invalid = true;
    return cudaErrorStreamCaptureUnsupported;
}

} // namespace cudasim

uint64_t cudasim_device_wide_waits(void) {
    return waits_of_thread;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags) {
    api_call call;
    if (call.error)
        return call.error;
    if (flags & ~(unsigned)cudaStreamNonBlocking)
        return call.answer(cudaErrorInvalidValue);
    *stream = new (std::nothrow) cudasim_stream{current_device(), flags, nullptr, {}, 0};
    if (!*stream)
        return call.answer(cudaErrorMemoryAllocation);
    runtime.streams.insert(*stream);
    return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    api_call call;
    if (!runtime.streams.erase(stream))
        return call.answer(call.error ? call.error : cudaErrorInvalidResourceHandle);
    if (stream->capture)
        stream->capture->invalid = true;
    delete stream;
    return call.answer(call.error);
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    api_call call;
    return call.answer(call.error ? call.error : wait_error(find_stream(stream)));
}

cudaError_t cudaDeviceSynchronize() {
    api_call call;
    cudaError_t error = call.error ? call.error : call.unless_capturing();
    count_device_wide_wait();
    for (cudaStream_t stream : runtime.streams)
        if (!error && stream->device == current_device())
            error = wait_error(stream);
    return call.answer(error);
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags) {
    api_call call;
    if (call.error)
        return call.error;
    *event = new (std::nothrow) cudasim_event{flags, false, {}, nullptr, NULL, 0, 0};
    return call.answer(*event ? cudaSuccess : cudaErrorMemoryAllocation);
}

cudaError_t cudaEventCreate(cudaEvent_t *event) {
    return cudaEventCreateWithFlags(event, cudaEventDefault);
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
    api_call call;
    if (!event)
        return call.answer(cudaErrorInvalidResourceHandle);
    delete event;
    return call.answer(call.error);
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t handle) {
    api_call call;
    cudasim_stream *stream = find_stream(handle);
    if (call.error)
        return call.error;
    if (!event || !stream)
        return call.answer(cudaErrorInvalidResourceHandle);
    event->recorded = true;
    event->when = std::chrono::steady_clock::now();
    event->within = stream->capture;
    event->source = stream;
    event->clock = stream->capture ? stream->capture->clock : 0;
    event->copies = stream->copies_noted;
    return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
    api_call call;
    if (call.error)
        return call.error;
    if (!event)
        return call.answer(cudaErrorInvalidResourceHandle);
    counts.waits++;
    if (event->within)
        event->within->invalid = true;
    else if (event->source == &default_stream || runtime.streams.count(event->source))
        settle_late_copies(event->source, event->copies);
    return call.answer(event->within ? cudaErrorStreamCaptureUnsupported : cudaSuccess);
}

cudaError_t cudaEventElapsedTime(float *milliseconds, cudaEvent_t start, cudaEvent_t end) {
    api_call call;
    if (call.error)
        return call.error;
    for (cudaEvent_t event : {start, end})
        if (!event || !event->recorded || event->within || event->flags & cudaEventDisableTiming)
            return call.answer(cudaErrorInvalidResourceHandle);
    *milliseconds =
        (float)std::chrono::duration<double, std::milli>(end->when - start->when).count();
    return cudaSuccess;
}

// A stream that waits for an event of a capture joins the capture; it is joined back when a stream
// of the capture waits for it.
cudaError_t cudaStreamWaitEvent(cudaStream_t handle, cudaEvent_t event, unsigned flags) {
    api_call call;
    cudasim_stream *stream = find_stream(handle);
    if (call.error)
        return call.error;
    if (!event || !stream || flags)
        return call.answer(cudaErrorInvalidResourceHandle);
    const std::shared_ptr<capture> &within = event->within;
    if (!within || !runtime.captures.count(within))
        return cudaSuccess; // work of other streams is done already
    if (stream->capture && stream->capture != within) {
        stream->capture->invalid = within->invalid = true;
        return call.answer(cudaErrorStreamCaptureInvalidated);
    }
    if (!stream->capture) {
        stream->capture = within;
        within->last[stream] = ++within->clock;
    }
    uint64_t *until = &within->until[event->source];
    *until = event->clock > *until ? event->clock : *until;
    return cudaSuccess;
}
