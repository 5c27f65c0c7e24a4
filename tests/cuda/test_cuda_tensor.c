// Forward products on tensor cores: as accurate as float32, or in TF32 if that was asked for.
#include "tensor_support.h"

// ---- exactness --------------------------------------------------------------------------------

// y = x W, straight from the dataset.
static void build_product(mb_graph *graph, const mb_model_config *config,
                          mb_graph_outputs *outputs) {
    mb_tensor x = mb_block_features(graph, config, MB_AUDIO);
    mb_tensor weight = mb_graph_weight(graph, "w", hidden_of(config), config->dims[MB_AUDIO],
                                       (mb_initial){MB_INITIAL_NORMAL, 0.3});
    finish(graph, config, mb_linear(graph, x, weight, MB_NO_TENSOR), outputs);
}

// Relative L2 errors compared with products in float64: of the device's products, and of plain
// float32 sums.
typedef struct product_errors {
    double found, plain;
} product_errors;

static product_errors errors_of(const problem *p, const evaluation *e) {
    int32_t depth = p->config.dims[MB_AUDIO], width = hidden_of(&p->config);
    const mb_parameter *parameter = &e->array.info->parameters[0];
    float *weight = malloc((size_t)depth * (size_t)width * sizeof *weight); // (width, depth)
    double found_error = 0.0, plain_error = 0.0, norm = 0.0;
    int64_t count;
    const float *found = features_of(e, 0, ROWS, &count);
    mb_parameter_load(parameter, state_of_run(&e->array, &e->state, PARAMETERS, 0), weight);
    for (int32_t i = 0; i < ROWS; i++)
        for (int32_t j = 0; j < width; j++) {
            const float *x = p->set.values[MB_AUDIO] + (int64_t)i * depth;
            const float *w = weight + (int64_t)j * depth;
            double exact = 0.0, difference = 0.0;
            float plain = 0.0f;
            for (int32_t k = 0; k < depth; k++) {
                exact += (double)x[k] * (double)w[k];
                plain = fmaf(x[k], w[k], plain);
            }
            difference = (double)found[i * width + j] - exact;
            found_error += difference * difference;
            plain_error += ((double)plain - exact) * ((double)plain - exact);
            norm += exact * exact;
        }
    free(weight);
    return (product_errors){sqrt(found_error / norm), sqrt(plain_error / norm)};
}

static void test_exactness(void **state) {
    const tensor_state *s = *state;
    const int32_t depths[] = {127, 1024, 5000};
    for (size_t k = 0; k < sizeof depths / sizeof *depths; k++) {
        problem p;
        product_errors errors[2];
        problem_open(&p, "product", build_product, MB_UTT, depths[k], 33, 1, ROWS);
        for (int d = 0; d < 2; d++) {
            evaluation e;
            evaluate(&p, d == 0 ? s->float32 : s->tf32, p.runs, 1, ROWS, &e);
            errors[d] = errors_of(&p, &e);
            evaluation_close(&e);
        }
        print_message("depth %d: plain %.2g, three products %.2g, one %.2g\n", depths[k],
                      errors[0].plain, errors[0].found, errors[1].found);
        assert_true(errors[0].found > 0.0 && errors[0].found <= 2.0 * errors[0].plain);
        assert_true(errors[1].found >= 1e-4 && errors[1].found <= 1e-3);
        samples_close(&p.set);
    }
}

// ---- ops --------------------------------------------------------------------------------------

static double worst_distance(const evaluation *found, const evaluation *expected,
                             const run_setting *runs) {
    double worst = 0.0;
    for (int32_t a = 0; a < RUNS; a++) {
        int64_t count;
        const float *y = features_of(expected, a, runs[a].rows[0], &count);
        const float *x = features_of(found, a, runs[a].rows[0], &count);
        if (runs[a].rows[0] > 0)
            worst = fmax(worst, distance(x, y, count, 1e-3));
    }
    return worst;
}

// Compares with the CPU's portable kernels, and checks that the tensor cores were used at all.
static void check_op(const tensor_state *s, const char *name, const op_case *c, int32_t dimension,
                     int32_t hidden, int32_t steps) {
    problem p;
    evaluation e[3];
    mb_device *const devices[] = {s->cpu, s->float32, s->tf32};
    problem_open(&p, c->name, c->build, c->type, dimension, hidden, steps, ROWS);
    for (int d = 0; d < 3; d++)
        evaluate(&p, devices[d], p.runs, RUNS, ROWS, &e[d]);
    double exact = worst_distance(&e[1], &e[0], p.runs);
    double rounded = worst_distance(&e[2], &e[0], p.runs);
    if (!(exact <= 2e-5) || !(rounded <= 2e-2) || !(rounded > 10.0 * exact))
        fail_msg("%s (%d, %d, %d): differs from the CPU's by %.3g, in TF32 by %.3g", name,
                 dimension, hidden, steps, exact, rounded);
    for (int d = 0; d < 3; d++)
        evaluation_close(&e[d]);
    samples_close(&p.set);
}

static void test_ops(void **state) {
    static const char *const names[] = {"linear",
                                        "relu",
                                        "linear over steps",
                                        "prepend one, rank linear, weighted sum",
                                        "linear thirds",
                                        "convolution",
                                        "outer linear",
                                        "decoder along time",
                                        "gated memory"};
    static const int32_t sizes[][3] = {
        {1, 1, 5}, {5, 31, 6}, {33, 33, 5}, {70, 64, 5}, {64, 127, 5}};
    int found = 0;
    for (int k = 0; k < CASE_COUNT; k++)
        for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
            if (strcmp(cases[k].name, names[n]) != 0)
                continue;
            found++;
            for (size_t i = 0; i < sizeof sizes / sizeof *sizes - 2 * SANITIZED; i++)
                check_op(*state, names[n], &cases[k], sizes[i][0], sizes[i][1], sizes[i][2]);
        }
    assert_int_equal(found, sizeof names / sizeof *names);
}

// Features of utterances with no, one or two frames, of which the last is used; also odd widths,
// whose rows are not aligned.
static void test_frames(void **state) {
    const tensor_state *s = *state;
    for (int32_t dimension = 36; dimension < 40; dimension++) {
        problem p;
        evaluation e[2];
        problem_open(&p, "product", build_product, MB_UTT, dimension, 2 * dimension, 1, ROWS);
        int64_t *offsets = calloc(SAMPLES + 1, sizeof *offsets);
        for (int i = 0; i < SAMPLES; i++)
            offsets[i + 1] = offsets[i] + (i % 5 == 0 ? 0 : i % 5 == 1 ? 2 : 1);
        assert_int_equal(offsets[SAMPLES], SAMPLES);
        p.set.offsets[MB_AUDIO] = offsets;
        evaluate(&p, s->cpu, p.runs, RUNS, ROWS, &e[0]);
        evaluate(&p, s->float32, p.runs, RUNS, ROWS, &e[1]);
        double error = worst_distance(&e[1], &e[0], p.runs);
        int64_t count;
        assert_true(features_of(&e[1], 0, ROWS, &count)[0] == 0.0f);
        assert_true(features_of(&e[1], 0, ROWS, &count)[2 * dimension] != 0.0f);
        if (!(error <= 2e-6))
            fail_msg("%d wide: differs from the CPU's by %.3g", dimension, error);
        for (int d = 0; d < 2; d++)
            evaluation_close(&e[d]);
        samples_close(&p.set);
    }
}

// ---- numbers that are not finite --------------------------------------------------------------

// With infinite, NaN and enormous features and weights, a sum has the value of the plain product,
// and other rows stay as accurate as before.
static void test_not_finite(void **state) {
    const tensor_state *s = *state;
    const int32_t depth = 40;
    problem p;
    evaluation e[2];
    problem_open(&p, "product", build_product, MB_UTT, depth, 33, 1, ROWS);
    float *x = p.set.values[MB_AUDIO];
    x[3 * depth + 0] = INFINITY;
    x[4 * depth + 17] = -INFINITY;
    x[5 * depth + 20] = NAN;
    x[6 * depth + 1] = INFINITY;
    x[6 * depth + 39] = INFINITY; // NaN where the weights have different signs
    x[7 * depth + 2] = 3.4e38f;
    x[8 * depth + 5] = 3.402e38f; // rounds to infinity in TF32
    for (int32_t k = 0; k < depth; k++)
        x[9 * depth + k] = 1.0f; // exact in TF32
    x[9 * depth + 30] = INFINITY;
    for (int d = 0; d < 2; d++) {
        evaluation *one = &e[d];
        array_state start;
        array_open(&one->array, d == 0 ? s->cpu : s->float32, &p.model, &p.config, MB_PLAN_EVALUATE,
                   MB_DROPOUT_OFF, ROWS, &p.set, p.runs, RUNS);
        array_fetch(&one->array, &start);
        float *weight = state_of_run(&one->array, &start, PARAMETERS, 3);
        weight[one->array.info->parameters[0].offset + 7 * 33 + 2] = INFINITY;
        array_put(&one->array, &start);
        state_free(&start);
        array_run(&one->array, 0, 1);
        array_fetch(&one->array, &one->state);
    }
    for (int32_t a = 0; a < RUNS; a++)
        for (int32_t i = 0; i < p.runs[a].rows[0]; i++) {
            int64_t count;
            const float *expected = features_of(&e[0], a, 1, &count) + i * count;
            const float *found = features_of(&e[1], a, 1, &count) + i * count;
            double error = distance(found, expected, count, 1e-3);
            if (!(error <= 2e-6))
                fail_msg("run %d, row %d: differs from the CPU's by %.3g", a, i, error);
        }
    int64_t count;
    assert_true(isinf(features_of(&e[1], 0, ROWS, &count)[3 * 33]));
    assert_true(isinf(features_of(&e[1], 0, ROWS, &count)[9 * 33]));
    assert_true(isnan(features_of(&e[1], 0, ROWS, &count)[5 * 33]));
    for (int d = 0; d < 2; d++)
        evaluation_close(&e[d]);
    samples_close(&p.set);
}

// ---- arrays and models ------------------------------------------------------------------------

static void test_array_equals_runs_alone(void **state) {
    const tensor_state *s = *state;
    for (int d = 0; d < 2; d++) {
        mb_device *device = d == 0 ? s->float32 : s->tf32;
        problem p;
        evaluation together, alone;
        problem_open(&p, "thirds", build_thirds, MB_UTT, 70, 35, 1, ROWS);
        evaluate(&p, device, p.runs, RUNS, ROWS, &together);
        for (int32_t a = 0; a < RUNS; a++) {
            evaluate(&p, device, &p.runs[a], 1, ROWS, &alone);
            assert_same_run("thirds", &alone.array, &alone.state, 0, &together.array,
                            &together.state, a);
            evaluation_close(&alone);
        }
        evaluation_close(&together);
        samples_close(&p.set);
    }
}

// Predictions of every model.
static void test_models(void **state) {
    const tensor_state *s = *state;
    mb_device *const devices[] = {s->cpu, s->float32, s->tf32};
    for (int i = 0; i < s->models.count; i++) {
        const model_case *c = &s->models.cases[i];
        problem p = {.model = *c->model, .config = c->config};
        evaluation e[3];
        if (!c->first && strstr(c->name, "wide") == NULL)
            continue;
        samples_open(&p.set, &p.config);
        samples_vary(&p.set, &p.config);
        for (int32_t a = 0; a < RUNS; a++) {
            p.runs[a] = setting_of(c, a);
            p.runs[a].rows[0] = a == 2 ? 0 : ROWS - 13 * a;
        }
        for (int d = 0; d < 3; d++)
            evaluate(&p, devices[d], p.runs, RUNS, ROWS, &e[d]);
        for (int d = 1; d < 3; d++)
            for (int32_t a = 0; a < RUNS; a++)
                for (int kind = LOGITS; kind <= VALUES; kind++) { // NaN where nothing was written
                    double error =
                        distance(state_of_run(&e[d].array, &e[d].state, (array_kind)kind, a),
                                 state_of_run(&e[0].array, &e[0].state, (array_kind)kind, a),
                                 e[0].array.floats[kind], 1e-3);
                    if (!(error <= (d == 1 ? 5e-5 : 2e-2)))
                        fail_msg("%s, run %d: %s differ from the CPU's by %.3g%s", c->name, a,
                                 kind_names[kind], error, d == 2 ? " in TF32" : "");
                }
        for (int d = 0; d < 3; d++)
            evaluation_close(&e[d]);
        samples_close(&p.set);
    }
}

static void test_descriptions(void **state) {
    const tensor_state *s = *state;
    mb_device_description float32, tf32;
    assert_int_equal(s->float32->backend->describe(s->float32, &float32, NULL), MB_OK);
    assert_int_equal(s->tf32->backend->describe(s->tf32, &tf32, NULL), MB_OK);
    size_t length = strlen(float32.text);
    assert_memory_equal(float32.text, tf32.text, length);
    assert_string_equal(tf32.text + length, " tf32");
}

int main(int argc, char **argv) {
    choose_tests(argc, argv);
    tensor_state s = {.float32 = cuda_open(), .tf32 = tf32_open(), .cpu = portable_open()};
    list_models(&s.models);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_exactness, &s),
        cmocka_unit_test_prestate(test_ops, &s),
        cmocka_unit_test_prestate(test_frames, &s),
        cmocka_unit_test_prestate(test_not_finite, &s),
        cmocka_unit_test_prestate(test_array_equals_runs_alone, &s),
        cmocka_unit_test_prestate(test_models, &s),
        cmocka_unit_test_prestate(test_descriptions, &s),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    s.float32->backend->close(s.float32);
    s.tf32->backend->close(s.tf32);
    s.cpu->backend->close(s.cpu);
    return failures;
}
