// Compares every model on the CUDA executor with the CPU's portable kernels, with dropout: both
// draw the same masks from Philox.
#include "model_cases.h"

enum { RUNS = 3, STEPS = 3 };

typedef struct devices {
    mb_device *cuda, *cpu;
    model_cases models;
} devices;

// Limits of relative L2 errors: of results and gradients; of moments and parameters, where each
// step starts from the CPU's numbers, because Adam turns rounding errors of zero gradients into
// updates of full size, which would add up; of the results of launches in which they do add up.
static const double result_limit = 5e-5, update_limit = 5e-5, launch_limit = 1e-3;

typedef struct comparison {
    const model_case *c;
    const run_array *cuda, *cpu;
    array_state on_cuda, on_cpu;
    int32_t step;
} comparison;

static void check(const comparison *o, int32_t run, const char *what, array_kind kind,
                  int64_t offset, int64_t count, double floor, double limit) {
    const float *found = state_of_run(o->cuda, &o->on_cuda, kind, run) + offset;
    const float *expected = state_of_run(o->cpu, &o->on_cpu, kind, run) + offset;
    double error = distance(found, expected, count, floor);
    if (!(error <= limit))
        fail_msg("%s: step %d, run %d, %s %s: differs from the CPU's by %.3g (limit %.3g)",
                 o->c->name, o->step, run, kind_names[kind], what, error, limit);
}

static double root_mean_square(const float *values, int64_t count) {
    double sum = 0.0;
    for (int64_t i = 0; i < count; i++)
        sum += isfinite(values[i]) ? (double)values[i] * (double)values[i] : 0.0;
    return sqrt(sum / (double)count);
}

static void check_results(const comparison *o, int32_t run, int32_t rows) {
    const mb_plan_info *info = o->cuda->info;
    const struct {
        const char *name;
        mb_location place;
    } places[] = {{"features", info->features},
                  {"emos_out", info->emos_out},
                  {"vals_out", info->vals_out},
                  {"interloss", info->interloss},
                  {"cross_entropy", info->cross_entropy},
                  {"mean_squared_error", info->mean_squared_error},
                  {"total", info->total}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (places[i].place.offset >= 0)
            check(o, run, places[i].name, ARENA, places[i].place.offset,
                  mb_shape_elements(&places[i].place.shape, rows), 1e-3, result_limit);
}

// A gradient that should be zero consists of rounding errors, of sums of numbers as large as those
// of other gradients.
static void check_gradients(const comparison *o, int32_t run) {
    const mb_plan_info *info = o->cuda->info;
    const float *expected = state_of_run(o->cpu, &o->on_cpu, ARENA, run);
    double largest = 0.0;
    for (int32_t p = 0; p < info->parameter_count; p++)
        if (info->parameters[p].gradient >= 0)
            largest =
                fmax(largest, root_mean_square(expected + info->parameters[p].gradient,
                                               mb_shape_elements(&info->parameters[p].shape, 0)));
    for (int32_t p = 0; p < info->parameter_count; p++)
        if (info->parameters[p].gradient >= 0)
            check(o, run, info->parameters[p].name, ARENA, info->parameters[p].gradient,
                  mb_shape_elements(&info->parameters[p].shape, 0), 0.02 * largest, result_limit);
}

// Compares moments, and parameters unless their gradients are only rounding errors.
static void check_updates(const comparison *o, int32_t run) {
    const mb_plan_info *info = o->cuda->info;
    const float *first = state_of_run(o->cpu, &o->on_cpu, FIRST_MOMENTS, run);
    const float *second = state_of_run(o->cpu, &o->on_cpu, SECOND_MOMENTS, run);
    double floor = 0.02 * root_mean_square(first, info->parameter_floats);
    double square_floor = 0.02 * root_mean_square(second, info->parameter_floats);
    float *found = state_of_run(o->cuda, &o->on_cuda, PARAMETERS, run);
    const float *expected = state_of_run(o->cpu, &o->on_cpu, PARAMETERS, run);
    for (int32_t p = 0; p < info->parameter_count; p++) {
        const mb_parameter *parameter = &info->parameters[p];
        int64_t count = mb_shape_elements(&parameter->shape, 0), offset = parameter->offset;
        check(o, run, parameter->name, FIRST_MOMENTS, offset, count, floor, update_limit);
        check(o, run, parameter->name, SECOND_MOMENTS, offset, count, square_floor, update_limit);
        for (int64_t i = offset; i < offset + count; i++)
            if (fabs((double)first[i]) < floor &&
                fabs((double)found[i] - (double)expected[i]) < 1e-2)
                found[i] = expected[i];
        check(o, run, parameter->name, PARAMETERS, offset, count, 1e-3, update_limit);
    }
}

static void check_step(comparison *o, run_array *cuda, run_array *cpu, const run_setting *runs) {
    array_fetch(cpu, &o->on_cpu);
    array_put(cuda, &o->on_cpu);
    state_free(&o->on_cpu);
    array_run(cuda, o->step, 1);
    array_run(cpu, o->step, 1);
    array_fetch(cuda, &o->on_cuda);
    array_fetch(cpu, &o->on_cpu);
    for (int32_t a = 0; a < RUNS; a++) {
        if (runs[a].rows[o->step] == 0)
            continue;
        check_results(o, a, runs[a].rows[o->step]);
        check_gradients(o, a);
        check_updates(o, a);
        check(o, a, "", LOSSES, o->step, 1, 1e-3, result_limit);
    }
    state_free(&o->on_cuda);
    state_free(&o->on_cpu);
}

static void check_model(const devices *d, const model_case *c, mb_plan_mode mode) {
    static const int32_t rows[RUNS][MOST_STEPS] = {
        {MODEL_ROWS, MODEL_ROWS, 2}, {2, 5, MODEL_ROWS}, {3, 0, 4}};
    run_setting runs[RUNS];
    run_array cuda, cpu;
    sample_set set;
    case_samples_open(&set, c);
    for (int32_t a = 0; a < RUNS; a++) {
        runs[a] = setting_of(c, a);
        memcpy(runs[a].rows, rows[a], sizeof rows[a]);
    }
    array_open(&cuda, d->cuda, c->model, &c->config, mode, MB_DROPOUT_RANDOM, MODEL_ROWS, &set,
               runs, RUNS);
    array_open(&cpu, d->cpu, c->model, &c->config, mode, MB_DROPOUT_RANDOM, MODEL_ROWS, &set, runs,
               RUNS);
    comparison o = {.c = c, .cuda = &cuda, .cpu = &cpu};
    for (o.step = 0; o.step < STEPS; o.step++)
        check_step(&o, &cuda, &cpu, runs);
    array_close(&cuda);
    array_close(&cpu);
    samples_close(&set);
}

static void test_gradients(void **state) {
    const devices *d = *state;
    for (int i = 0; i < d->models.count; i++)
        check_model(d, &d->models.cases[i], MB_PLAN_GRADIENTS);
}

static void test_updates(void **state) {
    const devices *d = *state;
    for (int i = 0; i < d->models.count; i++)
        if (!SANITIZED || d->models.cases[i].first)
            check_model(d, &d->models.cases[i], MB_PLAN_TRAIN);
}

// Compares all results of a launch of several steps on both devices. Returns whether the plan has
// an update that begins the next step.
static bool check_launch(const devices *d, const model_case *c, mb_plan_mode mode,
                         const run_setting *runs, int32_t steps, double limit) {
    run_array arrays[2];
    array_state states[2];
    sample_set set;
    mb_dropout_mode dropout = mode == MB_PLAN_TRAIN ? MB_DROPOUT_RANDOM : MB_DROPOUT_OFF;
    bool begins = false;
    case_samples_open(&set, c);
    for (int k = 0; k < 2; k++) {
        array_open(&arrays[k], k == 0 ? d->cuda : d->cpu, c->model, &c->config, mode, dropout,
                   MODEL_ROWS, &set, runs, RUNS);
        array_run(&arrays[k], 0, steps);
        array_fetch(&arrays[k], &states[k]);
    }
    comparison o = {
        .c = c, .cuda = &arrays[0], .cpu = &arrays[1], .on_cuda = states[0], .on_cpu = states[1]};
    for (int32_t s = 0; s < arrays[0].plan->op_count; s++)
        begins |= arrays[0].plan->ops[s].kind == MB_OP_SOURCE_LINEAR_UPDATE;
    for (int32_t a = 0; a < RUNS; a++)
        for (int kind = LOSSES; kind < KIND_COUNT; kind++) // NaN where nothing was written
            check(&o, a, "of a launch", (array_kind)kind, 0, arrays[0].floats[kind], 1e-3, limit);
    for (int k = 0; k < 2; k++) {
        state_free(&states[k]);
        array_close(&arrays[k]);
    }
    samples_close(&set);
    return begins;
}

// Compares the predictions of an evaluation, and where they are stored.
static void test_evaluations(void **state) {
    const devices *d = *state;
    for (int i = 0; i < d->models.count; i++) {
        const model_case *c = &d->models.cases[i];
        run_setting runs[RUNS];
        if (SANITIZED && !c->first)
            continue;
        for (int32_t a = 0; a < RUNS; a++) {
            runs[a] = setting_of(c, a);
            for (int32_t s = 0; s < STEPS; s++)
                runs[a].rows[s] = s < STEPS - a ? MODEL_ROWS - 2 * a * s : 0;
        }
        (void)check_launch(d, c, MB_PLAN_EVALUATE, runs, STEPS, result_limit);
    }
}

// Updates that begin the next step: with runs whose last batch is smaller, that end a step early,
// or that have no rows in one step.
static void test_launches(void **state) {
    static const int32_t rows[RUNS][MOST_STEPS] = {
        {MODEL_ROWS, MODEL_ROWS, MODEL_ROWS, 2}, {MODEL_ROWS, 5, 6, 0}, {3, 0, 4, MODEL_ROWS}};
    const devices *d = *state;
    int begun = 0;
    for (int i = 0; i < d->models.count; i++) {
        const model_case *c = &d->models.cases[i];
        run_setting runs[RUNS];
        if (!c->first || c->config.feature_type != MB_UTT)
            continue;
        for (int32_t a = 0; a < RUNS; a++) {
            runs[a] = setting_of(c, a);
            memcpy(runs[a].rows, rows[a], sizeof rows[a]);
        }
        begun += check_launch(d, c, MB_PLAN_TRAIN, runs, MOST_STEPS, launch_limit);
    }
    assert_true(begun > 2);
}

int main(int argc, char **argv) {
    choose_tests(argc, argv);
    devices d = {.cuda = cuda_open(), .cpu = portable_open()};
    list_models(&d.models);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_gradients, &d),
        cmocka_unit_test_prestate(test_updates, &d),
        cmocka_unit_test_prestate(test_evaluations, &d),
        cmocka_unit_test_prestate(test_launches, &d),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    d.cuda->backend->close(d.cuda);
    d.cpu->backend->close(d.cpu);
    return failures;
}
