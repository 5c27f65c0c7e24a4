#include "base/memory.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

// The number that follows `key` at the start of a line; -1 if there is no such line or no
// number ("max").
static int64_t number_in(const char *path, const char *key) {
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return -1;
    char line[256];
    int64_t number = -1;
    size_t length = strlen(key);
    while (number < 0 && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, key, length) == 0 && sscanf(line + length, "%" SCNd64, &number) != 1)
            break;
    fclose(file);
    return number;
}

// What is left of the memory limit of a control group. Cached files do not count as used, since the
// system can drop them.
static int64_t left_in_group(const char *folder, const char *limit_name, const char *usage_name,
                             const char *cache_key) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, limit_name);
    int64_t limit = number_in(path, "");
    snprintf(path, sizeof path, "%s/%s", folder, usage_name);
    int64_t usage = number_in(path, "");
    if (limit < 0 || usage < 0)
        return INT64_MAX;
    snprintf(path, sizeof path, "%s/memory.stat", folder);
    int64_t cache = number_in(path, cache_key);
    int64_t used = usage - (cache > 0 ? cache : 0);
    return limit > used ? limit - used : 1;
}

// What is left of the limit of this process's own group (control groups version 2).
static int64_t left_in_own_group(void) {
    char line[256], folder[300] = "/sys/fs/cgroup";
    FILE *file = fopen("/proc/self/cgroup", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "0::/", 4) == 0) {
            line[strcspn(line, "\n")] = '\0';
            snprintf(folder, sizeof folder, "/sys/fs/cgroup%s", line + 3);
        }
    if (file != NULL)
        fclose(file);
    return left_in_group(folder, "memory.max", "memory.current", "inactive_file ");
}

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

int64_t mb_memory_available(void) {
    int64_t kilobytes = number_in("/proc/meminfo", "MemAvailable:");
    int64_t available = kilobytes > 0 ? kilobytes * 1024 : INT64_MAX;
    available = smaller(available, left_in_own_group());
    available = smaller(available, left_in_group("/sys/fs/cgroup/memory", "memory.limit_in_bytes",
                                                 "memory.usage_in_bytes", "total_inactive_file "));
    return available == INT64_MAX ? 0 : available;
}

int64_t mb_memory_for_runs(void) {
    return mb_memory_available() / 20 * 19;
}

int32_t mb_processors(void) {
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return count < 1 ? 1 : count;
}
