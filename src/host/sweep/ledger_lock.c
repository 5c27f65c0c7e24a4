// Allows one writer at a time.
//
// The lock is on the file itself, not on its name: a byte range beyond those that SQLite uses,
// taken with F_OFD_SETLK. So it holds for every name of the file (hard links, mounts), and ends
// with the process. Where the file system has no such locks, flock is tried. Beside the database,
// results.db-lock names the holder. It is read for messages only.
//
// Closing a descriptor of the database drops the POSIX locks that SQLite holds on it in this
// process. So the descriptor is closed after the database, and readers close theirs before they
// open it.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sweep/ledger_internal.h"

// SQLite locks bytes from 0x40000000 on, 512 of them.
enum { WRITER_BYTE = 0x40000400, PROBE_BYTE = 0x40000401 };

static int range_lock(int descriptor, int command, short type, off_t byte, struct flock *lock) {
    *lock = (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    return fcntl(descriptor, command, lock);
}

static bool is_taken(int number) {
    return number == EAGAIN || number == EACCES || number == EWOULDBLOCK;
}

// ---- the holder's name ------------------------------------------------------------------------

static void write_holder(const char *path) {
    char host[48] = "";
    int descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (descriptor < 0)
        return;
    if (gethostname(host, sizeof host) != 0)
        host[0] = '\0';
    host[sizeof host - 1] = '\0';
    dprintf(descriptor, "pid %ld on %s\n", (long)getpid(), host);
    close(descriptor);
}

// " (pid 7 on host)", or "" where no name is left
static void read_holder(const char *path, char *text, size_t size) {
    char holder[96] = "";
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    ssize_t length = descriptor >= 0 ? read(descriptor, holder, sizeof holder - 1) : 0;
    if (descriptor >= 0)
        close(descriptor);
    holder[length > 0 ? length : 0] = '\0';
    holder[strcspn(holder, "\n")] = '\0';
    snprintf(text, size, "%s%s%s", holder[0] != '\0' ? " (" : "", holder,
             holder[0] != '\0' ? ")" : "");
}

mb_status mb_ledger_in_use(mb_ledger *ledger, mb_error *error) {
    char holder[112];
    read_holder(ledger->lock_file, holder, sizeof holder);
    return mb_fail(error, MB_FAILED, "%s: in use by another process%s%s", ledger->path, holder,
                   ledger->mode == MB_LEDGER_WRITE
                       ? ""
                       : "; on this file system it can be read when that process has ended");
}

// ---- the lock ---------------------------------------------------------------------------------

static mb_status no_locks(mb_ledger *ledger, int number, mb_error *error) {
    return mb_fail(
        error, MB_FAILED,
        "%s: its file system has no file locks (%s), so that two processes could write "
        "at once; give a place on a local disk, or on a file system that is mounted with "
        "locks",
        ledger->path, strerror(number));
}

// Takes the lock. Where only flock works, SQLite cannot lock either.
static mb_status take(mb_ledger *ledger, mb_error *error) {
    struct flock lock;
    if (range_lock(ledger->lock, F_OFD_SETLK, F_WRLCK, WRITER_BYTE, &lock) == 0)
        return MB_OK;
    if (is_taken(errno))
        return mb_ledger_in_use(ledger, error);
    ledger->no_posix_locks = true;
    if (flock(ledger->lock, LOCK_EX | LOCK_NB) == 0)
        return MB_OK;
    return is_taken(errno) ? mb_ledger_in_use(ledger, error) : no_locks(ledger, errno, error);
}

bool mb_ledger_is_at_path(const mb_ledger *ledger) {
    struct stat held, found;
    return fstat(ledger->lock, &held) == 0 && stat(ledger->file, &found) == 0 &&
           held.st_ino == found.st_ino && held.st_dev == found.st_dev;
}

static mb_status open_file(mb_ledger *ledger, mb_error *error) {
    int flags = O_RDWR | O_CREAT | O_CLOEXEC;
    ledger->lock = open(ledger->file, flags | O_EXCL, 0666);
    ledger->created = ledger->lock >= 0;
    if (ledger->lock < 0 && errno == EEXIST)
        ledger->lock = open(ledger->file, flags, 0666);
    if (ledger->lock < 0)
        return mb_fail(error, MB_FAILED, "%s: cannot be opened for writing: %s", ledger->path,
                       strerror(errno));
    return MB_OK;
}

mb_status mb_ledger_lock(mb_ledger *ledger, mb_error *error) {
    for (;;) {
        mb_status status = open_file(ledger, error);
        if (status != MB_OK)
            return status;
        status = take(ledger, error);
        if (status == MB_OK && mb_ledger_is_at_path(ledger)) {
            write_holder(ledger->lock_file);
            return MB_OK;
        }
        // The previous holder may have removed the file while this process was opening it.
        close(ledger->lock);
        ledger->lock = -1;
        if (status != MB_OK) {
            if (ledger->created)
                unlink(ledger->file);
            return status;
        }
    }
}

void mb_ledger_unlock(mb_ledger *ledger) {
    if (ledger->lock < 0)
        return;
    // Another file that is at the path now may have its own holder.
    bool own = mb_ledger_is_at_path(ledger) || access(ledger->file, F_OK) != 0;
    if (ledger->mode == MB_LEDGER_WRITE && own)
        unlink(ledger->lock_file);
    close(ledger->lock);
    ledger->lock = -1;
}

// ---- readers ----------------------------------------------------------------------------------

// Without POSIX locks a reader keeps writers away while it reads.
static mb_status share(mb_ledger *ledger, mb_error *error) {
    ledger->no_posix_locks = true;
    if (flock(ledger->lock, LOCK_SH | LOCK_NB) == 0 || !is_taken(errno))
        return MB_OK;
    return mb_ledger_in_use(ledger, error);
}

mb_status mb_ledger_look_at_lock(mb_ledger *ledger, mb_error *error) {
    struct flock lock;
    ledger->lock = open(ledger->file, O_RDONLY | O_CLOEXEC);
    if (ledger->lock < 0)
        return mb_fail(error, MB_FAILED, "%s: cannot be read: %s", ledger->path, strerror(errno));
    if (range_lock(ledger->lock, F_OFD_SETLK, F_RDLCK, PROBE_BYTE, &lock) != 0)
        return share(ledger, error);
    ledger->has_writer = range_lock(ledger->lock, F_OFD_GETLK, F_RDLCK, WRITER_BYTE, &lock) == 0 &&
                         lock.l_type != F_UNLCK;
    close(ledger->lock);
    ledger->lock = -1;
    return MB_OK;
}

mb_status mb_ledger_keep_writers_away(mb_ledger *ledger, mb_error *error) {
    struct flock lock;
    if (ledger->lock >= 0) // as share() does
        return MB_OK;
    ledger->lock = open(ledger->file, O_RDONLY | O_CLOEXEC);
    if (ledger->lock < 0)
        return mb_fail(error, MB_FAILED, "%s: cannot be read: %s", ledger->path, strerror(errno));
    if (range_lock(ledger->lock, F_OFD_SETLK, F_RDLCK, WRITER_BYTE, &lock) == 0)
        return MB_OK;
    return is_taken(errno) ? mb_ledger_in_use(ledger, error) : no_locks(ledger, errno, error);
}
