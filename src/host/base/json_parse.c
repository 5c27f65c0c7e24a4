// Parses JSON text: first the strict scan, then cJSON.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

static mb_status parse(const char *text, size_t length, cJSON **document, mb_error *error) {
    *document = cJSON_ParseWithLength(text, length);
    // cJSON accepts every text that has passed the scan, so this can only be a lack of memory.
    return *document != NULL ? MB_OK : mb_out_of_memory(error, "a JSON text");
}

mb_status mb_json_parse(const char *file, const char *text, size_t length,
                        const mb_json_limits *limits, cJSON **document, mb_error *error) {
    *document = NULL;
    mb_status status = mb_json_scan(file, text, length, limits, NULL, error);
    return status == MB_OK ? parse(text, length, document, error) : status;
}

mb_status mb_json_parse_first(const char *file, const char *text, size_t length,
                              const mb_json_limits *limits, size_t *used, cJSON **document,
                              mb_error *error) {
    *document = NULL;
    mb_status status = mb_json_scan(file, text, length, limits, used, error);
    return status == MB_OK ? parse(text, *used, document, error) : status;
}

// Reads at most `most` + 1 bytes: the extra byte shows that the file is too large.
static mb_status read_file(const char *path, FILE *file, size_t most, char **text, size_t *length,
                           mb_error *error) {
    size_t capacity = 0;
    *text = NULL;
    *length = 0;
    while (*length == capacity && *length <= most) {
        capacity = capacity == 0 ? 1 << 16 : 2 * capacity;
        capacity = capacity > most + 1 ? most + 1 : capacity;
        char *larger = realloc(*text, capacity);
        if (larger == NULL)
            return mb_out_of_memory(error, path);
        *text = larger;
        *length += fread(*text + *length, 1, capacity - *length, file);
        if (ferror(file))
            return mb_fail_errno(error, errno, "%s: cannot read", path);
    }
    if (*length > most)
        return mb_fail(error, MB_BAD_INPUT, "%s: expected at most %zu bytes, found more", path,
                       most);
    return MB_OK;
}

mb_status mb_json_load_text(const char *path, const mb_json_limits *limits, char **text,
                            size_t *length, cJSON **document, mb_error *error) {
    static const char mark[] = "\xef\xbb\xbf"; // editors of some systems begin a file with it
    *document = NULL;
    *text = NULL;
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return mb_fail_errno(error, errno, "%s: cannot open", path);
    mb_status status = read_file(path, file, limits->bytes, text, length, error);
    fclose(file);
    if (status != MB_OK)
        return status;
    if (*length >= strlen(mark) && memcmp(*text, mark, strlen(mark)) == 0) {
        *length -= strlen(mark);
        memmove(*text, *text + strlen(mark), *length);
    }
    return mb_json_parse(path, *text, *length, limits, document, error);
}

mb_status mb_json_load(const char *path, const mb_json_limits *limits, cJSON **document,
                       mb_error *error) {
    char *text;
    size_t length;
    mb_status status = mb_json_load_text(path, limits, &text, &length, document, error);
    free(text);
    return status;
}
