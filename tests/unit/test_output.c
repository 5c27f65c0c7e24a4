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
    assert_int_equal(mb_output_begin(&output, here.path, &error), MB_OK);
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
    assert_int_equal(mb_write_file(here.path, "new", 3, &error), MB_OK);
    holds(&here, "new");
    assert_int_equal(permissions(here.path), 0604);
    assert_int_equal(mb_write_file(here.path, "", 0, &error), MB_OK);
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
        assert_int_equal(mb_output_begin(&output, here.path, &error), MB_OK);
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
    mb_status status = mb_write_file(here.path, bytes, (size_t)2 * LIMIT, &error);
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
    assert_int_equal(mb_output_begin(&output, here.path, &error), MB_OK);
    assert_int_equal(unlink(output.temporary), 0);
    assert_int_equal(rmdir(here.folder), 0);
    assert_int_equal(mb_output_finish(&output, &error), MB_FAILED);
    assert_non_null(strstr(error.message, "/file: cannot be written: No such file"));
    assert_null(output.temporary);
    assert_int_equal(mb_output_begin(&output, here.path, &error), MB_FAILED);
    mb_output_abandon(&output);
    assert_int_equal(mb_write_file(here.path, "x", 1, &error), MB_FAILED);
    assert_int_not_equal(access(here.folder, F_OK), 0);
}

// A folder of this name was created meanwhile. It cannot be replaced.
static void test_name_is_taken(void **state) {
    (void)state;
    scratch here;
    mb_error error = {.message = ""};
    mb_output output;
    make_scratch(&here);
    assert_int_equal(mb_output_begin(&output, here.path, &error), MB_OK);
    assert_int_equal(mkdir(here.path, 0700), 0);
    assert_int_equal(mb_output_finish(&output, &error), MB_FAILED);
    assert_int_equal(mb_write_file(here.path, "x", 1, &error), MB_FAILED);
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
            if (mb_output_begin(&output, here.path, NULL) != MB_OK)
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

static void test_devices(void **state) {
    (void)state;
    mb_error error = {.message = ""};
    struct stat info;
    assert_int_equal(mb_write_file("/dev/null", "x", 1, &error), MB_OK);
    assert_int_equal(stat("/dev/null", &info), 0);
    assert_true(S_ISCHR(info.st_mode));
    if (access("/dev/full", W_OK) == 0) {
        assert_int_equal(mb_write_file("/dev/full", "x", 1, &error), MB_FAILED);
        assert_non_null(strstr(error.message, "No space left"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_appears),        cmocka_unit_test(test_replaces),
        cmocka_unit_test(test_abandoned),      cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_folder_is_gone), cmocka_unit_test(test_name_is_taken),
        cmocka_unit_test(test_signals),        cmocka_unit_test(test_devices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
