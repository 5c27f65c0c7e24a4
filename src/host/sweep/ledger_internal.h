// What the files of the ledger share: the open database, queries, the message of a failure.
#ifndef MB_SWEEP_LEDGER_INTERNAL_H
#define MB_SWEEP_LEDGER_INTERNAL_H

#include <sqlite3.h>

#include "sweep/ledger.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "blobs of the ledger are little-endian and are copied as they lie in memory");

#define MB_LEDGER_APPLICATION 0x6d626c67 // "mblg"
#define MB_LEDGER_SCHEMA 1 // in PRAGMA user_version; raised by any change of the tables

struct mb_ledger {
    char *path; // as given, for messages
    char *file; // absolute, links resolved
    mb_ledger_mode mode;
    sqlite3 *database;
    bool created;    // by this process
    bool ready;      // opened for writing and found to be a ledger
    int lock;        // descriptor of the lock file, -1 = none
    char *lock_file; // NULL = none
};

// Holds `ledger->file` for this process alone until unlocked. The lock is a file of its own
// (results.db-lock): closing a second descriptor of the database would drop SQLite's own locks.
mb_status mb_ledger_lock(mb_ledger *ledger, mb_error *error);
void mb_ledger_unlock(mb_ledger *ledger);

// Creates the tables in an empty database.
mb_status mb_ledger_create_tables(mb_ledger *ledger, mb_error *error);
// MB_BAD_INPUT when a table is missing or is not as this version creates it.
mb_status mb_ledger_check_tables(mb_ledger *ledger, mb_error *error);

// Turns the last failure of SQLite into a status and a message "PATH: WHAT: ...".
mb_status mb_ledger_failure(mb_ledger *ledger, const char *what, mb_error *error);
mb_status mb_ledger_damaged(mb_ledger *ledger, const char *what, mb_error *error);
mb_status mb_ledger_execute(mb_ledger *ledger, const char *sql, const char *what, mb_error *error);

// One prepared statement. Values are bound left to right; a failure to bind is told by the next
// step. Pointers must stay valid until then.
typedef struct mb_query {
    mb_ledger *ledger;
    sqlite3_stmt *statement;
    const char *what; // for messages: "recording a run"
    int bound;
    int result; // of the binds so far
} mb_query;

mb_status mb_query_open(mb_query *query, mb_ledger *ledger, const char *what, const char *sql,
                        mb_error *error);
void mb_query_close(mb_query *query); // also after a failed open
void mb_query_bind_integer(mb_query *query, int64_t value);
void mb_query_bind_real(mb_query *query, double value);                    // NaN becomes NULL
void mb_query_bind_text(mb_query *query, const char *text);                // NULL becomes NULL
void mb_query_bind_blob(mb_query *query, const void *bytes, size_t count); // likewise
void mb_query_bind_scores(mb_query *query, const mb_scores *scores);

// Steps to the next row; *row = false at the end.
mb_status mb_query_next(mb_query *query, bool *row, mb_error *error);
// Runs a statement without rows and makes it ready for new values.
mb_status mb_query_run(mb_query *query, mb_error *error);

// Columns of the current row. NULL becomes NaN, "" or a missing copy.
int64_t mb_query_integer(mb_query *query, int column);
int32_t mb_query_integer32(mb_query *query, int column); // clamped
double mb_query_real(mb_query *query, int column);
void mb_query_scores(mb_query *query, int first_column, mb_scores *scores);
// Columns of the table trial_scores, from `diverged` on.
void mb_query_trial_scores(mb_query *query, int first_column, mb_ledger_scores *scores);
void mb_query_text(mb_query *query, int column, char *buffer, size_t size);
// *copy is NULL for NULL.
mb_status mb_query_copy_text(mb_query *query, int column, char **copy, mb_error *error);
// *copy is NULL for NULL; another number of bytes than `expected` is damage.
mb_status mb_query_copy_blob(mb_query *query, int column, size_t expected, void **copy,
                             mb_error *error);

#endif
