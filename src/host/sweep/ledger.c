// Opens, checks and closes a ledger, and groups writes into transactions.
//
// Durability: a write-ahead log with synchronous = FULL, so that every commit flushes the log to
// disk. A killed process loses nothing that was committed: the kernel already has the log, and the
// next reader applies it. FULL, rather than NORMAL, extends this to power failures at the cost of
// one flush per run.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/output_target.h"
#include "base/plain.h"
#include "sweep/ledger_internal.h"

const char *mb_ledger_path(const mb_ledger *ledger) {
    return ledger->path;
}

int mb_ledger_schema(const mb_ledger *ledger) {
    return ledger->schema;
}

int mb_ledger_newest_schema(void) {
    return MB_LEDGER_SCHEMA;
}

// A file that does not exist is a wrong input for a reader.
static mb_status no_file(const mb_ledger *ledger, mb_error *error) {
    mb_status status = mb_fail_errno(error, errno, "%s", ledger->path);
    return ledger->mode == MB_LEDGER_WRITE ? MB_FAILED : status;
}

// The absolute name of a file that does not exist yet; NULL with errno.
static char *absolute_name(const char *path) {
    const char *slash = strrchr(path, '/'), *base = slash != NULL ? slash + 1 : path;
    char *name = NULL, *folder = slash == NULL   ? strdup(".")
                                 : slash == path ? strdup("/")
                                                 : strndup(path, (size_t)(slash - path));
    char *absolute = folder != NULL ? realpath(folder, NULL) : NULL;
    if (absolute != NULL && asprintf(&name, "%s/%s", absolute, base) < 0)
        name = NULL;
    int cause = errno;
    free(absolute);
    free(folder);
    errno = cause;
    return name;
}

// Finds the absolute name of the file, which need not exist yet. The log and the holder's name are
// beside the file itself, whatever links lead to it.
static mb_status resolve(mb_ledger *ledger, mb_error *error) {
    ledger->file = realpath(ledger->path, NULL);
    if (ledger->file == NULL && errno == ENOENT && ledger->mode == MB_LEDGER_WRITE) {
        char *target = mb_output_target(ledger->path);
        ledger->file = target != NULL ? absolute_name(target) : NULL;
        int cause = errno;
        free(target);
        errno = cause;
    }
    return ledger->file != NULL ? MB_OK : no_file(ledger, error);
}

// Checks access beforehand, because the messages are clearer than the error codes of SQLite.
static mb_status check_access(mb_ledger *ledger, mb_error *error) {
    struct stat info;
    if (stat(ledger->file, &info) != 0) {
        if (errno == ENOENT && ledger->mode == MB_LEDGER_WRITE)
            return MB_OK;
        return no_file(ledger, error);
    }
    if (!S_ISREG(info.st_mode))
        return mb_fail(error, MB_BAD_INPUT, "%s: expected a results database, found a %s",
                       ledger->path, S_ISDIR(info.st_mode) ? "folder" : "special file");
    if (faccessat(AT_FDCWD, ledger->file, R_OK, AT_EACCESS) != 0)
        return mb_fail(error, MB_FAILED, "%s: cannot be read: %s", ledger->path, strerror(errno));
    if (ledger->mode == MB_LEDGER_WRITE && faccessat(AT_FDCWD, ledger->file, W_OK, AT_EACCESS) != 0)
        return mb_fail(error, MB_FAILED, "%s: cannot be written: %s", ledger->path,
                       strerror(errno));
    return MB_OK;
}

// How SQLite opens the file.
typedef struct way {
    const char *name;
    int flags;
    bool alone; // keeps the index of the log in its own memory, and the file locked
} way;

static void disconnect(mb_ledger *ledger) {
    mb_ledger_finalize(ledger);
    sqlite3_close(ledger->database);
    ledger->database = NULL;
}

static mb_status connect(mb_ledger *ledger, way how, mb_error *error) {
    // Without locks of its own SQLite relies on that of the ledger.
    const char *system = ledger->no_posix_locks ? "unix-none" : NULL;
    int result = sqlite3_open_v2(how.name, &ledger->database, how.flags, system);
    if (ledger->database == NULL)
        return mb_out_of_memory(error, "opening a results database");
    if (result != SQLITE_OK)
        return mb_ledger_failure(ledger, "opening", error);
    sqlite3_busy_timeout(ledger->database, MB_LEDGER_BUSY_MILLISECONDS);
    // The file may come from a stranger: its schema must not run code or change other tables.
    sqlite3_db_config(ledger->database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(ledger->database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(ledger->database, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    // A file that turns out not to be a ledger is left untouched, together with its log.
    sqlite3_db_config(ledger->database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    mb_status status = mb_ledger_add_digest(ledger, error);
    if (status == MB_OK && how.alone) // must come before the first look into the file
        status = mb_ledger_execute(ledger, "PRAGMA locking_mode = EXCLUSIVE", "opening", error);
    if (status == MB_OK)
        status = mb_ledger_execute(ledger, "PRAGMA foreign_keys = ON; PRAGMA cell_size_check = ON",
                                   "opening", error);
    if (status == MB_OK)
        status = mb_ledger_execute(
            ledger, ledger->unsynced ? "PRAGMA synchronous = OFF" : "PRAGMA synchronous = FULL",
            "opening", error);
    return status;
}

// Whether the last failure of SQLite may come from memory that cannot be shared.
static bool cannot_share(mb_ledger *ledger) {
    if (ledger->database == NULL)
        return false;
    switch (sqlite3_extended_errcode(ledger->database)) {
    case SQLITE_IOERR_SHMOPEN:
    case SQLITE_IOERR_SHMSIZE:
    case SQLITE_IOERR_SHMMAP:
    case SQLITE_IOERR_SHMLOCK:
    case SQLITE_READONLY_CANTINIT:
    case SQLITE_READONLY_RECOVERY:
    case SQLITE_READONLY_DIRECTORY:
    case SQLITE_READONLY:
        return true;
    default:
        return sqlite3_errcode(ledger->database) == SQLITE_CANTOPEN;
    }
}

char *mb_ledger_immutable_name(const mb_ledger *ledger) {
    sqlite3_str *uri = sqlite3_str_new(NULL);
    sqlite3_str_appendall(uri, "file:");
    for (const char *c = ledger->file; *c != '\0'; c++)
        sqlite3_str_appendf(uri, strchr("?#%", *c) != NULL ? "%%%02x" : "%c", (unsigned char)*c);
    sqlite3_str_appendall(uri, "?immutable=1");
    return sqlite3_str_finish(uri);
}

static mb_status open_other_schema(mb_ledger *ledger, int64_t version, mb_error *error) {
    bool older = version >= 1 && version < MB_LEDGER_SCHEMA;
    if (older && ledger->mode != MB_LEDGER_WRITE)
        return mb_ledger_view_old(ledger, (int)version, error);
    return mb_fail(error, MB_BAD_INPUT,
                   "%s: written with schema version %lld, this is merbench %s with schema version "
                   "%d%s%s%s",
                   ledger->path, (long long)version, MERBENCH_VERSION, MB_LEDGER_SCHEMA,
                   older ? "; 'merbench doctor " : "", older ? ledger->path : "",
                   older ? " --upgrade NEW.db' copies it into a new file that can be continued"
                         : "");
}

static mb_status check_or_create(mb_ledger *ledger, mb_error *error) {
    int64_t application, version, objects;
    mb_status status = mb_query_number(ledger, SQL_GET_APPLICATION, &application, error);
    if (status == MB_OK)
        status = mb_query_number(ledger, SQL_GET_VERSION, &version, error);
    if (status == MB_OK)
        status = mb_query_number(ledger, SQL_COUNT_OBJECTS, &objects, error);
    if (status != MB_OK)
        return status;
    ledger->schema = MB_LEDGER_SCHEMA;
    if (application == 0 && version == 0 && objects == 0 && ledger->mode == MB_LEDGER_WRITE)
        return mb_ledger_create_tables(ledger, error);
    if (application != MB_LEDGER_APPLICATION)
        return mb_fail(error, MB_BAD_INPUT, "%s: expected a results database of merbench, found %s",
                       ledger->path, objects == 0 ? "an empty file" : "another SQLite database");
    if (version == MB_LEDGER_SCHEMA)
        return mb_ledger_check_tables(ledger, error);
    ledger->schema = (int)version;
    return open_other_schema(ledger, version, error);
}

// ---- reading ----------------------------------------------------------------------------------

static bool has_log(const mb_ledger *ledger) {
    struct stat info;
    return stat(ledger->log_file, &info) == 0 && info.st_size > 0;
}

static mb_status try_to_read(mb_ledger *ledger, way how, mb_error *error) {
    int64_t application;
    mb_status status = connect(ledger, how, error);
    return status == MB_OK ? mb_query_number(ledger, SQL_GET_APPLICATION, &application, error)
                           : status;
}

// In a read-only folder, and where memory cannot be shared, SQLite cannot make the index of a log.
// Without a log it needs none. Otherwise it is made in this process's own memory, and writers are
// kept away meanwhile.
static mb_status read_alone(mb_ledger *ledger, mb_error *error) {
    disconnect(ledger);
    if (has_log(ledger)) {
        mb_status status = mb_ledger_keep_writers_away(ledger, error);
        way alone = {.name = ledger->file, .flags = SQLITE_OPEN_READONLY, .alone = true};
        ledger->no_posix_locks = true;
        return status == MB_OK ? try_to_read(ledger, alone, error) : status;
    }
    char *name = mb_ledger_immutable_name(ledger);
    if (name == NULL)
        return mb_out_of_memory(error, "opening a results database");
    way unchanging = {.name = name, .flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI};
    mb_status status = try_to_read(ledger, unchanging, error);
    sqlite3_free(name);
    return status;
}

// Whether a process was killed while it opened or closed the file for writing. Only a connection
// that may write can take that back.
static bool needs_rollback(mb_ledger *ledger) {
    return ledger->database != NULL &&
           sqlite3_extended_errcode(ledger->database) == SQLITE_READONLY_ROLLBACK;
}

static mb_status open_for_reading(mb_ledger *ledger, mb_error *error) {
    mb_error first = {.message = ""}; // is of no interest if the second attempt succeeds
    way how = {.name = ledger->file, .flags = SQLITE_OPEN_READONLY};
    mb_status status = mb_ledger_look_at_lock(ledger, error);
    if (status == MB_OK)
        status = mb_ledger_check_log(ledger, error);
    if (status != MB_OK)
        return status;
    how.alone = ledger->no_posix_locks;
    status = try_to_read(ledger, how, &first);
    if (status != MB_OK && needs_rollback(ledger)) {
        disconnect(ledger);
        how.flags = SQLITE_OPEN_READWRITE;
        status = try_to_read(ledger, how, &first);
    }
    if (status != MB_OK && cannot_share(ledger))
        status = read_alone(ledger, error);
    else if (status != MB_OK && error != NULL)
        *error = first;
    return status != MB_OK ? status : check_or_create(ledger, error);
}

// ---- writing ----------------------------------------------------------------------------------

static mb_status start_log(mb_ledger *ledger, mb_error *error) {
    sqlite3_stmt *statement = NULL;
    int result =
        sqlite3_prepare_v2(ledger->database, "PRAGMA journal_mode = WAL", -1, &statement, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_step(statement);
    const char *mode = result == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : "";
    bool started = mode != NULL && strcmp(mode, "wal") == 0;
    result = sqlite3_finalize(statement);
    if (result != SQLITE_OK)
        return mb_ledger_failure(ledger, "opening", error);
    if (!started)
        return mb_fail(error, MB_FAILED, "%s: SQLite cannot write a log here; give another place",
                       ledger->path);
    return mb_ledger_begin_session(ledger, error);
}

// A file whose log is lost may be half written.
static mb_status check_lost_log(mb_ledger *ledger, mb_error *error) {
    return ledger->lost_log ? mb_ledger_check(ledger, error) : MB_OK;
}

static mb_status try_to_write(mb_ledger *ledger, mb_error *error) {
    way how = {.name = ledger->file, .flags = SQLITE_OPEN_READWRITE, .alone = ledger->alone};
    mb_status status = connect(ledger, how, error);
    if (status == MB_OK)
        status = check_or_create(ledger, error);
    if (status == MB_OK)
        status = check_lost_log(ledger, error);
    return status == MB_OK ? start_log(ledger, error) : status;
}

static mb_status open_for_writing(mb_ledger *ledger, mb_error *error) {
    mb_error first = {.message = ""};
    mb_status status = mb_ledger_lock(ledger, error);
    if (status == MB_OK)
        status = mb_ledger_look_at_place(ledger, error);
    if (status == MB_OK)
        status = mb_ledger_check_log(ledger, error);
    if (status != MB_OK)
        return status;
    status = try_to_write(ledger, &first);
    if (status != MB_OK && !ledger->alone && cannot_share(ledger)) {
        disconnect(ledger);
        ledger->alone = true;
        status = try_to_write(ledger, error);
    } else if (status != MB_OK && error != NULL)
        *error = first;
    ledger->ready = status == MB_OK;
    return status;
}

// ---- warnings ---------------------------------------------------------------------------------

static mb_status warn_of(mb_ledger *ledger, mb_error *error) {
    bool writes = ledger->mode == MB_LEDGER_WRITE;
    char *path = mb_plain(ledger->path);
    if (path == NULL)
        return mb_out_of_memory(error, "opening a results database");
    sqlite3_str *text = sqlite3_str_new(NULL);
    if (ledger->lost_log)
        sqlite3_str_appendf(text,
                            "%s: its last writer did not end, and its log (%s-wal) is not here or "
                            "cannot be read; if the file was copied or moved without it, the last "
                            "runs are missing\n",
                            path, path);
    if (writes && ledger->alone)
        sqlite3_str_appendf(text,
                            "%s: on this file system, others cannot read it while this process "
                            "writes\n",
                            path);
    if (writes && ledger->unsynced)
        sqlite3_str_appendf(text,
                            "%s: on this file system, nothing can be flushed to the disk; a power "
                            "failure may damage it\n",
                            path);
    free(path);
    bool any = sqlite3_str_length(text) > 0;
    ledger->warnings = sqlite3_str_finish(text);
    return any && ledger->warnings == NULL ? mb_out_of_memory(error, "opening a results database")
                                           : MB_OK;
}

const char *mb_ledger_warnings(const mb_ledger *ledger) {
    return ledger->warnings != NULL ? ledger->warnings : "";
}

// ---- opening and closing ----------------------------------------------------------------------

static mb_status name_files(mb_ledger *ledger, mb_error *error) {
    if (asprintf(&ledger->log_file, "%s-wal", ledger->file) < 0)
        ledger->log_file = NULL;
    if (asprintf(&ledger->lock_file, "%s-lock", ledger->file) < 0)
        ledger->lock_file = NULL;
    return ledger->log_file != NULL && ledger->lock_file != NULL
               ? MB_OK
               : mb_out_of_memory(error, "path of a ledger");
}

mb_status mb_ledger_open(const char *path, mb_ledger_mode mode, mb_ledger **result,
                         mb_error *error) {
    *result = NULL;
    mb_ledger *ledger = calloc(1, sizeof *ledger);
    if (ledger == NULL)
        return mb_out_of_memory(error, "opening a results database");
    *ledger = (mb_ledger){.path = strdup(path), .mode = mode, .lock = -1};
    mb_status status =
        ledger->path != NULL ? MB_OK : mb_out_of_memory(error, "opening a results database");
    if (status == MB_OK)
        status = resolve(ledger, error);
    if (status == MB_OK)
        status = name_files(ledger, error);
    if (status == MB_OK)
        status = check_access(ledger, error);
    if (status == MB_OK)
        status = mode == MB_LEDGER_WRITE ? open_for_writing(ledger, error)
                                         : open_for_reading(ledger, error);
    if (status == MB_OK)
        status = warn_of(ledger, error);
    if (status == MB_OK)
        *result = ledger;
    else
        mb_ledger_close(ledger);
    return status;
}

// Whether this process created the file, has held its lock ever since, and has recorded nothing.
static bool holds_nothing(mb_ledger *ledger) {
    int64_t plans = 0, trials = 0;
    if (!ledger->created || ledger->lock < 0)
        return false;
    if (!ledger->ready)
        return true;
    return mb_query_number(ledger, SQL_COUNT_PLANS, &plans, NULL) == MB_OK &&
           mb_query_number(ledger, SQL_COUNT_TRIALS, &trials, NULL) == MB_OK && plans + trials == 0;
}

// Moves the log into the file and removes it. If there are readers, the log simply stays.
static void end_log(mb_ledger *ledger) {
    sqlite3_busy_timeout(ledger->database, 0);
    sqlite3_db_config(ledger->database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    sqlite3_exec(ledger->database, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
}

// Removes a file that holds nothing, with the journal of a failed attempt to create its tables.
static void remove_files(const mb_ledger *ledger) {
    char *journal = sqlite3_mprintf("%s-journal", ledger->file);
    unlink(ledger->file);
    if (journal != NULL)
        unlink(journal);
    sqlite3_free(journal);
}

void mb_ledger_close(mb_ledger *ledger) {
    if (ledger == NULL)
        return;
    if (ledger->ready && !sqlite3_get_autocommit(ledger->database))
        sqlite3_exec(ledger->database, "ROLLBACK", NULL, NULL, NULL);
    if (ledger->ready)
        mb_ledger_look(ledger, NULL); // the log must not be removed from another file
    bool remove = holds_nothing(ledger);
    mb_ledger_finalize(ledger);
    if (ledger->ready && !ledger->moved)
        end_log(ledger);
    sqlite3_close(ledger->database);
    if (remove && mb_ledger_is_at_path(ledger))
        remove_files(ledger);
    mb_ledger_unlock(ledger);
    sqlite3_free(ledger->warnings);
    free(ledger->lock_file);
    free(ledger->log_file);
    free(ledger->file);
    free(ledger->path);
    free(ledger);
}

mb_status mb_ledger_begin(mb_ledger *ledger, mb_error *error) {
    if (ledger->moved)
        return mb_fail(error, MB_FAILED,
                       "%s: nothing more is recorded, since the file is no longer here",
                       ledger->path);
    mb_status status =
        ledger->ready && ledger->depth == 0 ? mb_ledger_check_mark(ledger, error) : MB_OK;
    if (status == MB_OK)
        status = mb_ledger_execute(ledger, "SAVEPOINT merbench", "beginning a transaction", error);
    if (status == MB_OK && ledger->depth++ == 0)
        ledger->changes = sqlite3_total_changes(ledger->database);
    return status;
}

static mb_status roll_back(mb_ledger *ledger, mb_error *error) {
    // After some failures SQLite has already rolled back everything.
    if (sqlite3_get_autocommit(ledger->database))
        return MB_OK;
    return mb_ledger_execute(ledger, "ROLLBACK TO merbench; RELEASE merbench",
                             "ending a transaction", error);
}

mb_status mb_ledger_end(mb_ledger *ledger, bool keep, mb_error *error) {
    static const char what[] = "ending a transaction";
    ledger->depth--;
    if (!keep)
        return roll_back(ledger, error);
    bool writes = ledger->depth == 0 && ledger->ready &&
                  sqlite3_total_changes(ledger->database) != ledger->changes;
    mb_status status = writes ? mb_ledger_count_commit(ledger, error) : MB_OK;
    if (status == MB_OK)
        status = mb_ledger_execute(ledger, "RELEASE merbench", what, error);
    if (status != MB_OK)
        roll_back(ledger, NULL);
    return status == MB_OK && writes ? mb_ledger_look(ledger, error) : status;
}
