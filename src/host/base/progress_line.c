#include "base/progress_line.h"

#include <string.h>

#include "base/plain.h"
#include "base/utf8.h"

enum { SHORTEST_BAR = 8, LONGEST_BAR = 24 };

// " [####....]" or, without cells, ":".
static void write_bar(double fraction, int32_t cells, char bar[LONGEST_BAR + 4]) {
    double filled = fraction < 1 ? fraction * cells : cells;
    char *at = bar;
    *at++ = cells > 0 ? ' ' : ':';
    if (cells > 0)
        *at++ = '[';
    for (int32_t i = 0; i < cells; i++)
        *at++ = i + 1 <= filled ? '#' : '.';
    if (cells > 0)
        *at++ = ']';
    *at = '\0';
}

// Writes the label, a bar and the parts before `end`.
static void write_line(const mb_progress_line *line, int32_t cells, int32_t end,
                       char text[MB_PROGRESS_LINE]) {
    char bar[LONGEST_BAR + 4];
    write_bar(line->fraction, cells, bar);
    mb_format_plain(text, MB_PROGRESS_LINE, "%s%s", line->label, bar);
    const char *between = " ";
    for (int32_t i = 0; i < end; i++) {
        if (line->parts[i][0] == '\0')
            continue;
        size_t length = strlen(text);
        mb_format_plain(text + length, MB_PROGRESS_LINE - length, "%s%s", between, line->parts[i]);
        between = ", ";
    }
}

void mb_progress_line_text(const mb_progress_line *line, bool bar, int32_t columns,
                           char text[MB_PROGRESS_LINE]) {
    for (int32_t end = MB_PROGRESS_PARTS; end > 0; end--) {
        write_line(line, 0, end, text);
        int32_t room = columns - mb_text_width(text);
        if (room < 0)
            continue;
        int32_t cells = room - 2; // " [...]" instead of ":"
        if (bar && end == MB_PROGRESS_PARTS && cells >= SHORTEST_BAR)
            write_line(line, cells < LONGEST_BAR ? cells : LONGEST_BAR, end, text);
        return;
    }
    mb_format_plain(text, MB_PROGRESS_LINE, "%s", line->parts[0]);
    mb_cut_text(text, columns);
}
