// Texts that cannot command a terminal, and messages that are made of them.
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/plain.h"
#include "base/utf8.h"
#include "merbench/status.h"

static void check_plain(const char *text, const char *expected) {
    char *found = mb_plain(text), formatted[256];
    assert_string_equal(found, expected);
    free(found);
    mb_format_plain(formatted, sizeof formatted, "%s", text);
    assert_string_equal(formatted, expected);
    assert_int_equal(mb_text_width(text), mb_text_width(expected));
    assert_int_equal(mb_is_plain(text), strcmp(text, expected) == 0);
    mb_format_plain(formatted, sizeof formatted, "%s", expected); // an escape is not escaped again
    assert_string_equal(formatted, expected);
}

static void test_escapes(void **state) {
    (void)state;
    check_plain("", "");
    check_plain("中文 ü, 👨\u200d👩, می\u200cخواهم", "中文 ü, 👨\u200d👩, می\u200cخواهم");
    check_plain("a\x1b[31mb\x7f\n", "a\\x1b[31mb\\x7f\\x0a");
    check_plain("a\rb\tc\\", "a\\x0db\\x09c\\");
    check_plain("\xc2\x9b"
                "31m",
                "\\u009b31m");            // the C1 form of ESC [
    check_plain("\x9b 31m", "\\x9b 31m"); // and its byte, which is not UTF-8
    check_plain("a\u202eb\u202c \u2066c\u2069 \u061c", "a\\u202eb\\u202c \\u2066c\\u2069 \\u061c");
    check_plain("\u200ea\ufeffb\u00ad\U000e0041", "\\u200ea\\ufeffb\\u00ad\\U000e0041");
    check_plain("one\u2028two\u2029three", "one\\u2028two\\u2029three");
    check_plain("\xff中\xe4\xb8", "\\xff中\\xe4\\xb8");
}

// Every control character that can be written, among letters.
static void test_every_control_character(void **state) {
    (void)state;
    int escaped = 0;
    for (int32_t character = 1; character <= 0x10ffff; character++) {
        char text[8] = "a";
        size_t length = mb_utf8_write(character, text + 1);
        if (length == 0)
            continue;
        memcpy(text + 1 + length, "b", 2);
        char formatted[32];
        mb_format_plain(formatted, sizeof formatted, "%s", text);
        bool same = strcmp(formatted, text) == 0;
        assert_int_equal(same, !mb_is_control(character));
        assert_true(same || formatted[1] == '\\');
        escaped += !same;
    }
    assert_true(escaped > 64 + 20);
}

#define CHECK_FORMAT(...)                                                                          \
    do {                                                                                           \
        char expected_text[600], found_text[600];                                                  \
        snprintf(expected_text, sizeof expected_text, __VA_ARGS__);                                \
        mb_format_plain(found_text, sizeof found_text, __VA_ARGS__);                               \
        assert_string_equal(found_text, expected_text);                                            \
    } while (0)

static void test_formats(void **state) {
    (void)state;
    CHECK_FORMAT("nothing");
    CHECK_FORMAT("100 %% of %s\n", "it");
    CHECK_FORMAT("%d %i %5d|%-5d|%05d|%+d|% d|%.3d", -1, 2, 3, 4, 5, 6, 7, 8);
    CHECK_FORMAT("%hhd %hd %ld %lld %zd %jd %td", (signed char)-1, (short)-2, -3L, -4LL,
                 (ssize_t)-5, (intmax_t)-6, (ptrdiff_t)-7);
    CHECK_FORMAT("%u %x %#X %o %lu %zu %" PRIu64, 1u, 254u, 255u, 8u, 5ul, (size_t)6, UINT64_MAX);
    CHECK_FORMAT("%" PRId64 " %" PRIx64 " %08x", INT64_MIN, UINT64_MAX, 0xabcu);
    CHECK_FORMAT("%f %.2f %8.3f|%-8.1f|%g %.17g %e %.*f %*.*f", 1.5, 2.25, 3.0, 4.0, 1e-7, 0.1, 5.0,
                 3, 6.0, 9, 2, 7.0);
    CHECK_FORMAT("%.3g %g %g", 1e300, (double)INFINITY, -1.0);
    CHECK_FORMAT("%f", 1.7e308);
    CHECK_FORMAT("%s|%5s|%-5s|%.2s|%.*s|%*s|%-*s|%*s", "a", "b", "c", "def", 2, "ghi", 4, "j", 4,
                 "k", -4, "l");
    CHECK_FORMAT("%c%3c%-3c|", 'x', 'y', 'z');
}

static void test_widths_are_columns(void **state) {
    (void)state;
    char text[64];
    mb_format_plain(text, sizeof text, "%-6s|%6s|%s", "中文", "\x1b", "\n");
    assert_string_equal(text, "中文  |  \\x1b|\\x0a");
    mb_format_plain(text, sizeof text, "%.4s|%.3s|%.2s|%.1s", "中文", "中文", "中文", "\xff\xff");
    assert_string_equal(text, "中|中||\\xff"); // no part of a character
    mb_format_plain(text, sizeof text, "%c%c", '\x1b', 0xe4);
    assert_string_equal(text, "\\x1b\\xe4");
}

static void test_cut(void **state) {
    (void)state;
    char text[8];
    mb_format_plain(text, sizeof text, "%s", "ab中文");
    assert_string_equal(text, "ab中");
    mb_format_plain(text, sizeof text, "%s%s", "abcd\x1b", "e");
    assert_string_equal(text, "abcd"); // no part of an escape, and nothing after it
    mb_format_plain(text, 1, "%s", "x");
    assert_string_equal(text, "");
    // A precision cuts between two characters, too, and the text behind it is not read.
    char *raw = malloc(4);
    assert_non_null(raw);
    memcpy(raw, "a中", 4);
    for (int count = 0; count <= 4; count++) {
        mb_format_plain(text, sizeof text, "%.*s", count, raw);
        assert_string_equal(text, count == 0 ? "" : count < 4 ? "a" : "a中");
    }
    free(raw);
    mb_format_plain(text, sizeof text, "%.2s", "\xff\xfe\xfd"); // bytes that begin no character
    assert_string_equal(text, "\\xff");
}

static void test_messages(void **state) {
    (void)state;
    mb_error error;
    assert_int_equal(mb_fail(&error, MB_BAD_INPUT, "%s: first\nsecond", "a\nb\x1b"), MB_BAD_INPUT);
    assert_string_equal(error.message, "a\\x0ab\\x1b: first\nsecond");
    mb_fail_in(&error, MB_BAD_INPUT, "%s: ", "c\n");
    assert_string_equal(error.message, "c\\x0a: a\\x0ab\\x1b: first\nsecond");
    assert_int_equal(mb_fail_more(&error, MB_FAILED, "\n'%s'", "\u202e"), MB_FAILED);
    assert_string_equal(error.message, "c\\x0a: a\\x0ab\\x1b: first\nsecond\n'\\u202e'");
    assert_int_equal(mb_fail_more(NULL, MB_FAILED, "x"), MB_FAILED);
    char *printed = NULL;
    size_t length;
    FILE *stream = open_memstream(&printed, &length);
    mb_print_lines(stream, "a\nb\x1b\n\nc");
    mb_print_plain_to(stream, "%s\n", "d\ne");
    fclose(stream);
    assert_string_equal(printed, "a\nb\\x1b\n\nc\nd\\x0ae\n");
    free(printed);
}

// A message that is too long loses its end, at a whole character.
static void test_long_messages(void **state) {
    (void)state;
    mb_error error;
    enum { CHARACTERS = sizeof error.message / 3 + 1 };
    char *name = calloc(1, 3 * CHARACTERS + 1);
    for (int i = 0; i < CHARACTERS; i++)
        memcpy(name + 3 * i, "中", 3);
    mb_fail(&error, MB_BAD_INPUT, "%s", name);
    assert_true(mb_is_plain(error.message) && strlen(error.message) > sizeof error.message - 4);
    mb_fail_in(&error, MB_BAD_INPUT, "x: ");
    assert_true(mb_is_plain(error.message) && strncmp(error.message, "x: 中", 6) == 0);
    mb_fail_more(&error, MB_BAD_INPUT, "%s", name);
    assert_true(mb_is_plain(error.message) && strlen(error.message) < sizeof error.message);
    free(name);
}

static void test_json_strings(void **state) {
    (void)state;
    char *printed = NULL;
    size_t length;
    FILE *stream = open_memstream(&printed, &length);
    mb_json_put_text("\"\\\n\xe4±", stream);
    mb_json_put_text("\u202e\U000e0041中\x7f\xc2\x9b", stream);
    fclose(stream);
    assert_string_equal(printed, "\"\\\"\\\\\\u000a\\ufffd±\""
                                 "\"\\u202e\\udb40\\udc41中\\u007f\\u009b\"");
    free(printed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escapes),       cmocka_unit_test(test_every_control_character),
        cmocka_unit_test(test_formats),       cmocka_unit_test(test_widths_are_columns),
        cmocka_unit_test(test_cut),           cmocka_unit_test(test_messages),
        cmocka_unit_test(test_long_messages), cmocka_unit_test(test_json_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
