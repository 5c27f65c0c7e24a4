// Results whose runs belong to several trials. The ledger has a joined trial for each, whose
// description lists its members.
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "sweep/score.h"
#include "sweep/sweep_state.h"

static int32_t folds_of(const mb_sweep *sweep, const sweep_join *join) {
    return sweep->cells[join->cell].fold_count;
}

// {"folds":["0123...","4567...",...],"seed":1}
static char *describe(const mb_sweep *sweep, const sweep_join *join) {
    cJSON *object = cJSON_CreateObject();
    cJSON *folds = object != NULL ? cJSON_AddArrayToObject(object, "folds") : NULL;
    bool done = folds != NULL &&
                cJSON_AddNumberToObject(object, "seed", sweep->trials[join->members[0]].seed);
    for (int32_t k = 0; k < folds_of(sweep, join) && done; k++) {
        cJSON *key = cJSON_CreateString(sweep->trials[join->members[k]].key);
        done = key != NULL && cJSON_AddItemToArray(folds, key);
        if (!done)
            cJSON_Delete(key);
    }
    char *text = done ? mb_json_canonical(object) : NULL;
    cJSON_Delete(object);
    return text;
}

static mb_status record(mb_sweep *sweep, sweep_join *join, mb_error *error) {
    const char *members[MB_MOST_FOLDS];
    mb_ledger_trial trial = {.description = describe(sweep, join),
                             .fold_count = folds_of(sweep, join)};
    if (trial.description == NULL)
        return mb_out_of_memory(error, "description of a trial");
    mb_hash(trial.description, strlen(trial.description), trial.key);
    memcpy(join->key, trial.key, sizeof join->key);
    for (int32_t k = 0; k < trial.fold_count; k++)
        members[k] = sweep->trials[join->members[k]].key;
    mb_status status =
        sweep->record ? mb_ledger_put_joined(sweep->ledger, &trial, members, error) : MB_OK;
    free(trial.description);
    return status == MB_OK ? sweep_link(sweep, join->cell, true, join->key, error) : status;
}

static mb_status find_scores(mb_sweep *sweep, sweep_join *join, mb_error *error) {
    mb_ledger_scores scores;
    mb_status status =
        mb_ledger_get_scores(sweep->ledger, join->key, &join->scored, &scores, error);
    if (status == MB_OK && join->scored && !scores.diverged)
        join->scored = !sweep_lacks_target(&scores, sweep->trials[join->members[0]].folds);
    mb_ledger_scores_free(&scores);
    return status;
}

mb_status sweep_add_join(mb_sweep *sweep, int32_t cell, int32_t *members, mb_error *error) {
    sweep_join *joins = reallocarray(sweep->joins, (size_t)sweep->join_count + 1, sizeof *joins);
    if (joins == NULL) {
        free(members);
        return mb_out_of_memory(error, "the list of results");
    }
    sweep->joins = joins;
    sweep_join *join = &joins[sweep->join_count++];
    *join = (sweep_join){.cell = cell, .members = members};
    mb_status status = record(sweep, join, error);
    return status == MB_OK && sweep->ledger != NULL ? find_scores(sweep, join, error) : status;
}

void sweep_free_joins(mb_sweep *sweep) {
    for (int32_t i = 0; i < sweep->join_count; i++)
        free(sweep->joins[i].members);
    free(sweep->joins);
}

// ---- scores -----------------------------------------------------------------------------------

static bool is_complete(const mb_sweep *sweep, const sweep_join *join) {
    bool complete = true;
    for (int32_t k = 0; k < folds_of(sweep, join) && complete; k++)
        complete = sweep_has_run(&sweep->trials[join->members[k]], k);
    return complete;
}

mb_status sweep_score_recorded(mb_sweep *sweep, const char *key, int32_t cell,
                               const mb_fold_set *folds, mb_error *error) {
    mb_run_result results[MB_MOST_FOLDS] = {0};
    mb_ledger_scores scores = {0};
    mb_status status = MB_OK;
    for (int32_t k = 0; k < folds->fold_count && status == MB_OK; k++)
        status = sweep_get_run(sweep, key, folds, k, &results[k], error);
    if (status == MB_OK)
        status = mb_score_trial(sweep_corpora_of(sweep, cell), folds, results, &scores, error);
    if (status == MB_OK)
        status = mb_ledger_put_scores(sweep->ledger, key, &scores, error);
    mb_ledger_scores_free(&scores);
    for (int32_t k = 0; k < folds->fold_count; k++)
        mb_run_result_free(&results[k]);
    return status;
}

mb_status sweep_score_joins(mb_sweep *sweep, mb_error *error) {
    mb_status status = MB_OK;
    for (int32_t i = 0; i < sweep->join_count && status == MB_OK; i++) {
        sweep_join *join = &sweep->joins[i];
        if (join->scored || !is_complete(sweep, join))
            continue;
        status = sweep_score_recorded(sweep, join->key, join->cell,
                                      sweep->trials[join->members[0]].folds, error);
        join->scored = status == MB_OK;
    }
    return status;
}
