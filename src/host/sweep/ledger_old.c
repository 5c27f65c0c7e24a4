// Reads ledgers of older schemas through views with the tables of this one, and upgrades them into
// new files.
//
// The statements name tables without a schema, and SQLite looks among temporary views first. So
// the same statements read an older file, which is not changed.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sweep/ledger_internal.h"

// What an older file has in place of a table. A table that is not listed is the same in both.
static const struct {
    int until; // the last schema version for which this holds
    mb_ledger_table_index table;
    const char *select; // the columns, in the order of the table
    bool scores;        // whether all scores follow them
    const char *from;
} old_tables[] = {
    {1, TABLE_cells, "plan, cell, label, dataset, model, features, protocol, final_seeds", false,
     "main.cells"},
    // One setting was chosen for all folds, of which there were at most five.
    {1, TABLE_choices,
     "plan, cell, column1 AS fold, chosen AS setting, NULL AS selection, '' AS doubt, "
     "'' AS search",
     false,
     "main.cells JOIN (VALUES (0), (1), (2), (3), (4)) WHERE chosen IS NOT NULL AND column1 < "
     "(SELECT max(fold_count) FROM links JOIN trials ON key = links.trial "
     "WHERE links.plan = main.cells.plan AND links.cell = main.cells.cell)"},
    {1, TABLE_members, "'' AS trial, 0 AS fold, '' AS member", false, "main.trials WHERE 0"},
    {1, TABLE_runs, "*, NULL AS broken_epoch", false, "main.runs"},
    {1, TABLE_trial_scores, "*, 0 AS broken", false, "main.trial_scores"},
    {1, TABLE_part_scores, "trial, 0 AS position, score_part AS name", true,
     "main.trial_scores WHERE waf IS NOT NULL OR mse IS NOT NULL"},
};
enum { OLD_TABLES = sizeof old_tables / sizeof *old_tables };

static char *view_text(int i) {
    sqlite3_str *text = sqlite3_str_new(NULL);
    sqlite3_str_appendf(text, "CREATE TEMP VIEW %s AS SELECT %s",
                        mb_ledger_tables[old_tables[i].table].name, old_tables[i].select);
    for (int s = 0; old_tables[i].scores && s < MB_SCORE_COUNT; s++)
        sqlite3_str_appendf(text, ", %s", mb_score_names[s]);
    sqlite3_str_appendf(text, " FROM %s", old_tables[i].from);
    return sqlite3_str_finish(text);
}

mb_status mb_ledger_view_old(mb_ledger *ledger, int version, mb_error *error) {
    mb_status status = MB_OK;
    for (int i = 0; i < OLD_TABLES && status == MB_OK; i++) {
        if (version > old_tables[i].until)
            continue;
        char *text = view_text(i);
        status = text != NULL ? mb_ledger_execute(ledger, text, "reading an older schema", error)
                              : mb_out_of_memory(error, "views of an older schema");
        sqlite3_free(text);
    }
    for (int i = 0; i < TABLE_COUNT && status == MB_OK; i++)
        status = mb_ledger_check_columns(ledger, (mb_ledger_table_index)i, version, error);
    return status;
}

// ---- damage -----------------------------------------------------------------------------------

mb_status mb_ledger_check(mb_ledger *ledger, mb_error *error) {
    sqlite3_stmt *statement = NULL;
    mb_status status = MB_OK;
    if (sqlite3_prepare_v2(ledger->database, "PRAGMA main.integrity_check(1)", -1, &statement,
                           NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW)
        status = mb_ledger_failure(ledger, "looking for damage", error);
    const char *found = status == MB_OK ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    if (found != NULL && strcmp(found, "ok") != 0)
        status = mb_ledger_damaged(ledger, found, error);
    sqlite3_finalize(statement);
    if (status == MB_OK && sqlite3_prepare_v2(ledger->database, "PRAGMA main.foreign_key_check", -1,
                                              &statement, NULL) != SQLITE_OK)
        status = mb_ledger_failure(ledger, "looking for damage", error);
    if (status == MB_OK && sqlite3_step(statement) == SQLITE_ROW)
        status = mb_ledger_damaged(ledger, "a row refers to another that is missing", error);
    sqlite3_finalize(statement);
    return status;
}

// ---- upgrading --------------------------------------------------------------------------------

static mb_status attach(mb_ledger *old, const mb_ledger *new, mb_error *error) {
    char *text = sqlite3_mprintf("ATTACH %Q AS upgraded", new->file);
    mb_status status = text != NULL ? mb_ledger_execute(old, text, "opening the new file", error)
                                    : mb_out_of_memory(error, "an upgrade");
    sqlite3_free(text);
    return status;
}

// Copies all tables in one transaction. Their order satisfies all references.
static mb_status copy_tables(mb_ledger *old, mb_error *error) {
    static const char what[] = "copying to the new file";
    mb_status status = mb_ledger_begin(old, error);
    if (status != MB_OK)
        return status;
    for (int i = 0; i < TABLE_COUNT && status == MB_OK; i++) {
        char sql[128];
        snprintf(sql, sizeof sql, "INSERT INTO upgraded.%s SELECT * FROM %s",
                 mb_ledger_tables[i].name, mb_ledger_tables[i].name);
        status = mb_ledger_execute(old, sql, what, error);
    }
    mb_status ended = mb_ledger_end(old, status == MB_OK, status == MB_OK ? error : NULL);
    return status == MB_OK ? ended : status;
}

static mb_status copy(const char *path, mb_ledger *new, mb_error *error) {
    mb_ledger *old = NULL;
    mb_status status = mb_ledger_open(path, MB_LEDGER_COPY, &old, error);
    if (status == MB_OK)
        status = attach(old, new, error);
    if (status == MB_OK && (status = copy_tables(old, error)) != MB_OK)
        mb_fail_in(error, status, "%s: ", new->path);
    mb_ledger_close(old);
    return status;
}

mb_status mb_ledger_upgrade(const char *path, const char *new_path, mb_error *error) {
    mb_ledger *new = NULL;
    if (access(new_path, F_OK) == 0)
        return mb_fail(error, MB_FAILED, "%s exists already; expected the name of a new file",
                       new_path);
    mb_status status = mb_ledger_open(new_path, MB_LEDGER_WRITE, &new, error);
    if (status == MB_OK)
        status = copy(path, new, error);
    mb_ledger_close(new); // removes the file if nothing was copied
    return status;
}
