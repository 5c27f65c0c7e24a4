// Estimates the cost of a run from its plans.
#include "train/array_memory.h"

int32_t mb_steps_per_epoch(const mb_run_spec *spec) {
    int32_t batch = spec->training.batch_size;
    return (spec->fold->train.count + batch - 1) / batch;
}

typedef struct estimate {
    mb_run_cost *cost;
    mb_array_sizes sizes;
} estimate;

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static void raise_to(int32_t *most, int32_t count) {
    *most = count > *most ? count : *most;
}

static void add_evaluation(estimate *e, const mb_part *part, const mb_plan *plan, int32_t times) {
    if (plan == NULL)
        return;
    const mb_plan_info *info = mb_plan_get(plan);
    int32_t rows = info->max_rows;
    e->cost->multiply_accumulates +=
        (double)info->multiply_accumulates * (double)part->count / rows * times;
    e->sizes.arena_floats = larger(e->sizes.arena_floats, info->arena_floats);
    raise_to(&e->sizes.steps, (part->count + rows - 1) / rows);
    raise_to(&e->sizes.utterances, part->count);
}

static void estimate_run(const mb_run_spec *spec, const mb_run_plans *plans, mb_run_cost *cost) {
    const mb_plan_info *info = mb_plan_get(plans->train);
    estimate e = {.cost = cost,
                  .sizes = {.parameter_floats = info->parameter_floats,
                            .arena_floats = info->arena_floats,
                            .steps = mb_steps_per_epoch(spec),
                            .utterances = spec->fold->train.count,
                            .selected = spec->fold->select.count,
                            .class_count = spec->config.class_count,
                            .value_count = spec->config.value_count}};
    cost->parameters = info->parameter_elements;
    cost->training_steps = (int64_t)e.sizes.steps * spec->training.epochs;
    cost->multiply_accumulates = (double)info->multiply_accumulates * (double)cost->training_steps;
    int64_t snapshot = info->parameter_floats * (int64_t)sizeof(float);
    bool in_file = mb_snapshot_in_file(info->parameter_floats);
    for (int32_t i = 0; i < plans->part_count; i++)
        add_evaluation(&e, mb_run_part(spec, i), plans->parts[i],
                       i == MB_PART_SELECT ? spec->training.epochs : 1);
    int64_t tables;
    mb_array_bytes(&e.sizes, 1, &tables, &cost->host_bytes);
    cost->device_bytes = tables + snapshot;
    cost->shared_bytes = tables + (in_file ? 0 : snapshot) + cost->host_bytes;
}

mb_status mb_run_estimate(const mb_run_spec *spec, mb_run_cost *cost, mb_error *error) {
    mb_run_plans *made = NULL;
    mb_status status = MB_OK;
    *cost = (mb_run_cost){0};
    if (spec->plans == NULL)
        status = mb_run_plans_make(spec, &made, error);
    if (status == MB_OK)
        estimate_run(spec, spec->plans != NULL ? spec->plans : made, cost);
    mb_run_plans_free(made);
    return status;
}
