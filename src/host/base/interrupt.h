// SIGINT, SIGTERM and SIGHUP held back and asked for. They are blocked in the thread that begins
// and in those that it starts. Threads that were there before, such as those of a GPU driver, may
// take them all the same: a handler notes it, and what the thread was doing goes on.
#ifndef MB_BASE_INTERRUPT_H
#define MB_BASE_INTERRUPT_H

#include <signal.h>
#include <stdbool.h>

typedef struct mb_interrupt {
    sigset_t signals;  // those that are asked for: not the ones that the caller ignores
    sigset_t before;   // the mask to go back to
    unsigned arrivals; // signals of the process that were noted before the beginning
    int signal;        // the latest one that came since, or 0
} mb_interrupt;

// From here on the signals wait. Interrupts may be nested and may be under way in several threads;
// all of them are told of a signal. The thread that begins one asks for it and ends it.
void mb_interrupt_begin(mb_interrupt *interrupt);
// Whether one of them has come since the beginning. However many come, they do nothing else.
bool mb_interrupt_came(mb_interrupt *interrupt);
// Takes what still waits and goes back to how signals were treated before.
void mb_interrupt_end(mb_interrupt *interrupt);

#endif
