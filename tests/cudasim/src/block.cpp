// The scheduler of a block. The first runnable thread in order runs until it waits or ends. A
// thread gets a stack only when it starts, and a thread that ends without ever waiting passes its
// stack on to the next. So a kernel without barriers runs on a single stack.
#include "block.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace cudasim {

block_state block;
thread_indices running;

void make_runnable(int thread) {
    int position = block.position_of[thread];
    block.threads[thread].wait = RUNNABLE;
    block.runnable[position / 64] |= (uint64_t)1 << position % 64;
}

static void set_order() {
    order_threads(&block.order, block.thread_at, block.count);
    for (int i = 0; i < block.count; i++)
        block.position_of[block.thread_at[i]] = (uint16_t)i;
}

static void set_all_runnable(thread_wait state) {
    for (int i = 0; i < block.count; i++)
        block.threads[i].wait = state;
    for (int i = 0; i < block.count; i += 64)
        block.runnable[i / 64] =
            block.count - i >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << (block.count - i)) - 1;
}

void make_all_runnable() {
    if (block.order.kind == ORDER_SHUFFLED)
        set_order();
    set_all_runnable(RUNNABLE);
}

// Takes the first runnable thread in order, -1 if there is none.
static int take_next() {
    for (int i = 0; i * 64 < block.count; i++) {
        if (!block.runnable[i])
            continue;
        int position = i * 64 + __builtin_ctzll(block.runnable[i]);
        block.runnable[i] &= block.runnable[i] - 1;
        return block.thread_at[position];
    }
    return -1;
}

static void make_current(int thread) {
    block.now = thread;
    unsigned number = (unsigned)thread, x = running.block_dim.x, y = running.block_dim.y;
    if (number < x)
        running.thread = {number, 0, 0};
    else
        running.thread = {number % x, number / x % y, number / x / y};
}

// The function of a fiber: executes threads, one after another.
static void run_threads() {
    fiber *mine = block.entering;
    for (;;) {
        thread_state *thread = &block.threads[block.now];
        thread->home = mine;
        thread->wait = RUNNABLE;
        thread->copies.clear();
        thread->groups = 0;
        block.kernel->call();
        thread->home = NULL;
        thread->wait = ENDED;
        block.ended++;
        int next = take_next();
        if (next < 0 && block.ended < block.count)
            fail_stuck();
        if (next >= 0)
            make_current(next);
        if (next >= 0 && !block.threads[next].home)
            continue;
        mine->next_idle = block.idle;
        block.idle = mine;
        fiber_switch(mine, next >= 0 ? block.threads[next].home : &block.host);
    }
}

// A fiber that executes run_threads.
static fiber *take_fiber() {
    fiber *taken = block.idle;
    if (taken)
        block.idle = taken->next_idle;
    else
        taken = fiber_make(run_threads);
    block.entering = taken;
    return taken;
}

void wait_for_turn() {
    fiber *mine = block.threads[block.now].home;
    int me = block.now, next = take_next();
    if (next < 0)
        fail_stuck();
    if (next == me)
        return;
    make_current(next);
    fiber *home = block.threads[next].home;
    fiber_switch(mine, home ? home : take_fiber());
}

void require_kernel(const char *what, source_line at) {
    if (block.kernel)
        return;
    fprintf(stderr, "cudasim: %s:%d: %s outside of a kernel\n", at.file, at.line, what);
    abort();
}

static void run_block() {
    block.ended = block.arrived = block.votes = 0;
    memset(block.warp_waiting, 0, sizeof block.warp_waiting);
    if (block.shared)
        memset(block.shared, 0xFF, block.kernel->shared_bytes); // NaN
    set_order();
    set_all_runnable(NOT_STARTED);
    make_current(take_next());
    fiber_switch(&block.host, take_fiber());
}

void run_kernel(const kernel_call &kernel, const ordering &order) {
    block.kernel = &kernel;
    block.order = order;
    block.count = (int)(kernel.block.x * kernel.block.y * kernel.block.z);
    block.shared = kernel.shared_bytes ? malloc(kernel.shared_bytes) : NULL; // 16-byte aligned
    if (kernel.shared_bytes && !block.shared) {
        perror("cudasim: dynamic shared memory");
        exit(1);
    }
    running.grid_dim = kernel.grid;
    running.block_dim = kernel.block;
    uint64_t width = kernel.grid.x, height = kernel.grid.y;
    block_order blocks = order_blocks(&block.order, width * height * kernel.grid.z);
    for (uint64_t i = 0; i < blocks.count; i++) {
        uint64_t at = block_at(blocks, i);
        running.block = {(unsigned)(at % width), (unsigned)(at / width % height),
                         (unsigned)(at / width / height)};
        run_block();
    }
    free(block.shared);
    block.shared = NULL;
    block.kernel = NULL;
}

} // namespace cudasim
