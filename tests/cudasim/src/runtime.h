// What stands behind the runtime API: one device memory, streams, captures, errors, settings.
#ifndef CUDASIM_RUNTIME_H
#define CUDASIM_RUNTIME_H

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "cudasim/api.h"
#include "order.h"

namespace cudasim {

enum { MAX_DEVICES = 8, RUNTIME_VERSION = CUDART_VERSION };

// CUDASIM_*; README.md says what each does.
struct environment {
    order_kind order;
    uint64_t seed;
    int devices, driver, major, minor;
    size_t memory; // of a device, bytes
    uint64_t lost_after;
    bool busy[MAX_DEVICES]; // no context can be made
    uint64_t slow;          // milliseconds that making one takes
    bool hide, pools;
};

struct allocation {
    size_t bytes;
    int device;
};

typedef std::function<cudaError_t()> operation;

// A copy from or to the host's memory that might only be made later.
struct late_copy {
    void *host;
    size_t bytes;
    uint64_t digest;           // of what it read
    std::vector<char> arrives; // what it writes; empty: it reads
};

struct capture {
    std::vector<operation> operations;
    cudaStreamCaptureMode mode;
    std::thread::id thread;
    cudaStream_t origin;
    bool invalid;
    uint64_t clock;                               // counts operations and joins
    std::map<cudaStream_t, uint64_t> last, until; // latest; waited for by another stream
};

struct runtime_state {
    std::recursive_mutex lock;
    environment settings;
    bool loaded, lost;
    uint64_t launches;
    bool contexts[MAX_DEVICES]; // whether there is one
    std::map<uintptr_t, allocation> memory;
    std::map<void *, size_t> host_memory; // page-locked: bytes
    size_t used[MAX_DEVICES];
    std::map<const void *, int> shared_limits; // of kernels, by cudaFuncSetAttribute
    std::set<cudaStream_t> streams;
    std::set<std::shared_ptr<capture>> captures; // under way
    int exposed;
};

extern runtime_state runtime;

// Most calls make a context on the current device where there is none; some get by without.
enum call_needs { NEEDS_CONTEXT, NEEDS_NO_CONTEXT };

// One call of the API: holds the lock, knows whether there is a device at all, keeps the error.
struct api_call {
    std::lock_guard<std::recursive_mutex> guard;
    cudaError_t error; // that every call has: no device, lost, or no context
    explicit api_call(call_needs needs = NEEDS_CONTEXT);
    cudaError_t answer(cudaError_t result) const; // also for cudaGetLastError
    // For calls that a capture does not allow: the error, having broken the capture, or success.
    cudaError_t unless_capturing() const;
};

int current_device();
// Counts a call that waits for all that the device was given.
void count_device_wide_wait();
environment read_environment();

// The thread that drivers start with the first context.
void start_driver_thread();

// The stream behind a handle (NULL stands for the default stream), or NULL if there is none or it
// is another device's.
cudasim_stream *find_stream(cudaStream_t stream);
bool is_capturing(cudaStream_t stream);
// Runs the operation, or records it if the stream captures.
cudaError_t submit(cudaStream_t stream, const operation &work);

void note_late_read(cudasim_stream *stream, const void *from, size_t bytes);
// Takes what was just written there away until it arrives.
void note_late_write(cudasim_stream *stream, void *to, size_t bytes);
// The host has waited for the first `noted` of the stream's copies: what they write arrives; a
// message and abort where the memory that they read is another than it was.
void settle_late_copies(cudasim_stream *stream, uint64_t noted);
// Likewise where such memory is freed.
void refuse_late_copies(const void *memory, size_t bytes);

// While the host runs, device memory is poisoned under AddressSanitizer; kernels see it.
void expose_memory();
void hide_memory();
void expose_range(const void *memory, size_t bytes);
void hide_range(const void *memory, size_t bytes);

} // namespace cudasim

struct cudasim_stream {
    int device;
    unsigned flags;
    std::shared_ptr<cudasim::capture> capture;
    std::deque<cudasim::late_copy> late_copies; // since the host waited
    uint64_t copies_noted;                      // ever
};

#endif
