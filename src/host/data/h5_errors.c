// What the failure of a call of HDF5 means.
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/plain.h"
#include "data/h5_object.h"

// The drivers of HDF5 put the errno of a call of the system into the text of their entry: "file
// read failed: time = ..., filename = 'x.h5', file descriptor = 3, errno = 5, error message = ...".
// errno itself does not survive until here. Names come before the number, so its last mention
// counts.
static int errno_in(const char *text) {
    static const char mark[] = "errno = ";
    int code = 0;
    for (const char *at = text; (at = strstr(at, mark)) != NULL; at += strlen(mark))
        code = (int)strtol(at + strlen(mark), NULL, 10);
    return code;
}

static herr_t look(unsigned position, const H5E_error2_t *entry, void *data) {
    (void)position;
    int *code = data;
    // Texts of other functions can have names from the file.
    bool driver = entry->func_name != NULL && strncmp(entry->func_name, "H5FD", 4) == 0;
    int found = driver && entry->desc != NULL ? errno_in(entry->desc) : 0;
    if (found != 0)
        *code = found;
    else if (*code == 0 && entry->maj_num == H5E_RESOURCE && entry->min_num == H5E_NOSPACE)
        *code = ENOMEM;
    return 0;
}

int mb_h5_errno(void) {
    int code = 0;
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, look, &code);
    return code;
}

mb_status mb_h5_fail_errno(int code, const char *path, mb_error *error) {
    return code == ENOMEM ? mb_out_of_memory(error, path)
                          : mb_fail_errno(error, code, "%s: cannot read", path);
}

mb_status mb_h5_fail(const mb_h5 *h5, mb_error *error, const char *format, ...) {
    int code = mb_h5_errno();
    *h5->cause = *h5->cause != 0 ? *h5->cause : code;
    if (code != 0)
        return mb_h5_fail_errno(code, h5->path, error);
    char text[sizeof error->message];
    va_list arguments;
    va_start(arguments, format);
    mb_format_plain_list(text, sizeof text, format, arguments);
    va_end(arguments);
    return mb_fail(error, MB_BAD_INPUT, "%s: %s", h5->path, text);
}
