// Compiles the plans of a run.
#include "train/plans.h"

#include <stdlib.h>

const mb_part *mb_run_part(const mb_run_spec *spec, int32_t part) {
    return part == MB_PART_SELECT ? &spec->fold->select
           : part == MB_PART_HELD ? &spec->fold->held
                                  : &spec->tests[part - MB_PART_TEST];
}

// Utterances of a dataset.
typedef struct scope {
    const mb_dataset *dataset;
    int32_t count;
    const int32_t *rows;
} scope;

static scope scope_of(const mb_run_spec *spec, const mb_part *part) {
    const mb_part *train = &spec->fold->train;
    return part->scope_count > 0
               ? (scope){&spec->datasets[part->dataset], part->scope_count, part->scope}
               : (scope){&spec->datasets[train->dataset], train->count, train->rows};
}

mb_model_config mb_config_for_part(const mb_run_spec *spec, const mb_part *part) {
    mb_model_config config = spec->config;
    scope padded = scope_of(spec, part);
    for (int32_t i = 0; i < MB_MAX_STREAMS; i++)
        config.steps[i] = config.dims[i] == 0 ? 1
                                              : mb_stream_longest(&padded.dataset->streams[i],
                                                                  padded.rows, padded.count);
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
    int32_t most = part->scope_count > 0 ? part->scope_count : part->count;
    return mb_rows_at_once(spec->model, &config, spec->training.batch_size, most);
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
    for (int32_t i = 0; status == MB_OK && i < plans->part_count; i++)
        status = compile_evaluation(spec, mb_run_part(spec, i), &plans->parts[i], error);
    return status;
}

mb_status mb_run_plans_make(const mb_run_spec *spec, mb_run_plans **plans, mb_error *error) {
    mb_run_plans *made = calloc(1, sizeof *made);
    *plans = NULL;
    if (made == NULL)
        return mb_out_of_memory(error, "plans");
    made->part_count = spec->selection_only ? MB_PART_SELECT + 1 : MB_PART_TEST + spec->test_count;
    made->parts = calloc((size_t)made->part_count, sizeof *made->parts);
    mb_status status =
        made->parts == NULL ? mb_out_of_memory(error, "plans") : compile(spec, made, error);
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
    for (int32_t i = 0; plans->parts != NULL && i < plans->part_count; i++)
        mb_plan_free(plans->parts[i]);
    free(plans->parts);
    free(plans);
}
