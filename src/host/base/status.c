#include "merbench/status.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/plain.h"

mb_status mb_fail(mb_error *error, mb_status status, const char *format, ...) {
    if (error != NULL) {
        va_list arguments;
        va_start(arguments, format);
        mb_format_plain_list(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
        error->out_of_memory = false;
        error->run = 0;
    }
    return status;
}

// Adds as much of a text that is plain already as fits.
static void append(mb_error *error, const char *text) {
    size_t used = strlen(error->message), left = sizeof error->message - 1 - used;
    size_t count = strnlen(text, left + 1);
    while (count > left || (count > 0 && ((unsigned char)text[count] & 0xc0) == 0x80))
        count--; // not in the middle of a character
    memcpy(error->message + used, text, count);
    error->message[used + count] = '\0';
}

mb_status mb_fail_in(mb_error *error, mb_status status, const char *format, ...) {
    if (error != NULL) {
        mb_error inner = *error;
        va_list arguments;
        va_start(arguments, format);
        mb_format_plain_list(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
        append(error, inner.message);
    }
    return status;
}

mb_status mb_fail_more(mb_error *error, mb_status status, const char *format, ...) {
    if (error != NULL) {
        mb_error more;
        va_list arguments;
        va_start(arguments, format);
        mb_format_plain_list(more.message, sizeof more.message, format, arguments);
        va_end(arguments);
        append(error, more.message);
    }
    return status;
}

static bool blames_path(int code) {
    static const int codes[] = {ENOENT, ENOTDIR, EISDIR, ELOOP,  ENAMETOOLONG, EACCES,
                                EPERM,  EROFS,   ENXIO,  ENODEV, EINVAL,       EOVERFLOW};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (code == codes[i])
            return true;
    return false;
}

mb_status mb_fail_errno(mb_error *error, int code, const char *format, ...) {
    mb_status status = blames_path(code) ? MB_BAD_INPUT : MB_FAILED;
    if (error != NULL) {
        va_list arguments;
        va_start(arguments, format);
        mb_format_plain_list(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
        mb_fail_more(error, status, ": %s", strerror(code));
        error->out_of_memory = code == ENOMEM;
        error->run = 0;
    }
    return status;
}

mb_status mb_out_of_memory(mb_error *error, const char *what) {
    mb_status status = mb_fail(error, MB_FAILED, "out of memory: %s", what);
    if (error != NULL)
        error->out_of_memory = true;
    return status;
}
