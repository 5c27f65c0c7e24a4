// Shows the progress of long work on standard error: a bar that is redrawn if that is a terminal,
// otherwise a line every half minute and one at the end.
#ifndef MB_BASE_PROGRESS_H
#define MB_BASE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct mb_progress {
    FILE *stream; // NULL: silent
    bool terminal;
    char label[64]; // "reading lsa-en-256-UTT"
    char unit[24];  // a plural with -s: "files"
    int64_t total, done;
    int64_t first;         // units done before the start; the rate does not count these
    double started, drawn; // times in seconds, as from mb_seconds
    int width;             // columns in use on the terminal's line
} mb_progress;

// `first` of the `total` units are done already, if work is resumed. `quiet` shows nothing.
void mb_progress_start(mb_progress *progress, const char *label, const char *unit, int64_t first,
                       int64_t total, bool quiet);
// Redraws if enough time has passed, so it may be called every few milliseconds. `note` is shown at
// the end of the line; it may be NULL.
void mb_progress_update(mb_progress *progress, int64_t done, const char *note);
// Removes the bar and prints the last line.
void mb_progress_finish(mb_progress *progress, const char *note);

// Seconds on the monotonic clock.
double mb_seconds(void);

#endif
