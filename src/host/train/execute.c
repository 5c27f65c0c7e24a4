// Launches of an array: training steps and evaluations.
#include "train/array.h"

#include <string.h>

#include "train/order.h"

// `launch` is the launch's index among those of the array, 0 for training; `dataset` is that of
// its part.
static mb_launch launch_of(const mb_array *array, const mb_lists *lists, int32_t launch,
                           int32_t dataset, int32_t batch) {
    return (mb_launch){
        .id = array->first_launch_id + (uint64_t)launch,
        .run_count = array->run_count,
        .dataset = &array->datasets[dataset].dataset,
        .indices = lists->indices,
        .index_stride = array->index_stride,
        .batch_rows = batch,
        .rows = lists->rows,
        .parameters = array->parameters,
        .arena = array->arena,
        .slots = array->slots,
        .keys = array->keys,
        .steps = lists->steps,
        .loss_stride = array->most_steps,
    };
}

static mb_status upload(mb_array *array, void *to, const void *from, size_t count,
                        mb_error *error) {
    return array->device->backend->upload_async(array->device, to, from, count * sizeof(int32_t),
                                                error);
}

// Uploads the training steps that each run has done, on which its random numbers depend.
static mb_status upload_steps(mb_array *array, const mb_lists *lists, mb_error *error) {
    size_t runs = (size_t)array->run_count;
    memcpy(lists->host_steps, array->steps_done, runs * sizeof *lists->host_steps);
    return upload(array, lists->steps, lists->host_steps, runs, error);
}

// Valid rows in step s of a list of `count` utterances that is read `chunk` at a time.
static int32_t rows_of(int32_t count, int32_t chunk, int32_t s) {
    int64_t left = count - (int64_t)s * chunk;
    return left < 0 ? 0 : left < chunk ? (int32_t)left : chunk;
}

// Writes an entry of a table; returns whether it changed.
static bool put(int32_t *entry, int32_t number) {
    bool changed = *entry != number;
    *entry = number;
    return changed;
}

mb_status mb_array_shuffle(mb_array *array, int32_t epoch, mb_error *error) {
    mb_shuffle_launch launch = {
        .run_count = array->run_count,
        .keys = array->keys,
        .counts = array->train_counts,
        .shuffled = array->shuffled,
        .from = array->corpus_order,
        .to = array->training.indices,
        .stride = array->index_stride,
        .epoch = (uint32_t)epoch,
    };
    if (epoch > 0 && !array->shuffles)
        return MB_OK;
    return array->device->backend->executor->shuffle(array->device, &launch, error);
}

mb_status mb_array_begin_epoch(mb_array *array, const bool *active, mb_error *error) {
    mb_lists *lists = &array->training;
    size_t runs = (size_t)array->run_count, steps = runs * (size_t)array->steps_per_epoch;
    bool new_rows = !array->begun, new_widest = !array->begun;
    for (int32_t s = 0; s < array->steps_per_epoch; s++)
        for (int32_t a = 0; a < array->run_count; a++) {
            const mb_run_spec *spec = &array->specs[a];
            int32_t rows = rows_of(spec->fold->train.count, spec->training.batch_size, s);
            int32_t *widest = &array->widest_so_far[a];
            int64_t at = (int64_t)s * array->run_count + a;
            rows = active[a] ? rows : 0;
            *widest = rows > *widest ? rows : *widest;
            new_rows |= put(&lists->host_rows[at], rows);
            new_widest |= put(&array->host_widest[at], *widest);
        }
    array->begun = true;
    mb_status status = upload_steps(array, lists, error);
    if (status == MB_OK && new_rows)
        status = upload(array, lists->rows, lists->host_rows, steps, error);
    if (status == MB_OK && new_widest)
        status = upload(array, array->widest, array->host_widest, steps, error);
    return status;
}

mb_status mb_array_train(mb_array *array, int32_t first, int32_t count, mb_error *error) {
    const mb_run_spec *spec = &array->specs[0];
    mb_launch launch =
        launch_of(array, &array->training, 0, spec->fold->train.dataset, spec->training.batch_size);
    launch.first_step = first;
    launch.step_count = count;
    launch.first_moments = array->first_moments;
    launch.second_moments = array->second_moments;
    launch.widest = array->widest;
    launch.losses = array->losses;
    return array->device->backend->executor->run(array->device, array->plans->train, &launch,
                                                 error);
}

int32_t mb_array_busy_runs(const mb_array *array, int32_t step) {
    int32_t busy = 0;
    for (int32_t a = 0; a < array->run_count; a++)
        busy += array->training.host_rows[(int64_t)step * array->run_count + a] > 0;
    return busy;
}

void mb_array_end_epoch(mb_array *array, int32_t steps) {
    for (int32_t s = 0; s < steps; s++)
        for (int32_t a = 0; a < array->run_count; a++)
            array->steps_done[a] +=
                array->training.host_rows[(int64_t)s * array->run_count + a] > 0;
}

// ---- evaluation -------------------------------------------------------------------------------

// Fills the table of rows for a part; returns the number of steps that the longest list takes. Sets
// *new_rows when the table differs from the one on the device.
static int32_t fill_part(mb_array *array, int32_t part, int32_t chunk, const bool *active,
                         bool *new_rows) {
    mb_lists *lists = &array->evaluation;
    int32_t steps = 0;
    for (int32_t a = 0; a < array->run_count; a++) {
        int32_t needed = (mb_run_part(&array->specs[a], part)->count + chunk - 1) / chunk;
        steps = needed > steps ? needed : steps;
    }
    for (int32_t s = 0; s < steps; s++)
        for (int32_t a = 0; a < array->run_count; a++) {
            int32_t count = mb_run_part(&array->specs[a], part)->count;
            int32_t rows = active[a] ? rows_of(count, chunk, s) : 0;
            *new_rows |= put(&lists->host_rows[(int64_t)s * array->run_count + a], rows);
        }
    return steps;
}

// Uploads the utterances of a part; those of the selection part in their order after an epoch.
static mb_status list_part(mb_array *array, int32_t part, int32_t epoch, mb_error *error) {
    for (int32_t a = 0; a < array->run_count; a++) {
        const mb_part *list = mb_run_part(&array->specs[a], part);
        int32_t *indices = array->host_indices + (int64_t)a * array->index_stride;
        memcpy(indices, list->rows, (size_t)list->count * sizeof *list->rows);
        if (part == MB_PART_SELECT)
            mb_order_selection(&array->specs[a], epoch, indices);
    }
    return upload(array, array->evaluation.indices, array->host_indices,
                  (size_t)array->run_count * (size_t)array->index_stride, error);
}

static mb_status evaluate(mb_array *array, int32_t part, int32_t epoch, const bool *active,
                          mb_error *error) {
    const mb_plan *plan = array->plans->parts[part];
    if (plan == NULL)
        return MB_OK;
    const mb_lists *lists = &array->evaluation;
    int32_t chunk = mb_plan_get(plan)->max_rows;
    bool listed = array->listed == plan, new_rows = !listed;
    int32_t steps = fill_part(array, part, chunk, active, &new_rows);
    mb_status status = upload_steps(array, lists, error);
    if (status == MB_OK && new_rows)
        status = upload(array, lists->rows, lists->host_rows,
                        (size_t)array->run_count * (size_t)steps, error);
    if (status == MB_OK && !listed)
        status = list_part(array, part, epoch, error);
    array->listed = status == MB_OK ? plan : NULL;
    mb_launch launch =
        launch_of(array, lists, 1 + part, mb_run_part(&array->specs[0], part)->dataset, chunk);
    launch.step_count = steps;
    launch.losses = array->auxiliary;
    launch.logits = array->logits;
    launch.values = array->values;
    return status == MB_OK
               ? array->device->backend->executor->run(array->device, plan, &launch, error)
               : status;
}

mb_status mb_array_evaluate(mb_array *array, int32_t part, const bool *active, mb_error *error) {
    return evaluate(array, part, 0, active, error);
}

// ---- selection --------------------------------------------------------------------------------

mb_status mb_array_select(mb_array *array, int32_t epoch, const bool *active, mb_error *error) {
    const mb_run_spec *first = &array->specs[0];
    if (mb_permutes_evaluation(first->protocol, first->rules, first->model))
        array->listed = NULL; // in another order than before
    const mb_dataset *dataset = &array->datasets[first->fold->select.dataset].dataset;
    bool new_counts = array->listed == NULL;
    for (int32_t a = 0; a < array->run_count; a++)
        new_counts |=
            put(&array->host_counts[a], active[a] ? array->specs[a].fold->select.count : 0);
    mb_status status = evaluate(array, MB_PART_SELECT, epoch, active, error);
    if (status == MB_OK && new_counts)
        status = upload(array, array->counts, array->host_counts, (size_t)array->run_count, error);
    mb_tally_launch launch = {
        .run_count = array->run_count,
        .emotions = dataset->emotions,
        .valences = dataset->valences,
        .counts = array->counts,
        .indices = array->evaluation.indices,
        .index_stride = array->index_stride,
        .batch_size = first->training.batch_size,
        .class_count = first->config.class_count,
        .logits = array->logits,
        .values = array->values,
        .auxiliary = first->model->couples_rows ? array->auxiliary : NULL,
        .auxiliary_stride = array->most_steps,
        .tallies = array->tallies,
    };
    return status == MB_OK ? array->device->backend->executor->tally(array->device, &launch, error)
                           : status;
}

mb_status mb_array_request(mb_array *array, mb_error *error) {
    const mb_backend *backend = array->device->backend;
    size_t runs = (size_t)array->run_count, steps = runs * (size_t)array->most_steps;
    mb_status status = backend->download_async(array->device, array->host_losses, array->losses,
                                               steps * sizeof(float), error);
    if (status == MB_OK)
        status = backend->download_async(array->device, array->host_tallies, array->tallies,
                                         runs * sizeof(mb_tally), error);
    return status == MB_OK ? backend->mark(array->device, MB_MARK_EPOCH, error) : status;
}

mb_status mb_array_wait(mb_array *array, mb_error *error) {
    return array->device->backend->wait_for_mark(array->device, MB_MARK_EPOCH, error);
}

// Saves the predictions, `width` numbers each, of the chosen runs as those of their best epochs.
static mb_status keep_predictions(mb_array *array, float *to, const float *from, int64_t width,
                                  mb_error *error) {
    mb_row_copy copy = {
        .run_count = array->run_count,
        .chosen = array->chosen,
        .to = to,
        .from = from,
        .to_stride = array->select_stride * width,
        .from_stride = array->index_stride * width,
        .floats = array->select_stride * width,
    };
    return copy.floats > 0
               ? array->device->backend->executor->copy_rows(array->device, &copy, error)
               : MB_OK;
}

static mb_status choose(mb_array *array, mb_error *error) {
    return upload(array, array->chosen, array->host_chosen, (size_t)array->run_count, error);
}

mb_status mb_array_keep(mb_array *array, mb_error *error) {
    const mb_model_config *config = &array->specs[0].config;
    mb_status status = choose(array, error);
    if (status == MB_OK)
        status =
            keep_predictions(array, array->best_logits, array->logits, config->class_count, error);
    if (status == MB_OK)
        status =
            keep_predictions(array, array->best_values, array->values, config->value_count, error);
    if (status == MB_OK)
        status = mb_snapshot_save(&array->snapshot, array->chosen, array->parameters, error);
    return status;
}

mb_status mb_array_restore(mb_array *array, const bool *active, mb_error *error) {
    // The device may still be reading host_chosen.
    mb_status status = array->device->backend->synchronize(array->device, error);
    for (int32_t a = 0; a < array->run_count; a++)
        array->host_chosen[a] = active[a];
    if (status == MB_OK)
        status = choose(array, error);
    if (status == MB_OK)
        status = mb_snapshot_load(&array->snapshot, array->chosen, array->parameters, error);
    return status;
}

// ---- predictions ------------------------------------------------------------------------------

// Downloads predictions (A, stride, width) through the host table `table` to the results of the
// runs. active NULL: of all runs.
static mb_status fetch(mb_array *array, float *table, const float *from, int64_t stride,
                       int64_t width, const bool *active, mb_predictions *const *predictions,
                       mb_error *error) {
    size_t bytes = (size_t)(array->run_count * stride * width) * sizeof *table;
    if (bytes == 0)
        return MB_OK;
    mb_status status = array->device->backend->download(array->device, table, from, bytes, error);
    for (int32_t a = 0; status == MB_OK && a < array->run_count; a++) {
        float *to = table == array->host_logits ? predictions[a]->logits : predictions[a]->values;
        size_t count = (size_t)(predictions[a]->count * width);
        if (count > 0 && (active == NULL || active[a]))
            memcpy(to, table + a * stride * width, count * sizeof *to);
    }
    return status;
}

static mb_status fetch_both(mb_array *array, const float *logits, const float *values,
                            int64_t stride, const bool *active, mb_predictions *const *predictions,
                            mb_error *error) {
    const mb_model_config *config = &array->specs[0].config;
    mb_status status = fetch(array, array->host_logits, logits, stride, config->class_count, active,
                             predictions, error);
    if (status == MB_OK)
        status = fetch(array, array->host_values, values, stride, config->value_count, active,
                       predictions, error);
    return status;
}

mb_status mb_array_predictions(mb_array *array, const bool *active,
                               mb_predictions *const *predictions, mb_error *error) {
    return fetch_both(array, array->logits, array->values, array->index_stride, active, predictions,
                      error);
}

mb_status mb_array_best_predictions(mb_array *array, mb_predictions *const *predictions,
                                    mb_error *error) {
    return fetch_both(array, array->best_logits, array->best_values, array->select_stride, NULL,
                      predictions, error);
}
