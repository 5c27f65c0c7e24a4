#include "base/json_found.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"

enum { LONGEST_SHOWN = 30 };

// What is found, and a hint that begins with "; " or is empty.
typedef struct finding {
    char what[64], hint[128];
} finding;

static bool begins(const char *at, const char *end, const char *with) {
    size_t length = strlen(with);
    return (size_t)(end - at) >= length && memcmp(at, with, length) == 0;
}

// ---- encodings --------------------------------------------------------------------------------

const char *mb_json_encoding(const char *text, size_t length) {
    const char *end = text + length;
    if (length % 4 == 0 && length > 0 &&
        (memcmp(text, "\xff\xfe\0\0", 4) == 0 || memcmp(text, "\0\0\xfe\xff", 4) == 0))
        return "UTF-32";
    if (begins(text, end, "\xff\xfe") || begins(text, end, "\xfe\xff"))
        return "UTF-16";
    // Without a mark: every other byte of the first four is zero.
    bool zeros[4];
    for (int i = 0; i < 4; i++)
        zeros[i] = length >= 4 && text[i] == '\0';
    bool every_other = zeros[0] == zeros[2] && zeros[1] == zeros[3] && zeros[0] != zeros[1];
    return every_other && length % 2 == 0 ? "UTF-16" : NULL;
}

// ---- words and numbers ------------------------------------------------------------------------

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("+-._", c) != NULL);
}

size_t mb_json_word(const char *at, const char *end) {
    size_t length = 0;
    while (at + length < end && is_word(at[length]))
        length++;
    return length;
}

static const char digits[] = "0123456789";

bool mb_json_is_number(const char *text) {
    text += *text == '-';
    size_t count = strspn(text, digits);
    if (count == 0 || (*text == '0' && count > 1))
        return false;
    text += count;
    if (*text == '.') {
        count = strspn(++text, digits);
        if (count == 0)
            return false;
        text += count;
    }
    if (*text == 'e' || *text == 'E') {
        text++;
        text += *text == '+' || *text == '-';
        count = strspn(text, digits);
        if (count == 0)
            return false;
        text += count;
    }
    return *text == '\0';
}

// Writes the number as JSON has it. Returns why the word is not JSON, or NULL if this is no number.
static const char *mend_number(const char *word, char *number, size_t size) {
    const char *why = NULL, *from = word;
    size_t to = 0;
    if (*from == '+')
        why = "a JSON number has no plus sign";
    if (*from == '-')
        number[to++] = '-';
    from += *from == '+' || *from == '-';
    if (from[0] == '0' && (from[1] == 'x' || from[1] == 'X')) {
        char *end;
        unsigned long long value = strtoull(from + 2, &end, 16);
        bool whole = strspn(from + 2, "0123456789abcdefABCDEF") == strlen(from + 2);
        snprintf(number + to, size - to, "%llu", value);
        return whole && end != from + 2 ? "JSON has no hexadecimal numbers" : NULL;
    }
    if (from[0] == '0' && strspn(from, digits) > 1)
        why = "a JSON number has no leading zeros";
    while (from[0] == '0' && strchr(digits, from[1]) != NULL && from[1] != '\0')
        from++;
    for (; *from != '\0' && to + 2 < size; from++) {
        bool before = to > 0 && number[to - 1] >= '0' && number[to - 1] <= '9';
        bool after = from[1] != '\0' && strchr(digits, from[1]) != NULL;
        if (*from == '_') {
            why = "a JSON number has no '_'";
            continue;
        }
        if (*from == '.' && !before && !after)
            return NULL;
        if (*from == '.' && !(before && after))
            why = "a JSON number has digits on both sides of the point";
        if (*from == '.' && !before)
            number[to++] = '0';
        number[to++] = *from;
        if (*from == '.' && !after)
            number[to++] = '0';
    }
    number[to] = '\0';
    return mb_json_is_number(number) ? why : NULL;
}

static void judge_word(const char *word, mb_json_place place, finding *found) {
    static const char *const not_finite[] = {"nan", "inf", "infinity"};
    static const char *const words[][2] = {{"true", "true"},
                                           {"false", "false"},
                                           {"null", "null"},
                                           {"none", "null"},
                                           {"undefined", "null"}};
    char number[LONGEST_SHOWN + 40], *hint = found->hint;
    size_t size = sizeof found->hint;
    bool letter = strspn(word, "+-._0123456789") == 0;
    if (place == MB_JSON_KEY && letter)
        snprintf(hint, size, "; a key has double quotes, write \"%s\"", word);
    if (place == MB_JSON_NEXT)
        snprintf(hint, size, "; is a comma missing before it?");
    if (place != MB_JSON_VALUE)
        return;
    for (size_t i = 0; i < sizeof not_finite / sizeof *not_finite; i++)
        if (strcasecmp(word + strspn(word, "+-"), not_finite[i]) == 0) {
            snprintf(hint, size, "; JSON has no NaN and no infinity, write a finite number");
            return;
        }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(word, words[i][0]) == 0) {
            snprintf(hint, size, "; in JSON this is %s", words[i][1]);
            return;
        }
    const char *why = mend_number(word, number, sizeof number);
    if (why != NULL)
        snprintf(hint, size, "; %s, write %s", why, number);
    else if (letter)
        snprintf(hint, size, "; a text has double quotes, write \"%s\"", word);
}

static void find_word(const char *at, size_t length, mb_json_place place, finding *found) {
    bool whole = length <= LONGEST_SHOWN;
    int shown = whole ? (int)length : LONGEST_SHOWN;
    char word[LONGEST_SHOWN + 1];
    snprintf(word, sizeof word, "%.*s", shown, at);
    snprintf(found->what, sizeof found->what, "'%s%s'", word, whole ? "" : "...");
    if (whole)
        judge_word(word, place, found);
}

// ---- other characters -------------------------------------------------------------------------

static void find_quote(const char *at, const char *end, finding *found) {
    const char *close = memchr(at + 1, '\'', (size_t)(end - at - 1));
    size_t length = close != NULL ? (size_t)(close - at - 1) : LONGEST_SHOWN + 1;
    bool plain = length <= LONGEST_SHOWN;
    for (size_t i = 1; plain && i <= length; i++)
        plain = (unsigned char)at[i] >= ' ' && at[i] != '"' && at[i] != '\\';
    snprintf(found->what, sizeof found->what, "a single quote");
    if (plain && mb_is_utf8(at + 1, length))
        snprintf(found->hint, sizeof found->hint, "; JSON has double quotes, write \"%.*s\"",
                 (int)length, at + 1);
    else
        snprintf(found->hint, sizeof found->hint, "; JSON has double quotes");
}

// What a word processor or an input method writes instead of an ASCII character, or 0.
static char ascii_of(int32_t character) {
    enum { FULL_WIDTH = 0xff01, FULL_WIDTH_END = 0xff5e };
    if (character >= FULL_WIDTH && character <= FULL_WIDTH_END)
        return (char)(character - FULL_WIDTH + '!');
    return character >= 0x201c && character <= 0x201f   ? '"'
           : character >= 0x2018 && character <= 0x201b ? '"'
           : character == 0xa0 || character == 0x202f || character == 0x3000 ||
                   (character >= 0x2000 && character <= 0x200a)
               ? ' '
               : '\0';
}

static void find_character(int32_t character, const char *at, int bytes, finding *found) {
    char meant = ascii_of(character), *hint = found->hint;
    size_t size = sizeof found->hint;
    if (character == 0xfeff) {
        snprintf(found->what, sizeof found->what, "a byte order mark");
        snprintf(hint, size, "; remove it");
    } else if (character < 0) {
        snprintf(found->what, sizeof found->what, "the byte 0x%02x", (unsigned char)*at);
        snprintf(hint, size, "; the text must be saved as UTF-8");
    } else if (character < 0x80 && mb_is_control(character)) {
        snprintf(found->what, sizeof found->what, "the byte 0x%02x", (unsigned char)*at);
    } else if (meant == ' ') {
        snprintf(found->what, sizeof found->what, "the character U+%04X", (unsigned)character);
        snprintf(hint, size, "; write an ordinary space");
    } else if (mb_is_control(character)) {
        snprintf(found->what, sizeof found->what, "the character U+%04X", (unsigned)character);
        snprintf(hint, size, "; remove it, it is invisible");
    } else {
        snprintf(found->what, sizeof found->what, "'%.*s'", bytes, at);
        if (meant != '\0')
            snprintf(hint, size, "; write %c", meant);
    }
}

void mb_json_found(const char *at, const char *end, mb_json_place place, char *text, size_t size) {
    finding found = {.hint = ""};
    const char *next = at;
    size_t word = mb_json_word(at, end);
    if (at == end) {
        snprintf(found.what, sizeof found.what, "the end of the text");
    } else if (place != MB_JSON_WITHIN &&
               (*at == '#' || begins(at, end, "//") || begins(at, end, "/*"))) {
        snprintf(found.what, sizeof found.what, "a comment");
        snprintf(found.hint, sizeof found.hint,
                 "; JSON has no comments, remove it (a plan has a key \"comment\")");
    } else if (word > 0) {
        find_word(at, word, place, &found);
    } else if (*at == '\'' && place != MB_JSON_WITHIN) {
        find_quote(at, end, &found);
    } else if (place == MB_JSON_WITHIN && (*at == '\n' || *at == '\r')) {
        snprintf(found.what, sizeof found.what, "the end of the line");
        snprintf(found.hint, sizeof found.hint, "; is a quote missing? A line break is \\n");
    } else if (place == MB_JSON_WITHIN && *at == '\t') {
        snprintf(found.what, sizeof found.what, "a tab");
        snprintf(found.hint, sizeof found.hint, "; write \\t");
    } else {
        int32_t character = mb_utf8_next(&next, end);
        find_character(character, at, (int)(next - at), &found);
        if (place == MB_JSON_NEXT && strchr("\"[{", *at) != NULL && *at != '\0')
            snprintf(found.hint, sizeof found.hint, "; is a comma missing before it?");
    }
    snprintf(text, size, "%s%s", found.what, found.hint);
}
