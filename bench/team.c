#include "team.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"

static mb_status open_worker(mb_bench_team *team, const mb_bench_data *data, int32_t t,
                             int32_t first, mb_error *error) {
    const mb_bench_options *o = team->options;
    mb_bench_worker *w = &team->workers[t];
    int32_t share = o->models / o->threads + (t < o->models % o->threads);
    mb_device_description description;
    mb_status status = mb_bench_open(&o->settings, &w->device, error);
    if (status == MB_OK)
        status = w->device->backend->describe(w->device, &description, error);
    if (status == MB_OK)
        status = mb_bench_array_open(w->device, team->plan, &o->settings, data, share, first + 1,
                                     o->launch_steps, &w->array, error);
    if (status == MB_OK)
        status = mb_bench_array_step(&w->array, o->warmup, error);
    if (status == MB_OK)
        snprintf(team->device, sizeof team->device, "%s", description.text);
    return status;
}

mb_status mb_bench_team_open(const mb_bench_options *options, const mb_plan *plan,
                             const mb_bench_data *data, mb_bench_team *team, mb_error *error) {
    *team = (mb_bench_team){.options = options, .plan = plan};
    atomic_init(&team->at_work, 0);
    team->workers = calloc((size_t)options->threads, sizeof *team->workers);
    mb_status status = team->workers == NULL ? mb_out_of_memory(error, "threads") : MB_OK;
    for (int32_t t = 0, first = 0; status == MB_OK && t < options->threads; t++) {
        status = open_worker(team, data, t, first, error);
        first += team->workers[t].array.run_count;
    }
    return status;
}

mb_status mb_bench_team_together(mb_bench_team *team, void (*work)(void *team, int32_t thread),
                                 int32_t helpers, double *seconds, mb_error *error) {
    int32_t threads = team->options->threads;
    atomic_store(&team->at_work, threads);
    *seconds = mb_bench_parallel(threads + helpers, work, team);
    if (*seconds <= 0.0)
        return mb_fail(error, MB_FAILED, "cannot start %d threads", threads + helpers);
    for (int32_t t = 0; t < threads; t++)
        if (team->workers[t].status != MB_OK)
            return mb_fail(error, team->workers[t].status, "thread %d: %s", t,
                           team->workers[t].error.message);
    return MB_OK;
}

static bool anyone_at_work(const void *team) {
    return atomic_load(&((const mb_bench_team *)team)->at_work) > 0;
}

static void step_thread(void *context, int32_t thread) {
    mb_bench_team *team = context;
    int32_t threads = team->options->threads;
    mb_bench_worker *w = &team->workers[thread % threads];
    if (thread >= threads) {
        w->device->backend->executor->assist(w->device, anyone_at_work, team);
        return;
    }
    w->status = mb_bench_array_step(&w->array, team->steps, &w->error);
    atomic_fetch_sub(&team->at_work, 1);
}

// Chooses the steps of a repeat: --steps, or as many as take --milliseconds, estimated from the
// first measurement that is long enough. If a single step takes longer than that, there are fewer
// repeats.
static mb_status choose_steps(mb_bench_team *team, mb_error *error) {
    const mb_bench_options *o = team->options;
    team->steps = o->milliseconds > 0 ? 1 : o->steps;
    team->repeats = o->repeats;
    double wanted = 1e-3 * o->milliseconds, seconds = 0.0;
    mb_status status = MB_OK;
    while (status == MB_OK && seconds < 0.2 * wanted) {
        status = mb_bench_team_together(team, step_thread, team->options->helpers, &seconds, error);
        if (status == MB_OK && seconds < 0.2 * wanted)
            team->steps *= 2;
    }
    if (status == MB_OK && wanted > 0.0) {
        double fitting = team->steps * wanted / seconds;
        team->steps = fitting < 1.5 ? 1 : (int32_t)(fitting + 0.5);
        if (fitting < 1.0)
            team->repeats = (int32_t)fmax(1.0, round(o->repeats * fitting));
    }
    return status;
}

mb_status mb_bench_team_rate(mb_bench_team *team, mb_bench_rate *rate, mb_error *error) {
    const mb_bench_options *o = team->options;
    double *rates = calloc((size_t)o->repeats, sizeof *rates);
    mb_status status =
        rates == NULL ? mb_out_of_memory(error, "repeats") : choose_steps(team, error);
    for (int32_t r = 0; status == MB_OK && r < team->repeats; r++) {
        double seconds = 0.0;
        status = mb_bench_team_together(team, step_thread, team->options->helpers, &seconds, error);
        rates[r] = (double)team->steps * o->models / seconds;
    }
    if (status == MB_OK) {
        rate->median = mb_bench_median(rates, team->repeats);
        rate->slowest = rates[0];
        rate->fastest = rates[team->repeats - 1];
    }
    free(rates);
    return status;
}

mb_status mb_bench_team_loss(mb_bench_team *team, float *loss, mb_error *error) {
    mb_status status = MB_OK;
    for (int32_t t = team->options->threads - 1; status == MB_OK && t >= 0; t--)
        status = mb_bench_array_loss(&team->workers[t].array, loss, error);
    return status;
}

void mb_bench_team_close(mb_bench_team *team) {
    for (int32_t t = 0; team->workers != NULL && t < team->options->threads; t++) {
        mb_bench_worker *w = &team->workers[t];
        mb_bench_copy_close(&w->copy);
        mb_bench_array_close(&w->array);
        if (w->device != NULL)
            w->device->backend->close(w->device);
    }
    free(team->workers);
    *team = (mb_bench_team){0};
}
