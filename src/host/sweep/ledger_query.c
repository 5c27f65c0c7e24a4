// Queries: SQLite's statements with the project's errors.
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

// What the system said about the last failed read or write, or "".
static const char *system_reason(mb_ledger *ledger, char *buffer, size_t size) {
    int number = sqlite3_system_errno(ledger->database);
    if (number == 0)
        return "";
    snprintf(buffer, size, " (%s)", strerror(number));
    return buffer;
}

mb_status mb_ledger_failure(mb_ledger *ledger, const char *what, mb_error *error) {
    char buffer[160];
    const char *message = sqlite3_errmsg(ledger->database);
    const char *reason = system_reason(ledger, buffer, sizeof buffer);
    switch (sqlite3_errcode(ledger->database)) {
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
        return mb_fail(error, MB_FAILED, "%s: %s: in use by another process", ledger->path, what);
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        return mb_fail(error, MB_FAILED, "%s: %s: no permission, or a read-only folder: %s%s",
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

mb_status mb_query_open(mb_query *query, mb_ledger *ledger, const char *what, const char *sql,
                        mb_error *error) {
    *query = (mb_query){.ledger = ledger, .what = what, .result = SQLITE_OK};
    if (sqlite3_prepare_v2(ledger->database, sql, -1, &query->statement, NULL) != SQLITE_OK)
        return mb_ledger_failure(ledger, what, error);
    return MB_OK;
}

void mb_query_close(mb_query *query) {
    sqlite3_finalize(query->statement);
    query->statement = NULL;
}

static void note(mb_query *query, int result) {
    if (query->result == SQLITE_OK)
        query->result = result;
}

void mb_query_bind_integer(mb_query *query, int64_t value) {
    note(query, sqlite3_bind_int64(query->statement, ++query->bound, value));
}

void mb_query_bind_real(mb_query *query, double value) {
    int place = ++query->bound;
    note(query, isnan(value) ? sqlite3_bind_null(query->statement, place)
                             : sqlite3_bind_double(query->statement, place, value));
}

void mb_query_bind_text(mb_query *query, const char *text) {
    note(query, sqlite3_bind_text(query->statement, ++query->bound, text, -1, SQLITE_STATIC));
}

void mb_query_bind_blob(mb_query *query, const void *bytes, size_t count) {
    note(query, sqlite3_bind_blob64(query->statement, ++query->bound, bytes, count, SQLITE_STATIC));
}

void mb_query_bind_scores(mb_query *query, const mb_scores *scores) {
    for (int32_t i = 0; i < MB_SCORE_COUNT; i++)
        mb_query_bind_real(query, mb_score_get(scores, i));
}

mb_status mb_query_next(mb_query *query, bool *row, mb_error *error) {
    *row = false;
    if (query->result == SQLITE_NOMEM)
        return mb_out_of_memory(error, query->what);
    if (query->result == SQLITE_TOOBIG)
        return mb_fail(error, MB_FAILED, "%s: %s: larger than SQLite can store",
                       query->ledger->path, query->what);
    if (query->result != SQLITE_OK)
        return mb_ledger_failure(query->ledger, query->what, error);
    int result = sqlite3_step(query->statement);
    *row = result == SQLITE_ROW;
    if (result != SQLITE_ROW && result != SQLITE_DONE)
        return mb_ledger_failure(query->ledger, query->what, error);
    return MB_OK;
}

mb_status mb_query_run(mb_query *query, mb_error *error) {
    bool row;
    mb_status status = mb_query_next(query, &row, error);
    sqlite3_reset(query->statement);
    query->bound = 0;
    return status;
}

int64_t mb_query_integer(mb_query *query, int column) {
    return sqlite3_column_int64(query->statement, column);
}

int32_t mb_query_integer32(mb_query *query, int column) {
    int64_t value = mb_query_integer(query, column);
    return value < INT32_MIN ? INT32_MIN : value > INT32_MAX ? INT32_MAX : (int32_t)value;
}

double mb_query_real(mb_query *query, int column) {
    if (sqlite3_column_type(query->statement, column) == SQLITE_NULL)
        return (double)NAN;
    return sqlite3_column_double(query->statement, column);
}

void mb_query_scores(mb_query *query, int first_column, mb_scores *scores) {
    for (int i = 0; i < MB_SCORE_COUNT; i++)
        mb_score_set(scores, i, mb_query_real(query, first_column + i));
}

void mb_query_text(mb_query *query, int column, char *buffer, size_t size) {
    const char *text = (const char *)sqlite3_column_text(query->statement, column);
    snprintf(buffer, size, "%s", text != NULL ? text : "");
}

mb_status mb_query_copy_text(mb_query *query, int column, char **copy, mb_error *error) {
    *copy = NULL;
    if (sqlite3_column_type(query->statement, column) == SQLITE_NULL)
        return MB_OK;
    const char *text = (const char *)sqlite3_column_text(query->statement, column);
    *copy = text != NULL ? strdup(text) : NULL;
    return *copy != NULL ? MB_OK : mb_out_of_memory(error, query->what);
}

mb_status mb_query_copy_blob(mb_query *query, int column, size_t expected, void **copy,
                             mb_error *error) {
    *copy = NULL;
    if (sqlite3_column_type(query->statement, column) == SQLITE_NULL)
        return MB_OK;
    const void *bytes = sqlite3_column_blob(query->statement, column);
    size_t found = (size_t)sqlite3_column_bytes(query->statement, column);
    if (found != expected)
        return mb_fail(error, MB_BAD_INPUT,
                       "%s: the file is damaged: %s: column %s: expected %zu bytes, found %zu",
                       query->ledger->path, query->what,
                       sqlite3_column_name(query->statement, column), expected, found);
    *copy = malloc(found > 0 ? found : 1);
    if (*copy == NULL || (found > 0 && bytes == NULL)) {
        free(*copy);
        *copy = NULL;
        return mb_out_of_memory(error, query->what);
    }
    if (found > 0)
        memcpy(*copy, bytes, found);
    return MB_OK;
}
