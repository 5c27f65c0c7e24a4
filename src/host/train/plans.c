// Compiles the plans of a run.
#include "train/plans.h"

#include <stdlib.h>

const mb_part *mb_run_part(const mb_run_spec *spec, mb_part_kind kind, int32_t test) {
    switch (kind) {
    case MB_PART_SELECT:
        return &spec->fold->select;
    case MB_PART_HELD:
        return &spec->fold->held;
    case MB_PART_TEST:
        break;
    }
    return &spec->tests[test];
}

const mb_plan *mb_run_plan_of(const mb_run_plans *plans, mb_part_kind kind, int32_t test) {
    return kind == MB_PART_SELECT ? plans->select
           : kind == MB_PART_HELD ? plans->held
                                  : plans->tests[test];
}

mb_model_config mb_config_for_part(const mb_run_spec *spec, const mb_part *part) {
    mb_model_config config = spec->config;
    const mb_dataset *dataset = &spec->datasets[part->dataset];
    for (int32_t i = 0; i < MB_MAX_STREAMS; i++)
        config.steps[i] = config.dims[i] == 0 ? 1
                                              : mb_stream_longest(&dataset->streams[i], part->scope,
                                                                  part->scope_count);
    return config;
}

// Models whose rows depend on each other are evaluated in the batches of the reference.
int32_t mb_rows_at_once(const mb_model *model, const mb_model_config *config, int32_t batch,
                        int32_t most) {
    enum { MOST_ROWS = 256, MOST_FRAMES = 4096 };
    if (model->couples_rows)
        return batch;
    int32_t longest = 1;
    for (int32_t i = 0; i < MB_MAX_STREAMS; i++)
        longest = config->steps[i] > longest ? config->steps[i] : longest;
    int32_t rows = MOST_FRAMES / longest; // bounds the memory for long sequences
    rows = rows > MOST_ROWS ? MOST_ROWS : rows < 16 ? 16 : rows;
    return rows > most ? most : rows;
}

int32_t mb_evaluation_rows(const mb_run_spec *spec, const mb_part *part) {
    mb_model_config config = mb_config_for_part(spec, part);
    return mb_rows_at_once(spec->model, &config, spec->training.batch_size, part->scope_count);
}

static mb_status compile_evaluation(const mb_run_spec *spec, const mb_part *part, mb_plan **plan,
                                    mb_error *error) {
    if (part->count == 0)
        return MB_OK;
    mb_model_config config = mb_config_for_part(spec, part);
    return mb_model_compile(spec->model, &config, MB_PLAN_EVALUATE, MB_DROPOUT_OFF,
                            mb_evaluation_rows(spec, part), plan, error);
}

static mb_status compile(const mb_run_spec *spec, mb_run_plans *plans, mb_error *error) {
    mb_model_config config = mb_config_for_part(spec, &spec->fold->train);
    mb_status status = mb_model_compile(spec->model, &config, MB_PLAN_TRAIN, MB_DROPOUT_RANDOM,
                                        spec->training.batch_size, &plans->train, error);
    if (status == MB_OK)
        status = compile_evaluation(spec, &spec->fold->select, &plans->select, error);
    if (status == MB_OK && !spec->selection_only)
        status = compile_evaluation(spec, &spec->fold->held, &plans->held, error);
    for (int32_t t = 0; status == MB_OK && t < plans->test_count; t++)
        status = compile_evaluation(spec, &spec->tests[t], &plans->tests[t], error);
    return status;
}

mb_status mb_run_plans_make(const mb_run_spec *spec, mb_run_plans **plans, mb_error *error) {
    mb_run_plans *made = calloc(1, sizeof *made);
    *plans = NULL;
    if (made == NULL)
        return mb_out_of_memory(error, "plans");
    made->test_count = spec->selection_only ? 0 : spec->test_count;
    made->tests = calloc((size_t)made->test_count + 1, sizeof *made->tests);
    mb_status status =
        made->tests == NULL ? mb_out_of_memory(error, "plans") : compile(spec, made, error);
    if (status == MB_OK)
        *plans = made;
    else
        mb_run_plans_free(made);
    return status;
}

void mb_run_plans_free(mb_run_plans *plans) {
    if (plans == NULL)
        return;
    mb_plan_free(plans->train);
    mb_plan_free(plans->select);
    mb_plan_free(plans->held);
    for (int32_t t = 0; plans->tests != NULL && t < plans->test_count; t++)
        mb_plan_free(plans->tests[t]);
    free(plans->tests);
    free(plans);
}
