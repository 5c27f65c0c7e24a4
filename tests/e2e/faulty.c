// A library for LD_PRELOAD that lets calls fail which read a file. FAULT="CALL ERRNO FIRST NAME":
// the calls before the FIRST one succeed, that one and all later ones fail with ERRNO, if the
// file's name ends with NAME. CALL is open (also of folders and streams) or read. FAULT_FILES=N: at
// most N file descriptors.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static atomic_int calls;

__attribute__((constructor)) static void limit_files(void) {
    const char *most = getenv("FAULT_FILES");
    struct rlimit limit;
    if (most == NULL || getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = (rlim_t)strtol(most, NULL, 10);
    setrlimit(RLIMIT_NOFILE, &limit);
}

// Whether this call fails. errno is set.
static bool fails(const char *call, const char *path) {
    char asked[16], name[PATH_MAX];
    int code, first;
    const char *fault = getenv("FAULT");
    if (fault == NULL || sscanf(fault, "%15s %d %d %4095s", asked, &code, &first, name) != 4)
        return false;
    size_t length = strlen(name), path_length = strlen(path);
    if (strcmp(asked, call) != 0 || path_length < length ||
        strcmp(path + path_length - length, name) != 0 || atomic_fetch_add(&calls, 1) < first - 1)
        return false;
    errno = code;
    return true;
}

static bool read_fails(int descriptor) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return false;
    path[length] = '\0';
    return fails("read", path);
}

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...) {                                                   \
        va_list arguments;                                                                         \
        va_start(arguments, flags);                                                                \
        mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;        \
        va_end(arguments);                                                                         \
        return fails("open", path) ? -1 : REAL(name)(path, flags, mode);                           \
    }
OPEN(open)
OPEN(open64)

DIR *opendir(const char *path) {
    return fails("open", path) ? NULL : REAL(opendir)(path);
}

struct dirent *readdir(DIR *folder) {
    return read_fails(dirfd(folder)) ? NULL : REAL(readdir)(folder);
}

struct dirent64 *readdir64(DIR *folder) {
    return read_fails(dirfd(folder)) ? NULL : REAL(readdir64)(folder);
}

ssize_t read(int descriptor, void *bytes, size_t count) {
    return read_fails(descriptor) ? -1 : REAL(read)(descriptor, bytes, count);
}

ssize_t pread(int descriptor, void *bytes, size_t count, off_t offset) {
    return read_fails(descriptor) ? -1 : REAL(pread)(descriptor, bytes, count, offset);
}

ssize_t pread64(int descriptor, void *bytes, size_t count, off64_t offset) {
    return read_fails(descriptor) ? -1 : REAL(pread64)(descriptor, bytes, count, offset);
}

// The C library reads streams by itself.
static ssize_t read_stream(void *stream, char *bytes, size_t count) {
    return read_fails(fileno(stream)) ? -1 : (ssize_t)fread(bytes, 1, count, stream);
}

static int close_stream(void *stream) {
    return fclose(stream);
}

FILE *fopen(const char *path, const char *mode) {
    if (fails("open", path))
        return NULL;
    FILE *stream = REAL(fopen)(path, mode);
    const char *fault = getenv("FAULT");
    if (stream == NULL || fault == NULL || mode[0] != 'r')
        return stream;
    cookie_io_functions_t functions = {.read = read_stream, .close = close_stream};
    return fopencookie(stream, "r", functions);
}

FILE *fopen64(const char *path, const char *mode) {
    return fopen(path, mode);
}
