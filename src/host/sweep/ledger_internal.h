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
    2 // in PRAGMA user_version; any change of the tables must increase it,
      // and ledger_old.c must say what an older file has in their place

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
    char *path; // as given, for messages
    char *file; // absolute, links resolved
    mb_ledger_mode mode;
    int schema; // version of the file
    sqlite3 *database;
    sqlite3_stmt *statements[SQL_COUNT]; // NULL until first used
    bool created;                        // this process created the file
    bool ready;                          // opened for writing and found to be a ledger
    int lock;                            // descriptor of the lock file, -1 = none
    char *lock_file;                     // NULL = none
};

// Locks `ledger->file` against other writers. The lock is a separate file (results.db-lock),
// because closing a second descriptor of the database itself would drop the locks of SQLite.
mb_status mb_ledger_lock(mb_ledger *ledger, mb_error *error);
void mb_ledger_unlock(mb_ledger *ledger);

// ---- the schema -------------------------------------------------------------------------------

typedef struct mb_ledger_table {
    const char *name;
    int keys; // number of leading columns that identify a row
    const char *constraints, *options;
} mb_ledger_table;
extern const mb_ledger_table mb_ledger_tables[TABLE_COUNT];

// Appends the columns of a table, separated by commas: with their declarations, or as the values
// for recording a row.
void mb_ledger_add_columns(sqlite3_str *text, mb_ledger_table_index table, bool values);

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

// ---- failures ---------------------------------------------------------------------------------

// Turns the last failure of SQLite into a status and a message "PATH: WHAT: ...".
mb_status mb_ledger_failure(mb_ledger *ledger, const char *what, mb_error *error);
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
    int bound;        // number of bound parameters
    int result;       // of SQLite: the first failure of binding or copying, or SQLITE_OK
    char damage[256]; // describes the first damaged value; "" = none
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

#endif
