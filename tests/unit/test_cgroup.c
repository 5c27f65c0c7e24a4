// Limits of control groups, read from made-up trees of /proc and /sys.
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cgroup.h"
#include "base/memory.h"

#define MIB (INT64_C(1) << 20)
#define NONE INT64_MAX
#define ANY INT32_MAX
#define V2 "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
#define V1(line, top, list)                                                                        \
#line " 25 0:3" #line " " top " /sys/fs/cgroup/" list " rw shared:9 - cgroup cgroup rw," list  \
          "\n"
#define CGROUP "/proc/self/cgroup"
#define MOUNTS "/proc/self/mountinfo"
#define TOP "/sys/fs/cgroup"

typedef struct made_file {
    const char *path, *text;
} made_file;

typedef struct tree {
    const char *what;
    made_file files[16];
    int64_t memory;
    int32_t processors;
} tree;

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk) {
    (void)info, (void)type, (void)walk;
    return remove(path);
}

static void make_file(const char *root, const made_file *file) {
    char path[8192];
    int length = snprintf(path, sizeof path, "%s%s", root, file->path);
    assert_in_range(length, 1, sizeof path - 1);
    for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        mkdir(path, 0777);
        *slash = '/';
    }
    FILE *made = fopen(path, "w");
    assert_non_null(made);
    fputs(file->text, made);
    fclose(made);
}

static mb_group_limits read_tree(const made_file *files, int count) {
    char root[] = "/tmp/mb-cgroup-XXXXXX";
    assert_non_null(mkdtemp(root));
    for (int i = 0; i < count && files[i].path != NULL; i++)
        make_file(root, &files[i]);
    mb_group_limits limits = mb_group_limits_read(root);
    nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return limits;
}

static void check_trees(const tree *trees, size_t count) {
    for (size_t i = 0; i < count; i++) {
        mb_group_limits limits = read_tree(trees[i].files, 16);
        if (limits.memory != trees[i].memory || limits.processors != trees[i].processors)
            fail_msg("%s: found %lld bytes and %d processors", trees[i].what,
                     (long long)limits.memory, limits.processors);
    }
}

#define CHECK_TREES(trees) check_trees(trees, sizeof(trees) / sizeof *(trees))

static const tree version_2[] = {
    {"the group itself",
     {{CGROUP, "0::/app\n"},
      {MOUNTS, V2},
      {TOP "/app/memory.max", "104857600\n"},
      {TOP "/app/memory.current", "31457280\n"},
      {TOP "/app/memory.stat", "anon 1\nfile 2\ninactive_file 10485760\nactive_file 3\n"},
      {TOP "/app/cpu.max", "150000 100000\n"}},
     80 * MIB,
     2},
    {"a parent has less",
     {{CGROUP, "0::/pod/app\n"},
      {MOUNTS, V2},
      {TOP "/pod/memory.max", "62914560\n"},
      {TOP "/pod/memory.current", "20971520\n"},
      {TOP "/pod/app/memory.max", "104857600\n"},
      {TOP "/pod/app/memory.current", "10485760\n"},
      {TOP "/pod/cpu.max", "50000 100000\n"},
      {TOP "/pod/app/cpu.max", "400000 100000\n"}},
     40 * MIB,
     1},
    {"the group has less than its parent",
     {{CGROUP, "0::/pod/app\n"},
      {MOUNTS, V2},
      {TOP "/pod/memory.max", "104857600\n"},
      {TOP "/pod/memory.current", "0\n"},
      {TOP "/pod/app/memory.max", "73400320\n"},
      {TOP "/pod/app/memory.current", "10485760\n"},
      {TOP "/pod/cpu.max", "max 100000\n"},
      {TOP "/pod/app/cpu.max", "300000 100000\n"}},
     60 * MIB,
     3},
    {"only a parent has a limit",
     {{CGROUP, "0::/a/b/c/d\n"},
      {MOUNTS, V2},
      {TOP "/a/memory.max", "max\n"},
      {TOP "/a/b/memory.max", "20971520\n"},
      {TOP "/a/b/memory.current", "0\n"},
      {TOP "/a/b/c/d/memory.max", "max\n"},
      {TOP "/a/b/c/d/memory.current", "5\n"}},
     20 * MIB,
     ANY},
    {"memory.high throttles before memory.max kills",
     {{CGROUP, "0::/app\n"},
      {MOUNTS, V2},
      {TOP "/app/memory.max", "104857600\n"},
      {TOP "/app/memory.high", "52428800\n"},
      {TOP "/app/memory.current", "10485760\n"}},
     40 * MIB,
     ANY},
    {"all of it is used, and more",
     {{CGROUP, "0::/app\n"},
      {MOUNTS, V2},
      {TOP "/app/memory.max", "10485760\n"},
      {TOP "/app/memory.current", "10489856\n"}},
     1,
     ANY},
    {"more cached than used",
     {{CGROUP, "0::/app\n"},
      {MOUNTS, V2},
      {TOP "/app/memory.max", "10485760\n"},
      {TOP "/app/memory.current", "4096\n"},
      {TOP "/app/memory.stat", "inactive_file 8192\n"}},
     10 * MIB,
     ANY},
    {"no limits",
     {{CGROUP, "0::/app\n"},
      {MOUNTS, V2},
      {TOP "/app/memory.max", "max\n"},
      {TOP "/app/memory.high", "max\n"},
      {TOP "/app/memory.current", "10489856\n"},
      {TOP "/app/cpu.max", "max 100000\n"}},
     NONE,
     ANY},
    {"a namespace: the group is the top of the mount",
     {{CGROUP, "0::/\n"},
      {MOUNTS, V2},
      {TOP "/memory.max", "31457280\n"},
      {TOP "/memory.current", "0\n"},
      {TOP "/cpu.max", "250000 100000\n"}},
     30 * MIB,
     3},
    {"a mount of a part of the tree",
     {{CGROUP, "0::/docker/1f2e/app\n"},
      {MOUNTS, "30 23 0:26 /docker/1f2e /sys/fs/cgroup ro - cgroup2 cgroup rw\n"},
      {TOP "/memory.max", "31457280\n"},
      {TOP "/memory.current", "0\n"},
      {TOP "/app/memory.max", "20971520\n"},
      {TOP "/app/memory.current", "0\n"},
      {TOP "/docker/1f2e/app/memory.max", "1\n"}},
     20 * MIB,
     ANY},
    {"a group outside the namespace: only what is mounted can be seen",
     {{CGROUP, "0::/../other\n"},
      {MOUNTS, V2},
      {TOP "/memory.max", "31457280\n"},
      {"/sys/fs/other/memory.max", "1\n"}},
     30 * MIB,
     ANY},
    {"a mount from outside the namespace",
     {{CGROUP, "0::/\n"},
      {MOUNTS, "30 23 0:26 /../.. /sys/fs/cgroup ro - cgroup2 cgroup rw\n"},
      {TOP "/memory.max", "31457280\n"}},
     30 * MIB,
     ANY},
};

static void test_version_2(void **state) {
    (void)state;
    CHECK_TREES(version_2);
}

static const tree version_1[] = {
    {"the group itself",
     {{CGROUP, "5:memory:/app\n4:cpu:/app\n3:cpuset:/\n1:name=systemd:/x\n"},
      {MOUNTS, V1(1, "/", "cpu") V1(2, "/", "memory")},
      {TOP "/memory/app/memory.limit_in_bytes", "104857600\n"},
      {TOP "/memory/app/memory.usage_in_bytes", "31457280\n"},
      {TOP "/memory/app/memory.stat", "cache 9\ninactive_file 5\ntotal_inactive_file 10485760\n"},
      {TOP "/cpu/app/cpu.cfs_quota_us", "200000\n"},
      {TOP "/cpu/app/cpu.cfs_period_us", "100000\n"}},
     80 * MIB,
     2},
    {"parents have less, no limit is a huge number or -1",
     {{CGROUP, "5:memory:/a/b\n4:cpu,cpuacct:/a/b\n"},
      {MOUNTS, V1(1, "/", "cpu,cpuacct") V1(2, "/", "memory")},
      {TOP "/memory/memory.limit_in_bytes", "9223372036854771712\n"},
      {TOP "/memory/memory.usage_in_bytes", "5368709120\n"},
      {TOP "/memory/a/memory.limit_in_bytes", "20971520\n"},
      {TOP "/memory/a/memory.usage_in_bytes", "10485760\n"},
      {TOP "/memory/a/b/memory.limit_in_bytes", "18446744073709551615\n"},
      {TOP "/memory/a/b/memory.usage_in_bytes", "0\n"},
      {TOP "/cpu,cpuacct/a/cpu.cfs_quota_us", "10000\n"},
      {TOP "/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n"},
      {TOP "/cpu,cpuacct/a/b/cpu.cfs_quota_us", "-1\n"},
      {TOP "/cpu,cpuacct/a/b/cpu.cfs_period_us", "100000\n"}},
     10 * MIB,
     1},
    {"the mount is the group, the path is the host's",
     {{CGROUP, "5:memory:/docker/1f2e\n4:cpu:/docker/1f2e\n"},
      {MOUNTS, V1(1, "/docker/1f2e", "cpu") V1(2, "/docker/1f2e", "memory")},
      {TOP "/memory/memory.limit_in_bytes", "10485760\n"},
      {TOP "/memory/memory.usage_in_bytes", "0\n"},
      {TOP "/cpu/cpu.cfs_quota_us", "600000\n"},
      {TOP "/cpu/cpu.cfs_period_us", "100000\n"}},
     10 * MIB,
     6},
    {"the path is not there",
     {{CGROUP, "5:memory:/host/only\n"},
      {MOUNTS, V1(2, "/", "memory")},
      {TOP "/memory/memory.limit_in_bytes", "10485760\n"},
      {TOP "/memory/memory.usage_in_bytes", "0\n"}},
     10 * MIB,
     ANY},
    {"the path and the mount do not fit together",
     {{CGROUP, "5:memory:/docker/1\n"},
      {MOUNTS, V1(2, "/docker/12", "memory")},
      {TOP "/memory/memory.limit_in_bytes", "10485760\n"},
      {TOP "/memory/memory.usage_in_bytes", "0\n"},
      {TOP "/memory/2/memory.limit_in_bytes", "1\n"}},
     10 * MIB,
     ANY},
    {"two mounts, of which one holds the group",
     {{CGROUP, "5:memory:/a/b\n"},
      {MOUNTS, "40 23 0:26 /other /mnt\\040two rw - cgroup cgroup rw,memory\n"
               "41 23 0:26 /a /mnt/a\\134b rw - cgroup cgroup rw,memory\n"},
      {"/mnt two/memory.limit_in_bytes", "1\n"},
      {"/mnt/a\\b/b/memory.limit_in_bytes", "10485760\n"}},
     10 * MIB,
     ANY},
    {"a quota that is not a whole number of processors",
     {{CGROUP, "4:cpuacct,cpu:/\n"},
      {MOUNTS, V1(1, "/", "cpuacct,cpu")},
      {TOP "/cpuacct,cpu/cpu.cfs_quota_us", "100001\n"},
      {TOP "/cpuacct,cpu/cpu.cfs_period_us", "100000\n"}},
     NONE,
     2},
};

static void test_version_1(void **state) {
    (void)state;
    CHECK_TREES(version_1);
}

static const tree both_versions[] = {
    {"version 1 has the controllers",
     {{CGROUP, "5:memory:/a\n4:cpu:/a\n0::/b\n"},
      {MOUNTS, V1(1, "/", "cpu") V1(
                   2, "/", "memory") "9 8 0:7 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"},
      {TOP "/memory/a/memory.limit_in_bytes", "10485760\n"},
      {TOP "/memory/a/memory.usage_in_bytes", "0\n"},
      {TOP "/cpu/a/cpu.cfs_quota_us", "300000\n"},
      {TOP "/cpu/a/cpu.cfs_period_us", "100000\n"},
      {TOP "/unified/b/cgroup.procs", "1\n"}},
     10 * MIB,
     3},
    {"version 2 has them",
     {{CGROUP, "1:name=systemd:/x\n0::/b\n"},
      {MOUNTS, "9 8 0:7 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
               "10 8 0:8 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"},
      {TOP "/unified/b/memory.max", "10485760\n"},
      {TOP "/unified/b/cpu.max", "300000 100000\n"}},
     10 * MIB,
     3},
};

static void test_both_versions(void **state) {
    (void)state;
    CHECK_TREES(both_versions);
}

static const tree missing_and_malformed[] = {
    {"nothing at all", {{NULL, NULL}}, NONE, ANY},
    {"no list of mounts: the usual places, version 2",
     {{CGROUP, "0::/a/b\n"},
      {TOP "/a/memory.max", "20971520\n"},
      {TOP "/a/b/memory.max", "31457280\n"},
      {TOP "/a/cpu.max", "100000 100000\n"}},
     20 * MIB,
     1},
    {"no list of mounts: the usual places, version 1",
     {{CGROUP, "5:memory:/a\n4:cpu:/../a\n"},
      {TOP "/memory/a/memory.limit_in_bytes", "20971520\n"},
      {TOP "/cpu/cpu.cfs_quota_us", "100000\n"},
      {TOP "/cpu/cpu.cfs_period_us", "50000\n"}},
     20 * MIB,
     2},
    {"no path: the topmost group",
     {{MOUNTS, V2}, {TOP "/memory.max", "20971520\n"}, {TOP "/cpu.max", "99 100"}},
     20 * MIB,
     1},
    {"a limit without a usage",
     {{CGROUP, "0::/a\n"}, {MOUNTS, V2}, {TOP "/a/memory.max", "20971520\n"}},
     20 * MIB,
     ANY},
    {"a usage without a limit",
     {{CGROUP, "0::/a\n"}, {MOUNTS, V2}, {TOP "/a/memory.current", "20971520\n"}},
     NONE,
     ANY},
    {"a limit of zero", {{CGROUP, "0::/a\n"}, {MOUNTS, V2}, {TOP "/a/memory.max", "0\n"}}, 1, ANY},
    {"numbers that are none",
     {{CGROUP, "0::/a/b/c\n"},
      {MOUNTS, V2},
      {TOP "/a/memory.max", "apples 12\n"},
      {TOP "/a/b/memory.max", "1048576x\n"},
      {TOP "/a/b/memory.high", "-5\n"},
      {TOP "/a/b/c/memory.max", ""},
      {TOP "/a/cpu.max", "100000 x\n"},
      {TOP "/a/b/cpu.max", "100000 0\n"},
      {TOP "/a/b/c/cpu.max", "100000\n"}},
     NONE,
     ANY},
    {"lines that are none",
     {{CGROUP, "\n0\n0:\n0::\n0::b\n:::\n0:x:/c\n0::/a"},
      {MOUNTS, "\n - \n - cgroup2\n - cgroup2 x\n1 - cgroup2 x rw\n1 2 3 4 - cgroup2 x rw\n" V2},
      {TOP "/a/memory.max", "20971520"}},
     20 * MIB,
     ANY},
};

static void test_missing_and_malformed(void **state) {
    (void)state;
    CHECK_TREES(missing_and_malformed);
}

// Groups that are nested deeper than a path can be long: those that can be opened count.
static void test_deep(void **state) {
    (void)state;
    char group[512] = "", line[9000] = "0::";
    while (strlen(group) < 400)
        strcat(group, "/level");
    made_file files[16] = {{CGROUP, line}, {MOUNTS, V2}};
    char limit[600], usage[600];
    snprintf(limit, sizeof limit, TOP "%s/memory.max", group);
    snprintf(usage, sizeof usage, TOP "%s/memory.current", group);
    files[2] = (made_file){limit, "20971520\n"};
    files[3] = (made_file){usage, "1048576\n"};
    strcat(line, group);
    assert_true(read_tree(files, 16).memory == 19 * MIB);
    while (strlen(line) < 8900)
        strcat(line, "/level");
    assert_true(read_tree(files, 16).memory == 19 * MIB);
}

static void test_this_machine(void **state) {
    (void)state;
    mb_group_limits limits = mb_group_limits_read("");
    assert_true(limits.memory > 0);
    assert_in_range(mb_processors(), 1, limits.processors);
    assert_true(mb_memory_available() <= limits.memory);
    assert_non_null(mb_memory_limit_note());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version_2),     cmocka_unit_test(test_version_1),
        cmocka_unit_test(test_both_versions), cmocka_unit_test(test_missing_and_malformed),
        cmocka_unit_test(test_deep),          cmocka_unit_test(test_this_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
