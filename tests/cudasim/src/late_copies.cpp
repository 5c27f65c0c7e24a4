// Finds misuse of asynchronous copies between host and device. Until the host has waited for the
// stream, host memory that a copy reads must not change, and host memory that it writes must not be
// read. The simulator copies at once. So when the host waits, it checks that what a copy read has
// not changed, and until then it shows NaN where a copy writes.
#include "runtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace cudasim {

static uint64_t digest(const void *memory, size_t bytes) {
    const unsigned char *at = (const unsigned char *)memory;
    uint64_t sum = bytes, word = 0;
    for (; bytes >= sizeof word; bytes -= sizeof word, at += sizeof word) {
        memcpy(&word, at, sizeof word);
        sum = (sum ^ word) * 0x9E3779B97F4A7C15u;
        sum ^= sum >> 29;
    }
    word = 0;
    memcpy(&word, at, bytes);
    return (sum ^ word) * 0x9E3779B97F4A7C15u;
}

void note_late_read(cudasim_stream *stream, const void *from, size_t bytes) {
    stream->late_copies.push_back({const_cast<void *>(from), bytes, digest(from, bytes), {}});
    stream->copies_noted++;
}

void note_late_write(cudasim_stream *stream, void *to, size_t bytes) {
    const char *first = static_cast<const char *>(to);
    stream->late_copies.push_back({to, bytes, 0, std::vector<char>(first, first + bytes)});
    stream->copies_noted++;
    memset(to, 0xFF, bytes);
}

static void settle(const late_copy &copy) {
    if (!copy.arrives.empty()) {
        memcpy(copy.host, copy.arrives.data(), copy.bytes);
        return;
    }
    if (digest(copy.host, copy.bytes) == copy.digest)
        return;
    fprintf(stderr,
            "cudasim: %zu bytes of the host at %p were changed while a copy might still read them: "
            "wait for the stream first\n",
            copy.bytes, copy.host);
    abort();
}

void settle_late_copies(cudasim_stream *stream, uint64_t noted) {
    uint64_t settled = stream->copies_noted - stream->late_copies.size();
    for (; settled < noted && !stream->late_copies.empty(); settled++) {
        settle(stream->late_copies.front());
        stream->late_copies.pop_front();
    }
}

// Aborts if a copy might still read or write host memory that is being freed.
void refuse_late_copies(const void *memory, size_t bytes) {
    for (cudaStream_t stream : runtime.streams)
        for (const late_copy &copy : stream->late_copies)
            if ((const char *)copy.host < (const char *)memory + bytes &&
                (const char *)memory < (const char *)copy.host + copy.bytes) {
                fprintf(stderr,
                        "cudasim: page-locked memory at %p is freed while a copy might "
                        "still use it: wait for the stream first\n",
                        memory);
                abort();
            }
}

} // namespace cudasim
