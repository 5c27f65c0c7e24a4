// What stands in a text where JSON goes on differently: comments, words of other languages, quotes
// of a word processor ... Used by the JSON reader only.
#ifndef MB_BASE_JSON_FOUND_H
#define MB_BASE_JSON_FOUND_H

#include <stdbool.h>
#include <stddef.h>

// What should be there.
typedef enum mb_json_place {
    MB_JSON_KEY,
    MB_JSON_VALUE,
    MB_JSON_NEXT,   // a comma or the end of a list or an object
    MB_JSON_END,    // ':' or the end of the text
    MB_JSON_WITHIN, // more of a string or of a number
} mb_json_place;

// "UTF-16", "UTF-32", or NULL if the text does not look like either.
const char *mb_json_encoding(const char *text, size_t length);

// Describes what begins at `at` and says, as far as that is known, what to write instead:
// "'+8'; a JSON number has no plus sign, write 8".
void mb_json_found(const char *at, const char *end, mb_json_place place, char *text, size_t size);

// The length of the word or number that begins at `at`.
size_t mb_json_word(const char *at, const char *end);
// -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
bool mb_json_is_number(const char *text);

#endif
