// What the progress line of 'merbench run' says about a sweep.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/run_display.h"

static void check(const mb_sweep_totals *totals, double seconds, const char *expected) {
    mb_progress_line line;
    char text[MB_PROGRESS_LINE];
    mb_run_display_line(totals, 100, seconds, &line);
    mb_progress_line_text(&line, false, INT32_MAX, text);
    assert_string_equal(text, expected);
}

static void check_fraction(const mb_sweep_totals *totals, double expected) {
    mb_progress_line line;
    mb_run_display_line(totals, 100, 10, &line);
    assert_true(line.fraction > expected - 1e-9 && line.fraction < expected + 1e-9);
}

// The first runs of a sweep are the longest: a third of the runs are two thirds of the work.
static void test_time_left(void **state) {
    (void)state;
    mb_sweep_totals totals = {.runs = 30, .cost_known = 600, .cost_to_come = 300};
    check(&totals, 0, ": 0/30 runs");
    check(&totals, 1.5, ": 0/30 runs");
    totals.runs_done = totals.runs_trained = 10;
    totals.cost_done = 600;
    totals.steps = 40000;
    check(&totals, 20, ": 10/30 runs, 10 s left, 2.0 s a run, 2000 model-steps/s");
    check_fraction(&totals, 2.0 / 3);
    totals.runs_diverged = 2;
    check(&totals, 20, ": 10/30 runs, 10 s left, 2 diverged, 2.0 s a run, 2000 model-steps/s");
    totals.runs_broken = 1;
    check(&totals, 20,
          ": 10/30 runs, 10 s left, 2 diverged, 1 not finite, 2.0 s a run, 2000 model-steps/s");
    check(&totals, 1.5, ": 10/30 runs, 2 diverged, 1 not finite, 26667 model-steps/s");
}

// Runs that were done before the start count in the bar, but not for the pace.
static void test_resumed(void **state) {
    (void)state;
    mb_sweep_totals totals = {.runs = 40, .runs_done = 20, .cost_known = 100};
    check_fraction(&totals, 0.5);
    totals.runs_done = 25;
    totals.runs_trained = 5;
    totals.cost_done = 50;
    totals.steps = 500;
    check(&totals, 10, ": 25/40 runs, 10 s left, 2.0 s a run, 50 model-steps/s");
    check_fraction(&totals, 0.75);
    totals.runs_done = 40;
    totals.runs_trained = 20;
    totals.cost_done = 100;
    check_fraction(&totals, 1);
    totals = (mb_sweep_totals){.runs = 40, .runs_done = 40};
    check_fraction(&totals, 1);
}

static void test_long_runs(void **state) {
    (void)state;
    mb_sweep_totals totals = {
        .runs = 12,
        .runs_done = 2,
        .runs_trained = 2,
        .cost_known = 1200,
        .cost_done = 200,
        .steps = 9000,
        .flight = {.runs = 1, .cost = 16, .least_done = 0.16, .most_done = 0.16, .steps = 4000}};
    check(&totals, 216,
          ": run 3/12, epoch 17/100, 16 min left, 1 min 40 s a run, 42 model-steps/s");
    totals.flight.steps = 40000; // an epoch takes 10 s
    check(&totals, 216,
          ": run 3/12, epoch 17/100, step 1/400, 16 min left, 1 min 40 s a run, 42 model-steps/s");
    totals.flight.most_done = totals.flight.least_done = 0.1675;
    check(&totals, 216,
          ": run 3/12, epoch 17/100, step 301/400, 16 min left, 1 min 40 s a run, "
          "42 model-steps/s");
    totals.flight.runs = 2;
    totals.flight.most_done = 0.41;
    totals.flight.cost = 16 + 41;
    check(&totals, 257,
          ": 2/12 runs, epochs 17-42/100, 16 min left, 1 min 40 s a run, 35 model-steps/s");
    totals.flight.least_done = totals.flight.most_done = 1; // evaluates
    totals.flight.runs = 1;
    check(&totals, 300,
          ": run 3/12, epoch 100/100, step 400/400, 18 min left, 1 min 40 s a run, "
          "30 model-steps/s");
    // Many at a time: the number of runs moves.
    totals.flight = (mb_pool_flight){64, 320, 0, 0.1, 4000};
    check(&totals, 10, ": 2/12 runs, 13 s left, 1.9 s a run, 900 model-steps/s");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time_left),
        cmocka_unit_test(test_resumed),
        cmocka_unit_test(test_long_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
