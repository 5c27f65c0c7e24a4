#include "base/quantity.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { MINUTE = 60, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

static bool is_duration(double seconds) {
    return seconds >= 0 && seconds < 1e12;
}

static void write_days(long long whole, char text[MB_QUANTITY_TEXT]) {
    snprintf(text, MB_QUANTITY_TEXT, "%lld days %lld h", whole / DAY, whole % DAY / HOUR);
}

static void write_hours(long long whole, char text[MB_QUANTITY_TEXT]) {
    snprintf(text, MB_QUANTITY_TEXT, "%lld h %02lld min", whole / HOUR, whole % HOUR / MINUTE);
}

static void write_minutes(long long whole, char text[MB_QUANTITY_TEXT]) {
    snprintf(text, MB_QUANTITY_TEXT, "%lld min %02lld s", whole / MINUTE, whole % MINUTE);
}

void mb_duration_text(double seconds, char text[MB_QUANTITY_TEXT]) {
    if (!is_duration(seconds))
        snprintf(text, MB_QUANTITY_TEXT, "?");
    else if (seconds < 9.95)
        snprintf(text, MB_QUANTITY_TEXT, seconds < 0.095 ? "%.2f s" : "%.1f s", seconds);
    else if (llround(seconds) < MINUTE)
        snprintf(text, MB_QUANTITY_TEXT, "%lld s", llround(seconds));
    else if (llround(seconds) < HOUR)
        write_minutes(llround(seconds), text);
    else if (llround(seconds) < 2 * DAY)
        write_hours(llround(seconds), text);
    else
        write_days(llround(seconds), text);
}

// The multiple of `unit` that is next to the duration.
static long long multiple(double seconds, int unit) {
    return unit * llround(seconds / unit);
}

void mb_rough_duration_text(double seconds, char text[MB_QUANTITY_TEXT]) {
    if (!is_duration(seconds))
        snprintf(text, MB_QUANTITY_TEXT, "?");
    else if (llround(seconds) < MINUTE)
        snprintf(text, MB_QUANTITY_TEXT, "%lld s", llround(seconds));
    else if (multiple(seconds, 10) < 10 * MINUTE)
        write_minutes(multiple(seconds, 10), text);
    else if (multiple(seconds, MINUTE) < HOUR)
        snprintf(text, MB_QUANTITY_TEXT, "%lld min", multiple(seconds, MINUTE) / MINUTE);
    else if (multiple(seconds, MINUTE) < 10 * HOUR)
        write_hours(multiple(seconds, MINUTE), text);
    else if (multiple(seconds, HOUR) < 2 * DAY)
        snprintf(text, MB_QUANTITY_TEXT, "%lld h", multiple(seconds, HOUR) / HOUR);
    else
        snprintf(text, MB_QUANTITY_TEXT, "%lld days", multiple(seconds, DAY) / DAY);
}

void mb_rate_text(double per_second, const char *units, char text[MB_QUANTITY_TEXT]) {
    char duration[MB_QUANTITY_TEXT];
    if (!(per_second > 0) || !isfinite(per_second)) {
        snprintf(text, MB_QUANTITY_TEXT, "?");
    } else if (per_second >= 1) {
        snprintf(text, MB_QUANTITY_TEXT, per_second < 9.95 ? "%.1f %s/s" : "%.0f %s/s", per_second,
                 units);
    } else {
        mb_duration_text(1 / per_second, duration);
        snprintf(text, MB_QUANTITY_TEXT, "%.24s a %.*s", duration, (int)strlen(units) - 1, units);
    }
}

void mb_bytes_text(double bytes, char text[MB_QUANTITY_TEXT]) {
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    int unit = 0;
    for (; bytes >= 1024 && unit < 4; unit++)
        bytes /= 1024;
    snprintf(text, MB_QUANTITY_TEXT, "%.*f %s", unit == 0 ? 0 : 1, bytes, units[unit]);
}
