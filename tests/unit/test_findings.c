// Findings are collected, each once, and one message has all of them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

static const mb_json_limits limits = {.bytes = 1000, .values = 100, .depth = 32};

// Refusals of a document have their positions in the text.
static void test_findings(void **state) {
    (void)state;
    static const char text[] = "{\"list\": [1, \"x\", -1],\n"
                               " \"\\u0041:{\": {\"in\": [[], {\"a\":2}]},\n"
                               "  \"last\" : 7}";
    static const char *const keys[] = {"last", "A:{", NULL};
    mb_error error = {.message = ""};
    mb_findings findings = {0};
    cJSON *document = NULL;
    assert_int_equal(mb_json_parse("f.json", text, sizeof text - 1, &limits, &document, &error),
                     MB_OK);
    const mb_json_source source = {document, text, sizeof text - 1, &findings};
    mb_json root = mb_json_root("f.json", document);
    root.source = &source;
    mb_json list = mb_json_member(&root, "list"), last = mb_json_member(&root, "last");
    mb_json odd = mb_json_member(&root, "A:{"), in = mb_json_member(&odd, "in");
    int64_t value;
    bool flag;
    assert_int_equal(mb_findings_result(&findings, MB_OK, &error), MB_OK);
    for (int twice = 0; twice < 2; twice++) {
        assert_int_equal(mb_json_keys(&root, keys, &error), MB_BAD_INPUT);
        for (mb_json at = mb_json_first(&list); at.value != NULL; at = mb_json_next(&at)) {
            mb_status status = mb_json_integer(&at, 0, 9, &value, &error);
            assert_int_equal(status, at.index == 0 ? MB_OK : MB_BAD_INPUT);
            assert_int_equal(mb_json_go_on(&at, status), MB_OK);
        }
        for (mb_json at = mb_json_first(&in); at.value != NULL; at = mb_json_next(&at))
            assert_int_equal(mb_json_boolean(&at, &flag, &error), MB_BAD_INPUT);
        mb_json missing = mb_json_member(&odd, "missing");
        assert_int_equal(mb_json_refuse(&missing, &error, "is not there"), MB_BAD_INPUT);
        assert_int_equal(mb_json_refuse(&last, &error, "a\nb"), MB_BAD_INPUT);
        assert_int_equal(findings.count, 7);
    }
    assert_int_equal(mb_json_go_on(&root, MB_FAILED), MB_FAILED);
    assert_int_equal(mb_findings_result(&findings, MB_OK, &error), MB_BAD_INPUT);
    assert_string_equal(
        error.message,
        "f.json: line 1, column 2: unknown key \"list\"; did you mean \"last\"?\n"
        "f.json: line 1, column 14: list[1]: expected an integer 0..9, found \"x\"\n"
        "f.json: line 1, column 19: list[2]: expected an integer 0..9, found -1\n"
        "f.json: line 2, column 22: A:{.in[0]: expected true or false, found an empty list\n"
        "f.json: line 2, column 26: A:{.in[1]: expected true or false, found an object\n"
        "f.json: line 2, column 14: A:{.missing: is not there\n"
        "f.json: line 3, column 12: last: a\\x0ab");
    mb_out_of_memory(&error, "a plan"); // follows what was found
    assert_int_equal(mb_findings_result(&findings, MB_FAILED, &error), MB_FAILED);
    assert_true(error.out_of_memory);
    assert_non_null(strstr(error.message, "last: a\\x0ab\nout of memory: a plan"));
    cJSON_Delete(document);
}

static void find(mb_findings *findings, const char *format, int number) {
    mb_error error;
    char text[1100];
    snprintf(text, sizeof text, "%1000d", number);
    mb_fail(&error, MB_BAD_INPUT, "%s %s", format, text + (format[0] == 'l' ? 0 : 995));
    mb_findings_add(findings, &error);
}

// A message lists some findings and counts the others; at the limit the checks stop.
static void test_many_findings(void **state) {
    (void)state;
    mb_error error = {.message = ""};
    mb_findings findings = {0};
    for (int i = 0; i < 25; i++)
        find(&findings, "short", i);
    assert_int_equal(mb_findings_result(&findings, MB_OK, &error), MB_BAD_INPUT);
    assert_int_equal(strncmp(error.message, "short     0\nshort     1\n", 24), 0);
    assert_non_null(strstr(error.message, "short    19\n... and 5 more"));
    for (int i = 25; i < MB_MOST_FINDINGS + 10; i++) {
        assert_int_equal(mb_findings_go_on(&findings, MB_BAD_INPUT),
                         i < MB_MOST_FINDINGS ? MB_OK : MB_BAD_INPUT);
        find(&findings, "short", i);
    }
    assert_int_equal(findings.count, MB_MOST_FINDINGS);
    assert_int_equal(mb_findings_result(&findings, MB_BAD_INPUT, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "short    19\n... and at least 980 more"));
    // Long lines fill the message earlier.
    findings = (mb_findings){0};
    for (int i = 0; i < 10; i++) {
        find(&findings, "long", i);
        find(&findings, "short", i);
    }
    assert_int_equal(mb_findings_result(&findings, MB_OK, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, " 2\nshort     2\n... and 14 more"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_findings),
        cmocka_unit_test(test_many_findings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
