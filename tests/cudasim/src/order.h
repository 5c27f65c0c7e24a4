// The order in which blocks, and threads between two barriers, run.
#ifndef CUDASIM_ORDER_H
#define CUDASIM_ORDER_H

#include <stdint.h>

namespace cudasim {

enum order_kind { ORDER_FORWARD, ORDER_REVERSE, ORDER_SHUFFLED };

struct ordering {
    order_kind kind;
    uint64_t state; // of the random number generator
};

// order[position] = thread
void order_threads(ordering *order, uint16_t *threads, int count);

// The block that runs at a position, out of `count`: (first + position * step) % count.
struct block_order {
    uint64_t first, step, count;
};
block_order order_blocks(ordering *order, uint64_t count);

inline uint64_t block_at(const block_order &order, uint64_t position) {
    return (uint64_t)((order.first + (unsigned __int128)position * order.step) % order.count);
}

} // namespace cudasim

#endif
