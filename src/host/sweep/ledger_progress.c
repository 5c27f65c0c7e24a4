#include "sweep/ledger_progress.h"

#include <stdio.h>

#include "sweep/ledger_internal.h"

static mb_status count_links(mb_ledger *ledger, mb_ledger_statement statement,
                             const char *plan_digest, int32_t cell, bool final, int64_t *count,
                             mb_error *error) {
    mb_query query;
    bool row = false;
    mb_status status = mb_query_open(&query, ledger, statement, error);
    if (status == MB_OK) {
        mb_query_bind_text(&query, ":plan", plan_digest);
        mb_query_bind_integer(&query, ":cell", cell);
        mb_query_bind_integer(&query, ":final", final);
        status = mb_query_next(&query, &row, error);
    }
    *count = row ? sqlite3_column_int64(query.statement, 0) : 0;
    return mb_query_close(&query, status, error);
}

mb_status mb_ledger_count_trials(mb_ledger *ledger, const char *plan_digest, int32_t cell,
                                 bool final, mb_ledger_count *count, mb_error *error) {
    *count = (mb_ledger_count){.trials = 0};
    mb_status status = count_links(ledger, SQL_COUNT_TRIALS_OF_CELL, plan_digest, cell, final,
                                   &count->trials, error);
    if (status == MB_OK)
        status = count_links(ledger, SQL_COUNT_FINISHED_OF_CELL, plan_digest, cell, final,
                             &count->finished, error);
    return status;
}

mb_status mb_ledger_last_run(mb_ledger *ledger, const char *plan_digest, char time[32],
                             mb_error *error) {
    mb_query query;
    bool row = false;
    mb_status status = mb_query_open(&query, ledger, SQL_LAST_RUN_OF_PLAN, error);
    if (status == MB_OK) {
        mb_query_bind_text(&query, ":plan", plan_digest);
        status = mb_query_next(&query, &row, error);
    }
    const unsigned char *text = row ? sqlite3_column_text(query.statement, 0) : NULL;
    snprintf(time, 32, "%s", text != NULL ? (const char *)text : "");
    return mb_query_close(&query, status, error);
}
