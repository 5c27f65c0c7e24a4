// Messages about kernels whose behaviour is undefined in CUDA.
#include "block.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

namespace cudasim {

static uint3 index_of(int thread) {
    unsigned number = (unsigned)thread, x = running.block_dim.x, y = running.block_dim.y;
    return {number % x, number / x % y, number / x / y};
}

static void print_place(int thread) {
    uint3 at = index_of(thread);
    fprintf(stderr, "cudasim: kernel '%s', block (%u, %u, %u), thread (%u, %u, %u)",
            block.kernel->name, running.block.x, running.block.y, running.block.z, at.x, at.y,
            at.z);
}

void fail(source_line at, const char *format, ...) {
    print_place(block.now);
    fprintf(stderr, ", %s:%d: ", at.file, at.line);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    abort();
}

static bool alike(const thread_state &a, const thread_state &b) {
    if (a.wait != b.wait)
        return false;
    if (a.wait == AT_WARP && a.mask != b.mask)
        return false;
    return (a.wait != AT_WARP && a.wait != AT_BARRIER) || same_line(a.at, b.at);
}

static void print_state(int thread, int count) {
    const thread_state &state = block.threads[thread];
    uint3 at = index_of(thread);
    fprintf(stderr, "  thread (%u, %u, %u)", at.x, at.y, at.z);
    if (count > 1)
        fprintf(stderr, " and %d others", count - 1);
    if (state.wait == ENDED)
        fprintf(stderr, ": ended\n");
    else if (state.wait == AT_BARRIER)
        fprintf(stderr, ": at __syncthreads, %s:%d\n", state.at.file, state.at.line);
    else if (state.wait == AT_WARP)
        fprintf(stderr, ": at a warp operation with mask 0x%08x, %s:%d\n", state.mask,
                state.at.file, state.at.line);
    else
        fprintf(stderr, ": about to go on\n");
}

// Threads in the same state share a line.
void fail_stuck() {
    int waiting = 0;
    while (waiting + 1 < block.count && block.threads[waiting].wait != AT_BARRIER &&
           block.threads[waiting].wait != AT_WARP)
        waiting++;
    const thread_state &state = block.threads[waiting];
    print_place(waiting);
    fprintf(stderr, ", %s:%d: %s not reached by %s\n", state.at.file, state.at.line,
            state.wait == AT_WARP ? "warp operation" : "__syncthreads",
            state.wait == AT_WARP ? "all lanes of its mask" : "all threads of the block");
    for (int i = 0; i < block.count; i++) {
        int count = 0;
        bool told = false;
        for (int j = 0; j < block.count; j++) {
            told |= j < i && alike(block.threads[j], block.threads[i]);
            count += alike(block.threads[j], block.threads[i]);
        }
        if (!told)
            print_state(i, count);
    }
    abort();
}

} // namespace cudasim
