// Strict JSON: what is refused and where, typed getters, canonical text.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"

static const mb_json_limits limits = {.bytes = 1000, .values = 100, .depth = 32};

static cJSON *parse(const char *text) {
    cJSON *document = NULL;
    mb_error error = {.message = ""};
    if (mb_json_parse("t.json", text, strlen(text), &limits, &document, &error) != MB_OK)
        fail_msg("%s: %s", text, error.message);
    return document;
}

static void refuse(const char *text, size_t length, const char *message) {
    cJSON *document = NULL;
    mb_error error = {.message = ""};
    // A copy of exactly this length, so that the sanitizer notices reads past its end.
    char *copy = malloc(length > 0 ? length : 1);
    assert_non_null(copy);
    memcpy(copy, text, length);
    mb_status status = mb_json_parse("t.json", copy, length, &limits, &document, &error);
    free(copy);
    if (status != MB_BAD_INPUT || document != NULL)
        fail_msg("'%s' was taken", text);
    const char *found = strstr(error.message, message);
    if (found == NULL || strlen(found) != strlen(message)) // the message must end with it
        fail_msg("'%s': expected '%s', found '%s'", text, message, error.message);
}

static void refuse_text(const char *text, const char *message) {
    refuse(text, strlen(text), message);
}

// Messages have the position, what was expected and what was found.
static void test_grammar(void **state) {
    (void)state;
    refuse_text("", "t.json: line 1, column 1: expected a value, found the end of the text");
    refuse_text(" \n\t ", "t.json: line 2, column 3: expected a value, found the end of the text");
    refuse_text("\xef\xbb\xbf{}", "line 1, column 1: expected a value, found a byte order mark; "
                                  "remove it");
    refuse_text("[1,]", "line 1, column 3: expected no comma after the last entry, found one "
                        "before ']'; remove it");
    refuse_text("[,1]", "line 1, column 2: expected a value, found ','");
    refuse_text("[1 2]", "line 1, column 4: expected ',' or ']', found '2'; is a comma missing "
                         "before it?");
    refuse_text("[1}", "line 1, column 3: expected ',' or ']', found '}'");
    refuse_text("[1", "line 1, column 3: expected ',' or ']', found the end of the text");
    refuse_text("]", "line 1, column 1: expected a value, found ']'");
    refuse_text("{\"a\" 1}", "line 1, column 6: expected ':', found '1'");
    refuse_text("{\"a\":}", "line 1, column 6: expected a value, found '}'");
    refuse_text("{\"a\":1,}", "line 1, column 7: expected no comma after the last entry, found one "
                              "before '}'; remove it");
    refuse_text("{a:1}", "line 1, column 2: expected a key in quotes, found 'a'; a key has double "
                         "quotes, write \"a\"");
    refuse_text("{'a':1}", "line 1, column 2: expected a key in quotes, found a single quote; JSON "
                           "has double quotes, write \"a\"");
    refuse_text("{\"a\":1", "line 1, column 7: expected ',' or '}', found the end of the text");
    refuse_text("{", "line 1, column 2: expected a key in quotes, found the end of the text");
    refuse_text("{} {}", "line 1, column 4: expected the end of the text, found '{'");
    refuse_text("[1] // comment",
                "line 1, column 5: expected the end of the text, found a comment; JSON has "
                "no comments, remove it (a plan has a key \"comment\")");
    refuse_text("[1, /* two */ 2]",
                "line 1, column 5: expected a value, found a comment; JSON has no "
                "comments, remove it (a plan has a key \"comment\")");
    refuse("[1]\0[2]", 7, "line 1, column 4: expected the end of the text, found the byte 0x00");
    refuse("[\0]", 3, "line 1, column 2: expected a value, found the byte 0x00");
    refuse_text("[\x0b\x31]", "line 1, column 2: expected a value, found the byte 0x0b");
    refuse_text("[\xc2\xa0\x31]", "line 1, column 2: expected a value, found the character U+00A0; "
                                  "write an ordinary space");
    refuse_text("[\xff]", "line 1, column 2: expected a value, found the byte 0xff; the text must "
                          "be saved as UTF-8");
    refuse_text("[\n\"中文\" x]", "line 2, column 6: expected ',' or ']', found 'x'; is a comma "
                                  "missing before it?");
    cJSON_Delete(parse(" \r\n\t{\"a\" : [ true , false , null , { } , [ ] ] } \n"));
}

static void test_words_and_numbers(void **state) {
    (void)state;
    static const char *const values[] = {"-.", "+", ".", "_"};
    static const char *const numbers[] = {"-",     "1e",    "1e+",   "1E-", "--1",
                                          "1.2.3", "1x",    "1e5.5", "0x",  "0o7",
                                          "1.0.",  "-0x1g", "01x",   "0e_", "1-2"};
    static const char *const beyond[] = {"1e309", "-1e999", "1e-400", "0.1e-999"};
    char text[100], message[100];
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        snprintf(text, sizeof text, "[%s]", values[i]);
        snprintf(message, sizeof message, "line 1, column 2: expected a %s, found '%s'",
                 values[i][0] == '-' ? "JSON number" : "value", values[i]);
        refuse_text(text, message);
    }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        snprintf(text, sizeof text, "{\n  \"a\": %s}", numbers[i]);
        snprintf(message, sizeof message, "line 2, column 8: expected a JSON number, found '%s'",
                 numbers[i]);
        refuse_text(text, message);
    }
    for (size_t i = 0; i < sizeof beyond / sizeof *beyond; i++) {
        snprintf(message, sizeof message, "expected a number in the range of doubles, found '%s'",
                 beyond[i]);
        refuse_text(beyond[i], message);
    }
    // cJSON would truncate it after the 63rd digit.
    memset(text, '1', 64);
    text[64] = '\0';
    refuse_text(text, "line 1, column 1: expected a number of at most 60 characters, found "
                      "'111111111111111111111111111111...'");
    text[60] = '\0';
    cJSON_Delete(parse(text));
    cJSON_Delete(parse("[0, -0, -0.5, 1e5, 1.25E-3, 0e999, 0.0e-999, 5e-324, 10, 1e+2]"));
}

static void test_strings(void **state) {
    (void)state;
    refuse_text("\"abc", "line 1, column 1: expected a string, found one that does not end");
    refuse_text("\"a\\\"", "line 1, column 1: expected a string, found one that does not end");
    refuse_text("\"a\nb\"", "line 1, column 3: expected a string without control characters, found "
                            "the end of the line; is a quote missing? A line break is \\n");
    refuse_text("\"\t\"", "expected a string without control characters, found a tab; write \\t");
    refuse("\"\0\"", 3, "expected a string without control characters, found the byte 0x00");
    static const char *const damaged[] = {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xe2\x82",
                                          "\xf4\x90\x80\x80"};
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        char text[16], message[128];
        snprintf(text, sizeof text, "\"a%s\"", damaged[i]);
        snprintf(
            message, sizeof message,
            "line 1, column 3: expected UTF-8, found the byte 0x%02x; the text must be saved as "
            "UTF-8",
            (unsigned char)damaged[i][0]);
        refuse_text(text, message);
    }
    refuse_text("\"\\x41\"", "column 3: expected one of \"\\/bfnrtu after a backslash, found "
                             "'x41'");
    refuse_text("\"\\", "column 3: expected one of \"\\/bfnrtu after a backslash, found the end of "
                        "the text");
    refuse_text("\"\\u12g4\"", "column 4: expected four hexadecimal digits, found '12g4'");
    refuse_text("\"\\u12", "column 4: expected four hexadecimal digits, found '12'");
    refuse_text("\"\\u0000\"", "expected a string without zero characters, found \\u0000");
    refuse_text("\"\\ud83d\"", "expected a pair of surrogates, found \\ud83d alone");
    refuse_text("\"\\uD83D\\u0041\"", "expected a pair of surrogates, found \\ud83d alone");
    refuse_text("\"\\ude00\\ud83d\"", "expected a pair of surrogates, found \\ude00 alone");
    cJSON *document = parse("\"\\u00fc\\\\u0000\\uD83D\\ude00\\\"\\/\\b\\f\\n\\r\\t\x7f\"");
    assert_string_equal(document->valuestring, "ü\\u0000😀\"/\b\f\n\r\t\x7f");
    cJSON_Delete(document);
}

static void test_keys(void **state) {
    (void)state;
    refuse_text("{\"a\":1,\"b\":2,\"a\":3}",
                "t.json: line 1, column 14: expected every key once, found \"a\" twice");
    refuse_text("{\"x\":[{},\n{\"k\":1,\"\\u006b\":2}]}",
                "line 2, column 8: expected every key once, found \"\\u006b\" twice");
    refuse_text("{\"\\ud83d\\ude00\":1,\"😀\":2}", "found \"😀\" twice");
    refuse_text("{\"\\n/\":1,\"\\u000a\\/\":2}", "found \"\\u000a\\/\" twice");
    refuse_text("{\"\":1,\"\":2}", "line 1, column 7: expected every key once, found \"\" twice");
    // The first key that is repeated is reported, whatever the order of the keys.
    refuse_text("{\"z\":1,\"a\":2,\"z\":3,\"a\":4}",
                "column 14: expected every key once, found \"z\" twice");
    cJSON_Delete(
        parse("{\"a\":{\"a\":{\"a\":1}},\"ab\":[{\"a\":1},{\"a\":2}],\"A\":1,\"\":2,\"b\":3}"));
}

// A document at the limit is accepted. One more is refused, and the message names the limit.
static void test_limits(void **state) {
    (void)state;
    cJSON *document = NULL;
    mb_error error = {.message = ""};
    static const char text[] = "{\"a\": [1, [true]]}";
    const mb_json_limits exact = {.bytes = sizeof text - 1, .values = 5, .depth = 3};
    size_t length = exact.bytes;
    assert_int_equal(mb_json_parse("t", text, length, &exact, &document, &error), MB_OK);
    cJSON_Delete(document);
    mb_json_limits less[] = {exact, exact, exact};
    less[0].bytes--;
    less[1].values--;
    less[2].depth--;
    static const char *const messages[] = {
        "t: expected at most 17 bytes, found 18",
        "t: line 1, column 12: expected at most 4 values, found more",
        "t: line 1, column 11: expected at most 2 levels of lists and objects, found more"};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(mb_json_parse("t", text, length, &less[i], &document, &error),
                         MB_BAD_INPUT);
        assert_null(document);
        assert_string_equal(error.message, messages[i]);
    }
}

static void test_first(void **state) {
    (void)state;
    static const char text[] = " {\"a\": 1}\n{\"b\": 2} rest";
    static const mb_json_limits few = {.bytes = 9, .values = 10, .depth = 2};
    static const mb_json_limits fewer = {.bytes = 8, .values = 10, .depth = 2};
    cJSON *document = NULL;
    size_t used = 0, length = sizeof text - 1;
    mb_error error = {.message = ""};
    assert_int_equal(mb_json_parse_first("t", text, length, &few, &used, &document, &error), MB_OK);
    assert_int_equal(used, 9);
    assert_true(cJSON_GetObjectItem(document, "a")->valuedouble == 1);
    cJSON_Delete(document);
    assert_int_equal(mb_json_parse_first("t", text + 9, length - 9, &few, &used, &document, &error),
                     MB_OK);
    assert_string_equal(text + 9 + used, " rest");
    cJSON_Delete(document);
    assert_int_equal(mb_json_parse_first("t", text, length, &fewer, &used, &document, &error),
                     MB_BAD_INPUT);
    assert_string_equal(error.message, "t: expected at most 8 bytes, found 9");
    assert_null(document);
}

// The time must not grow with the square of the number of elements, of keys, or of steps of a walk.
static void test_large(void **state) {
    (void)state;
    enum { COUNT = 200000 };
    static const mb_json_limits large = {.bytes = 1 << 23, .values = 2 * COUNT + 3, .depth = 2};
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    assert_non_null(stream);
    fputs("[[", stream);
    for (int i = 0; i < COUNT; i++)
        fprintf(stream, i > 0 ? ",%d" : "%d", i);
    fputs("],{", stream);
    for (int i = 0; i < COUNT; i++)
        fprintf(stream, i > 0 ? ",\"k%d\":%d" : "\"k%d\":%d", COUNT - i, i);
    fputs("}]", stream);
    fclose(stream);
    cJSON *document = NULL;
    mb_error error = {.message = ""};
    clock_t began = clock();
    if (mb_json_parse("large", text, length, &large, &document, &error) != MB_OK)
        fail_msg("%s", error.message);
    mb_json root = mb_json_root("large", document);
    int walked = 0;
    for (mb_json part = mb_json_first(&root); part.value != NULL; part = mb_json_next(&part)) {
        int expected = 0;
        for (mb_json at = mb_json_first(&part); at.value != NULL; at = mb_json_next(&at)) {
            int64_t value = -1;
            assert_int_equal(mb_json_integer(&at, 0, COUNT, &value, &error), MB_OK);
            assert_int_equal(value, expected);
            assert_int_equal(at.index, expected++);
            assert_int_equal(at.key != NULL, part.index == 1);
            walked++;
        }
    }
    double seconds = (double)(clock() - began) / CLOCKS_PER_SEC;
    assert_int_equal(walked, 2 * COUNT);
    if (seconds > 3)
        fail_msg("%g s of processor time", seconds);
    cJSON_Delete(document);
    free(text);
}

static void put(const char *path, const char *text) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void test_load(void **state) {
    (void)state;
    cJSON *document = NULL;
    mb_error error = {.message = ""};
    assert_int_equal(mb_json_load("/nonexistent/p.json", &limits, &document, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "/nonexistent/p.json: cannot open"));
    assert_int_equal(mb_json_load("/tmp", &limits, &document, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "/tmp: cannot read"));
    char path[] = "/tmp/mb-json-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    put(path, "{\"a\": 1}");
    assert_int_equal(mb_json_load(path, &limits, &document, &error), MB_OK);
    assert_true(cJSON_GetObjectItem(document, "a")->valuedouble == 1);
    cJSON_Delete(document);
    put(path, "\xef\xbb\xbf[1,]"); // with a byte order mark
    assert_int_equal(mb_json_load(path, &limits, &document, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "line 1, column 3: expected no comma"));
    put(path, "\xef\xbb\xbf");
    assert_int_equal(mb_json_load(path, &limits, &document, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "line 1, column 1: expected a value, found the end"));
    put(path, "\xef\xbb\xbf{\"a\":1}");
    assert_int_equal(mb_json_load(path, &limits, &document, &error), MB_OK);
    assert_true(cJSON_GetObjectItem(document, "a")->valuedouble == 1);
    cJSON_Delete(document);
    put(path, "{\"a\": 1}");
    for (size_t bytes = 7; bytes <= 8; bytes++) {
        mb_json_limits few = {.bytes = bytes, .values = 2, .depth = 1};
        mb_status status = mb_json_load(path, &few, &document, &error);
        assert_int_equal(status, bytes == 7 ? MB_BAD_INPUT : MB_OK);
        cJSON_Delete(document);
    }
    assert_non_null(strstr(error.message, ": expected at most 7 bytes, found more"));
    unlink(path);
}

static void test_getters(void **state) {
    (void)state;
    mb_error error = {.message = ""};
    cJSON *document = parse("{\"cells\": [{\"dim\": [64, 1e9, 1.5, \"64\"], \"huge\": 1e99}], "
                            "\"protocl\": 1, \"mode\": \"gird\", \"list\": [], \"t\": true}");
    mb_json root = mb_json_root("plan.json", document), cells = mb_json_member(&root, "cells");
    mb_json cell = mb_json_first(&cells), dim = mb_json_member(&cell, "dim");
    static const char *const expected[] = {
        NULL, "plan.json: cells[0].dim[1]: expected an integer 1..4096, found 1000000000",
        "plan.json: cells[0].dim[2]: expected an integer 1..4096, found 1.5",
        "plan.json: cells[0].dim[3]: expected an integer 1..4096, found \"64\"; write it without "
        "the quotes",
        "plan.json: cells[0].dim[4]: expected an integer 1..4096, found nothing"};
    mb_json at = mb_json_first(&dim);
    for (int i = 0; i < 5; i++) { // the fifth is missing
        int64_t value = 0;
        mb_status status = mb_json_integer(&at, 1, 4096, &value, &error);
        assert_int_equal(status, i == 0 ? MB_OK : MB_BAD_INPUT);
        if (i == 0)
            assert_int_equal(value, 64);
        else
            assert_string_equal(error.message, expected[i]);
        if (i < 4)
            at = mb_json_next(&at);
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
    assert_non_null(strstr(error.message, "cells[0].huge: expected a number 0..1, found 1e+99"));
    assert_int_equal(mb_json_choice(&mode, modes, 3, &choice, &error), MB_BAD_INPUT);
    assert_string_equal(error.message,
                        "plan.json: mode: unknown value \"gird\"; did you mean \"grid\"?");
    assert_int_equal(mb_json_keys(&root, keys, &error), MB_BAD_INPUT);
    assert_string_equal(error.message,
                        "plan.json: unknown key \"protocl\"; did you mean \"protocol\"?");
    assert_int_equal(mb_json_count(&list, 4, &count, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "list: expected a list that is not empty"));
    assert_int_equal(mb_json_count(&dim, 3, &count, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "dim: expected a list of at most 3, found a list of 4"));
    assert_int_equal(mb_json_count(&dim, 4, &count, &error), MB_OK);
    assert_int_equal(count, 4);
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
    cJSON *again = parse(found); // canonical text stays the same
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

// The text of every number reads back as the same bits.
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
        cmocka_unit_test(test_grammar), cmocka_unit_test(test_words_and_numbers),
        cmocka_unit_test(test_strings), cmocka_unit_test(test_keys),
        cmocka_unit_test(test_limits),  cmocka_unit_test(test_first),
        cmocka_unit_test(test_large),   cmocka_unit_test(test_load),
        cmocka_unit_test(test_getters), cmocka_unit_test(test_canonical),
        cmocka_unit_test(test_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
