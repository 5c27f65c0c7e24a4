// Keywords, vector types and the indices of a thread.
#ifndef CUDASIM_TYPES_H
#define CUDASIM_TYPES_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#define CUDART_VERSION 13000

#define __global__
#define __device__
#define __host__
#define __constant__
#define __grid_constant__
#define __launch_bounds__(...)
#define __forceinline__ __inline__ __attribute__((always_inline))
#define __align__(bytes) __attribute__((aligned(bytes)))

// Blocks run one after another, so static variables serve as shared memory, and AddressSanitizer
// puts redzones around them. They keep the values of the previous block, on which no kernel may
// rely: CUDASIM_ORDER=shuffled changes which block that was.
#define __shared__ static

#define CUDASIM_VECTORS(type, scalar, bytes)                                                       \
    struct type##1 {                                                                               \
        scalar x;                                                                                  \
    };                                                                                             \
    struct __align__(2 * bytes) type##2 {                                                          \
        scalar x, y;                                                                               \
    };                                                                                             \
    struct type##3 {                                                                               \
        scalar x, y, z;                                                                            \
    };                                                                                             \
    struct __align__(4 * bytes > 16 ? 16 : 4 * bytes) type##4 {                                    \
        scalar x, y, z, w;                                                                         \
    };                                                                                             \
    inline type##1 make_##type##1(scalar x) {                                                      \
        return {x};                                                                                \
    }                                                                                              \
    inline type##2 make_##type##2(scalar x, scalar y) {                                            \
        return {x, y};                                                                             \
    }                                                                                              \
    inline type##3 make_##type##3(scalar x, scalar y, scalar z) {                                  \
        return {x, y, z};                                                                          \
    }                                                                                              \
    inline type##4 make_##type##4(scalar x, scalar y, scalar z, scalar w) {                        \
        return {x, y, z, w};                                                                       \
    }
CUDASIM_VECTORS(char, signed char, 1)
CUDASIM_VECTORS(uchar, unsigned char, 1)
CUDASIM_VECTORS(short, short, 2)
CUDASIM_VECTORS(ushort, unsigned short, 2)
CUDASIM_VECTORS(int, int, 4)
CUDASIM_VECTORS(uint, unsigned int, 4)
CUDASIM_VECTORS(longlong, long long, 8)
CUDASIM_VECTORS(ulonglong, unsigned long long, 8)
CUDASIM_VECTORS(float, float, 4)
CUDASIM_VECTORS(double, double, 8)
#undef CUDASIM_VECTORS

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
    constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z) {}
};

namespace cudasim {

// Where a thread of a kernel calls something that waits or that may be an error.
struct source_line {
    const char *file;
    int line;
};

struct thread_indices {
    uint3 thread, block;
    dim3 block_dim, grid_dim;
};

extern thread_indices running; // of the thread that is running; set at every switch

} // namespace cudasim

static const uint3 &threadIdx __attribute__((unused)) = cudasim::running.thread;
static const uint3 &blockIdx __attribute__((unused)) = cudasim::running.block;
static const dim3 &blockDim __attribute__((unused)) = cudasim::running.block_dim;
static const dim3 &gridDim __attribute__((unused)) = cudasim::running.grid_dim;
static const int warpSize __attribute__((unused)) = 32;

#endif
