// UTF-8 text: what is valid, how wide it is on a terminal, and what must not be printed.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"

static const char *const not_utf8[] = {
    "\x80",             // the middle of a character
    "\xc0\x80",         // overlong
    "\xc3",             // cut short
    "\xe0\x80\x80",     // overlong
    "\xf0\x80\x80\x80", // overlong
    "\xed\xa0\x80",     // a surrogate
    "\xed\xbf\xbf",     // a surrogate
    "\xf5\x80\x80\x80", // beyond Unicode
    "\xf4\x90\x80\x80", // beyond Unicode
    "\xff",
    "\xe4\xbd", // cut short
    "a\xc3z",   // cut short
};
enum { NOT_UTF8 = sizeof not_utf8 / sizeof *not_utf8 };

static void test_valid(void **state) {
    (void)state;
    assert_true(mb_is_utf8("", 0));
    assert_true(mb_is_utf8("a\xc3\xbc\xe4\xbd\xa0\xf0\x9f\x98\x80", 10));
    assert_true(mb_is_utf8("\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf", 10)); // next to the limits
    assert_true(mb_is_utf8("a\0b", 3));
    for (int i = 0; i < NOT_UTF8; i++) {
        // A copy of exactly this length, so that the sanitizer notices reads past its end.
        size_t length = strlen(not_utf8[i]);
        char *copy = malloc(length);
        assert_non_null(copy);
        memcpy(copy, not_utf8[i], length);
        if (mb_is_utf8(copy, length))
            fail_msg("text %d was taken", i);
        free(copy);
    }
}

// Every character reads back as it was written, and nothing else can be written.
static void test_characters(void **state) {
    (void)state;
    for (int32_t character = -1; character < 0x110100; character++) {
        char bytes[5] = "";
        size_t length = mb_utf8_write(character, bytes);
        bool exists = character >= 0 && character < 0x110000 && (character & ~0x7ff) != 0xd800;
        assert_int_equal(length > 0, exists);
        const char *at = bytes;
        if (exists) {
            assert_int_equal(mb_utf8_next(&at, bytes + length), character);
            assert_ptr_equal(at, bytes + length);
        }
    }
    const char *text = "\xe4\xbd"
                       "a",
               *at = text; // invalid bytes are skipped one at a time
    assert_int_equal(mb_utf8_next(&at, text + 3), -1);
    assert_int_equal(mb_utf8_next(&at, text + 3), -1);
    assert_int_equal(mb_utf8_next(&at, text + 3), 'a');
    assert_ptr_equal(at, text + 3);
}

static void test_width(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int32_t width;
    } cases[] = {
        {"", 0},
        {"attention", 9},
        {"±—ü", 3},
        {"中文測試", 8},
        {"ひらがな", 8},
        {"カタカナ", 8},
        {"ｶﾀｶﾅ", 4},               // of half width
        {"ＡＢ", 4},               // of full width
        {"한국어", 6},             // syllables
        {"\u1112\u1161\u11ab", 2}, // a syllable of three letters
        {"e\u0301", 1},            // a letter and its accent
        {"e\u0301\u0323x", 2},     // two marks
        {"\u0301", 0},             // a mark without a letter
        {"か\u3099", 2},           // a mark of kana
        {"😀", 2},
        {"👍🏽", 2},               // of a colour
        {"👨\u200d👩\u200d👧\u200d👦", 2}, // a family
        {"🇩🇪🇨🇳", 4},                   // two flags
        {"\u2764", 1},                 // a heart
        {"\u2764\ufe0f", 2},           // the same as an emoji
        {"1\ufe0f\u20e3", 2},          // a key
        {"中e\u0301😀a", 6},
        {"\xff\xe4", 8}, // not UTF-8: \xff\xe4
        {"\xe4\xb8", 8},
        {"a\x1b\u202e\xc2\x85", 17}, // escapes: \x1b\u202e\u0085
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (mb_text_width(cases[i].text) != cases[i].width)
            fail_msg("'%s': expected %d, found %d", cases[i].text, cases[i].width,
                     mb_text_width(cases[i].text));
}

static void test_cut(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int32_t columns;
        const char *left;
    } cases[] = {
        {"", 0, ""},
        {"attention", 0, ""},
        {"attention", -1, ""},
        {"attention", 4, "atte"},
        {"attention", 9, "attention"},
        {"中文測試", 5, "中文"}, // not half of one
        {"中文測試", 1, ""},
        {"e\u0301\u0323x", 1, "e\u0301\u0323"},
        {"e\u0301", 0, ""},
        {"a👨\u200d👩\u200d👧b", 2, "a"},
        {"a👨\u200d👩\u200d👧b", 3, "a👨\u200d👩\u200d👧"},
        {"1\ufe0f\u20e3", 1, ""},
        {"\xff\xe4", 3, ""}, // escapes: \xff\xe4
        {"\xff\xe4", 4, "\xff"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[64];
        snprintf(text, sizeof text, "%s", cases[i].text);
        mb_cut_text(text, cases[i].columns);
        assert_string_equal(text, cases[i].left);
    }
}

static void test_control(void **state) {
    (void)state;
    assert_true(mb_is_control('\n') && mb_is_control(0x7f) && mb_is_control(0x9b));
    assert_true(mb_is_control(0x202e) && mb_is_control(0x2028) && mb_is_control(0xe0041));
    assert_false(mb_is_control(0xfffd));
    assert_false(mb_is_control(' '));
    assert_false(mb_is_control(0xa0));
    assert_false(mb_is_control(0x200d));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid),   cmocka_unit_test(test_characters),
        cmocka_unit_test(test_width),   cmocka_unit_test(test_cut),
        cmocka_unit_test(test_control),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
