// Changes a ledger as no damage would: executes SQL, then gives every row the digest of its values.
//
//     ledger_sql RESULTS.db "UPDATE epochs SET train_loss = 1"
#include <stdio.h>

#include "sweep/ledger_internal.h"

static int fail(sqlite3 *database) {
    fprintf(stderr, "ledger_sql: %s\n", sqlite3_errmsg(database));
    sqlite3_close(database);
    return 1;
}

// UPDATE runs SET row_digest = merbench_digest(trial, fold, ...)
static char *update_text(sqlite3 *database, mb_ledger_table_index table) {
    sqlite3_stmt *row = NULL;
    const char *name = mb_ledger_tables[table].name;
    char *select = sqlite3_mprintf("SELECT * FROM %s", name);
    int result = sqlite3_prepare_v2(database, select, -1, &row, NULL);
    sqlite3_free(select);
    if (result != SQLITE_OK)
        return NULL;
    sqlite3_str *text = sqlite3_str_new(NULL);
    sqlite3_str_appendf(text, "UPDATE %s SET row_digest = %s(", name, MB_LEDGER_DIGEST);
    int first = mb_ledger_has_row_number(table);
    for (int i = first; i < sqlite3_column_count(row) - 1; i++)
        sqlite3_str_appendf(text, "%s%s", i > first ? ", " : "", sqlite3_column_name(row, i));
    sqlite3_str_appendall(text, ")");
    sqlite3_finalize(row);
    return sqlite3_str_finish(text);
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: ledger_sql RESULTS.db SQL\n");
        return 2;
    }
    mb_error error;
    mb_ledger ledger = {.path = argv[1]};
    if (sqlite3_open_v2(argv[1], &ledger.database, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
        mb_ledger_add_digest(&ledger, &error) != MB_OK ||
        sqlite3_exec(ledger.database, argv[2], NULL, NULL, NULL) != SQLITE_OK)
        return fail(ledger.database);
    for (int i = 0; i < TABLE_COUNT; i++) {
        if (!mb_ledger_has_digest((mb_ledger_table_index)i))
            continue;
        char *text = update_text(ledger.database, (mb_ledger_table_index)i);
        if (text == NULL || sqlite3_exec(ledger.database, text, NULL, NULL, NULL) != SQLITE_OK)
            return fail(ledger.database);
        sqlite3_free(text);
    }
    sqlite3_close(ledger.database);
    return 0;
}
