// The training loop: epochs, selection, snapshot, final predictions.
//
// Source: the reference's loop, with one difference that changes no number: the held-out and test
// parts are evaluated once, from the snapshot of the best epoch, instead of after every epoch.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/progress.h"
#include "train/array.h"
#include "train/loss.h"

typedef struct progress {
    const atomic_int *stop;
    atomic_llong *steps_done;
} progress;

typedef struct mb_trainer {
    mb_array array;
    mb_run_result *results;
    bool *active;              // (A) neither diverged nor stopped
    mb_predictions *current;   // (A) on the selection part, after the epoch at hand
    mb_predictions **pointers; // (A)
    double **interloss;        // (A) a value for each batch, models that couple rows only
    double *best;              // (A) selection value of the snapshot
    progress progress;
} mb_trainer;

// ---- results ----------------------------------------------------------------------------------

static mb_status predictions_open(const mb_run_spec *spec, int32_t count,
                                  mb_predictions *predictions, mb_error *error) {
    *predictions = (mb_predictions){.count = count};
    size_t n = (size_t)count;
    if (count > 0 && spec->config.class_count > 0)
        predictions->logits = calloc(n * (size_t)spec->config.class_count, sizeof(float));
    if (count > 0 && spec->config.value_count > 0)
        predictions->values = calloc(n, sizeof(float));
    bool missing = (count > 0 && spec->config.class_count > 0 && predictions->logits == NULL) ||
                   (count > 0 && spec->config.value_count > 0 && predictions->values == NULL);
    return missing ? mb_out_of_memory(error, "predictions") : MB_OK;
}

static void predictions_free(mb_predictions *predictions) {
    free(predictions->logits);
    free(predictions->values);
    *predictions = (mb_predictions){0};
}

static mb_status result_open(const mb_run_spec *spec, mb_run_result *result, mb_error *error) {
    *result = (mb_run_result){.status = MB_RUN_DONE};
    mb_scores_of(spec->rules, 0, NULL, NULL, NULL, NULL, &result->select); // all undefined
    result->held = result->select;
    result->epochs = calloc((size_t)spec->training.epochs + 1, sizeof *result->epochs);
    result->tests = calloc((size_t)spec->test_count + 1, sizeof *result->tests);
    if (result->epochs == NULL || result->tests == NULL)
        return mb_out_of_memory(error, "run result");
    mb_status status =
        predictions_open(spec, spec->fold->select.count, &result->select_predictions, error);
    if (status == MB_OK)
        status = predictions_open(spec, spec->fold->held.count, &result->held_predictions, error);
    for (int32_t t = 0; status == MB_OK && t < spec->test_count; t++)
        status = predictions_open(spec, spec->tests[t].count, &result->tests[t], error);
    return status;
}

void mb_run_result_free(mb_run_result *result, int32_t test_count) {
    predictions_free(&result->select_predictions);
    predictions_free(&result->held_predictions);
    for (int32_t t = 0; result->tests != NULL && t < test_count; t++)
        predictions_free(&result->tests[t]);
    free(result->tests);
    free(result->epochs);
    *result = (mb_run_result){0};
}

static mb_status training_open(mb_trainer *trainer, mb_device *device, const mb_run_spec *specs,
                               int32_t run_count, mb_error *error) {
    size_t runs = (size_t)run_count;
    for (int32_t a = 0; a < run_count; a++) {
        mb_status status = result_open(&specs[a], &trainer->results[a], error);
        if (status != MB_OK)
            return status;
    }
    trainer->active = calloc(runs, sizeof *trainer->active);
    trainer->current = calloc(runs, sizeof *trainer->current);
    trainer->pointers = calloc(runs, sizeof *trainer->pointers);
    trainer->interloss = calloc(runs, sizeof *trainer->interloss);
    trainer->best = calloc(runs, sizeof *trainer->best);
    if (trainer->active == NULL || trainer->current == NULL || trainer->pointers == NULL ||
        trainer->interloss == NULL || trainer->best == NULL)
        return mb_out_of_memory(error, "training");
    for (int32_t a = 0; a < run_count; a++) {
        int32_t count = specs[a].fold->select.count, batch = specs[a].training.batch_size;
        mb_status status = predictions_open(&specs[a], count, &trainer->current[a], error);
        if (status != MB_OK)
            return status;
        trainer->active[a] = true;
        trainer->pointers[a] = &trainer->current[a];
        if (specs[a].model->couples_rows)
            trainer->interloss[a] = calloc((size_t)(count / batch) + 1, sizeof(double));
        if (specs[a].model->couples_rows && trainer->interloss[a] == NULL)
            return mb_out_of_memory(error, "training");
    }
    return mb_array_open(device, specs, run_count, &trainer->array, error);
}

static void training_close(mb_trainer *trainer, int32_t run_count) {
    for (int32_t a = 0; a < run_count; a++) {
        if (trainer->current != NULL)
            predictions_free(&trainer->current[a]);
        if (trainer->interloss != NULL)
            free(trainer->interloss[a]);
    }
    free(trainer->active);
    free(trainer->current);
    free(trainer->pointers);
    free(trainer->interloss);
    free(trainer->best);
    mb_array_close(&trainer->array);
}

// ---- one epoch --------------------------------------------------------------------------------

static void order_rows(mb_trainer *trainer, int32_t epoch) {
    mb_array *array = &trainer->array;
    for (int32_t a = 0; a < array->run_count; a++) {
        const mb_run_spec *spec = &array->specs[a];
        int32_t *order = array->host_indices + (int64_t)a * array->index_stride;
        memcpy(order, spec->fold->train.rows, (size_t)spec->fold->train.count * sizeof *order);
        if (spec->training.shuffle)
            mb_random_shuffle(mb_key_make(spec->seed, (uint32_t)spec->fold_index),
                              MB_STREAM_SHUFFLE, (uint32_t)epoch, order, spec->fold->train.count);
    }
}

static int32_t steps_of(const mb_run_spec *spec) {
    return (spec->fold->train.count + spec->training.batch_size - 1) / spec->training.batch_size;
}

static bool stopped(const mb_trainer *trainer) {
    return trainer->progress.stop != NULL && atomic_load(trainer->progress.stop) != 0;
}

static void diverge(mb_trainer *trainer, int32_t a, int32_t epoch, const char *what) {
    mb_run_result *result = &trainer->results[a];
    result->status = MB_RUN_DIVERGED;
    result->epochs_done = epoch;
    snprintf(result->cause, sizeof result->cause, "epoch %d: %s", epoch + 1, what);
    trainer->active[a] = false;
}

// Steps that the device gets at once. Where a bound on work makes their number depend on the array,
// no result may depend on it.
static int32_t steps_at_once(const mb_array *array) {
    const mb_backend *backend = array->device->backend;
    int64_t work = mb_plan_get(array->train)->multiply_accumulates * array->run_count;
    int64_t fitting = backend->work_per_launch / (work > 0 ? work : 1);
    if (backend->work_per_launch == 0 || fitting > backend->steps_per_launch)
        return backend->steps_per_launch;
    return fitting < 1 ? 1 : (int32_t)fitting;
}

// All steps of an epoch, unless training is stopped in between.
static mb_status train_steps(mb_trainer *trainer, int32_t epoch, mb_error *error) {
    mb_array *array = &trainer->array;
    int32_t most = steps_at_once(array), done = 0;
    order_rows(trainer, epoch);
    mb_status status = mb_array_begin_epoch(array, trainer->active, error);
    while (status == MB_OK && done < array->steps_per_epoch && !stopped(trainer)) {
        int32_t left = array->steps_per_epoch - done, count = left < most ? left : most;
        status = mb_array_train(array, done, count, error);
        for (int32_t s = done; trainer->progress.steps_done != NULL && s < done + count; s++)
            atomic_fetch_add(trainer->progress.steps_done, mb_array_busy(array, s));
        done += count;
    }
    mb_array_end_epoch(array, done);
    return status;
}

static mb_status train_epoch(mb_trainer *trainer, int32_t epoch, mb_error *error) {
    mb_array *array = &trainer->array;
    mb_status status = train_steps(trainer, epoch, error);
    if (status != MB_OK || stopped(trainer))
        return status;
    status = array->device->backend->download(
        array->device, array->host_losses, array->losses,
        (size_t)array->run_count * (size_t)array->most_steps * sizeof(float), error);
    for (int32_t a = 0; status == MB_OK && a < array->run_count; a++) {
        const float *losses = array->host_losses + (int64_t)a * array->most_steps;
        int32_t steps = steps_of(&array->specs[a]);
        double sum = 0.0;
        for (int32_t s = 0; trainer->active[a] && s < steps; s++) {
            sum += (double)losses[s];
            if (!isfinite(losses[s])) {
                char what[80];
                snprintf(what, sizeof what, "the training loss of step %d is %g", s + 1,
                         isnan(losses[s]) ? (double)NAN : (double)losses[s]); // never "-nan"
                diverge(trainer, a, epoch, what);
            }
        }
        trainer->results[a].epochs[epoch].train_loss = sum / steps;
    }
    return status;
}

// ---- selection --------------------------------------------------------------------------------

static bool all_finite(const float *values, int64_t count) {
    bool finite = true;
    for (int64_t i = 0; values != NULL && i < count; i++)
        finite &= isfinite(values[i]) != 0;
    return finite;
}

static mb_status score_part(const mb_run_spec *spec, const mb_part *part,
                            const mb_predictions *predictions, mb_scores *scores, mb_error *error) {
    size_t n = (size_t)part->count;
    int32_t *emotions = malloc((n + 1) * sizeof *emotions);
    float *valences = malloc((n + 1) * sizeof *valences);
    if (emotions == NULL || valences == NULL) {
        free(emotions);
        free(valences);
        return mb_out_of_memory(error, "scores");
    }
    for (size_t i = 0; i < n; i++) {
        emotions[i] = spec->emotions[part->rows[i]];
        valences[i] = spec->valences[part->rows[i]];
    }
    mb_scores_of(spec->rules, part->count, emotions, valences, predictions->logits,
                 predictions->values, scores);
    free(emotions);
    free(valences);
    return MB_OK;
}

static mb_status keep_snapshot(mb_trainer *trainer, int32_t a, int32_t epoch,
                               const mb_scores *scores, mb_error *error) {
    mb_array *array = &trainer->array;
    mb_run_result *result = &trainer->results[a];
    const mb_run_spec *spec = &array->specs[a];
    const mb_predictions *now_on_part = &trainer->current[a];
    size_t n = (size_t)now_on_part->count;
    result->best_epoch = epoch;
    result->select = *scores;
    if (now_on_part->logits != NULL)
        memcpy(result->select_predictions.logits, now_on_part->logits,
               n * (size_t)spec->config.class_count * sizeof(float));
    if (now_on_part->values != NULL)
        memcpy(result->select_predictions.values, now_on_part->values, n * sizeof(float));
    return mb_snapshot_save(&array->snapshot, a, array->parameters + a * array->parameter_floats,
                            error);
}

static mb_status select_run(mb_trainer *trainer, int32_t a, int32_t epoch, mb_error *error) {
    const mb_run_spec *spec = &trainer->array.specs[a];
    const mb_part *part = &spec->fold->select;
    const mb_predictions *predictions = &trainer->current[a];
    mb_epoch *record = &trainer->results[a].epochs[epoch];
    if (!all_finite(predictions->logits, (int64_t)part->count * spec->config.class_count) ||
        !all_finite(predictions->values, part->count)) {
        diverge(trainer, a, epoch, "a prediction on the selection part is not finite");
        return MB_OK;
    }
    mb_scores scores;
    mb_status status = score_part(spec, part, predictions, &scores, error);
    if (status != MB_OK)
        return status;
    record->select_loss = mb_mean_batch_loss(spec, part, predictions, trainer->interloss[a]);
    record->select_metric =
        mb_selection_value(spec->training.selection, &scores, record->select_loss);
    trainer->results[a].epochs_done = epoch + 1;
    if (epoch > 0 && !(record->select_metric > trainer->best[a]))
        return MB_OK;
    trainer->best[a] = record->select_metric;
    return keep_snapshot(trainer, a, epoch, &scores, error);
}

static mb_status select_epoch(mb_trainer *trainer, int32_t epoch, mb_error *error) {
    mb_array *array = &trainer->array;
    bool couples = array->specs[0].model->couples_rows;
    mb_status status =
        mb_array_evaluate(array, MB_PART_SELECT, 0, array->parameters, trainer->active,
                          trainer->pointers, couples ? trainer->interloss : NULL, error);
    for (int32_t a = 0; status == MB_OK && a < array->run_count; a++)
        if (trainer->active[a])
            status = select_run(trainer, a, epoch, error);
    return status;
}

// ---- the end ----------------------------------------------------------------------------------

// A run that diverged has no predictions but those of its best epoch on the selection part.
static void drop_predictions(const mb_run_spec *spec, mb_run_result *result) {
    if (result->status != MB_RUN_DIVERGED)
        return;
    predictions_free(&result->held_predictions);
    for (int32_t t = 0; t < spec->test_count; t++)
        predictions_free(&result->tests[t]);
    if (result->epochs_done == 0)
        predictions_free(&result->select_predictions);
}

static mb_predictions *part_predictions(mb_run_result *result, mb_part_kind kind, int32_t test) {
    return kind == MB_PART_HELD ? &result->held_predictions : &result->tests[test];
}

static mb_status predict(mb_trainer *trainer, mb_part_kind kind, int32_t test, mb_error *error) {
    mb_array *array = &trainer->array;
    for (int32_t a = 0; a < array->run_count; a++)
        trainer->pointers[a] = part_predictions(&trainer->results[a], kind, test);
    mb_status status = mb_array_evaluate(array, kind, test, array->parameters, trainer->active,
                                         trainer->pointers, NULL, error);
    for (int32_t a = 0; status == MB_OK && kind == MB_PART_HELD && a < array->run_count; a++)
        if (trainer->active[a] && array->specs[a].fold->held.count > 0)
            status = score_part(&array->specs[a], &array->specs[a].fold->held, trainer->pointers[a],
                                &trainer->results[a].held, error);
    return status;
}

static mb_status finish(mb_trainer *trainer, mb_error *error) {
    mb_array *array = &trainer->array;
    mb_status status = MB_OK;
    for (int32_t a = 0; status == MB_OK && a < array->run_count; a++)
        if (trainer->active[a])
            status = mb_snapshot_load(&array->snapshot, a,
                                      array->parameters + a * array->parameter_floats, error);
    if (status == MB_OK)
        status = predict(trainer, MB_PART_HELD, 0, error);
    for (int32_t t = 0; status == MB_OK && t < trainer->array.specs[0].test_count; t++)
        status = predict(trainer, MB_PART_TEST, t, error);
    return status;
}

static bool any_active(const mb_trainer *trainer) {
    bool any = false;
    for (int32_t a = 0; a < trainer->array.run_count; a++)
        any |= trainer->active[a];
    return any;
}

static mb_status train(mb_trainer *trainer, mb_error *error) {
    const mb_training *settings = &trainer->array.specs[0].training;
    mb_status status = MB_OK;
    for (int32_t epoch = 0; status == MB_OK && epoch < settings->epochs && any_active(trainer);
         epoch++) {
        status = train_epoch(trainer, epoch, error);
        if (status == MB_OK && stopped(trainer))
            return MB_OK;
        if (status == MB_OK)
            status = select_epoch(trainer, epoch, error);
        if (epoch == 0) // the array has all the memory that it takes
            mb_residents_prefetch(trainer->array.device);
    }
    return status == MB_OK ? finish(trainer, error) : status;
}

mb_status mb_train_runs(mb_device *device, const mb_run_spec *specs, int32_t run_count,
                        const atomic_int *stop, atomic_llong *steps_done, mb_run_result *results,
                        mb_error *error) {
    double began = mb_seconds();
    mb_trainer trainer = {.results = results, .progress = {stop, steps_done}};
    memset(results, 0, (size_t)run_count * sizeof *results);
    mb_status status = training_open(&trainer, device, specs, run_count, error);
    if (status == MB_OK)
        status = train(&trainer, error);
    for (int32_t a = 0; a < run_count; a++) {
        results[a].seconds = (mb_seconds() - began) / run_count;
        if (status == MB_OK)
            results[a].steps = trainer.array.host_steps[a];
        if (status == MB_OK && stopped(&trainer) && trainer.active[a] &&
            results[a].epochs_done < specs[a].training.epochs)
            results[a].status = MB_RUN_STOPPED;
        if (status == MB_OK)
            drop_predictions(&specs[a], &results[a]);
        else
            mb_run_result_free(&results[a], specs[a].test_count);
    }
    training_close(&trainer, run_count);
    return status;
}
