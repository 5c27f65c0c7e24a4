// Memory operations of kernels other than plain loads and stores.
#ifndef CUDASIM_MEMORY_H
#define CUDASIM_MEMORY_H

#include "cudasim/types.h"

namespace cudasim {

// The block's dynamic shared memory: exactly as many bytes as the launch asked for, filled with NaN
// when the block starts. NULL if it asked for none.
void *dynamic_shared();

// cp.async: the destination is NaN until the thread has waited for the copy.
void async_copy(void *shared, const void *global, size_t bytes, const char *file = __builtin_FILE(),
                int line = __builtin_LINE());
void async_commit();
void async_wait(int newest_still_open);

} // namespace cudasim

#define CUDASIM_LOAD(name)                                                                         \
    template <class T> inline T name(const T *from) {                                              \
        return *from;                                                                              \
    }
CUDASIM_LOAD(__ldg)
CUDASIM_LOAD(__ldcs)
#undef CUDASIM_LOAD
#define CUDASIM_STORE(name)                                                                        \
    template <class T> inline void name(T *to, T value) {                                          \
        *to = value;                                                                               \
    }
CUDASIM_STORE(__stcs)
#undef CUDASIM_STORE

// One thread runs at a time, and none is interrupted: every statement is atomic.
#define CUDASIM_ATOMIC(name, type, changed)                                                        \
    inline type name(type *at, type value) {                                                       \
        type old = *at;                                                                            \
        *at = (type)(changed);                                                                     \
        return old;                                                                                \
    }
#define CUDASIM_ATOMIC_INTEGER(type, unsigned_type)                                                \
    CUDASIM_ATOMIC(atomicAdd, type, (unsigned_type)old + (unsigned_type)value)                     \
    CUDASIM_ATOMIC(atomicMax, type, old < value ? value : old)                                     \
    CUDASIM_ATOMIC(atomicMin, type, value < old ? value : old)
CUDASIM_ATOMIC_INTEGER(int, unsigned)
CUDASIM_ATOMIC_INTEGER(unsigned, unsigned)
CUDASIM_ATOMIC_INTEGER(unsigned long long, unsigned long long)
CUDASIM_ATOMIC(atomicAdd, float, old + value)
CUDASIM_ATOMIC(atomicAdd, double, old + value)
#undef CUDASIM_ATOMIC_INTEGER
#undef CUDASIM_ATOMIC

#endif
