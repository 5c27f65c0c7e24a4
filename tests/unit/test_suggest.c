// Messages about unknown names.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/suggest.h"

static const char *const models[] = {"attention", "lmf", "misa"};

static void says(const mb_unknown *unknown, const char *expected) {
    mb_error error;
    assert_int_equal(mb_fail_unknown(&error, MB_USAGE, unknown), MB_USAGE);
    assert_string_equal(error.message, expected);
}

static void test_near(void **state) {
    (void)state;
    // A letter is missing, added, replaced; two are swapped; upper and lower case differ.
    static const char *const slips[] = {"atention", "attentionn", "attemtion", "attnetion",
                                        "ATTENTION"};
    for (size_t i = 0; i < sizeof slips / sizeof *slips; i++) {
        char expected[128];
        snprintf(expected, sizeof expected, "unknown model '%s'; did you mean 'attention'?",
                 slips[i]);
        says(&(mb_unknown){.what = "model", .name = slips[i], .known = models, .count = 3},
             expected);
    }
    says(&(mb_unknown){.what = "model",
                       .name = "mia",
                       .known = models,
                       .count = 3,
                       .prefix = "--",
                       .hint = "not said",
                       .quote = '"'},
         "unknown model \"--mia\"; did you mean \"--misa\"?");
}

static void test_far(void **state) {
    (void)state;
    mb_unknown unknown = {.what = "model", .name = "transformer", .known = models, .count = 3};
    says(&unknown, "unknown model 'transformer'; known: attention, lmf, misa");
    unknown.hint = "'model' lists them";
    says(&unknown, "unknown model 'transformer'; 'model' lists them");
    says(&(mb_unknown){.what = "plan", .name = "", .known = NULL}, "unknown plan ''; known: none");
    char text[64];
    mb_suggest(&unknown, text, sizeof text);
    assert_string_equal(text, "");
}

// The length of the message is limited, however long the names are, and it is cut between names.
static void test_long(void **state) {
    (void)state;
    static char names[40][32];
    const char *known[40];
    for (int i = 0; i < 40; i++) {
        snprintf(names[i], sizeof names[i], "a-rather-long-name-%02d", i);
        known[i] = names[i];
    }
    char name[5000];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    mb_error error;
    mb_fail_unknown(&error, MB_USAGE,
                    &(mb_unknown){.what = "name", .name = name, .known = known, .count = 40});
    assert_non_null(strstr(error.message, "x'; known: a-rather-long-name-00, "));
    assert_true(strlen(error.message) < 700);
    const char *end = error.message + strlen(error.message) - strlen("-20 ...");
    assert_string_equal(end + 3, " ...");
    assert_true(end[0] == '-');
    mb_fail_unknown(NULL, MB_USAGE, &(mb_unknown){.what = "name", .name = "x", .known = known});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_near),
        cmocka_unit_test(test_far),
        cmocka_unit_test(test_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
