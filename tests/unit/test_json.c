// Strict JSON: what is refused and where, typed getters, canonical text.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"

static cJSON *parse(const char *text) {
    cJSON *document = NULL;
    mb_error error = {.message = ""};
    if (mb_json_parse("t.json", text, strlen(text), &document, &error) != MB_OK)
        fail_msg("%s: %s", text, error.message);
    return document;
}

static void refuse(const char *text, size_t length, const char *message) {
    cJSON *document = NULL;
    mb_error error = {.message = ""};
    // A copy of exactly this length, so that reading behind it is noticed by the sanitizer.
    char *copy = malloc(length > 0 ? length : 1);
    assert_non_null(copy);
    memcpy(copy, text, length);
    mb_status status = mb_json_parse("t.json", copy, length, &document, &error);
    free(copy);
    if (status != MB_BAD_INPUT || document != NULL)
        fail_msg("'%s' was taken", text);
    if (strstr(error.message, message) == NULL)
        fail_msg("'%s': expected '%s', found '%s'", text, message, error.message);
}

static void refuse_text(const char *text, const char *message) {
    refuse(text, strlen(text), message);
}

static void test_syntax(void **state) {
    (void)state;
    refuse_text("", "t.json: line 1, column 1: the file is empty");
    refuse_text("{\n  \"a\": 01}", "line 2, column 8: expected a JSON number");
    refuse_text("[1.]", "line 1, column 2: expected a JSON number");
    refuse_text("[-]", "expected a JSON number");
    refuse_text("[1e]", "expected a JSON number");
    refuse_text("[1.2.3]", "expected a JSON number");
    refuse_text("[0x10]", "expected a JSON number");
    refuse_text("[+1]", "unexpected character");
    refuse_text("[NaN]", "unexpected character");
    refuse_text("[1,]", "line 1, column");
    refuse_text("[1 2]", "not JSON from here on");
    refuse_text("{\"a\" 1}", "not JSON from here on");
    refuse_text("{} {}", "not JSON from here on");
    refuse_text("[1", "the document ends too early");
    refuse_text("\"abc", "line 1, column 1: the string has no end");
    refuse_text("\"a\\", "the string has no end");
    refuse_text("\"a\nb\"", "control character in a string");
    refuse_text("\"\xff\"", "the string is not UTF-8");
    refuse_text("\"\xc0\x80\"", "the string is not UTF-8");
    refuse_text("\"\xed\xa0\x80\"", "the string is not UTF-8");
    refuse_text("\"\xe2\x82\"", "the string is not UTF-8");
    refuse_text("\"\\u0000\"", "zero character in a string");
    refuse_text("[1] // comment", "unexpected character");
    refuse("[1]\0[2]", 7, "line 1, column 4: unexpected character");
    cJSON_Delete(
        parse(" {\"a\": [0, -0.5, 1e5, 1.25E-3, true, false, null, \"\\u00fc\\\\u0000\"]}\n"));
}

static void test_depth_and_keys(void **state) {
    (void)state;
    char deep[128];
    memset(deep, '[', 40);
    memset(deep + 40, ']', 40);
    refuse(deep, 80, "nested more than 32 levels deep");
    refuse_text("{\"a\":1,\"b\":2,\"a\":3}", "t.json: key \"a\" occurs twice");
    refuse_text("{\"x\":[{},{\"k\":1,\"\\u006b\":2}]}", "t.json: x[1]: key \"k\" occurs twice");
}

static void test_load(void **state) {
    (void)state;
    cJSON *document = NULL;
    mb_error error = {.message = ""};
    assert_int_equal(mb_json_load("/nonexistent/p.json", &document, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "/nonexistent/p.json: cannot open"));
    assert_int_equal(mb_json_load("/tmp", &document, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "/tmp: cannot read"));
    char path[] = "/tmp/mb-json-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, "{\"a\": 1}", 8), 8);
    close(file);
    assert_int_equal(mb_json_load(path, &document, &error), MB_OK);
    assert_true(cJSON_GetObjectItem(document, "a")->valuedouble == 1);
    cJSON_Delete(document);
    unlink(path);
}

static void test_getters(void **state) {
    (void)state;
    mb_error error = {.message = ""};
    cJSON *document = parse("{\"cells\": [{\"dim\": [64, 1e9, 1.5, \"64\"], \"huge\": 1e999}], "
                            "\"protocl\": 1, \"mode\": \"gird\", \"list\": [], \"t\": true}");
    mb_json root = mb_json_root("plan.json", document), cells = mb_json_member(&root, "cells");
    mb_json cell = mb_json_element(&cells, 0), dim = mb_json_member(&cell, "dim");
    static const char *const expected[] = {
        NULL, "plan.json: cells[0].dim[1]: expected an integer 1..4096, found 1000000000",
        "plan.json: cells[0].dim[2]: expected an integer 1..4096, found 1.5",
        "plan.json: cells[0].dim[3]: expected an integer 1..4096, found \"64\"",
        "plan.json: cells[0].dim[4]: expected an integer 1..4096, found nothing"};
    for (int i = 0; i < 5; i++) {
        int64_t value = 0;
        mb_json at = mb_json_element(&dim, i);
        mb_status status = mb_json_integer(&at, 1, 4096, &value, &error);
        assert_int_equal(status, i == 0 ? MB_OK : MB_BAD_INPUT);
        if (i == 0)
            assert_int_equal(value, 64);
        else
            assert_string_equal(error.message, expected[i]);
    }
    double number;
    int choice = 0, count;
    bool flag = false;
    const char *text;
    mb_json huge = mb_json_member(&cell, "huge"), mode = mb_json_member(&root, "mode");
    mb_json list = mb_json_member(&root, "list"), t = mb_json_member(&root, "t");
    static const char *const modes[] = {"none", "grid", "random"};
    static const char *const keys[] = {"cells", "protocol", "mode", "list", "t", NULL};
    assert_int_equal(mb_json_number(&huge, 0, 1, &number, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "cells[0].huge: expected a number 0..1, found a number "
                                          "beyond"));
    assert_int_equal(mb_json_choice(&mode, modes, 3, &choice, &error), MB_BAD_INPUT);
    assert_string_equal(error.message,
                        "plan.json: mode: unknown value \"gird\"; did you mean \"grid\"?");
    assert_int_equal(mb_json_keys(&root, keys, &error), MB_BAD_INPUT);
    assert_string_equal(error.message,
                        "plan.json: unknown key \"protocl\"; did you mean \"protocol\"?");
    assert_int_equal(mb_json_count(&list, 1, &count, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "list: expected a list that is not empty"));
    assert_int_equal(mb_json_boolean(&t, &flag, &error), MB_OK);
    assert_true(flag);
    assert_int_equal(mb_json_boolean(&mode, &flag, &error), MB_BAD_INPUT);
    assert_int_equal(mb_json_text(&t, &text, &error), MB_BAD_INPUT);
    assert_int_equal(mb_json_keys(&cells, keys, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "cells: expected an object, found a list of 1"));
    cJSON_Delete(document);
}

static void check_canonical(const char *text, const char *canonical) {
    cJSON *document = parse(text);
    char *found = mb_json_canonical(document);
    assert_string_equal(found, canonical);
    cJSON *again = parse(found); // a fixed point
    char *twice = mb_json_canonical(again);
    assert_string_equal(twice, canonical);
    free(found);
    free(twice);
    cJSON_Delete(document);
    cJSON_Delete(again);
}

static void test_canonical(void **state) {
    (void)state;
    check_canonical("{\"b\": [1, 2.50], \"a\": {\"y\": null, \"x\": true}, \"B\": \"q\"}",
                    "{\"B\":\"q\",\"a\":{\"x\":true,\"y\":null},\"b\":[1,2.5]}");
    check_canonical("[0.1, 1e-5, 0.3, 1e3, -0, -0.0, 1e21, 123456789012]",
                    "[0.1,1e-05,0.3,1000,0,0,1e+21,123456789012]");
    check_canonical("[0.30000000000000004, 5e-324, 1.7976931348623157e308]",
                    "[0.30000000000000004,5e-324,1.7976931348623157e+308]");
    check_canonical("\"a\\\"b\\\\c\\n\\u00fc\\/\"", "\"a\\\"b\\\\c\\u000a\xc3\xbc/\"");
    check_canonical("[[], {}, false]", "[[],{},false]");
}

// Every number comes back from its text with the same bits.
static void test_numbers(void **state) {
    (void)state;
    uint64_t bits = 0x9E3779B97F4A7C15u;
    for (int i = 0; i < 20000; i++) {
        double value, back;
        char text[32];
        bits = bits * 6364136223846793005u + 1442695040888963407u;
        memcpy(&value, &bits, sizeof value);
        if (!(value - value == 0))
            continue;
        mb_json_number_text(value, text);
        back = strtod(text, NULL);
        assert_memory_equal(&value, &back, sizeof value);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_syntax),    cmocka_unit_test(test_depth_and_keys),
        cmocka_unit_test(test_load),      cmocka_unit_test(test_getters),
        cmocka_unit_test(test_canonical), cmocka_unit_test(test_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
