// Finds the line and the column of a value. cJSON does not keep them, so the text, which has passed
// the scan, is walked again as far as the value.
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"

// Counts the values before `wanted`, in the order of the text. Returns whether it was found.
static bool count_values(const cJSON *value, const cJSON *wanted, size_t *before) {
    for (; value != NULL; value = value->next) {
        if (value == wanted)
            return true;
        ++*before;
        if (count_values(value->child, wanted, before))
            return true;
    }
    return false;
}

static const char *skip_string(const char *at, const char *end) {
    for (at++; at < end && *at != '"'; at++)
        at += *at == '\\';
    return at + 1;
}

static const char *skip_any(const char *at, const char *end, const char *characters) {
    while (at < end && *at != '\0' && strchr(characters, *at) != NULL)
        at++;
    return at;
}

// Where value number `index` begins; *key receives where the key before it begins, if it has one.
static const char *find(const char *at, const char *end, size_t index, const char **key) {
    static const char marks[] = " \t\r\n,:]}", blanks[] = " \t\r\n";
    *key = NULL;
    while ((at = skip_any(at, end, marks)) < end) {
        const char *start = at;
        if (*at == '"') {
            at = skip_string(at, end);
            const char *next = skip_any(at, end, blanks);
            if (next < end && *next == ':') {
                *key = start;
                continue;
            }
        } else if (*at == '[' || *at == '{') {
            at++;
        } else {
            while (at < end && strchr(marks, *at) == NULL)
                at++;
        }
        if (index-- == 0)
            return start;
        *key = NULL;
    }
    return end;
}

bool mb_json_position(const mb_json_source *source, const cJSON *value, bool key, size_t *line,
                      size_t *column) {
    size_t index = 0;
    if (source->text == NULL || !count_values(source->document, value, &index))
        return false;
    const char *key_start, *end = source->text + source->length;
    const char *start = find(source->text, end, index, &key_start);
    mb_text_position(source->text, key && key_start != NULL ? key_start : start, end, line, column);
    return true;
}
