// Recording plans, trials and runs.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "sweep/ledger_internal.h"

// Ends the group of a writing function: keeps it when everything went well.
static mb_status finish(mb_ledger *ledger, mb_status status, mb_error *error) {
    if (status == MB_OK)
        return mb_ledger_end(ledger, true, error);
    mb_ledger_end(ledger, false, NULL);
    return status;
}

// ---- plans and cells --------------------------------------------------------------------------

static mb_status put_cells(mb_ledger *ledger, const char *digest, const mb_ledger_cell *cells,
                           int32_t cell_count, mb_error *error) {
    mb_query query;
    mb_status status = mb_query_open(&query, ledger, "recording the cells of a plan",
                                     "INSERT INTO cells VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "
                                     "ON CONFLICT (plan, cell) DO NOTHING",
                                     error);
    for (int32_t i = 0; status == MB_OK && i < cell_count; i++) {
        const mb_ledger_cell *cell = &cells[i];
        mb_query_bind_text(&query, digest);
        mb_query_bind_integer(&query, cell->index);
        mb_query_bind_text(&query, cell->label);
        mb_query_bind_text(&query, cell->dataset);
        mb_query_bind_text(&query, cell->model);
        mb_query_bind_text(&query, cell->features);
        mb_query_bind_text(&query, cell->protocol);
        mb_query_bind_integer(&query, cell->final_seeds);
        mb_query_bind_text(&query, cell->chosen);
        status = mb_query_run(&query, error);
    }
    mb_query_close(&query);
    return status;
}

mb_status mb_ledger_put_plan(mb_ledger *ledger, const char *digest, const char *name,
                             const char *json, const mb_ledger_cell *cells, int32_t cell_count,
                             mb_error *error) {
    mb_status status = mb_ledger_begin(ledger, error);
    if (status != MB_OK)
        return status;
    mb_query query;
    status = mb_query_open(&query, ledger, "recording a plan",
                           "INSERT INTO plans VALUES (?, ?, ?, "
                           "(SELECT ifnull(max(ran), 0) + 1 FROM plans)) "
                           "ON CONFLICT (digest) DO UPDATE SET ran = excluded.ran",
                           error);
    if (status == MB_OK) {
        mb_query_bind_text(&query, digest);
        mb_query_bind_text(&query, name);
        mb_query_bind_text(&query, json);
        status = mb_query_run(&query, error);
    }
    mb_query_close(&query);
    if (status == MB_OK)
        status = put_cells(ledger, digest, cells, cell_count, error);
    return finish(ledger, status, error);
}

mb_status mb_ledger_choose(mb_ledger *ledger, const char *plan_digest, int32_t cell,
                           const char *settings_json, mb_error *error) {
    mb_query query;
    mb_status status =
        mb_query_open(&query, ledger, "recording a choice",
                      "UPDATE cells SET chosen = ? WHERE plan = ? AND cell = ?", error);
    if (status == MB_OK) {
        mb_query_bind_text(&query, settings_json);
        mb_query_bind_text(&query, plan_digest);
        mb_query_bind_integer(&query, cell);
        status = mb_query_run(&query, error);
    }
    if (status == MB_OK && sqlite3_changes(ledger->database) != 1)
        status = mb_fail(error, MB_FAILED, "%s: recording a choice: plan %s has no cell %" PRId32,
                         ledger->path, plan_digest, cell);
    mb_query_close(&query);
    return status;
}

mb_status mb_ledger_link(mb_ledger *ledger, const char *plan_digest, int32_t cell, bool final,
                         const char *trial_key, mb_error *error) {
    mb_query query;
    mb_status status =
        mb_query_open(&query, ledger, "recording which cell a trial belongs to",
                      "INSERT INTO links (plan, cell, final, trial) VALUES (?, ?, ?, ?) "
                      "ON CONFLICT (plan, cell, final, trial) DO NOTHING",
                      error);
    if (status == MB_OK) {
        mb_query_bind_text(&query, plan_digest);
        mb_query_bind_integer(&query, cell);
        mb_query_bind_integer(&query, final);
        mb_query_bind_text(&query, trial_key);
        status = mb_query_run(&query, error);
    }
    mb_query_close(&query);
    return status;
}

// ---- trials -----------------------------------------------------------------------------------

// What an existing trial must agree with: results of two descriptions must never meet under one
// key.
static mb_status check_same_trial(mb_ledger *ledger, const mb_ledger_trial *trial,
                                  mb_error *error) {
    mb_query query;
    bool row = false;
    mb_status status = mb_query_open(
        &query, ledger, "recording a trial",
        "SELECT 1 FROM trials WHERE key = ? AND description = ? AND fold_count = ?", error);
    if (status == MB_OK) {
        mb_query_bind_text(&query, trial->key);
        mb_query_bind_text(&query, trial->description);
        mb_query_bind_integer(&query, trial->fold_count);
        status = mb_query_next(&query, &row, error);
    }
    if (status == MB_OK && !row)
        status = mb_fail(error, MB_BAD_INPUT,
                         "%s: trial %s is there with another description or number of folds",
                         ledger->path, trial->key);
    mb_query_close(&query);
    return status;
}

mb_status mb_ledger_put_trial(mb_ledger *ledger, const mb_ledger_trial *trial, mb_error *error) {
    mb_query query;
    mb_status status =
        mb_query_open(&query, ledger, "recording a trial",
                      "INSERT INTO trials VALUES (?, ?, ?) ON CONFLICT (key) DO NOTHING", error);
    if (status == MB_OK) {
        mb_query_bind_text(&query, trial->key);
        mb_query_bind_text(&query, trial->description);
        mb_query_bind_integer(&query, trial->fold_count);
        status = mb_query_run(&query, error);
    }
    bool added = status == MB_OK && sqlite3_changes(ledger->database) == 1;
    mb_query_close(&query);
    return status == MB_OK && !added ? check_same_trial(ledger, trial, error) : status;
}

// ---- runs -------------------------------------------------------------------------------------

static mb_status put_run_row(mb_ledger *ledger, const mb_ledger_run *run, int64_t *id,
                             mb_error *error) {
    const mb_run_result *result = run->result;
    mb_query query;
    mb_status status =
        mb_query_open(&query, ledger, "recording a run",
                      "INSERT INTO runs VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
                      "CURRENT_TIMESTAMP, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
                      "?, ?, ?, ?, ?, ?, ?, ?)",
                      error);
    if (status == MB_OK) {
        mb_query_bind_text(&query, run->trial_key);
        mb_query_bind_integer(&query, run->fold);
        mb_query_bind_text(&query, result->status == MB_RUN_DONE ? "done" : "diverged");
        mb_query_bind_text(&query, result->cause);
        mb_query_bind_integer(&query, result->epochs_done);
        mb_query_bind_integer(&query, result->best_epoch);
        mb_query_bind_integer(&query, result->steps);
        mb_query_bind_real(&query, result->seconds);
        mb_query_bind_text(&query, run->device);
        mb_query_bind_text(&query, run->version);
        mb_query_bind_integer(&query, run->class_count);
        mb_query_bind_integer(&query, run->value_count);
        mb_query_bind_scores(&query, &result->select);
        mb_query_bind_scores(&query, &result->held);
        status = mb_query_run(&query, error);
    }
    if (status != MB_OK && sqlite3_errcode(ledger->database) == SQLITE_CONSTRAINT)
        status = mb_fail(error, MB_FAILED,
                         "%s: recording a run: trial %s is unknown, or its fold %" PRId32
                         " is there already",
                         ledger->path, run->trial_key, run->fold);
    *id = sqlite3_last_insert_rowid(ledger->database);
    mb_query_close(&query);
    return status;
}

static mb_status put_epochs(mb_ledger *ledger, int64_t id, const mb_run_result *result,
                            mb_error *error) {
    mb_query query;
    mb_status status = mb_query_open(&query, ledger, "recording the curves of a run",
                                     "INSERT INTO epochs VALUES (?, ?, ?, ?, ?)", error);
    for (int32_t i = 0; status == MB_OK && i < result->epochs_done; i++) {
        mb_query_bind_integer(&query, id);
        mb_query_bind_integer(&query, i);
        mb_query_bind_real(&query, result->epochs[i].train_loss);
        mb_query_bind_real(&query, result->epochs[i].select_loss);
        mb_query_bind_real(&query, result->epochs[i].select_metric);
        status = mb_query_run(&query, error);
    }
    mb_query_close(&query);
    return status;
}

// The rows of a part are the same for every run on it: stored once, under their digest.
static mb_status put_part(mb_ledger *ledger, const mb_part *part, const char digest[33],
                          mb_error *error) {
    mb_query query;
    mb_status status =
        mb_query_open(&query, ledger, "recording the rows of a part",
                      "INSERT INTO parts VALUES (?, ?) ON CONFLICT (digest) DO NOTHING", error);
    if (status == MB_OK) {
        mb_query_bind_text(&query, digest);
        mb_query_bind_blob(&query, part->rows, (size_t)part->count * sizeof *part->rows);
        status = mb_query_run(&query, error);
    }
    mb_query_close(&query);
    return status;
}

static mb_status put_predictions(mb_ledger *ledger, int64_t id, const mb_ledger_run *run,
                                 int32_t position, const char *role, const mb_part *part,
                                 const mb_predictions *predictions, mb_error *error) {
    char digest[33];
    bool any = predictions->count > 0;
    if (any && predictions->count != part->count)
        return mb_fail(error, MB_FAILED,
                       "%s: recording a run: part %s has %" PRId32 " rows, but %" PRId32
                       " predictions",
                       ledger->path, part->name, part->count, predictions->count);
    mb_status status = MB_OK;
    if (any) {
        mb_hash(part->rows, (size_t)part->count * sizeof *part->rows, digest);
        status = put_part(ledger, part, digest, error);
    }
    if (status != MB_OK)
        return status;
    mb_query query;
    status = mb_query_open(&query, ledger, "recording predictions",
                           "INSERT INTO predictions VALUES (?, ?, ?, ?, ?, ?, ?, ?)", error);
    if (status == MB_OK) {
        size_t count = (size_t)predictions->count;
        mb_query_bind_integer(&query, id);
        mb_query_bind_integer(&query, position);
        mb_query_bind_text(&query, role);
        mb_query_bind_text(&query, part->name);
        mb_query_bind_text(&query, any ? digest : NULL);
        mb_query_bind_integer(&query, predictions->count);
        mb_query_bind_blob(&query, predictions->logits,
                           count * (size_t)run->class_count * sizeof(float));
        mb_query_bind_blob(&query, predictions->values, count * sizeof(float));
        status = mb_query_run(&query, error);
    }
    mb_query_close(&query);
    return status;
}

static mb_status put_all_predictions(mb_ledger *ledger, int64_t id, const mb_ledger_run *run,
                                     mb_error *error) {
    const mb_run_result *result = run->result;
    mb_status status = MB_OK;
    if (result->select_predictions.count > 0)
        status = put_predictions(ledger, id, run, 0, "select", &run->part->select,
                                 &result->select_predictions, error);
    if (status == MB_OK && result->held_predictions.count > 0)
        status = put_predictions(ledger, id, run, 1, "held", &run->part->held,
                                 &result->held_predictions, error);
    static const mb_predictions none = {0};
    for (int32_t i = 0; status == MB_OK && i < run->test_count; i++)
        status = put_predictions(ledger, id, run, 2 + i, "test", &run->tests[i],
                                 result->tests != NULL ? &result->tests[i] : &none, error);
    return status;
}

static mb_status put_scores(mb_ledger *ledger, const char *trial_key,
                            const mb_ledger_scores *scores, mb_error *error) {
    mb_query query;
    mb_status status =
        mb_query_open(&query, ledger, "recording the scores of a trial",
                      "INSERT INTO trial_scores VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
                      "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                      error);
    if (status == MB_OK) {
        mb_query_bind_text(&query, trial_key);
        mb_query_bind_integer(&query, scores->diverged);
        mb_query_bind_real(&query, scores->selection);
        mb_query_bind_text(&query, scores->score_part);
        mb_query_bind_scores(&query, &scores->score);
        mb_query_bind_scores(&query, &scores->select);
        status = mb_query_run(&query, error);
    }
    mb_query_close(&query);
    return status;
}

mb_status mb_ledger_put_run(mb_ledger *ledger, const mb_ledger_run *run,
                            const mb_ledger_scores *scores, mb_error *error) {
    if (run->result->status == MB_RUN_STOPPED)
        return mb_fail(error, MB_FAILED,
                       "%s: recording a run: trial %s, fold %" PRId32 " was stopped before its end",
                       ledger->path, run->trial_key, run->fold);
    int64_t id;
    mb_status status = mb_ledger_begin(ledger, error);
    if (status != MB_OK)
        return status;
    status = put_run_row(ledger, run, &id, error);
    if (status == MB_OK)
        status = put_epochs(ledger, id, run->result, error);
    if (status == MB_OK)
        status = put_all_predictions(ledger, id, run, error);
    if (status == MB_OK && scores != NULL)
        status = put_scores(ledger, run->trial_key, scores, error);
    return finish(ledger, status, error);
}
