// What 'merbench run' shows while it trains.
#ifndef MB_CLI_RUN_DISPLAY_H
#define MB_CLI_RUN_DISPLAY_H

#include "base/progress.h"
#include "sweep/sweep.h"

typedef struct mb_run_display {
    mb_progress progress;
    int32_t epochs; // of a run
} mb_run_display;

void mb_run_display_start(mb_run_display *display, const mb_sweep_totals *totals, int32_t epochs,
                          bool quiet);
// An mb_sweep_listener.
void mb_run_display_update(void *display, const mb_sweep_totals *totals);
// Prints the last line.
void mb_run_display_finish(mb_run_display *display, const mb_sweep_totals *totals);

// Makes the parts of the progress line, `seconds` after the start.
void mb_run_display_line(const mb_sweep_totals *totals, int32_t epochs, double seconds,
                         mb_progress_line *line);

#endif
