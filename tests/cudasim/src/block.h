// Runs the blocks of a kernel; the state of the threads of a block.
#ifndef CUDASIM_BLOCK_H
#define CUDASIM_BLOCK_H

#include <functional>
#include <vector>

#include "cudasim/types.h"
#include "cudasim/warp.h"
#include "fiber.h"
#include "order.h"

namespace cudasim {

enum { MAX_THREADS = 1024, WARP = 32, MAX_WARPS = MAX_THREADS / WARP };

struct kernel_call {
    const char *name;
    dim3 grid, block;
    size_t shared_bytes;
    std::function<void()> call; // executes one thread
};

// Runs every block of a kernel, whose limits have been checked. Only one host thread may call it at
// a time.
void run_kernel(const kernel_call &kernel, const ordering &order);

// ---- shared by the files of a block
// --------------------------------------------------------------

enum thread_wait { NOT_STARTED, RUNNABLE, AT_BARRIER, AT_WARP, ENDED };

struct open_copy {
    void *to;
    const void *from;
    size_t bytes;
    int group;
};

struct thread_state {
    fiber *home; // NULL: not started, or ended
    thread_wait wait;
    source_line at; // where it waits
    // for a warp operation
    warp_operation operation;
    unsigned mask;
    int source;
    uint64_t value; // the operand of the thread, later the result
    // for asynchronous copies
    std::vector<open_copy> copies;
    int groups; // committed
};

// The block that is running. There is only one, because there is only one threadIdx.
struct block_state {
    const kernel_call *kernel; // NULL: no block is running
    ordering order;
    int count, ended;
    int now;                             // the thread that is running
    int arrived, votes, counted;         // at the barrier; outcome of the latest barrier
    unsigned warp_waiting[MAX_WARPS];    // lanes at a warp operation
    uint64_t runnable[MAX_THREADS / 64]; // bit = position
    uint16_t thread_at[MAX_THREADS], position_of[MAX_THREADS];
    fiber host, *idle, *entering;
    void *shared;
    thread_state threads[MAX_THREADS];
};

extern block_state block;

// Aborts with a message unless a kernel is running; for functions that host code must not call.
void require_kernel(const char *what, source_line at);
void make_runnable(int thread);
// Makes all threads runnable, in a new order if the order is random.
void make_all_runnable();
// Lets other threads run until the calling thread is runnable and its turn comes.
void wait_for_turn();
// The tensor product of a warp, from the operands of each lane.
void multiply_warp(const uint64_t (&given)[WARP]);

inline bool same_line(source_line a, source_line b) {
    return a.line == b.line && (a.file == b.file || !__builtin_strcmp(a.file, b.file));
}

// Both abort with a message on stderr that names kernel, block and thread.
[[noreturn]] void fail(source_line at, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
[[noreturn]] void fail_stuck(); // no thread can go on

} // namespace cudasim

#endif
