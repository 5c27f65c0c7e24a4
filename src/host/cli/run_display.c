#include "cli/run_display.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/plural.h"
#include "base/quantity.h"

static const double first_seconds = 2; // before any pace is shown
static const double slow = 5;          // seconds; slower runs show epochs, slower epochs show steps

// The fraction of the work since the start that is done. Work is counted in multiply-accumulates,
// because a sweep begins with the longest runs.
static double work_done(const mb_sweep_totals *totals) {
    double all = totals->cost_known + totals->cost_to_come;
    double done = totals->cost_done + totals->flight.cost;
    return all > 0 && done < all ? done / all : 1;
}

static double fraction_done(const mb_sweep_totals *totals) {
    double before = (double)(totals->runs_done - totals->runs_trained);
    double runs = (double)totals->runs;
    return runs > 0 ? (before + (runs - before) * work_done(totals)) / runs : 1;
}

static void add_part(mb_progress_line *line, const char *text) {
    int32_t i = 0;
    while (i < MB_PROGRESS_PARTS - 1 && line->parts[i][0] != '\0')
        i++;
    snprintf(line->parts[i], MB_PROGRESS_PART, "%s", text);
}

// Runs a second, those in flight included. 0: not known yet.
static double run_rate(const mb_sweep_totals *totals, double seconds) {
    const mb_pool_flight *flight = &totals->flight;
    double mean = (flight->least_done + flight->most_done) / 2;
    double runs = (double)totals->runs_trained + mean * flight->runs;
    return seconds >= first_seconds ? runs / seconds : 0;
}

static double step_rate(const mb_sweep_totals *totals, double seconds) {
    return seconds > 0 ? (double)totals->steps / seconds : 0;
}

// "epoch 17/100", "epochs 17-42/100"; of a single run with long epochs also "step 12/300".
static void write_epochs(const mb_sweep_totals *totals, int32_t epochs, double seconds,
                         char text[MB_PROGRESS_PART]) {
    const mb_pool_flight *flight = &totals->flight;
    int32_t least = (int32_t)(flight->least_done * epochs) + 1;
    int32_t most = (int32_t)(flight->most_done * epochs) + 1;
    least = least < epochs ? least : epochs;
    most = most < epochs ? most : epochs;
    if (most > least) {
        snprintf(text, MB_PROGRESS_PART, "epochs %d-%d/%d", least, most, epochs);
        return;
    }
    int length = snprintf(text, MB_PROGRESS_PART, "epoch %d/%d", least, epochs);
    long long steps = flight->steps / epochs; // of an epoch
    long long step = (long long)(flight->least_done * (double)flight->steps) - (least - 1) * steps;
    if (flight->runs == 1 && (double)steps > slow * step_rate(totals, seconds))
        snprintf(text + length, MB_PROGRESS_PART - (size_t)length, ", step %lld/%lld",
                 step < steps ? step + 1 : steps, steps);
}

// "12/36 runs" or, if runs take long, "run 13/36, epoch 17/100".
static void add_runs(mb_progress_line *line, const mb_sweep_totals *totals, int32_t epochs,
                     double seconds) {
    long long done = (long long)totals->runs_done, all = (long long)totals->runs;
    double rate = run_rate(totals, seconds);
    bool epochs_shown = seconds >= first_seconds && rate < 1 / slow && totals->flight.runs > 0;
    char text[MB_PROGRESS_PART];
    if (epochs_shown && totals->flight.runs == 1)
        snprintf(text, sizeof text, "run %lld/%lld", done < all ? done + 1 : all, all);
    else
        snprintf(text, sizeof text, "%lld/%lld %s", done, all, mb_plural(all, "run", "runs"));
    add_part(line, text);
    if (!epochs_shown)
        return;
    write_epochs(totals, epochs, seconds, text);
    add_part(line, text);
}

static void add_time_left(mb_progress_line *line, const mb_sweep_totals *totals, double seconds) {
    double done = work_done(totals);
    char left[MB_QUANTITY_TEXT], text[MB_PROGRESS_PART];
    if (seconds < first_seconds || !(done > 0))
        return;
    mb_rough_duration_text(seconds * (1 - done) / done, left);
    snprintf(text, sizeof text, "%s left", left);
    add_part(line, text);
}

static void add_rate(mb_progress_line *line, double rate, const char *units) {
    char text[MB_QUANTITY_TEXT];
    mb_rate_text(rate, units, text);
    if (rate > 0)
        add_part(line, text);
}

// "2 diverged, 1 not finite"; "" if none.
static void write_broken(const mb_sweep_totals *totals, char text[MB_PROGRESS_PART]) {
    int length = 0;
    text[0] = '\0';
    if (totals->runs_diverged > 0)
        length =
            snprintf(text, MB_PROGRESS_PART, "%lld diverged", (long long)totals->runs_diverged);
    if (totals->runs_broken > 0)
        snprintf(text + length, MB_PROGRESS_PART - (size_t)length, "%s%lld not finite",
                 length > 0 ? ", " : "", (long long)totals->runs_broken);
}

void mb_run_display_line(const mb_sweep_totals *totals, int32_t epochs, double seconds,
                         mb_progress_line *line) {
    char broken[MB_PROGRESS_PART];
    *line = (mb_progress_line){.fraction = fraction_done(totals)};
    add_runs(line, totals, epochs, seconds);
    add_time_left(line, totals, seconds);
    write_broken(totals, broken);
    if (broken[0] != '\0')
        add_part(line, broken);
    add_rate(line, run_rate(totals, seconds), "runs");
    add_rate(line, step_rate(totals, seconds), "model-steps");
}

void mb_run_display_start(mb_run_display *display, const mb_sweep_totals *totals, int32_t epochs,
                          bool quiet) {
    *display = (mb_run_display){.epochs = epochs};
    mb_progress_start(&display->progress, "training", "runs", totals->runs_done, totals->runs,
                      quiet);
}

void mb_run_display_update(void *display, const mb_sweep_totals *totals) {
    mb_run_display *d = display;
    mb_progress_line line;
    mb_run_display_line(totals, d->epochs, mb_seconds() - d->progress.started, &line);
    mb_progress_show(&d->progress, totals->runs_done, &line);
}

void mb_run_display_finish(mb_run_display *display, const mb_sweep_totals *totals) {
    char pace[MB_QUANTITY_TEXT], broken[MB_PROGRESS_PART], note[256];
    mb_run_display_update(display, totals);
    mb_rate_text(step_rate(totals, mb_seconds() - display->progress.started), "model-steps", pace);
    write_broken(totals, broken);
    snprintf(note, sizeof note, "%s%s%s", totals->steps > 0 ? pace : "",
             totals->steps > 0 && broken[0] != '\0' ? ", " : "", broken);
    struct rusage resources;
    size_t length = strlen(note);
    if (getrusage(RUSAGE_SELF, &resources) == 0) // ru_maxrss: KiB
        snprintf(note + length, sizeof note - length, "%speak memory %.0f MiB",
                 length > 0 ? ", " : "", (double)resources.ru_maxrss / 1024.0);
    mb_progress_finish(&display->progress, note);
}
