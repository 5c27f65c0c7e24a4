// Barriers of a block and operations of a warp. They are strict where CUDA leaves the result
// undefined: every thread of the block must reach the same __syncthreads, and every lane that a
// mask names must exist, must not have ended, and must reach the same line.
#ifndef CUDASIM_WARP_H
#define CUDASIM_WARP_H

#include <string.h>
#include <type_traits>

#include "cudasim/types.h"

namespace cudasim {

enum warp_operation { WARP_SYNC, WARP_SHUFFLE, WARP_VOTE, WARP_TENSOR };

// Waits for the whole block; returns the number of threads whose `predicate` was not 0.
int barrier(int predicate, source_line at);
// Waits for the lanes of `mask`. A shuffle returns the `value` of lane `source`, a vote the mask of
// lanes whose value was not 0. For a tensor product the values point to the operands of the lanes.
uint64_t warp(warp_operation operation, unsigned mask, uint64_t value, int source, source_line at);
int lane();
// Aborts with a message unless `width` is valid for a shuffle.
void check_width(int width, source_line at);

template <class T> inline T shuffle(unsigned mask, T value, int source, source_line at) {
    static_assert(std::is_arithmetic_v<T> && (sizeof(T) == 4 || sizeof(T) == 8),
                  "shuffles move 4 or 8 bytes");
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof value);
    bits = warp(WARP_SHUFFLE, mask, bits, source, at);
    memcpy(&value, &bits, sizeof value);
    return value;
}

} // namespace cudasim

#define CUDASIM_HERE const char *file = __builtin_FILE(), int line = __builtin_LINE()

inline void __syncthreads(CUDASIM_HERE) {
    cudasim::barrier(0, {file, line});
}

inline int __syncthreads_count(int predicate, CUDASIM_HERE) {
    return cudasim::barrier(predicate, {file, line});
}

inline int __syncthreads_or(int predicate, CUDASIM_HERE) {
    return cudasim::barrier(predicate, {file, line}) > 0;
}

inline void __syncwarp(unsigned mask = 0xFFFFFFFFu, CUDASIM_HERE) {
    cudasim::warp(cudasim::WARP_SYNC, mask, 0, 0, {file, line});
}

inline unsigned __ballot_sync(unsigned mask, int predicate, CUDASIM_HERE) {
    return (unsigned)cudasim::warp(cudasim::WARP_VOTE, mask, predicate != 0, 0, {file, line});
}

inline int __any_sync(unsigned mask, int predicate, CUDASIM_HERE) {
    return __ballot_sync(mask, predicate, file, line) != 0;
}

inline int __all_sync(unsigned mask, int predicate, CUDASIM_HERE) {
    return __ballot_sync(mask, predicate, file, line) == mask;
}

template <class T>
inline T __shfl_sync(unsigned mask, T value, int source, int width = 32, CUDASIM_HERE) {
    cudasim::check_width(width, {file, line});
    int first = cudasim::lane() & -width;
    return cudasim::shuffle(mask, value, first + (source & (width - 1)), {file, line});
}

template <class T>
inline T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, CUDASIM_HERE) {
    cudasim::check_width(width, {file, line});
    int lane = cudasim::lane(), source = lane - (int)(delta & 31);
    return cudasim::shuffle(mask, value, source < (lane & -width) ? lane : source, {file, line});
}

template <class T>
inline T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, CUDASIM_HERE) {
    cudasim::check_width(width, {file, line});
    int lane = cudasim::lane(), source = lane + (int)(delta & 31);
    return cudasim::shuffle(mask, value, source >= (lane & -width) + width ? lane : source,
                            {file, line});
}

template <class T>
inline T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32, CUDASIM_HERE) {
    cudasim::check_width(width, {file, line});
    int lane = cudasim::lane(), source = lane ^ (lanes & 31);
    return cudasim::shuffle(mask, value, source >= (lane & -width) + width ? lane : source,
                            {file, line});
}

#undef CUDASIM_HERE

#endif
