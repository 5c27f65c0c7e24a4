// The limits of control groups, versions 1 and 2: those of the process's own group and of all
// groups above it. Any of them may be the least.
#ifndef MB_BASE_CGROUP_H
#define MB_BASE_CGROUP_H

#include <stdint.h>

typedef struct mb_group_limits {
    int64_t memory;     // bytes that can still be allocated; INT64_MAX: no limit
    int32_t processors; // the quota of time, rounded up to whole processors; INT32_MAX: no quota
} mb_group_limits;

// `root` is put before the paths of /proc and /sys: "", or a folder with made-up ones. Files that
// are missing or make no sense are no limits.
mb_group_limits mb_group_limits_read(const char *root);

// Reads up to two whole numbers that follow `key` at the start of a line of a file, and returns how
// many there are: 0 if the file or the line is missing, or has something else there ("max").
int mb_numbers_in_file(const char *path, const char *key, int64_t numbers[2]);

#endif
