// How functions report failures. Every program needs this header.
//
// A function that can fail returns an mb_status and leaves a message in the mb_error that it was
// given. The values are the exit codes of the program.
#ifndef MERBENCH_STATUS_H
#define MERBENCH_STATUS_H

#include <stdbool.h>

typedef enum mb_status {
    MB_OK = 0,          // done
    MB_FAILED = 1,      // failed while running: disk full or unreadable, no memory, interrupted
    MB_USAGE = 2,       // wrong command line
    MB_BAD_INPUT = 3,   // a file or a value that cannot be used, or findings of an audit
    MB_UNSUPPORTED = 4, // well-formed, but this build or version cannot do it
} mb_status;

typedef struct mb_error {
    // One or more lines, no trailing newline; empty when nothing failed. It may be printed to a
    // terminal: control characters of names and other texts in it are escaped (\x1b).
    char message[4096];
    bool out_of_memory; // memory was short: a smaller request may succeed
    int run;            // index in its array of the run that failed; 0 if unknown
} mb_error;

// Formats a message into `error` (which may be NULL) and returns `status`, so that a failure is one
// line: `return mb_fail(error, MB_BAD_INPUT, "%s: offset %zu: expected %s, found %s", ...);`
//
// Newlines of the format begin new lines; those of its arguments do not, they are escaped.
mb_status mb_fail(mb_error *error, mb_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Prepends context to the message that a callee left ("plan.json: cells[2]: " ...).
mb_status mb_fail_in(mb_error *error, mb_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Appends to the message that a callee left.
mb_status mb_fail_more(mb_error *error, mb_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Fails because a call of the system did, with `code` in errno; its text is put behind the message.
// MB_BAD_INPUT if the path is to blame: nothing is there, something else is there, access is
// denied. MB_FAILED if the machine is: it cannot read the disk, has no more file descriptors,
// memory, space.
mb_status mb_fail_errno(mb_error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Fails because the system has too little memory for `what`.
mb_status mb_out_of_memory(mb_error *error, const char *what);

#endif
