// Shows the progress of long work on standard error. On a terminal it is one line, which is redrawn
// and never wraps. Elsewhere, and on terminals without escapes (TERM=dumb), it is a plain line from
// time to time. A line at the end says what was done.
#ifndef MB_BASE_PROGRESS_H
#define MB_BASE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/progress_line.h"

typedef struct mb_progress {
    FILE *stream; // NULL: silent
    bool terminal;
    char label[64]; // "reading lsa-en-256-UTT"
    char unit[16];  // a plural with -s: "files"
    int64_t total, done;
    int64_t first;  // units done before the start
    double started; // in seconds, as from mb_seconds
    double shown;   // when the last line was
    double told;    // the fraction that it told
} mb_progress;

// `first` of the `total` units are done already, if work is resumed. `quiet` shows nothing.
void mb_progress_start(mb_progress *progress, const char *label, const char *unit, int64_t first,
                       int64_t total, bool quiet);
// Shows how many units are done, and a note that may be NULL. It may be called every few
// milliseconds, because it does nothing unless enough time has passed.
void mb_progress_update(mb_progress *progress, int64_t done, const char *note);
// The same with a line of the caller, whose label is ignored.
void mb_progress_show(mb_progress *progress, int64_t done, mb_progress_line *line);
// Erases the line and prints the last one: how many units were done since the start, and a note
// that may be NULL.
void mb_progress_finish(mb_progress *progress, const char *note);

// Seconds on the monotonic clock.
double mb_seconds(void);

#endif
