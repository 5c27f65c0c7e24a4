// Measures how long a run would take, from some of its training steps and evaluations.
#include "base/progress.h"
#include "train/array.h"

// Long enough that a fluctuation of the clock rate does not matter, short enough that several
// models can be measured while somebody waits.
static const double training_seconds = 0.05, evaluation_seconds = 0.02;
static const double long_step = 0.5; // so long that there is no second one

typedef struct pace {
    mb_array array;
    const atomic_int *stop;
    double step_seconds, row_seconds; // of a training step, of a row of an evaluation
} pace;

static bool stopped(const pace *p) {
    return atomic_load(p->stop) != 0;
}

static int32_t smaller(int32_t a, int32_t b) {
    return a < b ? a : b;
}

// Trains steps of an epoch and waits for their end.
static mb_status time_launch(pace *p, int32_t first, int32_t count, double *seconds,
                             mb_error *error) {
    static const bool active[] = {true};
    mb_array *array = &p->array;
    mb_status status = first == 0 ? mb_array_begin_epoch(array, active, error) : MB_OK;
    double began = mb_seconds();
    if (status == MB_OK)
        status = mb_array_train(array, first, count, error);
    if (status == MB_OK)
        status = array->device->backend->synchronize(array->device, error);
    *seconds = mb_seconds() - began;
    return status;
}

// Times training steps, in launches that grow. The first step is not counted, because it touches
// its memory for the first time, unless it is so long that another would take too much time.
static mb_status time_training(pace *p, mb_error *error) {
    mb_array *array = &p->array;
    double total = 0, seconds = 0;
    int64_t steps = 0;
    int32_t most = array->device->backend->executor->steps_per_launch, wanted = 1, at = 0;
    mb_status status = mb_array_shuffle(array, 0, error);
    while (status == MB_OK && total < training_seconds && !stopped(p)) {
        int32_t count = smaller(wanted, array->steps_per_epoch - at);
        status = time_launch(p, at, count, &seconds, error);
        at += count;
        if (at == array->steps_per_epoch) {
            mb_array_end_epoch(array, at);
            at = 0;
        }
        if (wanted > 1 || seconds >= long_step) {
            total += seconds;
            steps += count;
            p->step_seconds = total / (double)steps;
        }
        wanted = smaller(2 * wanted, most);
    }
    return status;
}

// Times evaluations of the selection part, which ends after some rows. The first one is not
// counted, either.
static mb_status time_evaluation(pace *p, mb_error *error) {
    static const bool active[] = {true};
    mb_array *array = &p->array;
    double began = mb_seconds(), warm = began, now = began;
    int64_t rows = 0;
    mb_status status = MB_OK;
    for (int32_t i = 0; status == MB_OK && now - began < evaluation_seconds && !stopped(p); i++) {
        status = mb_array_select(array, 0, active, error);
        if (status == MB_OK)
            status = array->device->backend->synchronize(array->device, error);
        now = mb_seconds();
        if (i == 0 && now - began < evaluation_seconds) {
            warm = now;
        } else {
            rows += array->specs[0].fold->select.count;
            p->row_seconds = (now - warm) / (double)rows;
        }
    }
    return status;
}

// The rows of the selection part that are evaluated: as many as the trainer takes at a time, but
// fewer if they would take much longer than the training steps that are timed.
static int32_t evaluated_rows(const mb_run_spec *spec) {
    enum { FEWEST = 16 };
    const double most_work = 1e9; // multiply-accumulates
    const mb_plan *plan = spec->plans->parts[MB_PART_SELECT];
    if (plan == NULL)
        return 0;
    const mb_plan_info *info = mb_plan_get(plan);
    int32_t rows = smaller(info->max_rows, spec->fold->select.count);
    double fitting = most_work * info->max_rows / ((double)info->multiply_accumulates + 1);
    if (rows > FEWEST && fitting < rows)
        rows = fitting > FEWEST ? (int32_t)fitting : FEWEST;
    return rows;
}

static double seconds_of_run(const pace *p, const mb_run_spec *spec, double opening) {
    double rows = (double)spec->training.epochs * spec->fold->select.count;
    if (!spec->selection_only) {
        rows += spec->fold->held.count;
        for (int32_t i = 0; i < spec->test_count; i++)
            rows += spec->tests[i].count;
    }
    double steps = (double)spec->training.epochs * mb_steps_per_epoch(spec);
    return opening + steps * p->step_seconds + rows * p->row_seconds;
}

mb_status mb_train_pace(mb_device_cache *cache, const mb_run_spec *specs, int32_t run_count,
                        const atomic_int *stop, atomic_llong *steps_done, mb_run_result *results,
                        mb_error *error) {
    (void)run_count;
    (void)steps_done;
    mb_run_spec spec = specs[0];
    mb_fold fold = *spec.fold;
    fold.select.count = evaluated_rows(&spec);
    spec.fold = &fold;
    pace p = {.stop = stop};
    double began = mb_seconds();
    mb_status status = mb_array_open(cache, &spec, 1, &p.array, error);
    double opening = mb_seconds() - began;
    if (status == MB_OK)
        status = time_training(&p, error);
    if (status == MB_OK && fold.select.count > 0)
        status = time_evaluation(&p, error);
    mb_array_close(&p.array);
    results[0] = (mb_run_result){.status = stopped(&p) ? MB_RUN_STOPPED : MB_RUN_DONE,
                                 .seconds = seconds_of_run(&p, &specs[0], opening)};
    return status;
}
