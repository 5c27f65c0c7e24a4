// Records plans, trials and runs.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hash.h"
#include "sweep/ledger_internal.h"

// Ends the group of a writing function. The writes are kept if all of them succeeded.
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
    mb_status status = mb_query_open(&query, ledger, SQL_PUT_CELL, error);
    for (int32_t i = 0; status == MB_OK && i < cell_count; i++) {
        const mb_ledger_cell *cell = &cells[i];
        mb_query_bind_text(&query, ":plan", digest);
        mb_query_bind_integer(&query, ":cell", cell->index);
        mb_query_bind_text(&query, ":label", cell->label);
        mb_query_bind_text(&query, ":dataset", cell->dataset);
        mb_query_bind_text(&query, ":model", cell->model);
        mb_query_bind_text(&query, ":features", cell->features);
        mb_query_bind_text(&query, ":protocol", cell->protocol);
        mb_query_bind_integer(&query, ":final_seeds", cell->final_seeds);
        status = mb_query_run(&query, error);
    }
    return mb_query_close(&query, status, error);
}

static mb_status drop_links(mb_ledger *ledger, const char *digest, mb_error *error) {
    mb_query query;
    mb_status status = mb_query_open(&query, ledger, SQL_DROP_LINKS, error);
    if (status == MB_OK) {
        mb_query_bind_text(&query, ":plan", digest);
        status = mb_query_run(&query, error);
    }
    return mb_query_close(&query, status, error);
}

mb_status mb_ledger_put_plan(mb_ledger *ledger, const char *digest, const char *name,
                             const char *json, const mb_ledger_cell *cells, int32_t cell_count,
                             mb_error *error) {
    mb_status status = mb_ledger_begin(ledger, error);
    if (status != MB_OK)
        return status;
    mb_query query;
    int64_t ran = 0;
    status = mb_query_number(ledger, SQL_NEXT_RAN, &ran, error);
    if (status != MB_OK)
        return finish(ledger, status, error);
    status = mb_query_open(&query, ledger, SQL_PUT_PLAN, error);
    if (status == MB_OK) {
        mb_query_bind_text(&query, ":digest", digest);
        mb_query_bind_integer(&query, ":ran", ran);
        mb_query_bind_text(&query, ":name", name);
        mb_query_bind_text(&query, ":json", json);
        status = mb_query_run(&query, error);
    }
    status = mb_query_close(&query, status, error);
    if (status == MB_OK)
        status = drop_links(ledger, digest, error);
    if (status == MB_OK)
        status = put_cells(ledger, digest, cells, cell_count, error);
    return finish(ledger, status, error);
}

static mb_status drop_choice(mb_ledger *ledger, const char *plan_digest, int32_t cell, int32_t fold,
                             mb_error *error) {
    mb_query query;
    mb_status status = mb_query_open(&query, ledger, SQL_DROP_CHOICE, error);
    if (status == MB_OK) {
        mb_query_bind_text(&query, ":plan", plan_digest);
        mb_query_bind_integer(&query, ":cell", cell);
        mb_query_bind_integer(&query, ":fold", fold);
        status = mb_query_run(&query, error);
    }
    return mb_query_close(&query, status, error);
}

static mb_status put_choice(mb_ledger *ledger, const char *plan_digest, int32_t cell,
                            const mb_ledger_choice *choice, mb_error *error) {
    mb_query query;
    mb_status status = mb_query_open(&query, ledger, SQL_PUT_CHOICE, error);
    if (status == MB_OK) {
        mb_query_bind_text(&query, ":plan", plan_digest);
        mb_query_bind_integer(&query, ":cell", cell);
        mb_query_bind_integer(&query, ":fold", choice->fold);
        mb_query_bind_text(&query, ":setting", choice->setting);
        mb_query_bind_real(&query, ":selection", choice->selection);
        mb_query_bind_text(&query, ":doubt", choice->doubt);
        mb_query_bind_text(&query, ":search", choice->search);
        status = mb_query_run(&query, error);
    }
    if (status != MB_OK && sqlite3_errcode(ledger->database) == SQLITE_CONSTRAINT)
        status = mb_fail(error, MB_FAILED, "%s: recording a choice: plan %s has no cell %" PRId32,
                         ledger->path, plan_digest, cell);
    return mb_query_close(&query, status, error);
}

mb_status mb_ledger_choose(mb_ledger *ledger, const char *plan_digest, int32_t cell,
                           const mb_ledger_choice *choice, mb_error *error) {
    mb_status status = mb_ledger_begin(ledger, error);
    if (status != MB_OK)
        return status;
    status = drop_choice(ledger, plan_digest, cell, choice->fold, error);
    if (status == MB_OK)
        status = put_choice(ledger, plan_digest, cell, choice, error);
    return finish(ledger, status, error);
}

mb_status mb_ledger_drop_other_choices(mb_ledger *ledger, const char *plan_digest, int32_t cell,
                                       const char search[33], mb_error *error) {
    mb_query query;
    mb_status status = mb_query_open(&query, ledger, SQL_DROP_OTHER_CHOICES, error);
    if (status == MB_OK) {
        mb_query_bind_text(&query, ":plan", plan_digest);
        mb_query_bind_integer(&query, ":cell", cell);
        mb_query_bind_text(&query, ":search", search);
        status = mb_query_run(&query, error);
    }
    return mb_query_close(&query, status, error);
}

mb_status mb_ledger_link(mb_ledger *ledger, const char *plan_digest, int32_t cell, bool final,
                         const char *trial_key, mb_error *error) {
    mb_query query;
    mb_status status = mb_query_open(&query, ledger, SQL_PUT_LINK, error);
    if (status == MB_OK) {
        mb_query_bind_text(&query, ":plan", plan_digest);
        mb_query_bind_integer(&query, ":cell", cell);
        mb_query_bind_integer(&query, ":final", final);
        mb_query_bind_text(&query, ":trial", trial_key);
        status = mb_query_run(&query, error);
    }
    return mb_query_close(&query, status, error);
}

// ---- trials -----------------------------------------------------------------------------------

// Checks that a recorded trial has the same description: results of different trials must never be
// mixed under one key.
static mb_status check_same_trial(mb_ledger *ledger, const mb_ledger_trial *trial,
                                  mb_error *error) {
    mb_query query;
    bool row = false, same = false;
    mb_status status = mb_query_open(&query, ledger, SQL_GET_TRIAL, error);
    if (status == MB_OK) {
        mb_query_bind_text(&query, ":key", trial->key);
        status = mb_query_next(&query, &row, error);
    }
    if (row) {
        char *description = NULL;
        status = mb_query_copy_text(&query, trials_description, &description, error);
        same = status == MB_OK && strcmp(description, trial->description) == 0 &&
               mb_query_integer32(&query, trials_fold_count) == trial->fold_count;
        free(description);
    }
    status = mb_query_close(&query, status, error);
    if (status == MB_OK && !same)
        status = mb_fail(error, MB_BAD_INPUT,
                         "%s: trial %s is recorded with another description or number of folds",
                         ledger->path, trial->key);
    return status;
}

mb_status mb_ledger_put_trial(mb_ledger *ledger, const mb_ledger_trial *trial, mb_error *error) {
    mb_query query;
    mb_status status = mb_query_open(&query, ledger, SQL_PUT_TRIAL, error);
    if (status == MB_OK) {
        mb_query_bind_text(&query, ":key", trial->key);
        mb_query_bind_text(&query, ":description", trial->description);
        mb_query_bind_integer(&query, ":fold_count", trial->fold_count);
        status = mb_query_run(&query, error);
    }
    bool added = status == MB_OK && sqlite3_changes(ledger->database) == 1;
    status = mb_query_close(&query, status, error);
    return status == MB_OK && !added ? check_same_trial(ledger, trial, error) : status;
}

static mb_status put_members(mb_ledger *ledger, const mb_ledger_trial *trial,
                             const char *const *members, mb_error *error) {
    mb_query query;
    mb_status status = mb_query_open(&query, ledger, SQL_PUT_MEMBER, error);
    for (int32_t k = 0; status == MB_OK && k < trial->fold_count; k++) {
        mb_query_bind_text(&query, ":trial", trial->key);
        mb_query_bind_integer(&query, ":fold", k);
        mb_query_bind_text(&query, ":member", members[k]);
        status = mb_query_run(&query, error);
    }
    return mb_query_close(&query, status, error);
}

mb_status mb_ledger_put_joined(mb_ledger *ledger, const mb_ledger_trial *trial,
                               const char *const *members, mb_error *error) {
    mb_status status = mb_ledger_begin(ledger, error);
    if (status != MB_OK)
        return status;
    status = mb_ledger_put_trial(ledger, trial, error);
    if (status == MB_OK)
        status = put_members(ledger, trial, members, error);
    return finish(ledger, status, error);
}

// ---- runs -------------------------------------------------------------------------------------

// "2026-01-31 23:59:59", in UTC
static void write_time(char text[32]) {
    struct tm parts;
    time_t now = time(NULL);
    if (gmtime_r(&now, &parts) == NULL || strftime(text, 32, "%Y-%m-%d %H:%M:%S", &parts) == 0)
        text[0] = '\0';
}

static int32_t count_predictions(const mb_run_result *result, const mb_kept_predictions *kept) {
    return kept->count + (result->select_predictions.count > 0) +
           (result->held_predictions.count > 0) + result->test_count;
}

static mb_status put_run_row(mb_ledger *ledger, const mb_ledger_run *run,
                             const mb_kept_predictions *kept, int64_t *id, mb_error *error) {
    const mb_run_result *result = run->result;
    mb_query query;
    char finished[32];
    write_time(finished);
    mb_status status = mb_query_open(&query, ledger, SQL_PUT_RUN, error);
    if (status == MB_OK) {
        mb_query_bind_text(&query, ":trial", run->trial_key);
        mb_query_bind_integer(&query, ":fold", run->fold);
        mb_query_bind_text(&query, ":status", mb_run_status_names[result->status]);
        mb_query_bind_text(&query, ":cause", result->cause);
        mb_query_bind_integer(&query, ":epochs_done", result->epochs_done);
        mb_query_bind_integer(&query, ":best_epoch", result->best_epoch);
        mb_query_bind_integer(&query, ":steps", result->steps);
        mb_query_bind_real(&query, ":seconds", result->seconds);
        mb_query_bind_text(&query, ":device", run->device);
        mb_query_bind_text(&query, ":version", run->version);
        mb_query_bind_text(&query, ":finished", finished);
        mb_query_bind_integer(&query, ":class_count", run->class_count);
        mb_query_bind_integer(&query, ":value_count", run->value_count);
        mb_query_bind_integer(&query, ":prediction_count", count_predictions(result, kept));
        mb_query_bind_scores(&query, "select_", &result->select);
        mb_query_bind_scores(&query, "held_", &result->held);
        if (result->broken_epoch >= 0)
            mb_query_bind_integer(&query, ":broken_epoch", result->broken_epoch);
        else
            mb_query_bind_text(&query, ":broken_epoch", NULL);
        status = mb_query_run(&query, error);
    }
    if (status != MB_OK && sqlite3_errcode(ledger->database) == SQLITE_CONSTRAINT)
        status = mb_fail(error, MB_FAILED,
                         "%s: recording a run: trial %s is unknown, or its fold %" PRId32
                         " is recorded already",
                         ledger->path, run->trial_key, run->fold);
    *id = sqlite3_last_insert_rowid(ledger->database);
    return mb_query_close(&query, status, error);
}

static mb_status put_epochs(mb_ledger *ledger, int64_t id, const mb_run_result *result,
                            mb_error *error) {
    mb_query query;
    mb_status status = mb_query_open(&query, ledger, SQL_PUT_EPOCH, error);
    for (int32_t i = 0; status == MB_OK && i < result->epochs_done; i++) {
        mb_query_bind_integer(&query, ":run", id);
        mb_query_bind_integer(&query, ":epoch", i);
        mb_query_bind_real(&query, ":train_loss", result->epochs[i].train_loss);
        mb_query_bind_real(&query, ":select_loss", result->epochs[i].select_loss);
        mb_query_bind_real(&query, ":select_metric", result->epochs[i].select_metric);
        status = mb_query_run(&query, error);
    }
    return mb_query_close(&query, status, error);
}

// The rows of a part are the same for all of its runs, so they are stored once, under their digest.
static mb_status put_part(mb_ledger *ledger, const mb_part *part, const char digest[33],
                          mb_error *error) {
    mb_query query;
    mb_status status = mb_query_open(&query, ledger, SQL_PUT_PART, error);
    if (status == MB_OK) {
        mb_query_bind_text(&query, ":digest", digest);
        mb_query_bind_blob(&query, ":utterances", part->rows,
                           (size_t)part->count * sizeof *part->rows);
        status = mb_query_run(&query, error);
    }
    return mb_query_close(&query, status, error);
}

static mb_status put_predictions(mb_ledger *ledger, int64_t id, const mb_ledger_run *run,
                                 int32_t position, mb_ledger_role role, const mb_part *part,
                                 const mb_predictions *predictions, mb_error *error) {
    char digest[33];
    bool any = predictions->count > 0;
    if (any && predictions->count != part->count)
        return mb_fail(error, MB_FAILED,
                       "%s: recording a run: part %s: expected %" PRId32
                       " predictions, found %" PRId32,
                       ledger->path, part->name, part->count, predictions->count);
    mb_status status = MB_OK;
    if (any) {
        mb_hash(part->rows, (size_t)part->count * sizeof *part->rows, digest);
        status = put_part(ledger, part, digest, error);
    }
    if (status != MB_OK)
        return status;
    mb_query query;
    status = mb_query_open(&query, ledger, SQL_PUT_PREDICTIONS, error);
    if (status == MB_OK) {
        size_t count = (size_t)predictions->count;
        mb_query_bind_integer(&query, ":run", id);
        mb_query_bind_integer(&query, ":position", position);
        mb_query_bind_text(&query, ":role", mb_ledger_roles[role]);
        mb_query_bind_text(&query, ":name", part->name);
        mb_query_bind_text(&query, ":part", any ? digest : NULL);
        mb_query_bind_integer(&query, ":count", predictions->count);
        mb_query_bind_blob(&query, ":logits", predictions->logits,
                           count * (size_t)run->class_count * sizeof(float));
        mb_query_bind_blob(&query, ":valences", predictions->values, count * sizeof(float));
        status = mb_query_run(&query, error);
    }
    return mb_query_close(&query, status, error);
}

static mb_status put_all_predictions(mb_ledger *ledger, int64_t id, const mb_ledger_run *run,
                                     const mb_kept_predictions *kept, mb_error *error) {
    const mb_run_result *result = run->result;
    mb_status status = MB_OK;
    if (result->select_predictions.count > 0)
        status = put_predictions(ledger, id, run, 0, ROLE_SELECT, &run->parts->select,
                                 &result->select_predictions, error);
    if (status == MB_OK && result->held_predictions.count > 0)
        status = put_predictions(ledger, id, run, 1, ROLE_HELD, &run->parts->held,
                                 &result->held_predictions, error);
    for (int32_t i = 0; status == MB_OK && i < result->test_count; i++)
        status = put_predictions(ledger, id, run, 2 + i, ROLE_TEST, &run->tests[i],
                                 &result->tests[i], error);
    return status == MB_OK ? mb_ledger_put_kept(ledger, id, 2 + result->test_count, kept, error)
                           : status;
}

static mb_status put_run(mb_ledger *ledger, const mb_ledger_run *run,
                         const mb_kept_predictions *kept, const mb_ledger_scores *scores,
                         mb_error *error) {
    if (run->result->status == MB_RUN_STOPPED)
        return mb_fail(error, MB_FAILED,
                       "%s: recording a run: trial %s, fold %" PRId32
                       " was stopped before it ended",
                       ledger->path, run->trial_key, run->fold);
    if (run->result->test_count != 0 && run->result->test_count != run->test_count)
        return mb_fail(error, MB_FAILED,
                       "%s: recording a run: trial %s, fold %" PRId32 ": expected %" PRId32
                       " test sets, found %" PRId32,
                       ledger->path, run->trial_key, run->fold, run->test_count,
                       run->result->test_count);
    int64_t id;
    mb_status status = mb_ledger_begin(ledger, error);
    if (status != MB_OK)
        return status;
    status = put_run_row(ledger, run, kept, &id, error);
    if (status == MB_OK)
        status = put_epochs(ledger, id, run->result, error);
    if (status == MB_OK)
        status = put_all_predictions(ledger, id, run, kept, error);
    if (status == MB_OK && scores != NULL)
        status = mb_ledger_put_scores_of(ledger, run->trial_key, scores, run->keeps_targets, error);
    return finish(ledger, status, error);
}

mb_status mb_ledger_put_run(mb_ledger *ledger, const mb_ledger_run *run,
                            const mb_ledger_scores *scores, mb_error *error) {
    return put_run(ledger, run, &(mb_kept_predictions){0}, scores, error);
}

static mb_status drop(mb_ledger *ledger, mb_ledger_statement statement, const mb_ledger_run *run,
                      mb_error *error) {
    mb_query query;
    mb_status status = mb_query_open(&query, ledger, statement, error);
    if (status == MB_OK) {
        mb_query_bind_text(&query, ":trial", run->trial_key);
        mb_query_bind_integer(&query, ":fold", run->fold);
        status = mb_query_run(&query, error);
    }
    return mb_query_close(&query, status, error);
}

mb_status mb_ledger_replace_run(mb_ledger *ledger, const mb_ledger_run *run,
                                const mb_ledger_scores *scores, mb_error *error) {
    mb_kept_predictions kept = {0};
    int64_t id = 0;
    mb_status status = mb_ledger_begin(ledger, error);
    if (status != MB_OK)
        return status;
    if (run->keeps_targets)
        status = mb_ledger_find_run(ledger, run->trial_key, run->fold, &id, error);
    if (status == MB_OK && run->keeps_targets)
        status = mb_ledger_keep_predictions(ledger, run, id, &kept, error);
    if (status == MB_OK)
        status = drop(ledger, SQL_DROP_EPOCHS, run, error);
    if (status == MB_OK)
        status = drop(ledger, SQL_DROP_PREDICTIONS, run, error);
    if (status == MB_OK)
        status = drop(ledger, SQL_DROP_RUN, run, error);
    if (status == MB_OK)
        status = put_run(ledger, run, &kept, scores, error);
    mb_kept_predictions_free(&kept);
    return finish(ledger, status, error);
}
