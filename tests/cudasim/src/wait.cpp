// Barriers and warp operations: waits until all threads have arrived, and computes the results.
#include "block.h"

namespace cudasim {

int barrier(int predicate, source_line at) {
    require_kernel("__syncthreads", at);
    thread_state *me = &block.threads[block.now];
    me->wait = AT_BARRIER;
    me->at = at;
    block.votes += predicate != 0;
    if (++block.arrived == block.count) {
        for (int i = 0; i < block.count; i++)
            if (!same_line(block.threads[i].at, at))
                fail_stuck();
        block.counted = block.votes;
        block.arrived = block.votes = 0;
        make_all_runnable();
    }
    wait_for_turn();
    return block.counted; // the next barrier needs this thread, so this is still the count of this barrier
}

int lane() {
    return block.now % WARP;
}

void check_width(int width, source_line at) {
    require_kernel("a shuffle", at);
    if (width < 1 || width > WARP || (width & (width - 1)))
        fail(at, "a shuffle's width is a power of two of at most 32, not %d", width);
}

// Whether all lanes of the warp that `mask` names are at the same operation as `like`.
static bool all_at(const thread_state *lanes, unsigned mask, const thread_state *like) {
    for (int i = 0; i < WARP; i++)
        if (mask >> i & 1 && (lanes[i].mask != mask || lanes[i].operation != like->operation ||
                              !same_line(lanes[i].at, like->at)))
            return false;
    return true;
}

static void finish_operation(int first, unsigned mask, warp_operation operation) {
    thread_state *lanes = &block.threads[first];
    uint64_t given[WARP] = {0}, votes = 0;
    for (int i = 0; i < WARP; i++)
        if (mask >> i & 1) {
            given[i] = lanes[i].value;
            votes |= (uint64_t)(given[i] != 0) << i;
        }
    if (operation == WARP_TENSOR)
        multiply_warp(given);
    for (int i = 0; i < WARP; i++)
        if (mask >> i & 1) {
            lanes[i].value = operation == WARP_SHUFFLE ? given[lanes[i].source] : votes;
            make_runnable(first + i);
        }
    block.warp_waiting[first / WARP] &= ~mask;
}

uint64_t warp(warp_operation operation, unsigned mask, uint64_t value, int source, source_line at) {
    require_kernel("a warp operation", at);
    int me = block.now, first = me - me % WARP;
    int lanes = block.count - first < WARP ? block.count - first : WARP;
    if (!(mask >> me % WARP & 1))
        fail(at, "the mask 0x%08x does not name the calling lane %d", mask, me % WARP);
    if (lanes < WARP && mask >> lanes)
        fail(at, "the mask 0x%08x names lanes that the warp, of %d threads, does not have", mask,
             lanes);
    if (operation == WARP_SHUFFLE && !(mask >> source & 1))
        fail(at, "a shuffle reads lane %d, which the mask 0x%08x does not name", source, mask);
    thread_state *self = &block.threads[me];
    self->wait = AT_WARP;
    self->at = at;
    self->operation = operation;
    self->mask = mask;
    self->source = source;
    self->value = value;
    unsigned *waiting = &block.warp_waiting[me / WARP];
    *waiting |= 1u << me % WARP;
    if ((*waiting & mask) == mask && all_at(&block.threads[first], mask, self))
        finish_operation(first, mask, operation);
    wait_for_turn();
    return self->value;
}

} // namespace cudasim
