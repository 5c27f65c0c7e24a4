#include "base/output.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/output_target.h"
#include "base/temporary.h"
#include "base/unfinished.h"

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

static mb_status exists_already(const char *path, mb_error *error) {
    return mb_fail(error, MB_BAD_INPUT, "%s: the file exists; --force replaces it", path);
}

static mb_status check_folder(const char *path, const char *target, mb_error *error) {
    struct stat info;
    char *copy = strdup(target);
    if (copy == NULL)
        return mb_out_of_memory(error, path);
    const char *folder = dirname(copy);
    mb_status status = MB_OK;
    if (stat(folder, &info) == 0 && !S_ISDIR(info.st_mode))
        status = mb_fail(error, MB_BAD_INPUT, "%s: '%s' is not a folder", path, folder);
    else if (access(folder, W_OK | X_OK) != 0)
        status = mb_fail_errno(error, errno, "%s: cannot write into the folder '%s'", path, folder);
    free(copy);
    return status;
}

mb_status mb_output_check(const char *path, bool force, bool devices, mb_error *error) {
    struct stat info;
    bool exists = stat(path, &info) == 0;
    if (exists && S_ISDIR(info.st_mode))
        return mb_fail(error, MB_BAD_INPUT, "%s: expected the name of a file, found a folder",
                       path);
    if (exists && !S_ISREG(info.st_mode)) {
        if (devices)
            return MB_OK;
        return mb_fail(error, MB_BAD_INPUT, "%s: expected the name of a file, found a device",
                       path);
    }
    if (exists && !force)
        return exists_already(path, error);
    char *target = mb_output_target(path);
    if (target == NULL)
        return mb_fail_errno(error, errno, "%s: cannot be written", path);
    mb_status status = check_folder(path, target, error);
    free(target);
    return status;
}

// ---- files under a temporary name -------------------------------------------------------------

static void hold_signals(sigset_t *before) {
    sigset_t held;
    sigemptyset(&held);
    sigaddset(&held, SIGINT);
    sigaddset(&held, SIGTERM);
    sigaddset(&held, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &held, before);
}

// From here on a signal removes the file and ends the process.
static void let_signals(mb_output *output) {
    output->watched = mb_unfinished_begin(output->temporary);
    if (output->watched)
        pthread_sigmask(SIG_SETMASK, &output->before, NULL);
}

static void end(mb_output *output) {
    if (output->watched)
        hold_signals(&output->before);
    if (!output->watched || mb_unfinished_end())
        free(output->temporary);
    free(output->target);
    output->temporary = NULL;
    output->target = NULL;
    pthread_sigmask(SIG_SETMASK, &output->before, NULL); // a pending signal is delivered here
}

mb_status mb_output_begin(mb_output *output, const char *path, bool replace, mb_error *error) {
    struct stat info;
    *output = (mb_output){.path = path, .descriptor = -1, .replace = replace};
    output->target = mb_output_target(path);
    if (output->target == NULL)
        return cannot_write(path, error);
    output->replaces = stat(output->target, &info) == 0;
    output->permissions = output->replaces ? info.st_mode & 07777 : 0666;
    if (output->replaces && !replace) {
        free(output->target);
        output->target = NULL;
        return exists_already(path, error);
    }
    hold_signals(&output->before);
    mb_temporary_clean(output->target);
    output->descriptor =
        mb_temporary_create(output->target, output->permissions & 0666, &output->temporary);
    if (output->descriptor >= 0) {
        let_signals(output);
        return MB_OK;
    }
    mb_status status = cannot_write(path, error);
    end(output);
    return status;
}

mb_status mb_output_write(mb_output *output, const char *bytes, size_t count, mb_error *error) {
    return write_all(output->descriptor, bytes, count) ? MB_OK : cannot_write(output->path, error);
}

void mb_output_abandon(mb_output *output) {
    if (output->temporary == NULL)
        return;
    unlink(output->temporary);
    close(output->descriptor);
    end(output);
}

// Brings the new name to disk, too. Errors are ignored: the file is complete in any case, and not
// every folder can be opened, nor does every file system support this call.
static void sync_folder(char *path) {
    int folder = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return;
    fsync(folder);
    close(folder);
}

// Gives the file its name unless another file has it: then errno is EEXIST.
static bool name_new(const char *temporary, const char *target) {
    if (renameat2(AT_FDCWD, temporary, AT_FDCWD, target, RENAME_NOREPLACE) == 0)
        return true;
    if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
        return false;
    if (link(temporary, target) == 0) { // NFS and others
        unlink(temporary);
        return true;
    }
    if (errno != EPERM && errno != ENOSYS && errno != EOPNOTSUPP)
        return false;
    if (access(target, F_OK) == 0) { // FAT
        errno = EEXIST;
        return false;
    }
    return rename(temporary, target) == 0;
}

mb_status mb_output_finish(mb_output *output, mb_error *error) {
    // The file stays open, and locked, until it has its name.
    bool done = (!output->replaces || fchmod(output->descriptor, output->permissions) == 0) &&
                fsync(output->descriptor) == 0 &&
                (output->replace ? rename(output->temporary, output->target) == 0
                                 : name_new(output->temporary, output->target));
    if (!done) {
        mb_status status = errno == EEXIST && !output->replace ? exists_already(output->path, error)
                                                               : cannot_write(output->path, error);
        mb_output_abandon(output);
        return status;
    }
    close(output->descriptor);
    sync_folder(output->temporary); // dirname overwrites the name, which is no longer needed
    end(output);
    return MB_OK;
}

// ---- bytes in memory --------------------------------------------------------------------------

static mb_status write_device(const char *path, const char *bytes, size_t count, mb_error *error) {
    int descriptor = open(path, O_WRONLY | O_CLOEXEC);
    if (descriptor < 0)
        return cannot_write(path, error);
    mb_status status = write_all(descriptor, bytes, count) ? MB_OK : cannot_write(path, error);
    close(descriptor);
    return status;
}

mb_status mb_write_file(const char *path, bool replace, const char *bytes, size_t count,
                        mb_error *error) {
    struct stat info;
    bool exists = stat(path, &info) == 0;
    if (exists && S_ISDIR(info.st_mode))
        return mb_fail(error, MB_FAILED, "%s: cannot be written: it is a folder", path);
    if (exists && !S_ISREG(info.st_mode))
        return write_device(path, bytes, count, error);
    mb_output output;
    mb_status status = mb_output_begin(&output, path, replace, error);
    if (status == MB_OK)
        status = mb_output_write(&output, bytes, count, error);
    if (status == MB_OK)
        return mb_output_finish(&output, error);
    mb_output_abandon(&output);
    return status;
}
