// Records and reads the scores of trials.
#include <stdlib.h>
#include <string.h>

#include "sweep/ledger_internal.h"

void mb_ledger_scores_free(mb_ledger_scores *scores) {
    free(scores->parts);
    scores->parts = NULL;
    scores->part_count = 0;
}

// ---- recording --------------------------------------------------------------------------------

static mb_status drop(mb_ledger *ledger, mb_ledger_statement statement, const char *trial_key,
                      mb_error *error) {
    mb_query query;
    mb_status status = mb_query_open(&query, ledger, statement, error);
    if (status == MB_OK) {
        mb_query_bind_text(&query, ":trial", trial_key);
        status = mb_query_run(&query, error);
    }
    return mb_query_close(&query, status, error);
}

static mb_status put_row(mb_ledger *ledger, const char *trial_key, const mb_ledger_scores *scores,
                         mb_error *error) {
    mb_query query;
    mb_status status = mb_query_open(&query, ledger, SQL_PUT_SCORES, error);
    if (status == MB_OK) {
        mb_query_bind_text(&query, ":trial", trial_key);
        mb_query_bind_integer(&query, ":diverged", scores->diverged);
        mb_query_bind_integer(&query, ":broken", scores->broken);
        mb_query_bind_integer(&query, ":part_count", scores->part_count);
        mb_query_bind_real(&query, ":selection", scores->selection);
        mb_query_bind_text(&query, ":score_part", scores->score_part);
        mb_query_bind_scores(&query, "", &scores->score);
        mb_query_bind_scores(&query, "select_", &scores->select);
        status = mb_query_run(&query, error);
    }
    return mb_query_close(&query, status, error);
}

static mb_status put_parts(mb_ledger *ledger, const char *trial_key, const mb_ledger_scores *scores,
                           mb_error *error) {
    mb_query query;
    mb_status status = mb_query_open(&query, ledger, SQL_PUT_PART_SCORES, error);
    for (int32_t i = 0; status == MB_OK && i < scores->part_count; i++) {
        mb_query_bind_text(&query, ":trial", trial_key);
        mb_query_bind_integer(&query, ":position", i);
        mb_query_bind_text(&query, ":name", scores->parts[i].name);
        mb_query_bind_scores(&query, "", &scores->parts[i].scores);
        status = mb_query_run(&query, error);
    }
    return mb_query_close(&query, status, error);
}

mb_status mb_ledger_put_scores(mb_ledger *ledger, const char *trial_key,
                               const mb_ledger_scores *scores, mb_error *error) {
    return mb_ledger_put_scores_of(ledger, trial_key, scores, true, error);
}

mb_status mb_ledger_put_scores_of(mb_ledger *ledger, const char *trial_key,
                                  const mb_ledger_scores *given, bool keeps_targets,
                                  mb_error *error) {
    mb_ledger_scores all = {0};
    const mb_ledger_scores *scores = keeps_targets ? &all : given;
    mb_status status = mb_ledger_begin(ledger, error);
    if (status != MB_OK)
        return status;
    if (keeps_targets)
        status = mb_ledger_keep_scores(ledger, trial_key, given, &all, error);
    if (status == MB_OK)
        status = drop(ledger, SQL_DROP_SCORES, trial_key, error);
    if (status == MB_OK)
        status = drop(ledger, SQL_DROP_PART_SCORES, trial_key, error);
    if (status == MB_OK)
        status = put_row(ledger, trial_key, scores, error);
    if (status == MB_OK)
        status = put_parts(ledger, trial_key, scores, error);
    mb_ledger_scores_free(&all);
    mb_status ended = mb_ledger_end(ledger, status == MB_OK, status == MB_OK ? error : NULL);
    return status == MB_OK ? ended : status;
}

// ---- reading ----------------------------------------------------------------------------------

static mb_status get_row(mb_ledger *ledger, const char *trial_key, bool *there,
                         mb_ledger_scores *scores, int32_t *part_count, mb_error *error) {
    mb_query query;
    *there = false;
    mb_status status = mb_query_open(&query, ledger, SQL_GET_SCORES, error);
    if (status == MB_OK) {
        mb_query_bind_text(&query, ":trial", trial_key);
        status = mb_query_next(&query, there, error);
    }
    if (*there) {
        scores->diverged = mb_query_integer(&query, trial_scores_diverged) != 0;
        scores->broken = mb_query_integer32(&query, trial_scores_broken);
        *part_count = mb_query_integer32(&query, trial_scores_part_count);
        scores->selection = mb_query_real(&query, trial_scores_selection);
        mb_query_text(&query, trial_scores_score_part, scores->score_part,
                      sizeof scores->score_part);
        mb_query_scores(&query, trial_scores_scores, &scores->score);
        mb_query_scores(&query, trial_scores_select_scores, &scores->select);
    }
    return mb_query_close(&query, status, error);
}

static mb_status get_parts(mb_ledger *ledger, const char *trial_key, int32_t part_count,
                           mb_ledger_scores *scores, mb_error *error) {
    mb_query query;
    bool row = true;
    mb_status status = mb_query_open(&query, ledger, SQL_GET_PART_SCORES, error);
    if (status == MB_OK)
        mb_query_bind_text(&query, ":trial", trial_key);
    while (status == MB_OK) {
        status = mb_query_next(&query, &row, error);
        if (status != MB_OK || !row)
            break;
        mb_part_scores *parts =
            mb_ledger_one_more(scores->parts, &scores->part_count, sizeof *parts, error);
        if (parts == NULL) {
            status = MB_FAILED;
            break;
        }
        scores->parts = parts;
        mb_part_scores *part = &parts[scores->part_count - 1];
        mb_query_text(&query, part_scores_name, part->name, sizeof part->name);
        mb_query_scores(&query, part_scores_scores, &part->scores);
    }
    status = mb_query_close(&query, status, error);
    if (status == MB_OK && scores->part_count != part_count)
        status = mb_ledger_damaged(
            ledger, "a trial does not have the number of scored parts that it states", error);
    return status;
}

mb_status mb_ledger_get_scores(mb_ledger *ledger, const char *trial_key, bool *there,
                               mb_ledger_scores *scores, mb_error *error) {
    memset(scores, 0, sizeof *scores);
    int32_t part_count = 0;
    mb_status status = get_row(ledger, trial_key, there, scores, &part_count, error);
    if (status == MB_OK && *there)
        status = get_parts(ledger, trial_key, part_count, scores, error);
    if (status != MB_OK)
        mb_ledger_scores_free(scores);
    return status;
}
