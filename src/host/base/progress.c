#include "base/progress.h"

#include <math.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/utf8.h"

static const double redraw_seconds = 0.1, line_seconds = 30;

double mb_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

// "4 s", "3 min 20 s", "2 h 05 min".
static void format_duration(double seconds, char text[32]) {
    if (!(seconds >= 0) || seconds > 1e9) {
        snprintf(text, 32, "?");
        return;
    }
    long whole = lround(seconds);
    if (whole < 60)
        snprintf(text, 32, seconds < 10 ? "%.1f s" : "%.0f s", seconds);
    else if (whole < 3600)
        snprintf(text, 32, "%ld min %02ld s", whole / 60, whole % 60);
    else
        snprintf(text, 32, "%ld h %02ld min", whole / 3600, whole % 3600 / 60);
}

void mb_progress_start(mb_progress *progress, const char *label, const char *unit, int64_t first,
                       int64_t total, bool quiet) {
    *progress = (mb_progress){.stream = quiet ? NULL : stderr,
                              .terminal = isatty(STDERR_FILENO) != 0,
                              .total = total,
                              .done = first,
                              .first = first,
                              .started = mb_seconds()};
    progress->drawn = progress->started;
    snprintf(progress->label, sizeof progress->label, "%s", label);
    snprintf(progress->unit, sizeof progress->unit, "%s", unit);
}

// Units per second; 0 = unknown.
static double rate_of(const mb_progress *progress) {
    double elapsed = mb_seconds() - progress->started;
    return elapsed > 0 ? (double)(progress->done - progress->first) / elapsed : 0;
}

// Seconds; negative = unknown.
static double time_left(const mb_progress *progress) {
    double rate = rate_of(progress);
    return rate > 0 ? (double)(progress->total - progress->done) / rate : -1;
}

static void draw(mb_progress *progress, const char *note) {
    enum { BAR = 24 };
    char line[256], bar[BAR + 1], left[32];
    int filled = progress->total > 0 ? (int)(BAR * progress->done / progress->total) : 0;
    filled = filled < 0 ? 0 : filled > BAR ? BAR : filled;
    memset(bar, '.', BAR);
    memset(bar, '#', (size_t)filled);
    bar[BAR] = '\0';
    format_duration(time_left(progress), left);
    snprintf(line, sizeof line, "%s%s%s%s %lld/%lld %s, %.3g/s, %s left%s%s", progress->label,
             progress->terminal ? " [" : "", progress->terminal ? bar : ":",
             progress->terminal ? "]" : "", (long long)progress->done, (long long)progress->total,
             progress->unit, rate_of(progress), left, note != NULL ? ", " : "",
             note != NULL ? note : "");
    mb_make_plain(line, "");
    int width = mb_text_width(line);
    if (progress->terminal) // blanks overwrite the rest of a longer line
        fprintf(progress->stream, "\r%s%*s", line,
                progress->width > width ? progress->width - width : 0, "");
    else
        fprintf(progress->stream, "%s\n", line);
    fflush(progress->stream);
    progress->width = width;
    progress->drawn = mb_seconds();
}

void mb_progress_update(mb_progress *progress, int64_t done, const char *note) {
    progress->done = done;
    double wait = progress->terminal ? redraw_seconds : line_seconds;
    if (progress->stream != NULL && mb_seconds() - progress->drawn >= wait)
        draw(progress, note);
}

void mb_progress_finish(mb_progress *progress, const char *note) {
    if (progress->stream == NULL)
        return;
    char took[32];
    if (progress->terminal)
        fprintf(progress->stream, "\r%*s\r", progress->width, "");
    format_duration(mb_seconds() - progress->started, took);
    long long count = progress->done - progress->first;
    int unit = (int)strlen(progress->unit) - (count == 1); // "runs", "1 run"
    fprintf(progress->stream, "%s: %lld %.*s in %s%s%s\n", progress->label, count, unit,
            progress->unit, took, note != NULL ? ", " : "", note != NULL ? note : "");
    fflush(progress->stream);
    progress->stream = NULL;
}
