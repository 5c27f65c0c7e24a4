// Reads ledgers of older schemas through views with the tables of this one.
//
// The statements name tables without a schema, and SQLite looks among temporary views first. So
// the same statements read an older file, which is not changed.
#include <stdio.h>
#include <string.h>

#include "sweep/ledger_internal.h"

#define PREDICTIONS_OF_RUN "(SELECT count(*) FROM main.predictions WHERE run = main.runs.id)"
#define SCORED_PARTS "(SELECT count(*) FROM main.part_scores AS p WHERE p.trial = s.trial)"

// What an older file has in place of a table. A table that is not listed is the same in both, but
// for the digest of its rows. The first entry whose version fits counts.
static const struct {
    int until; // the last schema version for which this holds
    mb_ledger_table_index table;
    const char *select; // the columns, in the order of the table, without the digest
    bool scores;        // whether all scores follow them
    const char *from;
} old_tables[] = {
    {2, TABLE_mark, "0 AS id, '' AS session, '' AS previous, 0 AS commits", false, "(SELECT 1)"},
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
    {1, TABLE_runs, "*, NULL AS broken_epoch, " PREDICTIONS_OF_RUN " AS prediction_count", false,
     "main.runs"},
    {2, TABLE_runs, "*, " PREDICTIONS_OF_RUN " AS prediction_count", false, "main.runs"},
    {1, TABLE_trial_scores, "*, 0 AS broken, waf IS NOT NULL OR mse IS NOT NULL AS part_count",
     false, "main.trial_scores"},
    {2, TABLE_trial_scores, "*, " SCORED_PARTS " AS part_count", false, "main.trial_scores AS s"},
    {1, TABLE_part_scores, "trial, 0 AS position, score_part AS name", true,
     "main.trial_scores WHERE waf IS NOT NULL OR mse IS NOT NULL"},
};
enum { OLD_TABLES = sizeof old_tables / sizeof *old_tables };

static int find_old(mb_ledger_table_index table, int version) {
    for (int i = 0; i < OLD_TABLES; i++)
        if (old_tables[i].table == table && version <= old_tables[i].until)
            return i;
    return -1;
}

static char *view_text(mb_ledger_table_index table, int version) {
    int i = find_old(table, version);
    const char *name = mb_ledger_tables[table].name;
    sqlite3_str *text = sqlite3_str_new(NULL);
    sqlite3_str_appendf(text, "CREATE TEMP VIEW %s AS SELECT %s", name,
                        i >= 0 ? old_tables[i].select : "*");
    for (int s = 0; i >= 0 && old_tables[i].scores && s < MB_SCORE_COUNT; s++)
        sqlite3_str_appendf(text, ", %s", mb_score_names[s]);
    if (mb_ledger_has_digest(table))
        sqlite3_str_appendall(text, ", NULL AS row_digest");
    if (i >= 0)
        sqlite3_str_appendf(text, " FROM %s", old_tables[i].from);
    else
        sqlite3_str_appendf(text, " FROM main.%s", name);
    return sqlite3_str_finish(text);
}

mb_status mb_ledger_view_old(mb_ledger *ledger, int version, mb_error *error) {
    mb_status status = MB_OK;
    for (int i = 0; i < TABLE_COUNT && status == MB_OK; i++) {
        char *text = view_text((mb_ledger_table_index)i, version);
        status = text != NULL ? mb_ledger_execute(ledger, text, "reading an older schema", error)
                              : mb_out_of_memory(error, "views of an older schema");
        sqlite3_free(text);
    }
    for (int i = 0; i < TABLE_COUNT && status == MB_OK; i++)
        status = mb_ledger_check_columns(ledger, (mb_ledger_table_index)i, version, error);
    return status;
}
