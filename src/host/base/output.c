#include "base/output.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

// ---- files under a temporary name -------------------------------------------------------------

// The permissions that a new file would get. umask(2) can only be read by setting it.
static mode_t usual_permissions(void) {
    mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

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
    output->temporary = NULL;
    pthread_sigmask(SIG_SETMASK, &output->before, NULL); // a pending signal is delivered here
}

mb_status mb_output_begin(mb_output *output, const char *path, mb_error *error) {
    struct stat info;
    bool exists = stat(path, &info) == 0;
    *output = (mb_output){.path = path, .descriptor = -1};
    output->permissions = exists ? info.st_mode & 07777 : usual_permissions();
    if (asprintf(&output->temporary, "%s.tmp-XXXXXX", path) < 0) {
        output->temporary = NULL;
        return mb_out_of_memory(error, "a file name");
    }
    hold_signals(&output->before);
    output->descriptor = mkostemp(output->temporary, O_CLOEXEC);
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
    if (output->descriptor >= 0)
        close(output->descriptor);
    unlink(output->temporary);
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

mb_status mb_output_finish(mb_output *output, mb_error *error) {
    int descriptor = output->descriptor;
    bool done = fchmod(descriptor, output->permissions) == 0 && fsync(descriptor) == 0;
    output->descriptor = -1;
    if (!done) {
        int cause = errno;
        close(descriptor);
        errno = cause;
    }
    done = done && close(descriptor) == 0 && rename(output->temporary, output->path) == 0;
    if (!done) {
        mb_status status = cannot_write(output->path, error);
        mb_output_abandon(output);
        return status;
    }
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

mb_status mb_write_file(const char *path, const char *bytes, size_t count, mb_error *error) {
    struct stat info;
    bool exists = stat(path, &info) == 0;
    if (exists && S_ISDIR(info.st_mode))
        return mb_fail(error, MB_FAILED, "%s: cannot be written: it is a folder", path);
    if (exists && !S_ISREG(info.st_mode))
        return write_device(path, bytes, count, error);
    mb_output output;
    mb_status status = mb_output_begin(&output, path, error);
    if (status == MB_OK)
        status = mb_output_write(&output, bytes, count, error);
    if (status == MB_OK)
        return mb_output_finish(&output, error);
    mb_output_abandon(&output);
    return status;
}
