// Copies from the host's memory may read it late: until the stream is waited for, the source must
// stay as it is. Here copies are made at once, so what they read is looked at again when the host
// waits.
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
    stream->late_reads.push_back({from, bytes, digest(from, bytes)});
    stream->reads_noted++;
}

void settle_late_reads(cudasim_stream *stream, uint64_t noted) {
    uint64_t settled = stream->reads_noted - stream->late_reads.size();
    for (; settled < noted && !stream->late_reads.empty(); settled++) {
        const late_read &read = stream->late_reads.front();
        if (digest(read.from, read.bytes) != read.digest) {
            fprintf(stderr,
                    "cudasim: %zu bytes of the host at %p were changed while a copy might still "
                    "read them: wait for the stream first\n",
                    read.bytes, read.from);
            abort();
        }
        stream->late_reads.pop_front();
    }
}

// Freed memory of the host that a copy might still read.
void refuse_late_reads(const void *memory, size_t bytes) {
    for (cudaStream_t stream : runtime.streams)
        for (const late_read &read : stream->late_reads)
            if ((const char *)read.from < (const char *)memory + bytes &&
                (const char *)memory < (const char *)read.from + read.bytes) {
                fprintf(stderr,
                        "cudasim: page-locked memory at %p is freed while a copy might "
                        "still read it: wait for the stream first\n",
                        memory);
                abort();
            }
}

} // namespace cudasim
