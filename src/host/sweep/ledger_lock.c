// Allows one writer at a time, by a lock file next to the database.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sweep/ledger_internal.h"

static mb_status in_use(mb_ledger *ledger, int descriptor, mb_error *error) {
    char holder[96] = "";
    ssize_t length = pread(descriptor, holder, sizeof holder - 1, 0);
    holder[length > 0 ? length : 0] = '\0';
    holder[strcspn(holder, "\n")] = '\0';
    return mb_fail(error, MB_FAILED, "%s: in use by another process%s%s%s", ledger->path,
                   holder[0] != '\0' ? " (" : "", holder, holder[0] != '\0' ? ")" : "");
}

// Whether the locked file is still the one in the folder: the previous holder may have removed it
// while this process was opening it.
static bool still_there(int descriptor, const char *path) {
    struct stat held, found;
    return fstat(descriptor, &held) == 0 && stat(path, &found) == 0 &&
           held.st_ino == found.st_ino && held.st_dev == found.st_dev;
}

// Writes the holder of the lock into the file. Only messages depend on it, so failures are ignored.
static void write_holder(int descriptor) {
    char host[48] = "", text[96];
    if (gethostname(host, sizeof host) != 0)
        host[0] = '\0';
    host[sizeof host - 1] = '\0';
    int length = snprintf(text, sizeof text, "pid %ld on %s\n", (long)getpid(), host);
    if (ftruncate(descriptor, 0) != 0 || pwrite(descriptor, text, (size_t)length, 0) != length)
        return;
}

mb_status mb_ledger_lock(mb_ledger *ledger, mb_error *error) {
    if (asprintf(&ledger->lock_file, "%s-lock", ledger->file) < 0) {
        ledger->lock_file = NULL;
        return mb_out_of_memory(error, "name of a lock file");
    }
    for (;;) {
        int descriptor = open(ledger->lock_file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (descriptor < 0)
            return mb_fail(error, MB_FAILED, "%s: cannot be locked for writing: %s: %s",
                           ledger->path, ledger->lock_file, strerror(errno));
        if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
            mb_status status =
                errno == EWOULDBLOCK
                    ? in_use(ledger, descriptor, error)
                    : mb_fail(error, MB_FAILED, "%s: cannot be locked for writing: %s: %s",
                              ledger->path, ledger->lock_file, strerror(errno));
            close(descriptor);
            return status;
        }
        if (still_there(descriptor, ledger->lock_file)) {
            write_holder(descriptor);
            ledger->lock = descriptor;
            return MB_OK;
        }
        close(descriptor);
    }
}

void mb_ledger_unlock(mb_ledger *ledger) {
    if (ledger->lock >= 0) {
        unlink(ledger->lock_file); // while it is held, so that no newer lock is removed
        close(ledger->lock);
    }
    ledger->lock = -1;
    free(ledger->lock_file);
    ledger->lock_file = NULL;
}
