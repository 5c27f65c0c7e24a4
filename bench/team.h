// Threads that train models at the same time, each with its own device and its share of the models.
#ifndef MB_BENCH_TEAM_H
#define MB_BENCH_TEAM_H

#include <stdatomic.h>

#include "array.h"
#include "copy.h"
#include "train_options.h"

typedef struct mb_bench_worker {
    mb_device *device;
    mb_bench_array array;
    mb_bench_copy copy;
    mb_status status;
    mb_error error;
} mb_bench_worker;

typedef struct mb_bench_team {
    const mb_bench_options *options;
    const mb_plan *plan;
    mb_bench_worker *workers; // (threads)
    int32_t steps, repeats;   // steps of each model in a repeat
    char device[192];         // the device's description
    atomic_int at_work;       // workers that are not yet done
} mb_bench_team;

// Steps of all models together, per second.
typedef struct mb_bench_rate {
    double median, slowest, fastest;
} mb_bench_rate;

// The plan trains or evaluates; plan, options and data must outlive the team. Includes the warm-up.
mb_status mb_bench_team_open(const mb_bench_options *options, const mb_plan *plan,
                             const mb_bench_data *data, mb_bench_team *team, mb_error *error);

// Runs all workers and `helpers` more threads at the same time; *seconds: how long that took.
mb_status mb_bench_team_together(mb_bench_team *team, void (*work)(void *team, int32_t thread),
                                 int32_t helpers, double *seconds, mb_error *error);

// Model-steps per second, over the repeats that the options ask for.
mb_status mb_bench_team_rate(mb_bench_team *team, mb_bench_rate *rate, mb_error *error);

// The loss of the first model in the last step. Fails if a loss of any model is not finite.
mb_status mb_bench_team_loss(mb_bench_team *team, float *loss, mb_error *error);

void mb_bench_team_close(mb_bench_team *team);

#endif
