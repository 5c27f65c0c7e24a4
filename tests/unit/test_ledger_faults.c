// Faults around the ledger: several processes, kill -9, full disks, read-only folders, files that
// are damaged or not ledgers at all.
#include "ledger_sample.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

// ---- several processes ------------------------------------------------------------------------

// Runs `body` in a child; its return value is the exit code.
static int in_child(int (*body)(const scratch *), const scratch *here) {
    pid_t child = fork();
    if (child == 0)
        _exit(body(here));
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    return WEXITSTATUS(result);
}

static int write_while_held(const scratch *here) {
    mb_error error = {.message = ""};
    mb_ledger *ledger;
    char pid[32];
    snprintf(pid, sizeof pid, "pid %ld", (long)getppid());
    if (mb_ledger_open(here->path, MB_LEDGER_WRITE, &ledger, &error) != MB_FAILED)
        return 1;
    return strstr(error.message, "in use") != NULL && strstr(error.message, pid) != NULL ? 0 : 2;
}

static int read_the_run(const scratch *here) {
    mb_error error = {.message = ""};
    mb_ledger *ledger;
    bool there = false;
    if (mb_ledger_open(here->path, MB_LEDGER_READ, &ledger, &error) != MB_OK ||
        has_run(ledger, KEY, 0, &there, &error) != MB_OK)
        return 1;
    mb_ledger_close(ledger);
    return there ? 0 : 2;
}

static void one_writer_and_readers(void **state) {
    scratch *here = *state;
    mb_error error = {.message = ""};
    mb_ledger *ledger = open_ledger(here->path, MB_LEDGER_WRITE);
    put_trial(ledger, KEY, 2);
    assert_int_equal(put_sample(ledger, KEY, 0, NULL, &error), MB_OK);
    assert_int_equal(in_child(write_while_held, here), 0);
    assert_int_equal(in_child(read_the_run, here), 0);
    // The refused writer and the reader did not disturb the first writer.
    assert_int_equal(in_child(write_while_held, here), 0);
    assert_int_equal(put_sample(ledger, KEY, 1, NULL, &error), MB_OK);
    mb_ledger *second;
    char alias[128];
    snprintf(alias, sizeof alias, "%s/alias.db", here->folder);
    assert_int_equal(symlink("results.db", alias), 0);
    assert_int_equal(mb_ledger_open(alias, MB_LEDGER_WRITE, &second, &error), MB_FAILED);
    assert_non_null(strstr(error.message, "in use"));
    assert_null(second);
    mb_ledger_close(ledger);
    mb_ledger_close(open_ledger(here->path, MB_LEDGER_WRITE));
}

// Writes runs until it is killed, and reports each one that was committed.
static void write_for_ever(const scratch *here, int done) {
    mb_error error = {.message = ""};
    mb_ledger *ledger;
    char description[] = "{}";
    mb_ledger_trial trial = {KEY, description, 1000000};
    if (mb_ledger_open(here->path, MB_LEDGER_WRITE, &ledger, &error) != MB_OK ||
        mb_ledger_put_trial(ledger, &trial, &error) != MB_OK)
        return;
    for (int32_t fold = 0;; fold++)
        if (put_sample(ledger, KEY, fold, NULL, &error) != MB_OK ||
            write(done, &fold, sizeof fold) != sizeof fold)
            return;
}

static void killed_writer_loses_no_run(void **state) {
    scratch *here = *state;
    int done[2];
    assert_int_equal(pipe(done), 0);
    pid_t child = fork();
    if (child == 0) {
        close(done[0]);
        write_for_ever(here, done[1]);
        _exit(1);
    }
    close(done[1]);
    int32_t last = -1, fold;
    while (last < 40 && read(done[0], &fold, sizeof fold) == sizeof fold)
        last = fold;
    assert_int_equal(kill(child, SIGKILL), 0);
    while (read(done[0], &fold, sizeof fold) == sizeof fold)
        last = fold;
    close(done[0]);
    waitpid(child, NULL, 0);
    assert_true(last >= 40);
    assert_true(exists(here->path, "-wal"));
    for (int again = 0; again < 2; again++) { // first a reader, then the next writer
        mb_ledger *ledger = open_ledger(here->path, again ? MB_LEDGER_WRITE : MB_LEDGER_READ);
        for (fold = 0; fold <= last; fold++)
            assert_sample(ledger, KEY, fold);
        mb_ledger_close(ledger);
    }
    assert_false(exists(here->path, "-wal"));
    assert_false(exists(here->path, "-lock"));
}

// ---- files that are not ledgers ----------------------------------------------------------------

// Opening fails in both modes. The message has the name of the file and `expected`, and the file is
// not changed.
static void assert_refused(const scratch *here, const char *expected) {
    struct stat before, after;
    assert_int_equal(stat(here->path, &before), 0);
    static const mb_ledger_mode modes[] = {MB_LEDGER_READ, MB_LEDGER_WRITE};
    for (int i = 0; i < 2; i++) {
        mb_error error = {.message = ""};
        mb_ledger *ledger;
        mb_status status = mb_ledger_open(here->path, modes[i], &ledger, &error);
        if (status != MB_BAD_INPUT || strstr(error.message, expected) == NULL ||
            strstr(error.message, here->path) == NULL)
            fail_msg("mode %d: expected '%s', found status %d: %s", i, expected, (int)status,
                     error.message);
        assert_null(ledger);
        assert_int_equal(stat(here->path, &after), 0);
        assert_int_equal(after.st_size, before.st_size);
        assert_memory_equal(&after.st_mtim, &before.st_mtim, sizeof before.st_mtim);
        assert_false(exists(here->path, "-lock"));
    }
}

static void fill_file(const char *path, const void *bytes, size_t count) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
}

static void other_files_are_refused(void **state) {
    scratch *here = *state;
    char garbage[5000];
    for (size_t i = 0; i < sizeof garbage; i++)
        garbage[i] = (char)(i * 31 + 7);
    fill_file(here->path, garbage, sizeof garbage);
    assert_refused(here, "SQLite cannot read");
    fill_file(here->path, "hello", 5);
    assert_refused(here, "SQLite cannot read");
    unlink(here->path);
    execute(here->path, "CREATE TABLE t (x)");
    assert_refused(here, "another SQLite database");
    execute(here->path, "PRAGMA journal_mode = WAL; INSERT INTO t VALUES (1)");
    assert_refused(here, "another SQLite database");
}

static void places_without_a_file_are_refused(void **state) {
    scratch *here = *state;
    mb_error error = {.message = ""};
    mb_ledger *ledger;
    mkdir(here->path, 0700);
    assert_int_equal(mb_ledger_open(here->path, MB_LEDGER_READ, &ledger, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "folder"));
    rmdir(here->path);
    assert_int_equal(mb_ledger_open(here->path, MB_LEDGER_READ, &ledger, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "No such file"));
    assert_false(exists(here->path, ""));
    char deep[128];
    snprintf(deep, sizeof deep, "%s/no/such/results.db", here->folder);
    assert_int_equal(mb_ledger_open(deep, MB_LEDGER_WRITE, &ledger, &error), MB_FAILED);
    assert_non_null(strstr(error.message, "No such file"));
    fill_file(here->path, "", 0); // killed right after it was created: a writer starts afresh
    assert_int_equal(mb_ledger_open(here->path, MB_LEDGER_READ, &ledger, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "an empty file"));
    mb_ledger_close(open_ledger(here->path, MB_LEDGER_WRITE));
    mb_ledger_close(open_ledger(here->path, MB_LEDGER_READ));
}

// A plan that is refused in the end leaves no file behind.
static void nothing_written_leaves_no_file(void **state) {
    scratch *here = *state;
    mb_error error = {.message = ""};
    for (int pass = 0; pass < 2; pass++) {
        mb_ledger *ledger = open_ledger(here->path, MB_LEDGER_WRITE);
        assert_true(exists(here->path, ""));
        assert_int_equal(mb_ledger_begin(ledger, &error), MB_OK);
        assert_int_equal(mb_ledger_put_plan(ledger, KEY, "p", "{}", NULL, 0, &error), MB_OK);
        if (pass == 1)
            assert_int_equal(mb_ledger_end(ledger, false, &error), MB_OK);
        mb_ledger_close(ledger);
        assert_false(exists(here->path, ""));
        assert_false(exists(here->path, "-wal"));
        assert_false(exists(here->path, "-lock"));
    }
}

static void other_versions_are_refused(void **state) {
    scratch *here = *state;
    make_ledger(here);
    execute(here->path, "PRAGMA user_version = 7");
    assert_refused(here, "schema version 7");
    assert_refused(here, "schema version 3");
    execute(here->path, "PRAGMA user_version = 3");
    mb_ledger_close(open_ledger(here->path, MB_LEDGER_READ));
    execute(here->path, "ALTER TABLE runs ADD COLUMN more TEXT");
    assert_refused(here, "table runs");
    unlink(here->path);
    make_ledger(here);
    execute(here->path, "DROP TABLE epochs");
    assert_refused(here, "table epochs");
}

static void damaged_files_are_refused(void **state) {
    scratch *here = *state;
    make_ledger(here);
    struct stat info;
    assert_int_equal(stat(here->path, &info), 0);
    assert_int_equal(truncate(here->path, info.st_size - 5000), 0);
    assert_refused(here, "damaged");
    assert_int_equal(truncate(here->path, 50), 0);
    assert_refused(here, "damaged");
}

// Blobs and counts that do not match are found when the run is read.
static void damaged_rows_are_refused(void **state) {
    scratch *here = *state;
    static const char *const damages[] = {
        "UPDATE predictions SET logits = x'00' WHERE role = 'select'",
        "UPDATE predictions SET count = -1",
        "UPDATE predictions SET count = 2147483647",
        "UPDATE predictions SET role = 'select'",
        "UPDATE runs SET class_count = 2147483647",
        "UPDATE runs SET class_count = -2",
        "UPDATE runs SET epochs_done = 1000000000",
        "DELETE FROM epochs WHERE epoch = 0",
    };
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        unlink(here->path);
        make_ledger(here);
        execute(here->path, damages[i]);
        mb_ledger *ledger = open_ledger(here->path, MB_LEDGER_READ);
        mb_error error = {.message = ""};
        mb_run_result result;
        mb_status status = mb_ledger_get_run(ledger, KEY, 0, &result, &error);
        if (status != MB_BAD_INPUT || strstr(error.message, "damaged") == NULL)
            fail_msg("%s: status %d: %s", damages[i], (int)status, error.message);
        mb_ledger_close(ledger);
    }
}

// Bytes all over a small ledger are corrupted, one at a time. Reading may fail, but never crashes.
static void flipped_bytes_never_crash(void **state) {
    scratch *here = *state;
    make_ledger(here);
    struct stat info;
    assert_int_equal(stat(here->path, &info), 0);
    FILE *file = fopen(here->path, "r+b");
    assert_non_null(file);
    int refused = 0;
    for (long position = 0; position < info.st_size; position += 97) {
        fseek(file, position, SEEK_SET);
        int byte = fgetc(file);
        fseek(file, position, SEEK_SET);
        fputc(byte ^ 0xff, file);
        fflush(file);
        mb_error error = {.message = ""};
        mb_ledger *ledger;
        mb_run_result result;
        mb_status status = mb_ledger_open(here->path, MB_LEDGER_READ, &ledger, &error);
        if (status == MB_OK)
            status = mb_ledger_get_run(ledger, KEY, 0, &result, &error);
        if (status == MB_OK)
            mb_run_result_free(&result);
        else
            assert_true(error.message[0] != '\0' && ++refused > 0);
        mb_ledger_close(ledger);
        fseek(file, position, SEEK_SET);
        fputc(byte, file);
        fflush(file);
    }
    fclose(file);
    assert_true(refused > 10);
    assert_int_equal(read_the_run(here), 0);
}

// ---- folders that cannot be written ------------------------------------------------------------

// Becomes a user who may read the folder but not write it (root may write anywhere).
static bool become_reader(const scratch *here) {
    if (chmod(here->folder, 0555) != 0 || chmod(here->path, 0444) != 0)
        return false;
    return geteuid() != 0 || (setgid(65534) == 0 && setuid(65534) == 0);
}

static int use_read_only_folder(const scratch *here) {
    mb_error error = {.message = ""};
    mb_ledger *ledger;
    if (!become_reader(here))
        return 1;
    if (mb_ledger_open(here->path, MB_LEDGER_WRITE, &ledger, &error) != MB_FAILED)
        return 2;
    if (strstr(error.message, here->path) == NULL || strstr(error.message, "denied") == NULL)
        return 3;
    char name[128];
    snprintf(name, sizeof name, "%s/new.db", here->folder);
    if (mb_ledger_open(name, MB_LEDGER_WRITE, &ledger, &error) != MB_FAILED)
        return 4;
    if (strstr(error.message, name) == NULL || strstr(error.message, "denied") == NULL)
        return 5;
    return read_the_run(here) == 0 ? 0 : 6;
}

static void make_writable(const scratch *here) {
    chmod(here->folder, 0755);
    chmod(here->path, 0644);
}

static void read_only_folders_can_be_read(void **state) {
    scratch *here = *state;
    make_ledger(here);
    assert_int_equal(in_child(use_read_only_folder, here), 0);
    make_writable(here);
    // Left in WAL mode without a log, as when only the file was copied.
    execute(here->path, "PRAGMA journal_mode = WAL");
    assert_int_equal(in_child(use_read_only_folder, here), 0);
    make_writable(here);
    // With a log that cannot be indexed in the folder.
    char log[128];
    snprintf(log, sizeof log, "%s-wal", here->path);
    fill_file(log, "any log", 7);
    assert_int_equal(in_child(use_read_only_folder, here), 0);
}

// A full disk, simulated by the system's limit on the size of files. Returns the number of runs
// that fitted.
static int fill_the_disk(const scratch *here) {
    enum { FAILED = 250, MOST = 200 };
    mb_error error = {.message = ""};
    mb_ledger *ledger;
    char description[] = "{}";
    mb_ledger_trial trial = {OTHER_KEY, description, 1000000};
    if (mb_ledger_open(here->path, MB_LEDGER_WRITE, &ledger, &error) != MB_OK ||
        mb_ledger_put_trial(ledger, &trial, &error) != MB_OK)
        return FAILED;
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = {1000000, 1000000};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return FAILED + 1;
    int32_t fold = 0;
    mb_status status = MB_OK;
    while (status == MB_OK && fold < MOST) {
        status = put_sample(ledger, OTHER_KEY, fold, NULL, &error);
        fold += status == MB_OK;
    }
    bool there;
    if (status != MB_FAILED || strstr(error.message, here->path) == NULL)
        return FAILED + 2;
    if (has_run(ledger, OTHER_KEY, fold, &there, &error) != MB_OK || there)
        return FAILED + 3;
    mb_ledger_close(ledger);
    return fold;
}

static void full_disk_keeps_what_was_written(void **state) {
    scratch *here = *state;
    make_ledger(here);
    int written = in_child(fill_the_disk, here);
    assert_in_range(written, 5, 199);
    mb_error error = {.message = ""};
    mb_ledger *ledger = open_ledger(here->path, MB_LEDGER_WRITE);
    assert_sample(ledger, KEY, 0);
    for (int fold = 0; fold < written; fold++)
        assert_sample(ledger, OTHER_KEY, fold);
    bool there;
    assert_int_equal(has_run(ledger, OTHER_KEY, written, &there, &error), MB_OK);
    assert_false(there);
    assert_int_equal(put_sample(ledger, OTHER_KEY, written, NULL, &error), MB_OK);
    mb_ledger_close(ledger);
}

static int make_on_full_disk(const scratch *here) {
    enum { FAILED = 250 };
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = {10000, 10000};
    mb_ledger *ledger;
    mb_error error = {.message = ""};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0 ||
        mb_ledger_open(here->path, MB_LEDGER_WRITE, &ledger, &error) != MB_FAILED)
        return FAILED;
    return access(here->path, F_OK) == 0 ? FAILED + 1 : 0;
}

static void full_disk_keeps_no_empty_file(void **state) {
    const scratch *here = *state;
    assert_int_equal(in_child(make_on_full_disk, here), 0);
    fill_file(here->path, "", 0); // existed before, so it stays
    assert_int_equal(in_child(make_on_full_disk, here), 251);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(one_writer_and_readers),
        SCRATCH_TEST(killed_writer_loses_no_run),
        SCRATCH_TEST(other_files_are_refused),
        SCRATCH_TEST(places_without_a_file_are_refused),
        SCRATCH_TEST(nothing_written_leaves_no_file),
        SCRATCH_TEST(other_versions_are_refused),
        SCRATCH_TEST(damaged_files_are_refused),
        SCRATCH_TEST(damaged_rows_are_refused),
        SCRATCH_TEST(flipped_bytes_never_crash),
        SCRATCH_TEST(read_only_folders_can_be_read),
        SCRATCH_TEST(full_disk_keeps_what_was_written),
        SCRATCH_TEST(full_disk_keeps_no_empty_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
