// Runs a program in its own process group, with a time limit.
#ifndef MB_KIT_CHILD_H
#define MB_KIT_CHILD_H

#include <signal.h>
#include <stdbool.h>

#include "base/interrupt.h"
#include "merbench/status.h"

typedef struct mb_kit_child {
    char *const *arguments; // ends with NULL; the first is a path, or a name to look up in PATH
    const char *input;      // a file for stdin
    const char *log;        // stderr is appended to this file, and stdout unless `output` is given
    const char *output;     // a new file for stdout, or NULL: the log
    double limit;           // seconds
} mb_kit_child;

typedef struct mb_kit_end {
    int exit_code;    // -1: killed by a signal
    int signal;       // signal that killed it, or 0
    bool timed_out;   // it reached the time limit
    bool interrupted; // `interrupt` got a signal
} mb_kit_end;

// Blocks the signals that mb_kit_child_run waits for; to be called before the first child.
void mb_kit_children_begin(mb_interrupt *interrupt);

// Runs the child until it ends, reaches the time limit or `interrupt` gets a signal; then kills all
// processes left in its group. MB_UNSUPPORTED: it cannot be started; else MB_OK, and *end tells how
// it ended.
mb_status mb_kit_child_run(const mb_kit_child *child, mb_interrupt *interrupt, mb_kit_end *end,
                           mb_error *error);

#endif
