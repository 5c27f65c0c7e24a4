// The schema of the ledger: its text stays what it was, byte for byte, and ledgers of before open
// and read as they did.
#include "ledger_sample.h"

#include <sqlite3.h>

#include "base/hash.h"

// Of the texts of the tables, schema version 1. Another digest means that no ledger of before
// opens: that is a new MB_LEDGER_SCHEMA.
#define SCHEMA_DIGEST "aa09e312193a6594d990cd9413079d0f"

static void execute(const char *path, const char *sql) {
    sqlite3 *database;
    char *message = NULL;
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    if (sqlite3_exec(database, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
    sqlite3_close(database);
}

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
    assert_int_equal(count, 9);
}

static void schema_keeps_its_text(void **state) {
    scratch *here = *state;
    char digest[33];
    make_ledger(here);
    digest_of_schema(here->path, digest);
    assert_string_equal(digest, SCHEMA_DIGEST);
}

// ---- a ledger of before -----------------------------------------------------------------------

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
    assert_non_null(strstr(cell->chosen, "\"learning_rate\":0.001"));
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
    assert_true(second->scores.score.ccc == 0.045637895922335025566);
    assert_true(second->scores.select.mae == 0.38685662634670736625);
    assert_true(isnan(second->scores.score.acc7) && isnan(second->scores.score.emoval));
    mb_ledger_entries_free(entries, count);
}

static void assert_run_of_before(mb_ledger *ledger) {
    mb_error error = {.message = ""};
    mb_run_result run;
    int32_t tests;
    if (mb_ledger_get_run(ledger, "64a433e13a8ddd8471a96ede571636f3", 0, &tests, &run, &error) !=
        MB_OK)
        fail_msg("%s", error.message);
    assert_int_equal(run.status, MB_RUN_DONE);
    assert_int_equal(run.epochs_done, 2);
    assert_int_equal(run.best_epoch, 0);
    assert_int_equal(run.steps, 2);
    assert_true(run.epochs[1].train_loss == 0.34477639198303222656);
    assert_true(run.epochs[1].select_loss == 0.2623000109651230649);
    assert_true(run.select.pearson == 0.47066486891038311624);
    assert_int_equal(run.held_predictions.count, 0);
    assert_int_equal(run.select_predictions.count, 10);
    assert_null(run.select_predictions.logits);
    assert_int_equal(tests, 1);
    assert_int_equal(run.tests[0].count, 10);
    assert_true(run.tests[0].values[0] == float_of_bits(0xbe5a463cu));
    mb_run_result_free(&run, tests);
}

static void ledger_of_before_opens(void **state) {
    scratch *here = *state;
    restore(here, "schema-1.sql");
    static const mb_ledger_mode modes[] = {MB_LEDGER_READ, MB_LEDGER_WRITE};
    for (int i = 0; i < 2; i++) {
        mb_ledger *ledger = open_ledger(here->path, modes[i]);
        assert_plan_of_before(ledger);
        assert_entries_of_before(ledger);
        assert_run_of_before(ledger);
        mb_ledger_close(ledger);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(schema_keeps_its_text),
        SCRATCH_TEST(ledger_of_before_opens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
