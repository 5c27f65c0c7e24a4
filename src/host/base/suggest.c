#include "base/suggest.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST = 64 };

static int smallest(int a, int b) {
    return a < b ? a : b;
}

// Optimal string alignment distance; letters are compared without regard to case.
static int distance(const char *a, const char *b) {
    int rows[3][LONGEST + 1], m = (int)strlen(a), n = (int)strlen(b);
    if (m > LONGEST || n > LONGEST)
        return INT_MAX;
    for (int j = 0; j <= n; j++)
        rows[0][j] = j;
    for (int i = 1; i <= m; i++) {
        int *now = rows[i % 3], *last = rows[(i + 2) % 3], *before_last = rows[(i + 1) % 3];
        now[0] = i;
        for (int j = 1; j <= n; j++) {
            int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);
            now[j] = smallest(smallest(now[j - 1], last[j]) + 1, last[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
                y == tolower((unsigned char)a[i - 2]))
                now[j] = smallest(now[j], before_last[j - 2] + 1);
        }
    }
    return rows[m % 3][n];
}

// The known name with the smallest distance, or NULL if more than a third of the letters differ.
static const char *nearest(const mb_unknown *unknown) {
    const char *found = NULL;
    int best = (int)strlen(unknown->name) / 3 + 2;
    for (int i = 0; i < unknown->count; i++) {
        int d = distance(unknown->name, unknown->known[i]);
        if (d < best) {
            best = d;
            found = unknown->known[i];
        }
    }
    return found;
}

static const char *prefix(const mb_unknown *unknown) {
    return unknown->prefix != NULL ? unknown->prefix : "";
}

static char quote(const mb_unknown *unknown) {
    return unknown->quote != 0 ? unknown->quote : '\'';
}

void mb_suggest(const mb_unknown *unknown, char *text, size_t size) {
    const char *near = nearest(unknown);
    char mark = quote(unknown);
    text[0] = '\0';
    if (near != NULL)
        snprintf(text, size, "; did you mean %c%s%s%c?", mark, prefix(unknown), near, mark);
}

// "a, b, c", shortened if it becomes too long.
static void list_known(const mb_unknown *unknown, char *text, size_t size) {
    size_t length = (size_t)snprintf(text, size, "%s", unknown->count == 0 ? "none" : "");
    for (int i = 0; i < unknown->count; i++) {
        if (length + strlen(prefix(unknown)) + strlen(unknown->known[i]) + 8 > size) {
            snprintf(text + length, size - length, " ...");
            return;
        }
        length += (size_t)snprintf(text + length, size - length, "%s%s%s", i > 0 ? ", " : "",
                                   prefix(unknown), unknown->known[i]);
    }
}

mb_status mb_fail_unknown(mb_error *error, mb_status status, const mb_unknown *unknown) {
    char suggestion[256], known[512];
    char mark = quote(unknown);
    mb_suggest(unknown, suggestion, sizeof suggestion);
    if (suggestion[0] == '\0' && unknown->hint != NULL)
        snprintf(suggestion, sizeof suggestion, "; %s", unknown->hint);
    if (suggestion[0] != '\0')
        return mb_fail(error, status, "unknown %s %c%s%.100s%c%s", unknown->what, mark,
                       prefix(unknown), unknown->name, mark, suggestion);
    list_known(unknown, known, sizeof known);
    return mb_fail(error, status, "unknown %s %c%s%.100s%c; known: %s", unknown->what, mark,
                   prefix(unknown), unknown->name, mark, known);
}
