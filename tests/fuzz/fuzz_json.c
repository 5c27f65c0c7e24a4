// Any bytes as JSON: what the scan passes, cJSON reads as it stands there.
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const mb_json_limits large = {.bytes = 1 << 20, .values = 1 << 20, .depth = 64};

static void demand(bool condition) {
    if (!condition)
        abort();
}

// What the scan must have found: as many values, as deep, and nothing that it refuses.
static void check_values(const cJSON *value, int level, size_t *values, int *depth) {
    const cJSON *child;
    bool holds = cJSON_IsArray(value) || cJSON_IsObject(value);
    ++*values;
    *depth = holds && level > *depth ? level : *depth;
    demand(!cJSON_IsNumber(value) || isfinite(value->valuedouble));
    demand(!cJSON_IsString(value) || mb_is_utf8(value->valuestring, strlen(value->valuestring)));
    cJSON_ArrayForEach(child, value) {
        demand(!cJSON_IsObject(value) || mb_is_utf8(child->string, strlen(child->string)));
        // The first of this key is this one: no other has it.
        demand(!cJSON_IsObject(value) ||
               cJSON_GetObjectItemCaseSensitive(value, child->string) == child);
        check_values(child, level + 1, values, depth);
    }
}

static mb_status scan(const uint8_t *bytes, size_t size, mb_json_limits limits) {
    mb_error error = {.message = ""};
    mb_status status = mb_json_scan("input", (const char *)bytes, size, &limits, NULL, &error);
    demand((status == MB_OK) == (error.message[0] == '\0'));
    return status;
}

// Limits refuse what is above them and nothing else.
static void check_limits(const uint8_t *bytes, size_t size, size_t values, int depth) {
    mb_json_limits exact = {.bytes = size, .values = values, .depth = depth};
    demand(scan(bytes, size, exact) == MB_OK);
    mb_json_limits few_bytes = exact, few_values = exact, few_levels = exact;
    few_bytes.bytes--;
    few_values.values--;
    few_levels.depth--;
    demand(scan(bytes, size, few_bytes) == MB_BAD_INPUT);
    demand(scan(bytes, size, few_values) == MB_BAD_INPUT);
    demand(depth == 0 || scan(bytes, size, few_levels) == MB_BAD_INPUT);
}

static bool same(const cJSON *a, const cJSON *b) {
    if (a->type != b->type || cJSON_GetArraySize(a) != cJSON_GetArraySize(b))
        return false;
    if (cJSON_IsNumber(a))
        return a->valuedouble == b->valuedouble;
    if (cJSON_IsString(a))
        return strcmp(a->valuestring, b->valuestring) == 0;
    const cJSON *child, *other = b->child;
    cJSON_ArrayForEach(child, a) {
        const cJSON *twin =
            cJSON_IsObject(a) ? cJSON_GetObjectItemCaseSensitive(b, child->string) : other;
        if (twin == NULL || !same(child, twin))
            return false;
        other = other->next;
    }
    return true;
}

// Printing and reading again gives the same value, and the canonical text is its own.
static void check_again(const cJSON *document) {
    mb_error error = {.message = ""};
    cJSON *again = NULL;
    char *text = mb_json_canonical(document);
    demand(text != NULL);
    demand(mb_json_parse("again", text, strlen(text), &large, &again, &error) == MB_OK);
    demand(same(document, again) && same(again, document));
    char *twice = mb_json_canonical(again);
    demand(twice != NULL && strcmp(text, twice) == 0);
    free(text);
    free(twice);
    cJSON_Delete(again);
}

// The text has a position for every value and every key, the next one further on than the last.
static void check_positions(const mb_json_source *source, const cJSON *value, size_t last[2]) {
    for (; value != NULL; value = value->next) {
        size_t key[2], at[2];
        demand(mb_json_position(source, value, true, &key[0], &key[1]));
        demand(mb_json_position(source, value, false, &at[0], &at[1]));
        bool further = key[0] > last[0] || (key[0] == last[0] && key[1] > last[1]);
        bool behind = at[0] > key[0] || (at[0] == key[0] && at[1] > key[1]);
        demand(further && (behind || value->string == NULL));
        demand(value->string != NULL || (at[0] == key[0] && at[1] == key[1]));
        memcpy(last, at, sizeof at);
        check_positions(source, value->child, last);
    }
}

// The value that the text begins with is the same when it stands alone.
static void check_first(const uint8_t *bytes, size_t size, const cJSON *whole) {
    mb_error error = {.message = ""};
    cJSON *first = NULL;
    size_t used = 0;
    mb_status status =
        mb_json_parse_first("input", (const char *)bytes, size, &large, &used, &first, &error);
    demand(status == MB_OK || (status == MB_BAD_INPUT && whole == NULL));
    demand(used <= size);
    if (status == MB_OK)
        demand(scan(bytes, used, large) == MB_OK);
    demand(whole == NULL || same(first, whole));
    cJSON_Delete(first);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    cJSON *document = NULL, *direct = NULL;
    mb_error error = {.message = ""};
    mb_status status = mb_json_parse("input", (const char *)bytes, size, &large, &document, &error);
    demand(status == MB_OK || (status == MB_BAD_INPUT && error.message[0] != '\0'));
    demand((status == MB_OK) == (document != NULL));
    check_first(bytes, size, document);
    if (document == NULL)
        return 0;
    // cJSON by itself, of a text with its end and nothing behind it.
    char *text = malloc(size + 1);
    demand(text != NULL);
    memcpy(text, bytes, size);
    text[size] = '\0';
    direct = cJSON_ParseWithOpts(text, NULL, true);
    demand(direct != NULL && same(document, direct));
    free(text);
    size_t values = 0;
    int depth = 0;
    check_values(document, 1, &values, &depth);
    check_limits(bytes, size, values, depth);
    check_again(document);
    if (values < 200) // each position takes a walk over the text
        check_positions(&(mb_json_source){document, (const char *)bytes, size, NULL}, document,
                        (size_t[2]){0, 0});
    cJSON_Delete(direct);
    cJSON_Delete(document);
    return 0;
}
