#include "base/json.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json_found.h"
#include "base/plain.h"
#include "base/suggest.h"
#include "base/utf8.h"

mb_json mb_json_root(const char *file, const cJSON *document) {
    return (mb_json){.value = document, .file = file};
}

mb_json mb_json_member(const mb_json *object, const char *key) {
    return (mb_json){.value = cJSON_GetObjectItemCaseSensitive(object->value, key),
                     .parent = object,
                     .key = key,
                     .file = object->file,
                     .source = object->source};
}

mb_json mb_json_first(const mb_json *list) {
    const cJSON *value = list->value != NULL ? list->value->child : NULL;
    return (mb_json){.value = value,
                     .parent = list,
                     .key = value != NULL ? value->string : NULL,
                     .file = list->file,
                     .source = list->source};
}

mb_json mb_json_next(const mb_json *element) {
    mb_json next = *element;
    next.value = element->value != NULL ? element->value->next : NULL;
    next.key = next.value != NULL ? next.value->string : NULL;
    next.index++;
    return next;
}

void mb_json_path(const mb_json *at, char *path, size_t size) {
    path[0] = '\0';
    if (at->parent == NULL)
        return;
    mb_json_path(at->parent, path, size);
    size_t length = strlen(path);
    if (at->key != NULL)
        mb_format_plain(path + length, size - length, "%s%.100s", length > 0 ? "." : "", at->key);
    else
        snprintf(path + length, size - length, "[%d]", at->index);
}

// ---- refusals ---------------------------------------------------------------------------------

// Where the value is. For one that is missing, this is where the object that lacks it is.
static mb_status fail_at(const mb_json *at, const cJSON *key, const char *body, mb_error *error) {
    size_t line, column;
    const cJSON *value = key;
    for (const mb_json *up = at; up != NULL && value == NULL; up = up->parent)
        value = up->value;
    if (at->source == NULL || !mb_json_position(at->source, value, key != NULL, &line, &column))
        return mb_fail(error, MB_BAD_INPUT, "%s: %s", at->file, body);
    return mb_fail(error, MB_BAD_INPUT, "%s: line %zu, column %zu: %s", at->file, line, column,
                   body);
}

// `key`: the member of the object `at` whose key is refused, or NULL. The position is looked up
// only for refusals that are reported: this takes as long as reading the text.
static mb_status refuse(const mb_json *at, const cJSON *key, const char *message, mb_error *error) {
    char path[512], body[2048];
    mb_findings *findings = at->source != NULL ? at->source->findings : NULL;
    mb_json_path(at, path, sizeof path);
    mb_format_plain(body, sizeof body, "%s%s%s", path, path[0] != '\0' ? ": " : "", message);
    if (findings == NULL)
        return fail_at(at, key, body, error);
    if (mb_findings_count(findings, body)) {
        mb_error listed = {.message = ""};
        fail_at(at, key, body, &listed);
        mb_findings_list(findings, listed.message);
    }
    return mb_fail(error, MB_BAD_INPUT, "%s: %s", at->file, body);
}

mb_status mb_json_refuse(const mb_json *at, mb_error *error, const char *format, ...) {
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    mb_format_plain_list(message, sizeof message, format, arguments);
    va_end(arguments);
    return refuse(at, NULL, message, error);
}

mb_status mb_json_go_on(const mb_json *at, mb_status status) {
    bool collects = at->source != NULL && at->source->findings != NULL;
    return collects ? mb_findings_go_on(at->source->findings, status) : status;
}

static void describe(const cJSON *value, char *text, size_t size) {
    char number[32];
    if (value == NULL) {
        snprintf(text, size, "nothing");
    } else if (cJSON_IsString(value)) {
        mb_format_plain(text, size, "\"%.60s\"", value->valuestring);
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

// What to do with a text that is the value in quotes.
static const char *quotes_hint(const cJSON *value, bool number) {
    const char *text = cJSON_IsString(value) ? value->valuestring : "";
    bool unquoted =
        number ? mb_json_is_number(text) : strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
    return unquoted ? "; write it without the quotes" : "";
}

static mb_status expect(const mb_json *at, const char *expected, const char *hint,
                        mb_error *error) {
    char found[128];
    describe(at->value, found, sizeof found);
    return mb_json_refuse(at, error, "expected %s, found %s%s", expected, found, hint);
}

mb_status mb_json_expect(const mb_json *at, const char *expected, mb_error *error) {
    return expect(at, expected, "", error);
}

static mb_status unknown(const mb_json *at, const cJSON *key, const char *what, const char *name,
                         const char *const *known, int known_count, mb_error *error) {
    mb_error message = {.message = ""};
    mb_fail_unknown(
        &message, MB_BAD_INPUT,
        &(mb_unknown){
            .what = what, .name = name, .known = known, .count = known_count, .quote = '"'});
    return refuse(at, key, message.message, error);
}

mb_status mb_json_unknown(const mb_json *at, const char *what, const char *name,
                          const char *const *known, int known_count, mb_error *error) {
    return unknown(at, NULL, what, name, known, known_count, error);
}

mb_status mb_json_unknown_key(const mb_json *object, const char *what, const cJSON *member,
                              const char *const *known, int known_count, mb_error *error) {
    return unknown(object, member, what, member->string, known, known_count, error);
}

// ---- checks -----------------------------------------------------------------------------------

mb_status mb_json_keys(const mb_json *object, const char *const *allowed, mb_error *error) {
    if (!cJSON_IsObject(object->value))
        return mb_json_expect(object, "an object", error);
    int count = 0;
    while (allowed[count] != NULL)
        count++;
    mb_status status = MB_OK, result = MB_OK;
    for (const cJSON *member = object->value->child; member != NULL && status == MB_OK;
         member = member->next) {
        int i = 0;
        while (i < count && strcmp(allowed[i], member->string) != 0)
            i++;
        if (i == count) {
            result = mb_json_unknown_key(object, "key", member, allowed, count, error);
            status = mb_json_go_on(object, result);
        }
    }
    return result;
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
        return expect(at, expected, quotes_hint(at->value, true), error);
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
        return expect(at, expected, quotes_hint(at->value, true), error);
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
        return expect(at, "true or false", quotes_hint(at->value, false), error);
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
