// Escapes texts from a ledger, which may come from a stranger, for Markdown, LaTeX and CSV.
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory_stream.h"
#include "base/plain.h"
#include "base/utf8.h"
#include "report/grid.h"

typedef const char *(*notation)(char character);

// Escapes what a terminal would obey, and then what has a meaning in a notation.
static char *escaped(const char *text, notation replacement_of) {
    char *plain = mb_plain(text), *result = NULL;
    size_t length = 0;
    FILE *stream = plain != NULL ? open_memstream(&result, &length) : NULL;
    for (const char *c = plain; stream != NULL && *c != '\0'; c++) {
        const char *replacement = replacement_of(*c);
        if (replacement != NULL)
            fputs(replacement, stream);
        else
            fputc(*c, stream);
    }
    free(plain);
    return stream != NULL && mb_memory_stream_end(stream, &result) ? result : NULL;
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

char *mb_text_markdown(const char *text) {
    return escaped(text, for_markdown);
}

char *mb_text_latex(const char *text) {
    return escaped(text, for_latex);
}

// Spreadsheets execute a field that begins like this as a formula, also without quotes around it
// and with the full-width forms of these characters.
static bool begins_a_formula(const char *text) {
    static const char *const starts[] = {"=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (strncmp(text, starts[i], strlen(starts[i])) == 0)
            return true;
    return false;
}

void mb_text_csv(const char *text, FILE *out) {
    bool quoted = strpbrk(text, ",\"") != NULL;
    fputs(quoted ? "\"" : "", out);
    fputs(begins_a_formula(text) ? "'" : "", out);
    for (const char *end = text + strlen(text); text < end;) {
        const char *start = text;
        int32_t character = mb_utf8_next(&text, end);
        char escape[MB_ESCAPE_SIZE];
        if (mb_escape(character, *start, escape) > 0)
            fputs(escape, out);
        else
            fprintf(out, "%s%.*s", character == '"' ? "\"" : "", (int)(text - start), start);
    }
    fputs(quoted ? "\"" : "", out);
}
