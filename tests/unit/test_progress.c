// Progress lines, which fit any terminal; durations and rates in words.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/progress_line.h"
#include "base/quantity.h"
#include "base/utf8.h"

static const mb_progress_line usual = {
    .label = "training",
    .fraction = 0.5,
    .parts = {"12/36 runs", "14 min left", "22 s a run", "6600 model-steps/s"}};

static void check_line(const mb_progress_line *line, bool bar, int32_t columns,
                       const char *expected) {
    char text[MB_PROGRESS_LINE];
    mb_progress_line_text(line, bar, columns, text);
    if (strcmp(text, expected) != 0)
        fail_msg("%d columns: expected '%s', found '%s'", columns, expected, text);
}

static void test_what_fits(void **state) {
    (void)state;
    const char *all = "12/36 runs, 14 min left, 22 s a run, 6600 model-steps/s", *text;
    char line[MB_PROGRESS_LINE];
    snprintf(line, sizeof line, "training [############............] %s", all);
    check_line(&usual, true, 300, line);
    check_line(&usual, true, 91, line);
    snprintf(line, sizeof line, "training [###########............] %s", all);
    check_line(&usual, true, 90, line);
    snprintf(line, sizeof line, "training [#######.......] %s", all);
    check_line(&usual, true, 79 + 2, line);
    snprintf(line, sizeof line, "training [####....] %s", all);
    check_line(&usual, true, 75, line);
    snprintf(line, sizeof line, "training: %s", all);
    check_line(&usual, true, 74, line); // the bar goes first
    check_line(&usual, true, 65, line);
    check_line(&usual, false, 300, line);
    check_line(&usual, false, INT32_MAX, line);
    text = "training: 12/36 runs, 14 min left, 22 s a run";
    check_line(&usual, true, 64, text);
    check_line(&usual, true, 45, text);
    text = "training: 12/36 runs, 14 min left";
    check_line(&usual, true, 44, text);
    check_line(&usual, true, 33, text);
    check_line(&usual, true, 32, "training: 12/36 runs");
    check_line(&usual, true, 20, "training: 12/36 runs");
    check_line(&usual, true, 19, "12/36 runs");
    check_line(&usual, true, 10, "12/36 runs");
    check_line(&usual, true, 9, "12/36 run");
    check_line(&usual, true, 1, "1");
    check_line(&usual, true, 0, "");
    check_line(&usual, true, -1, "");
}

static void test_every_width(void **state) {
    (void)state;
    mb_progress_line wide = {
        .label = "reading 特徴e\u0301-\x1b[31m-\xff",
        .fraction = 0.3,
        .parts = {"1200/36000 utterances", "", "3 min 20 s left", "中文測試 😀", "a\nb"}};
    const mb_progress_line *lines[] = {&usual, &wide};
    for (size_t i = 0; i < 2; i++)
        for (int32_t columns = 0; columns <= 300; columns++) {
            char text[MB_PROGRESS_LINE];
            mb_progress_line_text(lines[i], true, columns, text);
            if (mb_text_width(text) > columns || !mb_is_plain(text))
                fail_msg("%d columns: '%s' takes %d", columns, text, mb_text_width(text));
            if (columns >= 21)
                assert_non_null(strstr(text, lines[i]->parts[0]));
        }
}

static void test_bar(void **state) {
    (void)state;
    static const struct {
        double fraction;
        const char *text;
    } cases[] = {
        {0, "x [........] 1"},     {0.124, "x [........] 1"}, {0.125, "x [#.......] 1"},
        {0.999, "x [#######.] 1"}, {1, "x [########] 1"},     {7, "x [########] 1"},
        {-1, "x [........] 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mb_progress_line line = {.label = "x", .fraction = cases[i].fraction, .parts = {"1"}};
        check_line(&line, true, 14, cases[i].text);
    }
}

// Texts as long as they can be.
static void test_long_parts(void **state) {
    (void)state;
    mb_progress_line line = {.fraction = 0.5};
    memset(line.label, 'l', MB_PROGRESS_PART - 1);
    for (int i = 0; i < MB_PROGRESS_PARTS; i++)
        memset(line.parts[i], 'a' + i, MB_PROGRESS_PART - 1);
    char text[MB_PROGRESS_LINE];
    mb_progress_line_text(&line, true, INT32_MAX, text);
    assert_int_equal(strlen(text), 7 * (MB_PROGRESS_PART - 1) + 28 + 10);
    mb_progress_line_text(&line, true, 79, text);
    assert_int_equal(strlen(text), 79);
}

static void test_durations(void **state) {
    (void)state;
    static const struct {
        double seconds;
        const char *exact, *rough;
    } cases[] = {
        {0, "0.00 s", "0 s"},
        {0.04, "0.04 s", "0 s"},
        {4.21, "4.2 s", "4 s"},
        {9.96, "10 s", "10 s"},
        {45.2, "45 s", "45 s"},
        {59.6, "1 min 00 s", "1 min 00 s"},
        {200, "3 min 20 s", "3 min 20 s"},
        {203, "3 min 23 s", "3 min 20 s"},
        {597, "9 min 57 s", "10 min"},
        {845, "14 min 05 s", "14 min"},
        {3599, "59 min 59 s", "1 h 00 min"},
        {4320, "1 h 12 min", "1 h 12 min"},
        {14.4 * 3600, "14 h 24 min", "14 h"},
        {47.9 * 3600, "47 h 54 min", "2 days"},
        {76 * 3600, "3 days 4 h", "3 days"},
        {1e11, "1157407 days 9 h", "1157407 days"},
        {1e12, "?", "?"},
        {-1, "?", "?"},
        {(double)NAN, "?", "?"},
        {(double)INFINITY, "?", "?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[MB_QUANTITY_TEXT];
        mb_duration_text(cases[i].seconds, text);
        assert_string_equal(text, cases[i].exact);
        mb_rough_duration_text(cases[i].seconds, text);
        assert_string_equal(text, cases[i].rough);
    }
}

static void test_rates(void **state) {
    (void)state;
    static const struct {
        double rate;
        const char *text;
    } cases[] = {
        {6600.4, "6600 runs/s"},
        {12, "12 runs/s"},
        {9.96, "10 runs/s"},
        {1.74, "1.7 runs/s"},
        {1, "1.0 runs/s"},
        {0.7, "1.4 s a run"},
        {0.0446, "22 s a run"},
        {1 / 4320.0, "1 h 12 min a run"},
        {0, "?"},
        {-1, "?"},
        {(double)NAN, "?"},
        {(double)INFINITY, "?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[MB_QUANTITY_TEXT];
        mb_rate_text(cases[i].rate, "runs", text);
        assert_string_equal(text, cases[i].text);
    }
}

static void test_bytes(void **state) {
    (void)state;
    static const struct {
        double bytes;
        const char *text;
    } cases[] = {{0, "0 bytes"},         {1023, "1023 bytes"},    {1024, "1.0 KiB"},
                 {80217113, "76.5 MiB"}, {2147483648, "2.0 GiB"}, {5e15, "4547.5 TiB"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[MB_QUANTITY_TEXT];
        mb_bytes_text(cases[i].bytes, text);
        assert_string_equal(text, cases[i].text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_fits), cmocka_unit_test(test_every_width),
        cmocka_unit_test(test_bar),       cmocka_unit_test(test_long_parts),
        cmocka_unit_test(test_durations), cmocka_unit_test(test_rates),
        cmocka_unit_test(test_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
