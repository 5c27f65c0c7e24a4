#include "base/json.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/suggest.h"
#include "base/utf8.h"

mb_json mb_json_root(const char *file, const cJSON *document) {
    return (mb_json){.value = document, .file = file};
}

mb_json mb_json_member(const mb_json *object, const char *key) {
    return (mb_json){cJSON_GetObjectItemCaseSensitive(object->value, key), object, key, 0,
                     object->file};
}

mb_json mb_json_first(const mb_json *list) {
    const cJSON *value = list->value != NULL ? list->value->child : NULL;
    return (mb_json){value, list, value != NULL ? value->string : NULL, 0, list->file};
}

mb_json mb_json_next(const mb_json *element) {
    const cJSON *value = element->value->next;
    return (mb_json){value, element->parent, value != NULL ? value->string : NULL,
                     element->index + 1, element->file};
}

void mb_json_path(const mb_json *at, char *path, size_t size) {
    path[0] = '\0';
    if (at->parent == NULL)
        return;
    mb_json_path(at->parent, path, size);
    size_t length = strlen(path);
    if (at->key != NULL)
        snprintf(path + length, size - length, "%s%.100s", length > 0 ? "." : "", at->key);
    else
        snprintf(path + length, size - length, "[%d]", at->index);
}

mb_status mb_json_refuse(const mb_json *at, mb_error *error, const char *format, ...) {
    char path[512], message[1024];
    mb_json_path(at, path, sizeof path);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return mb_fail(error, MB_BAD_INPUT, "%s: %s%s%s", at->file, path, path[0] != '\0' ? ": " : "",
                   message);
}

static void describe(const cJSON *value, char *text, size_t size) {
    char number[32];
    if (value == NULL) {
        snprintf(text, size, "nothing");
    } else if (cJSON_IsString(value)) {
        snprintf(text, size, "\"%.60s\"", value->valuestring);
    } else if (cJSON_IsNumber(value)) {
        mb_json_number_text(value->valuedouble, number);
        snprintf(text, size, "%s", number);
    } else if (cJSON_IsBool(value)) {
        snprintf(text, size, "%s", cJSON_IsTrue(value) ? "true" : "false");
    } else if (cJSON_IsArray(value)) {
        int count = cJSON_GetArraySize(value);
        snprintf(text, size, count == 0 ? "an empty list" : "a list of %d", count);
    } else {
        snprintf(text, size, "%s", cJSON_IsObject(value) ? "an object" : "null");
    }
}

mb_status mb_json_expect(const mb_json *at, const char *expected, mb_error *error) {
    char found[128];
    describe(at->value, found, sizeof found);
    return mb_json_refuse(at, error, "expected %s, found %s", expected, found);
}

mb_status mb_json_unknown(const mb_json *at, const char *what, const char *name,
                          const char *const *known, int known_count, mb_error *error) {
    char path[512];
    mb_json_path(at, path, sizeof path);
    mb_status status = mb_fail_unknown(
        error, MB_BAD_INPUT,
        &(mb_unknown){
            .what = what, .name = name, .known = known, .count = known_count, .quote = '"'});
    return mb_fail_in(error, status, "%s: %s%s", at->file, path, path[0] != '\0' ? ": " : "");
}

mb_status mb_json_keys(const mb_json *object, const char *const *allowed, mb_error *error) {
    if (!cJSON_IsObject(object->value))
        return mb_json_expect(object, "an object", error);
    int count = 0;
    while (allowed[count] != NULL)
        count++;
    const cJSON *member;
    cJSON_ArrayForEach(member, object->value) {
        int i = 0;
        while (i < count && strcmp(allowed[i], member->string) != 0)
            i++;
        if (i == count)
            return mb_json_unknown(object, "key", member->string, allowed, count, error);
    }
    return MB_OK;
}

mb_status mb_json_count(const mb_json *list, int maximum, int *count, mb_error *error) {
    if (!cJSON_IsArray(list->value))
        return mb_json_expect(list, "a list", error);
    *count = cJSON_GetArraySize(list->value);
    if (*count == 0)
        return mb_json_expect(list, "a list that is not empty", error);
    char expected[64];
    snprintf(expected, sizeof expected, "a list of at most %d", maximum);
    return *count > maximum ? mb_json_expect(list, expected, error) : MB_OK;
}

mb_status mb_json_integer(const mb_json *at, int64_t minimum, int64_t maximum, int64_t *value,
                          mb_error *error) {
    double number = cJSON_IsNumber(at->value) ? at->value->valuedouble : NAN;
    if (!(number >= (double)minimum && number <= (double)maximum) || number != trunc(number)) {
        char expected[96];
        snprintf(expected, sizeof expected, "an integer %lld..%lld", (long long)minimum,
                 (long long)maximum);
        return mb_json_expect(at, expected, error);
    }
    *value = (int64_t)number;
    return MB_OK;
}

mb_status mb_json_number(const mb_json *at, double minimum, double maximum, double *value,
                         mb_error *error) {
    double number = cJSON_IsNumber(at->value) ? at->value->valuedouble : NAN;
    if (!(number >= minimum && number <= maximum)) {
        char expected[96];
        snprintf(expected, sizeof expected, "a number %.6g..%.6g", minimum, maximum);
        return mb_json_expect(at, expected, error);
    }
    *value = number;
    return MB_OK;
}

mb_status mb_json_text(const mb_json *at, const char **text, mb_error *error) {
    if (!cJSON_IsString(at->value) || at->value->valuestring[0] == '\0')
        return mb_json_expect(at, "a text", error);
    // Texts end up in tables, lists and messages, which are printed to terminals.
    if (!mb_is_plain(at->value->valuestring))
        return mb_json_expect(at, "a text without control characters", error);
    *text = at->value->valuestring;
    return MB_OK;
}

mb_status mb_json_boolean(const mb_json *at, bool *value, mb_error *error) {
    if (!cJSON_IsBool(at->value))
        return mb_json_expect(at, "true or false", error);
    *value = cJSON_IsTrue(at->value);
    return MB_OK;
}

mb_status mb_json_choice(const mb_json *at, const char *const *names, int count, int *choice,
                         mb_error *error) {
    const char *text = "";
    mb_status status = mb_json_text(at, &text, error);
    if (status != MB_OK)
        return status;
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], text) == 0) {
            *choice = i;
            return MB_OK;
        }
    return mb_json_unknown(at, "value", text, names, count, error);
}
