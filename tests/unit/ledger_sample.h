// Shared by the tests of the ledger: a scratch folder, and a run with every kind of number.
#ifndef MB_TESTS_LEDGER_SAMPLE_H
#define MB_TESTS_LEDGER_SAMPLE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "sweep/ledger.h"

#define KEY "0123456789abcdef0123456789abcdef"
#define OTHER_KEY "0123456fffffffffffffffffffffffff"
#define PLAN "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

typedef struct scratch {
    char folder[40];
    char path[64];
} scratch;

static inline int make_scratch(void **state) {
    scratch *here = calloc(1, sizeof *here);
    snprintf(here->folder, sizeof here->folder, "/tmp/merbench-ledger-XXXXXX");
    if (mkdtemp(here->folder) == NULL)
        return -1;
    snprintf(here->path, sizeof here->path, "%s/results.db", here->folder);
    *state = here;
    return 0;
}

static inline int remove_scratch(void **state) {
    scratch *here = *state;
    char command[128];
    chmod(here->folder, 0700);
    snprintf(command, sizeof command, "rm -rf '%s'", here->folder);
    int result = system(command);
    free(here);
    return result;
}

#define SCRATCH_TEST(name) cmocka_unit_test_setup_teardown(name, make_scratch, remove_scratch)

static inline bool exists(const char *path, const char *suffix) {
    char name[128];
    snprintf(name, sizeof name, "%s%s", path, suffix);
    return access(name, F_OK) == 0;
}

// Executes SQL behind the back of the ledger.
static inline void execute(const char *path, const char *sql) {
    sqlite3 *database;
    char *message = NULL;
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    if (sqlite3_exec(database, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
    sqlite3_close(database);
}

static inline mb_ledger *open_ledger(const char *path, mb_ledger_mode mode) {
    mb_error error = {.message = ""};
    mb_ledger *ledger;
    if (mb_ledger_open(path, mode, &ledger, &error) != MB_OK)
        fail_msg("%s", error.message);
    return ledger;
}

enum { SELECT_ROWS = 3, TEST_ROWS = 2, CLASSES = 2, EPOCHS = 2 };

typedef struct sample {
    int32_t select_rows[SELECT_ROWS], test_rows[TEST_ROWS];
    float select_logits[SELECT_ROWS * CLASSES], select_values[SELECT_ROWS];
    float test_logits[TEST_ROWS * CLASSES], test_values[TEST_ROWS];
    mb_epoch epochs[EPOCHS];
    mb_predictions tests[2];
    mb_part test_parts[2];
    mb_fold fold;
    mb_run_result result;
    mb_ledger_run run;
} sample;

static inline float float_of_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline void fill_sample(sample *s, const char *key, int32_t fold) {
    *s = (sample){
        .select_rows = {5, 0, INT32_MAX},
        .test_rows = {7, 8},
        // a negative zero, a denormal, infinities and NaNs with payloads
        .select_logits = {-0.0f, 0.1f, float_of_bits(1), INFINITY, -INFINITY,
                          float_of_bits(0xffc12345u)},
        .select_values = {1.0f / 3, -2.5f, (float)fold},
        .test_logits = {0.25f, 0.75f, 3e38f, -3e38f},
        .test_values = {0.5f, float_of_bits(0x7f800001u)},
        .epochs = {{0.1, 1.0 / 3, -0.0}, {(double)NAN, fold, -(double)INFINITY}},
    };
    snprintf(s->fold.select.name, sizeof s->fold.select.name, "val");
    s->fold.select.count = SELECT_ROWS;
    s->fold.select.rows = s->select_rows;
    s->test_parts[0] = (mb_part){.name = "test1", .count = TEST_ROWS, .rows = s->test_rows};
    s->test_parts[1] = (mb_part){.name = "test2", .count = 1, .rows = s->test_rows};
    s->tests[0] = (mb_predictions){TEST_ROWS, s->test_logits, s->test_values};
    s->tests[1] = (mb_predictions){1, s->test_logits, NULL};
    s->result = (mb_run_result){
        .status = MB_RUN_DONE,
        .broken_epoch = fold - 1, // -1 in fold 0
        .epochs_done = EPOCHS,
        .epochs = s->epochs,
        .best_epoch = 1,
        .select = {.waf = 0.1, .acc = 2.0, .mse = -0.0, .emoval = 1.0 / 7},
        .held = {.waf = (double)NAN, .ccc = 5e-324},
        .select_predictions = {SELECT_ROWS, s->select_logits, s->select_values},
        .test_count = 2,
        .tests = s->tests,
        .seconds = 0.1 + 0.2,
        .steps = INT64_C(5000000000),
    };
    s->run = (mb_ledger_run){
        .trial_key = key,
        .fold = fold,
        .device = "cpu test",
        .version = "0",
        .parts = &s->fold,
        .tests = s->test_parts,
        .test_count = 2,
        .class_count = CLASSES,
        .value_count = 1,
        .result = &s->result,
    };
}

static inline mb_ledger_scores sample_scores(void) {
    mb_ledger_scores scores = {.selection = -0.0, .diverged = true, .score_part = "test1"};
    scores.score.waf = 0.123456789012345678;
    scores.score.pearson = (double)NAN;
    scores.select.emoval = -1e300;
    return scores;
}

static inline void put_trial(mb_ledger *ledger, const char *key, int32_t fold_count) {
    mb_error error = {.message = ""};
    mb_ledger_trial trial = {.fold_count = fold_count};
    snprintf(trial.key, sizeof trial.key, "%s", key);
    char description[64];
    snprintf(description, sizeof description, "{\"trial\":\"%s\"}", key);
    trial.description = description;
    if (mb_ledger_put_trial(ledger, &trial, &error) != MB_OK)
        fail_msg("%s", error.message);
}

static inline mb_status put_sample(mb_ledger *ledger, const char *key, int32_t fold,
                                   const mb_ledger_scores *scores, mb_error *error) {
    sample s;
    fill_sample(&s, key, fold);
    return mb_ledger_put_run(ledger, &s.run, scores, error);
}

static inline void make_ledger(const scratch *here) {
    mb_error error = {.message = ""};
    mb_ledger *ledger = open_ledger(here->path, MB_LEDGER_WRITE);
    put_trial(ledger, KEY, 1);
    assert_int_equal(put_sample(ledger, KEY, 0, NULL, &error), MB_OK);
    mb_ledger_close(ledger);
}

// Equal bits, or both NaN.
static inline void assert_same_doubles(const double *a, const double *b, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!(isnan(a[i]) && isnan(b[i])))
            assert_memory_equal(&a[i], &b[i], sizeof *a);
}

static inline void assert_same_scores(const mb_scores *a, const mb_scores *b) {
    for (int32_t i = 0; i < MB_SCORE_COUNT; i++) {
        double x = mb_score_get(a, i), y = mb_score_get(b, i);
        assert_same_doubles(&x, &y, 1);
    }
}

static inline void assert_same_predictions(const mb_predictions *a, const mb_predictions *b) {
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->logits == NULL, b->logits == NULL);
    assert_int_equal(a->values == NULL, b->values == NULL);
    if (a->logits != NULL)
        assert_memory_equal(a->logits, b->logits, (size_t)a->count * CLASSES * sizeof(float));
    if (a->values != NULL)
        assert_memory_equal(a->values, b->values, (size_t)a->count * sizeof(float));
}

// Whether any part of a run is recorded.
static inline mb_status has_run(mb_ledger *ledger, const char *key, int32_t fold, bool *there,
                                mb_error *error) {
    mb_ledger_summary summary;
    mb_status status = mb_ledger_get_summary(ledger, key, fold, &summary, error);
    *there = summary.extent != MB_LEDGER_NOTHING;
    return status;
}

// The run of fill_sample(key, fold) is recorded, bit for bit.
static inline void assert_sample(mb_ledger *ledger, const char *key, int32_t fold) {
    mb_error error = {.message = ""};
    mb_run_result found;
    if (mb_ledger_get_run(ledger, key, fold, &found, &error) != MB_OK)
        fail_msg("%s", error.message);
    sample s;
    fill_sample(&s, key, fold);
    const mb_run_result *put = &s.result;
    assert_int_equal(found.status, put->status);
    assert_string_equal(found.cause, put->cause);
    assert_int_equal(found.broken_epoch, put->broken_epoch);
    assert_int_equal(found.epochs_done, EPOCHS);
    assert_int_equal(found.best_epoch, put->best_epoch);
    assert_int_equal(found.steps, put->steps);
    assert_same_doubles(&found.seconds, &put->seconds, 1);
    for (int i = 0; i < EPOCHS; i++) {
        assert_same_doubles(&found.epochs[i].train_loss, &put->epochs[i].train_loss, 1);
        assert_same_doubles(&found.epochs[i].select_loss, &put->epochs[i].select_loss, 1);
        assert_same_doubles(&found.epochs[i].select_metric, &put->epochs[i].select_metric, 1);
    }
    assert_same_scores(&found.select, &put->select);
    assert_same_scores(&found.held, &put->held);
    assert_same_predictions(&found.select_predictions, &put->select_predictions);
    assert_same_predictions(&found.held_predictions, &put->held_predictions);
    assert_int_equal(found.test_count, 2);
    for (int32_t i = 0; i < found.test_count; i++)
        assert_same_predictions(&found.tests[i], &put->tests[i]);
    mb_run_result_free(&found);
}

#endif
