// Launches of an array: training steps and evaluations.
#include "train/array.h"

#include <stdlib.h>
#include <string.h>

static mb_launch launch_of(const mb_array *array, const float *parameters) {
    return (mb_launch){
        .run_count = array->run_count,
        .dataset = &array->resident,
        .indices = array->index_pointers,
        .rows = array->rows,
        .parameters = (float *)parameters,
        .arena = array->arena,
        .slots = array->slots,
        .keys = array->keys,
        .steps = array->steps,
    };
}

// Tables of the coming launch: rows and the place of each run's batch in its index list.
static mb_status upload_tables(mb_array *array, int32_t first, mb_error *error) {
    const mb_backend *backend = array->device->backend;
    size_t runs = (size_t)array->run_count;
    for (int32_t a = 0; a < array->run_count; a++)
        array->host_index_pointers[a] = array->indices + (int64_t)a * array->index_stride + first;
    mb_status status = backend->upload(array->device, array->rows, array->host_rows,
                                       runs * sizeof *array->rows, error);
    if (status == MB_OK)
        status = backend->upload(array->device, array->widest, array->host_widest,
                                 runs * sizeof *array->widest, error);
    if (status == MB_OK)
        status = backend->upload(array->device, array->steps, array->host_steps,
                                 runs * sizeof *array->steps, error);
    if (status == MB_OK)
        status = backend->upload(array->device, array->index_pointers, array->host_index_pointers,
                                 runs * sizeof *array->index_pointers, error);
    return status;
}

mb_status mb_array_step(mb_array *array, int32_t step_of_epoch, mb_error *error) {
    int32_t batch = array->specs[0].training.batch_size;
    for (int32_t a = 0; a < array->run_count; a++)
        if (array->host_rows[a] > array->host_widest[a])
            array->host_widest[a] = array->host_rows[a];
    mb_status status = upload_tables(array, step_of_epoch * batch, error);
    if (status != MB_OK)
        return status;
    mb_launch launch = launch_of(array, array->parameters);
    launch.first_moments = array->first_moments;
    launch.second_moments = array->second_moments;
    launch.widest = array->widest;
    launch.losses = array->losses;
    launch.loss_stride = array->steps_per_epoch;
    launch.loss_index = step_of_epoch;
    status = array->device->backend->run(array->device, array->train, &launch, error);
    for (int32_t a = 0; a < array->run_count; a++)
        array->host_steps[a] += array->host_rows[a] > 0;
    return status;
}

// ---- evaluation -------------------------------------------------------------------------------

static const mb_plan *plan_of(const mb_array *array, mb_part_kind kind, int32_t test) {
    return kind == MB_PART_SELECT ? array->select
           : kind == MB_PART_HELD ? array->held
                                  : array->tests[test];
}

static mb_status download_rows(mb_array *array, const mb_plan *plan, int32_t a, mb_place place,
                               int32_t rows, float *to, mb_error *error) {
    if (place.offset < 0 || to == NULL)
        return MB_OK;
    const float *from = array->arena + a * mb_plan_get(plan)->arena_floats + place.offset;
    size_t bytes = (size_t)mb_shape_elements(&place.shape, rows) * sizeof *to;
    return array->device->backend->download(array->device, to, from, bytes, error);
}

static mb_status collect(mb_array *array, const mb_plan *plan, int32_t a, int32_t first,
                         mb_predictions *predictions, double *interloss, mb_error *error) {
    const mb_plan_info *info = mb_plan_get(plan);
    const mb_run_spec *spec = &array->specs[a];
    int32_t rows = array->host_rows[a];
    float *logits = predictions->logits, *values = predictions->values, auxiliary = 0.0f;
    if (logits != NULL)
        logits += (int64_t)first * spec->config.class_count;
    if (values != NULL)
        values += first;
    mb_status status = download_rows(array, plan, a, info->emos_out, rows, logits, error);
    if (status == MB_OK)
        status = download_rows(array, plan, a, info->vals_out, rows, values, error);
    if (status == MB_OK && interloss != NULL) {
        status = download_rows(array, plan, a, info->interloss, rows, &auxiliary, error);
        interloss[first / spec->training.batch_size] = (double)auxiliary;
    }
    return status;
}

mb_status mb_array_evaluate(mb_array *array, mb_part_kind kind, int32_t test,
                            const float *parameters, const bool *active,
                            mb_predictions *const *predictions, double *const *interloss,
                            mb_error *error) {
    const mb_plan *plan = plan_of(array, kind, test);
    const mb_backend *backend = array->device->backend;
    if (plan == NULL)
        return MB_OK;
    int32_t chunk = mb_plan_get(plan)->max_rows, longest = 0;
    for (int32_t a = 0; a < array->run_count; a++) {
        const mb_part *part = mb_array_part(&array->specs[a], kind, test);
        memcpy(array->host_indices + (int64_t)a * array->index_stride, part->rows,
               (size_t)part->count * sizeof *part->rows);
        longest = part->count > longest ? part->count : longest;
    }
    mb_status status = backend->upload(
        array->device, array->indices, array->host_indices,
        (size_t)array->run_count * (size_t)array->index_stride * sizeof(int32_t), error);
    mb_launch launch = launch_of(array, parameters);
    for (int32_t first = 0; status == MB_OK && first < longest; first += chunk) {
        for (int32_t a = 0; a < array->run_count; a++) {
            int32_t left = mb_array_part(&array->specs[a], kind, test)->count - first;
            array->host_rows[a] = !active[a] || left < 0 ? 0 : left < chunk ? left : chunk;
        }
        status = upload_tables(array, first, error);
        if (status == MB_OK)
            status = backend->run(array->device, plan, &launch, error);
        for (int32_t a = 0; status == MB_OK && a < array->run_count; a++)
            if (array->host_rows[a] > 0)
                status = collect(array, plan, a, first, predictions[a],
                                 interloss != NULL ? interloss[a] : NULL, error);
    }
    return status;
}
