// UTF-8 text, on top of utf8proc: whether it is valid, how wide it is, and what must not
// be printed.
#ifndef MB_BASE_UTF8_H
#define MB_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Decodes the character at *text and moves *text past it. Invalid bytes (truncated, overlong, a
// surrogate, beyond Unicode) give -1 and move *text by one byte.
int32_t mb_utf8_next(const char **text, const char *end);

// Encodes a character and returns its length in bytes, or 0 if Unicode has no such character.
size_t mb_utf8_write(int32_t character, char bytes[4]);

// The line and the column of `at`, counted in characters from 1.
void mb_text_position(const char *text, const char *at, const char *end, size_t *line,
                      size_t *column);

bool mb_is_utf8(const char *text, size_t length);

// Whether a character must not be printed to a terminal (plain.h escapes it): control characters,
// line and paragraph separators, and invisible formatting characters such as those that reverse the
// direction of a line. The joiners that some scripts and emoji need are allowed.
bool mb_is_control(int32_t character);

// Whether the text is valid UTF-8 without such characters.
bool mb_is_plain(const char *text);

// The number of columns that the text takes on a terminal, with escapes for such characters
// (plain.h).
int32_t mb_text_width(const char *text);
int32_t mb_width_of(const char *text, size_t length); // the same of its first bytes

// Cuts the text to what fits into so many columns, between two characters as readers see them.
void mb_cut_text(char *text, int32_t columns);

#endif
