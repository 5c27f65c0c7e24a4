// Arrays of runs on any device, which the tests of the CUDA executor launch and compare.
#ifndef TESTS_ARRAY_SUPPORT_H
#define TESTS_ARRAY_SUPPORT_H

#include <stdint.h>
#include <stdio.h>

#include "../unit/engine_support.h"

#include "graph/ops.h"

enum { MOST_RUNS = 8, MOST_STEPS = 4, MOST_MEMORY = 64 };

// What a device writes: for each kind, a block of floats per run.
typedef enum array_kind {
    PARAMETERS,
    FIRST_MOMENTS,
    SECOND_MOMENTS,
    ARENA,
    LOSSES,
    LOGITS,
    VALUES,
    KIND_COUNT
} array_kind;

static const char *const kind_names[KIND_COUNT] = {
    "parameters", "first moments", "second moments", "arena", "losses", "logits", "values"};

// What differs between the runs of an array.
typedef struct run_setting {
    uint32_t seed, first_step; // training step of step 0
    int32_t first;             // utterance in the first row
    int32_t rows[MOST_STEPS];
    float slots[MB_SLOT_COUNT];
} run_setting;

typedef struct run_array {
    mb_device *device;
    mb_plan *plan;
    const mb_plan_info *info;
    uint64_t launch_id; // of its own plan
    int32_t run_count;
    // Device memory.
    mb_dataset dataset;
    float *values[KIND_COUNT]; // NULL: absent
    int64_t floats[KIND_COUNT];
    float *slots, *masks;
    mb_key *keys;
    uint32_t *steps;
    int32_t *rows, *widest, *indices;
    double *op_seconds; // host memory, or NULL
    int memory_count;
    void *memory[MOST_MEMORY]; // all device memory, to be released
} run_array;

// A host copy of what the device has written.
typedef struct array_state {
    float *values[KIND_COUNT];
} array_state;

static inline void expect_ok(mb_status status, const mb_error *error) {
    if (status != MB_OK)
        fail_msg("%s", error->message);
}

static inline void *array_place(run_array *array, const void *from, size_t bytes) {
    mb_error error = {.message = ""};
    void *memory = NULL;
    if (bytes == 0)
        return NULL;
    assert_true(array->memory_count < MOST_MEMORY);
    expect_ok(array->device->backend->allocate(array->device, bytes, &memory, &error), &error);
    expect_ok(array->device->backend->upload(array->device, memory, from, bytes, &error), &error);
    array->memory[array->memory_count++] = memory;
    return memory;
}

static inline void array_place_samples(run_array *array, const sample_set *set) {
    for (int m = 0; m < set->dataset.stream_count; m++) {
        mb_stream *stream = &array->dataset.streams[m];
        int64_t dimension = set->dataset.streams[m].dimension;
        int64_t frames = set->offsets[m] != NULL ? set->offsets[m][SAMPLES] : SAMPLES;
        stream->dimension = (int32_t)dimension;
        if (dimension == 0)
            continue;
        stream->values =
            array_place(array, set->values[m], (size_t)(frames * dimension) * sizeof(float));
        if (set->offsets[m] != NULL)
            stream->offsets = array_place(array, set->offsets[m], (SAMPLES + 1) * sizeof(int64_t));
    }
    array->dataset.emotions = array_place(array, set->emotions, sizeof set->emotions);
    array->dataset.valences = array_place(array, set->valences, sizeof set->valences);
}

// Utterances of different lengths, of 1 to 2 T frames: models read the last T of them.
static inline void samples_vary(sample_set *set, const mb_model_config *config) {
    for (int m = 0; m < set->dataset.stream_count; m++)
        for (int64_t i = 0; set->offsets[m] != NULL && i < SAMPLES; i++)
            set->offsets[m][i + 1] = set->offsets[m][i] + 1 + (i * 5 + 3) % (2 * config->steps[m]);
}

static inline void array_place_tables(run_array *array, const run_setting *runs) {
    int32_t batch = array->info->max_rows, count = array->run_count;
    int32_t rows[MOST_STEPS][MOST_RUNS], widest[MOST_STEPS][MOST_RUNS];
    float slots[MOST_RUNS][MB_SLOT_COUNT];
    mb_key keys[MOST_RUNS];
    uint32_t steps[MOST_RUNS];
    size_t utterances = (size_t)count * MOST_STEPS * (size_t)batch;
    int32_t *indices = malloc(utterances * sizeof *indices), *index = indices;
    int32_t *all_rows = &rows[0][0], *all_widest = &widest[0][0];
    for (int32_t a = 0; a < count; a++) {
        int32_t most = 0;
        memcpy(slots[a], runs[a].slots, sizeof slots[a]);
        keys[a] = mb_key_make(runs[a].seed, 0);
        steps[a] = runs[a].first_step;
        for (int32_t s = 0; s < MOST_STEPS; s++) {
            most = runs[a].rows[s] > most ? runs[a].rows[s] : most;
            all_rows[s * count + a] = runs[a].rows[s];
            all_widest[s * count + a] = most;
            for (int32_t r = 0; r < batch; r++)
                *index++ = (runs[a].first + 11 * s + r) % SAMPLES;
        }
    }
    size_t table = (size_t)count * MOST_STEPS * sizeof(int32_t);
    array->rows = array_place(array, rows, table);
    array->widest = array_place(array, widest, table);
    array->slots = array_place(array, slots, (size_t)count * sizeof slots[0]);
    array->keys = array_place(array, keys, (size_t)count * sizeof keys[0]);
    array->steps = array_place(array, steps, (size_t)count * sizeof steps[0]);
    array->indices = array_place(array, indices, utterances * sizeof *indices);
    free(indices);
}

// Masks like those of fixtures, of ones and zeros. They also serve as noise.
static inline void array_place_masks(run_array *array) {
    size_t count = (size_t)array->info->mask_floats;
    float *masks = malloc((count + 1) * sizeof *masks);
    for (size_t i = 0; i < count; i++)
        masks[i] = draw(77, i) > -0.5f ? 1.0f : 0.0f;
    array->masks = array_place(array, masks, count * sizeof *masks);
    free(masks);
}

// Uploads start values; everything that a step must write before reading it is NaN.
static inline void array_place_values(run_array *array, const mb_model_config *config,
                                      const run_setting *runs) {
    const mb_plan_info *info = array->info;
    int64_t utterances = (int64_t)MOST_STEPS * info->max_rows;
    int64_t floats[KIND_COUNT] = {info->parameter_floats,
                                  info->parameter_floats,
                                  info->parameter_floats,
                                  info->arena_floats,
                                  MOST_STEPS,
                                  utterances * config->class_count,
                                  utterances * config->value_count};
    memcpy(array->floats, floats, sizeof floats);
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        size_t count = (size_t)array->run_count * (size_t)floats[kind];
        float *values = malloc((count + 1) * sizeof *values);
        for (size_t i = 0; i < count; i++)
            values[i] = kind <= SECOND_MOMENTS ? 0.0f : NAN;
        for (int32_t a = 0; kind == PARAMETERS && a < array->run_count; a++)
            mb_parameters_initialise(array->plan, mb_key_make(runs[a].seed, 0), NULL,
                                     values + a * floats[kind]);
        array->values[kind] = array_place(array, values, count * sizeof *values);
        free(values);
    }
}

static inline void array_open(run_array *array, mb_device *device, const mb_model *model,
                              const mb_model_config *config, mb_plan_mode mode,
                              mb_dropout_mode dropout, int32_t max_rows, const sample_set *set,
                              const run_setting *runs, int32_t run_count) {
    mb_error error = {.message = ""};
    assert_true(run_count <= MOST_RUNS);
    *array = (run_array){
        .device = device, .launch_id = mb_device_launch_ids(device, 1), .run_count = run_count};
    expect_ok(mb_model_compile(model, config, mode, dropout, max_rows, &array->plan, &error),
              &error);
    array->info = mb_plan_get(array->plan);
    array_place_samples(array, set);
    array_place_tables(array, runs);
    array_place_masks(array);
    array_place_values(array, config, runs);
}

static inline void array_close(run_array *array) {
    for (int i = 0; i < array->memory_count; i++)
        array->device->backend->release(array->device, array->memory[i]);
    mb_plan_free(array->plan);
}

// Launches steps first ... first + count - 1 of `plan`, which has the same memory layout as the
// array's own plan.
static inline void array_run_plan(run_array *array, const mb_plan *plan, int32_t first,
                                  int32_t count) {
    mb_error error = {.message = ""};
    mb_launch launch = {.id = plan == array->plan ? array->launch_id
                                                  : mb_device_launch_ids(array->device, 1),
                        .run_count = array->run_count,
                        .first_step = first,
                        .step_count = count,
                        .dataset = &array->dataset,
                        .indices = array->indices,
                        .index_stride = (int64_t)MOST_STEPS * array->info->max_rows,
                        .batch_rows = array->info->max_rows,
                        .rows = array->rows,
                        .parameters = array->values[PARAMETERS],
                        .first_moments = array->values[FIRST_MOMENTS],
                        .second_moments = array->values[SECOND_MOMENTS],
                        .arena = array->values[ARENA],
                        .slots = array->slots,
                        .keys = array->keys,
                        .steps = array->steps,
                        .widest = array->info->trains ? array->widest : NULL,
                        .masks = array->masks,
                        .losses = array->values[LOSSES],
                        .loss_stride = MOST_STEPS,
                        .logits = array->values[LOGITS],
                        .values = array->values[VALUES],
                        .op_seconds = array->op_seconds};
    expect_ok(array->device->backend->executor->run(array->device, plan, &launch, &error), &error);
}

static inline void array_run(run_array *array, int32_t first, int32_t count) {
    array_run_plan(array, array->plan, first, count);
}

static inline void array_fetch(const run_array *array, array_state *state) {
    mb_error error = {.message = ""};
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        size_t bytes = (size_t)array->run_count * (size_t)array->floats[kind] * sizeof(float);
        state->values[kind] = malloc(bytes + 1);
        if (bytes > 0)
            expect_ok(array->device->backend->download(array->device, state->values[kind],
                                                       array->values[kind], bytes, &error),
                      &error);
    }
}

static inline void array_put(run_array *array, const array_state *state) {
    mb_error error = {.message = ""};
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        size_t bytes = (size_t)array->run_count * (size_t)array->floats[kind] * sizeof(float);
        if (bytes > 0)
            expect_ok(array->device->backend->upload(array->device, array->values[kind],
                                                     state->values[kind], bytes, &error),
                      &error);
    }
}

// Zeros in the rooms of the first layers: what an executor keeps there from one step of a launch to
// the next depends on how many steps a launch has, which nothing else may.
static inline void state_clear_workspaces(const run_array *array, array_state *state) {
    for (int32_t s = 0; s < array->plan->op_count; s++) {
        const mb_plan_op *op = &array->plan->ops[s];
        for (int32_t k = 1; op->kind == MB_OP_SOURCE_LINEAR && k < op->output_count; k++) {
            const mb_operand *room = &op->outputs[k];
            int64_t floats = mb_shape_elements(&room->shape, array->info->max_rows);
            for (int32_t a = 0; a < array->run_count; a++)
                memset(state->values[ARENA] + a * array->floats[ARENA] + room->offset, 0,
                       (size_t)floats * sizeof(float));
        }
    }
}

static inline void state_free(array_state *state) {
    for (int kind = 0; kind < KIND_COUNT; kind++)
        free(state->values[kind]);
}

static inline float *state_of_run(const run_array *array, const array_state *state, array_kind kind,
                                  int32_t run) {
    return state->values[kind] + run * array->floats[kind];
}

// The index of the first float whose bits differ, or -1.
static inline int64_t first_difference(const float *a, const float *b, int64_t count) {
    if (memcmp(a, b, (size_t)count * sizeof *a) == 0)
        return -1;
    int64_t i = 0;
    while (memcmp(&a[i], &b[i], sizeof *a) == 0)
        i++;
    return i;
}

// Checks that every number of run i of `a` has the same bits as that of run j of `b`.
static inline void assert_same_run(const char *what, const run_array *a, const array_state *found,
                                   int32_t i, const run_array *b, const array_state *expected,
                                   int32_t j) {
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        const float *x = state_of_run(a, found, (array_kind)kind, i);
        const float *y = state_of_run(b, expected, (array_kind)kind, j);
        int64_t at = first_difference(x, y, a->floats[kind]);
        if (at >= 0)
            fail_msg("%s, run %d: %s differ at %lld of %lld: found %.9g, expected %.9g", what, i,
                     kind_names[kind], (long long)at, (long long)a->floats[kind], (double)x[at],
                     (double)y[at]);
    }
}

#endif
