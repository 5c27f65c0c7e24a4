#include "base/utf8.h"

#include <string.h>

#include <utf8proc.h>

#include "base/plain.h"

enum { ZERO_WIDTH_NON_JOINER = 0x200c, ZERO_WIDTH_JOINER = 0x200d, EMOJI_SELECTOR = 0xfe0f };

int32_t mb_utf8_next(const char **text, const char *end) {
    utf8proc_int32_t character = -1;
    utf8proc_ssize_t bytes =
        utf8proc_iterate((const utf8proc_uint8_t *)*text, end - *text, &character);
    *text += bytes > 0 ? bytes : 1;
    return bytes > 0 ? character : -1;
}

size_t mb_utf8_write(int32_t character, char bytes[4]) {
    if (!utf8proc_codepoint_valid(character))
        return 0;
    return (size_t)utf8proc_encode_char(character, (utf8proc_uint8_t *)bytes);
}

void mb_text_position(const char *text, const char *at, const char *end, size_t *line,
                      size_t *column) {
    *line = *column = 1;
    while (text < at) {
        ++*column;
        if (mb_utf8_next(&text, end) == '\n') {
            ++*line;
            *column = 1;
        }
    }
}

bool mb_is_utf8(const char *text, size_t length) {
    const char *end = text + length;
    while (text < end)
        if (mb_utf8_next(&text, end) < 0)
            return false;
    return true;
}

bool mb_is_control(int32_t character) {
    switch (utf8proc_category(character)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        return true;
    case UTF8PROC_CATEGORY_CF:
        return character != ZERO_WIDTH_NON_JOINER && character != ZERO_WIDTH_JOINER;
    default:
        return false;
    }
}

bool mb_is_plain(const char *text) {
    const char *end = text + strlen(text);
    while (text < end) {
        int32_t character = mb_utf8_next(&text, end);
        if (character < 0 || mb_is_control(character))
            return false;
    }
    return true;
}

// The width of the text, or of its beginning that fits into `most` columns; *fitting receives the
// bytes of that beginning. A grapheme is what readers see as one character: a letter with its
// accents, joined emoji, the two letters of a flag. It takes at most two columns, and exactly two
// if a selector asks for the form of an emoji.
static int32_t measure(const char *text, const char *end, int32_t most, size_t *fitting) {
    const char *at = text, *grapheme = text;
    int32_t width = 0, taken = 0; // columns before the current grapheme, and of it
    utf8proc_int32_t last = -1, state = 0;
    while (at < end && width + taken <= most) {
        const char *start = at;
        utf8proc_int32_t next = mb_utf8_next(&at, end);
        char escape[MB_ESCAPE_SIZE];
        int escaped = mb_escape(next, *start, escape);
        next = escaped > 0 ? 'x' : next; // the last character of the escape; the others are below
        if (last >= 0 && utf8proc_grapheme_break_stateful(last, next, &state)) {
            width += taken;
            taken = 0;
            grapheme = start;
        }
        width += escaped > 0 ? escaped - 1 : 0;
        taken += next == EMOJI_SELECTOR ? 2 : utf8proc_charwidth(next);
        taken = taken > 2 ? 2 : taken;
        last = next;
    }
    bool all = width + taken <= most;
    *fitting = (size_t)((all ? end : grapheme) - text);
    return width + (all ? taken : 0);
}

int32_t mb_width_of(const char *text, size_t length) {
    size_t bytes;
    return measure(text, text + length, INT32_MAX, &bytes);
}

int32_t mb_text_width(const char *text) {
    return mb_width_of(text, strlen(text));
}

void mb_cut_text(char *text, int32_t columns) {
    size_t bytes;
    measure(text, text + strlen(text), columns, &bytes);
    text[bytes] = '\0';
}
