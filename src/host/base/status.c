#include "merbench/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

mb_status mb_fail(mb_error *error, mb_status status, const char *format, ...) {
    if (error != NULL) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
        error->out_of_memory = false;
        error->run = 0;
    }
    return status;
}

mb_status mb_fail_in(mb_error *error, mb_status status, const char *format, ...) {
    if (error != NULL) {
        char inner[sizeof error->message];
        memcpy(inner, error->message, sizeof inner);
        va_list arguments;
        va_start(arguments, format);
        int length = vsnprintf(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
        if (length >= 0 && (size_t)length < sizeof error->message)
            snprintf(error->message + length, sizeof error->message - (size_t)length, "%s", inner);
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
    char text[sizeof error->message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    mb_status status = blames_path(code) ? MB_BAD_INPUT : MB_FAILED;
    mb_fail(error, status, "%s: %s", text, strerror(code));
    if (error != NULL)
        error->out_of_memory = code == ENOMEM;
    return status;
}

mb_status mb_out_of_memory(mb_error *error, const char *what) {
    mb_status status = mb_fail(error, MB_FAILED, "out of memory: %s", what);
    if (error != NULL)
        error->out_of_memory = true;
    return status;
}
