// Allocating and freeing the results of runs.
#include "train/result.h"

#include <stdlib.h>

static mb_status predictions_open(const mb_run_spec *spec, int32_t count,
                                  mb_predictions *predictions, mb_error *error) {
    *predictions = (mb_predictions){.count = count};
    size_t n = (size_t)count;
    if (count > 0 && spec->config.class_count > 0)
        predictions->logits = calloc(n * (size_t)spec->config.class_count, sizeof(float));
    if (count > 0 && spec->config.value_count > 0)
        predictions->values = calloc(n, sizeof(float));
    bool missing = (count > 0 && spec->config.class_count > 0 && predictions->logits == NULL) ||
                   (count > 0 && spec->config.value_count > 0 && predictions->values == NULL);
    return missing ? mb_out_of_memory(error, "predictions") : MB_OK;
}

static void predictions_free(mb_predictions *predictions) {
    free(predictions->logits);
    free(predictions->values);
    *predictions = (mb_predictions){0};
}

mb_status mb_run_result_open(const mb_run_spec *spec, mb_run_result *result, mb_error *error) {
    *result = (mb_run_result){.status = MB_RUN_DONE, .broken_epoch = -1};
    mb_scores_of(mb_dataset_labels(spec->rules), 0, NULL, NULL, NULL, NULL,
                 &result->select); // all NaN
    result->held = result->select;
    result->epochs = calloc((size_t)spec->training.epochs + 1, sizeof *result->epochs);
    result->test_count = spec->selection_only ? 0 : spec->test_count;
    result->tests = calloc((size_t)result->test_count + 1, sizeof *result->tests);
    if (result->epochs == NULL || result->tests == NULL)
        return mb_out_of_memory(error, "run result");
    mb_status status =
        predictions_open(spec, spec->fold->select.count, &result->select_predictions, error);
    if (spec->selection_only)
        return status;
    if (status == MB_OK)
        status = predictions_open(spec, spec->fold->held.count, &result->held_predictions, error);
    for (int32_t t = 0; status == MB_OK && t < result->test_count; t++)
        status = predictions_open(spec, spec->tests[t].count, &result->tests[t], error);
    return status;
}

void mb_run_result_free(mb_run_result *result) {
    predictions_free(&result->select_predictions);
    predictions_free(&result->held_predictions);
    for (int32_t t = 0; result->tests != NULL && t < result->test_count; t++)
        predictions_free(&result->tests[t]);
    free(result->tests);
    free(result->epochs);
    *result = (mb_run_result){0};
}

void mb_run_result_trim(mb_run_result *result) {
    if (result->status != MB_RUN_DIVERGED)
        return;
    predictions_free(&result->held_predictions);
    for (int32_t t = 0; t < result->test_count; t++)
        predictions_free(&result->tests[t]);
    if (result->epochs_done == 0)
        predictions_free(&result->select_predictions);
}

mb_predictions *mb_run_result_part(mb_run_result *result, int32_t part) {
    return part == MB_PART_SELECT ? &result->select_predictions
           : part == MB_PART_HELD ? &result->held_predictions
                                  : &result->tests[part - MB_PART_TEST];
}
