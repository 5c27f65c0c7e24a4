#include "base/cgroup.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int mb_numbers_in_file(const char *path, const char *key, int64_t numbers[2]) {
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    char line[256];
    size_t length = strlen(key);
    int count = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, key, length) != 0)
            continue;
        char *at = line + length, *end;
        for (; count < 2; at = end) {
            at += strspn(at, " \t");
            if (*at < '0' || *at > '9')
                break;
            int64_t number = strtoll(at, &end, 10); // INT64_MAX if it is larger
            if (*end != '\0' && strchr(" \t\n", *end) == NULL)
                break;
            numbers[count++] = number;
        }
        break;
    }
    fclose(file);
    return count;
}

// ---- one group --------------------------------------------------------------------------------

static int numbers_in(const char *folder, const char *name, const char *key, int64_t numbers[2]) {
    char *path;
    if (asprintf(&path, "%s/%s", folder, name) < 0)
        return 0;
    int count = mb_numbers_in_file(path, key, numbers);
    free(path);
    return count;
}

// -1: there is no such number
static int64_t number_in(const char *folder, const char *name, const char *key) {
    int64_t numbers[2];
    return numbers_in(folder, name, key, numbers) > 0 ? numbers[0] : -1;
}

// Cached files do not count as used, since the system can drop them.
static void limit_memory(mb_group_limits *limits, int64_t limit, int64_t usage, int64_t cached) {
    if (limit < 0)
        return;
    int64_t used = usage - (cached > 0 ? cached : 0);
    used = used > 0 ? used : 0; // or unknown
    int64_t left = limit > used ? limit - used : 1;
    limits->memory = left < limits->memory ? left : limits->memory;
}

static void limit_processors(mb_group_limits *limits, int64_t quota, int64_t period) {
    if (quota < 0 || period <= 0)
        return;
    int64_t count = quota / period + (quota % period != 0);
    count = count < 1 ? 1 : count;
    limits->processors = count < limits->processors ? (int32_t)count : limits->processors;
}

static void read_unified(const char *folder, mb_group_limits *limits) {
    int64_t usage = number_in(folder, "memory.current", "");
    int64_t cached = number_in(folder, "memory.stat", "inactive_file ");
    limit_memory(limits, number_in(folder, "memory.max", ""), usage, cached);
    limit_memory(limits, number_in(folder, "memory.high", ""), usage, cached);
    int64_t quota[2];
    if (numbers_in(folder, "cpu.max", "", quota) == 2)
        limit_processors(limits, quota[0], quota[1]);
}

static void read_memory(const char *folder, mb_group_limits *limits) {
    limit_memory(limits, number_in(folder, "memory.limit_in_bytes", ""),
                 number_in(folder, "memory.usage_in_bytes", ""),
                 number_in(folder, "memory.stat", "total_inactive_file "));
}

static void read_quota(const char *folder, mb_group_limits *limits) {
    limit_processors(limits, number_in(folder, "cpu.cfs_quota_us", ""),
                     number_in(folder, "cpu.cfs_period_us", ""));
}

// ---- where the groups are ---------------------------------------------------------------------

typedef struct hierarchy {
    const char *controller; // NULL: version 2, which has one hierarchy for all
    const char *usual_mount;
    void (*read)(const char *folder, mb_group_limits *limits);
} hierarchy;

static const hierarchy hierarchies[] = {
    {NULL, "/sys/fs/cgroup", read_unified},
    {"memory", "/sys/fs/cgroup/memory", read_memory},
    {"cpu", "/sys/fs/cgroup/cpu", read_quota},
};

static FILE *open_text(const char *root, const char *name) {
    char *path;
    if (asprintf(&path, "%s%s", root, name) < 0)
        return NULL;
    FILE *file = fopen(path, "re");
    free(path);
    return file;
}

static bool in_list(const char *list, const char *word) {
    size_t length = strlen(word);
    for (const char *at = list; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, word, length) == 0 && (at[length] == ',' || at[length] == '\0'))
            return true;
    }
    return false;
}

// The path of the process's group in a hierarchy, from a line "4:cpu,cpuacct:/path" of
// /proc/self/cgroup; malloc'ed. Without such a line it is the topmost group.
static char *own_group(const char *root, const hierarchy *of) {
    FILE *file = open_text(root, "/proc/self/cgroup");
    char *line = NULL, *path = NULL;
    size_t capacity = 0;
    while (file != NULL && path == NULL && getline(&line, &capacity, file) > 0) {
        line[strcspn(line, "\n")] = '\0';
        char *rest = line;
        const char *number = strsep(&rest, ":"), *list = strsep(&rest, ":");
        if (rest == NULL || rest[0] != '/')
            continue;
        if (of->controller != NULL ? in_list(list, of->controller)
                                   : strcmp(number, "0") == 0 && list[0] == '\0')
            path = strdup(rest);
    }
    free(line);
    if (file != NULL)
        fclose(file);
    return path != NULL ? path : strdup("/");
}

typedef struct mount {
    char *top; // the group that is mounted
    char *point;
} mount;

// Undoes the escapes of blanks and backslashes (\040).
static void unescape(char *text) {
    char *to = text;
    for (const char *from = text; *from != '\0'; to++) {
        const char *d = from + 1;
        bool octal = *from == '\\' && strspn(d, "01234567") >= 3;
        *to = octal ? (char)((d[0] - '0') * 64 + (d[1] - '0') * 8 + (d[2] - '0')) : *from;
        from += octal ? 4 : 1;
    }
    *to = '\0';
}

// Takes a line of /proc/self/mountinfo apart: "31 23 0:28 TOP POINT OPTIONS ... - TYPE SOURCE
// OPTIONS". Returns whether the hierarchy is mounted there.
static bool parse_mount(char *line, const hierarchy *of, mount *found) {
    line[strcspn(line, "\n")] = '\0';
    char *rest = strstr(line, " - ");
    if (rest == NULL)
        return false;
    *rest = '\0';
    rest += 3;
    const char *type = strsep(&rest, " ");
    strsep(&rest, " ");
    if (rest == NULL ||
        (of->controller == NULL ? strcmp(type, "cgroup2") != 0
                                : strcmp(type, "cgroup") != 0 || !in_list(rest, of->controller)))
        return false;
    for (int i = 0; i < 3; i++)
        strsep(&line, " ");
    found->top = strsep(&line, " ");
    found->point = strsep(&line, " ");
    if (found->point == NULL)
        return false;
    unescape(found->top);
    unescape(found->point);
    return true;
}

static bool is_outside(const char *path) {
    return strncmp(path, "/..", 3) == 0 && (path[3] == '/' || path[3] == '\0');
}

// The part of a group's path below the group that is mounted; NULL: it is not below. A mount from
// outside the namespace ("/../..") is of a group above all that can be named.
static const char *below(const char *top, const char *path) {
    if (is_outside(top))
        return "";
    if (is_outside(path))
        return NULL;
    size_t length = strcmp(top, "/") == 0 ? 0 : strlen(top);
    bool is_below =
        strncmp(path, top, length) == 0 && (path[length] == '/' || path[length] == '\0');
    return is_below ? path + length : NULL;
}

// Reads the group POINT/PATH and those above it, up to POINT. Groups that are not there have no
// limits.
static void read_groups(const char *root, const char *point, const char *path, const hierarchy *of,
                        mb_group_limits *limits) {
    char *folder;
    if (asprintf(&folder, "%s%s%s", root, point, path) < 0)
        return;
    char *rest = folder + strlen(root) + strlen(point), *last;
    do {
        of->read(folder, limits);
        last = strrchr(rest, '/');
        if (last != NULL)
            *last = '\0';
    } while (last != NULL);
    free(folder);
}

static void read_hierarchy(const char *root, const hierarchy *of, mb_group_limits *limits) {
    char *path = own_group(root, of), *line = NULL, *other = NULL;
    if (path == NULL)
        return;
    FILE *file = open_text(root, "/proc/self/mountinfo");
    size_t capacity = 0;
    bool found = false;
    mount at;
    while (file != NULL && getline(&line, &capacity, file) > 0) {
        if (!parse_mount(line, of, &at))
            continue;
        const char *rest = below(at.top, path);
        if (rest != NULL)
            read_groups(root, at.point, rest, of, limits);
        else if (other == NULL)
            other = strdup(at.point);
        found |= rest != NULL;
    }
    // Where the paths do not fit together, the mount is what a container was given as its own.
    if (!found && other != NULL)
        read_groups(root, other, "", of, limits);
    else if (!found)
        read_groups(root, of->usual_mount, is_outside(path) ? "" : path, of, limits);
    if (file != NULL)
        fclose(file);
    free(other);
    free(line);
    free(path);
}

mb_group_limits mb_group_limits_read(const char *root) {
    mb_group_limits limits = {INT64_MAX, INT32_MAX};
    for (size_t i = 0; i < sizeof hierarchies / sizeof *hierarchies; i++)
        read_hierarchy(root, &hierarchies[i], &limits);
    return limits;
}
