#include "base/temporary.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LONGEST_NAME = 255, // of a file in a folder
    RANDOM_LETTERS = 6,
    MARK_LETTERS = 8,
    MARK_SPACE = sizeof ".tmp-12345678-",
    ATTEMPTS = 100,
};

static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";

// The first digits of the number that the kernel makes up when it boots. All containers of a
// machine see the same one. False if there is none: then nothing can be told about a temporary
// file.
static bool boot_mark(char mark[MARK_LETTERS + 1]) {
    int file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t count = file >= 0 ? read(file, mark, MARK_LETTERS) : -1;
    if (file >= 0)
        close(file);
    if (count != MARK_LETTERS)
        memset(mark, '0', MARK_LETTERS);
    mark[MARK_LETTERS] = '\0';
    return count == MARK_LETTERS;
}

// What the names of the target's temporary files begin with: "c.h5.tmp-1b4e28ba-". A long name is
// cut, to leave room.
static bool make_prefix(const char *target, char prefix[LONGEST_NAME + 1]) {
    char mark[MARK_LETTERS + 1];
    const char *slash = strrchr(target, '/'), *base = slash != NULL ? slash + 1 : target;
    bool marked = boot_mark(mark);
    snprintf(prefix, LONGEST_NAME + 1, "%.*s.tmp-%s-", LONGEST_NAME - MARK_SPACE - RANDOM_LETTERS,
             base, mark);
    return marked;
}

// ---- creating ---------------------------------------------------------------------------------

// Locks a new file. False: another process took it for one that was left behind and removes it.
static bool own(int descriptor) {
    struct stat info;
    if (flock(descriptor, LOCK_EX | LOCK_NB) != 0)
        return errno != EWOULDBLOCK; // where there are no locks, nobody removes anything
    return fstat(descriptor, &info) != 0 || info.st_nlink > 0;
}

int mb_temporary_create(const char *target, mode_t permissions, char **name) {
    char prefix[LONGEST_NAME + 1];
    const char *slash = strrchr(target, '/');
    make_prefix(target, prefix);
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        unsigned char random[RANDOM_LETTERS];
        char end[RANDOM_LETTERS + 1] = "";
        if (getrandom(random, sizeof random, 0) != sizeof random)
            return -1;
        for (int i = 0; i < RANDOM_LETTERS; i++)
            end[i] = letters[random[i] % (sizeof letters - 1)];
        if (asprintf(name, "%.*s%s%s", slash != NULL ? (int)(slash - target + 1) : 0, target,
                     prefix, end) < 0)
            return -1;
        int descriptor = open(*name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, permissions);
        if (descriptor >= 0 && own(descriptor))
            return descriptor;
        int cause = errno;
        if (descriptor >= 0)
            close(descriptor);
        free(*name);
        *name = NULL;
        errno = cause;
        if (descriptor < 0 && cause != EEXIST)
            return -1;
    }
    return -1;
}

// ---- cleaning up ------------------------------------------------------------------------------

static bool belongs(const char *name, const char *prefix) {
    size_t length = strlen(prefix);
    return strncmp(name, prefix, length) == 0 && strspn(name + length, letters) == RANDOM_LETTERS &&
           name[length + RANDOM_LETTERS] == '\0';
}

// Removes the file if this process could have left it behind and nobody has locked it.
static void remove_unowned(int folder, const char *name) {
    struct stat held, found;
    int file = openat(folder, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0)
        return;
    if (fstat(file, &held) == 0 && S_ISREG(held.st_mode) && held.st_uid == geteuid() &&
        flock(file, LOCK_EX | LOCK_NB) == 0 &&
        fstatat(folder, name, &found, AT_SYMLINK_NOFOLLOW) == 0 && found.st_ino == held.st_ino &&
        found.st_dev == held.st_dev)
        unlinkat(folder, name, 0);
    close(file);
}

void mb_temporary_clean(const char *target) {
    char prefix[LONGEST_NAME + 1], *copy = strdup(target);
    DIR *folder = copy != NULL && make_prefix(target, prefix) ? opendir(dirname(copy)) : NULL;
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;)
        if (belongs(entry->d_name, prefix))
            remove_unowned(dirfd(folder), entry->d_name);
    if (folder != NULL)
        closedir(folder);
    free(copy);
}
