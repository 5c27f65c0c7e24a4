// Strict reading of JSON files over cJSON: every refusal names the file and the place in it, as
// line and column (syntax) or as a path (values): "plan.json: cells[2].grid.hidden_dim[0]: expected
// ...".
#ifndef MB_BASE_JSON_H
#define MB_BASE_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "merbench/status.h"

// Parses `length` bytes. On top of what cJSON refuses: nothing may follow the document, numbers
// must be JSON's, nesting is limited, strings are UTF-8 without control characters, and no object
// may have a key twice. `file` is the name used in messages. Free with cJSON_Delete.
mb_status mb_json_parse(const char *file, const char *text, size_t length, cJSON **document,
                        mb_error *error);
mb_status mb_json_load(const char *path, cJSON **document, mb_error *error);

// Canonical text: sorted keys, no spaces, numbers with the fewest digits that read back the same.
// Equal documents have equal texts. malloc'ed; NULL when out of memory.
char *mb_json_canonical(const cJSON *document);

// The shortest decimal number that reads back as `value` (finite).
void mb_json_number_text(double value, char text[32]);

// A value and where it stands. Members and elements point to their parent, which must outlive them.
typedef struct mb_json {
    const cJSON *value; // NULL: not there
    const struct mb_json *parent;
    const char *key; // name in an object, or NULL
    int index;       // position in a list
    const char *file;
} mb_json;

mb_json mb_json_root(const char *file, const cJSON *document);
mb_json mb_json_member(const mb_json *object, const char *key);
mb_json mb_json_element(const mb_json *list, int index);

// MB_BAD_INPUT with file and path in front of the message.
mb_status mb_json_refuse(const mb_json *at, mb_error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// "expected EXPECTED, found ..." with what stands there.
mb_status mb_json_expect(const mb_json *at, const char *expected, mb_error *error);
// The path alone: "cells[2].grid".
void mb_json_path(const mb_json *at, char *path, size_t size);

// Checks that this is an object with keys among `allowed` (NULL-terminated) only.
mb_status mb_json_keys(const mb_json *object, const char *const *allowed, mb_error *error);
// An unknown name at this place, with the nearest known one suggested.
mb_status mb_json_unknown(const mb_json *at, const char *what, const char *name,
                          const char *const *known, int known_count, mb_error *error);

// A list of minimum .. 10000 elements.
mb_status mb_json_count(const mb_json *list, int minimum, int *count, mb_error *error);
mb_status mb_json_integer(const mb_json *at, int64_t minimum, int64_t maximum, int64_t *value,
                          mb_error *error);
mb_status mb_json_number(const mb_json *at, double minimum, double maximum, double *value,
                         mb_error *error);
// Not empty, without control characters.
mb_status mb_json_text(const mb_json *at, const char **text, mb_error *error);
mb_status mb_json_boolean(const mb_json *at, bool *value, mb_error *error);
// One of `names`; *choice is its position.
mb_status mb_json_choice(const mb_json *at, const char *const *names, int count, int *choice,
                         mb_error *error);

#endif
