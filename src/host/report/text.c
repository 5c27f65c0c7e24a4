// Escapes texts from a ledger for terminals, Markdown, LaTeX, CSV and JSON.
#include <stdlib.h>
#include <string.h>

#include "base/memory_stream.h"
#include "base/utf8.h"
#include "report/grid.h"

typedef const char *(*escape)(char character);

// A ledger may come from a stranger, so its texts must not be able to control the terminal.
static char *escaped(const char *text, escape replacement_of) {
    char *result = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&result, &length);
    if (stream == NULL)
        return NULL;
    const char *end = text + strlen(text);
    while (text < end) {
        const char *start = text;
        int32_t character = mb_utf8_next(&text, end);
        const char *replacement = replacement_of(*start);
        if (character < 0 || mb_is_control(character))
            fputc('?', stream);
        else if (replacement != NULL)
            fputs(replacement, stream);
        else
            fwrite(start, 1, (size_t)(text - start), stream);
    }
    return mb_memory_stream_end(stream, &result) ? result : NULL;
}

static const char *keep(char character) {
    (void)character;
    return NULL;
}

static const char *for_markdown(char character) {
    switch (character) {
    case '\\':
        return "\\\\";
    case '`':
        return "\\`";
    case '*':
        return "\\*";
    case '_':
        return "\\_";
    case '|':
        return "\\|";
    case '<':
        return "\\<";
    case '[':
        return "\\[";
    case ']':
        return "\\]";
    default:
        return NULL;
    }
}

static const char *for_latex(char character) {
    switch (character) {
    case '\\':
        return "\\textbackslash{}";
    case '~':
        return "\\textasciitilde{}";
    case '^':
        return "\\textasciicircum{}";
    case '<':
        return "\\textless{}";
    case '>':
        return "\\textgreater{}";
    case '|':
        return "\\textbar{}";
    case '"':
        return "\\textquotedbl{}";
    case '&':
        return "\\&";
    case '%':
        return "\\%";
    case '$':
        return "\\$";
    case '#':
        return "\\#";
    case '_':
        return "\\_";
    case '{':
        return "\\{";
    case '}':
        return "\\}";
    default:
        return NULL;
    }
}

char *mb_text_plain(const char *text) {
    return escaped(text, keep);
}

char *mb_text_markdown(const char *text) {
    return escaped(text, for_markdown);
}

char *mb_text_latex(const char *text) {
    return escaped(text, for_latex);
}

void mb_text_csv(const char *text, FILE *out) {
    if (strpbrk(text, ",\"\r\n") == NULL) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"')
            fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

// Prints the code units of UTF-16: characters beyond 0xffff take two.
static void put_escape(int32_t character, FILE *out) {
    if (character > 0xffff) {
        fprintf(out, "\\u%04x", (unsigned)(0xd800 + ((character - 0x10000) >> 10)));
        character = 0xdc00 + (character & 0x3ff);
    }
    fprintf(out, "\\u%04x", (unsigned)character);
}

void mb_text_json(const char *text, FILE *out) {
    fputc('"', out);
    const char *end = text + strlen(text);
    while (text < end) {
        const char *start = text;
        int32_t character = mb_utf8_next(&text, end);
        if (character < 0 || character == 0xfffd) // invalid bytes, and the replacement character
            fputs("\\ufffd", out);
        else if (mb_is_control(character))
            put_escape(character, out);
        else if (character == '"' || character == '\\')
            fprintf(out, "\\%c", (int)character);
        else
            fwrite(start, 1, (size_t)(text - start), out);
    }
    fputc('"', out);
}
