// A switch takes some nanoseconds; swapcontext would make a system call each time.
#include "fiber.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define CUDASIM_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CUDASIM_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define CUDASIM_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CUDASIM_TSAN 1
#endif
#endif
#ifdef CUDASIM_ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef CUDASIM_TSAN
#include <sanitizer/tsan_interface.h>
#endif

// Saves the callee-saved registers on the current stack, switches stacks, and restores them from
// the new one.
extern "C" void cudasim_switch_stacks(void **save, void *load);

#if defined(__x86_64__)
__asm__(".text\n"
        ".globl cudasim_switch_stacks\n"
        ".hidden cudasim_switch_stacks\n"
        ".type cudasim_switch_stacks, @function\n"
        "cudasim_switch_stacks:\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    ret\n"
        ".size cudasim_switch_stacks, . - cudasim_switch_stacks\n");
#elif defined(__aarch64__)
__asm__(".text\n"
        ".globl cudasim_switch_stacks\n"
        ".hidden cudasim_switch_stacks\n"
        ".type cudasim_switch_stacks, %function\n"
        "cudasim_switch_stacks:\n"
        "    sub sp, sp, #160\n"
        "    stp x19, x20, [sp, #0]\n"
        "    stp x21, x22, [sp, #16]\n"
        "    stp x23, x24, [sp, #32]\n"
        "    stp x25, x26, [sp, #48]\n"
        "    stp x27, x28, [sp, #64]\n"
        "    stp x29, x30, [sp, #80]\n"
        "    stp d8, d9, [sp, #96]\n"
        "    stp d10, d11, [sp, #112]\n"
        "    stp d12, d13, [sp, #128]\n"
        "    stp d14, d15, [sp, #144]\n"
        "    mov x9, sp\n"
        "    str x9, [x0]\n"
        "    mov sp, x1\n"
        "    ldp x19, x20, [sp, #0]\n"
        "    ldp x21, x22, [sp, #16]\n"
        "    ldp x23, x24, [sp, #32]\n"
        "    ldp x25, x26, [sp, #48]\n"
        "    ldp x27, x28, [sp, #64]\n"
        "    ldp x29, x30, [sp, #80]\n"
        "    ldp d8, d9, [sp, #96]\n"
        "    ldp d10, d11, [sp, #112]\n"
        "    ldp d12, d13, [sp, #128]\n"
        "    ldp d14, d15, [sp, #144]\n"
        "    add sp, sp, #160\n"
        "    ret\n"
        ".size cudasim_switch_stacks, . - cudasim_switch_stacks\n");
#endif

namespace cudasim {

static const size_t STACK_BYTES = 256 * 1024; // address space; memory is only taken where it is used

// Only one host thread switches at a time, because launches hold a lock.
static fiber *left, *entered;

static void arrived(fiber *self) {
#ifdef CUDASIM_ASAN
    __sanitizer_finish_switch_fiber(self->fake_stack, &left->stack, &left->stack_bytes);
#else
    (void)self;
#endif
}

static void first_call() {
    fiber *self = entered;
    arrived(self);
    self->entry();
    abort(); // the entry must not return
}

// Prepares a stack for the first switch to the fiber.
static void prepare(fiber *f, char *top) {
#if defined(__x86_64__)
    void **stack = (void **)top;
    *--stack = NULL; // ends backtraces, and aligns the stack as for a call
    *--stack = (void *)first_call;
    for (int i = 0; i < 6; i++)
        *--stack = NULL;
    f->stack_pointer = stack;
#elif defined(__aarch64__)
    void **stack = (void **)(top - 160);
    for (int i = 0; i < 20; i++)
        stack[i] = NULL;
    stack[11] = (void *)first_call;
    f->stack_pointer = stack;
#else
    (void)top;
    getcontext(&f->context);
    f->context.uc_stack.ss_sp = (void *)f->stack;
    f->context.uc_stack.ss_size = f->stack_bytes;
    f->context.uc_link = NULL;
    makecontext(&f->context, first_call, 0);
#endif
}

fiber *fiber_make(void (*entry)()) {
    size_t guard = (size_t)sysconf(_SC_PAGESIZE);
    char *memory = (char *)mmap(NULL, guard + STACK_BYTES, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    fiber *made = (fiber *)calloc(1, sizeof *made);
    if (memory == MAP_FAILED || !made || mprotect(memory, guard, PROT_NONE)) {
        perror("cudasim: a stack for a thread of a kernel");
        exit(1);
    }
    made->stack = memory + guard;
    made->stack_bytes = STACK_BYTES;
    made->entry = entry;
#ifdef CUDASIM_TSAN
    made->tsan_fiber = __tsan_create_fiber(0);
#endif
    prepare(made, memory + guard + STACK_BYTES);
    return made;
}

void fiber_switch(fiber *from, fiber *to) {
    left = from;
    entered = to;
#ifdef CUDASIM_ASAN
    __sanitizer_start_switch_fiber(&from->fake_stack, to->stack, to->stack_bytes);
#endif
#ifdef CUDASIM_TSAN
    from->tsan_fiber = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(to->tsan_fiber, 0);
#endif
#if defined(__x86_64__) || defined(__aarch64__)
    cudasim_switch_stacks(&from->stack_pointer, to->stack_pointer);
#else
    swapcontext(&from->context, &to->context);
#endif
    arrived(from);
}

} // namespace cudasim
