// The tables of the ledger. docs/results-format.md explains them; any change raises
// MB_LEDGER_SCHEMA.
//
// Losses and scores are ANY, not REAL: SQLite writes a REAL that is a whole number as an integer,
// which turns -0.0 into 0.0; in a STRICT table ANY keeps the bits.
#include <stdio.h>
#include <string.h>

#include "sweep/ledger_internal.h"

#define SCORES(prefix)                                                                             \
    prefix "waf ANY, " prefix "acc ANY, " prefix "macro_f1 ANY, " prefix "uar ANY, " prefix        \
           "mse ANY, " prefix "mae ANY, " prefix "pearson ANY, " prefix "ccc ANY, " prefix         \
           "acc2 ANY, " prefix "acc5 ANY, " prefix "acc7 ANY, " prefix "emoval ANY"

typedef struct table {
    const char *name;
    const char *sql; // SQLite keeps this text; it is compared when a ledger is opened
} table;

static const table tables[] = {
    {"plans",
     "CREATE TABLE plans (digest TEXT PRIMARY KEY, name TEXT NOT NULL, json TEXT NOT NULL, "
     "ran INTEGER NOT NULL) STRICT"},
    {"cells", "CREATE TABLE cells (plan TEXT NOT NULL REFERENCES plans, cell INTEGER NOT NULL, "
              "label TEXT NOT NULL, dataset TEXT NOT NULL, model TEXT NOT NULL, "
              "features TEXT NOT NULL, protocol TEXT NOT NULL, final_seeds INTEGER NOT NULL, "
              "chosen TEXT, PRIMARY KEY (plan, cell)) STRICT"},
    {"trials", "CREATE TABLE trials (key TEXT PRIMARY KEY, description TEXT NOT NULL, "
               "fold_count INTEGER NOT NULL) STRICT"},
    {"links", "CREATE TABLE links (position INTEGER PRIMARY KEY, plan TEXT NOT NULL, "
              "cell INTEGER NOT NULL, final INTEGER NOT NULL, "
              "trial TEXT NOT NULL REFERENCES trials, UNIQUE (plan, cell, final, trial), "
              "FOREIGN KEY (plan, cell) REFERENCES cells) STRICT"},
    {"runs", "CREATE TABLE runs (id INTEGER PRIMARY KEY, trial TEXT NOT NULL REFERENCES trials, "
             "fold INTEGER NOT NULL, status TEXT NOT NULL CHECK (status IN ('done', 'diverged')), "
             "cause TEXT NOT NULL, epochs_done INTEGER NOT NULL, best_epoch INTEGER NOT NULL, "
             "steps INTEGER NOT NULL, seconds ANY, device TEXT NOT NULL, version TEXT NOT NULL, "
             "finished TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, class_count INTEGER NOT NULL, "
             "value_count INTEGER NOT NULL, " SCORES("select_") ", " SCORES(
                 "held_") ", UNIQUE (trial, fold)) STRICT"},
    {"epochs", "CREATE TABLE epochs (run INTEGER NOT NULL REFERENCES runs, epoch INTEGER NOT NULL, "
               "train_loss ANY, select_loss ANY, select_metric ANY, PRIMARY KEY (run, epoch)) "
               "STRICT, WITHOUT ROWID"},
    {"parts", "CREATE TABLE parts (digest TEXT PRIMARY KEY, utterances BLOB NOT NULL) STRICT"},
    {"predictions",
     "CREATE TABLE predictions (run INTEGER NOT NULL REFERENCES runs, position INTEGER NOT NULL, "
     "role TEXT NOT NULL CHECK (role IN ('select', 'held', 'test')), name TEXT NOT NULL, "
     "part TEXT REFERENCES parts, count INTEGER NOT NULL, logits BLOB, valences BLOB, "
     "PRIMARY KEY (run, position)) STRICT"},
    {"trial_scores", "CREATE TABLE trial_scores (trial TEXT PRIMARY KEY REFERENCES trials, "
                     "diverged INTEGER NOT NULL, selection ANY, score_part TEXT NOT NULL, " SCORES(
                         "") ", " SCORES("select_") ") STRICT"},
};
enum { TABLE_COUNT = sizeof tables / sizeof *tables };

mb_status mb_ledger_create_tables(mb_ledger *ledger, mb_error *error) {
    static const char what[] = "creating the tables";
    mb_status status = mb_ledger_begin(ledger, error);
    if (status != MB_OK)
        return status;
    for (int i = 0; status == MB_OK && i < TABLE_COUNT; i++)
        status = mb_ledger_execute(ledger, tables[i].sql, what, error);
    char sql[96];
    snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d",
             MB_LEDGER_APPLICATION, MB_LEDGER_SCHEMA);
    if (status == MB_OK)
        status = mb_ledger_execute(ledger, sql, what, error);
    if (status == MB_OK)
        return mb_ledger_end(ledger, true, error);
    mb_ledger_end(ledger, false, NULL);
    return status;
}

static mb_status check_table(mb_ledger *ledger, mb_query *query, const table *expected,
                             mb_error *error) {
    mb_query_bind_text(query, expected->name);
    bool row;
    mb_status status = mb_query_next(query, &row, error);
    if (status != MB_OK)
        return status;
    const char *found = row ? (const char *)sqlite3_column_text(query->statement, 0) : NULL;
    if (found != NULL && strcmp(found, expected->sql) == 0)
        return MB_OK;
    return mb_fail(error, MB_BAD_INPUT,
                   "%s: schema version %d: table %s: expected the columns of merbench, found %s",
                   ledger->path, MB_LEDGER_SCHEMA, expected->name,
                   found != NULL ? found : "no such table");
}

mb_status mb_ledger_check_tables(mb_ledger *ledger, mb_error *error) {
    mb_query query;
    mb_status status =
        mb_query_open(&query, ledger, "reading the schema",
                      "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?", error);
    for (int i = 0; status == MB_OK && i < TABLE_COUNT; i++) {
        status = check_table(ledger, &query, &tables[i], error);
        sqlite3_reset(query.statement);
        query.bound = 0;
    }
    mb_query_close(&query);
    return status;
}
