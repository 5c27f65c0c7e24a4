#include "order.h"

#include <numeric>

namespace cudasim {

// splitmix64
static uint64_t next_random(ordering *order) {
    uint64_t z = order->state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static uint32_t below(ordering *order, uint32_t bound) {
    return (uint32_t)((next_random(order) >> 32) * bound >> 32);
}

void order_threads(ordering *order, uint16_t *threads, int count) {
    for (int i = 0; i < count; i++)
        threads[i] = (uint16_t)(order->kind == ORDER_REVERSE ? count - 1 - i : i);
    if (order->kind != ORDER_SHUFFLED)
        return;
    for (int i = count - 1; i > 0; i--) {
        uint32_t other = below(order, (uint32_t)i + 1);
        uint16_t kept = threads[i];
        threads[i] = threads[other];
        threads[other] = kept;
    }
}

block_order order_blocks(ordering *order, uint64_t count) {
    if (order->kind == ORDER_FORWARD)
        return {0, 1, count};
    if (order->kind == ORDER_REVERSE)
        return {count - 1, count - 1, count};
    uint64_t step = next_random(order) % count;
    while (std::gcd(step, count) != 1)
        step = (step + 1) % count;
    return {next_random(order) % count, step, count};
}

} // namespace cudasim
