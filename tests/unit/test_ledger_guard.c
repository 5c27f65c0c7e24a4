// What happens around a ledger: a log that is not its own, a file that is moved, removed or
// replaced while it is written to, one file under two names.
#include "ledger_sample.h"

#include <sys/wait.h>

static void copy_file(const char *from, const char *to) {
    char command[400];
    snprintf(command, sizeof command, "cp '%s' '%s'", from, to);
    assert_int_equal(system(command), 0);
}

// Copies a ledger and its log, of which both must exist.
static void copy_with_log(const char *from, const char *to) {
    char from_log[160], to_log[160];
    copy_file(from, to);
    snprintf(from_log, sizeof from_log, "%s-wal", from);
    snprintf(to_log, sizeof to_log, "%s-wal", to);
    copy_file(from_log, to_log);
}

static void name_in(const scratch *here, const char *name, char path[80]) {
    snprintf(path, 80, "%s/%s", here->folder, name);
}

static void unlink_suffix(const char *path, const char *suffix) {
    char name[128];
    snprintf(name, sizeof name, "%s%s", path, suffix);
    assert_int_equal(unlink(name), 0);
}

// Records the runs first ... last - 1 and ends without closing the ledger, as a killed process
// does.
static void write_and_die(const char *path, int32_t first, int32_t last) {
    mb_error error = {.message = ""};
    mb_ledger *ledger;
    char description[] = "{}";
    mb_ledger_trial trial = {KEY, description, 1000000};
    if (mb_ledger_open(path, MB_LEDGER_WRITE, &ledger, &error) != MB_OK ||
        mb_ledger_put_trial(ledger, &trial, &error) != MB_OK)
        _exit(1);
    for (int32_t fold = first; fold < last; fold++)
        if (put_sample(ledger, KEY, fold, NULL, &error) != MB_OK)
            _exit(2);
    _exit(0);
}

static void killed_writer(const char *path, int32_t first, int32_t last) {
    int result;
    pid_t child = fork();
    if (child == 0)
        write_and_die(path, first, last);
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
    assert_true(exists(path, "-wal"));
}

// Neither mode opens the file, the message has the text, and nothing is changed.
static void assert_refused(const char *path, const char *expected) {
    static const mb_ledger_mode modes[] = {MB_LEDGER_READ, MB_LEDGER_WRITE};
    struct stat before, after;
    assert_int_equal(stat(path, &before), 0);
    for (int i = 0; i < 2; i++) {
        mb_error error = {.message = ""};
        mb_ledger *ledger;
        mb_status status = mb_ledger_open(path, modes[i], &ledger, &error);
        if (status != MB_BAD_INPUT || strstr(error.message, expected) == NULL)
            fail_msg("mode %d: expected '%s', found status %d: %s", i, expected, (int)status,
                     error.message);
        assert_int_equal(stat(path, &after), 0);
        assert_memory_equal(&after.st_mtim, &before.st_mtim, sizeof before.st_mtim);
    }
}

// All runs up to `count` are there, and no other.
static void assert_runs(const char *path, mb_ledger_mode mode, int32_t count) {
    mb_error error = {.message = ""};
    bool there;
    mb_ledger *ledger = open_ledger(path, mode);
    for (int32_t fold = 0; fold < count; fold++)
        assert_sample(ledger, KEY, fold);
    assert_int_equal(has_run(ledger, KEY, count, &there, &error), MB_OK);
    assert_false(there);
    mb_ledger_close(ledger);
}

// ---- logs -------------------------------------------------------------------------------------

static void own_logs_are_applied(void **state) {
    scratch *here = *state;
    char copy[80];
    name_in(here, "copy.db", copy);
    killed_writer(here->path, 0, 5);
    assert_runs(here->path, MB_LEDGER_READ, 5);
    // Killed again, with a log that goes on or begins anew.
    killed_writer(here->path, 5, 9);
    assert_runs(here->path, MB_LEDGER_READ, 9);
    copy_with_log(here->path, copy);
    // The log is longer than what SQLite moves into the file on its own, several times.
    killed_writer(copy, 9, 400);
    assert_runs(copy, MB_LEDGER_READ, 400);
    assert_runs(copy, MB_LEDGER_WRITE, 400);
    assert_runs(here->path, MB_LEDGER_WRITE, 9);
    assert_false(exists(here->path, "-wal"));
}

static void other_logs_are_refused(void **state) {
    scratch *here = *state;
    char killed[80], other[80], log[96], command[256];
    name_in(here, "killed.db", killed);
    name_in(here, "other.db", other);
    snprintf(log, sizeof log, "%s-wal", here->path);
    killed_writer(killed, 0, 5);
    // The log of another ledger.
    copy_with_log(killed, here->path);
    killed_writer(other, 0, 3);
    assert_runs(other, MB_LEDGER_WRITE, 3);
    copy_file(other, here->path);
    assert_refused(here->path, "-wal");
    // An old log beside the finished file.
    copy_with_log(killed, other);
    assert_runs(other, MB_LEDGER_WRITE, 5);
    copy_file(other, here->path);
    assert_refused(here->path, "-wal");
    // A new log beside an old copy of the file: in between, the log has begun anew.
    copy_file(killed, here->path);
    killed_writer(killed, 5, 400);
    snprintf(command, sizeof command, "cp '%s-wal' '%s-wal'", killed, here->path);
    assert_int_equal(system(command), 0);
    assert_refused(here->path, "-wal");
    // Without the log, the file is what it was.
    assert_int_equal(unlink(log), 0);
    copy_file(other, here->path);
    assert_runs(here->path, MB_LEDGER_WRITE, 5);
}

static void lost_logs_are_told(void **state) {
    scratch *here = *state;
    char alone[80];
    name_in(here, "alone.db", alone);
    killed_writer(here->path, 0, 5);
    copy_file(here->path, alone);
    mb_ledger *ledger = open_ledger(alone, MB_LEDGER_READ);
    assert_non_null(strstr(mb_ledger_warnings(ledger), "alone.db-wal) is not here"));
    mb_ledger_close(ledger);
    ledger = open_ledger(alone, MB_LEDGER_WRITE);
    assert_non_null(strstr(mb_ledger_warnings(ledger), "alone.db-wal) is not here"));
    mb_ledger_close(ledger);
    // Whoever reads while another writes, or after that, is not warned.
    ledger = open_ledger(here->path, MB_LEDGER_READ);
    assert_string_equal(mb_ledger_warnings(ledger), "");
    mb_ledger_close(ledger);
}

// ---- rollback journals -------------------------------------------------------------------------

enum { PAGE = 4096 };

static void put_big(unsigned char *bytes, uint32_t value) {
    for (int i = 0; i < 4; i++)
        bytes[i] = (unsigned char)(value >> (24 - 8 * i));
}

// Writes the journal that SQLite leaves if it is killed while it changes the first page of a file:
// the page as it was, and the length of the file. `pages` < 0: the length that `from` has.
static void write_journal(const char *from, const char *to, int pages) {
    unsigned char head[512] = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7}, record[PAGE + 8];
    char name[128];
    struct stat info;
    assert_int_equal(stat(from, &info), 0);
    put_big(head + 8, 1);
    put_big(head + 12, 77); // added to the checksum
    put_big(head + 16, pages < 0 ? (uint32_t)(info.st_size / PAGE) : (uint32_t)pages);
    put_big(head + 20, sizeof head);
    put_big(head + 24, PAGE);
    FILE *file = fopen(from, "rb");
    assert_non_null(file);
    assert_int_equal(fread(record + 4, 1, PAGE, file), PAGE);
    fclose(file);
    uint32_t sum = 77;
    for (int i = PAGE - 200; i > 0; i -= 200)
        sum += record[4 + i];
    put_big(record, 1);
    put_big(record + 4 + PAGE, sum);
    snprintf(name, sizeof name, "%s-journal", to);
    file = fopen(name, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(head, 1, sizeof head, file), sizeof head);
    assert_int_equal(fwrite(record, 1, sizeof record, file), sizeof record);
    fclose(file);
}

static void other_journals_are_refused(void **state) {
    scratch *here = *state;
    char other[80];
    name_in(here, "other.db", other);
    killed_writer(here->path, 0, 5);
    assert_runs(here->path, MB_LEDGER_WRITE, 5);
    copy_file(here->path, other); // an older state
    killed_writer(here->path, 5, 30);
    assert_runs(here->path, MB_LEDGER_WRITE, 30);
    // Its own: SQLite applies it, and nothing is lost. A reader does so, too.
    static const mb_ledger_mode modes[] = {MB_LEDGER_READ, MB_LEDGER_WRITE};
    for (int i = 0; i < 2; i++) {
        write_journal(here->path, here->path, -1);
        assert_runs(here->path, modes[i], 30);
        assert_false(exists(here->path, "-journal"));
    }
    // Of an older state, which would cut the file; and of a file that was being created.
    write_journal(other, here->path, -1);
    assert_refused(here->path, "-journal");
    write_journal(here->path, here->path, 0);
    assert_refused(here->path, "-journal");
    unlink_suffix(here->path, "-journal");
    assert_runs(here->path, MB_LEDGER_WRITE, 30);
}

// ---- the file is moved ------------------------------------------------------------------------

// Records a run after `how` (a command) has happened to the ledger. The run is recorded, but the
// writer must stop, with a message that has `expected`.
static void assert_stops_after(const scratch *here, const char *how, const char *expected) {
    mb_error error = {.message = ""};
    char command[256];
    mb_ledger *ledger = open_ledger(here->path, MB_LEDGER_WRITE);
    put_trial(ledger, KEY, 3);
    assert_int_equal(put_sample(ledger, KEY, 0, NULL, &error), MB_OK);
    snprintf(command, sizeof command, "cd '%s' && %s", here->folder, how);
    assert_int_equal(system(command), 0);
    mb_status status = put_sample(ledger, KEY, 1, NULL, &error);
    if (status != MB_FAILED || strstr(error.message, expected) == NULL)
        fail_msg("%s: expected '%s', found status %d: %s", how, expected, (int)status,
                 error.message);
    // What would be recorded from now on would be lost.
    assert_int_equal(put_sample(ledger, KEY, 2, NULL, &error), MB_FAILED);
    assert_non_null(strstr(error.message, "nothing more is recorded"));
    mb_ledger_close(ledger);
    assert_false(exists(here->path, "-wal"));
}

static void moved_files_keep_their_runs(void **state) {
    scratch *here = *state;
    char moved[80];
    name_in(here, "moved.db", moved);
    assert_stops_after(here, "mv results.db moved.db", "moved.db");
    assert_false(exists(here->path, ""));
    assert_runs(moved, MB_LEDGER_READ, 2);
}

static void removed_files_are_saved(void **state) {
    scratch *here = *state;
    assert_stops_after(here, "rm results.db", "removed");
    assert_runs(here->path, MB_LEDGER_READ, 2);
    assert_int_equal(unlink(here->path), 0);
    assert_stops_after(here, "rm results.db*", "removed");
    assert_runs(here->path, MB_LEDGER_READ, 2);
}

static void replaced_files_are_saved_beside(void **state) {
    scratch *here = *state;
    char saved[96];
    snprintf(saved, sizeof saved, "%s.saved-1", here->path);
    assert_stops_after(here, "echo other >new && mv new results.db", ".saved-1");
    assert_runs(saved, MB_LEDGER_READ, 2);
    struct stat info;
    assert_int_equal(stat(here->path, &info), 0);
    assert_int_equal(info.st_size, 6); // "other\n", untouched
}

static void overwritten_files_are_left_alone(void **state) {
    scratch *here = *state;
    mb_error error = {.message = ""};
    char other[80], command[256];
    name_in(here, "other.db", other);
    make_ledger(here);
    copy_file(here->path, other);
    mb_ledger *ledger = open_ledger(here->path, MB_LEDGER_WRITE);
    put_trial(ledger, OTHER_KEY, 2);
    assert_int_equal(put_sample(ledger, OTHER_KEY, 0, NULL, &error), MB_OK);
    mb_ledger_close(ledger);
    ledger = open_ledger(here->path, MB_LEDGER_WRITE);
    copy_file(other, here->path); // the file stays, and gets other contents
    assert_int_equal(put_sample(ledger, OTHER_KEY, 1, NULL, &error), MB_FAILED);
    assert_non_null(strstr(error.message, "overwritten"));
    mb_ledger_close(ledger);
    snprintf(command, sizeof command, "cmp '%s' '%s'", other, here->path);
    assert_int_equal(system(command), 0);
    assert_refused(here->path, "-wal");
}

// A link whose file does not exist yet: the log is beside the file, so that every later opening
// finds it.
static void dangling_links_lead_to_the_file(void **state) {
    scratch *here = *state;
    char folder[80], target[112], link_path[80];
    name_in(here, "elsewhere", folder);
    name_in(here, "link.db", link_path);
    snprintf(target, sizeof target, "%s/results.db", folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(symlink("elsewhere/results.db", link_path), 0);
    int result;
    pid_t child = fork();
    if (child == 0)
        write_and_die(link_path, 0, 5);
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
    assert_true(exists(target, "-wal") && exists(target, "-lock"));
    assert_false(exists(link_path, "-wal") || exists(link_path, "-lock"));
    assert_runs(target, MB_LEDGER_READ, 5);
    assert_runs(link_path, MB_LEDGER_WRITE, 5);
}

// ---- one file, two names ----------------------------------------------------------------------

static int try_to_write(const char *path) {
    mb_error error = {.message = ""};
    mb_ledger *ledger;
    mb_status status = mb_ledger_open(path, MB_LEDGER_WRITE, &ledger, &error);
    return status == MB_FAILED && strstr(error.message, "in use") != NULL ? 0 : 1;
}

static void one_writer_under_all_names(void **state) {
    scratch *here = *state;
    char link_path[80], lock[96];
    int result;
    name_in(here, "link.db", link_path);
    make_ledger(here);
    assert_int_equal(link(here->path, link_path), 0);
    mb_ledger *ledger = open_ledger(here->path, MB_LEDGER_WRITE);
    snprintf(lock, sizeof lock, "%s-lock", here->path);
    assert_int_equal(unlink(lock), 0); // the lock is not this file
    for (int i = 0; i < 2; i++) {
        pid_t child = fork();
        if (child == 0)
            _exit(try_to_write(i == 0 ? link_path : here->path));
        assert_int_equal(waitpid(child, &result, 0), child);
        assert_int_equal(result, 0);
    }
    mb_ledger_close(ledger);
}

static void other_names_do_not_hide_a_log(void **state) {
    scratch *here = *state;
    char link_path[80];
    name_in(here, "link.db", link_path);
    killed_writer(here->path, 0, 5);
    assert_int_equal(link(here->path, link_path), 0);
    assert_refused(link_path, "2 names");
    assert_runs(here->path, MB_LEDGER_WRITE, 5);
    assert_runs(link_path, MB_LEDGER_WRITE, 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(own_logs_are_applied),
        SCRATCH_TEST(other_logs_are_refused),
        SCRATCH_TEST(lost_logs_are_told),
        SCRATCH_TEST(other_journals_are_refused),
        SCRATCH_TEST(moved_files_keep_their_runs),
        SCRATCH_TEST(removed_files_are_saved),
        SCRATCH_TEST(replaced_files_are_saved_beside),
        SCRATCH_TEST(overwritten_files_are_left_alone),
        SCRATCH_TEST(dangling_links_lead_to_the_file),
        SCRATCH_TEST(one_writer_under_all_names),
        SCRATCH_TEST(other_names_do_not_hide_a_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
