// Verdicts beside published numbers, and parity with stored ones.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "parity/json_file.h"
#include "score/student.h"
#include "score/verdict.h"

static void near(double found, double expected) {
    if (!(fabs(found - expected) <= 1e-12 * fmax(1, fabs(expected))))
        fail_msg("expected %.17g, found %.17g", expected, found);
}

// Closed forms: df 1 is the Cauchy distribution; df 2 has a tail with a root.
static void test_student(void **state) {
    (void)state;
    const double pi = acos(-1.0);
    for (double t = -30; t <= 30; t += 0.37) {
        near(mb_student_tail(t, 1), 0.5 - atan(t) / pi);
        near(mb_student_tail(t, 2), 0.5 - t / (2 * sqrt(2 + t * t)));
        near(mb_student_tail(t, 7.3) + mb_student_tail(-t, 7.3), 1);
    }
}

// The quantile is the inverse of the tail, also far out and for few degrees of freedom.
static void test_quantile(void **state) {
    (void)state;
    static const double freedoms[] = {0.5, 1, 5.56, 10, 1000};
    for (size_t i = 0; i < sizeof freedoms / sizeof *freedoms; i++)
        for (double p = 1e-6; p < 1; p += 0.013)
            near(mb_student_tail(mb_student_quantile(p, freedoms[i]), freedoms[i]), 1 - p);
    near(mb_student_quantile(0.975, 1), tan(0.475 * acos(-1.0)));
}

static mb_verdict verdict_of(double mean, double deviation, int count, double published) {
    mb_mean ours = {mean, deviation, count}, other = {80, published, 6};
    return mb_compare_published(&ours, &other, MB_ASSUMED_DDOF, MB_VERDICT_MARGIN).verdict;
}

static void test_verdicts(void **state) {
    (void)state;
    assert_int_equal(verdict_of(80.1, 0.2, 6, 0.2), MB_VERDICT_SAME);
    assert_int_equal(verdict_of(80.1, 0, 6, 0), MB_VERDICT_SAME); // "±0.00" is a rounding
    assert_int_equal(verdict_of(78, 0.2, 6, 0.2), MB_VERDICT_DIFFERENT);
    assert_int_equal(verdict_of(78, 4, 6, 0.2), MB_VERDICT_UNDECIDED);
    assert_int_equal(verdict_of(80, 3, 2, 0.2), MB_VERDICT_UNDECIDED); // too few runs
    assert_int_equal(verdict_of(80, NAN, 1, 0.2), MB_VERDICT_NONE);
    assert_int_equal(verdict_of(80, 0.2, 6, NAN), MB_VERDICT_NONE);
    // Statistically different, but by less than the margin: the same.
    assert_int_equal(verdict_of(80.5, 0.01, 6, 0.01), MB_VERDICT_SAME);
}

// A mean without a deviation still has a difference.
static void test_difference_alone(void **state) {
    (void)state;
    mb_mean ours = {81.5, 0.2, 6}, published = {80, NAN, 6};
    mb_comparison found = mb_compare_published(&ours, &published, 0, 1);
    assert_true(found.difference == 1.5);
    assert_true(isnan(found.p) && isnan(found.low) && isnan(found.distance));
}

// ---- parity -----------------------------------------------------------------------------------

static mb_status check_text(const char *text, mb_parity_report *report, mb_error *error) {
    char path[] = "/tmp/mb-verdict-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), strlen(text));
    close(file);
    assert_true(mb_parity_is_json(path));
    *report = (mb_parity_report){.group_count = 0};
    error->message[0] = '\0';
    mb_status status = mb_parity_json_file(path, report, error);
    unlink(path);
    return status;
}

static char *read_fixture(void) {
    FILE *file = fopen(MB_FIXTURES "/tools/statistics/published.json", "rb");
    assert_non_null(file);
    char *text = calloc(1, 1 << 16);
    assert_in_range(fread(text, 1, (1 << 16) - 1, file), 100, (1 << 16) - 2);
    fclose(file);
    return text;
}

static void test_fixture(void **state) {
    (void)state;
    mb_parity_report report;
    mb_error error;
    char *text = read_fixture();
    if (check_text(text, &report, &error) != MB_OK)
        fail_msg("%s%s", error.message, report.finding);
    assert_int_equal(report.groups[0].compared, 126);
    // Another digit in a number, and another verdict, are found.
    char *digit = strstr(text, "\"t\": 0.42");
    assert_non_null(digit);
    digit[8] = '3';
    assert_int_equal(check_text(text, &report, &error), MB_BAD_INPUT);
    assert_int_equal(report.groups[0].failed, 1);
    assert_string_equal(report.groups[0].worst_tensor, "t");
    digit[8] = '2';
    memcpy(strstr(text, "\"published_sd\": 0.16"), "\"published_sd\": 9.16", 20);
    assert_int_equal(check_text(text, &report, &error), MB_BAD_INPUT);
    assert_non_null(strstr(report.finding, "expected the verdict 'same', found 'undecided'"));
    free(text);
}

static void test_bad_files(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
        mb_status status;
    } cases[] = {
        {"{}", "fixture: expected a text, found nothing", MB_BAD_INPUT},
        {"{\"fixture\": \"x\"}", "\"x\" are not supported", MB_UNSUPPORTED},
        {"{\"fixture\": \"statistics/published\", \"cases\": [1]}", "tolerance", MB_BAD_INPUT},
        {"{\"fixture\": \"statistics/published\", \"tolerance\": \"exact\", \"cases\": [1]}",
         "expected \"relative NUMBER\"", MB_BAD_INPUT},
        {"{\"fixture\": \"statistics/published\", \"tolerance\": \"relative 1e-9\"}", "cases",
         MB_BAD_INPUT},
        {"{\"fixture\": \"statistics/published\", \"tolerance\": \"relative 1e-9\", \"cases\": "
         "[{\"mean\": \"x\"}]}",
         "cases[0].mean", MB_BAD_INPUT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mb_parity_report report;
        mb_error error;
        mb_status status = check_text(cases[i].text, &report, &error);
        if (status != cases[i].status || strstr(error.message, cases[i].message) == NULL)
            fail_msg("case %zu: %d %s", i, status, error.message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_student),  cmocka_unit_test(test_quantile),
        cmocka_unit_test(test_verdicts), cmocka_unit_test(test_difference_alone),
        cmocka_unit_test(test_fixture),  cmocka_unit_test(test_bad_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
