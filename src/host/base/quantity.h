// Durations, rates and sizes as people say them.
#ifndef MB_BASE_QUANTITY_H
#define MB_BASE_QUANTITY_H

enum { MB_QUANTITY_TEXT = 48 }; // bytes

// "4.2 s", "45 s", "3 min 20 s", "1 h 05 min", "3 days 4 h"; "?" for what is no duration.
void mb_duration_text(double seconds, char text[MB_QUANTITY_TEXT]);
// Of a duration that is only estimated: "4 s", "3 min 20 s", "14 min", "1 h 05 min", "14 h",
// "3 days".
void mb_rough_duration_text(double seconds, char text[MB_QUANTITY_TEXT]);

// "6600 runs/s", "1.7 runs/s", "22 s a run"; "?" unless the rate is positive. `units` is a plural
// with -s: "runs".
void mb_rate_text(double per_second, const char *units, char text[MB_QUANTITY_TEXT]);

// "500 bytes", "76.5 MiB", "2.0 GiB".
void mb_bytes_text(double bytes, char text[MB_QUANTITY_TEXT]);

#endif
