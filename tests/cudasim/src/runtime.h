// The state behind the runtime API: memory, streams, captures, errors, settings.
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
    bool busy[MAX_DEVICES]; // the device refuses a context
    uint64_t slow;          // milliseconds that making a context takes
    bool hide, pools;
};

struct allocation {
    size_t bytes;
    int device;
};

typedef std::function<cudaError_t()> operation;

// A copy from or to host memory which a GPU might execute later.
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
    uint64_t clock; // counts operations and joins
    std::map<cudaStream_t, uint64_t> last,
        until; // latest operation; up to which another stream has waited
};

struct runtime_state {
    std::recursive_mutex lock;
    environment settings;
    bool loaded, lost;
    uint64_t launches;
    bool contexts[MAX_DEVICES]; // whether the device has one
    std::map<uintptr_t, allocation> memory;
    std::map<void *, size_t> host_memory; // page-locked: bytes
    size_t used[MAX_DEVICES];
    std::map<const void *, int> shared_limits; // of kernels, set by cudaFuncSetAttribute
    std::set<cudaStream_t> streams;
    std::set<std::shared_ptr<capture>> captures; // not yet ended
    int exposed;
};

extern runtime_state runtime;

// Most calls make a context on the current device if it has none; some do not need one.
enum call_needs { NEEDS_CONTEXT, NEEDS_NO_CONTEXT };

// One call of the API: holds the lock, checks that there is a device, and keeps the error.
struct api_call {
    std::lock_guard<std::recursive_mutex> guard;
    cudaError_t error; // an error that every call returns: no device, device lost, no context
    explicit api_call(call_needs needs = NEEDS_CONTEXT);
    cudaError_t answer(cudaError_t result) const; // returns it, and keeps it for cudaGetLastError
    // For calls that are forbidden during a capture: invalidates the captures and returns the
    // error, or returns success.
    cudaError_t unless_capturing() const;
};

int current_device();
// Counts a call that waits for all streams of the device.
void count_device_wide_wait();
environment read_environment();

// Starts the thread that drivers start with the first context.
void start_driver_thread();

// The stream of a handle (NULL is the default stream); NULL if there is no such stream on the
// current device.
cudasim_stream *find_stream(cudaStream_t stream);
bool is_capturing(cudaStream_t stream);
// Runs the operation, or records it if the stream captures.
cudaError_t submit(cudaStream_t stream, const operation &work);

void note_late_read(cudasim_stream *stream, const void *from, size_t bytes);
// Hides what a copy has written until the host waits for it.
void note_late_write(cudasim_stream *stream, void *to, size_t bytes);
// To be called when the host has waited for the first `noted` copies of the stream: shows what they
// have written, and aborts with a message if memory that they read has changed.
void settle_late_copies(cudasim_stream *stream, uint64_t noted);
// Aborts with a message if such memory is being freed.
void refuse_late_copies(const void *memory, size_t bytes);

// With AddressSanitizer, device memory is poisoned while host code runs, and exposed while kernels
// run.
void expose_memory();
void hide_memory();
void expose_range(const void *memory, size_t bytes);
void hide_range(const void *memory, size_t bytes);

} // namespace cudasim

struct cudasim_stream {
    int device;
    unsigned flags;
    std::shared_ptr<cudasim::capture> capture;
    std::deque<cudasim::late_copy> late_copies; // since the host last waited
    uint64_t copies_noted;                      // in total
};

#endif
