// Evaluates models on devices with every precision.
#ifndef TESTS_TENSOR_SUPPORT_H
#define TESTS_TENSOR_SUPPORT_H

#include "../unit/gradient_cases.h"
#include "cuda_support.h"
#include "model_cases.h"

enum { RUNS = 4, ROWS = 65 };

typedef struct tensor_state {
    mb_device *float32, *tf32, *cpu;
    model_cases models;
} tensor_state;

static inline mb_device *tf32_open(void) {
    mb_error error = {.message = ""};
    mb_device *device = NULL;
    mb_cuda_options choice = {.precision = MB_PRECISION_TF32, .gpu = MB_ANY_GPU};
    expect_ok(mb_cuda_open(&choice, &device, &error), &error);
    return device;
}

// ---- a model on several devices ---------------------------------------------------------------

typedef struct evaluation {
    run_array array;
    array_state state;
} evaluation;

typedef struct problem {
    mb_model model;
    mb_model_config config;
    sample_set set;
    run_setting runs[RUNS];
} problem;

// All rows, one row, none, an odd number.
static inline void
problem_open(problem *p, const char *name,
             void (*build)(mb_graph *, const mb_model_config *, mb_graph_outputs *),
             mb_feature_type type, int32_t dimension, int32_t hidden, int32_t steps, int32_t rows) {
    const int32_t counts[RUNS] = {rows, 1, 0, (rows / 2) | 1};
    p->model =
        (mb_model){.name = name, .options = options, .option_count = OPTION_COUNT, .build = build};
    p->config = (mb_model_config){.feature_type = type,
                                  .dims = {dimension, 0, 0},
                                  .steps = {steps, 1, 1},
                                  .class_count = 4,
                                  .value_count = 1,
                                  .options = {hidden, 0.3, hidden + 2}};
    samples_open(&p->set, &p->config);
    for (int32_t a = 0; a < RUNS; a++) {
        p->runs[a] = (run_setting){.seed = (uint32_t)a + 5, .first = 17 * a};
        set_slots(&p->runs[a], &p->model, &p->config);
        p->runs[a].rows[0] = counts[a];
    }
}

static inline void evaluate(const problem *p, mb_device *device, const run_setting *runs,
                            int32_t run_count, int32_t rows, evaluation *e) {
    array_open(&e->array, device, &p->model, &p->config, MB_PLAN_EVALUATE, MB_DROPOUT_OFF, rows,
               &p->set, runs, run_count);
    array_run(&e->array, 0, 1);
    array_fetch(&e->array, &e->state);
}

static inline void evaluation_close(evaluation *e) {
    state_free(&e->state);
    array_close(&e->array);
}

static inline float *features_of(const evaluation *e, int32_t run, int32_t rows, int64_t *count) {
    const mb_location *place = &e->array.info->features;
    *count = mb_shape_elements(&place->shape, rows);
    return state_of_run(&e->array, &e->state, ARENA, run) + place->offset;
}

#endif
