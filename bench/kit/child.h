// A program in a process group of its own, with a time limit.
#ifndef MB_KIT_CHILD_H
#define MB_KIT_CHILD_H

#include <signal.h>
#include <stdbool.h>

#include "base/interrupt.h"
#include "merbench/status.h"

typedef struct mb_kit_child {
    char *const *arguments; // NULL at the end; the first is a path, or a name to find on the PATH
    const char *input;      // a file for stdin
    const char *log;        // stderr is added to this file, and stdout
    const char *output;     // a new file for stdout, or NULL
    double limit;           // seconds
} mb_kit_child;

typedef struct mb_kit_end {
    int exit_code;    // -1: killed by a signal
    int signal;       // that killed it, or 0
    bool timed_out;   // its time was up
    bool interrupted; // the runner was asked to stop
} mb_kit_end;

// Holds back the signals that mb_kit_child_run waits for; before the first child.
void mb_kit_children_begin(mb_interrupt *interrupt);

// Runs the child to its end, or kills it and all of its group when the time is up or `interrupt`
// gets a signal. What it leaves running in its group is killed, too. MB_UNSUPPORTED: it cannot be
// started; else MB_OK, and *end tells how it went.
mb_status mb_kit_child_run(const mb_kit_child *child, mb_interrupt *interrupt, mb_kit_end *end,
                           mb_error *error);

#endif
