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

#include "sweep/ledger_internal.h"

enum { BUSY_MILLISECONDS = 10000 };

const char *mb_ledger_path(const mb_ledger *ledger) {
    return ledger->path;
}

int mb_ledger_schema(const mb_ledger *ledger) {
    return ledger->schema;
}

int mb_ledger_newest_schema(void) {
    return MB_LEDGER_SCHEMA;
}

// Finds the absolute name of the file, which need not exist yet. Different names of the same file
// must share one lock.
static mb_status resolve(mb_ledger *ledger, mb_error *error) {
    ledger->file = realpath(ledger->path, NULL);
    if (ledger->file != NULL)
        return MB_OK;
    if (errno == ENOMEM)
        return mb_out_of_memory(error, "path of a ledger");
    if (errno != ENOENT || ledger->mode != MB_LEDGER_WRITE)
        return mb_fail(error, ledger->mode != MB_LEDGER_WRITE ? MB_BAD_INPUT : MB_FAILED, "%s: %s",
                       ledger->path, strerror(errno));
    const char *slash = strrchr(ledger->path, '/');
    const char *name = slash != NULL ? slash + 1 : ledger->path;
    char *folder = slash == NULL           ? strdup(".")
                   : slash == ledger->path ? strdup("/")
                                           : strndup(ledger->path, (size_t)(slash - ledger->path));
    char *absolute = folder != NULL ? realpath(folder, NULL) : NULL;
    mb_status status = MB_OK;
    if (absolute == NULL)
        status = folder == NULL ? mb_out_of_memory(error, "path of a ledger")
                                : mb_fail(error, MB_FAILED, "%s: folder %s: %s", ledger->path,
                                          folder, strerror(errno));
    else if (asprintf(&ledger->file, "%s/%s", absolute, name) < 0) {
        ledger->file = NULL;
        status = mb_out_of_memory(error, "path of a ledger");
    }
    free(absolute);
    free(folder);
    return status;
}

// Checks access beforehand, because the messages are clearer than the error codes of SQLite.
static mb_status check_access(mb_ledger *ledger, mb_error *error) {
    struct stat info;
    if (stat(ledger->file, &info) != 0) {
        if (errno == ENOENT && ledger->mode == MB_LEDGER_WRITE)
            return MB_OK;
        return mb_fail(error, MB_BAD_INPUT, "%s: %s", ledger->path, strerror(errno));
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

static mb_status connect(mb_ledger *ledger, const char *name, int flags, mb_error *error) {
    int result = sqlite3_open_v2(name, &ledger->database, flags, NULL);
    if (ledger->database == NULL)
        return mb_out_of_memory(error, "opening a results database");
    if (result != SQLITE_OK)
        return mb_ledger_failure(ledger, "opening", error);
    sqlite3_busy_timeout(ledger->database, BUSY_MILLISECONDS);
    // The file may come from a stranger: its schema must not run code or change other tables.
    sqlite3_db_config(ledger->database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(ledger->database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(ledger->database, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    // A file that turns out not to be a ledger is left untouched, together with its log.
    sqlite3_db_config(ledger->database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    return mb_ledger_execute(ledger,
                             "PRAGMA foreign_keys = ON; PRAGMA cell_size_check = ON; "
                             "PRAGMA synchronous = FULL",
                             "opening", error);
}

// In a read-only folder SQLite cannot create the index of a write-ahead log. If there is no log,
// none is needed, and the file is opened as one that does not change.
static mb_status reopen_immutable(mb_ledger *ledger, mb_error *error) {
    struct stat info;
    char *name = sqlite3_mprintf("%s-wal", ledger->file);
    if (name == NULL)
        return mb_out_of_memory(error, "opening a results database");
    bool has_log = stat(name, &info) == 0 && info.st_size > 0;
    sqlite3_free(name);
    if (has_log)
        return mb_fail(
            error, MB_FAILED,
            "%s: its write-ahead log (%s-wal) cannot be read in a read-only folder; copy "
            "both files elsewhere",
            ledger->path, ledger->path);
    sqlite3_str *uri = sqlite3_str_new(NULL);
    sqlite3_str_appendall(uri, "file:");
    for (const char *c = ledger->file; *c != '\0'; c++)
        sqlite3_str_appendf(uri, strchr("?#%", *c) != NULL ? "%%%02x" : "%c", (unsigned char)*c);
    sqlite3_str_appendall(uri, "?immutable=1");
    name = sqlite3_str_finish(uri);
    if (name == NULL)
        return mb_out_of_memory(error, "opening a results database");
    mb_ledger_finalize(ledger);
    sqlite3_close(ledger->database);
    ledger->database = NULL;
    mb_status status = connect(ledger, name, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, error);
    sqlite3_free(name);
    return status;
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

static mb_status open_for_reading(mb_ledger *ledger, mb_error *error) {
    int64_t application;
    mb_error first = {.message = ""}; // is of no interest if the second attempt succeeds
    int flags = ledger->mode == MB_LEDGER_COPY ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
    mb_status status = connect(ledger, ledger->file, flags, &first);
    if (status == MB_OK)
        status = mb_query_number(ledger, SQL_GET_APPLICATION, &application, &first);
    int code = ledger->database != NULL ? sqlite3_errcode(ledger->database) : SQLITE_OK;
    if (status != MB_OK && (code == SQLITE_CANTOPEN || code == SQLITE_READONLY))
        status = reopen_immutable(ledger, error);
    else if (status != MB_OK && error != NULL)
        *error = first;
    return status != MB_OK ? status : check_or_create(ledger, error);
}

static mb_status open_for_writing(mb_ledger *ledger, mb_error *error) {
    mb_status status = mb_ledger_lock(ledger, error);
    ledger->created = status == MB_OK && access(ledger->file, F_OK) != 0 && errno == ENOENT;
    if (status == MB_OK)
        status = connect(ledger, ledger->file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, error);
    if (status == MB_OK)
        status = check_or_create(ledger, error);
    if (status == MB_OK)
        status = mb_ledger_execute(ledger, "PRAGMA journal_mode = WAL", "opening", error);
    ledger->ready = status == MB_OK;
    return status;
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
        status = check_access(ledger, error);
    if (status == MB_OK)
        status = mode == MB_LEDGER_WRITE ? open_for_writing(ledger, error)
                                         : open_for_reading(ledger, error);
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

void mb_ledger_close(mb_ledger *ledger) {
    if (ledger == NULL)
        return;
    if (ledger->ready && !sqlite3_get_autocommit(ledger->database))
        sqlite3_exec(ledger->database, "ROLLBACK", NULL, NULL, NULL);
    bool remove = holds_nothing(ledger);
    mb_ledger_finalize(ledger);
    if (ledger->ready) {
        // Moves the log into the file and removes it. If there are readers, the log simply stays.
        sqlite3_busy_timeout(ledger->database, 0);
        sqlite3_db_config(ledger->database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
        sqlite3_exec(ledger->database, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
    }
    sqlite3_close(ledger->database);
    if (remove)
        unlink(ledger->file);
    mb_ledger_unlock(ledger);
    free(ledger->file);
    free(ledger->path);
    free(ledger);
}

mb_status mb_ledger_begin(mb_ledger *ledger, mb_error *error) {
    return mb_ledger_execute(ledger, "SAVEPOINT merbench", "beginning a transaction", error);
}

mb_status mb_ledger_end(mb_ledger *ledger, bool keep, mb_error *error) {
    static const char what[] = "ending a transaction";
    if (keep) {
        mb_status status = mb_ledger_execute(ledger, "RELEASE merbench", what, error);
        if (status == MB_OK)
            return MB_OK;
        mb_ledger_end(ledger, false, NULL);
        return status;
    }
    // After some failures SQLite has already rolled back everything.
    if (sqlite3_get_autocommit(ledger->database))
        return MB_OK;
    return mb_ledger_execute(ledger, "ROLLBACK TO merbench; RELEASE merbench", what, error);
}
