#include "parity/runner.h"

#include <stdlib.h>
#include <string.h>

static mb_status allocate(mb_runner *runner, int64_t count, size_t size, void **memory,
                          mb_error *error) {
    return runner->device->backend->allocate(runner->device, (size_t)count * size, memory, error);
}

static mb_status upload(mb_runner *runner, void *to, const void *from, size_t bytes,
                        mb_error *error) {
    return runner->device->backend->upload(runner->device, to, from, bytes, error);
}

static mb_status allocate_all(mb_runner *runner, mb_error *error) {
    const mb_plan_info *info = mb_plan_get(runner->plan);
    struct {
        void **memory;
        int64_t count;
        size_t size;
    } wanted[] = {
        {(void **)&runner->parameters, info->parameter_floats, sizeof(float)},
        {(void **)&runner->first_moments, info->parameter_floats, sizeof(float)},
        {(void **)&runner->second_moments, info->parameter_floats, sizeof(float)},
        {(void **)&runner->arena, info->arena_floats, sizeof(float)},
        {(void **)&runner->masks, info->mask_floats, sizeof(float)},
        {(void **)&runner->slots, MB_SLOT_COUNT, sizeof(float)},
        {(void **)&runner->keys, 1, sizeof(mb_key)},
        {(void **)&runner->steps, 1, sizeof(uint32_t)},
        {(void **)&runner->rows, 1, sizeof(int32_t)},
        {(void **)&runner->widest, 1, sizeof(int32_t)},
        {(void **)&runner->indices, info->max_rows, sizeof(int32_t)},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        mb_status status =
            allocate(runner, wanted[i].count, wanted[i].size, wanted[i].memory, error);
        if (status != MB_OK)
            return status;
    }
    runner->host_parameters = calloc((size_t)info->parameter_floats + 1, sizeof(float));
    return runner->host_parameters == NULL ? mb_out_of_memory(error, "parity") : MB_OK;
}

static mb_status set_tables(mb_runner *runner, const mb_fixture *fixture, mb_error *error) {
    float slots[MB_SLOT_COUNT] = {0};
    for (int32_t i = 0; i < fixture->model->option_count; i++)
        if (fixture->model->options[i].slot != MB_SLOT_NONE)
            slots[fixture->model->options[i].slot] = (float)fixture->config.options[i];
    slots[MB_SLOT_LEARNING_RATE] = (float)fixture->learning_rate;
    slots[MB_SLOT_WEIGHT_DECAY] = (float)fixture->weight_decay;
    slots[MB_SLOT_GRAD_CLIP] = (float)fixture->grad_clip;
    mb_key key = mb_key_make(0, 0);
    mb_status status = upload(runner, runner->slots, slots, sizeof slots, error);
    if (status == MB_OK)
        status = upload(runner, runner->keys, &key, sizeof key, error);
    return status;
}

mb_status mb_runner_open(mb_device *device, const mb_fixture *fixture, mb_plan_mode mode,
                         mb_dropout_mode dropout, int32_t max_rows, mb_runner *runner,
                         mb_error *error) {
    *runner = (mb_runner){.device = device};
    mb_status status = mb_model_compile(fixture->model, &fixture->config, mode, dropout, max_rows,
                                        &runner->plan, error);
    if (status != MB_OK)
        return mb_fail_in(error, status, "%s: ", fixture->path);
    status = allocate_all(runner, error);
    return status == MB_OK ? set_tables(runner, fixture, error) : status;
}

void mb_runner_close(mb_runner *runner) {
    if (runner->device == NULL)
        return;
    void *parameters = runner->borrowed ? NULL : runner->parameters;
    void *memory[] = {parameters,    runner->first_moments, runner->second_moments, runner->arena,
                      runner->masks, runner->slots,         runner->keys,           runner->steps,
                      runner->rows,  runner->widest,        runner->indices};
    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++)
        if (memory[i] != NULL)
            runner->device->backend->release(runner->device, memory[i]);
    mb_plan_free(runner->plan);
    free(runner->host_parameters);
    *runner = (mb_runner){0};
}

// Parameters that are not in the state_dict of the reference are in the group /frozen.
static mb_path parameter_path(const mb_fixture *fixture, const char *group, const char *name) {
    mb_path path = mb_path_of(group, name), frozen = mb_path_of("/frozen", name);
    return !mb_h5_has(fixture->h5, path.text) && mb_h5_has(fixture->h5, frozen.text) ? frozen
                                                                                     : path;
}

mb_status mb_runner_load(mb_runner *runner, const mb_fixture *fixture, const char *group,
                         mb_error *error) {
    const mb_plan_info *info = mb_plan_get(runner->plan);
    size_t bytes = (size_t)info->parameter_floats * sizeof(float);
    memset(runner->host_parameters, 0, bytes);
    runner->host_widest = 0;
    mb_status status = upload(runner, runner->first_moments, runner->host_parameters, bytes, error);
    if (status == MB_OK)
        status = upload(runner, runner->second_moments, runner->host_parameters, bytes, error);
    for (int32_t i = 0; status == MB_OK && i < info->parameter_count; i++) {
        const mb_parameter *parameter = &info->parameters[i];
        float *values = NULL;
        status = mb_fixture_floats(fixture, parameter_path(fixture, group, parameter->name).text,
                                   mb_shape_elements(&parameter->shape, 0), &values, error);
        if (status == MB_OK)
            mb_parameter_store(parameter, values, runner->host_parameters);
        free(values);
    }
    if (status != MB_OK)
        return status;
    return upload(runner, runner->parameters, runner->host_parameters, bytes, error);
}

mb_status mb_runner_set_masks(mb_runner *runner, const float *masks, mb_error *error) {
    size_t count = (size_t)mb_plan_get(runner->plan)->mask_floats;
    return upload(runner, runner->masks, masks, count * sizeof *masks, error);
}

mb_status mb_runner_borrow(mb_runner *runner, const mb_runner *owner, const char *path,
                           mb_error *error) {
    const mb_plan_info *own = mb_plan_get(runner->plan), *other = mb_plan_get(owner->plan);
    bool same = own->parameter_count == other->parameter_count;
    for (int32_t i = 0; same && i < own->parameter_count; i++)
        same = own->parameters[i].offset == other->parameters[i].offset &&
               mb_shape_elements(&own->parameters[i].shape, 0) ==
                   mb_shape_elements(&other->parameters[i].shape, 0);
    if (!same)
        return mb_fail(error, MB_BAD_INPUT,
                       "%s: /test: expected samples of the same dimensions as in /train, found "
                       "others",
                       path);
    runner->device->backend->release(runner->device, runner->parameters);
    runner->parameters = owner->parameters;
    runner->borrowed = true;
    return MB_OK;
}

mb_status mb_runner_run(mb_runner *runner, const mb_dataset *data, const int32_t *indices,
                        int32_t rows, uint32_t step, mb_error *error) {
    mb_status status =
        upload(runner, runner->indices, indices, (size_t)rows * sizeof *indices, error);
    if (status == MB_OK)
        status = upload(runner, runner->rows, &rows, sizeof rows, error);
    if (rows > runner->host_widest)
        runner->host_widest = rows;
    if (status == MB_OK)
        status =
            upload(runner, runner->widest, &runner->host_widest, sizeof *runner->widest, error);
    if (status == MB_OK)
        status = upload(runner, runner->steps, &step, sizeof step, error);
    if (status != MB_OK)
        return status;
    mb_launch launch = {
        .run_count = 1,
        .step_count = 1,
        .dataset = data,
        .indices = runner->indices,
        .rows = runner->rows,
        .parameters = runner->parameters,
        .first_moments = runner->first_moments,
        .second_moments = runner->second_moments,
        .arena = runner->arena,
        .slots = runner->slots,
        .keys = runner->keys,
        .steps = runner->steps,
        .widest = runner->widest,
        .masks = runner->masks,
    };
    return runner->device->backend->executor->run(runner->device, runner->plan, &launch, error);
}

mb_status mb_runner_result(mb_runner *runner, mb_location location, int32_t rows, float **values,
                           int64_t *count, mb_error *error) {
    *values = NULL;
    *count = 0;
    if (location.offset < 0)
        return MB_OK;
    *count = mb_shape_elements(&location.shape, rows);
    *values = malloc(((size_t)*count + 1) * sizeof **values);
    if (*values == NULL)
        return mb_out_of_memory(error, "parity");
    return runner->device->backend->download(runner->device, *values,
                                             runner->arena + location.offset,
                                             (size_t)*count * sizeof **values, error);
}

mb_status mb_runner_parameter(mb_runner *runner, int32_t index, float **values, mb_error *error) {
    const mb_plan_info *info = mb_plan_get(runner->plan);
    const mb_parameter *parameter = &info->parameters[index];
    *values = malloc(((size_t)mb_shape_elements(&parameter->shape, 0) + 1) * sizeof **values);
    if (*values == NULL)
        return mb_out_of_memory(error, "parity");
    mb_status status = runner->device->backend->download(
        runner->device, runner->host_parameters, runner->parameters,
        (size_t)info->parameter_floats * sizeof(float), error);
    if (status == MB_OK)
        mb_parameter_load(parameter, runner->host_parameters, *values);
    return status;
}
