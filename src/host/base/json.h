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

// What a document may have at most; whoever reads it says. Messages name the limit that is passed.
typedef struct mb_json_limits {
    size_t bytes, values; // values: lists, objects and all that stands in them
    int depth;            // of lists and objects in each other
} mb_json_limits;

// Whether the text is JSON as RFC 8259 has it: one value, UTF-8, nothing behind it. Beyond what the
// RFC asks for, no object has a key twice, no string a zero character or half a pair of surrogates,
// and every number is in the range of doubles. `file` is the name used in messages. With `used`,
// other text may follow the value, and *used becomes the bytes that it takes.
mb_status mb_json_scan(const char *file, const char *text, size_t length,
                       const mb_json_limits *limits, size_t *used, mb_error *error);

// Parses what mb_json_scan passes. Free with cJSON_Delete.
mb_status mb_json_parse(const char *file, const char *text, size_t length,
                        const mb_json_limits *limits, cJSON **document, mb_error *error);
// The value that the text begins with, *used bytes of it.
mb_status mb_json_parse_first(const char *file, const char *text, size_t length,
                              const mb_json_limits *limits, size_t *used, cJSON **document,
                              mb_error *error);
mb_status mb_json_load(const char *path, const mb_json_limits *limits, cJSON **document,
                       mb_error *error);

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

// Walks a list or an object; at.value == NULL is its end:
//     for (mb_json at = mb_json_first(&list); at.value != NULL; at = mb_json_next(&at))
mb_json mb_json_first(const mb_json *list);
mb_json mb_json_next(const mb_json *element);

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

// A list of 1 .. maximum elements.
mb_status mb_json_count(const mb_json *list, int maximum, int *count, mb_error *error);
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
