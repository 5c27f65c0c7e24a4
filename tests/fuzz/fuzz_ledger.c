// Ledgers. The first byte tells how the file is made: from any bytes; from a good ledger with other
// bytes here and there, in the file or in its log; or from a good ledger that was changed through
// SQL, with digests that fit, so that the checks behind SQLite's own are reached. Then everything
// is read that table, replay and doctor read, and what is good is copied.
#include "fuzz_support.h"

#include <sys/resource.h>

#include "report/table.h"
#include "sweep/ledger_internal.h"
#include "sweep/replay.h"

enum { TEMPLATES = 3, MOST_COLUMNS = 256 };

typedef struct column {
    char table[32], name[32];
} column;

static struct {
    uint8_t *bytes, *log; // log: of pages that are not in the file yet
    size_t size, log_size;
} templates[TEMPLATES];
static column columns[MOST_COLUMNS];
static int column_count;
static file_name path, log_path, copy_path;
static FILE *nowhere;

// ---- templates ---------------------------------------------------------------------------------

static void execute_file(sqlite3 *database, const char *name) {
    size_t size;
    uint8_t *sql = read_file(name, &size);
    sql[size] = '\0';
    demand(sqlite3_exec(database, "PRAGMA page_size = 512", NULL, NULL, NULL) == SQLITE_OK);
    demand(sqlite3_exec(database, (char *)sql, NULL, NULL, NULL) == SQLITE_OK);
    free(sql);
}

static sqlite3 *connect_to(const char *name) {
    sqlite3 *database;
    demand(sqlite3_open(name, &database) == SQLITE_OK);
    return database;
}

// Takes the file and its log as a template.
static void keep_template(int index) {
    templates[index].bytes = read_file(path.text, &templates[index].size);
    templates[index].log = read_file(log_path.text, &templates[index].log_size);
}

// Makes a log of the old versions, which did not note which file it belongs to.
static void keep_old_template(int index) {
    static const char change[] = "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;"
                                 "UPDATE runs SET seconds = 1; UPDATE runs SET seconds = 2";
    sqlite3 *database = connect_to(path.text);
    demand(sqlite3_exec(database, change, NULL, NULL, NULL) == SQLITE_OK);
    keep_template(index);
    sqlite3_close(database);
    unlink(path.text);
}

static void keep_new_template(int index) {
    mb_error error = {.message = ""};
    mb_ledger *ledger;
    demand(mb_ledger_open(path.text, MB_LEDGER_WRITE, &ledger, &error) == MB_OK);
    demand(mb_ledger_begin(ledger, &error) == MB_OK);
    demand(mb_ledger_execute(ledger, "UPDATE runs SET finished = finished", "", &error) == MB_OK);
    demand(mb_ledger_end(ledger, true, &error) == MB_OK);
    keep_template(index);
    mb_ledger_close(ledger);
    unlink(path.text);
}

static int add_column(void *unused, int count, char **values, char **names) {
    (void)unused, (void)count, (void)names;
    demand(column_count < MOST_COLUMNS);
    snprintf(columns[column_count].table, sizeof columns->table, "%s", values[0]);
    snprintf(columns[column_count++].name, sizeof columns->name, "%s", values[1]);
    return 0;
}

// Ledgers of the schema versions 1 and 2, and a copy, which has the version of this program.
static void make_templates(void) {
    static const char *const names[] = {MB_FIXTURES "/ledger/schema-1.sql",
                                        MB_FIXTURES "/ledger/schema-2.sql"};
    mb_error error = {.message = ""};
    mb_ledger_saved saved;
    for (int i = 1; i < TEMPLATES; i++) {
        sqlite3 *database = connect_to(path.text);
        execute_file(database, names[i - 1]);
        sqlite3_close(database);
        if (i == 2)
            demand(mb_ledger_copy(path.text, copy_path.text, false, &saved, &error) == MB_OK);
        keep_old_template(i);
    }
    sqlite3 *database = connect_to(copy_path.text);
    demand(sqlite3_exec(database, "PRAGMA journal_mode = DELETE; PRAGMA page_size = 512; VACUUM",
                        NULL, NULL, NULL) == SQLITE_OK);
    demand(sqlite3_exec(database,
                        "SELECT s.name, c.name FROM sqlite_schema s, pragma_table_info(s.name) c "
                        "WHERE s.type = 'table'",
                        add_column, NULL, NULL) == SQLITE_OK);
    sqlite3_close(database);
    demand(rename(copy_path.text, path.text) == 0);
    keep_new_template(0);
}

// ---- changes -----------------------------------------------------------------------------------

static void change_bytes(uint8_t *bytes, size_t size, input *from) {
    while (from->left > 0 && size > 0) {
        uint8_t what = take(from);
        size_t at = ((size_t)what % 16 << 16 | take_two(from)) % size;
        input more = take_bytes(from, what / 16 == 0 ? 8 : (size_t)what / 16 % 4 + 1);
        more.left = more.left < size - at ? more.left : size - at;
        memcpy(bytes + at, more.bytes, more.left);
    }
}

static void write_changed(const char *name, const uint8_t *bytes, size_t size, input *from) {
    uint8_t *changed = malloc(size + 1);
    demand(changed != NULL);
    memcpy(changed, bytes, size);
    if (from != NULL)
        change_bytes(changed, size, from);
    write_file(name, changed, size);
    free(changed);
}

static void bind_value(sqlite3_stmt *statement, int kind, input *from) {
    double real;
    uint64_t bits;
    input text;
    switch (kind) {
    case 0:
        sqlite3_bind_int64(statement, 1, (int8_t)take(from));
        break;
    case 1:
        sqlite3_bind_int64(statement, 1, (int64_t)take_eight(from));
        break;
    case 2:
        bits = take_eight(from);
        memcpy(&real, &bits, sizeof real);
        sqlite3_bind_double(statement, 1, real);
        break;
    case 3:
        text = take_bytes(from, take(from));
        sqlite3_bind_text(statement, 1, (const char *)text.bytes, (int)text.left, SQLITE_TRANSIENT);
        break;
    case 4:
        text = take_bytes(from, take(from));
        sqlite3_bind_blob(statement, 1, text.bytes, (int)text.left, SQLITE_TRANSIENT);
        break;
    case 5:
        sqlite3_bind_zeroblob(statement, 1, (int)take_two(from));
        break;
    default:
        sqlite3_bind_null(statement, 1);
        break;
    }
}

// Gives a column another value, made of the old one or not, in one row or in all.
static void change_column(sqlite3 *database, input *from) {
    static const char *const values[] = {"?1",
                                         "%s || ?1",
                                         "substr(%s, 1, ?1)",
                                         "replace(%s, substr(%s, ?1, 1), '')",
                                         "%s + ?1",
                                         "CAST(%s || %s AS BLOB)",
                                         "CAST(?1 AS BLOB)",
                                         "CAST(CAST(?1 AS BLOB) AS TEXT)"};
    uint8_t what = take(from), which = take(from), row = take(from);
    const column *c = &columns[which % column_count];
    char value[160], where[32] = "", sql[400];
    snprintf(value, sizeof value, values[what % 8], c->name, c->name);
    if (row % 8 > 0)
        snprintf(where, sizeof where, " WHERE rowid = %d", row % 8);
    if (row / 8 == 1)
        snprintf(sql, sizeof sql, "DELETE FROM %s%s", c->table, where);
    else
        snprintf(sql, sizeof sql, "UPDATE OR REPLACE %s SET %s = %s%s", c->table, c->name, value,
                 where);
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) == SQLITE_OK) {
        if (sqlite3_bind_parameter_count(statement) > 0)
            bind_value(statement, what / 8 % 8, from);
        sqlite3_step(statement);
    }
    sqlite3_finalize(statement);
}

static void give_digests(mb_ledger *ledger) {
    for (int i = 0; i < TABLE_COUNT; i++) {
        mb_ledger_table_index table = (mb_ledger_table_index)i;
        if (!mb_ledger_has_digest(table))
            continue;
        sqlite3_str *text = sqlite3_str_new(NULL);
        const char *name = mb_ledger_tables[table].name, *comma = "";
        sqlite3_str_appendf(text, "UPDATE %s SET row_digest = " MB_LEDGER_DIGEST "(", name);
        int skipped = mb_ledger_has_row_number(table);
        for (int c = 0; c < column_count; c++)
            if (strcmp(columns[c].table, name) == 0 && strcmp(columns[c].name, "row_digest") != 0 &&
                skipped-- <= 0) {
                sqlite3_str_appendf(text, "%s%s", comma, columns[c].name);
                comma = ", ";
            }
        sqlite3_str_appendall(text, ")");
        char *sql = sqlite3_str_finish(text);
        sqlite3_exec(ledger->database, sql, NULL, NULL, NULL);
        sqlite3_free(sql);
    }
}

static void change_values(bool digests, input *from) {
    mb_error error = {.message = ""};
    mb_ledger ledger = {.path = path.text, .database = connect_to(path.text)};
    demand(mb_ledger_add_digest(&ledger, &error) == MB_OK);
    sqlite3_exec(ledger.database,
                 "PRAGMA ignore_check_constraints = ON; PRAGMA synchronous = OFF; "
                 "PRAGMA journal_mode = OFF; BEGIN",
                 NULL, NULL, NULL);
    for (int i = 0; i < 8 && from->left > 0; i++)
        change_column(ledger.database, from);
    if (digests)
        give_digests(&ledger);
    sqlite3_exec(ledger.database, "COMMIT", NULL, NULL, NULL);
    sqlite3_close(ledger.database);
}

// ---- reading -----------------------------------------------------------------------------------

// Failures on the way are no findings; what matters is that they are told.
static void read_trial(mb_ledger *ledger, const char *key) {
    mb_error error = {.message = ""};
    mb_ledger_trial trial = {.description = NULL};
    mb_replay_trials trials = {0};
    mb_ledger_scores scores = {0};
    bool there = false;
    mb_status status = mb_ledger_get_trial(ledger, key, &trial, &error);
    if (status == MB_OK)
        status = mb_replay_load(ledger, &trial, &trials, &error);
    demand_message(status, &error);
    mb_status scored = mb_ledger_get_scores(ledger, key, &there, &scores, &error);
    demand_message(scored, &error);
    if (scored == MB_OK && there)
        mb_ledger_scores_free(&scores);
    for (int32_t fold = 0; status == MB_OK && fold < trial.fold_count && fold < 4; fold++) {
        mb_ledger_summary summary;
        mb_run_result run = {0};
        demand_message(mb_ledger_get_summary(ledger, key, fold, &summary, &error), &error);
        mb_status read = mb_ledger_get_run(ledger, key, fold, &run, &error);
        demand_message(read, &error);
        if (read == MB_OK)
            mb_run_result_free(&run);
    }
    mb_replay_trials_free(&trials);
    mb_ledger_trial_free(&trial);
}

static void read_cell(mb_ledger *ledger, const char *plan, int32_t cell) {
    mb_error error = {.message = ""};
    for (int final = 0; final < 2; final++) {
        mb_ledger_entry *entries = NULL;
        int32_t count = 0;
        mb_status status =
            mb_ledger_get_entries(ledger, plan, cell, final == 1, &entries, &count, &error);
        demand_message(status, &error);
        for (int32_t i = 0; i < count && i < 4; i++)
            read_trial(ledger, entries[i].key);
        mb_ledger_entries_free(entries, count);
    }
}

static void print_tables(mb_ledger *ledger, uint8_t how) {
    mb_error error = {.message = ""};
    mb_table_options options = {.format = (mb_table_format)(how % 5),
                                .phase = (how & 8) != 0 ? MB_TABLE_SEARCH : MB_TABLE_FINAL,
                                .all_settings = (how & 16) != 0};
    mb_status status = mb_table_print(ledger, &options, nowhere, &error);
    demand_message(status, &error);
}

static void ignore_line(void *unused, const char *line) {
    (void)unused;
    demand(line[0] != '\0');
}

static void read_all(mb_ledger *ledger, uint8_t how) {
    mb_error error = {.message = ""};
    mb_ledger_plan *plans = NULL;
    mb_ledger_findings findings;
    int32_t count = 0;
    demand(mb_ledger_warnings(ledger) != NULL);
    demand_message(mb_ledger_check_lookups(ledger, &error), &error);
    demand_message(mb_ledger_get_plans(ledger, &plans, &count, &error), &error);
    for (int32_t p = 0; p < count && p < 2; p++)
        for (int32_t c = 0; c < plans[p].cell_count && c < 4; c++)
            read_cell(ledger, plans[p].digest, plans[p].cells[c].index);
    mb_ledger_plans_free(plans, count);
    print_tables(ledger, how);
    demand_message(mb_ledger_examine(ledger, ignore_line, NULL, &findings, &error), &error);
}

// What was saved is a ledger without damage. Without trials there may be no file.
static void copy(void) {
    mb_error error = {.message = ""};
    mb_ledger_saved saved;
    mb_ledger_findings findings = {0};
    mb_ledger *ledger = NULL;
    mb_status status = mb_ledger_copy(path.text, copy_path.text, true, &saved, &error);
    demand_message(status, &error);
    if (status == MB_OK && saved.trials > 0) {
        demand(mb_ledger_open(copy_path.text, MB_LEDGER_READ, &ledger, &error) == MB_OK);
        demand(mb_ledger_examine(ledger, ignore_line, NULL, &findings, &error) == MB_OK);
        demand(findings.count == 0);
        mb_ledger_close(ledger);
    }
    unlink(copy_path.text);
}

static void remove_files(void) {
    static const char *const ends[] = {"", "-wal", "-shm", "-journal", "-lock"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char name[96];
        snprintf(name, sizeof name, "%s%s", path.text, ends[i]);
        unlink(name);
        snprintf(name, sizeof name, "%s%s", copy_path.text, ends[i]);
        unlink(name);
    }
}

static void start(void) {
    path = name_file("ledger.db");
    log_path = name_file("ledger.db-wal");
    copy_path = name_file("copy.db");
    nowhere = fopen("/dev/null", "w");
    demand(nowhere != NULL);
    atexit(remove_files);
    make_templates();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    if (nowhere == NULL)
        start();
    input from = {bytes, size};
    uint8_t what = take(&from), how = take(&from);
    int index = what / 4 % TEMPLATES;
    if (what % 4 == 0)
        write_file(path.text, from.bytes, from.left);
    else
        write_changed(path.text, templates[index].bytes, templates[index].size,
                      what % 4 == 1 ? &from : NULL);
    if (what % 4 == 2)
        change_values((how & 128) != 0, &from);
    if (what % 4 == 3)
        write_changed(log_path.text, templates[index].log, templates[index].log_size, &from);
    mb_ledger *ledger;
    mb_error error = {.message = ""};
    mb_status status = mb_ledger_open(path.text, MB_LEDGER_READ, &ledger, &error);
    demand_message(status, &error);
    if (status == MB_OK)
        read_all(ledger, how);
    mb_ledger_close(ledger);
    if ((how & 64) != 0)
        copy();
    remove_files();
    return 0;
}
