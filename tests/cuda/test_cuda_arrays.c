// The results of a run never depend on the other runs of its array: they have the same bits when
// the run is alone, at any position of the array, whatever happens to other runs, and with one
// launch or several.
#include "model_cases.h"

enum { RUNS = 5, STEPS = 3 };

typedef struct trained {
    run_array array;
    array_state state;
} trained;

// A model and the runs of an array, trained together; tests compare with these results.
typedef struct trained_case {
    const model_case *c;
    sample_set set;
    run_setting runs[RUNS];
    trained together;
} trained_case;

typedef struct bench {
    mb_device *cuda;
    model_cases models;
    int case_count;
    trained_case *cases;
} bench;

// Rows of each run in each step. The last run never has rows.
static const int32_t rows_of_runs[RUNS][STEPS] = {
    {MODEL_ROWS, MODEL_ROWS, 3}, {1, 5, 0}, {4, 0, MODEL_ROWS}, {6, 2, 1}, {0, 0, 0}};

static void open_array(const bench *b, const trained_case *t, const run_setting *runs,
                       int32_t count, trained *to) {
    array_open(&to->array, b->cuda, t->c->model, &t->c->config, MB_PLAN_TRAIN, MB_DROPOUT_RANDOM,
               MODEL_ROWS, &t->set, runs, count);
}

static void train(const bench *b, const trained_case *t, const run_setting *runs, int32_t count,
                  trained *to) {
    open_array(b, t, runs, count, to);
    array_run(&to->array, 0, STEPS);
    array_fetch(&to->array, &to->state);
}

static void close_trained(trained *t) {
    state_free(&t->state);
    array_close(&t->array);
}

// Each run has a different seed, learning rate, dropout rate, weight decay, clipping and rows.
static void open_bench(bench *b) {
    b->cases = calloc((size_t)b->models.count, sizeof *b->cases);
    for (int i = 0; i < b->models.count; i++) {
        trained_case *t = &b->cases[b->case_count];
        t->c = &b->models.cases[i];
        if (SANITIZED && !t->c->first)
            continue;
        b->case_count++;
        case_samples_open(&t->set, t->c);
        for (int32_t a = 0; a < RUNS; a++) {
            t->runs[a] = setting_of(t->c, a);
            memcpy(t->runs[a].rows, rows_of_runs[a], sizeof rows_of_runs[a]);
        }
        train(b, t, t->runs, RUNS, &t->together);
        state_clear_workspaces(&t->together.array, &t->together.state);
    }
}

static void close_bench(bench *b) {
    for (int i = 0; i < b->case_count; i++) {
        close_trained(&b->cases[i].together);
        samples_close(&b->cases[i].set);
    }
    free(b->cases);
}

static void assert_as_together(const trained_case *t, trained *found, int32_t at, int32_t run) {
    state_clear_workspaces(&found->array, &found->state);
    assert_same_run(t->c->name, &found->array, &found->state, at, &t->together.array,
                    &t->together.state, run);
}

// ---- alone, and at other positions --------------------------------------------------------------

static void test_array_equals_runs_alone(void **state) {
    const bench *b = *state;
    for (int i = 0; i < b->case_count; i++)
        for (int32_t a = 0; a < RUNS; a++) {
            const trained_case *t = &b->cases[i];
            trained alone;
            train(b, t, &t->runs[a], 1, &alone);
            assert_as_together(t, &alone, 0, a);
            close_trained(&alone);
        }
}

static bool changed(const trained *t, int32_t run, const array_state *before) {
    return first_difference(state_of_run(&t->array, &t->state, PARAMETERS, run),
                            state_of_run(&t->array, before, PARAMETERS, run),
                            t->array.floats[PARAMETERS]) >= 0;
}

// With the runs in another order and a launch for every step: a run keeps all its bits in a step in
// which it has no rows, and in no other.
static void check_places(const bench *b, const trained_case *t) {
    run_setting turned[RUNS];
    trained other;
    array_state before;
    for (int32_t a = 0; a < RUNS; a++)
        turned[a] = t->runs[RUNS - 1 - a];
    open_array(b, t, turned, RUNS, &other);
    array_fetch(&other.array, &before);
    for (int32_t s = 0; s < STEPS; s++) {
        array_run(&other.array, s, 1);
        array_fetch(&other.array, &other.state);
        for (int32_t a = 0; a < RUNS; a++)
            if (turned[a].rows[s] == 0)
                assert_same_run(t->c->name, &other.array, &other.state, a, &other.array, &before,
                                a);
            else
                assert_true(changed(&other, a, &before));
        state_free(&before);
        before = other.state;
    }
    for (int32_t a = 0; a < RUNS; a++)
        assert_as_together(t, &other, RUNS - 1 - a, a);
    close_trained(&other);
}

static void test_places_and_launches(void **state) {
    const bench *b = *state;
    for (int i = 0; i < b->case_count; i++)
        check_places(b, &b->cases[i]);
}

// The runs that these tests compare must differ.
static void test_runs_differ(void **state) {
    const bench *b = *state;
    for (int i = 0; i < b->case_count; i++)
        for (int32_t a = 1; a < RUNS; a++) {
            const trained *t = &b->cases[i].together;
            assert_true(first_difference(state_of_run(&t->array, &t->state, PARAMETERS, 0),
                                         state_of_run(&t->array, &t->state, PARAMETERS, a),
                                         t->array.floats[PARAMETERS]) >= 0);
        }
}

// ---- quarantine -------------------------------------------------------------------------------

enum { WITH_NAN = 1, WITH_INFINITY = 3 };

// Changes the first number of every parameter of a run.
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

static void check_quarantine(const bench *b, const trained_case *t) {
    trained sick;
    open_array(b, t, t->runs, RUNS, &sick);
    poison(&sick.array, WITH_NAN, NAN);
    poison(&sick.array, WITH_INFINITY, INFINITY);
    array_run(&sick.array, 0, STEPS);
    array_fetch(&sick.array, &sick.state);
    for (int32_t a = 0; a < RUNS; a++) {
        if (a == WITH_NAN || a == WITH_INFINITY) {
            assert_false(isfinite(state_of_run(&sick.array, &sick.state, LOSSES, a)[0]));
            assert_false(all_finite(&sick, FIRST_MOMENTS, a));
        } else
            assert_as_together(t, &sick, a, a);
    }
    close_trained(&sick);
}

static void test_quarantine(void **state) {
    const bench *b = *state;
    for (int i = 0; i < b->case_count; i++)
        check_quarantine(b, &b->cases[i]);
}

// ---- launches that differ in one field ---------------------------------------------------------

// The fields of a launch that may point to another array's memory.
enum {
    OTHER_SLOTS = KIND_COUNT,
    OTHER_KEYS,
    OTHER_STEPS,
    OTHER_ROWS,
    OTHER_INDICES,
    OTHER_WIDEST,
    OTHER_DATASET,
    OTHER_COUNT
};

static run_array exchange(const run_array *one, const run_array *other, int field) {
    run_array mixed = *one;
    mixed.launch_id = mb_device_launch_ids(mixed.device, 1);
    if (field < KIND_COUNT)
        mixed.values[field] = other->values[field];
    else if (field == OTHER_SLOTS)
        mixed.slots = other->slots;
    else if (field == OTHER_KEYS)
        mixed.keys = other->keys;
    else if (field == OTHER_STEPS)
        mixed.steps = other->steps;
    else if (field == OTHER_ROWS)
        mixed.rows = other->rows;
    else if (field == OTHER_INDICES)
        mixed.indices = other->indices;
    else if (field == OTHER_WIDEST)
        mixed.widest = other->widest;
    else
        mixed.dataset = other->dataset;
    return mixed;
}

static void run_steps(run_array *array, bool at_once) {
    for (int32_t s = 0; s < STEPS; s += at_once ? STEPS : 1)
        array_run(array, s, at_once ? STEPS : 1);
}

// Two arrays of two runs each with nothing in common, not even the dataset. One is launched, and
// then again with one field of the other.
static void run_mixed(const bench *b, trained_case *t, int field, bool at_once, trained two[2]) {
    float *value = &t->set.values[MB_TEXT][0], kept = *value;
    open_array(b, t, &t->runs[0], 2, &two[0]);
    *value = -3.0f;
    open_array(b, t, &t->runs[2], 2, &two[1]);
    *value = kept;
    run_array mixed = exchange(&two[0].array, &two[1].array, field);
    run_steps(&two[0].array, at_once);
    run_steps(&mixed, at_once);
    for (int k = 0; k < 2; k++)
        array_fetch(&two[k].array, &two[k].state);
}

// An executor may reuse captured steps of an earlier launch, but only if the launch was the same:
// the results must be those of single steps.
static void test_launches_are_what_they_say(void **state) {
    const bench *b = *state;
    trained_case *t = b->cases;
    while (strcmp(t->c->model->name, "mctn") != 0) // which has parameters that need two rows
        t++;
    for (int field = 0; field < OTHER_COUNT; field += SANITIZED ? 3 : 1) {
        trained at_once[2], single[2];
        char what[64];
        snprintf(what, sizeof what, "with another array's field %d", field);
        run_mixed(b, t, field, true, at_once);
        run_mixed(b, t, field, false, single);
        for (int k = 0; k < 2; k++) {
            for (int32_t a = 0; a < 2; a++)
                assert_same_run(what, &at_once[k].array, &at_once[k].state, a, &single[k].array,
                                &single[k].state, a);
            close_trained(&at_once[k]);
            close_trained(&single[k]);
        }
    }
}

int main(int argc, char **argv) {
    choose_tests(argc, argv);
    bench b = {.cuda = cuda_open()};
    list_models(&b.models);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_array_equals_runs_alone, &b),
        cmocka_unit_test_prestate(test_places_and_launches, &b),
        cmocka_unit_test_prestate(test_runs_differ, &b),
        cmocka_unit_test_prestate(test_quarantine, &b),
        cmocka_unit_test_prestate(test_launches_are_what_they_say, &b),
    };
    open_bench(&b);
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    close_bench(&b);
    b.cuda->backend->close(b.cuda);
    return failures;
}
