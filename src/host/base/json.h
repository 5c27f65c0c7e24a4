// Strict reading of JSON files on top of cJSON. Every error names the file and the position in
// it: line and column for syntax, a path for values ("plan.json: cells[2].grid.hidden_dim[0]:
// expected ...").
#ifndef MB_BASE_JSON_H
#define MB_BASE_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/findings.h"

// Upper limits of a document, chosen by the caller. Messages name the limit that was exceeded.
typedef struct mb_json_limits {
    size_t bytes, values; // values: lists, objects and everything in them
    int depth;            // of nested lists and objects
} mb_json_limits;

// Checks that the text is JSON according to RFC 8259: one value in UTF-8 and nothing after it.
// Stricter than the RFC, it refuses objects with duplicate keys, strings with a zero character or
// an unpaired surrogate, and numbers beyond the range of a double. `file` is the name used in
// messages. If `used` is not NULL, other text may follow the value, and *used receives the value's
// length in bytes.
mb_status mb_json_scan(const char *file, const char *text, size_t length,
                       const mb_json_limits *limits, size_t *used, mb_error *error);

// Checks the text with mb_json_scan and parses it. Free the document with cJSON_Delete.
mb_status mb_json_parse(const char *file, const char *text, size_t length,
                        const mb_json_limits *limits, cJSON **document, mb_error *error);
// Parses the value at the beginning of the text; *used receives its length in bytes.
mb_status mb_json_parse_first(const char *file, const char *text, size_t length,
                              const mb_json_limits *limits, size_t *used, cJSON **document,
                              mb_error *error);
// Reads a file. A UTF-8 byte order mark at its beginning is skipped.
mb_status mb_json_load(const char *path, const mb_json_limits *limits, cJSON **document,
                       mb_error *error);
// The same; *text receives the text, without such a mark. Free it in any case.
mb_status mb_json_load_text(const char *path, const mb_json_limits *limits, char **text,
                            size_t *length, cJSON **document, mb_error *error);

// Canonical text: sorted keys, no spaces, numbers with the fewest digits that read back the same.
// Equal documents have equal texts. malloc'ed; NULL when out of memory.
char *mb_json_canonical(const cJSON *document);

// The shortest decimal number that reads back as `value` (finite).
void mb_json_number_text(double value, char text[32]);

// Where a document comes from and what becomes of refusals.
typedef struct mb_json_source {
    const cJSON *document;
    const char *text; // of the document, for lines and columns in messages; NULL: there are none
    size_t length;
    mb_findings *findings; // receives every refusal; NULL: the caller reports the first one
} mb_json_source;

// The line and the column, from 1, of a value of the document, or of the key before it. False:
// there is no text.
bool mb_json_position(const mb_json_source *source, const cJSON *value, bool key, size_t *line,
                      size_t *column);

// A value and its position in the document. Members and elements point to their parent, which must
// outlive them.
typedef struct mb_json {
    const cJSON *value; // NULL: missing
    const struct mb_json *parent;
    const char *key; // name in an object, or NULL
    int index;       // position in a list
    const char *file;
    const mb_json_source *source; // or NULL
} mb_json;

mb_json mb_json_root(const char *file, const cJSON *document);
mb_json mb_json_member(const mb_json *object, const char *key);

// Walk a list or an object; at.value == NULL marks its end:
//     for (mb_json at = mb_json_first(&list); at.value != NULL; at = mb_json_next(&at))
mb_json mb_json_first(const mb_json *list);
mb_json mb_json_next(const mb_json *element);

// Returns MB_BAD_INPUT; the message is prefixed with the file and the path, and with the line and
// the column if the text is known. If refusals are collected, it is added to them.
mb_status mb_json_refuse(const mb_json *at, mb_error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// Returns MB_BAD_INPUT; the message is "expected EXPECTED, found ..." with a description of
// the value.
mb_status mb_json_expect(const mb_json *at, const char *expected, mb_error *error);
// The path alone: "cells[2].grid".
void mb_json_path(const mb_json *at, char *path, size_t size);
// Where refusals are collected: MB_OK after one of them, so that the checks go on.
mb_status mb_json_go_on(const mb_json *at, mb_status status);

// Checks that this is an object whose keys are all in `allowed` (NULL-terminated).
mb_status mb_json_keys(const mb_json *object, const char *const *allowed, mb_error *error);
// Returns MB_BAD_INPUT for an unknown name at this position, or for an unknown key of this object;
// the message suggests the nearest known one.
mb_status mb_json_unknown(const mb_json *at, const char *what, const char *name,
                          const char *const *known, int known_count, mb_error *error);
mb_status mb_json_unknown_key(const mb_json *object, const char *what, const cJSON *member,
                              const char *const *known, int known_count, mb_error *error);

// Checks for a list of 1..maximum elements.
mb_status mb_json_count(const mb_json *list, int maximum, int *count, mb_error *error);
mb_status mb_json_integer(const mb_json *at, int64_t minimum, int64_t maximum, int64_t *value,
                          mb_error *error);
mb_status mb_json_number(const mb_json *at, double minimum, double maximum, double *value,
                         mb_error *error);
// A string that is not empty and has no control characters.
mb_status mb_json_text(const mb_json *at, const char **text, mb_error *error);
mb_status mb_json_boolean(const mb_json *at, bool *value, mb_error *error);
// One of `names`; *choice receives its index.
mb_status mb_json_choice(const mb_json *at, const char *const *names, int count, int *choice,
                         mb_error *error);

// Prints a string with its quotes. Control characters, as defined in utf8.h, become \u escapes.
void mb_json_put_text(const char *text, FILE *out);
// From now on, mb_json_print fails if a document lacks something because there was no memory.
void mb_json_watch_memory(void);
// Prints a document and a newline to stdout, with the same escapes, and frees it. A document of
// NULL means that cJSON was out of memory; `what` is for that message.
mb_status mb_json_print(cJSON *document, const char *what, mb_error *error);

#endif
