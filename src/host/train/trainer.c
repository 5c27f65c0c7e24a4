// The training loop: epochs, selection, snapshots, final predictions. train.h says how it differs
// from the reference's.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/progress.h"
#include "merbench/stop.h"
#include "train/array.h"
#include "train/cached_arrays.h"
#include "train/order.h"
#include "train/result.h"

// Launches that were given to the device; the last MB_MARKS_LAUNCH of them may be unfinished.
typedef struct in_flight {
    int64_t given, done;
    int64_t steps[MB_MARKS_LAUNCH]; // training steps of launch i, at i % MB_MARKS_LAUNCH
} in_flight;

typedef struct mb_trainer {
    mb_array array;
    mb_run_result *results;
    bool *active;              // (A) trains on
    bool *scored;              // (A) has not diverged: gets scores on all parts in the end
    mb_predictions **pointers; // (A)
    double *best;              // (A) selection metric of the best epoch
    in_flight launches;        // of training steps
    const int *stop;           // of the device, or NULL
    bool undone;               // stopped before the results were complete
    atomic_llong *steps_done;
} mb_trainer;

// ---- opening and closing ----------------------------------------------------------------------

static mb_status training_open(mb_trainer *trainer, mb_device_cache *cache,
                               const mb_run_spec *specs, int32_t run_count, mb_error *error) {
    size_t runs = (size_t)run_count;
    for (int32_t a = 0; a < run_count; a++) {
        mb_status status = mb_run_result_open(&specs[a], &trainer->results[a], error);
        if (status != MB_OK)
            return status;
    }
    trainer->active = calloc(runs, sizeof *trainer->active);
    trainer->scored = calloc(runs, sizeof *trainer->scored);
    trainer->pointers = calloc(runs, sizeof *trainer->pointers);
    trainer->best = calloc(runs, sizeof *trainer->best);
    if (trainer->active == NULL || trainer->scored == NULL || trainer->pointers == NULL ||
        trainer->best == NULL)
        return mb_out_of_memory(error, "training");
    for (int32_t a = 0; a < run_count; a++)
        trainer->active[a] = trainer->scored[a] = true;
    return mb_array_open(cache, specs, run_count, &trainer->array, error);
}

static void training_close(mb_trainer *trainer) {
    free(trainer->active);
    free(trainer->scored);
    free(trainer->pointers);
    free(trainer->best);
    mb_array_close(&trainer->array);
}

// ---- one epoch --------------------------------------------------------------------------------

// Once this is true, the device may leave work undone, and nothing that it computes means anything.
static bool stopped(const mb_trainer *trainer) {
    return mb_stopped(trainer->stop);
}

// ---- numbers that are not finite --------------------------------------------------------------

// Whether a run goes on and is scored as the toolkit would score it, which does not notice such
// numbers: the sign of NaN is negative, and the largest of several scores is the first NaN.
static bool is_scored_as_it_is(const mb_run_spec *spec) {
    return spec->protocol == MB_PROTOCOL_MERTOOLS && !mb_toolkit_stops(spec->rules);
}

// Ends a run in which a number is not finite, or marks it.
static void note_broken(mb_trainer *trainer, int32_t a, int32_t epoch, const char *what) {
    const mb_run_spec *spec = &trainer->array.specs[a];
    mb_run_result *result = &trainer->results[a];
    if (result->broken_epoch >= 0)
        return;
    snprintf(result->cause, sizeof result->cause, "epoch %d: %s%s", epoch + 1, what,
             spec->protocol == MB_PROTOCOL_MERTOOLS && !is_scored_as_it_is(spec)
                 ? "; the toolkit stops there with an error"
                 : "");
    if (is_scored_as_it_is(spec)) {
        result->broken_epoch = epoch;
        return;
    }
    result->status = MB_RUN_DIVERGED;
    result->epochs_done = epoch;
    trainer->active[a] = trainer->scored[a] = false;
}

// Whether a run is broken for good after an epoch: every training loss and every prediction on the
// selection part was NaN, for more than one step. If the first NaN is in an auxiliary loss, its
// gradient breaks the encoders, and then the loss of the heads is NaN in the next step. That makes
// the gradients of their biases NaN, and a bias that is NaN stays NaN and makes all later losses
// and predictions NaN.
static bool is_lost(const mb_trainer *trainer, int32_t a, int32_t epoch) {
    const mb_array *array = &trainer->array;
    const mb_run_spec *spec = &array->specs[a];
    const mb_tally *tally = &array->host_tallies[a];
    const float *losses = array->host_losses + (int64_t)a * array->most_steps;
    int32_t steps = mb_steps_per_epoch(spec);
    bool lost = isnan(tally->loss) &&
                tally->broken == spec->fold->select.count *
                                     (spec->config.class_count + spec->config.value_count);
    for (int32_t s = 0; lost && s < steps; s++)
        lost = isnan(losses[s]);
    return lost && (steps > 1 || epoch > trainer->results[a].broken_epoch);
}

// Ends the training of a run that is lost. Its other epochs would be like this one.
static void give_up(mb_trainer *trainer, int32_t a, int32_t epoch) {
    mb_run_result *result = &trainer->results[a];
    for (int32_t e = epoch + 1; e < trainer->array.specs[a].training.epochs; e++)
        result->epochs[e] = result->epochs[epoch];
    result->epochs_done = trainer->array.specs[a].training.epochs;
    trainer->active[a] = false;
}

// ---- steps ------------------------------------------------------------------------------------

// The number of steps in a launch. A bound on work makes it depend on the array, so no result may
// depend on it.
static int32_t steps_at_once(const mb_array *array) {
    const mb_executor *executor = array->device->backend->executor;
    int64_t work = mb_plan_get(array->plans->train)->multiply_accumulates * array->run_count;
    int64_t fitting = executor->work_per_launch / (work > 0 ? work : 1);
    if (fitting > executor->steps_per_launch)
        return executor->steps_per_launch;
    return fitting < 1 ? 1 : (int32_t)fitting;
}

// Waits until at most `most` launches are unfinished, and counts the steps of those that finished.
static mb_status settle(mb_trainer *trainer, int64_t most, mb_error *error) {
    mb_device *device = trainer->array.device;
    in_flight *launches = &trainer->launches;
    while (launches->given - launches->done > most) {
        int32_t index = (int32_t)(launches->done % MB_MARKS_LAUNCH);
        mb_status status = device->backend->wait_for_mark(device, MB_MARK_LAUNCH + index, error);
        if (status != MB_OK)
            return status;
        if (trainer->steps_done != NULL)
            atomic_fetch_add(trainer->steps_done, launches->steps[index]);
        launches->done++;
    }
    return MB_OK;
}

// Launches steps first ... first + count - 1 of the epoch. The caller has made sure that at most
// one launch is unfinished: one may run while one waits. Unless the device leaves work undone, a
// stop takes effect when both are done.
static mb_status launch_steps(mb_trainer *trainer, int32_t first, int32_t count, mb_error *error) {
    mb_array *array = &trainer->array;
    in_flight *launches = &trainer->launches;
    int32_t index = (int32_t)(launches->given % MB_MARKS_LAUNCH);
    mb_status status = mb_array_train(array, first, count, error);
    if (status == MB_OK)
        status = array->device->backend->mark(array->device, MB_MARK_LAUNCH + index, error);
    if (status != MB_OK)
        return status;
    launches->steps[index] = 0;
    for (int32_t s = first; s < first + count; s++)
        launches->steps[index] += mb_array_busy_runs(array, s);
    launches->given++;
    return MB_OK;
}

// Launches all steps of an epoch, unless training is stopped.
static mb_status train_steps(mb_trainer *trainer, mb_error *error) {
    mb_array *array = &trainer->array;
    int32_t most = steps_at_once(array), done = 0;
    mb_status status = mb_array_begin_epoch(array, trainer->active, error);
    while (status == MB_OK && done < array->steps_per_epoch) {
        int32_t left = array->steps_per_epoch - done, count = left < most ? left : most;
        status = settle(trainer, MB_MARKS_LAUNCH - 1, error);
        if (status != MB_OK || stopped(trainer))
            break;
        status = launch_steps(trainer, done, count, error);
        done += count;
    }
    mb_array_end_epoch(array, done);
    return status;
}

// Records the mean training loss of an epoch.
static void record_losses(mb_trainer *trainer, int32_t a, int32_t epoch) {
    const mb_array *array = &trainer->array;
    const float *losses = array->host_losses + (int64_t)a * array->most_steps;
    int32_t steps = mb_steps_per_epoch(&array->specs[a]);
    double sum = 0.0;
    for (int32_t s = 0; trainer->active[a] && s < steps; s++) {
        sum += (double)losses[s];
        if (!isfinite(losses[s])) {
            char what[80];
            snprintf(what, sizeof what, "the training loss of step %d is %g", s + 1,
                     isnan(losses[s]) ? (double)NAN : (double)losses[s]); // never "-nan"
            note_broken(trainer, a, epoch, what);
        }
    }
    trainer->results[a].epochs[epoch].train_loss = sum / steps;
}

// ---- selection --------------------------------------------------------------------------------

// Records the scores of an epoch; returns whether it is the best of the run so far.
static bool is_best(mb_trainer *trainer, int32_t a, int32_t epoch) {
    const mb_run_spec *spec = &trainer->array.specs[a];
    const mb_tally *tally = &trainer->array.host_tallies[a];
    mb_run_result *result = &trainer->results[a];
    mb_epoch *record = &result->epochs[epoch];
    if (tally->broken > 0)
        note_broken(trainer, a, epoch, "a prediction on the selection part is not finite");
    if (!trainer->active[a])
        return false;
    mb_scores scores;
    mb_scores_of_tally(mb_dataset_labels(spec->rules), tally, &scores);
    record->select_loss = tally->loss;
    record->select_metric = mb_selection_value(spec->training.selection, &scores, tally->loss);
    result->epochs_done = epoch + 1;
    if (epoch > 0 && !(record->select_metric > trainer->best[a]))
        return false;
    trainer->best[a] = record->select_metric;
    result->best_epoch = epoch;
    result->select = scores;
    return true;
}

// Judges an epoch: which runs diverged, and for which it is the best.
static mb_status judge_epoch(mb_trainer *trainer, int32_t epoch, mb_error *error) {
    mb_array *array = &trainer->array;
    bool any = false;
    for (int32_t a = 0; a < array->run_count; a++) {
        if (trainer->active[a])
            record_losses(trainer, a, epoch);
        array->host_chosen[a] = trainer->active[a] && is_best(trainer, a, epoch);
        any |= array->host_chosen[a];
        if (trainer->active[a] && trainer->results[a].broken_epoch >= 0 &&
            is_lost(trainer, a, epoch))
            give_up(trainer, a, epoch);
    }
    return any ? mb_array_keep(array, error) : MB_OK;
}

// Trains an epoch and selects, unless training is stopped. While the host judges the epoch, the
// device draws the order of the rows in the next one.
static mb_status train_epoch(mb_trainer *trainer, int32_t epoch, mb_error *error) {
    mb_array *array = &trainer->array;
    mb_status status = train_steps(trainer, error);
    if (status != MB_OK)
        return status;
    if (stopped(trainer))
        return settle(trainer, 0, error);
    status = mb_array_select(array, epoch, trainer->active, error);
    if (status == MB_OK)
        status = mb_array_request(array, error);
    if (status == MB_OK && epoch + 1 < array->specs[0].training.epochs)
        status = mb_array_shuffle(array, epoch + 1, error);
    if (status == MB_OK)
        status = settle(trainer, 0, error);
    if (status == MB_OK)
        status = mb_array_wait(array, error);
    if (status != MB_OK || stopped(trainer)) // then the losses and tallies may mean nothing
        return status;
    return judge_epoch(trainer, epoch, error);
}

// ---- the end ----------------------------------------------------------------------------------

static void point_at(mb_trainer *trainer, int32_t part) {
    for (int32_t a = 0; a < trainer->array.run_count; a++)
        trainer->pointers[a] = mb_run_result_part(&trainer->results[a], part);
}

// Fetches the predictions of the best epoch, also for runs that diverged after it.
static mb_status take_best(mb_trainer *trainer, mb_error *error) {
    point_at(trainer, MB_PART_SELECT);
    mb_status status = mb_array_best_predictions(&trainer->array, trainer->pointers, error);
    for (int32_t a = 0; status == MB_OK && a < trainer->array.run_count; a++)
        status = mb_put_in_order(&trainer->array.specs[a], trainer->results[a].best_epoch,
                                 trainer->pointers[a], error);
    return status;
}

static void score_held(const mb_run_spec *spec, mb_run_result *result) {
    const mb_dataset *dataset = &spec->datasets[spec->fold->held.dataset];
    mb_tally tally;
    mb_tally_rows rows = {
        .count = spec->fold->held.count,
        .class_count = spec->config.class_count,
        .utterances = spec->fold->held.rows,
        .emotions = dataset->emotions,
        .valences = dataset->valences,
        .logits = result->held_predictions.logits,
        .values = result->held_predictions.values,
    };
    mb_tally_make(&rows, &tally);
    mb_scores_of_tally(mb_dataset_labels(spec->rules), &tally, &result->held);
}

static mb_status predict(mb_trainer *trainer, int32_t part, mb_error *error) {
    mb_array *array = &trainer->array;
    if (array->plans->parts[part] == NULL)
        return MB_OK;
    point_at(trainer, part);
    mb_status status = mb_array_evaluate(array, part, trainer->scored, error);
    trainer->undone = stopped(trainer);
    if (status == MB_OK)
        status = mb_array_predictions(array, trainer->scored, trainer->pointers, error);
    return status;
}

static mb_status finish(mb_trainer *trainer, mb_error *error) {
    mb_array *array = &trainer->array;
    const mb_run_plans *plans = array->plans;
    if (plans->part_count <= MB_PART_HELD)
        return MB_OK;
    mb_status status = mb_array_restore(array, trainer->scored, error);
    for (int32_t part = MB_PART_HELD;
         status == MB_OK && part < plans->part_count && !trainer->undone; part++)
        status = predict(trainer, part, error);
    for (int32_t a = 0; status == MB_OK && a < array->run_count; a++)
        if (trainer->scored[a] && plans->parts[MB_PART_HELD] != NULL)
            score_held(&array->specs[a], &trainer->results[a]);
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
    mb_status status = mb_array_shuffle(&trainer->array, 0, error);
    for (int32_t epoch = 0;
         status == MB_OK && epoch < settings->epochs && any_active(trainer) && !stopped(trainer);
         epoch++) {
        status = train_epoch(trainer, epoch, error);
        if (epoch == 0) // the array has allocated all its memory by now
            mb_cache_prefetch(trainer->array.cache);
    }
    if (status == MB_OK)
        status = take_best(trainer, error);
    trainer->undone = stopped(trainer);
    if (status == MB_OK && !trainer->undone)
        status = finish(trainer, error);
    for (int32_t a = 0; trainer->undone && a < trainer->array.run_count; a++)
        if (trainer->scored[a])
            trainer->results[a].status = MB_RUN_STOPPED;
    return status;
}

mb_status mb_train_runs(mb_device_cache *cache, const mb_run_spec *specs, int32_t run_count,
                        const atomic_int *stop, atomic_llong *steps_done, mb_run_result *results,
                        mb_error *error) {
    double began = mb_seconds();
    mb_trainer trainer = {.results = results, .stop = (const int *)stop, .steps_done = steps_done};
    cache->device->stop = trainer.stop;
    memset(results, 0, (size_t)run_count * sizeof *results);
    mb_status status = training_open(&trainer, cache, specs, run_count, error);
    if (status == MB_OK)
        status = train(&trainer, error);
    for (int32_t a = 0; a < run_count; a++) {
        results[a].seconds = (mb_seconds() - began) / run_count;
        if (status == MB_OK)
            results[a].steps = trainer.array.steps_done[a];
        if (status == MB_OK)
            mb_run_result_trim(&results[a]);
        else
            mb_run_result_free(&results[a]);
    }
    training_close(&trainer);
    cache->device->stop = NULL;
    return status;
}
