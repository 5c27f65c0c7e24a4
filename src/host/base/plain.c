#include "base/plain.h"

#include <stdbool.h>
#include <string.h>

#include "base/memory_stream.h"
#include "base/utf8.h"

int mb_escape(int32_t character, char byte, char escape[MB_ESCAPE_SIZE]) {
    if (character < 0)
        return snprintf(escape, MB_ESCAPE_SIZE, "\\x%02x", (unsigned)(unsigned char)byte);
    if (!mb_is_control(character))
        return 0;
    const char *format = character < 0x80 ? "\\x%02x" : character <= 0xffff ? "\\u%04x" : "\\U%08x";
    return snprintf(escape, MB_ESCAPE_SIZE, format, (unsigned)character);
}

// ---- where the text goes ----------------------------------------------------------------------

typedef struct sink {
    FILE *stream; // or:
    char *text;
    size_t size, used;
    bool full; // what follows is left out
} sink;

// Writes all of the bytes or, if they do not fit, none.
static void put(sink *to, const char *bytes, size_t count) {
    if (to->stream != NULL) {
        fwrite(bytes, 1, count, to->stream);
    } else if (to->full || to->size - to->used <= count) {
        to->full = true;
    } else {
        memcpy(to->text + to->used, bytes, count);
        to->used += count;
    }
}

static void put_blanks(sink *to, int count) {
    for (int i = 0; i < count; i++)
        put(to, " ", 1);
}

static void put_escaped(sink *to, const char *text, const char *end) {
    while (text < end) {
        const char *start = text;
        int32_t character = mb_utf8_next(&text, end);
        char escape[MB_ESCAPE_SIZE];
        int length = mb_escape(character, *start, escape);
        if (length > 0)
            put(to, escape, (size_t)length);
        else
            put(to, start, (size_t)(text - start));
    }
}

// ---- formats ----------------------------------------------------------------------------------

// A directive: "%-*.3s".
typedef struct directive {
    char spec[32];        // without width and precision: "%-lld"
    bool left;            // '-'
    int width, precision; // -1: none
    int longs;            // 'l' counts 1 each, 'h' -1; 'z', 'j' and 't' are as long as 'l'
    char conversion;
} directive;

// A va_list that functions can share.
typedef struct values {
    va_list list;
} values;

static int take_count(const char **format, values *from) {
    if (**format == '*') {
        ++*format;
        return va_arg(from->list, int);
    }
    int count = 0;
    for (; **format >= '0' && **format <= '9'; ++*format)
        count = count * 10 + (**format - '0');
    return count;
}

// Parses the directive at *format, which is behind the '%', and moves *format past it.
static directive take_directive(const char **format, values *from) {
    directive d = {.spec = "%", .width = -1, .precision = -1};
    size_t used = 1;
    for (; **format != '\0' && strchr("-+ #0", **format) != NULL; ++*format) {
        d.left |= **format == '-';
        if (used < 8)
            d.spec[used++] = **format;
    }
    if (**format == '*' || (**format >= '1' && **format <= '9'))
        d.width = take_count(format, from);
    if (d.width < -1) { // a negative width in an argument
        d.left = true;
        d.width = -d.width;
    }
    if (**format == '.') {
        ++*format;
        d.precision = take_count(format, from);
    }
    memcpy(d.spec + used, "*.*", 4); // a precision below 0 is as none
    used += 3;
    for (; **format != '\0' && strchr("hlzjt", **format) != NULL; ++*format) {
        d.longs += **format == 'h' ? -1 : 1;
        if (used < sizeof d.spec - 2)
            d.spec[used++] = **format;
    }
    d.conversion = **format;
    d.spec[used] = d.conversion;
    *format += d.conversion != '\0';
    return d;
}

// The length without a character of which a precision has left only the beginning.
static size_t whole_characters(const char *text, size_t length) {
    for (size_t back = 1; back <= 3 && back <= length; back++) {
        unsigned char byte = (unsigned char)text[length - back];
        size_t needed = byte < 0xc2 || byte > 0xf4 ? 1 : byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
        if ((byte & 0xc0) != 0x80) // the first byte of a character
            return needed > back ? length - back : length;
    }
    return length;
}

// With a precision, the text need not end with a zero.
static void put_text(sink *to, const directive *d, const char *text) {
    text = text != NULL ? text : "(null)";
    size_t length = d->precision >= 0 ? strnlen(text, (size_t)d->precision) : strlen(text);
    if (d->precision >= 0 && length == (size_t)d->precision)
        length = whole_characters(text, length);
    int missing = d->width > 0 ? d->width - mb_width_of(text, length) : 0;
    put_blanks(to, d->left ? 0 : missing);
    put_escaped(to, text, text + length);
    put_blanks(to, d->left ? missing : 0);
}

static void put_number(sink *to, const directive *d, values *from) {
    char number[512];
    int length = 0, width = d->width < 0 ? 0 : d->left ? -d->width : d->width;
    switch (d->conversion) {
    case 'd':
    case 'i':
        if (d->longs > 0)
            length = snprintf(number, sizeof number, d->spec, width, d->precision,
                              va_arg(from->list, long long));
        else
            length = snprintf(number, sizeof number, d->spec, width, d->precision,
                              va_arg(from->list, int));
        break;
    case 'u':
    case 'x':
    case 'X':
    case 'o':
        if (d->longs > 0)
            length = snprintf(number, sizeof number, d->spec, width, d->precision,
                              va_arg(from->list, unsigned long long));
        else
            length = snprintf(number, sizeof number, d->spec, width, d->precision,
                              va_arg(from->list, unsigned));
        break;
    default: // e, f, g
        length = snprintf(number, sizeof number, d->spec, width, d->precision,
                          va_arg(from->list, double));
        break;
    }
    if (length > 0)
        put(to, number, (size_t)length < sizeof number ? (size_t)length : sizeof number - 1);
}

_Static_assert(sizeof(long) == sizeof(long long) && sizeof(size_t) == sizeof(long long),
               "all of the longer types are passed in the same way");

static void put_formatted(sink *to, const char *format, va_list list) {
    values from;
    va_copy(from.list, list);
    while (*format != '\0') {
        size_t literal = strcspn(format, "%");
        put(to, format, literal);
        format += literal;
        if (*format == '\0')
            break;
        format++;
        if (*format == '%') {
            put(to, format++, 1);
            continue;
        }
        directive d = take_directive(&format, &from);
        if (d.conversion == 's') {
            put_text(to, &d, va_arg(from.list, const char *));
        } else if (d.conversion == 'c') {
            char text[2] = {(char)va_arg(from.list, int), '\0'};
            put_text(to, &d, text);
        } else {
            put_number(to, &d, &from);
        }
    }
    va_end(from.list);
}

// ---- the functions ----------------------------------------------------------------------------

char *mb_plain(const char *text) {
    char *result = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&result, &length);
    if (stream == NULL)
        return NULL;
    put_escaped(&(sink){.stream = stream}, text, text + strlen(text));
    return mb_memory_stream_end(stream, &result) ? result : NULL;
}

void mb_format_plain_list(char *text, size_t size, const char *format, va_list arguments) {
    if (size == 0)
        return;
    sink to = {.text = text, .size = size};
    put_formatted(&to, format, arguments);
    text[to.used] = '\0';
}

void mb_format_plain(char *text, size_t size, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    mb_format_plain_list(text, size, format, arguments);
    va_end(arguments);
}

void mb_print_plain_list(FILE *stream, const char *format, va_list arguments) {
    put_formatted(&(sink){.stream = stream}, format, arguments);
}

void mb_print_plain_to(FILE *stream, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    mb_print_plain_list(stream, format, arguments);
    va_end(arguments);
}

void mb_print_plain(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    mb_print_plain_list(stdout, format, arguments);
    va_end(arguments);
}

void mb_print_lines(FILE *stream, const char *text) {
    sink to = {.stream = stream};
    for (;;) {
        size_t length = strcspn(text, "\n");
        put_escaped(&to, text, text + length);
        put(&to, "\n", 1);
        if (text[length] == '\0')
            return;
        text += length + 1;
    }
}
