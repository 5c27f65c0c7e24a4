#include "train/order.h"

#include <stdlib.h>
#include <string.h>

#include "merbench/philox.h"

bool mb_permutes_evaluation(mb_protocol protocol, const mb_dataset_rules *rules,
                            const mb_model *model) {
    return protocol == MB_PROTOCOL_MERTOOLS && rules->permutes_evaluation && model->couples_rows;
}

static bool permutes(const mb_run_spec *spec) {
    return mb_permutes_evaluation(spec->protocol, spec->rules, spec->model);
}

void mb_order_selection(const mb_run_spec *spec, int32_t epoch, int32_t *numbers) {
    mb_key key = mb_key_make(spec->seed, (uint32_t)spec->fold_index);
    if (permutes(spec))
        mb_random_shuffle(key, MB_RANDOM_EVALUATION_ORDER, (uint32_t)epoch, numbers,
                          spec->fold->select.count);
}

// Moves row i of `values`, `width` numbers each, to row positions[i].
static mb_status move_rows(float *values, const int32_t *positions, int32_t count, int32_t width,
                           mb_error *error) {
    size_t row = (size_t)width * sizeof *values;
    float *moved = values != NULL ? malloc((size_t)count * row) : NULL;
    if (values == NULL)
        return MB_OK;
    if (moved == NULL)
        return mb_out_of_memory(error, "predictions");
    for (int32_t i = 0; i < count; i++)
        memcpy(moved + (int64_t)positions[i] * width, values + (int64_t)i * width, row);
    memcpy(values, moved, (size_t)count * row);
    free(moved);
    return MB_OK;
}

mb_status mb_put_in_order(const mb_run_spec *spec, int32_t epoch, mb_predictions *predictions,
                          mb_error *error) {
    int32_t count = predictions->count;
    if (!permutes(spec) || count == 0)
        return MB_OK;
    int32_t *positions = malloc((size_t)count * sizeof *positions);
    if (positions == NULL)
        return mb_out_of_memory(error, "predictions");
    for (int32_t i = 0; i < count; i++)
        positions[i] = i;
    mb_order_selection(spec, epoch, positions);
    mb_status status =
        move_rows(predictions->logits, positions, count, spec->config.class_count, error);
    if (status == MB_OK)
        status = move_rows(predictions->values, positions, count, spec->config.value_count, error);
    free(positions);
    return status;
}
