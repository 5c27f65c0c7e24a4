// Makes the text of the schema from ledger_tables.def, and creates and checks the tables.
#include <stdio.h>
#include <string.h>

#include "sweep/ledger_internal.h"

const char *const mb_run_status_names[3] = {"done", "diverged", "stopped"};
const char *const mb_ledger_roles[ROLE_COUNT] = {"select", "held", "test"};

const mb_ledger_table mb_ledger_tables[TABLE_COUNT] = {
#define MB_TABLE(table, keys, constraints, options) {#table, keys, constraints, options},
#include "sweep/ledger_tables.def"
};

typedef enum column_kind {
    PARAMETER, // given by the caller
    FILLED,    // filled in by SQLite
    SCORES,    // one column for every score, given by the caller
    DIGEST     // of all columns that the caller gives
} column_kind;

static const struct column {
    mb_ledger_table_index table;
    column_kind kind;
    const char *name; // for scores: the prefix of their names
    const char *declaration;
    const char *value; // of a filled column, in SQL
} columns[] = {
#define MB_COLUMN(table, name, declaration) {TABLE_##table, PARAMETER, #name, declaration, NULL},
#define MB_FILLED(table, name, declaration, value)                                                 \
    {TABLE_##table, FILLED, #name, declaration, value},
#define MB_SCORES(table, prefix) {TABLE_##table, SCORES, #prefix, "ANY", NULL},
#define MB_DIGEST(table) {TABLE_##table, DIGEST, "row_digest", "INTEGER NOT NULL", NULL},
#include "sweep/ledger_tables.def"
};
enum { COLUMN_COUNT = sizeof columns / sizeof *columns };

static int width(const struct column *column) {
    return column->kind == SCORES ? MB_SCORE_COUNT : 1;
}

static const char *score_name(const struct column *column, int i) {
    return column->kind == SCORES ? mb_score_names[i] : "";
}

static void add_declarations(sqlite3_str *text, mb_ledger_table_index table) {
    const char *comma = "";
    for (int i = 0; i < COLUMN_COUNT; i++)
        for (int s = 0; columns[i].table == table && s < width(&columns[i]); s++, comma = ", ")
            sqlite3_str_appendf(text, "%s%s%s %s", comma, columns[i].name,
                                score_name(&columns[i], s), columns[i].declaration);
}

// ":session, :previous, ..."
static void add_parameters(sqlite3_str *text, mb_ledger_table_index table) {
    const char *comma = "";
    for (int i = 0; i < COLUMN_COUNT; i++) {
        const struct column *column = &columns[i];
        bool given = column->kind == PARAMETER || column->kind == SCORES;
        for (int s = 0; column->table == table && given && s < width(column); s++, comma = ", ")
            sqlite3_str_appendf(text, "%s:%s%s", comma, column->name, score_name(column, s));
    }
}

// Filled columns are the first of their table, and its digest is the last.
void mb_ledger_add_values(sqlite3_str *text, mb_ledger_table_index table) {
    for (int i = 0; i < COLUMN_COUNT; i++)
        if (columns[i].table == table && columns[i].kind == FILLED)
            sqlite3_str_appendf(text, "%s, ", columns[i].value);
    add_parameters(text, table);
    if (!mb_ledger_has_digest(table))
        return;
    sqlite3_str_appendf(text, ", %s(", MB_LEDGER_DIGEST);
    add_parameters(text, table);
    sqlite3_str_appendall(text, ")");
}

static bool has_column(mb_ledger_table_index table, column_kind kind) {
    bool found = false;
    for (int i = 0; i < COLUMN_COUNT; i++)
        found = found || (columns[i].table == table && columns[i].kind == kind);
    return found;
}

const char *mb_ledger_column_name(mb_ledger_table_index table, int n) {
    for (int i = 0; i < COLUMN_COUNT; i++)
        if (columns[i].table == table && n-- == 0)
            return columns[i].name;
    return NULL;
}

bool mb_ledger_has_row_number(mb_ledger_table_index table) {
    return has_column(table, FILLED);
}

bool mb_ledger_has_digest(mb_ledger_table_index table) {
    return has_column(table, DIGEST);
}

// SQLite stores this text literally, so it can be compared when a ledger is opened.
static char *table_text(mb_ledger_table_index index) {
    const mb_ledger_table *table = &mb_ledger_tables[index];
    sqlite3_str *text = sqlite3_str_new(NULL);
    sqlite3_str_appendf(text, "CREATE TABLE %s (", table->name);
    add_declarations(text, index);
    sqlite3_str_appendf(text, "%s) %s", table->constraints, table->options);
    return sqlite3_str_finish(text);
}

static mb_status create_table(mb_ledger *ledger, mb_ledger_table_index table, mb_error *error) {
    static const char what[] = "creating the tables";
    char *text = table_text(table);
    mb_status status =
        text != NULL ? mb_ledger_execute(ledger, text, what, error) : mb_out_of_memory(error, what);
    sqlite3_free(text);
    return status;
}

static mb_status put_mark(mb_ledger *ledger, mb_error *error) {
    mb_query query;
    mb_status status = mb_query_open(&query, ledger, SQL_PUT_MARK, error);
    if (status == MB_OK) {
        mb_query_bind_text(&query, ":session", "");
        mb_query_bind_text(&query, ":previous", "");
        mb_query_bind_integer(&query, ":commits", 0);
        status = mb_query_run(&query, error);
    }
    return mb_query_close(&query, status, error);
}

mb_status mb_ledger_create_tables(mb_ledger *ledger, mb_error *error) {
    static const char what[] = "creating the tables";
    mb_status status = mb_ledger_begin(ledger, error);
    if (status != MB_OK)
        return status;
    for (int i = 0; status == MB_OK && i < TABLE_COUNT; i++)
        status = create_table(ledger, (mb_ledger_table_index)i, error);
    char sql[96];
    snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d",
             MB_LEDGER_APPLICATION, MB_LEDGER_SCHEMA);
    if (status == MB_OK)
        status = mb_ledger_execute(ledger, sql, what, error);
    if (status == MB_OK)
        status = put_mark(ledger, error);
    if (status == MB_OK)
        return mb_ledger_end(ledger, true, error);
    mb_ledger_end(ledger, false, NULL);
    return status;
}

static mb_status check_table(mb_ledger *ledger, mb_ledger_table_index table, mb_error *error) {
    mb_query query;
    bool row = false;
    mb_status status = mb_query_open(&query, ledger, SQL_GET_TABLE, error);
    char *expected = table_text(table);
    if (status == MB_OK && expected == NULL)
        status = mb_out_of_memory(error, query.what);
    if (status == MB_OK) {
        mb_query_bind_text(&query, ":name", mb_ledger_tables[table].name);
        status = mb_query_next(&query, &row, error);
    }
    const char *found = row ? (const char *)sqlite3_column_text(query.statement, 0) : NULL;
    if (status == MB_OK && (found == NULL || strcmp(found, expected) != 0))
        status = mb_fail(error, MB_BAD_INPUT,
                         "%s: schema version %d: table %s: expected the columns of merbench, "
                         "found %s",
                         ledger->path, MB_LEDGER_SCHEMA, mb_ledger_tables[table].name,
                         found != NULL ? found : "no such table");
    sqlite3_free(expected);
    return mb_query_close(&query, status, error);
}

mb_status mb_ledger_check_tables(mb_ledger *ledger, mb_error *error) {
    mb_status status = MB_OK;
    for (int i = 0; status == MB_OK && i < TABLE_COUNT; i++)
        status = check_table(ledger, (mb_ledger_table_index)i, error);
    return status;
}

// Whether column `at` of a statement has this name; moves on to the next one.
static bool is_next(sqlite3_stmt *statement, int *at, const char *prefix, const char *name) {
    const char *found = sqlite3_column_name(statement, (*at)++);
    size_t length = strlen(prefix);
    return found != NULL && strncmp(found, prefix, length) == 0 &&
           strcmp(found + length, name) == 0;
}

static bool has_columns(sqlite3_stmt *statement, mb_ledger_table_index table) {
    int at = 0;
    bool good = true;
    for (int i = 0; i < COLUMN_COUNT && good; i++) {
        const struct column *column = &columns[i];
        if (column->table != table)
            continue;
        for (int s = 0; s < width(column) && good; s++)
            good = is_next(statement, &at, column->name, score_name(column, s));
    }
    return good && at == sqlite3_column_count(statement);
}

mb_status mb_ledger_check_columns(mb_ledger *ledger, mb_ledger_table_index table, int version,
                                  mb_error *error) {
    char sql[64];
    sqlite3_stmt *statement = NULL;
    snprintf(sql, sizeof sql, "SELECT * FROM %s", mb_ledger_tables[table].name);
    int result = sqlite3_prepare_v2(ledger->database, sql, -1, &statement, NULL);
    bool good = result == SQLITE_OK && has_columns(statement, table);
    sqlite3_finalize(statement);
    if (good)
        return MB_OK;
    return mb_fail(error, MB_BAD_INPUT,
                   "%s: schema version %d: table %s: expected the columns of merbench%s%s",
                   ledger->path, version, mb_ledger_tables[table].name,
                   result == SQLITE_OK ? "" : ": ",
                   result == SQLITE_OK ? "" : sqlite3_errmsg(ledger->database));
}
