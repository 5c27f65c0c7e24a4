// What is no JSON but close to it: the message says what it is and what to write instead.
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

static void test_not_json(void **state) {
    (void)state;
    static const struct {
        const char *text, *hint;
    } words[] = {
        {"NaN", "JSON has no NaN and no infinity, write a finite number"},
        {"-Infinity", "JSON has no NaN and no infinity, write a finite number"},
        {"+inf", "JSON has no NaN and no infinity, write a finite number"},
        {"True", "in JSON this is true"},
        {"None", "in JSON this is null"},
        {"+8", "a JSON number has no plus sign, write 8"},
        {"+.5", "a JSON number has digits on both sides of the point, write 0.5"},
        {"08", "a JSON number has no leading zeros, write 8"},
        {"-007.50", "a JSON number has no leading zeros, write -7.50"},
        {"00", "a JSON number has no leading zeros, write 0"},
        {"0x10", "JSON has no hexadecimal numbers, write 16"},
        {"-0xff", "JSON has no hexadecimal numbers, write -255"},
        {"1_000", "a JSON number has no '_', write 1000"},
        {".5", "a JSON number has digits on both sides of the point, write 0.5"},
        {"-.5e3", "a JSON number has digits on both sides of the point, write -0.5e3"},
        {"1.", "a JSON number has digits on both sides of the point, write 1.0"},
        {"1.e5", "a JSON number has digits on both sides of the point, write 1.0e5"},
        {"adam", "a text has double quotes, write \"adam\""},
    };
    char text[100], message[200];
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        snprintf(text, sizeof text, "[%s]", words[i].text);
        snprintf(message, sizeof message, "found '%s'; %s", words[i].text, words[i].hint);
        refuse_text(text, message);
    }
    refuse_text("# one\n{}", "line 1, column 1: expected a value, found a comment; JSON has no "
                             "comments, remove it (a plan has a key \"comment\")");
    refuse_text("['a b']", "found a single quote; JSON has double quotes, write \"a b\"");
    refuse_text("['a\nb']", "found a single quote; JSON has double quotes");
    refuse_text("['a", "found a single quote; JSON has double quotes");
    refuse_text("[\u201ca\u201d]", "found '\u201c'; write \"");
    refuse_text("[1\uff0c2]", "expected ',' or ']', found '\uff0c'; write ,");
    refuse_text("[\u200b1]", "found the character U+200B; remove it, it is invisible");
    refuse_text("{\"a\": 1\n \"b\": 2}",
                "line 2, column 2: expected ',' or '}', found '\"'; is a comma missing before it?");
}

static void test_encodings(void **state) {
    (void)state;
    refuse("\xff\xfe{\0}\0", 6, "t.json: expected UTF-8, found UTF-16; save it as UTF-8");
    refuse("\xfe\xff\0{\0}", 6, "t.json: expected UTF-8, found UTF-16; save it as UTF-8");
    refuse("{\0}\0", 4, "t.json: expected UTF-8, found UTF-16; save it as UTF-8");
    refuse("\0[\0]", 4, "t.json: expected UTF-8, found UTF-16; save it as UTF-8");
    refuse("\xff\xfe\0\0{\0\0\0", 8, "t.json: expected UTF-8, found UTF-32; save it as UTF-8");
    refuse("\xff", 1,
           "line 1, column 1: expected a value, found the byte 0xff; the text must be "
           "saved as UTF-8");
    refuse("\0\0\0\0", 4, "expected a value, found the byte 0x00");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_not_json),
        cmocka_unit_test(test_encodings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
