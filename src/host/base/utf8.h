// Text that must be UTF-8.
#ifndef MB_BASE_UTF8_H
#define MB_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

// Bytes of the character that starts at `text`, of which `left` (at least 1) bytes are there; 0
// when it is none: cut short, overlong, a surrogate, beyond Unicode.
size_t mb_utf8_character(const char *text, size_t left);

bool mb_is_utf8(const char *text, size_t length);

#endif
