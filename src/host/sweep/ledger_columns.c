// Reads the columns of a row. SQLite would convert any type to any other. Here a value that its
// column should not hold counts as damage, and the message names the table, the column and the row.
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sweep/ledger_internal.h"

// ---- damage -----------------------------------------------------------------------------------

static const char *type_name(int type) {
    switch (type) {
    case SQLITE_INTEGER:
        return "an integer";
    case SQLITE_FLOAT:
        return "a real number";
    case SQLITE_TEXT:
        return "a text";
    case SQLITE_BLOB:
        return "a blob";
    default:
        return "NULL";
    }
}

// "row run=3 epoch=0"
void mb_ledger_row_text(sqlite3_stmt *row, mb_ledger_table_index table, char *text, size_t size) {
    size_t length = (size_t)snprintf(text, size, "row");
    for (int i = 0; i < mb_ledger_tables[table].keys && length < size; i++) {
        const char *value = (const char *)sqlite3_column_text(row, i);
        length += (size_t)snprintf(text + length, size - length, " %s=%.32s",
                                   sqlite3_column_name(row, i), value != NULL ? value : "NULL");
    }
}

// Records the first damage that is found.
static void note_damage(mb_query *query, int column, const char *expected, const char *found) {
    char row[112];
    if (query->damage[0] != '\0')
        return;
    mb_ledger_row_text(query->statement, query->table, row, sizeof row);
    snprintf(query->damage, sizeof query->damage,
             "table %s, column %s, %s: expected %s, found %.40s",
             mb_ledger_tables[query->table].name, sqlite3_column_name(query->statement, column),
             row, expected, found);
}

void mb_query_verify(mb_query *query) {
    if (query->ledger->schema < MB_LEDGER_DIGESTS || !mb_ledger_has_digest(query->table))
        return;
    int result =
        mb_ledger_verify(query->statement, query->table, sqlite3_column_count(query->statement));
    char row[112];
    if (result == SQLITE_NOMEM)
        query->result = result;
    if (result != SQLITE_MISMATCH || query->changed_row[0] != '\0')
        return;
    mb_ledger_row_text(query->statement, query->table, row, sizeof row);
    snprintf(query->changed_row, sizeof query->changed_row, "table %s, %s",
             mb_ledger_tables[query->table].name, row);
}

static bool has_type(mb_query *query, int column, int type) {
    assert(query->table != TABLE_COUNT);
    int found = sqlite3_column_type(query->statement, column);
    if (found != type)
        note_damage(query, column, type_name(type), type_name(found));
    return found == type;
}

mb_status mb_query_check(mb_query *query, mb_error *error) {
    if (query->damage[0] == '\0' && query->changed_row[0] != '\0')
        return mb_fail(error, MB_BAD_INPUT,
                       "%s: the file is damaged: %s: %s: expected the digest of its values, found "
                       "another",
                       query->ledger->path, query->what, query->changed_row);
    if (query->damage[0] == '\0')
        return query->result == SQLITE_NOMEM ? mb_out_of_memory(error, query->what) : MB_OK;
    return mb_fail(error, MB_BAD_INPUT, "%s: the file is damaged: %s: %s", query->ledger->path,
                   query->what, query->damage);
}

// ---- values -----------------------------------------------------------------------------------

bool mb_query_is_null(mb_query *query, int column) {
    return sqlite3_column_type(query->statement, column) == SQLITE_NULL;
}

int64_t mb_query_integer(mb_query *query, int column) {
    return has_type(query, column, SQLITE_INTEGER) ? sqlite3_column_int64(query->statement, column)
                                                   : 0;
}

int32_t mb_query_integer32(mb_query *query, int column) {
    int64_t value = mb_query_integer(query, column);
    if (value >= INT32_MIN && value <= INT32_MAX)
        return (int32_t)value;
    char found[24];
    snprintf(found, sizeof found, "%lld", (long long)value);
    note_damage(query, column, "an integer of 32 bits", found);
    return 0;
}

double mb_query_real(mb_query *query, int column) {
    if (mb_query_is_null(query, column) || !has_type(query, column, SQLITE_FLOAT))
        return (double)NAN;
    return sqlite3_column_double(query->statement, column);
}

void mb_query_scores(mb_query *query, int first_column, mb_scores *scores) {
    for (int i = 0; i < MB_SCORE_COUNT; i++)
        mb_score_set(scores, i, mb_query_real(query, first_column + i));
}

// NULL: damaged or out of memory, which is recorded in the query.
static const char *text_of(mb_query *query, int column) {
    if (!has_type(query, column, SQLITE_TEXT))
        return NULL;
    const char *text = (const char *)sqlite3_column_text(query->statement, column);
    if (text == NULL)
        query->result = SQLITE_NOMEM;
    return text;
}

void mb_query_text(mb_query *query, int column, char *buffer, size_t size) {
    const char *text = text_of(query, column);
    snprintf(buffer, size, "%s", text != NULL ? text : "");
    if (text != NULL && strlen(text) >= size)
        note_damage(query, column, "a shorter text", text);
}

int mb_query_choice(mb_query *query, int column, const char *const *names, int count) {
    const char *text = text_of(query, column);
    for (int i = 0; text != NULL && i < count; i++)
        if (strcmp(text, names[i]) == 0)
            return i;
    if (text != NULL)
        note_damage(query, column, "one of the known names", text);
    return 0;
}

mb_status mb_query_copy_text(mb_query *query, int column, char **copy, mb_error *error) {
    const char *text = text_of(query, column);
    *copy = text != NULL ? strdup(text) : NULL;
    if (text != NULL && *copy == NULL)
        query->result = SQLITE_NOMEM;
    return *copy != NULL ? MB_OK : mb_query_check(query, error);
}

mb_status mb_query_copy_blob(mb_query *query, int column, size_t expected, void **copy,
                             mb_error *error) {
    *copy = NULL;
    if (mb_query_is_null(query, column))
        return MB_OK;
    if (!has_type(query, column, SQLITE_BLOB))
        return mb_query_check(query, error);
    const void *bytes = sqlite3_column_blob(query->statement, column);
    size_t found = (size_t)sqlite3_column_bytes(query->statement, column);
    if (found != expected) {
        char wanted[40], length[40];
        snprintf(wanted, sizeof wanted, "%zu bytes", expected);
        snprintf(length, sizeof length, "%zu", found);
        note_damage(query, column, wanted, length);
        return mb_query_check(query, error);
    }
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
