#include "train_data.h"

#include <stdlib.h>
#include <string.h>

enum { FEATURES = 0, EMOTIONS = MB_MODALITY_COUNT, VALENCES }; // steps of MB_STREAM_SYNTHETIC

mb_status mb_bench_data_make(const mb_model_config *config, int32_t rows, mb_bench_data *data,
                             mb_error *error) {
    *data = (mb_bench_data){.rows = rows};
    mb_key key = mb_key_make(1, 0);
    for (int32_t m = 0; m < MB_MODALITY_COUNT; m++) {
        size_t dimension = (size_t)config->dims[m], count = (size_t)rows * dimension;
        if (dimension == 0)
            continue;
        data->features[m] = calloc(count, sizeof(float));
        if (data->features[m] == NULL)
            return mb_out_of_memory(error, "features");
        for (size_t i = 0; i < count; i++)
            data->features[m][i] =
                (float)mb_random_normal(key, MB_STREAM_SYNTHETIC, FEATURES + (uint32_t)m, i);
        data->resident.modalities[m].dimension = config->dims[m];
        data->resident.modalities[m].values = data->features[m];
    }
    data->emotions = calloc((size_t)rows, sizeof *data->emotions);
    data->valences = calloc((size_t)rows, sizeof *data->valences);
    if (data->emotions == NULL || data->valences == NULL)
        return mb_out_of_memory(error, "labels");
    for (int32_t i = 0; i < rows; i++) {
        if (config->class_count > 0)
            data->emotions[i] = (int32_t)mb_random_below(
                key, MB_STREAM_SYNTHETIC, EMOTIONS, (uint64_t)i, (uint32_t)config->class_count);
        data->valences[i] =
            (float)mb_random_normal(key, MB_STREAM_SYNTHETIC, VALENCES, (uint64_t)i);
    }
    data->resident.emotions = data->emotions;
    data->resident.valences = data->valences;
    return MB_OK;
}

void mb_bench_data_free(mb_bench_data *data) {
    for (int32_t m = 0; m < MB_MODALITY_COUNT; m++)
        free(data->features[m]);
    free(data->emotions);
    free(data->valences);
    *data = (mb_bench_data){0};
}

static mb_status allocate(mb_bench_run *run, int64_t floats, float **memory, mb_error *error) {
    size_t bytes = (size_t)floats * sizeof(float);
    mb_status status = run->device->backend->allocate(run->device, bytes, (void **)memory, error);
    if (status == MB_OK)
        memset(*memory, 0, bytes);
    return status;
}

mb_status mb_bench_run_open(const mb_plan *plan, const mb_bench_data *data, double dropout,
                            uint32_t seed, mb_bench_run *run, mb_error *error) {
    *run = (mb_bench_run){.plan = plan, .data = data, .key = mb_key_make(seed, 0)};
    const mb_plan_info *info = mb_plan_get(plan);
    mb_status status = mb_cpu_backend.open(&run->device, error);
    if (status == MB_OK)
        status = allocate(run, info->parameter_floats, &run->parameters, error);
    if (status == MB_OK)
        status = allocate(run, info->parameter_floats, &run->first_moments, error);
    if (status == MB_OK)
        status = allocate(run, info->parameter_floats, &run->second_moments, error);
    if (status == MB_OK)
        status = allocate(run, info->arena_floats, &run->arena, error);
    if (status != MB_OK)
        return status;
    mb_parameters_initialise(plan, run->key, run->parameters);
    run->slots[MB_SLOT_LEARNING_RATE] = 1e-3f;
    run->slots[MB_SLOT_WEIGHT_DECAY] = 1e-5f;
    run->slots[MB_SLOT_GRAD_CLIP] = -1.0f;
    run->slots[MB_SLOT_DROPOUT] = (float)dropout;
    run->order = calloc((size_t)data->rows, sizeof *run->order);
    if (run->order == NULL)
        return mb_out_of_memory(error, "order of the rows");
    for (int32_t i = 0; i < data->rows; i++)
        run->order[i] = i;
    mb_random_shuffle(run->key, MB_STREAM_SHUFFLE, 0, run->order, data->rows);
    return MB_OK;
}

mb_status mb_bench_run_train(mb_bench_run *run, int32_t steps, mb_error *error) {
    int32_t batch = mb_plan_get(run->plan)->max_rows, batches = run->data->rows / batch;
    for (int32_t s = 0; s < steps; s++) {
        const int32_t *indices = run->order + (run->steps_done % (uint32_t)batches) * batch;
        mb_launch launch = {
            .run_count = 1,
            .step_count = 1,
            .dataset = &run->data->resident,
            .indices = indices,
            .rows = &batch,
            .parameters = run->parameters,
            .first_moments = run->first_moments,
            .second_moments = run->second_moments,
            .arena = run->arena,
            .slots = run->slots,
            .keys = &run->key,
            .steps = &run->steps_done,
        };
        mb_status status = run->device->backend->run(run->device, run->plan, &launch, error);
        if (status != MB_OK)
            return status;
        run->steps_done++;
    }
    return run->device->backend->synchronize(run->device, error);
}

float mb_bench_run_loss(const mb_bench_run *run) {
    return run->arena[mb_plan_get(run->plan)->total.offset];
}

void mb_bench_run_close(mb_bench_run *run) {
    if (run->device != NULL) {
        float *memory[] = {run->parameters, run->first_moments, run->second_moments, run->arena};
        for (size_t i = 0; i < sizeof memory / sizeof *memory; i++)
            if (memory[i] != NULL)
                run->device->backend->release(run->device, memory[i]);
        run->device->backend->close(run->device);
    }
    free(run->order);
    *run = (mb_bench_run){0};
}
