#include "kit/child.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"

extern char **environ;

void mb_kit_children_begin(mb_interrupt *interrupt) {
    sigset_t ended;
    // If SIGCHLD is ignored, no signal tells that a child has ended.
    signal(SIGCHLD, SIG_DFL);
    mb_interrupt_begin(interrupt);
    sigemptyset(&ended);
    sigaddset(&ended, SIGCHLD);
    sigprocmask(SIG_BLOCK, &ended, NULL);
}

static int start(const mb_kit_child *child, const mb_interrupt *interrupt, pid_t *pid) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, child->input, O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, child->log,
                                     O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (child->output != NULL)
        posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, child->output,
                                         O_WRONLY | O_CREAT | O_TRUNC, 0666);
    else
        posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &interrupt->before);
    int code =
        posix_spawnp(pid, child->arguments[0], &files, &attributes, child->arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return code;
}

static bool has_ended(pid_t pid) {
    siginfo_t info = {.si_pid = 0};
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
}

// Waits until the child has ended, but does not reap it, so that the number of its group stays
// taken.
static void await(pid_t pid, double limit, mb_interrupt *interrupt, mb_kit_end *end) {
    sigset_t awaited = interrupt->signals;
    double deadline = mb_bench_seconds() + limit;
    sigaddset(&awaited, SIGCHLD);
    while (!has_ended(pid)) {
        double left = deadline - mb_bench_seconds();
        if (left <= 0.0) {
            end->timed_out = true;
            return;
        }
        struct timespec time = {.tv_sec = (time_t)left,
                                .tv_nsec = (long)(1e9 * (left - floor(left)))};
        int came = sigtimedwait(&awaited, NULL, &time);
        if (came > 0 && came != SIGCHLD) {
            interrupt->signal = came;
            end->interrupted = true;
            return;
        }
    }
}

mb_status mb_kit_child_run(const mb_kit_child *child, mb_interrupt *interrupt, mb_kit_end *end,
                           mb_error *error) {
    pid_t pid;
    int status = 0, code = start(child, interrupt, &pid);
    *end = (mb_kit_end){.exit_code = -1};
    if (code != 0)
        return mb_fail(error, MB_UNSUPPORTED, "%s: cannot be started: %s", child->arguments[0],
                       strerror(code));
    await(pid, child->limit, interrupt, end);
    kill(-pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFEXITED(status))
        end->exit_code = WEXITSTATUS(status);
    else
        end->signal = WTERMSIG(status);
    return MB_OK;
}
