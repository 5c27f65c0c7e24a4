// Fibers: stacks of their own between which a host thread switches.
#ifndef CUDASIM_FIBER_H
#define CUDASIM_FIBER_H

#include <stddef.h>

#if !defined(__x86_64__) && !defined(__aarch64__)
#include <ucontext.h>
#endif

namespace cudasim {

struct fiber {
    void *stack_pointer; // while it does not run
    const void *stack;   // lowest address and size, for AddressSanitizer
    size_t stack_bytes;
    void *fake_stack; // AddressSanitizer's
    void *tsan_fiber; // ThreadSanitizer's
    fiber *next_idle; // for who keeps idle fibers in a list
    void (*entry)();
#if !defined(__x86_64__) && !defined(__aarch64__)
    ucontext_t context;
#endif
};

// A fiber that calls `entry`, which must never return, when it is first switched to. Lives until
// the program ends. Without memory the program ends with a message.
fiber *fiber_make(void (*entry)());

// Goes on in `to`; returns when something switches to `from` again. `from` is the fiber that runs,
// or an empty struct that stands for the host thread's own stack.
void fiber_switch(fiber *from, fiber *to);

} // namespace cudasim

#endif
