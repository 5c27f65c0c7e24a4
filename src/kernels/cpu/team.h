// The thread that executes a plan, and the threads that assist it. The work of an op is divided
// into shares; each thread that is free takes the next share.
#ifndef MB_KERNELS_CPU_TEAM_H
#define MB_KERNELS_CPU_TEAM_H

#include <stdatomic.h>

#include "cpu/call.h"

// The shares of one op are a round. A team of zeros has one thread.
typedef struct mb_cpu_team {
    atomic_int helpers;
    // Upper half: number of the round; lower half: shares not yet taken.
    _Alignas(64) atomic_uint_least64_t ticket;
    _Atomic(mb_cpu_kernel) kernel;
    _Atomic(const mb_cpu_call *) calls;  // (share_count)
    _Alignas(64) atomic_uint unfinished; // shares
} mb_cpu_team;

// The number of threads in the team at the moment.
static inline int32_t mb_cpu_team_size(mb_cpu_team *team) {
    return 1 + atomic_load_explicit(&team->helpers, memory_order_relaxed);
}

// Runs the kernel on every call and returns when all are done. The calls must not depend on each
// other.
void mb_cpu_team_run(mb_cpu_team *team, mb_cpu_kernel kernel, const mb_cpu_call *calls,
                     int32_t share_count);

// Executes shares of other threads' ops for as long as wanted(context) is true. Returns how many.
int64_t mb_cpu_team_assist(mb_cpu_team *team, bool (*wanted)(const void *context),
                           const void *context);

#endif
