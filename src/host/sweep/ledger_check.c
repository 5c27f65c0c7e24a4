// Looks for damage.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sweep/ledger_scan.h"

typedef struct examination {
    mb_ledger *ledger;
    void (*found)(void *context, const char *line);
    void *context;
    mb_ledger_findings *findings;
} examination;

static void report(examination *e, const char *line) {
    e->findings->count++;
    if (e->found != NULL)
        e->found(e->context, line);
}

// ---- what SQLite finds ------------------------------------------------------------------------

// The first line of a finding, without the heading "*** in database main ***".
static const char *finding_text(const char *text) {
    const char *end = text != NULL && strncmp(text, "*** in ", 7) == 0 ? strchr(text, '\n') : NULL;
    return text == NULL ? "" : end != NULL ? end + 1 : text;
}

// SQLite takes a page that it cannot read for a finding, too. Returns why it could not, or 0.
static int error_code(const char *finding) {
    const char *code = strstr(finding, "error code=");
    return code != NULL ? (int)strtol(strchr(code, '=') + 1, NULL, 10) & 0xff : 0;
}

// Every row of the result is a finding, but a first column of "ok".
static mb_status list_rows(examination *e, const char *sql, const char *what, mb_error *error) {
    sqlite3_stmt *row = NULL;
    sqlite3 *database = e->ledger->database;
    int result = sqlite3_prepare_v2(database, sql, -1, &row, NULL);
    while (result == SQLITE_OK || result == SQLITE_ROW) {
        result = sqlite3_step(row);
        if (result != SQLITE_ROW)
            break;
        const char *text = finding_text((const char *)sqlite3_column_text(row, 0));
        char line[512];
        if (strcmp(text, "ok") == 0)
            continue;
        if (error_code(text) == SQLITE_NOMEM) {
            sqlite3_finalize(row);
            return mb_out_of_memory(error, "looking for damage");
        }
        snprintf(line, sizeof line, "%s%s%s", text, what[0] != '\0' ? ": " : "", what);
        line[strcspn(line, "\n")] = '\0';
        report(e, line);
    }
    mb_status status = MB_OK;
    if (result != SQLITE_DONE && mb_ledger_found_damage(e->ledger))
        report(e, sqlite3_errmsg(database));
    else if (result != SQLITE_DONE)
        status = mb_ledger_failure(e->ledger, "looking for damage", error);
    sqlite3_finalize(row);
    return status;
}

// ---- the first finding ------------------------------------------------------------------------

typedef struct first {
    char line[512];
} first;

static void keep_first(void *context, const char *line) {
    first *f = context;
    if (f->line[0] == '\0')
        snprintf(f->line, sizeof f->line, "%s", line);
}

static mb_status check_with(mb_ledger *ledger, const char *const *statements, int count,
                            mb_error *error) {
    first f = {.line = ""};
    mb_ledger_findings findings = {.count = 0};
    examination e = {ledger, keep_first, &f, &findings};
    mb_status status = MB_OK;
    for (int i = 0; i < count && status == MB_OK && findings.count == 0; i++)
        status = list_rows(&e, statements[i], "", error);
    if (status != MB_OK || findings.count == 0)
        return status;
    if (error_code(f.line) == SQLITE_IOERR)
        return mb_fail(error, MB_FAILED, "%s: looking for damage: %s", ledger->path, f.line);
    return mb_ledger_damaged(ledger, f.line, error);
}

mb_status mb_ledger_check(mb_ledger *ledger, mb_error *error) {
    static const char *const statements[] = {"PRAGMA main.integrity_check(1)",
                                             "PRAGMA main.foreign_key_check"};
    return check_with(ledger, statements, 2, error);
}

mb_status mb_ledger_check_lookups(mb_ledger *ledger, mb_error *error) {
    static const char *const statements[] = {
        "PRAGMA main.integrity_check(plans)",        "PRAGMA main.integrity_check(cells)",
        "PRAGMA main.integrity_check(choices)",      "PRAGMA main.integrity_check(trials)",
        "PRAGMA main.integrity_check(links)",        "PRAGMA main.integrity_check(runs)",
        "PRAGMA main.integrity_check(trial_scores)",
    };
    if (ledger->schema < MB_LEDGER_SCHEMA) // does not have all of these tables
        return mb_ledger_check(ledger, error);
    return check_with(ledger, statements, sizeof statements / sizeof *statements, error);
}

// ---- all findings -----------------------------------------------------------------------------

static mb_status examine_table(examination *e, mb_ledger_table_index table, mb_error *error) {
    mb_ledger_rows rows = {.good = 0};
    mb_ledger_scan scan = {.ledger = e->ledger, .table = table, .tolerant = true};
    mb_status status = mb_ledger_scan_table(&scan, &rows, error);
    if (status != MB_OK)
        return status;
    if (table == TABLE_runs) {
        e->findings->good_runs = rows.good;
        e->findings->damaged_runs = rows.lost;
    }
    e->findings->torn = e->findings->torn || rows.torn;
    if (rows.lost == 0 && !rows.torn)
        return MB_OK;
    char line[320];
    if (rows.lost > 1)
        snprintf(line, sizeof line, "%s (and %" PRId64 " more rows)", rows.first, rows.lost - 1);
    else
        snprintf(line, sizeof line, "%s", rows.first);
    report(e, line);
    return MB_OK;
}

mb_status mb_ledger_examine(mb_ledger *ledger, void (*found)(void *context, const char *line),
                            void *context, mb_ledger_findings *findings, mb_error *error) {
    *findings = (mb_ledger_findings){.count = 0};
    examination e = {ledger, found, context, findings};
    mb_status status = list_rows(&e, "PRAGMA main.integrity_check", "", error);
    if (status == MB_OK)
        status = list_rows(&e, "PRAGMA main.foreign_key_check",
                           "a row of this table refers to another that is missing", error);
    for (int i = 0; i < TABLE_COUNT && status == MB_OK; i++)
        if (i != TABLE_mark)
            status = examine_table(&e, (mb_ledger_table_index)i, error);
    return status;
}
