// What a run costs, from its plans alone.
#include "train/array_memory.h"

typedef struct estimate {
    const mb_run_spec *spec;
    mb_run_cost *cost;
    mb_array_sizes sizes;
} estimate;

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static void widen(int32_t *most, int32_t count) {
    *most = count > *most ? count : *most;
}

static mb_status add_evaluation(estimate *e, const mb_part *part, int32_t times, mb_error *error) {
    if (part->count == 0)
        return MB_OK;
    mb_model_config config = mb_config_for_part(e->spec, part);
    int32_t rows = mb_evaluation_rows(e->spec, part);
    mb_plan *plan = NULL;
    mb_status status = mb_model_compile(e->spec->model, &config, MB_PLAN_EVALUATE, MB_DROPOUT_OFF,
                                        rows, &plan, error);
    if (status != MB_OK)
        return status;
    const mb_plan_info *info = mb_plan_get(plan);
    e->cost->multiply_accumulates +=
        (double)info->multiply_accumulates * (double)part->count / rows * times;
    e->sizes.arena_floats = larger(e->sizes.arena_floats, info->arena_floats);
    widen(&e->sizes.steps, (part->count + rows - 1) / rows);
    widen(&e->sizes.utterances, part->count);
    mb_plan_free(plan);
    return MB_OK;
}

mb_status mb_run_estimate(const mb_run_spec *spec, mb_run_cost *cost, mb_error *error) {
    *cost = (mb_run_cost){0};
    mb_model_config config = mb_config_for_part(spec, &spec->fold->train);
    mb_plan *plan = NULL;
    mb_status status = mb_model_compile(spec->model, &config, MB_PLAN_TRAIN, MB_DROPOUT_RANDOM,
                                        spec->training.batch_size, &plan, error);
    if (status != MB_OK)
        return status;
    const mb_plan_info *info = mb_plan_get(plan);
    int32_t batch = spec->training.batch_size, count = spec->fold->train.count;
    estimate e = {.spec = spec,
                  .cost = cost,
                  .sizes = {.parameter_floats = info->parameter_floats,
                            .arena_floats = info->arena_floats,
                            .steps = (count + batch - 1) / batch,
                            .utterances = count,
                            .selected = spec->fold->select.count,
                            .class_count = spec->config.class_count,
                            .value_count = spec->config.value_count}};
    cost->parameters = info->parameter_elements;
    cost->training_steps = (int64_t)e.sizes.steps * spec->training.epochs;
    cost->multiply_accumulates = (double)info->multiply_accumulates * (double)cost->training_steps;
    int64_t snapshot = info->parameter_floats * (int64_t)sizeof(float);
    bool in_file = mb_snapshot_in_file(info->parameter_floats);
    mb_plan_free(plan);
    status = add_evaluation(&e, &spec->fold->select, spec->training.epochs, error);
    if (status == MB_OK)
        status = add_evaluation(&e, &spec->fold->held, 1, error);
    for (int32_t t = 0; status == MB_OK && t < spec->test_count; t++)
        status = add_evaluation(&e, &spec->tests[t], 1, error);
    if (status != MB_OK)
        return status;
    int64_t tables;
    mb_array_bytes(&e.sizes, 1, &tables, &cost->host_bytes);
    cost->device_bytes = tables + snapshot;
    cost->shared_bytes = tables + (in_file ? 0 : snapshot) + cost->host_bytes;
    return MB_OK;
}
