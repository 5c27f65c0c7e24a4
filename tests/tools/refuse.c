// LD_PRELOAD: a file system that lacks something.
// REFUSE="ofd=38,flock=38,posix=37,shared=19,sync=22" makes calls fail with these error numbers:
// locks of open files, flock, locks of processes, shared mappings of files, and flushing to the
// disk.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

// The error number for a kind of call; 0 = not refused.
static int refused(const char *kind) {
    const char *all = getenv("REFUSE"), *at = all;
    size_t length = strlen(kind);
    while (at != NULL && *at != '\0') {
        if (strncmp(at, kind, length) == 0 && at[length] == '=')
            return atoi(at + length + 1);
        at = strchr(at, ',');
        at = at != NULL ? at + 1 : NULL;
    }
    return 0;
}

static int fail(int number) {
    errno = number;
    return -1;
}

static int control(const char *name, int descriptor, int command, void *argument) {
    int (*real)(int, int, ...) = (int (*)(int, int, ...))dlsym(RTLD_NEXT, name);
    int number = 0;
    if (command == F_OFD_SETLK || command == F_OFD_GETLK || command == F_OFD_SETLKW)
        number = refused("ofd");
    else if (command == F_SETLK || command == F_GETLK || command == F_SETLKW)
        number = refused("posix");
    return number != 0 ? fail(number) : real(descriptor, command, argument);
}

int fcntl(int descriptor, int command, ...) {
    va_list list;
    va_start(list, command);
    void *argument = va_arg(list, void *);
    va_end(list);
    return control("fcntl", descriptor, command, argument);
}

int fcntl64(int descriptor, int command, ...) {
    va_list list;
    va_start(list, command);
    void *argument = va_arg(list, void *);
    va_end(list);
    return control("fcntl64", descriptor, command, argument);
}

int flock(int descriptor, int operation) {
    int (*real)(int, int) = (int (*)(int, int))dlsym(RTLD_NEXT, "flock");
    int number = refused("flock");
    return number != 0 ? fail(number) : real(descriptor, operation);
}

static void *map(const char *name, void *at, size_t size, int protection, int flags, int descriptor,
                 off_t offset) {
    void *(*real)(void *, size_t, int, int, int, off_t) =
        (void *(*)(void *, size_t, int, int, int, off_t))dlsym(RTLD_NEXT, name);
    int number = descriptor >= 0 && (flags & MAP_SHARED) != 0 ? refused("shared") : 0;
    if (number == 0)
        return real(at, size, protection, flags, descriptor, offset);
    errno = number;
    return MAP_FAILED;
}

void *mmap(void *at, size_t size, int protection, int flags, int descriptor, off_t offset) {
    return map("mmap", at, size, protection, flags, descriptor, offset);
}

void *mmap64(void *at, size_t size, int protection, int flags, int descriptor, off_t offset) {
    return map("mmap64", at, size, protection, flags, descriptor, offset);
}

static int flush(const char *name, int descriptor) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    int number = refused("sync");
    return number != 0 ? fail(number) : real(descriptor);
}

int fsync(int descriptor) {
    return flush("fsync", descriptor);
}

int fdatasync(int descriptor) {
    return flush("fdatasync", descriptor);
}
