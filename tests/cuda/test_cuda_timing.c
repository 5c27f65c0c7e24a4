// Launches whose ops are timed: results have the same bits, and every op has a time.
#include "model_cases.h"

#include <time.h>

enum { RUNS = 3, STEPS = 3 };

static const double BEFORE = 100.0; // in the table before the launch

static const int32_t rows_of_runs[RUNS][STEPS] = {
    {MODEL_ROWS, MODEL_ROWS, 3}, {0, 5, MODEL_ROWS}, {4, 0, 1}};

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void open_runs(run_array *array, mb_device *device, const model_case *c, mb_plan_mode mode,
                      const sample_set *set) {
    run_setting runs[RUNS];
    for (int32_t a = 0; a < RUNS; a++) {
        runs[a] = setting_of(c, a);
        memcpy(runs[a].rows, rows_of_runs[a], sizeof rows_of_runs[a]);
    }
    array_open(array, device, c->model, &c->config, mode,
               mode == MB_PLAN_TRAIN ? MB_DROPOUT_RANDOM : MB_DROPOUT_OFF, MODEL_ROWS, set, runs,
               RUNS);
}

// Executes all steps in one launch, and checks the times of the ops.
static double *run_timed(run_array *array, const char *name) {
    int32_t ops = array->plan->op_count;
    double *seconds = malloc((size_t)ops * sizeof *seconds), sum = 0.0;
    for (int32_t i = 0; i < ops; i++)
        seconds[i] = BEFORE;
    array->op_seconds = seconds;
    double began = now();
    array_run(array, 0, STEPS);
    double taken = now() - began;
    for (int32_t i = 0; i < ops; i++) {
        if (!(seconds[i] > BEFORE))
            fail_msg("%s: op %d, %s, took no time", name, i,
                     mb_op_infos[array->plan->ops[i].kind].name);
        sum += seconds[i] - BEFORE;
    }
    if (!(sum < 1.01 * taken))
        fail_msg("%s: ops took %g s of a launch of %g s", name, sum, taken);
    return seconds;
}

static void check_mode(mb_device *device, const model_case *c, mb_plan_mode mode) {
    sample_set set;
    run_array plain, timed;
    array_state expected, found;
    case_samples_open(&set, c);
    open_runs(&plain, device, c, mode, &set);
    open_runs(&timed, device, c, mode, &set);
    array_run(&plain, 0, STEPS);
    double *seconds = run_timed(&timed, c->name);
    array_fetch(&plain, &expected);
    array_fetch(&timed, &found);
    for (int32_t a = 0; a < RUNS; a++)
        assert_same_run(c->name, &timed, &found, a, &plain, &expected, a);
    state_free(&expected);
    state_free(&found);
    array_close(&plain);
    array_close(&timed);
    samples_close(&set);
    free(seconds);
}

typedef struct bench {
    mb_device *devices[2];
    model_cases models;
} bench;

static void check_device(const bench *b, int device) {
    for (int i = 0; i < b->models.count; i++)
        if (b->models.cases[i].first) {
            check_mode(b->devices[device], &b->models.cases[i], MB_PLAN_TRAIN);
            check_mode(b->devices[device], &b->models.cases[i], MB_PLAN_EVALUATE);
        }
}

static void test_cpu(void **state) {
    check_device(*state, 0);
}

static void test_cuda(void **state) {
    check_device(*state, 1);
}

int main(int argc, char **argv) {
    choose_tests(argc, argv);
    bench b = {.devices = {portable_open(), cuda_open()}};
    list_models(&b.models);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_cpu, &b),
        cmocka_unit_test_prestate(test_cuda, &b),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    for (int i = 0; i < 2; i++)
        b.devices[i]->backend->close(b.devices[i]);
    return failures;
}
