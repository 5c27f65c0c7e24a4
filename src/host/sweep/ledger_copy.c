// Copies a ledger into a new file: one with an older schema, or what can be read of a damaged one.
//
// Rows are read through the connection to the old file and recorded through that to the new one. So
// the old file is only read, and the indices of the new one are made from its rows.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sweep/ledger_internal.h"
#include "sweep/ledger_scan.h"

typedef struct copying {
    mb_ledger *new;
    sqlite3_stmt *insert;
    mb_ledger_table_index table;
    bool tolerant;
} copying;

// INSERT INTO runs VALUES (?1, ?2, ..., merbench_digest(?2, ...))
static char *insert_text(mb_ledger_table_index table, int columns) {
    int values = columns - mb_ledger_has_digest(table);
    sqlite3_str *text = sqlite3_str_new(NULL);
    sqlite3_str_appendf(text, "INSERT INTO %s VALUES (", mb_ledger_tables[table].name);
    for (int i = 1; i <= values; i++)
        sqlite3_str_appendf(text, "%s?%d", i > 1 ? ", " : "", i);
    if (mb_ledger_has_digest(table))
        sqlite3_str_appendf(text, ", %s(", MB_LEDGER_DIGEST);
    int first = 1 + mb_ledger_has_row_number(table);
    for (int i = first; mb_ledger_has_digest(table) && i <= values; i++)
        sqlite3_str_appendf(text, "%s?%d", i > first ? ", " : "", i);
    sqlite3_str_appendall(text, mb_ledger_has_digest(table) ? "))" : ")");
    return sqlite3_str_finish(text);
}

static mb_status prepare(copying *c, int columns, mb_error *error) {
    char *text = insert_text(c->table, columns);
    if (text == NULL)
        return mb_out_of_memory(error, "copying a results database");
    int result = sqlite3_prepare_v2(c->new->database, text, -1, &c->insert, NULL);
    sqlite3_free(text);
    return result == SQLITE_OK ? MB_OK : mb_ledger_failure(c->new, "copying", error);
}

// Records a row. One that does not fit the new tables, for example since the trial that it refers
// to is lost, is lost as well.
static mb_status copy_row(void *context, sqlite3_stmt *row, int columns, bool *good,
                          mb_error *error) {
    copying *c = context;
    mb_status status = c->insert == NULL ? prepare(c, columns, error) : MB_OK;
    int result = SQLITE_OK;
    for (int i = 0; status == MB_OK && result == SQLITE_OK; i++) {
        if (i >= sqlite3_bind_parameter_count(c->insert))
            break;
        result = sqlite3_bind_value(c->insert, i + 1, sqlite3_column_value(row, i));
    }
    if (status != MB_OK)
        return status;
    if (result == SQLITE_OK)
        result = sqlite3_step(c->insert);
    *good = result == SQLITE_DONE;
    if (!*good && !(c->tolerant && (result & 0xff) == SQLITE_CONSTRAINT))
        status = mb_ledger_failure(c->new, "copying", error);
    sqlite3_reset(c->insert);
    return status;
}

static mb_status copy_table(mb_ledger *old, copying *c, mb_ledger_rows *rows, mb_error *error) {
    mb_ledger_scan scan = {
        .ledger = old, .table = c->table, .tolerant = c->tolerant, .visit = copy_row, .context = c};
    c->insert = NULL;
    mb_status status = mb_ledger_scan_table(&scan, rows, error);
    sqlite3_finalize(c->insert);
    return status;
}

// What is incomplete after rows were lost. A run is trained again; scores are computed again.
static const char incomplete[] =
    "CREATE TEMP TABLE lost AS SELECT id FROM runs WHERE "
    "epochs_done <> (SELECT count(*) FROM epochs WHERE run = id) OR "
    "prediction_count <> (SELECT count(*) FROM predictions WHERE run = id);"
    "DELETE FROM epochs WHERE run IN lost;"
    "DELETE FROM predictions WHERE run IN lost;"
    "DELETE FROM runs WHERE id IN lost;"
    "DROP TABLE lost;"
    "CREATE TEMP TABLE lost AS SELECT key FROM trials WHERE fold_count <> "
    "(SELECT count(*) FROM members WHERE trial = key) AND EXISTS "
    "(SELECT 1 FROM members WHERE trial = key);"
    "CREATE TEMP TABLE unscored AS SELECT trial FROM trial_scores WHERE trial IN lost OR "
    "part_count <> (SELECT count(*) FROM part_scores AS p WHERE p.trial = trial_scores.trial) OR "
    "(SELECT fold_count FROM trials WHERE key = trial_scores.trial) <> "
    "(SELECT count(*) FROM runs WHERE runs.trial = trial_scores.trial) + "
    "(SELECT count(*) FROM members AS m JOIN runs ON runs.trial = m.member AND runs.fold = m.fold "
    "WHERE m.trial = trial_scores.trial);"
    "DELETE FROM part_scores WHERE trial IN unscored OR trial NOT IN (SELECT trial FROM "
    "trial_scores);"
    "DELETE FROM trial_scores WHERE trial IN unscored;"
    "DELETE FROM links WHERE trial IN lost;"
    "DELETE FROM members WHERE trial IN lost;"
    "DELETE FROM trials WHERE key IN lost;"
    "DROP TABLE lost;"
    "DROP TABLE unscored;";

// Copies all tables in one transaction. Their order satisfies all references.
static mb_status copy_tables(mb_ledger *old, mb_ledger *new, bool tolerant, mb_ledger_rows rows[],
                             mb_error *error) {
    mb_status status = mb_ledger_begin(new, error);
    if (status != MB_OK)
        return status;
    for (int i = 0; i < TABLE_COUNT && status == MB_OK; i++) {
        copying c = {.new = new, .table = (mb_ledger_table_index)i, .tolerant = tolerant};
        if (i != TABLE_mark)
            status = copy_table(old, &c, &rows[i], error);
    }
    if (status == MB_OK && tolerant)
        status = mb_ledger_execute(new, incomplete, "leaving out what is incomplete", error);
    mb_status ended = mb_ledger_end(new, status == MB_OK, status == MB_OK ? error : NULL);
    return status == MB_OK ? ended : status;
}

static mb_status count_left(mb_ledger *new, mb_ledger_saved *saved, mb_error *error) {
    mb_status status = mb_query_number(new, SQL_COUNT_RUNS, &saved->runs, error);
    return status == MB_OK ? mb_query_number(new, SQL_COUNT_TRIALS, &saved->trials, error) : status;
}

// A file without plans and trials is what a killed copy leaves behind.
static mb_status open_new(const char *path, mb_ledger **new, mb_error *error) {
    int64_t plans = 0, trials = 0;
    mb_status status = mb_ledger_open(path, MB_LEDGER_WRITE, new, error);
    if (status == MB_OK)
        status = mb_query_number(*new, SQL_COUNT_PLANS, &plans, error);
    if (status == MB_OK)
        status = mb_query_number(*new, SQL_COUNT_TRIALS, &trials, error);
    if (status == MB_OK && plans + trials > 0)
        status =
            mb_fail(error, MB_FAILED, "%s exists already; expected the name of a new file", path);
    return status;
}

mb_status mb_ledger_copy(const char *path, const char *new_path, bool tolerant,
                         mb_ledger_saved *saved, mb_error *error) {
    mb_ledger *old = NULL, *new = NULL;
    mb_ledger_rows rows[TABLE_COUNT] = {{0}};
    *saved = (mb_ledger_saved){0};
    mb_status status = mb_ledger_open(path, MB_LEDGER_READ, &old, error);
    if (status == MB_OK)
        status = open_new(new_path, &new, error);
    if (status == MB_OK)
        status = copy_tables(old, new, tolerant, rows, error);
    if (status == MB_OK)
        status = count_left(new, saved, error);
    for (int i = 0; i < TABLE_COUNT; i++)
        saved->lost_rows += rows[i].lost;
    mb_ledger_close(new); // removes the file if nothing was copied
    mb_ledger_close(old);
    return status;
}
