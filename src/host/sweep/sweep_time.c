// Estimates how long a sweep will take. Runs of some groups are measured; the times of the others
// follow from their multiply-accumulates and the measured group that is most like them.
#include <math.h>
#include <stdlib.h>

#include "base/progress.h"
#include "sweep/sweep_state.h"

enum { MOST_MEASURED = 10 };
static const double most_seconds = 1.5;  // after which no further group is measured
static const double longest_step = 1e11; // multiply-accumulates; longer ones are not measured

// The missing runs of a group.
typedef struct kind {
    const mb_job *job; // one of them
    const mb_model *model;
    double runs, cost; // of a run, above 0
    bool tried;        // whether it was measured, successfully or not
    double seconds;    // of a run, if it was
} kind;

typedef struct estimate {
    mb_sweep *sweep;
    mb_pool *pool;
    kind *kinds;     // by group
    int32_t at_once; // runs
    double work;     // multiply-accumulates of all runs
    const kind *measured[MOST_MEASURED];
    int32_t measured_count;
} estimate;

// Runs that are larger than the memory will not be trained.
static bool fits(const mb_job *job, const mb_pool_config *config) {
    return config->memory == 0 || job->memory <= config->memory;
}

static void list_kinds(estimate *e, const mb_pool_config *config) {
    const mb_sweep *sweep = e->sweep;
    for (int32_t i = 0; i < sweep->job_count; i++) {
        const mb_job *job = &sweep->jobs[i];
        if (!fits(job, config))
            continue;
        kind *k = &e->kinds[job->group];
        k->job = job;
        k->model = sweep->groups[job->group].model;
        k->runs++;
        k->cost = job->cost + 1;
        e->work += k->cost;
    }
}

// How unlike two kinds of runs are: the logarithm of the ratio of their work, and more for
// different models.
static double distance(const kind *a, const kind *b) {
    return fabs(log(a->cost / b->cost)) + (a->model != b->model ? 2 : 0);
}

// The most similar kind that was measured, or NULL.
static const kind *nearest(const estimate *e, const kind *to) {
    const kind *best = NULL;
    for (int32_t i = 0; i < e->measured_count; i++)
        if (best == NULL || distance(to, e->measured[i]) < distance(to, best))
            best = e->measured[i];
    return best;
}

// The kind whose measurement promises most: much work, and unlike what was measured. NULL if none
// is worth it.
static kind *next_kind(const estimate *e) {
    const double least = 0.01; // of all work
    kind *best = NULL;
    double most = e->measured_count > 0 ? least * e->work : 0;
    for (int32_t g = 0; g < e->sweep->group_count; g++) {
        kind *k = &e->kinds[g];
        if (k->runs == 0 || k->tried || k->cost > longest_step * (double)k->job->steps)
            continue;
        const kind *like = nearest(e, k);
        double value = k->runs * k->cost * (like != NULL ? fmin(distance(k, like), 3) : 3);
        if (value > most) {
            most = value;
            best = k;
        }
    }
    return best;
}

// Measures a kind, on as many threads at once as will train. A run that fails, because it is too
// large for instance, is not measured.
static mb_status measure(estimate *e, kind *k, mb_error *error) {
    mb_status status = MB_OK;
    double seconds = 0;
    int32_t measured = 0;
    k->tried = true;
    for (int32_t i = 0; status == MB_OK && i < e->at_once; i++)
        status = mb_pool_add(e->pool, k->job, 1, error);
    while (status == MB_OK && mb_pool_pending(e->pool) > 0) {
        mb_outcome *outcome = mb_pool_take(e->pool, 0.1, NULL);
        if (outcome != NULL && outcome->status == MB_OK) {
            seconds += outcome->result.seconds;
            measured++;
        }
        free(outcome);
    }
    if (measured > 0) {
        k->seconds = seconds / measured;
        e->measured[e->measured_count++] = k;
    }
    return status;
}

// The time of all missing runs, one after another; 0 if nothing was measured.
static double sum_of_times(const estimate *e) {
    double sum = 0;
    for (int32_t g = 0; g < e->sweep->group_count; g++) {
        const kind *k = &e->kinds[g], *like = k->runs > 0 ? nearest(e, k) : NULL;
        if (like != NULL)
            sum += k->runs * like->seconds * k->cost / like->cost;
    }
    return sum;
}

// The number of runs that train at once.
static int32_t runs_at_once(const mb_sweep *sweep, const mb_pool_config *config) {
    int64_t most = config->threads, memory = 0, count = 0;
    for (int32_t i = 0; i < sweep->job_count; i++)
        if (fits(&sweep->jobs[i], config)) {
            memory = sweep->jobs[i].memory > memory ? sweep->jobs[i].memory : memory;
            count++;
        }
    if (config->memory > 0 && memory > 0 && config->memory / memory < most)
        most = config->memory / memory;
    most = count < most ? count : most;
    return most > 1 ? (int32_t)most : 1;
}

static mb_status measure_kinds(estimate *e, mb_error *error) {
    double began = mb_seconds();
    mb_status status = MB_OK;
    for (int32_t i = 0; status == MB_OK && i < MOST_MEASURED; i++) {
        kind *k = mb_seconds() - began < most_seconds ? next_kind(e) : NULL;
        if (k == NULL)
            break;
        status = measure(e, k, error);
    }
    return status;
}

mb_status mb_sweep_estimate(mb_sweep *sweep, const mb_pool_config *config, double *seconds,
                            mb_error *error) {
    mb_pool_config own = *config;
    own.specify = sweep_specify;
    own.owner = sweep;
    own.train = mb_train_pace;
    *seconds = 0;
    if (sweep->job_count == 0)
        return MB_OK;
    estimate e = {.sweep = sweep, .at_once = runs_at_once(sweep, config)};
    e.kinds = calloc((size_t)sweep->group_count, sizeof *e.kinds);
    if (e.kinds == NULL)
        return mb_out_of_memory(error, "an estimate");
    list_kinds(&e, config);
    mb_status status = mb_pool_open(&own, &e.pool, error);
    if (status == MB_OK)
        status = measure_kinds(&e, error);
    mb_sweep_totals totals;
    mb_sweep_get_totals(sweep, &totals);
    if (status == MB_OK && e.work > 0)
        *seconds = sum_of_times(&e) / e.at_once * (1 + totals.cost_to_come / e.work);
    mb_pool_close(e.pool);
    free(e.kinds);
    return status;
}
