// A thread at work on a device and those that assist it: they take parts of a step, whoever is
// free the next one.
#ifndef MB_KERNELS_CPU_TEAM_H
#define MB_KERNELS_CPU_TEAM_H

#include <stdatomic.h>

#include "cpu/call.h"

// What is shared at a time is a round. All zeros: a team of one.
typedef struct mb_cpu_team {
    atomic_int helpers;
    _Alignas(64) atomic_uint_least64_t ticket; // the round, and below it the parts not taken
    _Atomic(mb_cpu_kernel) kernel;
    _Atomic(const mb_cpu_call *) calls;  // (parts)
    _Alignas(64) atomic_uint unfinished; // parts
} mb_cpu_team;

// How many threads there are at the moment.
static inline int32_t mb_cpu_team_size(mb_cpu_team *team) {
    return 1 + atomic_load_explicit(&team->helpers, memory_order_relaxed);
}

// Runs the kernel on every call; returns when all are done. Parts must not depend on each other.
void mb_cpu_team_run(mb_cpu_team *team, mb_cpu_kernel kernel, const mb_cpu_call *calls,
                     int32_t parts);

// Takes part in what is shared, as long as wanted(context); the parts that it did.
int64_t mb_cpu_team_assist(mb_cpu_team *team, bool (*wanted)(const void *context),
                           const void *context);

#endif
