#include "base/output_target.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_LINKS = 40 };

// What the link contains, as seen from the working folder.
static char *follow(const char *link) {
    char content[PATH_MAX], *path = NULL;
    const char *slash = strrchr(link, '/');
    ssize_t length = readlink(link, content, sizeof content - 1);
    if (length < 0)
        return NULL;
    content[length] = '\0';
    if (content[0] == '/' || slash == NULL)
        return strdup(content);
    return asprintf(&path, "%.*s/%s", (int)(slash - link), link, content) >= 0 ? path : NULL;
}

char *mb_output_target(const char *path) {
    struct stat info;
    // The kernel may forbid to follow a link in a folder where everybody can make them.
    if (stat(path, &info) != 0 && errno != ENOENT)
        return NULL;
    char *target = strdup(path);
    for (int links = 0; target != NULL && lstat(target, &info) == 0 && S_ISLNK(info.st_mode);
         links++) {
        char *next = links < MOST_LINKS ? follow(target) : NULL;
        int cause = links < MOST_LINKS ? errno : ELOOP;
        free(target);
        target = next;
        errno = cause;
    }
    return target;
}
