// Captures the work of streams, and executes it later.
#include "runtime.h"
#include "statistics.h"

#include <new>

using namespace cudasim;

struct cudasim_graph {
    std::vector<operation> operations;
};

struct cudasim_graph_exec {
    std::shared_ptr<const std::vector<operation>> operations;
};

namespace cudasim {

static cudaError_t run_operations(const std::vector<operation> &operations) {
    device_time time;
    cudaError_t error = cudaSuccess;
    expose_memory();
    for (size_t i = 0; i < operations.size() && !error; i++)
        error = operations[i]();
    hide_memory();
    return error;
}

// Whether a stream other than the origin has work for which no stream of the capture waited.
static bool has_unjoined_work(const capture &ended) {
    for (const auto &[stream, last] : ended.last) {
        auto until = ended.until.find(stream);
        if (stream != ended.origin && (until == ended.until.end() || until->second < last))
            return true;
    }
    return false;
}

} // namespace cudasim

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
    api_call call;
    if (call.error)
        return call.error;
    cudasim_stream *found = find_stream(stream);
    if (!found)
        return call.answer(cudaErrorInvalidResourceHandle);
    if (!runtime.streams.count(stream)) // the default stream
        return call.answer(cudaErrorStreamCaptureUnsupported);
    if (stream->capture)
        return call.answer(cudaErrorIllegalState);
    stream->capture = std::make_shared<capture>();
    stream->capture->mode = mode;
    stream->capture->thread = std::this_thread::get_id();
    stream->capture->origin = stream;
    stream->capture->invalid = false;
    stream->capture->clock = 0;
    runtime.captures.insert(stream->capture);
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph) {
    api_call call;
    *graph = NULL;
    cudasim_stream *found = find_stream(stream);
    if (!found || !found->capture)
        return call.answer(found ? cudaErrorIllegalState : cudaErrorInvalidResourceHandle);
    std::shared_ptr<capture> ended = stream->capture;
    if (ended->origin != stream)
        return call.answer(cudaErrorStreamCaptureUnmatched);
    for (cudaStream_t other : runtime.streams)
        if (other->capture == ended)
            other->capture.reset();
    runtime.captures.erase(ended);
    if (call.error)
        return call.error;
    if (ended->invalid)
        return call.answer(cudaErrorStreamCaptureInvalidated);
    if (has_unjoined_work(*ended))
        return call.answer(cudaErrorStreamCaptureUnjoined);
    *graph = new (std::nothrow) cudasim_graph{std::move(ended->operations)};
    return call.answer(*graph ? cudaSuccess : cudaErrorMemoryAllocation);
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus *status) {
    api_call call;
    if (call.error)
        return call.error;
    cudasim_stream *found = find_stream(stream);
    if (!found)
        return call.answer(cudaErrorInvalidResourceHandle);
    *status = !found->capture           ? cudaStreamCaptureStatusNone
              : found->capture->invalid ? cudaStreamCaptureStatusInvalidated
                                        : cudaStreamCaptureStatusActive;
    return cudaSuccess;
}

// Only returns the number of nodes.
cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t *nodes, size_t *count) {
    api_call call;
    if (!graph || nodes)
        return call.answer(nodes ? cudaErrorNotSupported : cudaErrorInvalidValue);
    *count = graph->operations.size();
    return call.error;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph,
                                 unsigned long long flags) {
    api_call call;
    (void)flags;
    if (call.error || !graph)
        return call.answer(call.error ? call.error : cudaErrorInvalidValue);
    *exec = new (std::nothrow)
        cudasim_graph_exec{std::make_shared<const std::vector<operation>>(graph->operations)};
    return call.answer(*exec ? cudaSuccess : cudaErrorMemoryAllocation);
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph, cudaGraphNode_t *node,
                                 char *log, size_t log_bytes) {
    if (node)
        *node = NULL;
    if (log && log_bytes)
        *log = 0;
    return cudaGraphInstantiate(exec, graph, 0ull);
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
    api_call call;
    if (call.error || !exec)
        return call.answer(call.error ? call.error : cudaErrorInvalidValue);
    counts.graph_launches++;
    auto operations = exec->operations; // shared: a capture may outlive exec
    return call.answer(submit(stream, [operations] { return run_operations(*operations); }));
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    api_call call;
    delete graph;
    return call.answer(call.error);
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
    api_call call;
    delete exec;
    return call.answer(call.error);
}
