// What the place of a ledger can do, and whether the file is still there.
//
// A write-ahead log with shared memory lets others read while a sweep writes. Network file systems
// cannot share memory between machines, and some places cannot share it at all. There, SQLite keeps
// the index of the log in its own memory and the file locked, and readers wait until the sweep
// ends.
#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "sweep/ledger_internal.h"

// ---- what the file system can do --------------------------------------------------------------

// Numbers of file systems that several machines may have mounted. FUSE is among them, since what is
// behind it cannot be told.
static const uint32_t shared_systems[] = {
    0x6969,     // NFS
    0x0bd00bd0, // Lustre
    0xff534d42, // CIFS
    0xfe534d42, // SMB 2
    0x517b,     // SMB
    0x65735546, // FUSE
    0x01021997, // 9P
    0x47504653, // GPFS
    0x19830326, // BeeGFS
    0x5346414f, // AFS
    0x00c36400, // Ceph
    0x7461636f, // OCFS2
    0x01161970, // GFS2
    0xaad7aaea, // PanFS
};

static bool is_shared_system(int descriptor) {
    struct statfs info;
    bool shared = false;
    if (fstatfs(descriptor, &info) != 0)
        return false;
    for (size_t i = 0; i < sizeof shared_systems / sizeof *shared_systems; i++)
        shared = shared || (uint32_t)info.f_type == shared_systems[i];
    return shared;
}

// Where a single file is mounted (docker -v results.db:/work/results.db), its log would be written
// into another folder than that of the file, and be lost with the container.
static mb_status refuse_mounted_file(mb_ledger *ledger, mb_error *error) {
    struct statx info;
    if (statx(AT_FDCWD, ledger->file, 0, STATX_BASIC_STATS, &info) != 0 ||
        (info.stx_attributes_mask & info.stx_attributes & STATX_ATTR_MOUNT_ROOT) == 0)
        return MB_OK;
    return mb_fail(error, MB_FAILED,
                   "%s: the file alone is mounted here, and its log would not be beside it; mount "
                   "its folder instead",
                   ledger->path);
}

mb_status mb_ledger_look_at_place(mb_ledger *ledger, mb_error *error) {
    mb_status status = refuse_mounted_file(ledger, error);
    if (status != MB_OK)
        return status;
    ledger->alone = ledger->no_posix_locks || is_shared_system(ledger->lock);
    if (fdatasync(ledger->lock) == 0)
        return MB_OK;
    ledger->unsynced = errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP || errno == ENOTTY;
    if (ledger->unsynced)
        return MB_OK;
    return mb_fail(error, MB_FAILED,
                   "%s: the disk does not take what is written (fdatasync: %s); give a place on "
                   "another disk",
                   ledger->path, strerror(errno));
}

// ---- whether the file is still there ----------------------------------------------------------

// The name that the open file has now; "" if it has none.
static void present_name(const mb_ledger *ledger, char *name, size_t size) {
    char link[48];
    struct stat held, found;
    snprintf(link, sizeof link, "/proc/self/fd/%d", ledger->lock);
    ssize_t length = readlink(link, name, size - 1);
    name[length > 0 ? length : 0] = '\0';
    if (fstat(ledger->lock, &held) != 0 || stat(name, &found) != 0 || held.st_ino != found.st_ino ||
        held.st_dev != found.st_dev)
        name[0] = '\0';
}

// Copies a file that has no name any more to its old one or, if that is taken, to one beside it.
static mb_status save(mb_ledger *ledger, char *name, size_t size, mb_error *error) {
    for (int i = 0; i < 100; i++) {
        snprintf(name, size, i == 0 ? "%s" : "%s.saved-%d", ledger->file, i);
        if (access(name, F_OK) == 0)
            continue;
        char *text = sqlite3_mprintf("VACUUM INTO %Q", name);
        mb_status status = text != NULL
                               ? mb_ledger_execute(ledger, text, "saving what is recorded", error)
                               : mb_out_of_memory(error, "saving what is recorded");
        sqlite3_free(text);
        return status;
    }
    return mb_fail(error, MB_FAILED, "%s: no free name to save it", ledger->path);
}

// Removes what is left of the log at the old name, unless a new file has taken it.
static void remove_log(const mb_ledger *ledger) {
    struct stat info;
    if (stat(ledger->log_file, &info) == 0 && info.st_size == 0)
        unlink(ledger->log_file);
}

mb_status mb_ledger_look(mb_ledger *ledger, mb_error *error) {
    char name[4096];
    mb_error failure = {.message = ""};
    if (ledger->mode != MB_LEDGER_WRITE || ledger->moved || mb_ledger_is_at_path(ledger))
        return MB_OK;
    ledger->moved = true;
    // The log is at the old name; everything must go into the file.
    mb_status status = mb_ledger_execute(ledger, "PRAGMA wal_checkpoint(TRUNCATE)",
                                         "moving the log into the file", &failure);
    present_name(ledger, name, sizeof name);
    bool named = name[0] != '\0';
    if (!named)
        status = save(ledger, name, sizeof name, &failure);
    if (status == MB_OK)
        remove_log(ledger);
    return mb_fail(error, MB_FAILED, "%s: the file was %s while it was written to; %s %s",
                   ledger->path, named ? "moved" : "removed",
                   status != MB_OK ? "what was recorded could not be kept:"
                   : named         ? "what was recorded is in"
                                   : "what was recorded has been saved to",
                   status != MB_OK ? failure.message : name);
}
