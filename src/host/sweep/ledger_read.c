// Reads runs and trials.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sweep/ledger_internal.h"

// Opens the row of a run, if it is recorded.
static mb_status open_run(mb_query *query, mb_ledger *ledger, const char *trial_key, int32_t fold,
                          bool *there, mb_error *error) {
    *there = false;
    mb_status status = mb_query_open(query, ledger, SQL_GET_RUN, error);
    if (status != MB_OK)
        return status;
    mb_query_bind_text(query, ":trial", trial_key);
    mb_query_bind_integer(query, ":fold", fold);
    return mb_query_next(query, there, error);
}

// ---- summaries --------------------------------------------------------------------------------

static mb_status get_metric(mb_ledger *ledger, int64_t run, int32_t epoch, double *metric,
                            mb_error *error) {
    mb_query query;
    bool there = false;
    mb_status status = mb_query_open(&query, ledger, SQL_GET_EPOCH, error);
    if (status == MB_OK) {
        mb_query_bind_integer(&query, ":run", run);
        mb_query_bind_integer(&query, ":epoch", epoch);
        status = mb_query_next(&query, &there, error);
    }
    *metric = there ? mb_query_real(&query, epochs_select_metric) : (double)NAN;
    return mb_query_close(&query, status, error);
}

static mb_status has_other_parts(mb_ledger *ledger, int64_t run, bool *has, mb_error *error) {
    mb_query query;
    bool row = false;
    mb_status status = mb_query_open(&query, ledger, SQL_HAS_OTHER_PARTS, error);
    if (status == MB_OK) {
        mb_query_bind_integer(&query, ":run", run);
        status = mb_query_next(&query, &row, error);
    }
    *has = row && sqlite3_column_int(query.statement, 0) != 0;
    return mb_query_close(&query, status, error);
}

static mb_run_status read_status(mb_query *query) {
    return (mb_run_status)mb_query_choice(query, runs_status, mb_run_status_names, MB_RUN_STOPPED);
}

static int32_t read_broken_epoch(mb_query *query) {
    return mb_query_is_null(query, runs_broken_epoch)
               ? -1
               : mb_query_integer32(query, runs_broken_epoch);
}

mb_status mb_ledger_get_summary(mb_ledger *ledger, const char *trial_key, int32_t fold,
                                mb_ledger_summary *summary, mb_error *error) {
    mb_query query;
    bool there, all_parts = false;
    int64_t id = 0;
    int32_t best_epoch = 0;
    *summary = (mb_ledger_summary){.extent = MB_LEDGER_NOTHING, .selection = (double)NAN};
    mb_status status = open_run(&query, ledger, trial_key, fold, &there, error);
    if (status == MB_OK && there) {
        id = mb_query_integer(&query, runs_id);
        best_epoch = mb_query_integer32(&query, runs_best_epoch);
        summary->status = read_status(&query);
        summary->broken_epoch = read_broken_epoch(&query);
        mb_query_text(&query, runs_cause, summary->cause, sizeof summary->cause);
        mb_query_text(&query, runs_device, summary->device, sizeof summary->device);
    }
    status = mb_query_close(&query, status, error);
    if (status != MB_OK || !there)
        return status;
    if (summary->status == MB_RUN_DIVERGED)
        all_parts = true;
    else {
        status = has_other_parts(ledger, id, &all_parts, error);
        if (status == MB_OK)
            status = get_metric(ledger, id, best_epoch, &summary->selection, error);
    }
    summary->extent = all_parts ? MB_LEDGER_ALL_PARTS : MB_LEDGER_SELECTION;
    return status;
}

// ---- runs -------------------------------------------------------------------------------------

// Opens the row of a run, which must be recorded.
static mb_status open_run_row(mb_query *query, mb_ledger *ledger, const char *trial_key,
                              int32_t fold, mb_error *error) {
    bool there;
    mb_status status = open_run(query, ledger, trial_key, fold, &there, error);
    if (status == MB_OK && !there)
        return mb_fail(error, MB_BAD_INPUT, "%s: trial %s has no finished run of fold %" PRId32,
                       ledger->path, trial_key, fold);
    return status;
}

mb_status mb_ledger_find_run(mb_ledger *ledger, const char *trial_key, int32_t fold, int64_t *id,
                             mb_error *error) {
    mb_query query;
    mb_status status = open_run_row(&query, ledger, trial_key, fold, error);
    if (status == MB_OK)
        *id = mb_query_integer(&query, runs_id);
    return mb_query_close(&query, status, error);
}

// The columns that are needed to read the rest of a run.
typedef struct run_row {
    int64_t id;
    int32_t class_count, prediction_count;
} run_row;

static mb_status get_run_row(mb_ledger *ledger, const char *trial_key, int32_t fold,
                             mb_run_result *result, run_row *run, mb_error *error) {
    mb_query query;
    mb_status status = open_run_row(&query, ledger, trial_key, fold, error);
    if (status == MB_OK) {
        run->id = mb_query_integer(&query, runs_id);
        run->class_count = mb_query_integer32(&query, runs_class_count);
        run->prediction_count = mb_query_integer32(&query, runs_prediction_count);
        result->status = read_status(&query);
        result->broken_epoch = read_broken_epoch(&query);
        mb_query_text(&query, runs_cause, result->cause, sizeof result->cause);
        result->epochs_done = mb_query_integer32(&query, runs_epochs_done);
        result->best_epoch = mb_query_integer32(&query, runs_best_epoch);
        result->steps = mb_query_integer(&query, runs_steps);
        result->seconds = mb_query_real(&query, runs_seconds);
        mb_query_scores(&query, runs_select_scores, &result->select);
        mb_query_scores(&query, runs_held_scores, &result->held);
    }
    return mb_query_close(&query, status, error);
}

static mb_status get_epochs(mb_ledger *ledger, const run_row *run, mb_run_result *result,
                            mb_error *error) {
    mb_query query;
    int32_t count = 0;
    bool row = true, in_order = true;
    mb_status status = mb_query_open(&query, ledger, SQL_GET_EPOCHS, error);
    if (status == MB_OK)
        mb_query_bind_integer(&query, ":run", run->id);
    while (status == MB_OK) {
        status = mb_query_next(&query, &row, error);
        if (status != MB_OK || !row)
            break;
        in_order = in_order && mb_query_integer(&query, epochs_epoch) == count;
        mb_epoch *epochs = mb_ledger_one_more(result->epochs, &count, sizeof *epochs, error);
        if (epochs == NULL) {
            status = MB_FAILED;
            break;
        }
        result->epochs = epochs;
        epochs[count - 1] = (mb_epoch){
            .train_loss = mb_query_real(&query, epochs_train_loss),
            .select_loss = mb_query_real(&query, epochs_select_loss),
            .select_metric = mb_query_real(&query, epochs_select_metric),
        };
    }
    status = mb_query_close(&query, status, error);
    if (status == MB_OK && (count != result->epochs_done || !in_order))
        status = mb_ledger_damaged(
            ledger, "a run does not have the number of epochs that it states", error);
    return status;
}

static mb_status read_predictions(mb_query *query, const run_row *run, mb_predictions *predictions,
                                  mb_error *error) {
    int32_t count = mb_query_integer32(query, predictions_count);
    if (count < 0 || run->class_count < 0 || run->class_count > 4096 || predictions->count != 0)
        return mb_ledger_damaged(query->ledger, "the numbers of predictions do not match", error);
    predictions->count = count;
    void *logits, *values;
    mb_status status = mb_query_copy_blob(query, predictions_logits,
                                          (size_t)count * (size_t)run->class_count * sizeof(float),
                                          &logits, error);
    predictions->logits = logits;
    if (status == MB_OK) {
        status = mb_query_copy_blob(query, predictions_valences, (size_t)count * sizeof(float),
                                    &values, error);
        predictions->values = values;
    }
    return status;
}

// The tests whose predictions are read.
typedef struct wanted_tests {
    bool all;
    const mb_part *tests;
    int32_t count;
} wanted_tests;

// The member of `result` for the predictions of the current row. *good = false: out of memory. NULL
// otherwise: not wanted.
static mb_predictions *predictions_of_row(mb_query *query, const wanted_tests *wanted,
                                          mb_run_result *result, bool *good, mb_error *error) {
    *good = true;
    switch (mb_query_choice(query, predictions_role, mb_ledger_roles, ROLE_COUNT)) {
    case ROLE_SELECT:
        return &result->select_predictions;
    case ROLE_HELD:
        return &result->held_predictions;
    default:
        break;
    }
    if (wanted->all) {
        mb_predictions *tests =
            mb_ledger_one_more(result->tests, &result->test_count, sizeof *result->tests, error);
        *good = tests != NULL;
        result->tests = *good ? tests : result->tests;
        return *good ? &tests[result->test_count - 1] : NULL;
    }
    char name[sizeof wanted->tests->name];
    mb_query_text(query, predictions_name, name, sizeof name);
    for (int32_t t = 0; t < wanted->count; t++)
        if (strcmp(wanted->tests[t].name, name) == 0)
            return &result->tests[t];
    return NULL;
}

static mb_status get_predictions(mb_ledger *ledger, const run_row *run, const wanted_tests *wanted,
                                 mb_run_result *result, mb_error *error) {
    mb_query query;
    bool row = true;
    int32_t count = 0;
    mb_status status = mb_query_open(&query, ledger, SQL_GET_PREDICTIONS, error);
    if (status == MB_OK)
        mb_query_bind_integer(&query, ":run", run->id);
    while (status == MB_OK) {
        bool good;
        status = mb_query_next(&query, &row, error);
        if (status != MB_OK || !row)
            break;
        count++;
        mb_predictions *predictions = predictions_of_row(&query, wanted, result, &good, error);
        status = !good                 ? MB_FAILED
                 : predictions != NULL ? read_predictions(&query, run, predictions, error)
                                       : MB_OK;
    }
    status = mb_query_close(&query, status, error);
    if (status == MB_OK && count != run->prediction_count)
        status = mb_ledger_damaged(
            ledger, "a run does not have the number of predictions that it states", error);
    return status;
}

// Frees the tests if not all of them are there.
static void drop_incomplete(mb_run_result *result) {
    bool complete = true;
    for (int32_t t = 0; t < result->test_count; t++)
        complete = complete && result->tests[t].count > 0;
    if (complete)
        return;
    for (int32_t t = 0; t < result->test_count; t++) {
        free(result->tests[t].logits);
        free(result->tests[t].values);
    }
    free(result->tests);
    result->tests = NULL;
    result->test_count = 0;
}

static mb_status get_run(mb_ledger *ledger, const char *trial_key, int32_t fold,
                         const wanted_tests *wanted, mb_run_result *result, mb_error *error) {
    memset(result, 0, sizeof *result);
    run_row run = {0};
    mb_status status = MB_OK;
    if (wanted->count > 0) {
        result->tests = calloc((size_t)wanted->count, sizeof *result->tests);
        if (result->tests == NULL)
            return mb_out_of_memory(error, "predictions of a run");
        result->test_count = wanted->count;
    }
    status = get_run_row(ledger, trial_key, fold, result, &run, error);
    if (status == MB_OK)
        status = get_epochs(ledger, &run, result, error);
    if (status == MB_OK)
        status = get_predictions(ledger, &run, wanted, result, error);
    if (status == MB_OK && !wanted->all)
        drop_incomplete(result);
    if (status != MB_OK) {
        mb_run_result_free(result);
        memset(result, 0, sizeof *result);
    }
    return status;
}

mb_status mb_ledger_get_run(mb_ledger *ledger, const char *trial_key, int32_t fold,
                            mb_run_result *result, mb_error *error) {
    return get_run(ledger, trial_key, fold, &(wanted_tests){.all = true}, result, error);
}

mb_status mb_ledger_get_run_on(mb_ledger *ledger, const char *trial_key, int32_t fold,
                               const mb_part *tests, int32_t test_count, mb_run_result *result,
                               mb_error *error) {
    return get_run(ledger, trial_key, fold, &(wanted_tests){.tests = tests, .count = test_count},
                   result, error);
}

// ---- trials -----------------------------------------------------------------------------------

mb_status mb_ledger_get_member(mb_ledger *ledger, const char *trial_key, int32_t fold,
                               char member[33], mb_error *error) {
    mb_query query;
    bool joined = false;
    mb_status status = mb_query_open(&query, ledger, SQL_GET_MEMBER, error);
    if (status == MB_OK) {
        mb_query_bind_text(&query, ":trial", trial_key);
        mb_query_bind_integer(&query, ":fold", fold);
        status = mb_query_next(&query, &joined, error);
    }
    if (status == MB_OK && joined)
        mb_query_text(&query, members_member, member, 33);
    else
        snprintf(member, 33, "%s", trial_key);
    return mb_query_close(&query, status, error);
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
    mb_status status = mb_query_open(&query, ledger, SQL_FIND_TRIALS, error);
    if (status == MB_OK) {
        mb_query_bind_text(&query, ":key", key_or_prefix);
        status = mb_query_next(&query, &row, error);
    }
    if (status == MB_OK && !row)
        status = mb_fail(error, MB_BAD_INPUT, "%s: there is no trial %s%s", ledger->path,
                         key_or_prefix, length < 32 ? "..." : "");
    if (status == MB_OK) {
        mb_query_text(&query, trials_key, trial->key, sizeof trial->key);
        trial->fold_count = mb_query_integer32(&query, trials_fold_count);
        status = mb_query_copy_text(&query, trials_description, &trial->description, error);
    }
    if (status == MB_OK)
        status = mb_query_next(&query, &row, error);
    if (status == MB_OK && row)
        status = mb_fail(error, MB_BAD_INPUT,
                         "%s: several trials begin with %s: %s...; give more digits", ledger->path,
                         key_or_prefix, trial->key);
    status = mb_query_close(&query, status, error);
    if (status == MB_OK && trial->fold_count < 1)
        status = mb_ledger_damaged(ledger, "a trial without folds", error);
    if (status != MB_OK)
        mb_ledger_trial_free(trial);
    return status;
}

void mb_ledger_trial_free(mb_ledger_trial *trial) {
    free(trial->description);
    trial->description = NULL;
}
