// Numbers that are not finite. A NaN in a parameter reaches every prediction that depends on the
// parameter, as in PyTorch, on the CUDA executor and with every instruction set of the CPU. Runs
// that break, and evaluations in a new order of rows, on the CUDA executor.
#include "model_cases.h"

#include "../unit/not_finite_support.h"

typedef struct devices {
    int count;
    mb_device *list[4];
    model_cases models;
} devices;

typedef struct predictions {
    float logits[MODEL_ROWS * 4], values[MODEL_ROWS];
} predictions;

// Evaluates with these parameters.
static void evaluate(run_array *array, const float *parameters, predictions *to) {
    mb_error error = {.message = ""};
    const mb_backend *backend = array->device->backend;
    size_t bytes = (size_t)array->floats[PARAMETERS] * sizeof(float);
    expect_ok(backend->upload(array->device, array->values[PARAMETERS], parameters, bytes, &error),
              &error);
    array_run(array, 0, 1);
    expect_ok(backend->download(array->device, to->logits, array->values[LOGITS], sizeof to->logits,
                                &error),
              &error);
    expect_ok(backend->download(array->device, to->values, array->values[VALUES], sizeof to->values,
                                &error),
              &error);
}

// Counts the predictions that differ between a and b, all of which must be NaN in `broken`.
static int check_numbers(const char *where, const mb_parameter *parameter, const float *a,
                         const float *b, const float *broken, int count) {
    int differing = 0;
    for (int i = 0; i < count; i++) {
        differing += a[i] != b[i];
        if (a[i] != b[i] && !isnan(broken[i]))
            fail_msg("%s: %s is NaN, but prediction %d, which depends on it, is %g", where,
                     parameter->name, i, (double)broken[i]);
    }
    return differing;
}

// Returns whether the predictions depend on the parameter.
static bool check_parameter(run_array *array, const char *where, const mb_parameter *parameter,
                            const float *start, float *changed, const predictions *usual) {
    int64_t count = mb_shape_elements(&parameter->shape, 0);
    predictions moved, broken;
    size_t bytes = (size_t)array->floats[PARAMETERS] * sizeof(float);
    memcpy(changed, start, bytes);
    for (int64_t i = parameter->offset; i < parameter->offset + count; i++)
        changed[i] += 0.5f;
    evaluate(array, changed, &moved);
    for (int64_t i = parameter->offset; i < parameter->offset + count; i++)
        changed[i] = NAN;
    evaluate(array, changed, &broken);
    return check_numbers(where, parameter, usual->logits, moved.logits, broken.logits,
                         MODEL_ROWS * 4) +
               check_numbers(where, parameter, usual->values, moved.values, broken.values,
                             MODEL_ROWS) >
           0;
}

static void check_model(mb_device *device, const model_case *c) {
    sample_set set;
    run_array array;
    array_state state;
    predictions usual;
    char where[160];
    run_setting setting = setting_of(c, 0);
    for (int s = 0; s < MOST_STEPS; s++)
        setting.rows[s] = MODEL_ROWS;
    snprintf(where, sizeof where, "%s, %s", device->backend->name, c->name);
    case_samples_open(&set, c);
    array_open(&array, device, c->model, &c->config, MB_PLAN_EVALUATE, MB_DROPOUT_OFF, MODEL_ROWS,
               &set, &setting, 1);
    array_fetch(&array, &state);
    const float *start = state.values[PARAMETERS];
    float *changed = malloc((size_t)array.floats[PARAMETERS] * sizeof *changed + 1);
    evaluate(&array, start, &usual);
    int depending = 0;
    for (int32_t p = 0; p < array.info->parameter_count; p++)
        depending +=
            check_parameter(&array, where, &array.info->parameters[p], start, changed, &usual);
    assert_true(depending >= 4); // both heads, at least
    free(changed);
    state_free(&state);
    array_close(&array);
    samples_close(&set);
}

static void test_nan_reaches_predictions(void **state) {
    const devices *d = *state;
    for (int i = 0; i < d->models.count; i++)
        for (int k = 0; k < d->count; k++)
            if (d->models.cases[i].first && (!SANITIZED || i % 4 == 0))
                check_model(d->list[k], &d->models.cases[i]);
}

static void test_broken_runs(void **state) {
    const devices *d = *state;
    static const char *const datasets[] = {"CMUMOSI", "IEMOCAPSix"};
    for (int i = 0; i < 2; i++) {
        check_last_row(d->list[0], datasets[i]);
        if (!SANITIZED)
            check_broken_in_array(d->list[0], datasets[i]);
    }
    if (!SANITIZED)
        check_protocols(d->list[0]);
}

static void test_evaluation_order(void **state) {
    const devices *d = *state;
    check_evaluation_order(d->list[0]);
}

int main(int argc, char **argv) {
    static const char *const sets[] = {"portable", "avx2", "avx512"};
    choose_tests(argc, argv);
    devices d = {.count = 1, .list = {cuda_open()}};
    for (int i = 0; i < 3; i++) {
        mb_error error;
        if (mb_cpu_open(sets[i], &d.list[d.count], &error) == MB_OK)
            d.count++;
    }
    list_models(&d.models);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_nan_reaches_predictions, &d),
        cmocka_unit_test_prestate(test_broken_runs, &d),
        cmocka_unit_test_prestate(test_evaluation_order, &d),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    for (int k = 0; k < d.count; k++)
        d.list[k]->backend->close(d.list[k]);
    return failures;
}
