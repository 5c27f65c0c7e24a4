// How far a long piece of work is, on standard error: a bar that is redrawn when that is a
// terminal, otherwise a line every half minute and one at the end.
#ifndef MB_BASE_PROGRESS_H
#define MB_BASE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct mb_progress {
    FILE *stream; // NULL: silent
    bool terminal;
    char label[64]; // "reading lsa-en-256-UTT"
    char unit[24];  // "files"
    int64_t total, done;
    int64_t first;         // done already when it started; the rate does not count these
    double started, drawn; // seconds
    int width;             // of what stands on the terminal's line
} mb_progress;

// `first` of `total` are done before the start, for work that resumes. `quiet` shows nothing.
void mb_progress_start(mb_progress *progress, const char *label, const char *unit, int64_t first,
                       int64_t total, bool quiet);
// Draws when it is time to; cheap enough to be called every few milliseconds. `note` (may be NULL)
// is shown at the end of the line.
void mb_progress_update(mb_progress *progress, int64_t done, const char *note);
// Removes the bar or writes the last line.
void mb_progress_finish(mb_progress *progress, const char *note);

// Seconds of a clock that only moves forward.
double mb_seconds(void);

#endif
