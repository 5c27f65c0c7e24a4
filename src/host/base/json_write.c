// Writes canonical JSON text.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

void mb_json_number_text(double value, char text[32]) {
    if (value == 0)
        value = 0; // one text for both zeros
    if (fabs(value) < 1e15 && value == trunc(value)) {
        snprintf(text, 32, "%.0f", value);
        return;
    }
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, 32, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            return;
    }
}

typedef struct buffer {
    char *text;
    size_t length, capacity;
    bool failed;
} buffer;

static void put(buffer *b, const char *bytes, size_t count) {
    if (b->failed)
        return;
    if (b->length + count + 1 > b->capacity) {
        size_t capacity = 2 * (b->length + count + 1);
        char *larger = realloc(b->text, capacity);
        if (larger == NULL) {
            b->failed = true;
            return;
        }
        b->text = larger;
        b->capacity = capacity;
    }
    memcpy(b->text + b->length, bytes, count);
    b->length += count;
    b->text[b->length] = '\0';
}

static void put_text(buffer *b, const char *text) {
    put(b, text, strlen(text));
}

static void put_string(buffer *b, const char *string) {
    put_text(b, "\"");
    for (const char *c = string; *c != '\0'; c++) {
        char escape[8];
        if (*c == '"' || *c == '\\') {
            snprintf(escape, sizeof escape, "\\%c", *c);
            put_text(b, escape);
        } else if ((unsigned char)*c < 0x20) {
            snprintf(escape, sizeof escape, "\\u%04x", (unsigned)*c);
            put_text(b, escape);
        } else {
            put(b, c, 1);
        }
    }
    put_text(b, "\"");
}

static int compare_keys(const void *a, const void *b) {
    const cJSON *const *left = a, *const *right = b;
    return strcmp((*left)->string, (*right)->string);
}

static void put_value(buffer *b, const cJSON *value);

static void put_object(buffer *b, const cJSON *object) {
    int count = cJSON_GetArraySize(object), position = 0;
    const cJSON **members = calloc((size_t)count + 1, sizeof *members);
    if (members == NULL) {
        b->failed = true;
        return;
    }
    for (const cJSON *member = object->child; member != NULL; member = member->next)
        members[position++] = member;
    qsort(members, (size_t)count, sizeof *members, compare_keys);
    put_text(b, "{");
    for (int i = 0; i < count; i++) {
        if (i > 0)
            put_text(b, ",");
        put_string(b, members[i]->string);
        put_text(b, ":");
        put_value(b, members[i]);
    }
    put_text(b, "}");
    free(members);
}

static void put_list(buffer *b, const cJSON *list) {
    put_text(b, "[");
    for (const cJSON *element = list->child; element != NULL; element = element->next) {
        put_value(b, element);
        if (element->next != NULL)
            put_text(b, ",");
    }
    put_text(b, "]");
}

static void put_value(buffer *b, const cJSON *value) {
    char number[32];
    if (cJSON_IsObject(value)) {
        put_object(b, value);
    } else if (cJSON_IsArray(value)) {
        put_list(b, value);
    } else if (cJSON_IsString(value)) {
        put_string(b, value->valuestring);
    } else if (cJSON_IsNumber(value) && isfinite(value->valuedouble)) {
        mb_json_number_text(value->valuedouble, number);
        put_text(b, number);
    } else {
        put_text(b, cJSON_IsTrue(value) ? "true" : cJSON_IsFalse(value) ? "false" : "null");
    }
}

char *mb_json_canonical(const cJSON *document) {
    buffer b = {0};
    put_value(&b, document);
    if (!b.failed)
        return b.text;
    free(b.text);
    return NULL;
}
