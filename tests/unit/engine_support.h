// A model on a small random dataset, run on a CPU device: shared by the tests of the engine.
#ifndef TESTS_ENGINE_SUPPORT_H
#define TESTS_ENGINE_SUPPORT_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "merbench/executor.h"
#include "merbench/model.h"

enum { SAMPLES = 140 };

typedef struct sample_set {
    mb_dataset dataset;
    float *values[MB_MAX_STREAMS], valences[SAMPLES];
    int64_t *offsets[MB_MAX_STREAMS];
    int32_t emotions[SAMPLES];
} sample_set;

static inline float draw(uint32_t stream, uint64_t index) {
    return (float)mb_random_normal(mb_key_make(99, 0), stream, 0, index);
}

// Random features of the configuration's dimensions; frame features have T frames each, and memory
// for twice as many.
static inline void samples_open(sample_set *set, const mb_model_config *config) {
    *set = (sample_set){.dataset = {.utterance_count = SAMPLES, .stream_count = MB_MODALITY_COUNT}};
    for (int m = 0; m < MB_MAX_STREAMS; m++) {
        int32_t steps = config->feature_type == MB_UTT ? 1 : config->steps[m];
        size_t count = 2 * (size_t)SAMPLES * (size_t)steps * (size_t)config->dims[m];
        if (config->dims[m] == 0)
            continue;
        if (m >= set->dataset.stream_count)
            set->dataset.stream_count = m + 1;
        set->values[m] = malloc(count * sizeof(float));
        for (size_t i = 0; i < count; i++)
            set->values[m][i] = draw((uint32_t)m, i);
        set->dataset.streams[m] =
            (mb_stream){.dimension = config->dims[m], .values = set->values[m]};
        if (config->feature_type == MB_UTT)
            continue;
        set->offsets[m] = malloc((SAMPLES + 1) * sizeof(int64_t));
        for (int64_t i = 0; i <= SAMPLES; i++)
            set->offsets[m][i] = i * steps;
        set->dataset.streams[m].offsets = set->offsets[m];
    }
    for (int i = 0; i < SAMPLES; i++) {
        set->emotions[i] = config->class_count > 0 ? i * 7 % config->class_count : 0;
        set->valences[i] = draw(9, (uint64_t)i);
    }
    set->dataset.emotions = set->emotions;
    set->dataset.valences = set->valences;
}

static inline void samples_close(sample_set *set) {
    for (int m = 0; m < MB_MAX_STREAMS; m++) {
        free(set->values[m]);
        free(set->offsets[m]);
    }
}

// A compiled model with its own memory.
typedef struct model_engine {
    mb_device *device;
    mb_plan *plan;
    const mb_plan_info *info;
    float *parameters, *first_moments, *second_moments, *arena;
    float slots[MB_SLOT_COUNT];
    mb_key key;
} model_engine;

static inline float *engine_memory(model_engine *engine, int64_t floats, float value) {
    void *memory = NULL;
    mb_error error;
    assert_int_equal(
        engine->device->backend->allocate(engine->device, (size_t)floats * 4, &memory, &error),
        MB_OK);
    for (int64_t i = 0; i < floats; i++)
        ((float *)memory)[i] = value;
    return memory;
}

// The arena starts as NaN, so that an op that reads what no op wrote is noticed.
static inline void engine_open(model_engine *engine, const char *isa, const mb_model *model,
                               const mb_model_config *config, mb_plan_mode mode,
                               mb_dropout_mode dropout, int32_t max_rows) {
    mb_error error = {.message = ""};
    *engine = (model_engine){.key = mb_key_make(5, 0)};
    assert_int_equal(mb_cpu_open(isa, &engine->device, &error), MB_OK);
    mb_status status =
        mb_model_compile(model, config, mode, dropout, max_rows, &engine->plan, &error);
    if (status != MB_OK)
        fail_msg("%s", error.message);
    engine->info = mb_plan_get(engine->plan);
    engine->parameters = engine_memory(engine, engine->info->parameter_floats, 0.0f);
    engine->first_moments = engine_memory(engine, engine->info->parameter_floats, 0.0f);
    engine->second_moments = engine_memory(engine, engine->info->parameter_floats, 0.0f);
    engine->arena = engine_memory(engine, engine->info->arena_floats, NAN);
    mb_parameters_initialise(engine->plan, engine->key, NULL, engine->parameters);
    engine->slots[MB_SLOT_LEARNING_RATE] = 1e-3f;
    engine->slots[MB_SLOT_WEIGHT_DECAY] = 1e-5f;
    engine->slots[MB_SLOT_GRAD_CLIP] = -1.0f;
    engine->slots[MB_SLOT_DROPOUT] = 0.3f;
}

// Executes the plan on `rows` samples from `first` on; the largest batch of the run so far had
// `widest` rows.
static inline void engine_run_widest(model_engine *engine, const sample_set *set, int32_t first,
                                     int32_t rows, int32_t widest, uint32_t step) {
    int32_t indices[SAMPLES];
    for (int32_t i = 0; i < rows; i++)
        indices[i] = (first + i) % SAMPLES;
    mb_launch launch = {.run_count = 1,
                        .step_count = 1,
                        .dataset = &set->dataset,
                        .indices = indices,
                        .rows = &rows,
                        .widest = &widest,
                        .parameters = engine->parameters,
                        .first_moments = engine->first_moments,
                        .second_moments = engine->second_moments,
                        .arena = engine->arena,
                        .slots = engine->slots,
                        .keys = &engine->key,
                        .steps = &step};
    mb_error error = {.message = ""};
    assert_int_equal(
        engine->device->backend->executor->run(engine->device, engine->plan, &launch, &error),
        MB_OK);
}

static inline void engine_run(model_engine *engine, const sample_set *set, int32_t first,
                              int32_t rows, uint32_t step) {
    engine_run_widest(engine, set, first, rows, rows, step);
}

static inline double engine_total(const model_engine *engine) {
    return (double)engine->arena[engine->info->total.offset];
}

static inline void engine_close(model_engine *engine) {
    void *memory[] = {engine->parameters, engine->first_moments, engine->second_moments,
                      engine->arena};
    for (int i = 0; i < 4; i++)
        engine->device->backend->release(engine->device, memory[i]);
    mb_plan_free(engine->plan);
    engine->device->backend->close(engine->device);
}

#endif
