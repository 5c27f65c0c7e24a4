// Prepares the statements of SQLite once, executes them, and turns errors into messages.
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sweep/ledger_internal.h"

mb_status mb_ledger_damaged(mb_ledger *ledger, const char *what, mb_error *error) {
    return mb_fail(error, MB_BAD_INPUT, "%s: the file is damaged: %s", ledger->path, what);
}

// The system's reason for the last failed read or write, or "".
static const char *system_reason(mb_ledger *ledger, char *buffer, size_t size) {
    int number = sqlite3_system_errno(ledger->database);
    if (number == 0)
        return "";
    snprintf(buffer, size, " (%s)", strerror(number));
    return buffer;
}

// The errno of the last call that failed on the file or its log.
static int last_errno(mb_ledger *ledger) {
    int number = 0;
    sqlite3_file *log = NULL;
    sqlite3_file_control(ledger->database, NULL, SQLITE_FCNTL_LAST_ERRNO, &number);
    sqlite3_file_control(ledger->database, NULL, SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (number == 0 && log != NULL && log->pMethods != NULL)
        log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &number);
    return number;
}

// A disk that cannot be read is no damage to the file, though SQLite calls it so.
bool mb_ledger_found_damage(mb_ledger *ledger) {
    int code = sqlite3_errcode(ledger->database);
    return (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) && !mb_ledger_disk_failed(ledger);
}

bool mb_ledger_disk_failed(mb_ledger *ledger) {
    int number = last_errno(ledger);
    return number == EIO || number == ENXIO;
}

mb_status mb_ledger_failure(mb_ledger *ledger, const char *what, mb_error *error) {
    char buffer[160];
    const char *message = sqlite3_errmsg(ledger->database);
    const char *reason = system_reason(ledger, buffer, sizeof buffer);
    int code = sqlite3_errcode(ledger->database);
    if ((code == SQLITE_CORRUPT || code == SQLITE_NOTADB) && !mb_ledger_found_damage(ledger))
        return mb_fail(error, MB_FAILED, "%s: %s: cannot be read: %s", ledger->path, what,
                       strerror(EIO));
    switch (code) {
    case SQLITE_NOTADB:
        return mb_fail(error, MB_BAD_INPUT,
                       "%s: expected a results database of merbench, found a file that SQLite "
                       "cannot read",
                       ledger->path);
    case SQLITE_CORRUPT:
        return mb_fail(error, MB_BAD_INPUT, "%s: the file is damaged: %s: %s", ledger->path, what,
                       message);
    case SQLITE_NOMEM:
        return mb_out_of_memory(error, what);
    case SQLITE_FULL:
        return mb_fail(error, MB_FAILED, "%s: %s: the disk is full%s", ledger->path, what, reason);
    case SQLITE_BUSY:
        return ledger->has_writer
                   ? mb_ledger_in_use(ledger, error)
                   : mb_fail(error, MB_FAILED, "%s: %s: locked by another program that has it open",
                             ledger->path, what);
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        return mb_fail(error, MB_FAILED, "%s: %s: no permission or read-only folder: %s%s",
                       ledger->path, what, message, reason);
    default:
        return mb_fail(error, MB_FAILED, "%s: %s: %s%s", ledger->path, what, message, reason);
    }
}

mb_status mb_ledger_execute(mb_ledger *ledger, const char *sql, const char *what, mb_error *error) {
    if (sqlite3_exec(ledger->database, sql, NULL, NULL, NULL) != SQLITE_OK)
        return mb_ledger_failure(ledger, what, error);
    return MB_OK;
}

// ---- statements -------------------------------------------------------------------------------

typedef enum statement_kind { INSERT, SELECT, OTHER } statement_kind;

static const struct {
    statement_kind kind;
    mb_ledger_table_index table; // TABLE_COUNT = none
    const char *what, *text;     // text: follows the beginning, which depends on the kind
} statements[SQL_COUNT] = {
#define MB_INSERT(statement, table, what, conflict) {INSERT, TABLE_##table, what, conflict},
#define MB_SELECT(statement, table, what, which) {SELECT, TABLE_##table, what, which},
#define MB_SQL(statement, what, sql) {OTHER, TABLE_COUNT, what, sql},
#include "sweep/ledger_statements.def"
};

static char *statement_text(mb_ledger_statement index) {
    mb_ledger_table_index table = statements[index].table;
    sqlite3_str *text = sqlite3_str_new(NULL);
    if (statements[index].kind == INSERT) {
        sqlite3_str_appendf(text, "INSERT INTO %s VALUES (", mb_ledger_tables[table].name);
        mb_ledger_add_values(text, table);
        sqlite3_str_appendall(text, ") ");
    } else if (statements[index].kind == SELECT) {
        const char *name = mb_ledger_tables[table].name;
        sqlite3_str_appendf(text, "SELECT %s.* FROM %s ", name, name);
    }
    sqlite3_str_appendall(text, statements[index].text);
    return sqlite3_str_finish(text);
}

static mb_status prepare(mb_ledger *ledger, mb_ledger_statement index, mb_error *error) {
    char *text = statement_text(index);
    if (text == NULL)
        return mb_out_of_memory(error, statements[index].what);
    int result = sqlite3_prepare_v3(ledger->database, text, -1, SQLITE_PREPARE_PERSISTENT,
                                    &ledger->statements[index], NULL);
    sqlite3_free(text);
    return result == SQLITE_OK ? MB_OK : mb_ledger_failure(ledger, statements[index].what, error);
}

void mb_ledger_finalize(mb_ledger *ledger) {
    for (int i = 0; i < SQL_COUNT; i++) {
        sqlite3_finalize(ledger->statements[i]);
        ledger->statements[i] = NULL;
    }
}

// ---- one use of a statement -------------------------------------------------------------------

mb_status mb_query_open(mb_query *query, mb_ledger *ledger, mb_ledger_statement statement,
                        mb_error *error) {
    *query = (mb_query){.ledger = ledger,
                        .what = statements[statement].what,
                        .table = statements[statement].table,
                        .selects = statements[statement].kind == SELECT,
                        .result = SQLITE_OK};
    mb_status status =
        ledger->statements[statement] == NULL ? prepare(ledger, statement, error) : MB_OK;
    query->statement = ledger->statements[statement];
    assert(query->statement == NULL || !sqlite3_stmt_busy(query->statement));
    return status;
}

mb_status mb_query_close(mb_query *query, mb_status status, mb_error *error) {
    if (query->statement == NULL)
        return status;
    if (status == MB_OK)
        status = mb_query_check(query, error);
    sqlite3_reset(query->statement);
    sqlite3_clear_bindings(query->statement);
    query->statement = NULL;
    return status;
}

// The index of a parameter; the statement must have it.
static int parameter_index(mb_query *query, const char *name) {
    int index = sqlite3_bind_parameter_index(query->statement, name);
    assert(index > 0);
    query->bound++;
    return index;
}

static void note(mb_query *query, int result) {
    if (query->result == SQLITE_OK)
        query->result = result;
}

void mb_query_bind_integer(mb_query *query, const char *name, int64_t value) {
    note(query, sqlite3_bind_int64(query->statement, parameter_index(query, name), value));
}

void mb_query_bind_real(mb_query *query, const char *name, double value) {
    int index = parameter_index(query, name);
    note(query, isnan(value) ? sqlite3_bind_null(query->statement, index)
                             : sqlite3_bind_double(query->statement, index, value));
}

void mb_query_bind_text(mb_query *query, const char *name, const char *text) {
    int index = parameter_index(query, name);
    note(query, sqlite3_bind_text(query->statement, index, text, -1, SQLITE_STATIC));
}

void mb_query_bind_blob(mb_query *query, const char *name, const void *bytes, size_t count) {
    int index = parameter_index(query, name);
    note(query, sqlite3_bind_blob64(query->statement, index, bytes, count, SQLITE_STATIC));
}

void mb_query_bind_scores(mb_query *query, const char *prefix, const mb_scores *scores) {
    char name[64];
    for (int32_t i = 0; i < MB_SCORE_COUNT; i++) {
        snprintf(name, sizeof name, ":%s%s", prefix, mb_score_names[i]);
        mb_query_bind_real(query, name, mb_score_get(scores, i));
    }
}

mb_status mb_query_next(mb_query *query, bool *row, mb_error *error) {
    *row = false;
    assert(query->bound == sqlite3_bind_parameter_count(query->statement));
    mb_status status = mb_query_check(query, error);
    if (status != MB_OK)
        return status;
    if (query->result == SQLITE_TOOBIG)
        return mb_fail(error, MB_FAILED, "%s: %s: larger than SQLite can store",
                       query->ledger->path, query->what);
    if (query->result != SQLITE_OK)
        return mb_ledger_failure(query->ledger, query->what, error);
    int result = sqlite3_step(query->statement);
    *row = result == SQLITE_ROW;
    if (result != SQLITE_ROW && result != SQLITE_DONE)
        return mb_ledger_failure(query->ledger, query->what, error);
    if (*row && query->selects)
        mb_query_verify(query);
    return MB_OK;
}

mb_status mb_query_run(mb_query *query, mb_error *error) {
    bool row;
    mb_status status = mb_query_next(query, &row, error);
    sqlite3_reset(query->statement);
    query->bound = 0;
    return status;
}

mb_status mb_query_number(mb_ledger *ledger, mb_ledger_statement statement, int64_t *number,
                          mb_error *error) {
    mb_query query;
    bool row = false;
    mb_status status = mb_query_open(&query, ledger, statement, error);
    if (status == MB_OK)
        status = mb_query_next(&query, &row, error);
    *number = row ? sqlite3_column_int64(query.statement, 0) : 0;
    return mb_query_close(&query, status, error);
}

// ---- lists of rows ----------------------------------------------------------------------------

void *mb_ledger_one_more(void *items, int32_t *count, size_t size, mb_error *error) {
    char *grown = items;
    if ((*count & (*count - 1)) == 0) {
        size_t capacity = *count == 0 ? 1 : 2 * (size_t)*count;
        grown = *count < INT32_MAX / 2 ? reallocarray(items, capacity, size) : NULL;
    }
    if (grown == NULL) {
        mb_out_of_memory(error, "rows of a results database");
        return NULL;
    }
    memset(grown + (size_t)*count * size, 0, size);
    ++*count;
    return grown;
}
