#include "array.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    DISTINCT_STARTS = 8
}; // start values are drawn on the host and repeat; speed does not depend on them

int64_t mb_bench_array_bytes(const mb_plan *plan, int32_t run_count) {
    const mb_plan_info *info = mb_plan_get(plan);
    int64_t vectors = info->trains ? 3 : 1;
    return run_count * (vectors * info->parameter_floats + info->arena_floats) *
           (int64_t)sizeof(float);
}

mb_status mb_bench_array_fits(mb_device *device, const mb_plan *plan, int32_t run_count, bool *fits,
                              mb_error *error) {
    mb_device_description description;
    mb_status status = device->backend->describe(device, &description, error);
    *fits = status == MB_OK &&
            (double)mb_bench_array_bytes(plan, run_count) < 0.9 * (double)description.free_bytes;
    return status;
}

static mb_status allocate(mb_bench_array *array, size_t count, size_t size, void *memory,
                          mb_error *error) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return mb_out_of_memory(error, "array");
    return array->device->backend->allocate(array->device, bytes, memory, error);
}

static mb_status allocate_all(mb_bench_array *array, const mb_bench_settings *settings,
                              mb_error *error) {
    const mb_plan_info *info = mb_plan_get(array->plan);
    size_t runs = (size_t)array->run_count, table = runs * (size_t)array->steps_per_epoch;
    size_t listed = table * (size_t)info->max_rows;
    size_t models = runs * (size_t)info->parameter_floats;
    size_t moments = info->trains ? models : 0, outputs = info->trains ? 0 : listed;
    struct {
        void *memory;
        size_t count, size;
    } wanted[] = {
        {&array->parameters, models, sizeof(float)},
        {&array->first_moments, moments, sizeof(float)},
        {&array->second_moments, moments, sizeof(float)},
        {&array->arena, runs * (size_t)info->arena_floats, sizeof(float)},
        {&array->slots, runs * MB_SLOT_COUNT, sizeof(float)},
        {&array->keys, runs, sizeof(mb_key)},
        {&array->steps, runs, sizeof(uint32_t)},
        {&array->rows, table, sizeof(int32_t)},
        {&array->indices, listed, sizeof(int32_t)},
        {&array->losses, table, sizeof(float)},
        {&array->logits, outputs * (size_t)settings->config.class_count, sizeof(float)},
        {&array->values, outputs * (size_t)settings->config.value_count, sizeof(float)},
    };
    mb_status status = MB_OK;
    for (size_t i = 0; status == MB_OK && i < sizeof wanted / sizeof *wanted; i++)
        if (wanted[i].count > 0)
            status = allocate(array, wanted[i].count, wanted[i].size, wanted[i].memory, error);
    array->host_steps = calloc(runs, sizeof *array->host_steps);
    return status == MB_OK && array->host_steps == NULL ? mb_out_of_memory(error, "array") : status;
}

// ---- filling the tables -------------------------------------------------------------------------

static mb_status put(mb_bench_array *array, void *to, const void *from, size_t count, size_t size,
                     mb_error *error) {
    return array->device->backend->upload(array->device, to, from, count * size, error);
}

static mb_status fill_model(mb_bench_array *array, int32_t a, mb_key key, float *host,
                            mb_error *error) {
    const mb_backend *backend = array->device->backend;
    const mb_plan_info *info = mb_plan_get(array->plan);
    size_t floats = (size_t)info->parameter_floats;
    float *parameters = array->parameters + (size_t)a * floats;
    mb_status status = MB_OK;
    if (a < DISTINCT_STARTS) {
        mb_parameters_initialise(array->plan, key, NULL, host);
        status = put(array, parameters, host, floats, sizeof *host, error);
    } else {
        status = backend->copy(array->device, parameters,
                               array->parameters + (size_t)(a % DISTINCT_STARTS) * floats,
                               floats * sizeof *parameters, error);
    }
    if (status != MB_OK || !info->trains)
        return status;
    memset(host, 0, floats * sizeof *host);
    status =
        put(array, array->first_moments + (size_t)a * floats, host, floats, sizeof *host, error);
    if (status == MB_OK)
        status = put(array, array->second_moments + (size_t)a * floats, host, floats, sizeof *host,
                     error);
    return status;
}

static mb_status fill_run(mb_bench_array *array, int32_t a, const mb_bench_settings *settings,
                          mb_key key, int32_t *order, int32_t rows, mb_error *error) {
    float slots[MB_SLOT_COUNT] = {[MB_SLOT_LEARNING_RATE] = 1e-3f,
                                  [MB_SLOT_WEIGHT_DECAY] = 1e-5f,
                                  [MB_SLOT_GRAD_CLIP] = -1.0f};
    for (int32_t i = 0; i < settings->model->option_count; i++)
        if (settings->model->options[i].slot != MB_SLOT_NONE)
            slots[settings->model->options[i].slot] = (float)settings->config.options[i];
    for (int32_t i = 0; i < rows; i++)
        order[i] = i;
    mb_random_shuffle(key, MB_RANDOM_SHUFFLE, 0, order, rows);
    size_t listed = (size_t)array->steps_per_epoch * (size_t)mb_plan_get(array->plan)->max_rows;
    mb_status status = put(array, array->slots + (size_t)a * MB_SLOT_COUNT, slots, MB_SLOT_COUNT,
                           sizeof *slots, error);
    if (status == MB_OK)
        status = put(array, array->keys + a, &key, 1, sizeof key, error);
    if (status == MB_OK)
        status =
            put(array, array->indices + (size_t)a * listed, order, listed, sizeof *order, error);
    return status;
}

static mb_status fill_tables(mb_bench_array *array, mb_error *error) {
    size_t runs = (size_t)array->run_count, table = runs * (size_t)array->steps_per_epoch;
    int32_t *rows = calloc(table, sizeof *rows);
    float *losses = calloc(table, sizeof *losses);
    mb_status status = rows == NULL || losses == NULL ? mb_out_of_memory(error, "tables") : MB_OK;
    for (size_t i = 0; status == MB_OK && i < table; i++)
        rows[i] = mb_plan_get(array->plan)->max_rows;
    if (status == MB_OK)
        status = put(array, array->rows, rows, table, sizeof *rows, error);
    if (status == MB_OK)
        status = put(array, array->losses, losses, table, sizeof *losses, error);
    if (status == MB_OK)
        status = put(array, array->steps, array->host_steps, runs, sizeof *array->steps, error);
    free(rows);
    free(losses);
    return status;
}

mb_status mb_bench_array_open(mb_device *device, const mb_plan *plan,
                              const mb_bench_settings *settings, const mb_bench_data *data,
                              int32_t run_count, int32_t first_seed, int32_t launch_steps,
                              mb_bench_array *array, mb_error *error) {
    const mb_plan_info *info = mb_plan_get(plan);
    *array = (mb_bench_array){.device = device,
                              .cache = {.device = device},
                              .plan = plan,
                              .launch_id = mb_device_launch_ids(device, 1),
                              .run_count = run_count,
                              .steps_per_epoch = data->dataset.utterance_count / info->max_rows,
                              .launch_steps = launch_steps > 0
                                                  ? launch_steps
                                                  : device->backend->executor->steps_per_launch};
    mb_status status = mb_cached_dataset_open(&array->cache, &data->dataset, &array->cached, error);
    if (status == MB_OK)
        status = allocate_all(array, settings, error);
    if (status == MB_OK)
        status = fill_tables(array, error);
    float *host = calloc((size_t)info->parameter_floats + 1, sizeof *host);
    int32_t *order = calloc((size_t)data->dataset.utterance_count, sizeof *order);
    if (status == MB_OK && (host == NULL || order == NULL))
        status = mb_out_of_memory(error, "array");
    for (int32_t a = 0; status == MB_OK && a < run_count; a++) {
        mb_key key = mb_key_make((uint32_t)(first_seed + a), 0);
        status = fill_model(array, a, key, host, error);
        if (status == MB_OK)
            status = fill_run(array, a, settings, key, order, data->dataset.utterance_count, error);
    }
    free(host);
    free(order);
    return status;
}

// ---- launches -----------------------------------------------------------------------------------

static mb_status launch(mb_bench_array *array, int32_t first, int32_t count, mb_error *error) {
    const mb_plan_info *info = mb_plan_get(array->plan);
    mb_launch launched = {
        .id = array->launch_id,
        .run_count = array->run_count,
        .first_step = first,
        .step_count = count,
        .dataset = &array->cached.dataset,
        .indices = array->indices,
        .index_stride = (int64_t)array->steps_per_epoch * info->max_rows,
        .batch_rows = info->max_rows,
        .rows = array->rows,
        .parameters = array->parameters,
        .first_moments = array->first_moments,
        .second_moments = array->second_moments,
        .arena = array->arena,
        .slots = array->slots,
        .keys = array->keys,
        .steps = array->steps,
        .losses = array->losses,
        .loss_stride = array->steps_per_epoch,
        .logits = array->logits,
        .values = array->values,
        .op_seconds = array->op_seconds,
    };
    return array->device->backend->executor->run(array->device, array->plan, &launched, error);
}

// Begins the next epoch: launches count steps from the beginning of an epoch.
static mb_status begin_epoch(mb_bench_array *array, mb_error *error) {
    size_t runs = (size_t)array->run_count;
    for (size_t a = 0; a < runs; a++)
        array->host_steps[a] = array->steps_done;
    return put(array, array->steps, array->host_steps, runs, sizeof *array->steps, error);
}

mb_status mb_bench_array_step(mb_bench_array *array, int32_t steps, mb_error *error) {
    mb_status status = MB_OK;
    while (status == MB_OK && steps > 0) {
        int32_t first = (int32_t)(array->steps_done % (uint32_t)array->steps_per_epoch);
        int32_t count = array->steps_per_epoch - first;
        count = count < array->launch_steps ? count : array->launch_steps;
        count = count < steps ? count : steps;
        status = launch(array, first, count, error);
        array->steps_done += (uint32_t)count;
        steps -= count;
        if (status == MB_OK && first + count == array->steps_per_epoch)
            status = begin_epoch(array, error);
    }
    return status == MB_OK ? array->device->backend->synchronize(array->device, error) : status;
}

mb_status mb_bench_array_loss(mb_bench_array *array, float *loss, mb_error *error) {
    size_t table = (size_t)array->run_count * (size_t)array->steps_per_epoch;
    float *losses = calloc(table, sizeof *losses);
    if (losses == NULL)
        return mb_out_of_memory(error, "losses");
    mb_status status = array->device->backend->download(array->device, losses, array->losses,
                                                        table * sizeof *losses, error);
    uint32_t steps = (uint32_t)array->steps_per_epoch;
    *loss = losses[(array->steps_done + steps - 1) % steps];
    for (size_t i = 0; status == MB_OK && i < table; i++)
        if (!isfinite(losses[i]))
            status = mb_fail(error, MB_FAILED, "run %zu, step %zu: the loss is not finite: %g",
                             i / steps, i % steps, (double)losses[i]);
    free(losses);
    return status;
}

mb_status mb_bench_array_output(mb_bench_array *array, const mb_model_config *config, float *mean,
                                mb_error *error) {
    bool classes = config->class_count > 0;
    size_t width = (size_t)(classes ? config->class_count : config->value_count);
    size_t count = (size_t)mb_plan_get(array->plan)->max_rows * width;
    float *outputs = calloc(count, sizeof *outputs);
    if (outputs == NULL)
        return mb_out_of_memory(error, "outputs");
    mb_status status = array->device->backend->download(array->device, outputs,
                                                        classes ? array->logits : array->values,
                                                        count * sizeof *outputs, error);
    double sum = 0.0;
    for (size_t i = 0; i < count; i++)
        sum += fabs((double)outputs[i]);
    free(outputs);
    *mean = (float)(sum / (double)count);
    if (status == MB_OK && (!isfinite(sum) || sum == 0.0))
        status = mb_fail(error, MB_FAILED, "the outputs are not finite, or all zero");
    return status;
}

void mb_bench_array_close(mb_bench_array *array) {
    if (array->device == NULL)
        return;
    void *memory[] = {array->parameters, array->first_moments, array->second_moments,
                      array->arena,      array->slots,         array->keys,
                      array->steps,      array->rows,          array->indices,
                      array->losses,     array->logits,        array->values};
    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++)
        if (memory[i] != NULL)
            array->device->backend->release(array->device, memory[i]);
    mb_cached_dataset_close(&array->cached);
    free(array->host_steps);
    *array = (mb_bench_array){0};
}
