// SIGINT, SIGTERM and SIGHUP without a handler: they are held back and asked for.
#ifndef MB_BASE_INTERRUPT_H
#define MB_BASE_INTERRUPT_H

#include <signal.h>
#include <stdbool.h>

typedef struct mb_interrupt {
    sigset_t signals; // those that are asked for: not the ones that the caller ignores
    sigset_t before;  // the mask to go back to
    int signal;       // the one that came, or 0
} mb_interrupt;

// From here on the signals wait, in this thread and in those that it starts.
void mb_interrupt_begin(mb_interrupt *interrupt);
// Whether one of them has come since the beginning. However many come, they do nothing else.
bool mb_interrupt_came(mb_interrupt *interrupt);
// Takes what still waits and goes back to how signals were treated before.
void mb_interrupt_end(mb_interrupt *interrupt);

#endif
