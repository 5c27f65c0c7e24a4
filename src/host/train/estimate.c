// What a run costs, from its plans alone.
#include "train/array.h"

static mb_status add_evaluation(const mb_run_spec *spec, const mb_part *part, int32_t times,
                                mb_run_cost *cost, int64_t *arena, mb_error *error) {
    if (part->count == 0)
        return MB_OK;
    mb_model_config config = mb_config_for_part(spec, part);
    int32_t rows = mb_evaluation_rows(spec, part);
    mb_plan *plan = NULL;
    mb_status status =
        mb_plan_compile(spec->model, &config, MB_PLAN_EVALUATE, MB_DROPOUT_OFF, rows, &plan, error);
    if (status != MB_OK)
        return status;
    const mb_plan_info *info = mb_plan_get(plan);
    int64_t chunks = (part->count + rows - 1) / rows;
    cost->multiply_accumulates += (double)info->multiply_accumulates * (double)chunks * times;
    *arena = info->arena_floats > *arena ? info->arena_floats : *arena;
    mb_plan_free(plan);
    return MB_OK;
}

mb_status mb_run_estimate(const mb_run_spec *spec, mb_run_cost *cost, mb_error *error) {
    *cost = (mb_run_cost){0};
    mb_model_config config = mb_config_for_part(spec, &spec->fold->train);
    mb_plan *plan = NULL;
    mb_status status = mb_plan_compile(spec->model, &config, MB_PLAN_TRAIN, MB_DROPOUT_RANDOM,
                                       spec->training.batch_size, &plan, error);
    if (status != MB_OK)
        return status;
    const mb_plan_info *info = mb_plan_get(plan);
    int64_t batch = spec->training.batch_size, arena = info->arena_floats;
    int64_t steps = (spec->fold->train.count + batch - 1) / batch * spec->training.epochs;
    cost->parameters = info->parameter_elements;
    cost->training_steps = steps;
    cost->multiply_accumulates = (double)info->multiply_accumulates * (double)steps;
    // Weights, two moments, and the snapshot where it is kept in memory.
    int64_t copies = mb_snapshot_in_file(info->parameter_floats) ? 3 : 4;
    int64_t model_floats = copies * info->parameter_floats;
    mb_plan_free(plan);
    status = add_evaluation(spec, &spec->fold->select, spec->training.epochs, cost, &arena, error);
    if (status == MB_OK)
        status = add_evaluation(spec, &spec->fold->held, 1, cost, &arena, error);
    for (int32_t t = 0; status == MB_OK && t < spec->test_count; t++)
        status = add_evaluation(spec, &spec->tests[t], 1, cost, &arena, error);
    cost->memory_bytes = (model_floats + arena) * (int64_t)sizeof(float);
    return status;
}
