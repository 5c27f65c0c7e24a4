#include "base/progress.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/plain.h"
#include "base/quantity.h"
#include "base/utf8.h"

// Of plain lines, one every half minute is enough, and fewer if little has been done meanwhile.
static const double redraw_seconds = 0.1, line_seconds = 30, silent_seconds = 600;
static const double line_fraction = 0.01;

double mb_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

// Whether standard error is a terminal that knows escapes.
static bool is_terminal(void) {
    const char *type = getenv("TERM");
    return isatty(STDERR_FILENO) && type != NULL && type[0] != '\0' && strcmp(type, "dumb") != 0;
}

// The columns of the terminal, now: it may be resized at any time.
static int32_t terminal_columns(void) {
    enum { USUAL = 80, MOST = 10000 };
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    const char *text = getenv("COLUMNS");
    long columns = text != NULL ? strtol(text, NULL, 10) : 0;
    return columns > 0 && columns < MOST ? (int32_t)columns : USUAL;
}

void mb_progress_start(mb_progress *progress, const char *label, const char *unit, int64_t first,
                       int64_t total, bool quiet) {
    *progress = (mb_progress){.stream = quiet ? NULL : stderr,
                              .terminal = is_terminal(),
                              .total = total,
                              .done = first,
                              .first = first,
                              .started = mb_seconds()};
    progress->shown = progress->started;
    mb_format_plain(progress->label, sizeof progress->label, "%s", label);
    snprintf(progress->unit, sizeof progress->unit, "%s", unit);
}

static bool is_due(const mb_progress *progress, double fraction) {
    double passed = mb_seconds() - progress->shown;
    if (progress->stream == NULL)
        return false;
    if (progress->terminal)
        return passed >= redraw_seconds;
    return passed >= silent_seconds ||
           (passed >= line_seconds && fraction - progress->told >= line_fraction);
}

void mb_progress_show(mb_progress *progress, int64_t done, mb_progress_line *line) {
    progress->done = done;
    if (!is_due(progress, line->fraction))
        return;
    snprintf(line->label, sizeof line->label, "%s", progress->label);
    char text[MB_PROGRESS_LINE];
    mb_progress_line_text(line, progress->terminal,
                          progress->terminal ? terminal_columns() - 1 : INT32_MAX, text);
    // The cursor stays at the beginning, so that what the terminal echoes (^C) and what follows
    // overwrite the line. Erasing all that is below removes the rest of a line that was wrapped
    // because the terminal became narrower.
    fprintf(progress->stream, progress->terminal ? "\r%s\033[J\r" : "%s\n", text);
    fflush(progress->stream);
    progress->shown = mb_seconds();
    progress->told = line->fraction;
}

void mb_progress_update(mb_progress *progress, int64_t done, const char *note) {
    double seconds = mb_seconds() - progress->started;
    double rate = seconds > 0 ? (double)(done - progress->first) / seconds : 0;
    mb_progress_line line = {.fraction = (double)done / (double)progress->total};
    snprintf(line.parts[0], MB_PROGRESS_PART, "%lld/%lld %s", (long long)done,
             (long long)progress->total, progress->unit);
    if (rate > 0) {
        char left[MB_QUANTITY_TEXT];
        mb_rough_duration_text((double)(progress->total - done) / rate, left);
        snprintf(line.parts[1], MB_PROGRESS_PART, "%s left", left);
        mb_rate_text(rate, progress->unit, line.parts[2]);
    }
    snprintf(line.parts[3], MB_PROGRESS_PART, "%s", note != NULL ? note : "");
    mb_progress_show(progress, done, &line);
}

void mb_progress_finish(mb_progress *progress, const char *note) {
    if (progress->stream == NULL)
        return;
    char took[MB_QUANTITY_TEXT];
    int64_t count = progress->done - progress->first;
    int unit = (int)strlen(progress->unit) - (count == 1); // "runs", "1 run"
    mb_duration_text(mb_seconds() - progress->started, took);
    fprintf(progress->stream, "%s%s: %lld %.*s in %s%s%s\n", progress->terminal ? "\r\033[J" : "",
            progress->label, (long long)count, unit, progress->unit, took, note != NULL ? ", " : "",
            note != NULL ? note : "");
    fflush(progress->stream);
    progress->stream = NULL;
}
