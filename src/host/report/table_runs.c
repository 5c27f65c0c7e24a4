// Reads what tables say of single runs: where a number was not finite, and which devices trained.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "merbench/folds.h"
#include "report/table_data.h"
#include "sweep/trial.h"

// The seed in a description; 0 if it has none that a plan could give.
static mb_status seed_of(const mb_ledger_entry *entry, int64_t *seed, mb_error *error) {
    cJSON *document = NULL;
    mb_status status = mb_json_parse("description", entry->description, strlen(entry->description),
                                     &mb_description_limits, &document, error);
    const cJSON *item = status == MB_OK ? cJSON_GetObjectItem(document, "seed") : NULL;
    bool given = cJSON_IsNumber(item) && item->valuedouble >= 0 && item->valuedouble <= UINT32_MAX;
    *seed = given ? (int64_t)item->valuedouble : 0;
    cJSON_Delete(document);
    return status;
}

// Causes begin with "epoch 3: ".
static void set_cause(const mb_ledger_summary *summary, mb_table_failure *failure) {
    int length = 0, epoch = 0;
    if (sscanf(summary->cause, "epoch %d: %n", &epoch, &length) < 1 || length == 0)
        epoch = length = 0;
    failure->epoch = summary->broken_epoch >= 0 ? summary->broken_epoch + 1 : epoch;
    snprintf(failure->cause, sizeof failure->cause, "%s", summary->cause + length);
}

static mb_status add_failure(mb_ledger *ledger, const mb_ledger_entry *entry, int64_t seed,
                             int32_t fold, const mb_ledger_summary *summary, mb_table_value *value,
                             mb_error *error) {
    mb_table_failure *failures =
        reallocarray(value->failures, (size_t)value->failure_count + 1, sizeof *failures);
    if (failures == NULL)
        return mb_out_of_memory(error, "runs of a table");
    value->failures = failures;
    mb_table_failure *failure = &failures[value->failure_count++];
    *failure = (mb_table_failure){.seed = seed,
                                  .fold = fold,
                                  .fold_count = entry->fold_count,
                                  .diverged = summary->status == MB_RUN_DIVERGED};
    set_cause(summary, failure);
    return mb_ledger_get_member(ledger, entry->key, fold, failure->trial, error);
}

static mb_status count_device(const char *text, mb_table_value *value, mb_error *error) {
    int32_t at = 0;
    while (at < value->device_count && strcmp(value->devices[at].text, text) < 0)
        at++;
    if (at < value->device_count && strcmp(value->devices[at].text, text) == 0) {
        value->devices[at].runs++;
        return MB_OK;
    }
    mb_table_device *devices =
        reallocarray(value->devices, (size_t)value->device_count + 1, sizeof *devices);
    if (devices == NULL)
        return mb_out_of_memory(error, "runs of a table");
    value->devices = devices;
    memmove(&devices[at + 1], &devices[at], (size_t)(value->device_count - at) * sizeof *devices);
    devices[at] = (mb_table_device){.runs = 1};
    snprintf(devices[at].text, sizeof devices[at].text, "%s", text);
    value->device_count++;
    return MB_OK;
}

static mb_status collect_trial(mb_ledger *ledger, const mb_ledger_entry *entry,
                               mb_table_value *value, mb_error *error) {
    int64_t seed = 0;
    mb_status status = seed_of(entry, &seed, error);
    for (int32_t k = 0; k < entry->fold_count && k < MB_MOST_FOLDS && status == MB_OK; k++) {
        mb_ledger_summary run;
        status = mb_ledger_get_summary(ledger, entry->key, k, &run, error);
        if (status != MB_OK || run.extent == MB_LEDGER_NOTHING)
            continue;
        // Of a trial that diverged, only the runs that diverged explain why it has no score.
        if (run.status == MB_RUN_DIVERGED || (run.broken_epoch >= 0 && !entry->scores.diverged))
            status = add_failure(ledger, entry, seed, k, &run, value, error);
        if (status == MB_OK && !entry->scores.diverged)
            status = count_device(run.device, value, error);
    }
    return status;
}

mb_status mb_table_collect_runs(mb_ledger *ledger, const mb_table_seeds *seeds,
                                mb_table_value *value, mb_error *error) {
    mb_status status = MB_OK;
    for (int32_t i = 0; i < seeds->count && status == MB_OK; i++)
        if (seeds->entries[i].finished &&
            (seeds->groups == NULL || seeds->groups[i] == seeds->group))
            status = collect_trial(ledger, &seeds->entries[i], value, error);
    return status;
}
