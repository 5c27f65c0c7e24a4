// The schema of the ledger: its text has not changed by a byte, and older ledgers can still be
// read. Also: values that a column should not hold, and statements that stay prepared.
#include "ledger_sample.h"

#include "base/hash.h"
#include "sweep/ledger_internal.h"

// The digest of the texts of the tables, schema version 3. Another digest means that older ledgers
// have other tables, which requires a new MB_LEDGER_SCHEMA and entries in ledger_old.c.
#define SCHEMA_DIGEST "6147b559c24e64bd272b1ab076e1882a"

static void digest_of_schema(const char *path, char digest[33]) {
    sqlite3 *database;
    sqlite3_stmt *statement;
    mb_hasher *hasher = mb_hasher_create();
    int count = 0;
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(database,
                                        "SELECT sql FROM sqlite_schema WHERE type = 'table' "
                                        "ORDER BY name",
                                        -1, &statement, NULL),
                     SQLITE_OK);
    for (; sqlite3_step(statement) == SQLITE_ROW; count++)
        mb_hasher_add_string(hasher, (const char *)sqlite3_column_text(statement, 0));
    mb_hasher_finish(hasher, digest);
    sqlite3_finalize(statement);
    sqlite3_close(database);
    assert_int_equal(count, TABLE_COUNT);
}

static void schema_keeps_its_text(void **state) {
    scratch *here = *state;
    char digest[33];
    make_ledger(here);
    digest_of_schema(here->path, digest);
    assert_string_equal(digest, SCHEMA_DIGEST);
}

// ---- an older ledger ---------------------------------------------------------------------------

static void restore(const scratch *here, const char *fixture) {
    char path[512];
    snprintf(path, sizeof path, "%s/ledger/%s", MB_FIXTURES, fixture);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail_msg("%s is missing", path);
    char *sql = calloc(1, 40000);
    assert_non_null(sql);
    assert_in_range(fread(sql, 1, 39999, file), 1, 39998);
    fclose(file);
    execute(here->path, sql);
    free(sql);
}

static void restore_version(const scratch *here, int version) {
    char fixture[32];
    snprintf(fixture, sizeof fixture, "schema-%d.sql", version);
    restore(here, fixture);
}

static void assert_plan_of_before(mb_ledger *ledger) {
    mb_error error = {.message = ""};
    mb_ledger_plan *plans;
    int32_t count;
    if (mb_ledger_get_plans(ledger, &plans, &count, &error) != MB_OK)
        fail_msg("%s", error.message);
    assert_int_equal(count, 1);
    assert_string_equal(plans[0].name, "before");
    assert_string_equal(plans[0].digest, "1d156d3f9056114977066a465487aaec");
    assert_int_equal(plans[0].cell_count, 1);
    const mb_ledger_cell *cell = &plans[0].cells[0];
    assert_string_equal(cell->label, "text");
    assert_string_equal(cell->dataset, "SIMS");
    assert_string_equal(cell->protocol, "mertools");
    assert_int_equal(cell->final_seeds, 1);
    assert_int_equal(cell->choice_count, 1);
    assert_int_equal(cell->choices[0].fold, 0);
    assert_non_null(strstr(cell->choices[0].setting, "\"learning_rate\":0.001"));
    assert_string_equal(cell->choices[0].doubt, "");
    mb_ledger_plans_free(plans, count);
}

static void assert_entries_of_before(mb_ledger *ledger) {
    mb_error error = {.message = ""};
    mb_ledger_entry *entries;
    int32_t count;
    if (mb_ledger_get_entries(ledger, "1d156d3f9056114977066a465487aaec", 0, false, &entries,
                              &count, &error) != MB_OK)
        fail_msg("%s", error.message);
    assert_int_equal(count, 2);
    const mb_ledger_entry *second = &entries[1];
    assert_string_equal(second->key, "5e6f6bb11fdabbc8b89e37627fcc76eb");
    assert_true(second->finished && !second->scores.diverged);
    assert_string_equal(second->scores.score_part, "test");
    assert_true(second->scores.selection == 0.48076923076923078204);
    assert_true(second->scores.score.acc == 0.625);
    assert_int_equal(second->scores.broken, 0);
    assert_int_equal(second->scores.part_count, 1);
    assert_string_equal(second->scores.parts[0].name, "test");
    assert_same_scores(&second->scores.parts[0].scores, &second->scores.score);
    assert_true(second->scores.score.ccc == 0.045637895922335025566);
    assert_true(second->scores.select.mae == 0.38685662634670736625);
    assert_true(isnan(second->scores.score.acc7) && isnan(second->scores.score.emoval));
    mb_ledger_entries_free(entries, count);
}

static void assert_run_of_before(mb_ledger *ledger) {
    mb_error error = {.message = ""};
    mb_run_result run;
    if (mb_ledger_get_run(ledger, "64a433e13a8ddd8471a96ede571636f3", 0, &run, &error) != MB_OK)
        fail_msg("%s", error.message);
    assert_int_equal(run.status, MB_RUN_DONE);
    assert_int_equal(run.broken_epoch, -1);
    assert_int_equal(run.epochs_done, 2);
    assert_int_equal(run.best_epoch, 0);
    assert_int_equal(run.steps, 2);
    assert_true(run.epochs[1].train_loss == 0.34477639198303222656);
    assert_true(run.epochs[1].select_loss == 0.2623000109651230649);
    assert_true(run.select.pearson == 0.47066486891038311624);
    assert_int_equal(run.held_predictions.count, 0);
    assert_int_equal(run.select_predictions.count, 10);
    assert_null(run.select_predictions.logits);
    assert_int_equal(run.test_count, 1);
    assert_int_equal(run.tests[0].count, 10);
    assert_true(run.tests[0].values[0] == float_of_bits(0xbe5a463cu));
    mb_run_result_free(&run);
}

static void assert_ledger_of_before(const char *path) {
    mb_ledger *ledger = open_ledger(path, MB_LEDGER_READ);
    assert_plan_of_before(ledger);
    assert_entries_of_before(ledger);
    assert_run_of_before(ledger);
    mb_ledger_close(ledger);
}

static void hash_file(const char *path, char digest[33]) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    mb_hasher *hasher = mb_hasher_create();
    for (int byte; (byte = fgetc(file)) != EOF;)
        mb_hasher_add(hasher, &byte, sizeof byte);
    mb_hasher_finish(hasher, digest);
    fclose(file);
}

// An older ledger can be read, is refused for writing with a message that says what to do, and is
// not changed by either.
static void assert_old_is_read(const scratch *here, int version) {
    mb_error error = {.message = ""};
    mb_ledger *ledger;
    char before[33], after[33], stated[32];
    restore_version(here, version);
    snprintf(stated, sizeof stated, "schema version %d", version);
    hash_file(here->path, before);
    assert_ledger_of_before(here->path);
    assert_int_equal(mb_ledger_open(here->path, MB_LEDGER_WRITE, &ledger, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, stated));
    assert_non_null(strstr(error.message, "--upgrade NEW.db"));
    hash_file(here->path, after);
    assert_string_equal(before, after);
    unlink(here->path);
}

static void ledger_of_before_is_read(void **state) {
    for (int version = 1; version < MB_LEDGER_SCHEMA; version++)
        assert_old_is_read(*state, version);
}

static mb_status upgrade(const char *path, const char *new_path, mb_error *error) {
    mb_ledger_saved saved;
    return mb_ledger_copy(path, new_path, false, &saved, error);
}

static void assert_old_is_upgraded(const scratch *here, int version) {
    mb_error error = {.message = ""};
    char new[80], again[80], before[33], after[33];
    snprintf(new, sizeof new, "%s/new.db", here->folder);
    snprintf(again, sizeof again, "%s/again.db", here->folder);
    restore_version(here, version);
    hash_file(here->path, before);
    if (upgrade(here->path, new, &error) != MB_OK)
        fail_msg("%s", error.message);
    hash_file(here->path, after);
    assert_string_equal(before, after);
    assert_ledger_of_before(new);
    assert_false(exists(new, "-wal") || exists(new, "-lock"));
    mb_ledger *ledger = open_ledger(new, MB_LEDGER_WRITE);
    put_trial(ledger, KEY, 1);
    assert_int_equal(put_sample(ledger, KEY, 0, NULL, &error), MB_OK);
    mb_ledger_close(ledger);
    // A ledger of this version is copied likewise. Existing files are not touched.
    assert_int_equal(upgrade(new, again, &error), MB_OK);
    assert_ledger_of_before(again);
    assert_int_equal(upgrade(here->path, new, &error), MB_FAILED);
    assert_non_null(strstr(error.message, "exists already"));
    unlink(here->path);
    unlink(new);
    unlink(again);
}

static void ledger_of_before_is_upgraded(void **state) {
    for (int version = 1; version < MB_LEDGER_SCHEMA; version++)
        assert_old_is_upgraded(*state, version);
}

// Failures leave no new file behind.
static void failed_upgrades_leave_nothing(void **state) {
    scratch *here = *state;
    mb_error error = {.message = ""};
    char new[80];
    snprintf(new, sizeof new, "%s/new.db", here->folder);
    assert_int_equal(upgrade(here->path, new, &error), MB_BAD_INPUT); // no such file
    assert_false(exists(new, "") || exists(new, "-wal") || exists(new, "-lock"));
    restore(here, "schema-1.sql");
    execute(here->path, "ALTER TABLE runs DROP COLUMN steps");
    assert_int_equal(upgrade(here->path, new, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "schema version 1: table runs"));
    assert_false(exists(new, "") || exists(new, "-wal") || exists(new, "-lock"));
}

// ---- values of a wrong type -------------------------------------------------------------------

// Changes a ledger while the checks of its tables are turned off.
static void force(const char *path, const char *table, const char *sql) {
    char loosen[256], tighten[256];
    snprintf(loosen, sizeof loosen,
             "PRAGMA writable_schema = ON; UPDATE sqlite_schema "
             "SET sql = replace(replace(sql, ' STRICT', ' /**/'), 'NOT NULL', '/* NULL */') "
             "WHERE name = '%s'",
             table);
    snprintf(tighten, sizeof tighten,
             "PRAGMA writable_schema = ON; UPDATE sqlite_schema "
             "SET sql = replace(replace(sql, ' /**/', ' STRICT'), '/* NULL */', 'NOT NULL') "
             "WHERE name = '%s'",
             table);
    execute(path, loosen);
    execute(path, sql);
    execute(path, tighten);
}

// Reads everything and returns the first failure.
static mb_status read_all(mb_ledger *ledger, mb_error *error) {
    mb_ledger_plan *plans;
    mb_ledger_entry *entries;
    mb_ledger_trial trial;
    mb_run_result run;
    int32_t plan_count, entry_count;
    mb_status status = mb_ledger_get_plans(ledger, &plans, &plan_count, error);
    if (status == MB_OK) {
        mb_ledger_plans_free(plans, plan_count);
        status = mb_ledger_get_entries(ledger, PLAN, 0, false, &entries, &entry_count, error);
    }
    if (status == MB_OK) {
        mb_ledger_entries_free(entries, entry_count);
        status = mb_ledger_get_trial(ledger, KEY, &trial, error);
    }
    if (status == MB_OK) {
        mb_ledger_trial_free(&trial);
        status = mb_ledger_get_run(ledger, KEY, 0, &run, error);
    }
    if (status == MB_OK)
        mb_run_result_free(&run);
    return status;
}

static void make_whole_ledger(const scratch *here) {
    mb_error error = {.message = ""};
    char word[] = "word";
    mb_ledger_cell cell = {0, word, word, word, word, word, 1, 0, NULL, NULL};
    mb_ledger_scores scores = sample_scores();
    mb_ledger *ledger = open_ledger(here->path, MB_LEDGER_WRITE);
    assert_int_equal(mb_ledger_put_plan(ledger, PLAN, "p", "{}", &cell, 1, &error), MB_OK);
    put_trial(ledger, KEY, 1);
    assert_int_equal(mb_ledger_link(ledger, PLAN, 0, false, KEY, &error), MB_OK);
    assert_int_equal(put_sample(ledger, KEY, 0, &scores, &error), MB_OK);
    if (read_all(ledger, &error) != MB_OK)
        fail_msg("%s", error.message);
    mb_ledger_close(ledger);
}

static void wrong_types_are_told(void **state) {
    scratch *here = *state;
    static const struct {
        const char *table; // whose checks have to be bypassed
        const char *sql, *expected;
    } cases[] = {
        {"plans", "UPDATE plans SET name = x'00'",
         "table plans, column name, row digest=" PLAN ": expected a text, found a blob"},
        {"cells", "UPDATE cells SET final_seeds = 'many'",
         "table cells, column final_seeds, row plan=" PLAN
         " cell=0: expected an integer, found a text"},
        {"cells", "UPDATE cells SET label = NULL", "expected a text, found NULL"},
        {"trials", "UPDATE trials SET fold_count = 1.5",
         "table trials, column fold_count, row key=" KEY
         ": expected an integer, found a real number"},
        {NULL, "UPDATE trial_scores SET selection = 'good'",
         "table trial_scores, column selection, row trial=" KEY
         ": expected a real number, found a text"},
        {NULL, "UPDATE trial_scores SET emoval = 1",
         "table trial_scores, column emoval, row trial=" KEY
         ": expected a real number, found an integer"},
        {NULL, "UPDATE trial_scores SET score_part = printf('%.40c', 'x')",
         "column score_part, row trial=" KEY ": expected a shorter text, found xxx"},
        {"runs", "UPDATE runs SET steps = x'00'",
         "table runs, column steps, row id=1: expected an integer, found a blob"},
        {NULL, "UPDATE runs SET held_ccc = 'high'",
         "table runs, column held_ccc, row id=1: expected a real number, found a text"},
        {NULL, "UPDATE runs SET best_epoch = 5000000000",
         "column best_epoch, row id=1: expected an integer of 32 bits, found 5000000000"},
        {"runs", "PRAGMA ignore_check_constraints = ON; UPDATE runs SET status = 'half'",
         "column status, row id=1: expected one of the known names, found half"},
        {NULL, "UPDATE epochs SET select_loss = 'low' WHERE epoch = 1",
         "table epochs, column select_loss, row run=1 epoch=1: expected a real number, found a "
         "text"},
        {"predictions", "UPDATE predictions SET count = NULL WHERE position = 2",
         "table predictions, column count, row run=1 position=2: expected an integer, found NULL"},
        {"predictions", "UPDATE predictions SET logits = 'text' WHERE position = 0",
         "table predictions, column logits, row run=1 position=0: expected a blob, found a text"},
        {"predictions", "UPDATE predictions SET logits = x'00' WHERE position = 0",
         "table predictions, column logits, row run=1 position=0: expected 24 bytes, found 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mb_error error = {.message = ""};
        unlink(here->path);
        make_whole_ledger(here);
        if (cases[i].table != NULL)
            force(here->path, cases[i].table, cases[i].sql);
        else
            execute(here->path, cases[i].sql);
        mb_ledger *ledger = open_ledger(here->path, MB_LEDGER_READ);
        mb_status status = read_all(ledger, &error);
        if (status != MB_BAD_INPUT || strstr(error.message, cases[i].expected) == NULL ||
            strstr(error.message, here->path) == NULL || strstr(error.message, "damaged") == NULL)
            fail_msg("%s: expected '%s', found status %d: %s", cases[i].sql, cases[i].expected,
                     (int)status, error.message);
        mb_ledger_close(ledger);
    }
}

// ---- statements -------------------------------------------------------------------------------

static int count_prepared(mb_ledger *ledger) {
    int count = 0;
    sqlite3_stmt *statement = NULL;
    while ((statement = sqlite3_next_stmt(ledger->database, statement)) != NULL) {
        assert_false(sqlite3_stmt_busy(statement));
        count++;
    }
    return count;
}

static void statements_stay_prepared(void **state) {
    scratch *here = *state;
    mb_error error = {.message = ""};
    make_whole_ledger(here);
    mb_ledger *ledger = open_ledger(here->path, MB_LEDGER_WRITE);
    for (int i = 0; i < SQL_COUNT; i++) { // each of them matches the tables
        mb_query query;
        if (mb_query_open(&query, ledger, (mb_ledger_statement)i, &error) != MB_OK)
            fail_msg("%d: %s", i, error.message);
        assert_int_equal(mb_query_close(&query, MB_OK, &error), MB_OK);
    }
    assert_int_equal(count_prepared(ledger), SQL_COUNT);
    sqlite3_stmt *before[SQL_COUNT];
    memcpy(before, ledger->statements, sizeof before);
    put_trial(ledger, OTHER_KEY, 3);
    for (int32_t fold = 0; fold < 3; fold++) {
        assert_int_equal(put_sample(ledger, OTHER_KEY, fold, NULL, &error), MB_OK);
        assert_int_equal(put_sample(ledger, OTHER_KEY, fold, NULL, &error), MB_FAILED); // twice
        assert_sample(ledger, OTHER_KEY, fold);
        assert_int_equal(read_all(ledger, &error), MB_OK);
    }
    assert_int_equal(count_prepared(ledger), SQL_COUNT);
    assert_memory_equal(before, ledger->statements, sizeof before);
    mb_ledger_close(ledger);
    assert_false(exists(here->path, "-wal"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(schema_keeps_its_text),        SCRATCH_TEST(ledger_of_before_is_read),
        SCRATCH_TEST(ledger_of_before_is_upgraded), SCRATCH_TEST(failed_upgrades_leave_nothing),
        SCRATCH_TEST(wrong_types_are_told),         SCRATCH_TEST(statements_stay_prepared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
