// What a run costs, from its plans alone.
#include "train/array.h"

typedef struct estimate {
    const mb_run_spec *spec;
    mb_run_cost *cost;
    int64_t arena_floats;        // of the largest plan
    int64_t most_steps, longest; // steps of an epoch or an evaluation, utterances of a part
} estimate;

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static mb_status add_evaluation(estimate *e, const mb_part *part, int32_t times, mb_error *error) {
    if (part->count == 0)
        return MB_OK;
    mb_model_config config = mb_config_for_part(e->spec, part);
    int32_t rows = mb_evaluation_rows(e->spec, part);
    mb_plan *plan = NULL;
    mb_status status = mb_plan_compile(e->spec->model, &config, MB_PLAN_EVALUATE, MB_DROPOUT_OFF,
                                       rows, &plan, error);
    if (status != MB_OK)
        return status;
    const mb_plan_info *info = mb_plan_get(plan);
    e->cost->multiply_accumulates +=
        (double)info->multiply_accumulates * (double)part->count / rows * times;
    e->arena_floats = larger(e->arena_floats, info->arena_floats);
    e->most_steps = larger(e->most_steps, (part->count + rows - 1) / rows);
    e->longest = larger(e->longest, part->count);
    mb_plan_free(plan);
    return MB_OK;
}

static int64_t output_bytes(const estimate *e) {
    return (e->spec->config.class_count + e->spec->config.value_count) * (int64_t)sizeof(float);
}

// The tables of an array on the device, for one run of it.
static int64_t device_table_bytes(const estimate *e) {
    int64_t step = 3 * (int64_t)sizeof(int32_t) + 2 * (int64_t)sizeof(float);
    int64_t utterance = 2 * (int64_t)sizeof(int32_t) + output_bytes(e);
    int64_t run = 3 * (int64_t)sizeof(int32_t) + MB_SLOT_COUNT * (int64_t)sizeof(float) +
                  (int64_t)sizeof(mb_key) + (int64_t)sizeof(mb_tally);
    return e->most_steps * step + e->longest * utterance +
           e->spec->fold->select.count * output_bytes(e) + run;
}

// Those of the host, which has the order of the next epoch too.
static int64_t host_table_bytes(const estimate *e) {
    int64_t step = 3 * (int64_t)sizeof(int32_t) + (int64_t)sizeof(float);
    int64_t utterance = 3 * (int64_t)sizeof(int32_t) + output_bytes(e);
    int64_t run = 2 * (int64_t)sizeof(int32_t) + (int64_t)sizeof(mb_tally);
    return e->most_steps * step + e->longest * utterance + run;
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
    int64_t batch = spec->training.batch_size, count = spec->fold->train.count;
    estimate e = {.spec = spec,
                  .cost = cost,
                  .arena_floats = info->arena_floats,
                  .most_steps = (count + batch - 1) / batch,
                  .longest = count};
    cost->parameters = info->parameter_elements;
    cost->training_steps = e.most_steps * spec->training.epochs;
    cost->multiply_accumulates = (double)info->multiply_accumulates * (double)cost->training_steps;
    int64_t model = info->parameter_floats * (int64_t)sizeof(float);
    bool in_file = mb_snapshot_in_file(info->parameter_floats);
    mb_plan_free(plan);
    status = add_evaluation(&e, &spec->fold->select, spec->training.epochs, error);
    if (status == MB_OK)
        status = add_evaluation(&e, &spec->fold->held, 1, error);
    for (int32_t t = 0; status == MB_OK && t < spec->test_count; t++)
        status = add_evaluation(&e, &spec->tests[t], 1, error);
    // Weights, two moments, the snapshot where it is kept in memory.
    int64_t rest = e.arena_floats * (int64_t)sizeof(float) + device_table_bytes(&e);
    cost->memory_bytes = (in_file ? 3 : 4) * model + rest + host_table_bytes(&e);
    cost->device_bytes = 4 * model + rest;
    return status;
}
