// The text of a progress line, made to fit the width of a terminal.
#ifndef MB_BASE_PROGRESS_LINE_H
#define MB_BASE_PROGRESS_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MB_PROGRESS_PARTS = 6, MB_PROGRESS_PART = 96, MB_PROGRESS_LINE = 2048 }; // bytes: the latter

typedef struct mb_progress_line {
    char label[MB_PROGRESS_PART];
    double fraction;                                 // that is done, for the bar
    char parts[MB_PROGRESS_PARTS][MB_PROGRESS_PART]; // the most important first; "" = none
} mb_progress_line;

// Makes "label [####....] part, part, part", without a newline, in at most `columns` columns of a
// terminal. What does not fit is left out: first the bar, then the last parts, then the label.
// Control characters are replaced.
void mb_progress_line_text(const mb_progress_line *line, bool bar, int32_t columns,
                           char text[MB_PROGRESS_LINE]);

#endif
