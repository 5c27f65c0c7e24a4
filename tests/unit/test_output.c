// Files that appear complete or not at all: what exists after every way to end, and what does not.
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/interrupt.h"
#include "base/output.h"

typedef struct scratch {
    char folder[64], path[128];
} scratch;

static void make_scratch(scratch *here) {
    snprintf(here->folder, sizeof here->folder, "/tmp/mb-output-XXXXXX");
    assert_non_null(mkdtemp(here->folder));
    snprintf(here->path, sizeof here->path, "%s/file", here->folder);
}

static void put(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

// The folder holds `path` with this text and nothing else, or nothing at all if the text is NULL.
static void holds(const scratch *here, const char *text) {
    char found[64] = "";
    int count = 0;
    DIR *folder = opendir(here->folder);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(folder);
    assert_int_equal(count, text != NULL);
    if (text == NULL)
        return;
    FILE *file = fopen(here->path, "r");
    assert_non_null(file);
    found[fread(found, 1, sizeof found - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(found, text);
}

static void remove_scratch(const scratch *here) {
    unlink(here->path);
    assert_int_equal(rmdir(here->folder), 0); // nothing else is in it
}

static mode_t permissions(const char *path) {
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return info.st_mode & 07777;
}

static void test_appears(void **state) {
    (void)state;
    scratch here;
    mb_error error = {.message = ""};
    mb_output output;
    make_scratch(&here);
    mode_t mask = umask(027);
    assert_int_equal(mb_output_begin(&output, here.path, true, &error), MB_OK);
    assert_int_equal(mb_output_write(&output, "one ", 4, &error), MB_OK);
    assert_int_not_equal(access(here.path, F_OK), 0); // not before the end
    assert_int_equal(mb_output_write(&output, "two", 3, &error), MB_OK);
    assert_int_equal(mb_output_finish(&output, &error), MB_OK);
    umask(mask);
    mb_output_abandon(&output); // does nothing
    holds(&here, "one two");
    assert_int_equal(permissions(here.path), 0640);
    remove_scratch(&here);
}

static void test_replaces(void **state) {
    (void)state;
    scratch here;
    mb_error error = {.message = ""};
    make_scratch(&here);
    put(here.path, "old");
    assert_int_equal(chmod(here.path, 0604), 0);
    assert_int_equal(mb_write_file(here.path, true, "new", 3, &error), MB_OK);
    holds(&here, "new");
    assert_int_equal(permissions(here.path), 0604);
    assert_int_equal(mb_write_file(here.path, true, "", 0, &error), MB_OK);
    holds(&here, "");
    remove_scratch(&here);
}

static void test_abandoned(void **state) {
    (void)state;
    scratch here;
    mb_error error = {.message = ""};
    mb_output output;
    make_scratch(&here);
    for (int old = 0; old < 2; old++) {
        if (old == 1)
            put(here.path, "old");
        assert_int_equal(mb_output_begin(&output, here.path, true, &error), MB_OK);
        assert_int_equal(mb_output_write(&output, "half", 4, &error), MB_OK);
        mb_output_abandon(&output);
        holds(&here, old == 1 ? "old" : NULL);
    }
    remove_scratch(&here);
}

// Like on a full disk, one write is short and the next one fails.
static void test_no_room(void **state) {
    (void)state;
    enum { LIMIT = 1 << 20 };
    scratch here;
    struct rlimit before, limit;
    mb_error error = {.message = ""};
    char *bytes = calloc(2, LIMIT);
    assert_non_null(bytes);
    make_scratch(&here);
    put(here.path, "old");
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = LIMIT;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    mb_status status = mb_write_file(here.path, true, bytes, (size_t)2 * LIMIT, &error);
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, handler);
    free(bytes);
    assert_int_equal(status, MB_FAILED);
    assert_non_null(strstr(error.message, "/file: cannot be written: File too large"));
    holds(&here, "old");
    remove_scratch(&here);
}

static void test_folder_is_gone(void **state) {
    (void)state;
    scratch here;
    mb_error error = {.message = ""};
    mb_output output;
    make_scratch(&here);
    assert_int_equal(mb_output_begin(&output, here.path, true, &error), MB_OK);
    assert_int_equal(unlink(output.temporary), 0);
    assert_int_equal(rmdir(here.folder), 0);
    assert_int_equal(mb_output_finish(&output, &error), MB_FAILED);
    assert_non_null(strstr(error.message, "/file: cannot be written: No such file"));
    assert_null(output.temporary);
    assert_int_equal(mb_output_begin(&output, here.path, true, &error), MB_FAILED);
    mb_output_abandon(&output);
    assert_int_equal(mb_write_file(here.path, true, "x", 1, &error), MB_FAILED);
    assert_int_not_equal(access(here.folder, F_OK), 0);
}

// A folder of this name was created meanwhile. It cannot be replaced.
static void test_name_is_taken(void **state) {
    (void)state;
    scratch here;
    mb_error error = {.message = ""};
    mb_output output;
    make_scratch(&here);
    assert_int_equal(mb_output_begin(&output, here.path, true, &error), MB_OK);
    assert_int_equal(mkdir(here.path, 0700), 0);
    assert_int_equal(mb_output_finish(&output, &error), MB_FAILED);
    assert_int_equal(mb_write_file(here.path, true, "x", 1, &error), MB_FAILED);
    assert_non_null(strstr(error.message, "it is a folder"));
    assert_int_equal(rmdir(here.path), 0);
    holds(&here, NULL);
    remove_scratch(&here);
}

// A signal kills the process, and the temporary file is removed. While an interrupt holds signals
// back, the file is completed or abandoned first.
static void test_signals(void **state) {
    (void)state;
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    scratch here;
    make_scratch(&here);
    for (int i = 0; i < 9; i++) {
        bool held = i < 6, finish = i < 3;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            mb_output output;
            mb_interrupt interrupt;
            signal(numbers[i % 3], SIG_DFL);
            if (held)
                mb_interrupt_begin(&interrupt);
            if (mb_output_begin(&output, here.path, true, NULL) != MB_OK)
                _exit(10);
            raise(numbers[i % 3]);
            if (!held)
                _exit(14); // the signal did nothing
            if (mb_output_write(&output, "whole", 5, NULL) != MB_OK)
                _exit(11);
            if (!finish)
                mb_output_abandon(&output);
            else if (mb_output_finish(&output, NULL) != MB_OK)
                _exit(12);
            mb_interrupt_pause(&interrupt);
            _exit(13); // the signal was lost
        }
        int how = 0;
        assert_int_equal(waitpid(child, &how, 0), child);
        assert_true(WIFSIGNALED(how));
        assert_int_equal(WTERMSIG(how), numbers[i % 3]);
        holds(&here, finish ? "whole" : NULL);
        unlink(here.path);
    }
    remove_scratch(&here);
}

// ---- what exists already ----------------------------------------------------------------------

static void test_kept(void **state) {
    (void)state;
    scratch here;
    mb_error error = {.message = ""};
    mb_output output;
    make_scratch(&here);
    assert_int_equal(mb_output_check(here.path, false, false, &error), MB_OK);
    put(here.path, "old");
    assert_int_equal(mb_output_check(here.path, false, false, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "/file: the file exists; --force replaces it"));
    assert_int_equal(mb_output_check(here.path, true, false, &error), MB_OK);
    error.message[0] = '\0';
    assert_int_equal(mb_write_file(here.path, false, "new", 3, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "/file: the file exists; --force replaces it"));
    assert_int_equal(mb_output_begin(&output, here.path, false, &error), MB_BAD_INPUT);
    assert_null(output.temporary);
    holds(&here, "old");
    // A file that appears while another is written.
    assert_int_equal(unlink(here.path), 0);
    assert_int_equal(mb_output_begin(&output, here.path, false, &error), MB_OK);
    assert_int_equal(mb_output_write(&output, "new", 3, &error), MB_OK);
    put(here.path, "other");
    assert_int_equal(mb_output_finish(&output, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "/file: the file exists; --force replaces it"));
    holds(&here, "other");
    assert_int_equal(unlink(here.path), 0);
    assert_int_equal(mb_write_file(here.path, false, "new", 3, &error), MB_OK);
    holds(&here, "new");
    assert_int_equal(mb_output_check("/dev/null", false, true, &error), MB_OK);
    assert_int_equal(mb_output_check("/dev/null", true, false, &error), MB_BAD_INPUT);
    remove_scratch(&here);
}

// Every file has the permissions that the umask leaves, from the beginning.
static void test_permissions(void **state) {
    (void)state;
    static const mode_t masks[] = {022, 002, 007, 077, 0};
    scratch here;
    mb_error error = {.message = ""};
    mb_output output;
    make_scratch(&here);
    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
        mode_t mask = umask(masks[i]);
        assert_int_equal(mb_output_begin(&output, here.path, false, &error), MB_OK);
        assert_int_equal(permissions(output.temporary), 0666 & ~masks[i]);
        assert_int_equal(mb_output_finish(&output, &error), MB_OK);
        assert_int_equal(permissions(here.path), 0666 & ~masks[i]);
        assert_int_equal(umask(mask), masks[i]);
        assert_int_equal(unlink(here.path), 0);
    }
    // A secret that is replaced is one from the beginning.
    put(here.path, "old");
    assert_int_equal(chmod(here.path, 0600), 0);
    assert_int_equal(mb_output_begin(&output, here.path, true, &error), MB_OK);
    assert_int_equal(permissions(output.temporary), 0600);
    assert_int_equal(mb_output_finish(&output, &error), MB_OK);
    assert_int_equal(permissions(here.path), 0600);
    remove_scratch(&here);
}

static bool is_link(const char *path) {
    struct stat info;
    return lstat(path, &info) == 0 && S_ISLNK(info.st_mode);
}

// Through a link the file is written that it leads to.
static void test_links(void **state) {
    (void)state;
    scratch here, there;
    char link[160], second[160], loop[160], relative[160];
    mb_error error = {.message = ""};
    make_scratch(&here);
    make_scratch(&there);
    snprintf(link, sizeof link, "%s/link", there.folder);
    snprintf(second, sizeof second, "%s/second", there.folder);
    snprintf(loop, sizeof loop, "%s/loop", there.folder);
    snprintf(relative, sizeof relative, "../%s/file", strrchr(here.folder, '/') + 1);
    assert_int_equal(symlink(relative, link), 0);
    assert_int_equal(symlink("link", second), 0);
    assert_int_equal(symlink("loop", loop), 0);
    assert_int_equal(mb_write_file(second, false, "one", 3, &error), MB_OK); // leads nowhere yet
    holds(&here, "one");
    assert_int_equal(mb_write_file(second, false, "two", 3, &error), MB_BAD_INPUT);
    assert_int_equal(mb_output_check(link, false, false, &error), MB_BAD_INPUT);
    assert_int_equal(mb_write_file(second, true, "two", 3, &error), MB_OK);
    holds(&here, "two");
    assert_true(is_link(link) && is_link(second));
    assert_int_equal(mb_write_file(loop, true, "x", 1, &error), MB_FAILED);
    assert_non_null(strstr(error.message, "/loop: cannot be written: Too many levels"));
    assert_int_equal(mb_output_check(loop, true, false, &error), MB_BAD_INPUT);
    assert_int_equal(unlink(link), 0);
    assert_int_equal(symlink("/nowhere/file", link), 0);
    assert_int_equal(mb_output_check(second, false, false, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "/second: cannot write into the folder '/nowhere'"));
    assert_int_equal(mb_write_file(second, true, "x", 1, &error), MB_FAILED);
    assert_true(is_link(link) && is_link(second) && is_link(loop));
    unlink(link);
    unlink(second);
    unlink(loop);
    remove_scratch(&here);
    remove_scratch(&there);
}

// ---- what killed processes leave behind -------------------------------------------------------

// Starts a process that begins an output and waits. Returns when it has begun.
static pid_t start_writer(const char *path) {
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        mb_output output;
        bool begun = mb_output_begin(&output, path, true, NULL) == MB_OK &&
                     mb_output_write(&output, "half", 4, NULL) == MB_OK;
        if (!begun || write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return child;
}

static void kill_writer(pid_t child) {
    int how;
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &how, 0), child);
}

static int files_in(const char *folder) {
    int count = 0;
    DIR *entries = opendir(folder);
    assert_non_null(entries);
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(entries);
    return count;
}

static void test_leftovers(void **state) {
    (void)state;
    scratch here;
    char other[160];
    mb_error error = {.message = ""};
    make_scratch(&here);
    snprintf(other, sizeof other, "%s/file2", here.folder);
    pid_t dead = start_writer(here.path), alive = start_writer(here.path);
    pid_t of_other = start_writer(other);
    kill_writer(dead);
    kill_writer(of_other);
    assert_int_equal(files_in(here.folder), 3);
    assert_int_equal(mb_write_file(here.path, false, "one", 3, &error), MB_OK);
    assert_int_equal(files_in(here.folder), 3); // the one of `dead` is gone
    kill_writer(alive);
    assert_int_equal(mb_write_file(here.path, true, "two", 3, &error), MB_OK);
    assert_int_equal(files_in(here.folder), 2);
    assert_int_equal(mb_write_file(other, true, "x", 1, &error), MB_OK);
    unlink(other);
    holds(&here, "two");
    remove_scratch(&here);
}

// Whatever is not certainly a file that this machine left behind stays.
static void test_not_leftovers(void **state) {
    (void)state;
    scratch here;
    mb_error error = {.message = ""};
    mb_output output;
    make_scratch(&here);
    assert_int_equal(mb_output_begin(&output, here.path, false, &error), MB_OK);
    char prefix[160], names[6][200];
    snprintf(prefix, sizeof prefix, "%.*s", (int)strlen(output.temporary) - 6, output.temporary);
    mb_output_abandon(&output);
    snprintf(names[0], sizeof names[0], "%s/file.tmp-00000000-abcdef", here.folder); // another host
    snprintf(names[1], sizeof names[1], "%sabcde", prefix);
    snprintf(names[2], sizeof names[2], "%sabcdefg", prefix);
    snprintf(names[3], sizeof names[3], "%sabcde-", prefix);
    snprintf(names[4], sizeof names[4], "%sfolder", prefix);
    snprintf(names[5], sizeof names[5], "%slinked", prefix);
    for (int i = 0; i < 4; i++)
        put(names[i], "");
    assert_int_equal(mkdir(names[4], 0700), 0);
    assert_int_equal(symlink(names[0], names[5]), 0);
    assert_int_equal(mb_write_file(here.path, false, "x", 1, &error), MB_OK);
    assert_int_equal(files_in(here.folder), 7);
    for (int i = 0; i < 6; i++)
        assert_int_equal(remove(names[i]), 0);
    remove_scratch(&here);
}

// Names as long as a folder takes them.
static void test_long_name(void **state) {
    (void)state;
    scratch here;
    mb_error error = {.message = ""};
    char path[512];
    make_scratch(&here);
    snprintf(path, sizeof path, "%s/%0255d", here.folder, 1);
    kill_writer(start_writer(path));
    assert_int_equal(mb_write_file(path, false, "x", 1, &error), MB_OK);
    assert_int_equal(files_in(here.folder), 1);
    unlink(path);
    snprintf(path, sizeof path, "%s/%0256d", here.folder, 1);
    assert_int_equal(mb_write_file(path, false, "x", 1, &error), MB_FAILED);
    assert_non_null(strstr(error.message, "File name too long"));
    remove_scratch(&here);
}

static void test_devices(void **state) {
    (void)state;
    mb_error error = {.message = ""};
    struct stat info;
    assert_int_equal(mb_write_file("/dev/null", true, "x", 1, &error), MB_OK);
    assert_int_equal(stat("/dev/null", &info), 0);
    assert_true(S_ISCHR(info.st_mode));
    if (access("/dev/full", W_OK) == 0) {
        assert_int_equal(mb_write_file("/dev/full", true, "x", 1, &error), MB_FAILED);
        assert_non_null(strstr(error.message, "No space left"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_appears),        cmocka_unit_test(test_replaces),
        cmocka_unit_test(test_abandoned),      cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_folder_is_gone), cmocka_unit_test(test_name_is_taken),
        cmocka_unit_test(test_signals),        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_permissions),    cmocka_unit_test(test_links),
        cmocka_unit_test(test_leftovers),      cmocka_unit_test(test_not_leftovers),
        cmocka_unit_test(test_long_name),      cmocka_unit_test(test_devices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
