// Texts of strangers, printed so that they cannot command a terminal. Names in files, paths and
// arguments may hold anything; what would move the cursor, start a line, or reverse the direction
// of one is printed as an escape: \x1b, \u202e, \U000e0001, and \xff for a byte that is not UTF-8.
// Which characters these are is said by mb_is_control.
#ifndef MB_BASE_PLAIN_H
#define MB_BASE_PLAIN_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { MB_ESCAPE_SIZE = 11 };

// The escape of a character that begins with this byte, or -1 for a byte that is not UTF-8. Returns
// its length, or 0 if the character may be printed as it is.
int mb_escape(int32_t character, char byte, char escape[MB_ESCAPE_SIZE]);

// A copy of the text with escapes, malloc'ed; NULL when out of memory.
char *mb_plain(const char *text);

// snprintf and printf that escape their arguments, texts (%s) and characters (%c), newlines
// included. The format stays as it is: its newlines are the caller's. The width of %s counts
// columns of a terminal. A text that does not fit is cut between two characters or escapes.
void mb_format_plain(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void mb_format_plain_list(char *text, size_t size, const char *format, va_list arguments);
void mb_print_plain(const char *format, ...) __attribute__((format(printf, 1, 2)));
void mb_print_plain_to(FILE *stream, const char *format, ...) __attribute__((format(printf, 2, 3)));
void mb_print_plain_list(FILE *stream, const char *format, va_list arguments);

// Prints a text of several lines with a newline at its end. Newlines stay, all else is escaped.
void mb_print_lines(FILE *stream, const char *text);

#endif
