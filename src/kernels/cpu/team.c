#include "cpu/team.h"

#include <sched.h>
#include <time.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// There are new shares every few microseconds. So idle threads first spin, then yield their core,
// and sleep only after PATIENCE looks without work. `looks` counts them.
enum { SPINS = 100, PATIENCE = 2000 };
static const struct timespec nap = {.tv_nsec = 50000};

static void wait_briefly(int32_t looks) {
    if (looks >= SPINS)
        sched_yield();
#if defined(__x86_64__)
    else
        _mm_pause();
#endif
}

typedef enum attempt { DONE, MISSED, NOTHING_LEFT } attempt;

// Takes one share of the round and executes it. The kernel and the calls of a round do not change
// while it has untaken shares. So they may be read before the share is taken: if the exchange
// succeeds, they belong to this round.
static attempt take_share(mb_cpu_team *team) {
    uint64_t ticket = atomic_load_explicit(&team->ticket, memory_order_acquire);
    uint32_t left = (uint32_t)ticket;
    mb_cpu_kernel kernel = atomic_load_explicit(&team->kernel, memory_order_relaxed);
    const mb_cpu_call *calls = atomic_load_explicit(&team->calls, memory_order_relaxed);
    if (left == 0)
        return NOTHING_LEFT;
    if (!atomic_compare_exchange_strong_explicit(&team->ticket, &ticket, ticket - 1,
                                                 memory_order_acquire, memory_order_relaxed))
        return MISSED; // another thread took it
    kernel(&calls[left - 1]);
    atomic_fetch_sub_explicit(&team->unfinished, 1, memory_order_release);
    return DONE;
}

void mb_cpu_team_run(mb_cpu_team *team, mb_cpu_kernel kernel, const mb_cpu_call *calls,
                     int32_t share_count) {
    uint64_t round = (atomic_load_explicit(&team->ticket, memory_order_relaxed) >> 32) + 1;
    atomic_store_explicit(&team->kernel, kernel, memory_order_relaxed);
    atomic_store_explicit(&team->calls, calls, memory_order_relaxed);
    atomic_store_explicit(&team->unfinished, (uint32_t)share_count, memory_order_relaxed);
    atomic_store_explicit(&team->ticket, round << 32 | (uint32_t)share_count, memory_order_release);
    while (take_share(team) != NOTHING_LEFT)
        continue;
    // Helpers may still be working on the last shares.
    for (int32_t looks = 0; atomic_load_explicit(&team->unfinished, memory_order_acquire) > 0;
         looks += looks < PATIENCE)
        wait_briefly(looks);
}

int64_t mb_cpu_team_assist(mb_cpu_team *team, bool (*wanted)(const void *context),
                           const void *context) {
    int64_t done = 0;
    atomic_fetch_add(&team->helpers, 1);
    for (int32_t looks = 0; wanted(context); looks += looks < PATIENCE) {
        attempt result = take_share(team);
        done += result == DONE;
        if (result != NOTHING_LEFT)
            looks = 0;
        else if (looks < PATIENCE)
            wait_briefly(looks);
        else
            nanosleep(&nap, NULL);
    }
    atomic_fetch_sub(&team->helpers, 1);
    return done;
}
