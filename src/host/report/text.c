// Texts from a results file, made fit for a terminal, Markdown, LaTeX, CSV and JSON.
#include <stdlib.h>
#include <string.h>

#include "report/grid.h"

// Decodes one character; anything that is not UTF-8 counts as one character of one byte.
static uint32_t decode(const char **text) {
    const unsigned char *bytes = (const unsigned char *)*text;
    int more = bytes[0] >= 0xf0 ? 3 : bytes[0] >= 0xe0 ? 2 : bytes[0] >= 0xc0 ? 1 : 0;
    uint32_t code = more == 0 ? bytes[0] : bytes[0] & (0x3fu >> more);
    for (int i = 1; i <= more; i++) {
        if ((bytes[i] & 0xc0) != 0x80) {
            *text += 1;
            return 0xfffd;
        }
        code = code << 6 | (bytes[i] & 0x3f);
    }
    *text += 1 + more;
    return code;
}

static int32_t width_of(uint32_t code) {
    // First and last characters that take two columns: East Asian scripts and full-width forms.
    static const uint32_t wide[][2] = {{0x1100, 0x115f}, {0x2e80, 0xa4cf},   {0xac00, 0xd7a3},
                                       {0xf900, 0xfaff}, {0xfe30, 0xfe6f},   {0xff00, 0xff60},
                                       {0xffe0, 0xffe6}, {0x1f300, 0x1f64f}, {0x20000, 0x3fffd}};
    if (code >= 0x300 && code <= 0x36f) // combining marks
        return 0;
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        if (code >= wide[i][0] && code <= wide[i][1])
            return 2;
    return 1;
}

int32_t mb_text_width(const char *text) {
    int32_t width = 0;
    while (*text != '\0')
        width += width_of(decode(&text));
    return width;
}

typedef const char *(*escape)(char character);

// A results file may come from a stranger: control characters would reach the terminal.
static bool is_control(char character) {
    return (unsigned char)character < 0x20 || character == 0x7f;
}

static char *escaped(const char *text, escape replacement_of) {
    char *result = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&result, &length);
    if (stream == NULL)
        return NULL;
    for (; *text != '\0'; text++) {
        const char *replacement = replacement_of(*text);
        if (is_control(*text))
            fputc('?', stream);
        else if (replacement != NULL)
            fputs(replacement, stream);
        else
            fputc(*text, stream);
    }
    if (fclose(stream) == 0)
        return result;
    free(result);
    return NULL;
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

void mb_text_json(const char *text, FILE *out) {
    fputc('"', out);
    while (*text != '\0') {
        const char *start = text;
        uint32_t code = decode(&text);
        if (is_control(*start))
            fprintf(out, "\\u%04x", (unsigned)code);
        else if (code == 0xfffd) // also what is not UTF-8
            fputs("\\ufffd", out);
        else if (*start == '"' || *start == '\\')
            fprintf(out, "\\%c", *start);
        else
            fwrite(start, 1, (size_t)(text - start), out);
    }
    fputc('"', out);
}
