#include "data/file_bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

// Reads exactly `size` bytes.
static mb_status read_all(int descriptor, const char *path, size_t size, mb_file_bytes *file,
                          mb_error *error) {
    while (file->size < size) {
        ssize_t got = read(descriptor, file->bytes + file->size, size - file->size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return mb_fail_errno(error, errno, "%s: offset %zu: cannot read", path, file->size);
        if (got == 0)
            return mb_fail(error, MB_BAD_INPUT, "%s: the file became shorter while it was read",
                           path);
        file->size += (size_t)got;
    }
    return MB_OK;
}

mb_status mb_file_read(const char *path, size_t largest, mb_file_bytes *file, mb_error *error) {
    *file = (mb_file_bytes){0};
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        return mb_fail_errno(error, errno, "%s: cannot open", path);
    struct stat info;
    mb_status status = MB_OK;
    if (fstat(descriptor, &info) != 0)
        status = mb_fail_errno(error, errno, "%s: cannot open", path);
    else if (!S_ISREG(info.st_mode))
        status = mb_fail(error, MB_BAD_INPUT, "%s: expected a regular file", path);
    else if ((uint64_t)info.st_size > largest)
        status = mb_fail(error, MB_BAD_INPUT, "%s: expected at most %zu bytes, found %lld", path,
                         largest, (long long)info.st_size);
    else if ((file->bytes = malloc((size_t)info.st_size + 1)) == NULL)
        status = mb_out_of_memory(error, path);
    else
        status = read_all(descriptor, path, (size_t)info.st_size, file, error);
    close(descriptor);
    if (status != MB_OK) {
        free(file->bytes);
        *file = (mb_file_bytes){0};
    }
    return status;
}
