// Opening an array: its plans, datasets, sizes and start values.
#include "train/array_memory.h"

#include <stdlib.h>
#include <string.h>

#include "train/cached_arrays.h"

// ---- plans ------------------------------------------------------------------------------------

static mb_status find_plans(mb_array *array, mb_error *error) {
    const mb_run_spec *spec = &array->specs[0];
    mb_status status = MB_OK;
    if (spec->plans == NULL)
        status = mb_run_plans_make(spec, &array->own_plans, error);
    array->plans = spec->plans != NULL ? spec->plans : array->own_plans;
    return status;
}

static int64_t largest_arena(const mb_array *array) {
    const mb_run_plans *plans = array->plans;
    int64_t largest = mb_plan_get(plans->train)->arena_floats;
    for (int32_t i = 0; i < plans->part_count; i++) {
        const mb_plan *plan = plans->parts[i];
        if (plan != NULL && mb_plan_get(plan)->arena_floats > largest)
            largest = mb_plan_get(plan)->arena_floats;
    }
    return largest;
}

// Checks that the datasets have what the plans read.
static mb_status check_datasets(const mb_array *array, mb_error *error) {
    const mb_run_spec *spec = &array->specs[0];
    const mb_run_plans *plans = array->plans;
    mb_status status =
        mb_plan_check_dataset(plans->train, &spec->datasets[spec->fold->train.dataset], error);
    for (int32_t i = 0; status == MB_OK && i < plans->part_count; i++)
        if (plans->parts[i] != NULL)
            status = mb_plan_check_dataset(plans->parts[i],
                                           &spec->datasets[mb_run_part(spec, i)->dataset], error);
    return status;
}

// ---- datasets and sizes -----------------------------------------------------------------------

// All runs have the datasets of the first one.
static mb_status open_datasets(mb_array *array, mb_error *error) {
    const mb_run_spec *spec = &array->specs[0];
    mb_status status = MB_OK;
    array->datasets = calloc((size_t)spec->dataset_count, sizeof *array->datasets);
    if (array->datasets == NULL)
        return mb_out_of_memory(error, "array");
    for (int32_t i = 0; status == MB_OK && i < spec->dataset_count; i++)
        status =
            mb_cached_dataset_open(array->cache, &spec->datasets[i], &array->datasets[i], error);
    return status;
}

void mb_train_expect(mb_device_cache *cache, const mb_run_spec *next) {
    mb_cache_expect(cache, &next->datasets[0]);
}

static void raise_to(int32_t *most, int32_t count) {
    *most = count > *most ? count : *most;
}

// Grows the sizes of the tables to fit the parts of a run.
static void measure(mb_array *array, const mb_run_spec *spec) {
    int32_t batch = spec->training.batch_size;
    raise_to(&array->steps_per_epoch, (spec->fold->train.count + batch - 1) / batch);
    raise_to(&array->index_stride, spec->fold->train.count);
    for (int32_t i = 0; i < array->plans->part_count; i++) {
        const mb_part *part = mb_run_part(spec, i);
        const mb_plan *plan = array->plans->parts[i];
        if (plan == NULL)
            continue;
        int32_t chunk = mb_plan_get(plan)->max_rows;
        raise_to(&array->most_steps, (part->count + chunk - 1) / chunk);
        raise_to(&array->index_stride, part->count);
        if (i == MB_PART_SELECT)
            raise_to(&array->select_stride, part->count);
    }
    raise_to(&array->most_steps, array->steps_per_epoch);
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

// Uploads the training parts in corpus order.
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

// Uploads the tables that never change, and draws start values.
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
    if (status == MB_OK) // so that no table is read uninitialised
        status = backend->zero(device, array->slots, array->small_bytes, error);
    if (status == MB_OK)
        status = backend->upload(device, array->slots, slots, runs * sizeof *slots, error);
    if (status == MB_OK)
        status = backend->upload(device, array->keys, keys, runs * sizeof *keys, error);
    if (status == MB_OK)
        status = backend->executor->initialise(device, array->plans->train, array->run_count,
                                               array->keys, array->parameters, error);
    if (status == MB_OK)
        status = backend->zero(device, array->first_moments, bytes, error);
    if (status == MB_OK)
        status = backend->zero(device, array->second_moments, bytes, error);
    free(slots);
    free(keys);
    return status;
}

mb_status mb_array_open(mb_device_cache *cache, const mb_run_spec *specs, int32_t run_count,
                        mb_array *array, mb_error *error) {
    mb_device *device = cache->device;
    *array = (mb_array){.cache = cache, .device = device, .specs = specs, .run_count = run_count};
    mb_status status = find_plans(array, error);
    if (status == MB_OK)
        status = check_datasets(array, error);
    if (status != MB_OK)
        return status;
    array->first_launch_id = mb_device_launch_ids(device, 1 + array->plans->part_count);
    array->parameter_floats = mb_plan_get(array->plans->train)->parameter_floats;
    for (int32_t a = 0; a < run_count; a++)
        measure(array, &specs[a]);
    mb_array_sizes sizes = {.parameter_floats = array->parameter_floats,
                            .arena_floats = largest_arena(array),
                            .steps = array->most_steps,
                            .utterances = array->index_stride,
                            .selected = array->select_stride,
                            .class_count = specs[0].config.class_count,
                            .value_count = specs[0].config.value_count};
    // Before the tables: if memory is short for these, the features in use are not freed.
    status = open_datasets(array, error);
    if (status == MB_OK)
        status = mb_array_allocate(array, &sizes, error);
    if (status == MB_OK)
        status =
            mb_snapshot_open(cache, run_count, array->parameter_floats, &array->snapshot, error);
    if (status == MB_OK)
        status = start_runs(array, error);
    return status == MB_OK ? list_training(array, error) : status;
}

void mb_array_close(mb_array *array) {
    if (array->device == NULL)
        return;
    mb_array_release(array);
    for (int32_t i = 0; array->datasets != NULL && i < array->specs[0].dataset_count; i++)
        mb_cached_dataset_close(&array->datasets[i]);
    free(array->datasets);
    mb_snapshot_close(&array->snapshot);
    mb_run_plans_free(array->own_plans);
    *array = (mb_array){0};
}
