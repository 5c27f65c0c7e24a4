// Launches of an array: training steps and evaluations.
#include "train/array.h"

#include <string.h>

static mb_launch launch_of(const mb_array *array, const float *parameters, int32_t batch) {
    return (mb_launch){
        .run_count = array->run_count,
        .dataset = &array->residence.dataset,
        .indices = array->indices,
        .index_stride = array->index_stride,
        .batch_rows = batch,
        .rows = array->rows,
        .parameters = (float *)parameters,
        .arena = array->arena,
        .slots = array->slots,
        .keys = array->keys,
        .steps = array->steps,
        .losses = array->losses,
        .loss_stride = array->most_steps,
    };
}

// What the next launches read: `steps` rows of the tables, and the index lists.
static mb_status upload_tables(mb_array *array, int32_t steps, mb_error *error) {
    mb_device *device = array->device;
    size_t runs = (size_t)array->run_count;
    struct {
        void *to;
        const void *from;
        size_t count;
    } tables[] = {
        {array->rows, array->host_rows, runs * (size_t)steps},
        {array->widest, array->host_widest, runs * (size_t)steps},
        {array->steps, array->host_steps, runs},
        {array->indices, array->host_indices, runs * (size_t)array->index_stride},
    };
    mb_status status = MB_OK;
    for (size_t i = 0; status == MB_OK && i < sizeof tables / sizeof *tables; i++)
        status = device->backend->upload(device, tables[i].to, tables[i].from,
                                         tables[i].count * sizeof(int32_t), error);
    return status;
}

// Valid rows of step s when a list of `count` utterances is taken `chunk` at a time.
static int32_t rows_of(int32_t count, int32_t chunk, int32_t s) {
    int64_t left = count - (int64_t)s * chunk;
    return left < 0 ? 0 : left < chunk ? (int32_t)left : chunk;
}

mb_status mb_array_begin_epoch(mb_array *array, const bool *active, mb_error *error) {
    for (int32_t s = 0; s < array->steps_per_epoch; s++)
        for (int32_t a = 0; a < array->run_count; a++) {
            const mb_run_spec *spec = &array->specs[a];
            int32_t rows = rows_of(spec->fold->train.count, spec->training.batch_size, s);
            int32_t *widest = &array->widest_so_far[a];
            int64_t at = (int64_t)s * array->run_count + a;
            array->host_rows[at] = active[a] ? rows : 0;
            *widest = array->host_rows[at] > *widest ? array->host_rows[at] : *widest;
            array->host_widest[at] = *widest;
        }
    return upload_tables(array, array->steps_per_epoch, error);
}

mb_status mb_array_train(mb_array *array, int32_t first, int32_t count, mb_error *error) {
    mb_launch launch = launch_of(array, array->parameters, array->specs[0].training.batch_size);
    launch.first_step = first;
    launch.step_count = count;
    launch.first_moments = array->first_moments;
    launch.second_moments = array->second_moments;
    launch.widest = array->widest;
    return array->device->backend->run(array->device, array->train, &launch, error);
}

int32_t mb_array_busy(const mb_array *array, int32_t step) {
    int32_t busy = 0;
    for (int32_t a = 0; a < array->run_count; a++)
        busy += array->host_rows[(int64_t)step * array->run_count + a] > 0;
    return busy;
}

void mb_array_end_epoch(mb_array *array, int32_t steps) {
    for (int32_t s = 0; s < steps; s++)
        for (int32_t a = 0; a < array->run_count; a++)
            array->host_steps[a] += array->host_rows[(int64_t)s * array->run_count + a] > 0;
}

// ---- evaluation -------------------------------------------------------------------------------

static mb_status fetch(mb_array *array, float *to, const float *from, size_t count,
                       mb_error *error) {
    if (count == 0)
        return MB_OK;
    return array->device->backend->download(array->device, to, from, count * sizeof *to, error);
}

// Predictions of all runs to the host, and from there to where each is wanted.
static mb_status collect(mb_array *array, mb_part_kind kind, int32_t test, int32_t steps,
                         const bool *active, mb_predictions *const *predictions,
                         double *const *interloss, mb_error *error) {
    size_t utterances = (size_t)array->run_count * (size_t)array->index_stride;
    size_t classes = (size_t)array->specs[0].config.class_count;
    size_t outputs = (size_t)array->specs[0].config.value_count;
    size_t losses = interloss != NULL ? (size_t)array->run_count * (size_t)array->most_steps : 0;
    mb_status status = fetch(array, array->host_logits, array->logits, utterances * classes, error);
    if (status == MB_OK)
        status = fetch(array, array->host_values, array->values, utterances * outputs, error);
    if (status == MB_OK)
        status = fetch(array, array->host_losses, array->losses, losses, error);
    for (int32_t a = 0; status == MB_OK && a < array->run_count; a++) {
        size_t first = (size_t)a * (size_t)array->index_stride;
        size_t count = (size_t)mb_array_part(&array->specs[a], kind, test)->count;
        if (!active[a])
            continue;
        if (predictions[a]->logits != NULL)
            memcpy(predictions[a]->logits, array->host_logits + first * classes,
                   count * classes * sizeof(float));
        if (predictions[a]->values != NULL)
            memcpy(predictions[a]->values, array->host_values + first * outputs,
                   count * outputs * sizeof(float));
        for (int32_t s = 0; interloss != NULL && s < steps; s++)
            if (array->host_rows[(int64_t)s * array->run_count + a] > 0)
                interloss[a][s] = (double)array->host_losses[(int64_t)a * array->most_steps + s];
    }
    return status;
}

// Tables for a part; the steps that its longest list takes.
static int32_t fill_part(mb_array *array, mb_part_kind kind, int32_t test, int32_t chunk,
                         const bool *active) {
    int32_t steps = 0;
    for (int32_t a = 0; a < array->run_count; a++) {
        const mb_part *part = mb_array_part(&array->specs[a], kind, test);
        int32_t needed = (part->count + chunk - 1) / chunk;
        memcpy(array->host_indices + (int64_t)a * array->index_stride, part->rows,
               (size_t)part->count * sizeof *part->rows);
        steps = needed > steps ? needed : steps;
    }
    for (int32_t s = 0; s < steps; s++)
        for (int32_t a = 0; a < array->run_count; a++) {
            const mb_part *part = mb_array_part(&array->specs[a], kind, test);
            array->host_rows[(int64_t)s * array->run_count + a] =
                active[a] ? rows_of(part->count, chunk, s) : 0;
        }
    return steps;
}

mb_status mb_array_evaluate(mb_array *array, mb_part_kind kind, int32_t test,
                            const float *parameters, const bool *active,
                            mb_predictions *const *predictions, double *const *interloss,
                            mb_error *error) {
    const mb_plan *plan = mb_array_plan(array, kind, test);
    if (plan == NULL)
        return MB_OK;
    int32_t chunk = mb_plan_get(plan)->max_rows;
    int32_t steps = fill_part(array, kind, test, chunk, active);
    mb_status status = upload_tables(array, steps, error);
    mb_launch launch = launch_of(array, parameters, chunk);
    launch.step_count = steps;
    launch.logits = array->logits;
    launch.values = array->values;
    if (status == MB_OK)
        status = array->device->backend->run(array->device, plan, &launch, error);
    if (status == MB_OK)
        status = collect(array, kind, test, steps, active, predictions, interloss, error);
    return status;
}
