// The digest of a row: XXH3 of its values, in the order of the columns. SQLite does not notice a
// bit that flips inside a value. So each row that is read must have the digest that it states.
//
// Numbers that SQLite gives to rows (runs.id, links.position) are not part of the digest. They are
// in the indices as well, which mb_ledger_check compares.
#include "base/hash.h"
#include "sweep/ledger_internal.h"

// The type, the length in bytes and the bytes of a value. Integers and real numbers have 8 bytes.
static void add(mb_hasher *hasher, int type, const void *bytes, int count) {
    const int32_t head[2] = {type, count};
    mb_hasher_add(hasher, head, sizeof head);
    if (count > 0)
        mb_hasher_add(hasher, bytes, (size_t)count);
}

// ---- when a row is recorded -------------------------------------------------------------------

static void add_argument(mb_hasher *hasher, sqlite3_value *value) {
    int type = sqlite3_value_type(value);
    int64_t integer = type == SQLITE_INTEGER ? sqlite3_value_int64(value) : 0;
    double real = type == SQLITE_FLOAT ? sqlite3_value_double(value) : 0;
    if (type == SQLITE_INTEGER)
        add(hasher, type, &integer, sizeof integer);
    else if (type == SQLITE_FLOAT)
        add(hasher, type, &real, sizeof real);
    else if (type == SQLITE_NULL)
        add(hasher, type, NULL, 0);
    else
        add(hasher, type, sqlite3_value_blob(value), sqlite3_value_bytes(value));
}

static void digest(sqlite3_context *context, int count, sqlite3_value **values) {
    mb_hasher *hasher = mb_hasher_create();
    if (hasher == NULL) {
        sqlite3_result_error_nomem(context);
        return;
    }
    for (int i = 0; i < count; i++)
        add_argument(hasher, values[i]);
    sqlite3_result_int64(context, (int64_t)mb_hasher_finish_short(hasher));
}

mb_status mb_ledger_add_digest(mb_ledger *ledger, mb_error *error) {
    int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY;
    if (sqlite3_create_function_v2(ledger->database, MB_LEDGER_DIGEST, -1, flags, NULL, digest,
                                   NULL, NULL, NULL) != SQLITE_OK)
        return mb_ledger_failure(ledger, "opening", error);
    return MB_OK;
}

// ---- when a row is read -----------------------------------------------------------------------

static void add_column(mb_hasher *hasher, sqlite3_stmt *statement, int column) {
    int type = sqlite3_column_type(statement, column);
    int64_t integer = type == SQLITE_INTEGER ? sqlite3_column_int64(statement, column) : 0;
    double real = type == SQLITE_FLOAT ? sqlite3_column_double(statement, column) : 0;
    if (type == SQLITE_INTEGER)
        add(hasher, type, &integer, sizeof integer);
    else if (type == SQLITE_FLOAT)
        add(hasher, type, &real, sizeof real);
    else if (type == SQLITE_NULL)
        add(hasher, type, NULL, 0);
    else {
        const void *bytes = sqlite3_column_blob(statement, column);
        int count = sqlite3_column_bytes(statement, column);
        add(hasher, type, bytes, bytes != NULL ? count : 0);
    }
}

int mb_ledger_verify(sqlite3_stmt *statement, mb_ledger_table_index table, int columns) {
    int last = columns - 1;
    mb_hasher *hasher = mb_hasher_create();
    if (hasher == NULL)
        return SQLITE_NOMEM;
    for (int i = mb_ledger_has_row_number(table); i < last; i++)
        add_column(hasher, statement, i);
    int64_t found = (int64_t)mb_hasher_finish_short(hasher);
    if (sqlite3_errcode(sqlite3_db_handle(statement)) == SQLITE_NOMEM)
        return SQLITE_NOMEM;
    return sqlite3_column_type(statement, last) == SQLITE_INTEGER &&
                   sqlite3_column_int64(statement, last) == found
               ? SQLITE_OK
               : SQLITE_MISMATCH;
}
