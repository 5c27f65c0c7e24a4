// Fibers: separate stacks between which a host thread switches.
#ifndef CUDASIM_FIBER_H
#define CUDASIM_FIBER_H

#include <stddef.h>

#if !defined(__x86_64__) && !defined(__aarch64__)
#include <ucontext.h>
#endif

namespace cudasim {

struct fiber {
    void *stack_pointer; // saved while it is not running
    const void *stack;   // lowest address and size, for AddressSanitizer
    size_t stack_bytes;
    void *fake_stack; // AddressSanitizer's
    void *tsan_fiber; // ThreadSanitizer's
    fiber *next_idle; // for lists of idle fibers
    void (*entry)();
#if !defined(__x86_64__) && !defined(__aarch64__)
    ucontext_t context;
#endif
};

// Makes a fiber that calls `entry`, which must never return, when it is first switched to. Fibers
// live until the program ends. If memory is lacking, the program ends with a message.
fiber *fiber_make(void (*entry)());

// Switches to `to`; returns when something switches back to `from`. `from` is the current fiber, or
// an empty struct for the host thread's own stack.
void fiber_switch(fiber *from, fiber *to);

} // namespace cudasim

#endif
