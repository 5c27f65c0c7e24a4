// Text in UTF-8, over utf8proc: what is valid, how wide it is, and what must not reach a terminal.
#ifndef MB_BASE_UTF8_H
#define MB_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The character at *text, before `end`; *text moves behind it. -1 where none is (cut short,
// overlong, a surrogate, beyond Unicode): then *text moves by one byte.
int32_t mb_utf8_next(const char **text, const char *end);

// Writes one character and returns its bytes, or 0 where Unicode has no such character.
size_t mb_utf8_write(int32_t character, char bytes[4]);

bool mb_is_utf8(const char *text, size_t length);

// Characters that must not reach a terminal: those that control it, ends of lines and paragraphs,
// and the invisible ones that format, among them those that turn the direction of a line. The
// joiners that scripts and emoji need are none of them.
bool mb_is_control(int32_t character);

// Whether it is UTF-8 without such characters.
bool mb_is_plain(const char *text);

// Puts '?' in the place of what must not reach a terminal and of what is not UTF-8. Characters in
// `kept` stay ("\n" for texts of several lines).
void mb_make_plain(char *text, const char *kept);

// printf to stdout of one or more lines that are made plain first.
void mb_print_plain(const char *format, ...) __attribute__((format(printf, 1, 2)));

// Columns that the text takes on a terminal. What mb_make_plain replaces counts as one.
int32_t mb_text_width(const char *text);

#endif
