// What a run of an array comes to never depends on the others: an array equals its runs alone, bit for
// bit, wherever they stand in it, whatever becomes of their neighbours, launched at once or one by one.
#include "model_cases.h"

enum { RUNS = 5, STEPS = 3 };

typedef struct bench {
    mb_device *cuda;
    model_cases models;
} bench;

// Rows of each run in each step. The last run sits all of them out.
static const int32_t rows_of_runs[RUNS][STEPS] = {
    {MODEL_ROWS, MODEL_ROWS, 3}, {1, 5, 0}, {4, 0, MODEL_ROWS}, {6, 2, 1}, {0, 0, 0}};

static void set_runs(const model_case *c, run_setting *runs) {
    for (int32_t a = 0; a < RUNS; a++) {
        runs[a] = setting_of(c, a);
        memcpy(runs[a].rows, rows_of_runs[a], sizeof rows_of_runs[a]);
    }
}

typedef struct trained {
    run_array array;
    array_state state;
} trained;

static void open_array(const bench *b, const model_case *c, const sample_set *set,
                       const run_setting *runs, int32_t count, trained *t) {
    array_open(&t->array, b->cuda, c->model, &c->config, MB_PLAN_TRAIN, MB_DROPOUT_RANDOM,
               MODEL_ROWS, set, runs, count);
}

static void train(const bench *b, const model_case *c, const sample_set *set,
                  const run_setting *runs, int32_t count, trained *t) {
    open_array(b, c, set, runs, count, t);
    array_run(&t->array, 0, STEPS);
    array_fetch(&t->array, &t->state);
}

static void close_trained(trained *t) {
    state_free(&t->state);
    array_close(&t->array);
}

static void samples_of(const model_case *c, sample_set *set) {
    samples_open(set, &c->config);
    samples_shorten(set, &c->config);
}

// Runs with other seeds, learning rates, dropout rates, weight decay, clipping and rows.
static void check_alone(const bench *b, const model_case *c) {
    run_setting runs[RUNS];
    sample_set set;
    trained together;
    samples_of(c, &set);
    set_runs(c, runs);
    train(b, c, &set, runs, RUNS, &together);
    for (int32_t a = 0; a < RUNS; a++) {
        trained alone;
        train(b, c, &set, &runs[a], 1, &alone);
        assert_same_run(c->name, &together.array, &together.state, a, &alone.array, &alone.state,
                        0);
        close_trained(&alone);
    }
    close_trained(&together);
    samples_close(&set);
}

static void test_array_equals_runs_alone(void **state) {
    const bench *b = *state;
    for (int i = 0; i < b->models.count; i++)
        check_alone(b, &b->models.cases[i]);
}

// In another order, one step a launch; and the runs do differ from each other.
static void check_places(const bench *b, const model_case *c) {
    run_setting runs[RUNS], turned[RUNS];
    sample_set set;
    trained one, other;
    samples_of(c, &set);
    set_runs(c, runs);
    for (int32_t a = 0; a < RUNS; a++)
        turned[a] = runs[RUNS - 1 - a];
    train(b, c, &set, runs, RUNS, &one);
    open_array(b, c, &set, turned, RUNS, &other);
    for (int32_t s = 0; s < STEPS; s++)
        array_run(&other.array, s, 1);
    array_fetch(&other.array, &other.state);
    for (int32_t a = 0; a < RUNS; a++)
        assert_same_run(c->name, &other.array, &other.state, RUNS - 1 - a, &one.array, &one.state,
                        a);
    for (int32_t a = 1; a < RUNS; a++)
        assert_true(first_difference(state_of_run(&one.array, &one.state, PARAMETERS, 0),
                                     state_of_run(&one.array, &one.state, PARAMETERS, a),
                                     one.array.floats[PARAMETERS]) >= 0);
    close_trained(&one);
    close_trained(&other);
    samples_close(&set);
}

static void test_places_and_launches(void **state) {
    const bench *b = *state;
    for (int i = 0; i < b->models.count; i++)
        check_places(b, &b->models.cases[i]);
}

// A run without rows keeps every bit; one with rows does not.
static void check_idle(const bench *b, const model_case *c) {
    run_setting runs[RUNS];
    sample_set set;
    trained t;
    array_state before;
    samples_of(c, &set);
    set_runs(c, runs);
    open_array(b, c, &set, runs, RUNS, &t);
    array_fetch(&t.array, &before);
    for (int32_t s = 0; s < STEPS; s++) {
        array_run(&t.array, s, 1);
        array_fetch(&t.array, &t.state);
        for (int32_t a = 0; a < RUNS; a++) {
            if (rows_of_runs[a][s] == 0)
                assert_same_run(c->name, &t.array, &t.state, a, &t.array, &before, a);
            else
                assert_true(first_difference(state_of_run(&t.array, &t.state, PARAMETERS, a),
                                             state_of_run(&t.array, &before, PARAMETERS, a),
                                             t.array.floats[PARAMETERS]) >= 0);
        }
        state_free(&before);
        before = t.state;
    }
    state_free(&before);
    array_close(&t.array);
    samples_close(&set);
}

static void test_runs_without_rows(void **state) {
    const bench *b = *state;
    for (int i = 0; i < b->models.count; i++)
        check_idle(b, &b->models.cases[i]);
}

// ---- quarantine -------------------------------------------------------------------------------

enum { WITH_NAN = 1, WITH_INFINITY = 3 };

// The first number of every parameter of a run.
static void poison(run_array *array, int32_t run, float value) {
    array_state state;
    array_fetch(array, &state);
    for (int32_t p = 0; p < array->info->parameter_count; p++)
        state_of_run(array, &state, PARAMETERS, run)[array->info->parameters[p].offset] = value;
    array_put(array, &state);
    state_free(&state);
}

static bool all_finite(const trained *t, array_kind kind, int32_t run) {
    const float *values = state_of_run(&t->array, &t->state, kind, run);
    for (int64_t i = 0; i < t->array.floats[kind]; i++)
        if (!isfinite(values[i]))
            return false;
    return true;
}

static void check_quarantine(const bench *b, const model_case *c) {
    run_setting runs[RUNS];
    sample_set set;
    trained healthy, sick;
    samples_of(c, &set);
    set_runs(c, runs);
    train(b, c, &set, runs, RUNS, &healthy);
    open_array(b, c, &set, runs, RUNS, &sick);
    poison(&sick.array, WITH_NAN, NAN);
    poison(&sick.array, WITH_INFINITY, INFINITY);
    array_run(&sick.array, 0, STEPS);
    array_fetch(&sick.array, &sick.state);
    for (int32_t a = 0; a < RUNS; a++) {
        float loss = state_of_run(&sick.array, &sick.state, LOSSES, a)[0];
        if (a == WITH_NAN || a == WITH_INFINITY) {
            assert_false(isfinite(loss));
            assert_false(all_finite(&sick, FIRST_MOMENTS, a));
        } else
            assert_same_run(c->name, &sick.array, &sick.state, a, &healthy.array, &healthy.state,
                            a);
    }
    close_trained(&healthy);
    close_trained(&sick);
    samples_close(&set);
}

static void test_quarantine(void **state) {
    const bench *b = *state;
    for (int i = 0; i < b->models.count; i++)
        check_quarantine(b, &b->models.cases[i]);
}

int main(void) {
    bench b = {.cuda = cuda_open()};
    list_models(&b.models);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_array_equals_runs_alone, &b),
        cmocka_unit_test_prestate(test_places_and_launches, &b),
        cmocka_unit_test_prestate(test_runs_without_rows, &b),
        cmocka_unit_test_prestate(test_quarantine, &b),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    b.cuda->backend->close(b.cuda);
    return failures;
}
