// The ops of transformers against their formulas in double, on every instruction set; and what
// their constructors and the model mult refuse.
#include "engine_support.h"

#include "models/blocks_transformer.h"

static const char *const isas[] = {"portable", "avx2", "avx512"};
enum { ISA_COUNT = sizeof isas / sizeof *isas, ROWS = 3 };

static bool available(const char *isa) {
    mb_device *device = NULL;
    if (mb_cpu_open(isa, &device, NULL) != MB_OK)
        return false;
    device->backend->close(device);
    return true;
}

// Audio, text and video have T1, T2, T3 steps of dimensions D1, D2, D3.
static mb_model_config config_of(const int32_t steps[3], const int32_t dims[3], double option) {
    mb_model_config config = {.feature_type = MB_FRM_UNALIGN, .options = {option}};
    memcpy(config.steps, steps, 3 * sizeof *steps);
    memcpy(config.dims, dims, 3 * sizeof *dims);
    return config;
}

typedef void builder(mb_graph *, const mb_model_config *, mb_graph_outputs *);

static void open_op(model_engine *engine, sample_set *set, const char *isa, builder *build,
                    const mb_model_config *config) {
    mb_model model = {.name = "op", .build = build};
    samples_open(set, config);
    engine_open(engine, isa, &model, config, MB_PLAN_EVALUATE, MB_DROPOUT_OFF, ROWS + 2);
}

static void close_op(model_engine *engine, sample_set *set) {
    engine_close(engine);
    samples_close(set);
}

static const float *run_op(model_engine *engine, const sample_set *set) {
    engine_run(engine, set, 0, ROWS, 0);
    return engine->arena + engine->info->features.offset;
}

static const double close_to = 2e-6;

static void check_value(const char *name, const char *isa, double found, double expected,
                        double limit) {
    if (!(fabs(found - expected) <= limit * (1.0 + fabs(expected))))
        fail_msg("%s on %s: found %.9g, expected %.9g", name, isa, found, expected);
}

// ---- attention --------------------------------------------------------------------------------

static void build_attention(mb_graph *graph, const mb_model_config *config,
                            mb_graph_outputs *outputs) {
    mb_tensor q = mb_block_features(graph, config, MB_AUDIO);
    mb_tensor k = mb_block_features(graph, config, MB_TEXT);
    mb_tensor v = mb_block_features(graph, config, MB_VIDEO);
    int32_t code = (int32_t)config->options[0]; // heads, negative with a mask
    mb_attention_mask mask = code < 0 ? MB_ATTENTION_FUTURE : MB_ATTENTION_ALL;
    mb_tensor scores = mb_attention_scores(graph, q, k, abs(code), 0.5, mask);
    outputs->features = mb_attention_apply(graph, mb_softmax(graph, scores), v);
}

// Output column `c` of query i in row b.
static double plain_attention(const sample_set *set, const mb_model_config *config, int32_t b,
                              int32_t i, int32_t c) {
    int32_t lq = config->steps[0], lk = config->steps[1], width = config->dims[0];
    int32_t code = (int32_t)config->options[0], part = width / abs(code), first = c / part * part;
    double sum = 0.0, weighted = 0.0;
    for (int32_t j = 0; j < lk; j++) {
        if (code < 0 && j - i >= 1 + abs(lk - lq))
            continue;
        double score = 0.0;
        for (int32_t e = first; e < first + part; e++)
            score += (double)set->values[0][(b * lq + i) * width + e] *
                     (double)set->values[1][(b * lk + j) * width + e];
        double weight = exp(0.5 * score);
        sum += weight;
        weighted += weight * (double)set->values[2][(b * lk + j) * width + c];
    }
    return weighted / sum;
}

static void check_attention(const char *isa, int32_t lq, int32_t lk, int32_t heads, int32_t part,
                            bool masked) {
    int32_t width = heads * part;
    mb_model_config config = config_of((int32_t[]){lq, lk, lk}, (int32_t[]){width, width, width},
                                       masked ? -heads : heads);
    model_engine engine;
    sample_set set;
    open_op(&engine, &set, isa, build_attention, &config);
    const float *y = run_op(&engine, &set);
    for (int32_t b = 0; b < ROWS; b++)
        for (int32_t i = 0; i < lq; i++)
            for (int32_t c = 0; c < width; c++)
                check_value("attention", isa, (double)y[(b * lq + i) * width + c],
                            plain_attention(&set, &config, b, i, c), close_to);
    close_op(&engine, &set);
}

static void test_attention(void **state) {
    (void)state;
    static const int32_t lengths[][2] = {{1, 1}, {1, 4}, {5, 2}, {3, 9}, {7, 7}, {31, 33}};
    for (int i = 0; i < ISA_COUNT; i++)
        for (size_t l = 0; available(isas[i]) && l < sizeof lengths / sizeof *lengths; l++)
            for (int masked = 0; masked < 2; masked++) {
                check_attention(isas[i], lengths[l][0], lengths[l][1], 1, 1, masked);
                check_attention(isas[i], lengths[l][0], lengths[l][1], 3, 5, masked);
                check_attention(isas[i], lengths[l][0], lengths[l][1], 8, 16, masked);
            }
}

// ---- layer norm -------------------------------------------------------------------------------

static void build_norm(mb_graph *graph, const mb_model_config *config, mb_graph_outputs *outputs) {
    mb_shape shape = {1, {config->dims[0]}};
    mb_initial normal = {MB_INITIAL_NORMAL, 1.0};
    mb_tensor w = mb_graph_parameter(graph, "w", shape, normal);
    mb_tensor b = mb_graph_parameter(graph, "b", shape, normal);
    outputs->features = mb_layer_norm(graph, mb_block_features(graph, config, MB_AUDIO), w, b);
}

// With few columns, values around 3 may be close together, and rounding shows in the result.
static const double ill_conditioned = 1e-5;

static void check_norm(const char *isa, int32_t width) {
    enum { STEPS = 2 };
    mb_model_config config = config_of((int32_t[]){STEPS, 1, 1}, (int32_t[]){width, 0, 0}, 0);
    model_engine engine;
    sample_set set;
    open_op(&engine, &set, isa, build_norm, &config);
    for (int32_t r = 0; r < ROWS * STEPS * width; r++)
        set.values[0][r] += 3.0f; // layer norm must subtract the mean
    const float *y = run_op(&engine, &set);
    const float *w = engine.parameters + engine.info->parameters[0].offset;
    const float *b = engine.parameters + engine.info->parameters[1].offset;
    for (int32_t r = 0; r < ROWS * STEPS; r++) {
        const float *x = set.values[0] + r * width;
        double mean = 0.0, variance = 0.0;
        for (int32_t j = 0; j < width; j++)
            mean += (double)x[j] / width;
        for (int32_t j = 0; j < width; j++)
            variance += ((double)x[j] - mean) * ((double)x[j] - mean) / width;
        for (int32_t j = 0; j < width; j++)
            check_value("layer norm", isa, (double)y[r * width + j],
                        ((double)x[j] - mean) / sqrt(variance + 1e-5) * (double)w[j] + (double)b[j],
                        ill_conditioned);
    }
    close_op(&engine, &set);
}

static void test_layer_norm(void **state) {
    (void)state;
    static const int32_t widths[] = {2, 15, 16, 33, 127};
    for (int i = 0; i < ISA_COUNT; i++)
        for (size_t k = 0; available(isas[i]) && k < sizeof widths / sizeof *widths; k++)
            check_norm(isas[i], widths[k]);
}

// ---- convolution ------------------------------------------------------------------------------

static void build_convolution(mb_graph *graph, const mb_model_config *config,
                              mb_graph_outputs *outputs) {
    mb_tensor filter = mb_graph_filter(graph, "f", 7, config->dims[0], (int32_t)config->options[0],
                                       (mb_initial){MB_INITIAL_NORMAL, 0.3});
    outputs->features = mb_convolve(graph, mb_block_features(graph, config, MB_AUDIO), filter);
}

static void check_convolution(const char *isa, int32_t steps, int32_t inputs, int32_t kernel) {
    enum { OUTPUTS = 7 };
    mb_model_config config = config_of((int32_t[]){steps, 1, 1}, (int32_t[]){inputs, 0, 0}, kernel);
    model_engine engine;
    sample_set set;
    open_op(&engine, &set, isa, build_convolution, &config);
    const float *y = run_op(&engine, &set);
    float *w = malloc((size_t)(OUTPUTS * inputs * kernel) * sizeof *w); // (O, I, K)
    mb_parameter_load(&engine.info->parameters[0], engine.parameters, w);
    int32_t out_steps = steps - kernel + 1;
    for (int32_t b = 0; b < ROWS; b++)
        for (int32_t t = 0; t < out_steps; t++)
            for (int32_t o = 0; o < OUTPUTS; o++) {
                double sum = 0.0;
                for (int32_t c = 0; c < inputs; c++)
                    for (int32_t j = 0; j < kernel; j++)
                        sum += (double)w[(o * inputs + c) * kernel + j] *
                               (double)set.values[0][(b * steps + t + j) * inputs + c];
                check_value("convolution", isa, (double)y[(b * out_steps + t) * OUTPUTS + o], sum,
                            close_to);
            }
    float *stored = malloc((size_t)engine.info->parameter_floats * sizeof *stored);
    mb_parameter_store(&engine.info->parameters[0], w, stored);
    assert_memory_equal(stored, engine.parameters,
                        (size_t)(OUTPUTS * inputs * kernel) * sizeof *stored);
    free(stored);
    free(w);
    close_op(&engine, &set);
}

static void test_convolution(void **state) {
    (void)state;
    for (int i = 0; i < ISA_COUNT; i++) {
        if (!available(isas[i]))
            continue;
        check_convolution(isas[i], 1, 1, 1);
        check_convolution(isas[i], 5, 3, 5);
        check_convolution(isas[i], 9, 33, 1);
        check_convolution(isas[i], 31, 31, 3);
    }
}

// ---- positions --------------------------------------------------------------------------------

static void build_positions(mb_graph *graph, const mb_model_config *config,
                            mb_graph_outputs *outputs) {
    outputs->features = mb_positions(graph, mb_block_features(graph, config, MB_AUDIO));
}

static void check_positions(const char *isa, int32_t width) {
    enum { STEPS = 6 };
    mb_model_config config = config_of((int32_t[]){STEPS, 1, 1}, (int32_t[]){width, 0, 0}, 0);
    model_engine engine;
    sample_set set;
    open_op(&engine, &set, isa, build_positions, &config);
    for (int32_t b = 0; b < ROWS; b++)
        for (int32_t t = 0; t < b; t++) // b frames of padding in row b
            set.values[0][(b * STEPS + t) * width] = 0.0f;
    const float *y = run_op(&engine, &set);
    for (int32_t b = 0; b < ROWS; b++)
        for (int32_t t = 0; t < STEPS; t++)
            for (int32_t j = 0; j < width; j++) {
                int32_t half = width / 2, i = j % half;
                double angle = (t + 1) * exp(-i * log(10000.0) / (half - 1));
                double expected = t < b || j == 2 * half ? 0.0 : j < half ? sin(angle) : cos(angle);
                check_value("positions", isa, (double)y[(b * STEPS + t) * width + j], expected,
                            close_to);
            }
    close_op(&engine, &set);
}

static void test_positions(void **state) {
    (void)state;
    for (int i = 0; i < ISA_COUNT; i++) {
        if (!available(isas[i]))
            continue;
        check_positions(isas[i], 4);
        check_positions(isas[i], 33);
    }
}

// ---- what is refused --------------------------------------------------------------------------

static void assert_refused(builder *build, const mb_model_config *config, const char *words) {
    mb_model model = {.name = "op", .build = build};
    mb_plan *plan = NULL;
    mb_error error = {.message = ""};
    assert_int_equal(
        mb_model_compile(&model, config, MB_PLAN_EVALUATE, MB_DROPOUT_OFF, 2, &plan, &error),
        MB_BAD_INPUT);
    assert_null(plan);
    if (strstr(error.message, words) == NULL)
        fail_msg("'%s' is not in: %s", words, error.message);
}

static void build_wrong_norm(mb_graph *graph, const mb_model_config *config,
                             mb_graph_outputs *outputs) {
    mb_shape shape = {1, {config->dims[0] + 1}};
    mb_tensor w = mb_graph_parameter(graph, "w", shape, (mb_initial){MB_INITIAL_CONSTANT, 1.0});
    outputs->features = mb_layer_norm(graph, mb_block_features(graph, config, MB_AUDIO), w, w);
}

static void build_wrong_thirds(mb_graph *graph, const mb_model_config *config,
                               mb_graph_outputs *outputs) {
    mb_tensor x = mb_block_features(graph, config, MB_AUDIO), y[3];
    mb_tensor weight = mb_graph_weight(graph, "w", 3 * config->dims[0] + 1, config->dims[0],
                                       (mb_initial){MB_INITIAL_CONSTANT, 1.0});
    mb_linear_thirds(graph, (mb_tensor[]){x, x, x}, weight, MB_NO_TENSOR, y);
    outputs->features = y[2];
}

static void test_constructors_refuse(void **state) {
    (void)state;
    const int32_t steps[3] = {4, 5, 5}, dims[3] = {6, 6, 6};
    mb_model_config config = config_of(steps, dims, 4);
    assert_refused(build_attention, &config,
                   "expected a number of heads that divides the width 6, found 4");
    config.options[0] = 0;
    assert_refused(build_attention, &config, "heads");
    config = config_of(steps, (const int32_t[]){6, 5, 6}, 2);
    assert_refused(build_attention, &config, "attention_scores: expected q (B, Lq, D)");
    config = config_of((const int32_t[]){4, 5, 3}, dims, 2);
    assert_refused(build_attention, &config, "attention_apply: expected w (B, N, Lq, Lk)");
    config = config_of(steps, dims, 5);
    assert_refused(build_convolution, &config, "with K <= T, found (B, 4, 6) (7, 6, 5)");
    assert_refused(build_wrong_norm, &config, "layer_norm: expected x (..., D)");
    assert_refused(build_wrong_thirds, &config, "linear_thirds: expected");
    config = config_of(steps, (const int32_t[]){3, 6, 6}, 0);
    assert_refused(build_positions, &config, "D >= 4");
}

static mb_model_config mult_config(const mb_model *model) {
    mb_model_config config = {.feature_type = MB_FRM_UNALIGN,
                              .dims = {3, 4, 5},
                              .steps = {6, 7, 8},
                              .class_count = 4,
                              .value_count = 1};
    mb_model_defaults(model, &config);
    config.options[MB_OPTION_HIDDEN_DIM] = 8;
    config.options[mb_model_option(model, "layers")] = 1;
    return config;
}

static void assert_unchecked(const mb_model *model, const mb_model_config *config,
                             const char *words) {
    mb_error error = {.message = ""};
    assert_int_equal(mb_model_check(model, config, &error), MB_BAD_INPUT);
    if (strstr(error.message, words) == NULL)
        fail_msg("'%s' is not in: %s", words, error.message);
}

static void test_mult_refuses(void **state) {
    (void)state;
    const mb_model *model = mb_model_find("mult");
    assert_non_null(model);
    mb_model_config good = mult_config(model), config = good;
    mb_error error;
    assert_int_equal(mb_model_check(model, &good, &error), MB_OK);
    config.options[mb_model_option(model, "num_heads")] = 3;
    assert_unchecked(model, &config, "num_heads: expected a divisor of hidden_dim (8), found 3");
    config = good;
    config.feature_type = MB_UTT;
    assert_unchecked(model, &config, "feature_type");
    config = good;
    config.steps[MB_TEXT] = 2;
    assert_unchecked(model, &config,
                     "conv1d_kernel_size: expected at most 2, the number of frames of "
                     "features.text, found 3");
    assert_refused(model->build, &config, "features.text");
    config = good;
    config.options[MB_OPTION_HIDDEN_DIM] = 1;
    config.options[mb_model_option(model, "num_heads")] = 1;
    assert_unchecked(model, &config, "hidden_dim");
    config.options[MB_OPTION_HIDDEN_DIM] = 3;
    assert_int_equal(mb_model_check(model, &config, &error), MB_OK);
    config.options[mb_model_option(model, "position_embedding")] = 1;
    assert_unchecked(model, &config, "hidden_dim: position_embedding needs at least 4");
    config = good;
    config.dims[MB_VIDEO] = 0;
    assert_unchecked(model, &config, "features");
}

// Trains the smallest shapes: odd widths, sequences of one step after the convolution, one row.
static void test_mult_at_its_smallest(void **state) {
    (void)state;
    const mb_model *model = mb_model_find("mult");
    mb_model_config config = mult_config(model);
    config.steps[0] = config.steps[1] = 3;
    config.options[MB_OPTION_HIDDEN_DIM] = 5;
    config.options[mb_model_option(model, "num_heads")] = 1;
    config.options[mb_model_option(model, "position_embedding")] = 1;
    for (int i = 0; i < ISA_COUNT; i++) {
        if (!available(isas[i]))
            continue;
        model_engine engine;
        sample_set set;
        samples_open(&set, &config);
        engine_open(&engine, isas[i], model, &config, MB_PLAN_TRAIN, MB_DROPOUT_RANDOM, 4);
        double first = 0.0, last = 0.0;
        for (uint32_t s = 0; s < 60; s++) {
            engine_run(&engine, &set, 0, s % 2 == 0 ? 4 : 1, s);
            assert_true(isfinite(engine_total(&engine)));
            if (s == 0)
                first = engine_total(&engine);
            if (s == 58)
                last = engine_total(&engine);
        }
        assert_true(last < first);
        engine_close(&engine);
        samples_close(&set);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attention),
        cmocka_unit_test(test_layer_norm),
        cmocka_unit_test(test_convolution),
        cmocka_unit_test(test_positions),
        cmocka_unit_test(test_constructors_refuse),
        cmocka_unit_test(test_mult_refuses),
        cmocka_unit_test(test_mult_at_its_smallest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
