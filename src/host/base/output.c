#include "base/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool write_all(int descriptor, const char *bytes, size_t count) {
    while (count > 0) {
        ssize_t written = write(descriptor, bytes, count);
        if (written < 0 && errno != EINTR)
            return false;
        bytes += written > 0 ? written : 0;
        count -= written > 0 ? (size_t)written : 0;
    }
    return true;
}

static mb_status cannot_write(const char *path, mb_error *error) {
    return mb_fail(error, MB_FAILED, "%s: cannot be written: %s", path, strerror(errno));
}

static mb_status write_device(const char *path, const char *bytes, size_t count, mb_error *error) {
    int descriptor = open(path, O_WRONLY | O_CLOEXEC);
    if (descriptor < 0)
        return cannot_write(path, error);
    mb_status status = write_all(descriptor, bytes, count) ? MB_OK : cannot_write(path, error);
    close(descriptor);
    return status;
}

// The permissions that a new file would get; there is no way to read the mask without setting it.
static mode_t usual_permissions(void) {
    mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

mb_status mb_write_file(const char *path, const char *bytes, size_t count, mb_error *error) {
    struct stat info;
    bool there = stat(path, &info) == 0;
    if (there && S_ISDIR(info.st_mode))
        return mb_fail(error, MB_FAILED, "%s: cannot be written: it is a folder", path);
    if (there && !S_ISREG(info.st_mode))
        return write_device(path, bytes, count, error);
    char *temporary;
    if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
        return mb_out_of_memory(error, "name of a file");
    int descriptor = mkstemp(temporary);
    if (descriptor < 0) {
        free(temporary);
        return cannot_write(path, error);
    }
    bool done = write_all(descriptor, bytes, count) &&
                fchmod(descriptor, there ? info.st_mode & 07777 : usual_permissions()) == 0 &&
                fsync(descriptor) == 0;
    mb_status status = done ? MB_OK : cannot_write(path, error);
    if (close(descriptor) != 0 && status == MB_OK)
        status = cannot_write(path, error);
    if (status == MB_OK && rename(temporary, path) != 0)
        status = cannot_write(path, error);
    if (status != MB_OK)
        unlink(temporary);
    free(temporary);
    return status;
}
