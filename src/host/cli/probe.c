#include "cli/probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/interrupt.h"
#include "base/progress.h"
#include "data/corpus_file.h"
#include "merbench/corpus.h"

// Opening a good corpus takes milliseconds and little more memory than the file's own size.
enum { CPU_SECONDS = 10, WAIT_SECONDS = 30, LEAST_MEMORY = 1 << 30, MEMORY_RATIO = 4 };

// Sanitizers need address space without limit. AddressSanitizer does not unlock its allocator in a
// child whose parent has other threads: such a child may wait forever. This is how gcc and clang
// tell that a sanitizer is there.
#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
enum { LIMITS_MEMORY = 0, FORKS_BESIDE_THREADS = 0 };
#elif defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
enum { LIMITS_MEMORY = 0, FORKS_BESIDE_THREADS = 1 };
#else
enum { LIMITS_MEMORY = 1, FORKS_BESIDE_THREADS = 1 };
#endif

// What the child writes to the pipe. The magic number tells it from anything else.
typedef struct outcome {
    uint32_t magic;
    mb_status status;
    char message[sizeof((mb_error *)0)->message];
} outcome;
enum { MAGIC = 0x6d62707a };

// The exit code of a child that could not write it. A sanitizer ends a child that crashes with 1.
enum { NO_OUTCOME = 70 };

// ---- the child --------------------------------------------------------------------------------

// Lowers a limit; true if it was higher before.
static bool lower(__rlimit_resource_t resource, rlim_t soft, rlim_t hard) {
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0 || limit.rlim_cur <= soft)
        return false;
    limit.rlim_cur = soft;
    limit.rlim_max = limit.rlim_max < hard ? limit.rlim_max : hard;
    return setrlimit(resource, &limit) == 0;
}

// The address space that this process has already, in bytes; 0 = not known.
static rlim_t address_space(void) {
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%llu", &pages) != 1)
        pages = 0;
    if (file != NULL)
        fclose(file);
    return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

static rlim_t memory_for(const char *path) {
    struct stat info;
    rlim_t size = stat(path, &info) == 0 ? (rlim_t)info.st_size : 0;
    return LEAST_MEMORY + MEMORY_RATIO * size;
}

// Opens the file, writes the outcome to the pipe and ends. What this process prints is no use to
// anybody: a crash is told by its parent.
static _Noreturn void open_and_end(const char *path, bool corpus, pid_t parent, int pipe) {
    outcome result = {.magic = MAGIC};
    mb_error error = {.message = ""};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(NO_OUTCOME); // the parent ended before that
    int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nothing < 0 || dup2(nothing, STDOUT_FILENO) < 0 || dup2(nothing, STDERR_FILENO) < 0) {
        close(STDOUT_FILENO); // what the parent has not printed yet is not printed twice
        close(STDERR_FILENO);
    }
    lower(RLIMIT_CORE, 0, 0);
    lower(RLIMIT_CPU, CPU_SECONDS, CPU_SECONDS + 1);
    rlim_t memory = memory_for(path), now = LIMITS_MEMORY ? address_space() : 0;
    bool limited = now > 0 && lower(RLIMIT_AS, now + memory, now + memory);
    result.status = corpus ? mb_corpus_try(path, &error) : mb_h5_walk(path, &error);
    if (limited && error.out_of_memory)
        result.status = mb_fail(&error, MB_BAD_INPUT,
                                "%s: expected a file that can be opened in %" PRIu64
                                " MiB of memory, found one that needs more",
                                path, (uint64_t)memory >> 20);
    memcpy(result.message, error.message, sizeof result.message);
    _exit(write(pipe, &result, sizeof result) == sizeof result ? MB_OK : NO_OUTCOME);
}

// ---- the parent -------------------------------------------------------------------------------

typedef struct child {
    pid_t id;
    int pipe;
    double deadline;
} child;

static mb_status cannot_start(const char *path, int cause, mb_error *error) {
    return mb_fail(error, MB_FAILED, "%s: cannot start the process that opens the file first: %s",
                   path, strerror(cause));
}

// The child has the blocked signals of this thread: this process decides when it ends. It is a copy
// of this process, which needs no name of the program: that is not known where there is no /proc,
// and another program's where a loader was called.
static mb_status start(const char *path, bool corpus, child *started, mb_error *error) {
    int ends[2];
    pid_t parent = getpid();
    if (pipe2(ends, O_CLOEXEC) != 0)
        return cannot_start(path, errno, error);
    started->id = fork();
    if (started->id == 0)
        open_and_end(path, corpus, parent, ends[1]);
    int cause = errno;
    close(ends[1]);
    started->pipe = ends[0];
    started->deadline = mb_seconds() + WAIT_SECONDS;
    if (started->id > 0)
        return MB_OK;
    close(ends[0]);
    return cannot_start(path, cause, error);
}

typedef enum ending { COMPLETE, ENDED, TIMED_OUT, INTERRUPTED, UNREAD } ending;

// Reads the outcome until it is complete, the child ends or is to be ended.
static ending listen_to(const child *running, mb_interrupt *interrupt, outcome *result) {
    enum { POLL_MILLISECONDS = 20 };
    size_t got = 0;
    for (;;) {
        struct pollfd ready = {.fd = running->pipe, .events = POLLIN};
        int count = poll(&ready, 1, POLL_MILLISECONDS);
        if (mb_interrupt_came(interrupt))
            return INTERRUPTED;
        if (count <= 0) {
            if (mb_seconds() > running->deadline)
                return TIMED_OUT;
            continue;
        }
        ssize_t more = read(running->pipe, (char *)result + got, sizeof *result - got);
        if (more < 0 && errno == EINTR)
            continue;
        if (more <= 0)
            return more == 0 ? ENDED : UNREAD;
        got += (size_t)more;
        if (got == sizeof *result)
            return result->magic == MAGIC ? COMPLETE : ENDED;
    }
}

// A child that has ended its work is not waited for: with the outcome known, it may be killed. -1:
// not known.
static int collect(const child *running, ending how) {
    int status = -1;
    pid_t done = 0;
    while (how == ENDED && (done = waitpid(running->id, &status, WNOHANG)) == 0 &&
           mb_seconds() < running->deadline)
        usleep(1000);
    if (done == 0) {
        kill(running->id, SIGKILL);
        done = waitpid(running->id, &status, 0);
    }
    return done == running->id ? status : -1;
}

static mb_status refuse(const char *path, const char *what, const char *detail, mb_error *error) {
    return mb_fail(error, MB_BAD_INPUT,
                   "%s: the HDF5 library %s%s when it opens this file, which is damaged or made to "
                   "do that; a child process tried it, nothing of the file was used",
                   path, what, detail);
}

static mb_status judge(const char *path, ending how, int status, const outcome *result,
                       mb_error *error) {
    char detail[64] = "";
    if (how == COMPLETE && result->status == MB_OK)
        return MB_OK;
    if (how == COMPLETE)
        return mb_fail(error, result->status, "%.*s", (int)sizeof result->message, result->message);
    if (how == TIMED_OUT) // without computing: the disk, or a machine that has other work
        return mb_fail(error, MB_FAILED, "%s: could not be opened within %d s", path, WAIT_SECONDS);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) {
        snprintf(detail, sizeof detail, " within %d s", CPU_SECONDS);
        return refuse(path, "does not end", detail, error);
    }
    bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    if (killed || how == UNREAD || status == -1 ||
        (WIFEXITED(status) && WEXITSTATUS(status) == NO_OUTCOME))
        return mb_fail(error, MB_FAILED, "%s: the process that opens the file first %s", path,
                       killed && how == ENDED ? "was killed" : "could not tell how that went");
    if (WIFSIGNALED(status))
        snprintf(detail, sizeof detail, " (%s)", strsignal(WTERMSIG(status)));
    return refuse(path, "crashes", detail, error);
}

// Whether this process has threads beside the calling one.
static bool has_threads(void) {
    enum { ONE = 3 }; // "." and ".." are entries too
    int entries = 0;
    DIR *tasks = opendir("/proc/self/task");
    while (tasks != NULL && readdir(tasks) != NULL)
        entries++;
    if (tasks != NULL)
        closedir(tasks);
    return entries > ONE;
}

static mb_status open_first(const char *path, bool corpus, mb_error *error) {
    if (!FORKS_BESIDE_THREADS && has_threads())
        return MB_OK; // it is opened without a trial
    child running = {.pipe = -1};
    outcome result = {.magic = 0};
    mb_interrupt interrupt;
    mb_interrupt_begin(&interrupt);
    mb_status status = start(path, corpus, &running, error);
    if (status == MB_OK) {
        ending how = listen_to(&running, &interrupt, &result);
        int ended = collect(&running, how);
        close(running.pipe);
        status = judge(path, how, ended, &result, error);
    }
    mb_interrupt_end(&interrupt);
    if (interrupt.signal == 0)
        return status;
    raise(interrupt.signal); // also one that came at the very end; usually it ends this process
    return mb_fail(error, MB_FAILED, "interrupted (%s) while %s was opened",
                   strsignal(interrupt.signal), path);
}

void mb_probe_start(void) {
    signal(SIGCHLD, SIG_DFL); // whoever ignores it is not told how a child ended
    mb_set_file_guard(open_first);
}
