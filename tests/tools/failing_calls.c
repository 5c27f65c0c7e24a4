// A library to be preloaded: one call of the program, or of a library that it uses, fails. The
// calls are numbered from 1 in the order in which they are made.
//
//   FAIL_KIND  which calls are numbered
//                memory: allocations, but not those of libhdf5, which does not survive it
//                system: files, locks, threads, processes
//                space: those of them that need space on a disk
//                short: reads and writes; instead of failing, they move one byte
//   FAIL_AT    the number of the call that fails; 0: none
//   FAIL_WITH  errno of the failure, a number; 0: the program is killed instead
//   FAIL_ON    1: all later calls fail, too, as when a disk is full
//   FAIL_LOG   a file, to which lines are added:
//                failed NAME         the call failed; its callers follow
//                calls NUMBER        at the end of the program
//                site NUMBER NAME    if FAIL_AT is 0: the first call from these callers
//
// A call of malloc within the C library (asprintf, fopen) counts, a read within it (fgets) does
// not. Programs that the program starts are left alone.
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_FRAMES = 24, SITE_SLOTS = 1 << 16 };
typedef enum kind { NONE = 0, MEMORY = 1, SYSTEM = 2, SPACE = 4, SHORT = 8 } kind;

static atomic_long calls;
static kind asked, chosen; // chosen: from the beginning of main
static long fail_at;
static int fail_with;
static bool keep_failing;
static int log_file = -1;
static atomic_uint_fast64_t sites[SITE_SLOTS];
static _Thread_local bool inside;        // calls of this library itself do not count
static uintptr_t spared_from, spared_to; // the code of libhdf5

static long number(const char *name) {
    const char *text = getenv(name);
    return text != NULL ? atol(text) : 0;
}

static kind kind_named(const char *name) {
    static const char *const names[] = {"memory", "system", "space", "short"};
    for (int i = 0; name != NULL && i < 4; i++)
        if (strcmp(name, names[i]) == 0)
            return (kind)(1 << i);
    return NONE;
}

// Looks for the code of libhdf5.
static int find_spared(struct dl_phdr_info *library, size_t size, void *unused) {
    (void)size, (void)unused;
    for (int i = 0; strstr(library->dlpi_name, "libhdf5") != NULL && i < library->dlpi_phnum; i++)
        if (library->dlpi_phdr[i].p_type == PT_LOAD &&
            (library->dlpi_phdr[i].p_flags & PF_X) != 0) {
            spared_from = library->dlpi_addr + library->dlpi_phdr[i].p_vaddr;
            spared_to = spared_from + library->dlpi_phdr[i].p_memsz;
        }
    return 0;
}

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("FAIL_LOG");
    void *frames[2];
    (void)backtrace(frames, 2); // loads what it needs
    if (path != NULL)
        log_file = (int)syscall(SYS_openat, AT_FDCWD, path,
                                O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    fail_at = number("FAIL_AT");
    fail_with = (int)number("FAIL_WITH");
    keep_failing = number("FAIL_ON") != 0;
    dl_iterate_phdr(find_spared, NULL);
    asked = kind_named(getenv("FAIL_KIND"));
    static const char *const names[] = {"LD_PRELOAD", "FAIL_KIND", "FAIL_LOG"};
    for (int i = 0; i < 3; i++) // programs that this one starts
        unsetenv(names[i]);
}

// Nothing fails before main: the CUDA runtime, which is linked into the program, prepares itself
// there, and does not survive it.
static int (*program)(int, char **, char **);

static int program_begins(int count, char **arguments, char **environment) {
    chosen = asked;
    return program(count, arguments, environment);
}

int __libc_start_main(int (*main)(int, char **, char **), int count, char **arguments,
                      void (*init)(void), void (*fini)(void), void (*rtld_fini)(void), void *stack);
int __libc_start_main(int (*main)(int, char **, char **), int count, char **arguments,
                      void (*init)(void), void (*fini)(void), void (*rtld_fini)(void),
                      void *stack) {
    __typeof__(&__libc_start_main) start =
        (__typeof__(&__libc_start_main))dlsym(RTLD_NEXT, "__libc_start_main");
    program = main;
    return start(program_begins, count, arguments, init, fini, rtld_fini, stack);
}

static void write_log(const char *text, size_t length) {
    if (log_file >= 0)
        (void)!syscall(SYS_write, log_file, text, length);
}

static void end(void) __attribute__((destructor));
static void end(void) {
    char line[64];
    int length = snprintf(line, sizeof line, "calls %ld\n", atomic_load(&calls));
    write_log(line, (size_t)length);
    chosen = NONE;
}

static bool is_new(void *const *frames, int count) {
    uint64_t hash = 14695981039346656037u;
    for (int i = 2; i < count; i++) // without this library's own
        hash = (hash ^ (uintptr_t)frames[i]) * 1099511628211u;
    hash |= 1;
    for (uint64_t slot = hash >> 20;; slot++) {
        uint_fast64_t free_slot = 0;
        if (atomic_compare_exchange_strong(&sites[slot % SITE_SLOTS], &free_slot, hash))
            return true;
        if (free_slot == hash)
            return false;
    }
}

static void note_site(const char *name, long call) {
    void *frames[MOST_FRAMES];
    char line[96];
    if (!is_new(frames, backtrace(frames, MOST_FRAMES)))
        return;
    int length = snprintf(line, sizeof line, "site %ld %s\n", call, name);
    write_log(line, (size_t)length);
}

static void note_failure(const char *name) {
    void *frames[MOST_FRAMES];
    char line[96];
    int length = snprintf(line, sizeof line, "failed %s\n", name);
    write_log(line, (size_t)length);
    int count = backtrace(frames, MOST_FRAMES);
    if (log_file >= 0 && count > 2)
        backtrace_symbols_fd(frames + 2, count - 2, log_file);
}

// Counts a call and says whether it fails; errno is set then.
static bool call_fails(int kinds, const char *name) {
    if (((int)chosen & kinds) == 0 || inside)
        return false;
    inside = true;
    int before = errno;
    long call = atomic_fetch_add(&calls, 1) + 1;
    bool failed = fail_at > 0 && (call == fail_at || (keep_failing && call > fail_at));
    if (fail_at == 0 && log_file >= 0)
        note_site(name, call);
    if (failed && call == fail_at)
        note_failure(name);
    if (failed && fail_with == 0 && chosen != SHORT)
        raise(SIGKILL);
    errno = failed ? fail_with : before;
    inside = false;
    return failed;
}

static bool fails(const char *name) {
    return call_fails(SYSTEM, name);
}

static bool space_fails(const char *name) {
    return call_fails(SYSTEM | SPACE, name);
}

static bool is_spared(const void *caller) {
    return (uintptr_t)caller >= spared_from && (uintptr_t)caller < spared_to;
}

static bool allocation_fails(const void *caller, const char *name) {
    return !is_spared(caller) && call_fails(MEMORY, name);
}
#define ALLOCATION_FAILS() allocation_fails(__builtin_return_address(0), __func__)

// The function of the C library.
static void *real_function(void **known, const char *name) {
    if (*known == NULL) {
        bool before = inside;
        inside = true;
        *known = dlsym(RTLD_NEXT, name);
        inside = before;
    }
    return *known;
}
#define REAL(name)                                                                                 \
    static void *known_##name;                                                                     \
    __typeof__(&name) real = (__typeof__(&name))real_function(&known_##name, #name)

// ---- memory ------------------------------------------------------------------------------------

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size) {
    return ALLOCATION_FAILS() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    return ALLOCATION_FAILS() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size) {
    return ALLOCATION_FAILS() ? NULL : __libc_realloc(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    return ALLOCATION_FAILS() ? NULL : __libc_memalign(alignment, size);
}

void *memalign(size_t alignment, size_t size);
void *memalign(size_t alignment, size_t size) {
    return ALLOCATION_FAILS() ? NULL : __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
    if (ALLOCATION_FAILS())
        return ENOMEM;
    void *made = __libc_memalign(alignment, size);
    *memory = made != NULL ? made : *memory;
    return made != NULL ? 0 : ENOMEM;
}

char *strdup(const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = ALLOCATION_FAILS() ? NULL : __libc_malloc(size);
    return copy != NULL ? memcpy(copy, text, size) : NULL;
}

#define MAPPING(name, offset_type)                                                                 \
    void *name(void *address, size_t size, int protection, int flags, int file,                    \
               offset_type offset) {                                                               \
        REAL(name);                                                                                \
        return (file < 0 ? ALLOCATION_FAILS() : fails(#name))                                      \
                   ? MAP_FAILED                                                                    \
                   : real(address, size, protection, flags, file, offset);                         \
    }
MAPPING(mmap, off_t)
MAPPING(mmap64, off64_t)

void *mremap(void *address, size_t size, size_t new_size, int flags, ...) {
    REAL(mremap);
    return ALLOCATION_FAILS() ? MAP_FAILED : real(address, size, new_size, flags);
}

// ---- calls of the system -----------------------------------------------------------------------

#define CALL(result, name, parameters, arguments, failure)                                         \
    result name parameters {                                                                       \
        REAL(name);                                                                                \
        return fails(#name) ? (failure) : real arguments;                                          \
    }
// The same for a call that needs space on a disk.
#define SPACE_CALL(result, name, parameters, arguments, failure)                                   \
    result name parameters {                                                                       \
        REAL(name);                                                                                \
        return space_fails(#name) ? (failure) : real arguments;                                    \
    }

static mode_t mode_of(int flags, va_list *list) {
    return (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(*list, mode_t) : 0;
}

#define OPEN_KINDS(flags) (SYSTEM | ((flags & O_CREAT) != 0 ? SPACE : NONE))
#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...) {                                                   \
        REAL(name);                                                                                \
        va_list list;                                                                              \
        va_start(list, flags);                                                                     \
        mode_t mode = mode_of(flags, &list);                                                       \
        va_end(list);                                                                              \
        return call_fails(OPEN_KINDS(flags), #name) ? -1 : real(path, flags, mode);                \
    }
OPEN(open)
OPEN(open64)

int openat(int folder, const char *path, int flags, ...) {
    REAL(openat);
    va_list list;
    va_start(list, flags);
    mode_t mode = mode_of(flags, &list);
    va_end(list);
    return call_fails(OPEN_KINDS(flags), "openat") ? -1 : real(folder, path, flags, mode);
}

#define CONTROL(name)                                                                              \
    int name(int file, int command, ...) {                                                         \
        REAL(name);                                                                                \
        va_list list;                                                                              \
        va_start(list, command);                                                                   \
        void *argument = va_arg(list, void *);                                                     \
        va_end(list);                                                                              \
        return fails(#name) ? -1 : real(file, command, argument);                                  \
    }
CONTROL(fcntl)
CONTROL(fcntl64)

#define TRANSFER(name, fails, parameters, first, last)                                             \
    ssize_t name parameters {                                                                      \
        REAL(name);                                                                                \
        if (fails(#name))                                                                          \
            return -1;                                                                             \
        if (size > 1 && call_fails(SHORT, #name))                                                  \
            size = 1;                                                                              \
        return real(first, size last);                                                             \
    }
#define COMMA ,
TRANSFER(read, fails, (int file, void *bytes, size_t size), file COMMA bytes, )
TRANSFER(write, space_fails, (int file, const void *bytes, size_t size), file COMMA bytes, )
TRANSFER(pread, fails, (int file, void *bytes, size_t size, off_t offset), file COMMA bytes,
         COMMA offset)
TRANSFER(pread64, fails, (int file, void *bytes, size_t size, off64_t offset), file COMMA bytes,
         COMMA offset)
TRANSFER(pwrite, space_fails, (int file, const void *bytes, size_t size, off_t offset),
         file COMMA bytes, COMMA offset)
TRANSFER(pwrite64, space_fails, (int file, const void *bytes, size_t size, off64_t offset),
         file COMMA bytes, COMMA offset)

SPACE_CALL(int, fsync, (int file), (file), -1)
SPACE_CALL(int, fdatasync, (int file), (file), -1)
SPACE_CALL(int, ftruncate, (int file, off_t size), (file, size), -1)
SPACE_CALL(int, ftruncate64, (int file, off64_t size), (file, size), -1)
CALL(off_t, lseek, (int file, off_t offset, int whence), (file, offset, whence), -1)
CALL(off64_t, lseek64, (int file, off64_t offset, int whence), (file, offset, whence), -1)
CALL(int, flock, (int file, int operation), (file, operation), -1)
CALL(int, dup, (int file), (file), -1)
CALL(int, dup2, (int file, int other), (file, other), -1)
CALL(int, fchmod, (int file, mode_t mode), (file, mode), -1)
CALL(int, fchown, (int file, uid_t user, gid_t group), (file, user, group), -1)

CALL(int, stat, (const char *path, struct stat *info), (path, info), -1)
CALL(int, stat64, (const char *path, struct stat64 *info), (path, info), -1)
// libhdf5 compares the names of a file that it has opened. It does not say why that failed.
int lstat(const char *path, struct stat *info) {
    REAL(lstat);
    return !is_spared(__builtin_return_address(0)) && fails("lstat") ? -1 : real(path, info);
}
CALL(int, lstat64, (const char *path, struct stat64 *info), (path, info), -1)
CALL(int, fstat, (int file, struct stat *info), (file, info), -1)
CALL(int, fstat64, (int file, struct stat64 *info), (file, info), -1)
CALL(int, fstatat, (int folder, const char *path, struct stat *info, int flags),
     (folder, path, info, flags), -1)
CALL(int, statx, (int folder, const char *path, int flags, unsigned mask, struct statx *info),
     (folder, path, flags, mask, info), -1)
CALL(int, fstatfs, (int file, struct statfs *info), (file, info), -1)
CALL(int, access, (const char *path, int mode), (path, mode), -1)
CALL(int, faccessat, (int folder, const char *path, int mode, int flags),
     (folder, path, mode, flags), -1)

CALL(int, rename, (const char *from, const char *to), (from, to), -1)
CALL(int, renameat2,
     (int from_folder, const char *from, int to_folder, const char *to, unsigned flags),
     (from_folder, from, to_folder, to, flags), -1)
SPACE_CALL(int, link, (const char *from, const char *to), (from, to), -1)
CALL(int, unlink, (const char *path), (path), -1)
CALL(int, unlinkat, (int folder, const char *path, int flags), (folder, path, flags), -1)
SPACE_CALL(int, mkdir, (const char *path, mode_t mode), (path, mode), -1)
CALL(int, rmdir, (const char *path), (path), -1)
CALL(int, chmod, (const char *path, mode_t mode), (path, mode), -1)
SPACE_CALL(int, mkstemp, (char *path), (path), -1)
SPACE_CALL(int, mkostemp, (char *path, int flags), (path, flags), -1)
CALL(char *, getcwd, (char *path, size_t size), (path, size), NULL)
CALL(ssize_t, readlink, (const char *path, char *text, size_t size), (path, text, size), -1)
CALL(char *, realpath, (const char *path, char *resolved), (path, resolved), NULL)
CALL(DIR *, opendir, (const char *path), (path), NULL)
CALL(struct dirent *, readdir, (DIR * folder), (folder), NULL)

CALL(ssize_t, getrandom, (void *bytes, size_t size, unsigned flags), (bytes, size, flags), -1)
CALL(int, memfd_create, (const char *name, unsigned flags), (name, flags), -1)
CALL(int, pipe, (int files[2]), (files), -1)
CALL(int, pipe2, (int files[2], int flags), (files, flags), -1)
CALL(pid_t, waitpid, (pid_t child, int *status, int options), (child, status, options), -1)

CALL(FILE *, fopen, (const char *path, const char *mode), (path, mode), NULL)
CALL(FILE *, fopen64, (const char *path, const char *mode), (path, mode), NULL)
CALL(FILE *, fdopen, (int file, const char *mode), (file, mode), NULL)

int close(int file) { // closes also when it fails, as Linux does
    REAL(close);
    int result = real(file);
    return fails("close") ? -1 : result;
}

int fclose(FILE *stream) {
    REAL(fclose);
    int result = real(stream);
    return fails("fclose") ? EOF : result;
}

int fflush(FILE *stream) {
    REAL(fflush);
    int result = real(stream);
    return space_fails("fflush") ? EOF : result;
}

size_t fread(void *bytes, size_t size, size_t count, FILE *stream) {
    REAL(fread);
    if (!fails("fread"))
        return real(bytes, size, count, stream);
    stream->_flags |= 0x20; // ferror
    return 0;
}

size_t fwrite(const void *bytes, size_t size, size_t count, FILE *stream) {
    REAL(fwrite);
    if (!space_fails("fwrite"))
        return real(bytes, size, count, stream);
    stream->_flags |= 0x20;
    return 0;
}

pid_t fork(void) {
    REAL(fork);
    pid_t child = fails("fork") ? -1 : real();
    if (child == 0)
        chosen = NONE; // as in programs that this one starts
    return child;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *),
                   void *data) {
    REAL(pthread_create);
    return fails("pthread_create") ? EAGAIN : real(thread, attributes, body, data);
}
