// Shared by the files of the ledger: the open database, its tables and statements, and the messages
// of failures.
#ifndef MB_SWEEP_LEDGER_INTERNAL_H
#define MB_SWEEP_LEDGER_INTERNAL_H

#include <sqlite3.h>

#include "sweep/ledger.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "blobs of the ledger are little-endian and are copied without conversion");

#define MB_LEDGER_APPLICATION 0x6d626c67 // "mblg"
#define MB_LEDGER_SCHEMA                                                                           \
    3 // in PRAGMA user_version; any change of the tables must increase it,
      // and ledger_old.c must say what an older file has in their place

// How long SQLite waits for the locks of others.
enum { MB_LEDGER_BUSY_MILLISECONDS = 10000 };

// Indices of the tables: TABLE_runs ...
typedef enum mb_ledger_table_index {
#define MB_TABLE(table, keys, constraints, options) TABLE_##table,
#include "sweep/ledger_tables.def"
    TABLE_COUNT
} mb_ledger_table_index;

// Indices of the columns in their tables, with the names of SQL: runs_steps ... A group of scores
// has the index of its first column: runs_select_scores, trial_scores_scores. clang-format off
#define MB_TABLE(table, keys, constraints, options) enum {
#define MB_COLUMN(table, name, declaration) table##_##name,
#define MB_FILLED(table, name, declaration, value) table##_##name,
#define MB_SCORES(table, prefix)                                                                   \
    table##_##prefix##scores,                                                                      \
        table##_##prefix##last = table##_##prefix##scores + MB_SCORE_COUNT - 1,
#define MB_DIGEST(table) table##_row_digest,
#define MB_END(table)                                                                              \
    table##_end                                                                                    \
    }                                                                                              \
    ;
#include "sweep/ledger_tables.def"
// clang-format on

typedef enum mb_ledger_statement {
#define MB_INSERT(statement, table, what, conflict) SQL_##statement,
#define MB_SELECT(statement, table, what, which) SQL_##statement,
#define MB_SQL(statement, what, sql) SQL_##statement,
#include "sweep/ledger_statements.def"
    SQL_COUNT
} mb_ledger_statement;

struct mb_ledger {
    char *path;      // as given, for messages
    char *file;      // absolute, links resolved
    char *log_file;  // "FILE-wal"
    char *lock_file; // "FILE-lock"
    mb_ledger_mode mode;
    int schema; // version of the file
    sqlite3 *database;
    sqlite3_stmt *statements[SQL_COUNT]; // NULL until first used
    int lock;                            // descriptor of the file, -1 = none
    bool created;                        // this process created the file
    bool ready;                          // opened for writing and found to be a ledger
    bool moved;                          // the file is no longer at its path
    char session[33], previous[33];      // of the log, and of the one before it
    int64_t mark_page, page_size;        // where the file has its mark
    int depth;                           // open groups
    int changes;                         // rows changed before the outermost group
    // What the place cannot do:
    bool no_posix_locks; // SQLite cannot lock the file
    bool alone;          // nobody can read it while this process has it open
    bool unsynced;       // nothing can be flushed to the disk
    // What was found:
    bool has_writer; // another process writes to the file
    bool lost_log;   // the file has a log, but it is not there
    char *warnings;  // lines; NULL = none
};

// ---- the lock ---------------------------------------------------------------------------------

// Opens the file, creates it if it does not exist, and locks it against other writers.
mb_status mb_ledger_lock(mb_ledger *ledger, mb_error *error);
void mb_ledger_unlock(mb_ledger *ledger); // after the database is closed
// For readers: finds out whether there is a writer. Where locks of SQLite do not work, keeps
// writers away or fails if there is one.
mb_status mb_ledger_look_at_lock(mb_ledger *ledger, mb_error *error);
// Keeps writers away until the ledger is closed, or fails if there is one.
mb_status mb_ledger_keep_writers_away(mb_ledger *ledger, mb_error *error);
// MB_FAILED: another process has the file, with its name if it is known.
mb_status mb_ledger_in_use(mb_ledger *ledger, mb_error *error);
// Whether the locked file still has its name.
bool mb_ledger_is_at_path(const mb_ledger *ledger);

// ---- the place --------------------------------------------------------------------------------

// Finds out what the place of a locked file cannot do. MB_FAILED: too much.
mb_status mb_ledger_look_at_place(mb_ledger *ledger, mb_error *error);

// ---- the log ----------------------------------------------------------------------------------

// MB_BAD_INPUT: the log beside the file is not its own. Must be called before SQLite opens it.
mb_status mb_ledger_check_log(mb_ledger *ledger, mb_error *error);
// The same for the rollback journal of a file in which so many transactions were recorded.
mb_status mb_ledger_check_journal(mb_ledger *ledger, int64_t commits, mb_error *error);
// Begins a session if the log is empty.
mb_status mb_ledger_begin_session(mb_ledger *ledger, mb_error *error);
// MB_FAILED: the file was overwritten by another.
mb_status mb_ledger_check_mark(mb_ledger *ledger, mb_error *error);
mb_status mb_ledger_count_commit(mb_ledger *ledger, mb_error *error);
// A number in the files of SQLite.
static inline uint32_t mb_big_endian(const unsigned char bytes[4]) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}
// The name for opening the file as one that does not change, without its log; free with
// sqlite3_free. NULL when out of memory.
char *mb_ledger_immutable_name(const mb_ledger *ledger);

// ---- the schema -------------------------------------------------------------------------------

typedef struct mb_ledger_table {
    const char *name;
    int keys; // number of leading columns that identify a row
    const char *constraints, *options;
} mb_ledger_table;
extern const mb_ledger_table mb_ledger_tables[TABLE_COUNT];

// Appends the values for recording a row: parameters, the digest, and what SQLite fills in.
void mb_ledger_add_values(sqlite3_str *text, mb_ledger_table_index table);
// The name of the n-th column, which must be none of scores.
const char *mb_ledger_column_name(mb_ledger_table_index table, int n);
// Whether the first column is a number that SQLite gives.
bool mb_ledger_has_row_number(mb_ledger_table_index table);
// Whether the last column is the digest of the row.
bool mb_ledger_has_digest(mb_ledger_table_index table);

// Creates the tables in an empty database.
mb_status mb_ledger_create_tables(mb_ledger *ledger, mb_error *error);
// MB_BAD_INPUT: a table is missing or differs from the one that this version creates.
mb_status mb_ledger_check_tables(mb_ledger *ledger, mb_error *error);

// MB_BAD_INPUT: a table, or what stands for it in an older file, has other columns.
mb_status mb_ledger_check_columns(mb_ledger *ledger, mb_ledger_table_index table, int version,
                                  mb_error *error);
// Makes the tables of a file with an older schema look like those of this one, for reading.
mb_status mb_ledger_view_old(mb_ledger *ledger, int version, mb_error *error);

// The roles of predictions, and their names in the tables.
typedef enum mb_ledger_role { ROLE_SELECT, ROLE_HELD, ROLE_TEST, ROLE_COUNT } mb_ledger_role;
extern const char *const mb_ledger_roles[ROLE_COUNT];

// ---- digests ----------------------------------------------------------------------------------

#define MB_LEDGER_DIGESTS 3                // the first schema version in which rows have them
#define MB_LEDGER_DIGEST "merbench_digest" // the function in SQL
// Gives the connection that function.
mb_status mb_ledger_add_digest(mb_ledger *ledger, mb_error *error);
// Whether a row, whose columns are the first of the statement, has the digest that it states.
// SQLITE_OK, SQLITE_MISMATCH or SQLITE_NOMEM.
int mb_ledger_verify(sqlite3_stmt *statement, mb_ledger_table_index table, int columns);

// ---- failures ---------------------------------------------------------------------------------

// Turns the last failure of SQLite into a status and a message "PATH: WHAT: ...".
mb_status mb_ledger_failure(mb_ledger *ledger, const char *what, mb_error *error);
// Whether the last failure of SQLite is damage to the file, and not a read that failed.
bool mb_ledger_found_damage(mb_ledger *ledger);
// Whether a part of the disk could not be read.
bool mb_ledger_disk_failed(mb_ledger *ledger);
mb_status mb_ledger_damaged(mb_ledger *ledger, const char *what, mb_error *error);
mb_status mb_ledger_execute(mb_ledger *ledger, const char *sql, const char *what, mb_error *error);

// ---- statements -------------------------------------------------------------------------------

// One use of a statement. The statement itself stays prepared until the ledger is closed, and has
// only one use at a time.
typedef struct mb_query {
    mb_ledger *ledger;
    sqlite3_stmt *statement;
    const char *what; // for messages: "recording a run"
    mb_ledger_table_index table;
    int bound;             // number of bound parameters
    int result;            // of SQLite: the first failure of binding or copying, or SQLITE_OK
    bool selects;          // all columns of `table`
    char damage[256];      // describes the first damaged value; "" = none
    char changed_row[160]; // the first row that does not have the digest that it states; "" = none
} mb_query;

mb_status mb_query_open(mb_query *query, mb_ledger *ledger, mb_ledger_statement statement,
                        mb_error *error);
// Must be called also after a failed open. Returns `status` or, if that is MB_OK, a failure because
// of a damaged value.
mb_status mb_query_close(mb_query *query, mb_status status, mb_error *error);
// Frees all prepared statements; must be called before the database is closed.
void mb_ledger_finalize(mb_ledger *ledger);

// Bind values to parameters such as ":fold". All parameters of the statement must be bound. A
// failure to bind is reported by the next step. Pointers must stay valid until the statement has
// run or is closed.
void mb_query_bind_integer(mb_query *query, const char *name, int64_t value);
void mb_query_bind_real(mb_query *query, const char *name, double value);     // NaN becomes NULL
void mb_query_bind_text(mb_query *query, const char *name, const char *text); // NULL becomes NULL
void mb_query_bind_blob(mb_query *query, const char *name, const void *bytes, size_t count);
// Binds ":select_waf" ... if the prefix is "select_".
void mb_query_bind_scores(mb_query *query, const char *prefix, const mb_scores *scores);

// Moves to the next row; *row = false at the end.
mb_status mb_query_next(mb_query *query, bool *row, mb_error *error);
// Executes a statement that returns no rows and prepares it for new values.
mb_status mb_query_run(mb_query *query, mb_error *error);
// Executes a statement that returns one number.
mb_status mb_query_number(mb_ledger *ledger, mb_ledger_statement statement, int64_t *number,
                          mb_error *error);

// Read the columns of the current row. A value that its column should not hold counts as damage.
// Functions that do not return a status then return 0, NaN or "", and the damage is reported by the
// next step, at the end of the query, or by mb_query_check.
mb_status mb_query_check(mb_query *query, mb_error *error);
// Names a row by its keys, for messages: "row run=3 epoch=0".
void mb_ledger_row_text(sqlite3_stmt *row, mb_ledger_table_index table, char *text, size_t size);
// Compares the current row with its digest.
void mb_query_verify(mb_query *query);
int64_t mb_query_integer(mb_query *query, int column);
int32_t mb_query_integer32(mb_query *query, int column);
double mb_query_real(mb_query *query, int column); // NULL becomes NaN
void mb_query_scores(mb_query *query, int first_column, mb_scores *scores);
void mb_query_text(mb_query *query, int column, char *buffer, size_t size);
// The index of the text in `names`.
int mb_query_choice(mb_query *query, int column, const char *const *names, int count);
bool mb_query_is_null(mb_query *query, int column);
mb_status mb_query_copy_text(mb_query *query, int column, char **copy, mb_error *error);
// *copy becomes NULL for NULL. A blob that does not have `expected` bytes counts as damage.
mb_status mb_query_copy_blob(mb_query *query, int column, size_t expected, void **copy,
                             mb_error *error);

// Appends a zeroed item to a list and increments *count; the capacity doubles. Returns the list, or
// NULL when out of memory.
void *mb_ledger_one_more(void *items, int32_t *count, size_t size, mb_error *error);

// ---- targets ----------------------------------------------------------------------------------

// Predictions of a run for a target, as recorded.
typedef struct mb_kept_prediction {
    char name[32], part[33];
    int32_t count;
    void *logits, *valences; // NULL: none
    size_t logits_size, valences_size;
} mb_kept_prediction;

typedef struct mb_kept_predictions {
    int32_t count;
    mb_kept_prediction *items;
} mb_kept_predictions;

// ledger_read.c: the id of a run, which must be recorded.
mb_status mb_ledger_find_run(mb_ledger *ledger, const char *trial_key, int32_t fold, int64_t *id,
                             mb_error *error);
// ledger_targets.c: reads the predictions of the recorded run `id` for targets that the new run
// does not have.
mb_status mb_ledger_keep_predictions(mb_ledger *ledger, const mb_ledger_run *run, int64_t id,
                                     mb_kept_predictions *kept, mb_error *error);
mb_status mb_ledger_put_kept(mb_ledger *ledger, int64_t id, int32_t position,
                             const mb_kept_predictions *kept, mb_error *error);
void mb_kept_predictions_free(mb_kept_predictions *kept);
// Adds the recorded scores for other targets to new ones; free `all` with mb_ledger_scores_free.
mb_status mb_ledger_keep_scores(mb_ledger *ledger, const char *trial_key,
                                const mb_ledger_scores *scores, mb_ledger_scores *all,
                                mb_error *error);
// ledger_scores.c
mb_status mb_ledger_put_scores_of(mb_ledger *ledger, const char *trial_key,
                                  const mb_ledger_scores *scores, bool keeps_targets,
                                  mb_error *error);

#endif
