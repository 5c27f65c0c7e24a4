#include "kit/unpack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static mb_status join(char path[PATH_MAX], const char *folder, const char *name, mb_error *error) {
    int length = snprintf(path, PATH_MAX, "%s/%s", folder, name);
    return length < PATH_MAX ? MB_OK
                             : mb_fail(error, MB_FAILED, "%s: the path is too long", folder);
}

static mb_status copy(gzFile from, int to, const char *name, mb_error *error) {
    char bytes[1 << 16];
    int count;
    while ((count = gzread(from, bytes, sizeof bytes)) > 0)
        for (ssize_t done = 0, written; done < count; done += written)
            if ((written = write(to, bytes + done, (size_t)(count - done))) < 0)
                return mb_fail(error, MB_FAILED, "%s: cannot be unpacked: %s", name,
                               strerror(errno));
    return count == 0 ? MB_OK : mb_fail(error, MB_BAD_INPUT, "%s: is damaged", name);
}

static mb_status unpack_file(const char *packed, const char *path, mb_error *error) {
    gzFile from = gzopen(packed, "rb");
    if (from == NULL)
        return mb_fail(error, MB_FAILED, "%s: %s", packed, strerror(errno));
    int to = open(path, O_WRONLY | O_CREAT | O_EXCL, 0755);
    mb_status status = MB_OK;
    if (to < 0)
        status = mb_fail(error, MB_FAILED, "%s: %s", path, strerror(errno));
    else
        status = copy(from, to, packed, error);
    if (to >= 0 && close(to) != 0 && status == MB_OK)
        status = mb_fail(error, MB_FAILED, "%s: %s", path, strerror(errno));
    // A truncated file is found only here.
    if (gzclose(from) != Z_OK && status == MB_OK)
        status = mb_fail(error, MB_BAD_INPUT, "%s: is damaged", packed);
    return status;
}

static mb_status unpack_entry(const char *from, const char *to, const char *name, mb_error *error) {
    char packed[PATH_MAX], path[PATH_MAX];
    struct stat about;
    mb_status status = join(packed, from, name, error);
    if (status == MB_OK)
        status = join(path, to, name, error);
    if (status == MB_OK && stat(packed, &about) != 0)
        status = mb_fail(error, MB_FAILED, "%s: %s", packed, strerror(errno));
    if (status != MB_OK)
        return status;
    size_t length = strlen(path);
    if (S_ISDIR(about.st_mode)) {
        if (mkdir(path, 0777) != 0)
            return mb_fail(error, MB_FAILED, "%s: %s", path, strerror(errno));
        return mb_kit_unpack(packed, path, error);
    }
    if (length > 3 && strcmp(path + length - 3, ".gz") == 0) {
        path[length - 3] = '\0';
        return unpack_file(packed, path, error);
    }
    return MB_OK;
}

mb_status mb_kit_unpack(const char *from, const char *to, mb_error *error) {
    DIR *folder = opendir(from);
    if (folder == NULL)
        return mb_fail(error, MB_FAILED, "%s: %s", from, strerror(errno));
    mb_status status = MB_OK;
    for (struct dirent *entry; status == MB_OK && (entry = readdir(folder)) != NULL;)
        if (entry->d_name[0] != '.')
            status = unpack_entry(from, to, entry->d_name, error);
    closedir(folder);
    return status;
}

static int remove_entry(const char *path, const struct stat *about, int type, struct FTW *place) {
    (void)about;
    (void)type;
    (void)place;
    remove(path);
    return 0;
}

void mb_kit_remove(const char *folder) {
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
