#include "base/memory.h"

#include <sched.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cgroup.h"

// What the limit of the address space (ulimit -v) leaves.
static int64_t left_of_addresses(void) {
    struct rlimit limit;
    int64_t pages[2];
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur > INT64_MAX ||
        mb_numbers_in_file("/proc/self/statm", "", pages) == 0)
        return INT64_MAX;
    int64_t left = (int64_t)limit.rlim_cur - pages[0] * sysconf(_SC_PAGESIZE);
    return left > 0 ? left : 1;
}

static int64_t available(const char **note) {
    int64_t kilobytes[2];
    bool known = mb_numbers_in_file("/proc/meminfo", "MemAvailable:", kilobytes) > 0;
    int64_t bytes = known ? kilobytes[0] * 1024 : INT64_MAX;
    int64_t in_group = mb_group_limits_read("").memory, addresses = left_of_addresses();
    *note = "";
    if (in_group < bytes) {
        bytes = in_group;
        *note = " (limit: control group)";
    }
    if (addresses < bytes) {
        bytes = addresses;
        *note = " (limit: ulimit -v)";
    }
    return bytes == INT64_MAX ? 0 : bytes;
}

int64_t mb_memory_available(void) {
    const char *note;
    return available(&note);
}

const char *mb_memory_limit_note(void) {
    const char *note;
    (void)available(&note);
    return note;
}

int64_t mb_memory_for_runs(void) {
    return mb_memory_available() / 20 * 19;
}

// The kernel refuses a set that is smaller than its own.
static int count_affinity(void) {
    for (int most = CPU_SETSIZE, count = 0; most <= 1 << 20; most *= 2) {
        cpu_set_t *set = CPU_ALLOC(most);
        size_t size = CPU_ALLOC_SIZE(most);
        if (set != NULL && sched_getaffinity(0, size, set) == 0)
            count = CPU_COUNT_S(size, set);
        CPU_FREE(set);
        if (count > 0)
            return count;
    }
    return 1;
}

int32_t mb_processors(void) {
    int count = count_affinity();
    int32_t quota = mb_group_limits_read("").processors;
    return quota < count ? quota : count;
}
