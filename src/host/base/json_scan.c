// Checks that a text is JSON according to RFC 8259 and within the caller's limits. cJSON parses the
// text afterwards. It is lenient: it accepts some texts that are not JSON, and it silently
// truncates or rounds some values. The scan refuses all of these, so that nothing is read
// differently from what the file says.
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/json_found.h"
#include "base/plain.h"
#include "base/utf8.h"

enum { LONGEST_NUMBER = 60 }; // cJSON truncates at 63

// A key without its quotes.
typedef struct key {
    const char *text, *end;
} key;

typedef struct scan {
    const char *file, *text, *at, *end;
    const mb_json_limits *limits;
    size_t values;
    int depth;
    key *keys; // of all objects that have not ended yet
    size_t key_count, key_capacity;
    mb_error *error;
} scan;

// ---- refusals ---------------------------------------------------------------------------------

static mb_status refuse(const scan *s, const char *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static mb_status refuse(const scan *s, const char *at, const char *format, ...) {
    char message[256];
    va_list arguments;
    va_start(arguments, format);
    mb_format_plain_list(message, sizeof message, format, arguments);
    va_end(arguments);
    size_t line, column;
    mb_text_position(s->text, at, s->end, &line, &column);
    return mb_fail(s->error, MB_BAD_INPUT, "%s: line %zu, column %zu: %s", s->file, line, column,
                   message);
}

static mb_status expect(const scan *s, const char *at, mb_json_place place, const char *expected) {
    char found[200];
    mb_json_found(at, s->end, place, found, sizeof found);
    return refuse(s, at, "expected %s, found %s", expected, found);
}

// ---- words and numbers ------------------------------------------------------------------------

static mb_status scan_number(scan *s) {
    char text[LONGEST_NUMBER + 1];
    size_t length = mb_json_word(s->at, s->end);
    if (length > LONGEST_NUMBER)
        return expect(s, s->at, MB_JSON_WITHIN, "a number of at most 60 characters");
    memcpy(text, s->at, length);
    text[length] = '\0';
    if (!mb_json_is_number(text))
        return expect(s, s->at, MB_JSON_VALUE, "a JSON number");
    double value = strtod(text, NULL);
    bool zero = strcspn(text, "123456789") >= strcspn(text, "eE");
    if (!isfinite(value) || (value == 0 && !zero))
        return expect(s, s->at, MB_JSON_WITHIN, "a number in the range of doubles");
    s->at += length;
    return MB_OK;
}

static mb_status scan_word(scan *s) {
    static const char *const words[] = {"true", "false", "null"};
    size_t length = mb_json_word(s->at, s->end);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i]) == length && memcmp(s->at, words[i], length) == 0) {
            s->at += length;
            return MB_OK;
        }
    return expect(s, s->at, MB_JSON_VALUE, "a value");
}

// ---- strings ----------------------------------------------------------------------------------

// The code of an escape such as "\u00fc", or -1 if there is none at `at`.
static int32_t escaped_number(const char *at, const char *end) {
    if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
        return -1;
    int32_t number = 0;
    for (int i = 2; i < 6; i++) {
        static const char digits[] = "0123456789abcdef";
        char lower = at[i] >= 'A' && at[i] <= 'F' ? (char)(at[i] - 'A' + 'a') : at[i];
        const char *digit = lower != '\0' ? strchr(digits, lower) : NULL;
        if (digit == NULL)
            return -1;
        number = number << 4 | (int32_t)(digit - digits);
    }
    return number;
}

static bool is_high(int32_t number) {
    return number >= 0xd800 && number < 0xdc00;
}

static bool is_low(int32_t number) {
    return number >= 0xdc00 && number < 0xe000;
}

static mb_status scan_escape(scan *s) {
    if (s->end - s->at >= 2 && s->at[1] != '\0' && strchr("\"\\/bfnrt", s->at[1]) != NULL) {
        s->at += 2;
        return MB_OK;
    }
    if (s->end - s->at < 2 || s->at[1] != 'u')
        return expect(s, s->at + 1, MB_JSON_WITHIN, "one of \"\\/bfnrtu after a backslash");
    int32_t number = escaped_number(s->at, s->end);
    if (number < 0)
        return expect(s, s->at + 2, MB_JSON_WITHIN, "four hexadecimal digits");
    if (number == 0) // would end the C string
        return refuse(s, s->at, "expected a string without zero characters, found \\u0000");
    if (is_low(number) || (is_high(number) && !is_low(escaped_number(s->at + 6, s->end))))
        return refuse(s, s->at, "expected a pair of surrogates, found \\u%04x alone",
                      (unsigned)number);
    s->at += is_high(number) ? 12 : 6;
    return MB_OK;
}

static mb_status scan_string(scan *s) {
    const char *start = s->at++;
    mb_status status = MB_OK;
    while (s->at < s->end && *s->at != '"' && status == MB_OK) {
        const char *here = s->at;
        if (*here == '\\')
            status = scan_escape(s);
        else if ((unsigned char)*here < 0x20)
            status = expect(s, here, MB_JSON_WITHIN, "a string without control characters");
        else if (mb_utf8_next(&s->at, s->end) < 0)
            status = expect(s, here, MB_JSON_WITHIN, "UTF-8");
    }
    if (status != MB_OK)
        return status;
    if (s->at == s->end)
        return refuse(s, start, "expected a string, found one that does not end");
    s->at++;
    return MB_OK;
}

// ---- keys -------------------------------------------------------------------------------------

// The next character of a scanned string, with escapes decoded; -1 at the end.
static int32_t next_character(const char **at, const char *end) {
    if (*at == end)
        return -1;
    if (**at != '\\')
        return mb_utf8_next(at, end);
    int32_t number = escaped_number(*at, end);
    if (number < 0) {
        static const char names[] = "bfnrt", meanings[] = "\b\f\n\r\t";
        char name = (*at)[1];
        const char *found = strchr(names, name);
        *at += 2;
        return found != NULL ? meanings[found - names] : name;
    }
    *at += 6;
    if (!is_high(number))
        return number;
    number = 0x10000 + ((number & 0x3ff) << 10 | (escaped_number(*at, end) & 0x3ff));
    *at += 6;
    return number;
}

static int compare_texts(const key *a, const key *b) {
    const char *left = a->text, *right = b->text;
    int32_t left_character, right_character;
    do {
        left_character = next_character(&left, a->end);
        right_character = next_character(&right, b->end);
    } while (left_character == right_character && left_character >= 0);
    return (left_character > right_character) - (left_character < right_character);
}

static int compare_keys(const void *a, const void *b) {
    const key *left = a, *right = b;
    int order = compare_texts(left, right);
    return order != 0 ? order : (left->text > right->text) - (left->text < right->text);
}

// Refuses duplicates among the keys of the object that ends here: those from `first` on.
static mb_status check_keys(scan *s, size_t first) {
    const key *keys = s->keys + first, *twice = NULL;
    size_t count = s->key_count - first;
    s->key_count = first;
    if (count < 2)
        return MB_OK;
    qsort(s->keys + first, count, sizeof *keys, compare_keys);
    for (size_t i = 1; i < count; i++)
        if (compare_texts(&keys[i - 1], &keys[i]) == 0 &&
            (twice == NULL || keys[i].text < twice->text))
            twice = &keys[i];
    if (twice == NULL)
        return MB_OK;
    int length = twice->end - twice->text < 100 ? (int)(twice->end - twice->text) : 100;
    return refuse(s, twice->text - 1, "expected every key once, found \"%.*s\" twice", length,
                  twice->text);
}

static mb_status scan_key(scan *s) {
    if (s->at == s->end || *s->at != '"')
        return expect(s, s->at, MB_JSON_KEY, "a key in quotes");
    const char *start = s->at + 1;
    mb_status status = scan_string(s);
    if (status != MB_OK)
        return status;
    if (s->key_count == s->key_capacity) {
        size_t capacity = 2 * s->key_capacity + 16;
        key *larger = reallocarray(s->keys, capacity, sizeof *larger);
        if (larger == NULL)
            return mb_out_of_memory(s->error, "keys of a JSON text");
        s->keys = larger;
        s->key_capacity = capacity;
    }
    s->keys[s->key_count++] = (key){.text = start, .end = s->at - 1};
    return MB_OK;
}

// ---- values -----------------------------------------------------------------------------------

static void skip_space(scan *s) {
    while (s->at < s->end && *s->at != '\0' && strchr(" \t\r\n", *s->at) != NULL)
        s->at++;
}

// Skips blanks and consumes `character` if it comes next.
static bool take(scan *s, char character) {
    skip_space(s);
    if (s->at == s->end || *s->at != character)
        return false;
    s->at++;
    return true;
}

static mb_status scan_value(scan *s);

static mb_status scan_member(scan *s) {
    skip_space(s);
    mb_status status = scan_key(s);
    if (status == MB_OK && !take(s, ':'))
        status = expect(s, s->at, MB_JSON_END, "':'");
    return status == MB_OK ? scan_value(s) : status;
}

// After an entry of a list or an object, which `close` ends: *more tells whether another one
// follows.
static mb_status scan_next(scan *s, char close, bool *more) {
    *more = take(s, ',');
    const char *comma = s->at - 1;
    if (!*more)
        return MB_OK;
    skip_space(s);
    if (s->at == s->end || *s->at != close)
        return MB_OK;
    return refuse(s, comma,
                  "expected no comma after the last entry, found one before '%c'; remove it",
                  close);
}

static mb_status scan_list(scan *s) {
    mb_status status = MB_OK;
    bool more = true;
    s->at++;
    if (take(s, ']'))
        return MB_OK;
    while (status == MB_OK && more) {
        status = scan_value(s);
        if (status == MB_OK)
            status = scan_next(s, ']', &more);
    }
    return status != MB_OK || take(s, ']') ? status : expect(s, s->at, MB_JSON_NEXT, "',' or ']'");
}

static mb_status scan_object(scan *s) {
    size_t first = s->key_count;
    mb_status status = MB_OK;
    bool more = true;
    s->at++;
    if (take(s, '}'))
        return MB_OK;
    while (status == MB_OK && more) {
        status = scan_member(s);
        if (status == MB_OK)
            status = scan_next(s, '}', &more);
    }
    if (status == MB_OK && !take(s, '}'))
        status = expect(s, s->at, MB_JSON_NEXT, "',' or '}'");
    return status == MB_OK ? check_keys(s, first) : status;
}

static mb_status scan_value(scan *s) {
    skip_space(s);
    if (s->at == s->end)
        return expect(s, s->at, MB_JSON_VALUE, "a value");
    char c = *s->at;
    if (++s->values > s->limits->values)
        return refuse(s, s->at, "expected at most %zu values, found more", s->limits->values);
    if (c == '[' || c == '{') {
        if (++s->depth > s->limits->depth)
            return refuse(s, s->at, "expected at most %d levels of lists and objects, found more",
                          s->limits->depth);
        mb_status status = c == '[' ? scan_list(s) : scan_object(s);
        s->depth--;
        return status;
    }
    return c == '"'                             ? scan_string(s)
           : c == '-' || (c >= '0' && c <= '9') ? scan_number(s)
                                                : scan_word(s);
}

mb_status mb_json_scan(const char *file, const char *text, size_t length,
                       const mb_json_limits *limits, size_t *used, mb_error *error) {
    scan s = {.file = file,
              .text = text,
              .at = text,
              .end = text + length,
              .limits = limits,
              .error = error};
    if (used == NULL && length > limits->bytes)
        return mb_fail(error, MB_BAD_INPUT, "%s: expected at most %zu bytes, found %zu", file,
                       limits->bytes, length);
    const char *encoding = mb_json_encoding(text, length);
    if (encoding != NULL)
        return mb_fail(error, MB_BAD_INPUT, "%s: expected UTF-8, found %s; save it as UTF-8", file,
                       encoding);
    mb_status status = scan_value(&s);
    free(s.keys);
    size_t end = (size_t)(s.at - text);
    skip_space(&s);
    if (status == MB_OK && used == NULL && s.at < s.end)
        status = expect(&s, s.at, MB_JSON_END, "the end of the text");
    if (status == MB_OK && end > limits->bytes)
        status = mb_fail(error, MB_BAD_INPUT, "%s: expected at most %zu bytes, found %zu", file,
                         limits->bytes, end);
    if (used != NULL)
        *used = end;
    return status;
}
