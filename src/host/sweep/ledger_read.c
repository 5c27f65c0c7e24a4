// Reading runs and trials back.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sweep/ledger_internal.h"

static mb_status bind_run(mb_query *query, mb_ledger *ledger, const char *what, const char *sql,
                          const char *trial_key, int32_t fold, mb_error *error) {
    mb_status status = mb_query_open(query, ledger, what, sql, error);
    if (status == MB_OK) {
        mb_query_bind_text(query, trial_key);
        mb_query_bind_integer(query, fold);
    }
    return status;
}

mb_status mb_ledger_has_run(mb_ledger *ledger, const char *trial_key, int32_t fold, bool *there,
                            mb_error *error) {
    mb_query query;
    *there = false;
    mb_status status =
        bind_run(&query, ledger, "looking for a run",
                 "SELECT 1 FROM runs WHERE trial = ? AND fold = ?", trial_key, fold, error);
    if (status == MB_OK)
        status = mb_query_next(&query, there, error);
    mb_query_close(&query);
    return status;
}

mb_status mb_ledger_get_device(mb_ledger *ledger, const char *trial_key, int32_t fold, char *device,
                               size_t size, mb_error *error) {
    mb_query query;
    bool row = false;
    mb_status status =
        bind_run(&query, ledger, "looking for the device of a run",
                 "SELECT device FROM runs WHERE trial = ? AND fold = ?", trial_key, fold, error);
    if (status == MB_OK)
        status = mb_query_next(&query, &row, error);
    if (status == MB_OK && !row)
        status = mb_fail(error, MB_BAD_INPUT, "%s: trial %s has no finished run of fold %" PRId32,
                         ledger->path, trial_key, fold);
    if (status == MB_OK)
        mb_query_text(&query, 0, device, size);
    mb_query_close(&query);
    return status;
}

// Columns of the table runs.
enum {
    RUN_ID = 0,
    RUN_STATUS = 3,
    RUN_CAUSE = 4,
    RUN_EPOCHS_DONE = 5,
    RUN_BEST_EPOCH = 6,
    RUN_STEPS = 7,
    RUN_SECONDS = 8,
    RUN_CLASS_COUNT = 12,
    RUN_SCORES = 14,
};

// What reading the rest of a run needs.
typedef struct run_row {
    int64_t id;
    int32_t class_count;
} run_row;

static mb_status get_run_row(mb_ledger *ledger, const char *trial_key, int32_t fold,
                             mb_run_result *result, run_row *run, mb_error *error) {
    mb_query query;
    bool row = false;
    mb_status status =
        bind_run(&query, ledger, "reading a run", "SELECT * FROM runs WHERE trial = ? AND fold = ?",
                 trial_key, fold, error);
    if (status == MB_OK)
        status = mb_query_next(&query, &row, error);
    if (status == MB_OK && !row)
        status = mb_fail(error, MB_BAD_INPUT, "%s: trial %s has no finished run of fold %" PRId32,
                         ledger->path, trial_key, fold);
    if (status == MB_OK) {
        char text[16];
        mb_query_text(&query, RUN_STATUS, text, sizeof text);
        run->id = mb_query_integer(&query, RUN_ID);
        run->class_count = mb_query_integer32(&query, RUN_CLASS_COUNT);
        result->status = strcmp(text, "done") == 0 ? MB_RUN_DONE : MB_RUN_DIVERGED;
        mb_query_text(&query, RUN_CAUSE, result->cause, sizeof result->cause);
        result->epochs_done = mb_query_integer32(&query, RUN_EPOCHS_DONE);
        result->best_epoch = mb_query_integer32(&query, RUN_BEST_EPOCH);
        result->steps = mb_query_integer(&query, RUN_STEPS);
        result->seconds = mb_query_real(&query, RUN_SECONDS);
        mb_query_scores(&query, RUN_SCORES, &result->select);
        mb_query_scores(&query, RUN_SCORES + MB_SCORE_COUNT, &result->held);
    }
    mb_query_close(&query);
    return status;
}

static mb_status count_rows(mb_ledger *ledger, const char *sql, int64_t run, int64_t *count,
                            mb_error *error) {
    mb_query query;
    bool row = false;
    mb_status status = mb_query_open(&query, ledger, "reading a run", sql, error);
    if (status == MB_OK) {
        mb_query_bind_integer(&query, run);
        status = mb_query_next(&query, &row, error);
    }
    *count = row ? mb_query_integer(&query, 0) : 0;
    mb_query_close(&query);
    return status;
}

static mb_status get_epochs(mb_ledger *ledger, int64_t run, mb_run_result *result,
                            mb_error *error) {
    int64_t count;
    mb_status status =
        count_rows(ledger, "SELECT count(*) FROM epochs WHERE run = ?", run, &count, error);
    if (status != MB_OK)
        return status;
    if (count != result->epochs_done)
        return mb_ledger_damaged(ledger, "a run has not as many epochs as it says", error);
    result->epochs = calloc((size_t)count + 1, sizeof *result->epochs);
    if (result->epochs == NULL)
        return mb_out_of_memory(error, "curves of a run");
    mb_query query;
    status = mb_query_open(&query, ledger, "reading curves",
                           "SELECT train_loss, select_loss, select_metric FROM epochs "
                           "WHERE run = ? ORDER BY epoch",
                           error);
    if (status == MB_OK)
        mb_query_bind_integer(&query, run);
    for (int64_t i = 0; status == MB_OK && i < count; i++) {
        bool row;
        status = mb_query_next(&query, &row, error);
        if (status == MB_OK && row)
            result->epochs[i] = (mb_epoch){.train_loss = mb_query_real(&query, 0),
                                           .select_loss = mb_query_real(&query, 1),
                                           .select_metric = mb_query_real(&query, 2)};
    }
    mb_query_close(&query);
    return status;
}

// Columns 2..4 of the current row: count, logits, valences.
static mb_status get_one_predictions(mb_query *query, const run_row *run,
                                     mb_predictions *predictions, mb_error *error) {
    int32_t count = mb_query_integer32(query, 2);
    if (count < 0 || run->class_count < 0 || run->class_count > 4096 || predictions->count != 0)
        return mb_ledger_damaged(query->ledger, "counts of predictions", error);
    predictions->count = count;
    void *logits, *values;
    mb_status status = mb_query_copy_blob(
        query, 3, (size_t)count * (size_t)run->class_count * sizeof(float), &logits, error);
    predictions->logits = logits;
    if (status == MB_OK) {
        status = mb_query_copy_blob(query, 4, (size_t)count * sizeof(float), &values, error);
        predictions->values = values;
    }
    return status;
}

static mb_status get_predictions(mb_ledger *ledger, const run_row *run, int32_t test_count,
                                 mb_run_result *result, mb_error *error) {
    mb_query query;
    bool row = true;
    int32_t test = 0;
    mb_status status = mb_query_open(&query, ledger, "reading predictions",
                                     "SELECT role, position, count, logits, valences "
                                     "FROM predictions WHERE run = ? ORDER BY position",
                                     error);
    if (status == MB_OK)
        mb_query_bind_integer(&query, run->id);
    while (status == MB_OK) {
        status = mb_query_next(&query, &row, error);
        if (status != MB_OK || !row)
            break;
        char role[16];
        mb_query_text(&query, 0, role, sizeof role);
        mb_predictions *predictions = strcmp(role, "select") == 0 ? &result->select_predictions
                                      : strcmp(role, "held") == 0 ? &result->held_predictions
                                      : test < test_count         ? &result->tests[test++]
                                                                  : NULL;
        status = predictions != NULL
                     ? get_one_predictions(&query, run, predictions, error)
                     : mb_ledger_damaged(ledger, "a run has more predictions than it says", error);
    }
    mb_query_close(&query);
    return status;
}

mb_status mb_ledger_get_run(mb_ledger *ledger, const char *trial_key, int32_t fold,
                            int32_t *test_count, mb_run_result *result, mb_error *error) {
    memset(result, 0, sizeof *result);
    *test_count = 0;
    run_row run = {0};
    int64_t tests = 0;
    mb_status status = get_run_row(ledger, trial_key, fold, result, &run, error);
    if (status == MB_OK)
        status = get_epochs(ledger, run.id, result, error);
    if (status == MB_OK)
        status =
            count_rows(ledger, "SELECT count(*) FROM predictions WHERE run = ? AND role = 'test'",
                       run.id, &tests, error);
    if (status == MB_OK && tests > 0) {
        result->tests = tests <= INT32_MAX ? calloc((size_t)tests, sizeof *result->tests) : NULL;
        if (result->tests == NULL)
            status = mb_out_of_memory(error, "predictions of a run");
        else
            *test_count = (int32_t)tests;
    }
    if (status == MB_OK)
        status = get_predictions(ledger, &run, *test_count, result, error);
    if (status != MB_OK) {
        mb_run_result_free(result, *test_count);
        memset(result, 0, sizeof *result);
        *test_count = 0;
    }
    return status;
}

void mb_query_trial_scores(mb_query *query, int first, mb_ledger_scores *scores) {
    scores->diverged = mb_query_integer(query, first) != 0;
    scores->selection = mb_query_real(query, first + 1);
    mb_query_text(query, first + 2, scores->score_part, sizeof scores->score_part);
    mb_query_scores(query, first + 3, &scores->score);
    mb_query_scores(query, first + 3 + MB_SCORE_COUNT, &scores->select);
}

mb_status mb_ledger_get_scores(mb_ledger *ledger, const char *trial_key, bool *there,
                               mb_ledger_scores *scores, mb_error *error) {
    mb_query query;
    *there = false;
    mb_status status = mb_query_open(&query, ledger, "reading the scores of a trial",
                                     "SELECT * FROM trial_scores WHERE trial = ?", error);
    if (status == MB_OK) {
        mb_query_bind_text(&query, trial_key);
        status = mb_query_next(&query, there, error);
    }
    if (*there)
        mb_query_trial_scores(&query, 1, scores);
    mb_query_close(&query);
    return status;
}

mb_status mb_ledger_get_trial(mb_ledger *ledger, const char *key_or_prefix, mb_ledger_trial *trial,
                              mb_error *error) {
    memset(trial, 0, sizeof *trial);
    size_t length = strlen(key_or_prefix);
    if (length < 6 || length > 32 || strspn(key_or_prefix, "0123456789abcdef") != length)
        return mb_fail(error, MB_BAD_INPUT,
                       "%s: trial '%s': expected 6 to 32 hexadecimal digits (0-9, a-f) of a key",
                       ledger->path, key_or_prefix);
    mb_query query;
    bool row = false;
    mb_status status = mb_query_open(&query, ledger, "reading a trial",
                                     "SELECT key, fold_count, description FROM trials "
                                     "WHERE key >= ?1 AND key < ?1 || 'g' ORDER BY key LIMIT 2",
                                     error);
    if (status == MB_OK) {
        mb_query_bind_text(&query, key_or_prefix);
        status = mb_query_next(&query, &row, error);
    }
    if (status == MB_OK && !row)
        status = mb_fail(error, MB_BAD_INPUT, "%s: no trial %s%s", ledger->path, key_or_prefix,
                         length < 32 ? "..." : "");
    if (status == MB_OK) {
        mb_query_text(&query, 0, trial->key, sizeof trial->key);
        trial->fold_count = mb_query_integer32(&query, 1);
        status = mb_query_copy_text(&query, 2, &trial->description, error);
    }
    if (status == MB_OK)
        status = mb_query_next(&query, &row, error);
    if (status == MB_OK && row)
        status = mb_fail(error, MB_BAD_INPUT,
                         "%s: several trials begin with %s: %s...; give more digits", ledger->path,
                         key_or_prefix, trial->key);
    mb_query_close(&query);
    if (status == MB_OK && (trial->description == NULL || trial->fold_count < 1))
        status = mb_ledger_damaged(ledger, "a trial without description or folds", error);
    if (status != MB_OK)
        mb_ledger_trial_free(trial);
    return status;
}

void mb_ledger_trial_free(mb_ledger_trial *trial) {
    free(trial->description);
    trial->description = NULL;
}
