// What stays of a run that is trained again to be scored on other targets: its predictions and
// scores for those that it was scored on before.
#include <stdlib.h>
#include <string.h>

#include "sweep/ledger_internal.h"
#include "sweep/targets.h"

void mb_kept_predictions_free(mb_kept_predictions *kept) {
    for (int32_t i = 0; i < kept->count; i++) {
        free(kept->items[i].logits);
        free(kept->items[i].valences);
    }
    free(kept->items);
    *kept = (mb_kept_predictions){0};
}

static bool is_kept(const mb_ledger_run *run, const char *name) {
    bool kept = mb_is_target_name(name);
    for (int32_t t = 0; t < run->test_count; t++)
        kept = kept && strcmp(run->tests[t].name, name) != 0;
    return kept;
}

static mb_status copy_blob(mb_query *query, int column, void **blob, size_t *size,
                           mb_error *error) {
    *size = (size_t)sqlite3_column_bytes(query->statement, column);
    return mb_query_copy_blob(query, column, *size, blob, error);
}

static mb_status keep_row(mb_query *query, const mb_ledger_run *run, mb_kept_predictions *kept,
                          mb_error *error) {
    mb_kept_prediction row = {.count = mb_query_integer32(query, predictions_count)};
    mb_query_text(query, predictions_name, row.name, sizeof row.name);
    mb_query_text(query, predictions_part, row.part, sizeof row.part);
    if (mb_query_choice(query, predictions_role, mb_ledger_roles, ROLE_COUNT) != ROLE_TEST ||
        !is_kept(run, row.name))
        return MB_OK;
    mb_kept_prediction *items = mb_ledger_one_more(kept->items, &kept->count, sizeof *items, error);
    if (items == NULL)
        return MB_FAILED;
    kept->items = items;
    mb_status status = copy_blob(query, predictions_logits, &row.logits, &row.logits_size, error);
    if (status == MB_OK)
        status = copy_blob(query, predictions_valences, &row.valences, &row.valences_size, error);
    items[kept->count - 1] = row;
    return status;
}

mb_status mb_ledger_keep_predictions(mb_ledger *ledger, const mb_ledger_run *run, int64_t id,
                                     mb_kept_predictions *kept, mb_error *error) {
    mb_query query;
    bool row = true;
    mb_status status = mb_query_open(&query, ledger, SQL_GET_PREDICTIONS, error);
    if (status == MB_OK)
        mb_query_bind_integer(&query, ":run", id);
    while (status == MB_OK) {
        status = mb_query_next(&query, &row, error);
        if (status != MB_OK || !row)
            break;
        status = keep_row(&query, run, kept, error);
    }
    return mb_query_close(&query, status, error);
}

mb_status mb_ledger_put_kept(mb_ledger *ledger, int64_t id, int32_t position,
                             const mb_kept_predictions *kept, mb_error *error) {
    mb_query query;
    mb_status status = mb_query_open(&query, ledger, SQL_PUT_PREDICTIONS, error);
    for (int32_t i = 0; status == MB_OK && i < kept->count; i++) {
        const mb_kept_prediction *row = &kept->items[i];
        mb_query_bind_integer(&query, ":run", id);
        mb_query_bind_integer(&query, ":position", position + i);
        mb_query_bind_text(&query, ":role", mb_ledger_roles[ROLE_TEST]);
        mb_query_bind_text(&query, ":name", row->name);
        mb_query_bind_text(&query, ":part", row->part);
        mb_query_bind_integer(&query, ":count", row->count);
        mb_query_bind_blob(&query, ":logits", row->logits, row->logits_size);
        mb_query_bind_blob(&query, ":valences", row->valences, row->valences_size);
        status = mb_query_run(&query, error);
    }
    return mb_query_close(&query, status, error);
}

static bool has_part(const mb_ledger_scores *scores, const char *name) {
    bool found = false;
    for (int32_t p = 0; p < scores->part_count; p++)
        found = found || strcmp(scores->parts[p].name, name) == 0;
    return found;
}

mb_status mb_ledger_keep_scores(mb_ledger *ledger, const char *trial_key,
                                const mb_ledger_scores *scores, mb_ledger_scores *all,
                                mb_error *error) {
    mb_ledger_scores before;
    bool there = false;
    *all = *scores;
    all->parts = NULL;
    mb_status status = mb_ledger_get_scores(ledger, trial_key, &there, &before, error);
    if (status != MB_OK)
        return status;
    int32_t old = there && !scores->diverged ? before.part_count : 0;
    all->parts = calloc((size_t)(scores->part_count + old) + 1, sizeof *all->parts);
    if (all->parts == NULL) {
        mb_ledger_scores_free(&before);
        return mb_out_of_memory(error, "scores of a trial");
    }
    for (int32_t p = 0; p < scores->part_count; p++)
        all->parts[p] = scores->parts[p];
    for (int32_t p = 0; p < old; p++)
        if (mb_is_target_name(before.parts[p].name) && !has_part(scores, before.parts[p].name))
            all->parts[all->part_count++] = before.parts[p];
    mb_ledger_scores_free(&before);
    return MB_OK;
}

// ---- the tests of a run -----------------------------------------------------------------------

mb_status mb_ledger_get_tests(mb_ledger *ledger, const char *trial_key, int32_t fold,
                              char (**names)[32], int32_t *count, mb_error *error) {
    mb_query query;
    int64_t id = 0;
    bool row = true;
    *names = NULL;
    *count = 0;
    mb_status status = mb_ledger_find_run(ledger, trial_key, fold, &id, error);
    if (status == MB_OK)
        status = mb_query_open(&query, ledger, SQL_GET_PREDICTIONS, error);
    if (status != MB_OK)
        return status;
    mb_query_bind_integer(&query, ":run", id);
    while (status == MB_OK) {
        status = mb_query_next(&query, &row, error);
        if (status != MB_OK || !row)
            break;
        if (mb_query_choice(&query, predictions_role, mb_ledger_roles, ROLE_COUNT) != ROLE_TEST)
            continue;
        char(*grown)[32] = mb_ledger_one_more(*names, count, sizeof *grown, error);
        if (grown == NULL) {
            status = MB_FAILED;
            break;
        }
        *names = grown;
        mb_query_text(&query, predictions_name, grown[*count - 1], sizeof grown[*count - 1]);
    }
    status = mb_query_close(&query, status, error);
    if (status != MB_OK) {
        free(*names);
        *names = NULL;
        *count = 0;
    }
    return status;
}
