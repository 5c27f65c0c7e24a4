// Reads all rows of a table.
//
// Damage to a page ends a scan, since the pages behind it cannot be found from there. So a second
// scan comes from the other end. What lies between two damaged pages is lost.
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "sweep/ledger_scan.h"

typedef struct scan_state {
    const mb_ledger_scan *scan;
    mb_ledger_rows *rows;
    bool keyed;             // WITHOUT ROWID: rows are found by their first two columns
    bool view;              // of an older schema, which has no row numbers
    sqlite3_value *last[2]; // the key of the last row of the first scan
} scan_state;

static char *scan_text(const scan_state *state, bool backwards) {
    const char *name = mb_ledger_tables[state->scan->table].name;
    sqlite3_str *text = sqlite3_str_new(NULL);
    sqlite3_str_appendf(text, "SELECT %s.*%s FROM %s", name,
                        state->keyed || state->view ? "" : ", rowid", name);
    if (state->keyed && backwards) {
        char sql[128];
        // The names of the keys, for example (run, epoch).
        snprintf(sql, sizeof sql, " WHERE (%s, %s) > (?1, ?2) ORDER BY 1 DESC, 2 DESC",
                 mb_ledger_column_name(state->scan->table, 0),
                 mb_ledger_column_name(state->scan->table, 1));
        sqlite3_str_appendall(text, sql);
    } else if (state->keyed)
        sqlite3_str_appendall(text, " ORDER BY 1, 2");
    else if (!state->view)
        sqlite3_str_appendall(text, backwards ? " WHERE rowid > ?1 ORDER BY rowid DESC"
                                              : " ORDER BY rowid");
    return sqlite3_str_finish(text);
}

static void note(mb_ledger_rows *rows, const char *what) {
    if (rows->first[0] == '\0')
        snprintf(rows->first, sizeof rows->first, "%s", what);
}

// ---- rows -------------------------------------------------------------------------------------

// Whether the key of a row is the hash of what it stands for.
static bool has_its_hash(sqlite3_stmt *row, int key, int column) {
    char hash[33];
    const void *bytes = sqlite3_column_blob(row, column);
    int count = sqlite3_column_bytes(row, column);
    const char *stated = (const char *)sqlite3_column_text(row, key);
    mb_hash(bytes != NULL ? bytes : "", bytes != NULL ? (size_t)count : 0, hash);
    return stated != NULL && strcmp(stated, hash) == 0;
}

static bool key_holds(sqlite3_stmt *row, mb_ledger_table_index table) {
    switch (table) {
    case TABLE_plans:
        return has_its_hash(row, plans_digest, plans_json);
    case TABLE_trials:
        return has_its_hash(row, trials_key, trials_description);
    case TABLE_parts:
        return has_its_hash(row, parts_digest, parts_utterances);
    default:
        return true;
    }
}

static mb_status damaged_row(scan_state *state, sqlite3_stmt *row, const char *what,
                             mb_error *error) {
    char text[192], key[112];
    mb_ledger_row_text(row, state->scan->table, key, sizeof key);
    snprintf(text, sizeof text, "table %s, %s: %s", mb_ledger_tables[state->scan->table].name, key,
             what);
    state->rows->lost++;
    note(state->rows, text);
    return state->scan->tolerant ? MB_OK : mb_ledger_damaged(state->scan->ledger, text, error);
}

static mb_status take_row(scan_state *state, sqlite3_stmt *row, mb_error *error) {
    const mb_ledger_scan *scan = state->scan;
    int columns = sqlite3_column_count(row) - (state->keyed || state->view ? 0 : 1);
    if (scan->ledger->schema >= MB_LEDGER_DIGESTS && mb_ledger_has_digest(scan->table)) {
        int result = mb_ledger_verify(row, scan->table, columns);
        if (result == SQLITE_NOMEM)
            return mb_out_of_memory(error, "reading a results database");
        if (result != SQLITE_OK)
            return damaged_row(state, row, "expected the digest of its values, found another",
                               error);
    }
    if (scan->tolerant && !key_holds(row, scan->table))
        return damaged_row(state, row, "expected the hash of its contents as key, found another",
                           error);
    bool good = true;
    mb_status status =
        scan->visit != NULL ? scan->visit(scan->context, row, columns, &good, error) : MB_OK;
    if (status == MB_OK && !good)
        return damaged_row(state, row, "refers to what is missing", error);
    state->rows->good += status == MB_OK;
    return status;
}

static mb_status remember(scan_state *state, sqlite3_stmt *row, mb_error *error) {
    int count = state->keyed ? 2 : 1, first = state->keyed ? 0 : sqlite3_column_count(row) - 1;
    for (int i = 0; i < count && !state->view; i++) {
        sqlite3_value_free(state->last[i]);
        state->last[i] = sqlite3_value_dup(sqlite3_column_value(row, first + i));
        if (state->last[i] == NULL)
            return mb_out_of_memory(error, "reading a results database");
    }
    return MB_OK;
}

// ---- scans ------------------------------------------------------------------------------------

// Whether the last failure lost only what was read. When rows are saved, a part of the disk that
// cannot be read is lost like a damaged page.
static bool is_loss(const mb_ledger_scan *scan) {
    return mb_ledger_found_damage(scan->ledger) ||
           (scan->visit != NULL && mb_ledger_disk_failed(scan->ledger));
}

// *torn: damage ended the scan.
static mb_status run_scan(scan_state *state, bool backwards, bool *torn, mb_error *error) {
    mb_ledger *ledger = state->scan->ledger;
    sqlite3_stmt *row = NULL;
    char *text = scan_text(state, backwards);
    if (text == NULL)
        return mb_out_of_memory(error, "reading a results database");
    int result = sqlite3_prepare_v2(ledger->database, text, -1, &row, NULL);
    sqlite3_free(text);
    for (int i = 0; i < 2 && backwards && result == SQLITE_OK && state->last[i] != NULL; i++)
        result = sqlite3_bind_value(row, i + 1, state->last[i]);
    mb_status status = MB_OK;
    while (result == SQLITE_OK || result == SQLITE_ROW) {
        result = sqlite3_step(row);
        if (result != SQLITE_ROW)
            break;
        status = take_row(state, row, error);
        if (status == MB_OK && !backwards)
            status = remember(state, row, error);
        if (status != MB_OK)
            break;
    }
    *torn =
        status == MB_OK && result != SQLITE_DONE && state->scan->tolerant && is_loss(state->scan);
    if (*torn) {
        char what[160];
        snprintf(what, sizeof what, "table %s: %s", mb_ledger_tables[state->scan->table].name,
                 sqlite3_errmsg(ledger->database));
        note(state->rows, what);
    } else if (status == MB_OK && result != SQLITE_DONE)
        status = mb_ledger_failure(ledger, "reading all rows", error);
    sqlite3_finalize(row);
    return status;
}

mb_status mb_ledger_scan_table(const mb_ledger_scan *scan, mb_ledger_rows *rows, mb_error *error) {
    bool torn = false, torn_again = false;
    scan_state state = {.scan = scan,
                        .rows = rows,
                        .keyed = strstr(mb_ledger_tables[scan->table].options, "WITHOUT") != NULL,
                        .view = scan->ledger->schema < MB_LEDGER_SCHEMA};
    mb_status status = run_scan(&state, false, &torn, error);
    if (status == MB_OK && torn && state.last[0] != NULL)
        status = run_scan(&state, true, &torn_again, error);
    rows->torn = torn;
    sqlite3_value_free(state.last[0]);
    sqlite3_value_free(state.last[1]);
    return status;
}
