// Holds SIGINT, SIGTERM and SIGHUP back and lets the program poll for them. The signals are
// blocked in the thread that begins and in the threads that it starts. Threads that already exist,
// such as those of a GPU driver, may still receive them: then a handler records the signal and the
// thread continues.
#ifndef MB_BASE_INTERRUPT_H
#define MB_BASE_INTERRUPT_H

#include <signal.h>
#include <stdbool.h>

typedef struct mb_interrupt {
    sigset_t signals;  // the signals to poll for, without those that the process ignores
    sigset_t before;   // the signal mask to restore
    unsigned arrivals; // the number of signals that the process had recorded at the beginning
    int signal;        // the latest signal since the beginning, or 0
} mb_interrupt;

// From here on the signals are held back. Interrupts may be nested and may be active in several
// threads at once; every active one learns of a signal. The thread that begins an interrupt must be
// the one that polls it and ends it.
void mb_interrupt_begin(mb_interrupt *interrupt);
// Whether a signal has arrived since the beginning. Signals have no other effect meanwhile.
bool mb_interrupt_came(mb_interrupt *interrupt);
// Collects the signals that are still pending and restores the mask and the handlers.
void mb_interrupt_end(mb_interrupt *interrupt);

// Whether an interrupt is between begin and end, in any thread.
bool mb_interrupt_is_active(void);

// For work in between that cannot poll, because it takes long in a library or waits for a file, and
// that may be cut off anywhere: until mb_interrupt_resume a signal ends the process, as it would
// without an interrupt. This includes a signal that has arrived before.
void mb_interrupt_pause(mb_interrupt *interrupt);
void mb_interrupt_resume(mb_interrupt *interrupt);

#endif
