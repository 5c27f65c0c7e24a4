// Reading of JSON text: a scan for what cJSON lets pass, then cJSON, then a search for keys that
// occur twice.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"

enum { MAX_DEPTH = 32, MAX_BYTES = 64 << 20 };

typedef struct scan {
    const char *file, *text;
    size_t length, position;
    mb_error *error;
} scan;

static mb_status refuse_at(const scan *s, size_t position, const char *message) {
    size_t line = 1, start = 0;
    for (size_t i = 0; i < position && i < s->length; i++)
        if (s->text[i] == '\n') {
            line++;
            start = i + 1;
        }
    return mb_fail(s->error, MB_BAD_INPUT, "%s: line %zu, column %zu: %s", s->file, line,
                   position - start + 1, message);
}

static bool digit(const scan *s, size_t position) {
    return position < s->length && s->text[position] >= '0' && s->text[position] <= '9';
}

static bool among(const scan *s, size_t position, const char *characters) {
    return position < s->length && s->text[position] != '\0' &&
           strchr(characters, s->text[position]) != NULL;
}

// -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
static mb_status scan_number(scan *s) {
    size_t at = s->position, digits;
    at += among(s, at, "-");
    bool zero = among(s, at, "0");
    for (digits = at; digit(s, at); at++) {
    }
    bool good = at > digits && !(zero && at - digits > 1);
    if (good && among(s, at, ".")) {
        for (digits = ++at; digit(s, at); at++) {
        }
        good = at > digits;
    }
    if (good && among(s, at, "eE")) {
        at++;
        at += among(s, at, "+-");
        for (digits = at; digit(s, at); at++) {
        }
        good = at > digits;
    }
    // What follows must end the number; cJSON would take "1x" or "1.2.3" apart in its own way.
    if (!good || (at < s->length && !among(s, at, " \t\r\n,]}")) || at - s->position > 60)
        return refuse_at(s, s->position, "expected a JSON number");
    s->position = at;
    return MB_OK;
}

static mb_status scan_string(scan *s) {
    size_t start = s->position++;
    while (s->position < s->length) {
        unsigned char c = (unsigned char)s->text[s->position];
        if (c == '"') {
            s->position++;
            return MB_OK;
        }
        if (c < 0x20)
            return refuse_at(s, s->position, "control character in a string");
        if (c == '\\') {
            // A zero character would cut the string short behind our back.
            if (s->length - s->position >= 6 && memcmp(s->text + s->position, "\\u0000", 6) == 0)
                return refuse_at(s, s->position, "zero character in a string");
            s->position += 2;
            continue;
        }
        const char *at = s->text + s->position;
        if (mb_utf8_next(&at, s->text + s->length) < 0)
            return refuse_at(s, s->position, "the string is not UTF-8");
        s->position = (size_t)(at - s->text);
    }
    return refuse_at(s, start, "the string has no end");
}

// Lexical check; what the grammar says about the order of tokens is left to cJSON.
static mb_status scan_text(scan *s) {
    int depth = 0;
    while (s->position < s->length) {
        char c = s->text[s->position];
        mb_status status = MB_OK;
        if (c == '"')
            status = scan_string(s);
        else if (c == '-' || digit(s, s->position))
            status = scan_number(s);
        else if ((c == '[' || c == '{') && ++depth > MAX_DEPTH)
            status = refuse_at(s, s->position, "nested more than 32 levels deep");
        else if (!among(s, s->position, "[]{},: \t\r\ntruefalsn"))
            status = refuse_at(s, s->position, "unexpected character");
        else {
            depth -= c == ']' || c == '}';
            s->position++;
        }
        if (status != MB_OK)
            return status;
    }
    return MB_OK;
}

static int compare_keys(const void *a, const void *b) {
    const cJSON *const *left = a, *const *right = b;
    return strcmp((*left)->string, (*right)->string);
}

static mb_status check_object_keys(const mb_json *object, mb_error *error) {
    int count = cJSON_GetArraySize(object->value), position = 0;
    if (count < 2)
        return MB_OK;
    const cJSON **members = calloc((size_t)count, sizeof *members);
    if (members == NULL)
        return mb_out_of_memory(error, "keys of a JSON object");
    for (const cJSON *member = object->value->child; member != NULL; member = member->next)
        members[position++] = member;
    qsort(members, (size_t)count, sizeof *members, compare_keys);
    mb_status status = MB_OK;
    for (int i = 1; i < count && status == MB_OK; i++)
        if (strcmp(members[i - 1]->string, members[i]->string) == 0)
            status =
                mb_json_refuse(object, error, "key \"%.100s\" occurs twice", members[i]->string);
    free(members);
    return status;
}

static mb_status check_keys(const mb_json *at, mb_error *error) {
    mb_status status = MB_OK;
    if (cJSON_IsObject(at->value))
        status = check_object_keys(at, error);
    int index = 0;
    for (const cJSON *child = at->value->child; child != NULL && status == MB_OK;
         child = child->next) {
        mb_json place = {child, at, child->string, index++, at->file};
        status = check_keys(&place, error);
    }
    return status;
}

mb_status mb_json_parse(const char *file, const char *text, size_t length, cJSON **document,
                        mb_error *error) {
    *document = NULL;
    scan s = {file, text, length, 0, error};
    mb_status status = scan_text(&s);
    if (status != MB_OK)
        return status;
    // cJSON wants a terminating zero when it has to say that nothing follows.
    char *copy = malloc(length + 1);
    if (copy == NULL)
        return mb_out_of_memory(error, "a JSON file");
    memcpy(copy, text, length);
    copy[length] = '\0';
    const char *end = copy;
    *document = cJSON_ParseWithLengthOpts(copy, length + 1, &end, true);
    size_t position = (size_t)(end - copy);
    if (*document == NULL) {
        status = refuse_at(&s, position < length ? position : length,
                           length == 0          ? "the file is empty"
                           : position >= length ? "the document ends too early"
                                                : "not JSON from here on");
    } else {
        mb_json root = mb_json_root(file, *document);
        status = check_keys(&root, error);
    }
    free(copy);
    if (status != MB_OK) {
        cJSON_Delete(*document);
        *document = NULL;
    }
    return status;
}

static mb_status read_file(const char *path, FILE *file, char **text, size_t *length,
                           mb_error *error) {
    size_t capacity = 1 << 16;
    *text = malloc(capacity);
    *length = 0;
    while (*text != NULL) {
        *length += fread(*text + *length, 1, capacity - *length, file);
        if (ferror(file))
            return mb_fail(error, MB_BAD_INPUT, "%s: cannot read: %s", path, strerror(errno));
        if (*length < capacity)
            return MB_OK;
        if (capacity >= MAX_BYTES)
            return mb_fail(error, MB_BAD_INPUT, "%s: larger than %d MiB", path, MAX_BYTES >> 20);
        char *larger = realloc(*text, capacity * 2);
        if (larger == NULL)
            break;
        *text = larger;
        capacity *= 2;
    }
    return mb_out_of_memory(error, path);
}

mb_status mb_json_load(const char *path, cJSON **document, mb_error *error) {
    *document = NULL;
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return mb_fail(error, MB_BAD_INPUT, "%s: cannot open: %s", path, strerror(errno));
    char *text = NULL;
    size_t length = 0;
    mb_status status = read_file(path, file, &text, &length, error);
    fclose(file);
    if (status == MB_OK)
        status = mb_json_parse(path, text, length, document, error);
    free(text);
    return status;
}
