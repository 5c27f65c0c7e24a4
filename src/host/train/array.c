// Plans, sizes and start values of an array.
#include "train/array_memory.h"

#include <stdlib.h>
#include <string.h>

#include "train/resident_blocks.h"

const mb_part *mb_array_part(const mb_run_spec *spec, mb_part_kind kind, int32_t test) {
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

mb_model_config mb_config_for_part(const mb_run_spec *spec, const mb_part *part) {
    mb_model_config config = spec->config;
    for (int32_t m = 0; m < MB_MODALITY_COUNT; m++)
        config.steps[m] = config.dims[m] == 0 ? 1
                                              : mb_sequence_longest(&spec->sequences->modalities[m],
                                                                    part->scope, part->scope_count);
    return config;
}

const mb_plan *mb_array_plan(const mb_array *array, mb_part_kind kind, int32_t test) {
    return kind == MB_PART_SELECT ? array->select
           : kind == MB_PART_HELD ? array->held
                                  : array->tests[test];
}

// Rows interact in some models: those are evaluated in the batches of the reference.
int32_t mb_rows_at_once(const mb_model *model, const mb_model_config *config, int32_t batch,
                        int32_t most) {
    enum { MOST_ROWS = 256, MOST_FRAMES = 4096 };
    if (model->couples_rows)
        return batch;
    int32_t longest = 1;
    for (int32_t m = 0; m < MB_MODALITY_COUNT; m++)
        longest = config->steps[m] > longest ? config->steps[m] : longest;
    int32_t rows = MOST_FRAMES / longest; // long sequences: fewer rows, bounded memory
    rows = rows > MOST_ROWS ? MOST_ROWS : rows < 16 ? 16 : rows;
    return rows > most ? most : rows;
}

int32_t mb_evaluation_rows(const mb_run_spec *spec, const mb_part *part) {
    mb_model_config config = mb_config_for_part(spec, part);
    return mb_rows_at_once(spec->model, &config, spec->training.batch_size, part->scope_count);
}

// ---- plans ------------------------------------------------------------------------------------

static mb_status compile_evaluation(mb_array *array, const mb_part *part, mb_plan **plan,
                                    mb_error *error) {
    if (part->count == 0)
        return MB_OK;
    mb_model_config config = mb_config_for_part(&array->specs[0], part);
    return mb_model_compile(array->specs[0].model, &config, MB_PLAN_EVALUATE, MB_DROPOUT_OFF,
                            mb_evaluation_rows(&array->specs[0], part), plan, error);
}

static mb_status compile(mb_array *array, mb_error *error) {
    const mb_run_spec *spec = &array->specs[0];
    mb_model_config config = mb_config_for_part(spec, &spec->fold->train);
    mb_status status = mb_model_compile(spec->model, &config, MB_PLAN_TRAIN, MB_DROPOUT_RANDOM,
                                        spec->training.batch_size, &array->train, error);
    if (status == MB_OK)
        status = compile_evaluation(array, &spec->fold->select, &array->select, error);
    if (status == MB_OK)
        status = compile_evaluation(array, &spec->fold->held, &array->held, error);
    array->tests = calloc((size_t)spec->test_count + 1, sizeof *array->tests);
    if (status == MB_OK && array->tests == NULL)
        return mb_out_of_memory(error, "array");
    for (int32_t t = 0; status == MB_OK && t < spec->test_count; t++)
        status = compile_evaluation(array, &spec->tests[t], &array->tests[t], error);
    return status;
}

static int64_t largest_arena(const mb_array *array) {
    int64_t largest = mb_plan_get(array->train)->arena_floats;
    const mb_plan *others[] = {array->select, array->held};
    for (int32_t i = 0; i < 2 + array->specs[0].test_count; i++) {
        const mb_plan *plan = i < 2 ? others[i] : array->tests[i - 2];
        if (plan != NULL && mb_plan_get(plan)->arena_floats > largest)
            largest = mb_plan_get(plan)->arena_floats;
    }
    return largest;
}

// ---- dataset and sizes ------------------------------------------------------------------------

// The features and labels of a run, in the memory of the host.
static mb_resident dataset_of(const mb_run_spec *spec) {
    mb_resident host = {.emotions = spec->emotions, .valences = spec->valences};
    for (int32_t m = 0; m < MB_MODALITY_COUNT; m++) {
        const mb_sequence *sequence = &spec->sequences->modalities[m];
        if (sequence->dimension == 0)
            continue;
        host.modalities[m].dimension = sequence->dimension;
        host.modalities[m].values = sequence->values;
        host.modalities[m].offsets = sequence->offsets;
    }
    return host;
}

// Those of all runs, which are those of the first one.
static mb_status make_resident(mb_array *array, mb_error *error) {
    mb_resident host = dataset_of(&array->specs[0]);
    return mb_residence_open(array->device, &host, array->specs[0].sequences->utterance_count,
                             &array->residence, error);
}

void mb_train_expect(mb_device *device, const mb_run_spec *next) {
    if (device->backend->shares_host_memory)
        return;
    mb_resident host = dataset_of(next);
    mb_residents_expect(device, &host, next->sequences->utterance_count);
}

static void widen(int32_t *most, int32_t count) {
    *most = count > *most ? count : *most;
}

// Sizes of the tables, from the parts of one run.
static void measure(mb_array *array, const mb_run_spec *spec) {
    int32_t batch = spec->training.batch_size;
    widen(&array->steps_per_epoch, (spec->fold->train.count + batch - 1) / batch);
    widen(&array->index_stride, spec->fold->train.count);
    for (int32_t i = 0; i < 2 + spec->test_count; i++) {
        mb_part_kind kind = i == 0 ? MB_PART_SELECT : i == 1 ? MB_PART_HELD : MB_PART_TEST;
        const mb_part *part = mb_array_part(spec, kind, i - 2);
        const mb_plan *plan = mb_array_plan(array, kind, i - 2);
        widen(&array->index_stride, part->count);
        if (kind == MB_PART_SELECT)
            widen(&array->select_stride, part->count);
        if (plan != NULL) {
            int32_t chunk = mb_plan_get(plan)->max_rows;
            widen(&array->most_steps, (part->count + chunk - 1) / chunk);
        }
    }
    widen(&array->most_steps, array->steps_per_epoch);
}

// ---- start values -----------------------------------------------------------------------------

static void fill_slots(const mb_run_spec *spec, float *slots) {
    slots[MB_SLOT_LEARNING_RATE] = (float)spec->training.learning_rate;
    slots[MB_SLOT_WEIGHT_DECAY] = (float)spec->training.weight_decay;
    slots[MB_SLOT_GRAD_CLIP] = (float)spec->training.grad_clip;
    for (int32_t i = 0; i < spec->model->option_count; i++)
        if (spec->model->options[i].slot != MB_SLOT_NONE)
            slots[spec->model->options[i].slot] = (float)spec->config.options[i];
}

// The training parts, in the order of the corpus.
static mb_status list_training(mb_array *array, mb_error *error) {
    const mb_backend *backend = array->device->backend;
    size_t runs = (size_t)array->run_count, row = (size_t)array->index_stride;
    int32_t *counts = calloc(runs, sizeof *counts), *shuffled = calloc(runs, sizeof *shuffled);
    mb_status status =
        counts == NULL || shuffled == NULL ? mb_out_of_memory(error, "array") : MB_OK;
    for (int32_t a = 0; status == MB_OK && a < array->run_count; a++) {
        const mb_run_spec *spec = &array->specs[a];
        counts[a] = spec->fold->train.count;
        shuffled[a] = spec->training.shuffle;
        array->shuffles |= spec->training.shuffle;
        memcpy(array->host_indices + (size_t)a * row, spec->fold->train.rows,
               (size_t)counts[a] * sizeof *counts);
    }
    if (status == MB_OK)
        status = backend->upload(array->device, array->corpus_order, array->host_indices,
                                 runs * row * sizeof *counts, error);
    if (status == MB_OK)
        status = backend->upload(array->device, array->train_counts, counts, runs * sizeof *counts,
                                 error);
    if (status == MB_OK)
        status = backend->upload(array->device, array->shuffled, shuffled, runs * sizeof *shuffled,
                                 error);
    free(counts);
    free(shuffled);
    return status;
}

// The tables that stay as they are, and start values.
static mb_status start_runs(mb_array *array, mb_error *error) {
    mb_device *device = array->device;
    const mb_backend *backend = device->backend;
    size_t runs = (size_t)array->run_count;
    size_t bytes = runs * (size_t)array->parameter_floats * sizeof(float);
    float(*slots)[MB_SLOT_COUNT] = calloc(runs, sizeof *slots);
    mb_key *keys = calloc(runs, sizeof *keys);
    mb_status status = slots == NULL || keys == NULL ? mb_out_of_memory(error, "array") : MB_OK;
    for (int32_t a = 0; status == MB_OK && a < array->run_count; a++) {
        fill_slots(&array->specs[a], slots[a]);
        keys[a] = mb_key_make(array->specs[a].seed, (uint32_t)array->specs[a].fold_index);
    }
    if (status == MB_OK) // so that nothing of them is ever read before it was written
        status = backend->zero(device, array->slots, array->small_bytes, error);
    if (status == MB_OK)
        status = backend->upload(device, array->slots, slots, runs * sizeof *slots, error);
    if (status == MB_OK)
        status = backend->upload(device, array->keys, keys, runs * sizeof *keys, error);
    if (status == MB_OK)
        status = backend->executor->initialise(device, array->train, array->run_count, array->keys,
                                               array->parameters, error);
    if (status == MB_OK)
        status = backend->zero(device, array->first_moments, bytes, error);
    if (status == MB_OK)
        status = backend->zero(device, array->second_moments, bytes, error);
    free(slots);
    free(keys);
    return status;
}

mb_status mb_array_open(mb_device *device, const mb_run_spec *specs, int32_t run_count,
                        mb_array *array, mb_error *error) {
    *array = (mb_array){.device = device, .specs = specs, .run_count = run_count};
    mb_status status = compile(array, error);
    if (status != MB_OK)
        return status;
    array->first_number = mb_device_numbers(device, 3 + specs[0].test_count);
    array->parameter_floats = mb_plan_get(array->train)->parameter_floats;
    for (int32_t a = 0; a < run_count; a++)
        measure(array, &specs[a]);
    mb_array_sizes sizes = {.parameter_floats = array->parameter_floats,
                            .arena_floats = largest_arena(array),
                            .steps = array->most_steps,
                            .utterances = array->index_stride,
                            .selected = array->select_stride,
                            .class_count = specs[0].config.class_count,
                            .value_count = specs[0].config.value_count};
    status = make_resident(array, error); // first: its own features are not what makes room
    if (status == MB_OK)
        status = mb_array_allocate(array, &sizes, error);
    if (status == MB_OK)
        status =
            mb_snapshot_open(device, run_count, array->parameter_floats, &array->snapshot, error);
    if (status == MB_OK)
        status = start_runs(array, error);
    return status == MB_OK ? list_training(array, error) : status;
}

void mb_array_close(mb_array *array) {
    if (array->device == NULL)
        return;
    mb_array_release(array);
    mb_residence_close(&array->residence);
    mb_snapshot_close(&array->snapshot);
    mb_plan_free(array->train);
    mb_plan_free(array->select);
    mb_plan_free(array->held);
    for (int32_t t = 0; array->tests != NULL && t < array->specs[0].test_count; t++)
        mb_plan_free(array->tests[t]);
    free(array->tests);
    *array = (mb_array){0};
}
