// Every op's gradient against central differences, on small models made for one op each; and the
// fused update against the gradient followed by Adam.
#include "gradient_memory.h"
#include "gradient_sequences.h"

static const char *const isas[] = {"portable", "avx2", "avx512"};

// ---- models around one op ---------------------------------------------------------------------

static const mb_option options[] = {MB_OPTION_HIDDEN_DIM_ROW(8), MB_OPTION_DROPOUT_ROW(0.3),
                                    MB_OPTION_MEM_DIM_ROW};
enum { OPTION_COUNT = sizeof options / sizeof *options };

static void build_linear(mb_graph *graph, const mb_model_config *config,
                         mb_model_outputs *outputs) {
    mb_tensor x = first_map(graph, config, "a");
    mb_tensor weight = mb_graph_weight(graph, "no_bias", 7, hidden_of(config),
                                       (mb_initial){MB_INITIAL_NORMAL, 0.3});
    finish(graph, config, mb_linear(graph, x, weight, MB_NO_TENSOR), outputs);
}

static void build_relu(mb_graph *graph, const mb_model_config *config, mb_model_outputs *outputs) {
    mb_tensor x = mb_relu(graph, first_map(graph, config, "a"));
    finish(graph, config, mb_relu(graph, mb_block_linear(graph, "b", x, 9)), outputs);
}

static void build_softmax(mb_graph *graph, const mb_model_config *config,
                          mb_model_outputs *outputs) {
    finish(graph, config, mb_softmax(graph, first_map(graph, config, "a")), outputs);
}

static void build_dropout(mb_graph *graph, const mb_model_config *config,
                          mb_model_outputs *outputs) {
    mb_tensor x = mb_block_dropout(graph, "a#0", mb_block_features(graph, config, MB_AUDIO));
    x = mb_block_linear(graph, "a", x, hidden_of(config));
    finish(graph, config, mb_block_dropout(graph, "b#0", x), outputs);
}

// The same weight twice, and a tensor that several ops read: gradients accumulate.
static void build_shared(mb_graph *graph, const mb_model_config *config,
                         mb_model_outputs *outputs) {
    mb_tensor x = first_map(graph, config, "a");
    mb_tensor y = mb_block_linear(graph, "b", x, hidden_of(config));
    mb_tensor z = mb_block_linear(graph, "b", mb_relu(graph, y), hidden_of(config));
    finish(graph, config, mb_add(graph, mb_add(graph, x, y), z), outputs);
}

static void build_mix(mb_graph *graph, const mb_model_config *config, mb_model_outputs *outputs) {
    mb_tensor parts[] = {first_map(graph, config, "a"), first_map(graph, config, "b"),
                         first_map(graph, config, "c")};
    mb_tensor u = mb_concat(graph, parts, 3);
    finish(graph, config, mb_mix(graph, mb_block_linear(graph, "w", u, 3), u), outputs);
}

static void build_activations(mb_graph *graph, const mb_model_config *config,
                              mb_model_outputs *outputs) {
    mb_tensor a = mb_sigmoid(graph, first_map(graph, config, "a"));
    mb_tensor b = mb_tanh(graph, first_map(graph, config, "b"));
    mb_tensor x = mb_scale(graph, mb_multiply(graph, a, b), 2.5, MB_SLOT_DROPOUT);
    finish(graph, config, x, outputs);
    outputs->interloss = mb_mean_squared_difference(graph, a, b);
}

static void build_reshape(mb_graph *graph, const mb_model_config *config,
                          mb_model_outputs *outputs) {
    mb_tensor x = mb_block_linear(graph, "a", mb_block_features(graph, config, MB_AUDIO),
                                  3 * hidden_of(config));
    x = mb_reshape(graph, x, (mb_shape){3, {MB_ROWS, 3, hidden_of(config)}});
    finish(graph, config, mb_last_step(graph, mb_softmax(graph, x)), outputs);
}

// As in lmf: three factors of several ranks, multiplied and summed.
static void build_ranks(mb_graph *graph, const mb_model_config *config, mb_model_outputs *outputs) {
    static const char *const names[] = {"a", "b", "c"};
    int32_t hidden = hidden_of(config), out = hidden / 2 + 1;
    mb_initial initial = {MB_INITIAL_NORMAL, 1.0 / sqrt(hidden + 1.0)};
    mb_tensor product = MB_NO_TENSOR;
    for (int i = 0; i < 3; i++) {
        mb_tensor x = mb_prepend_one(graph, first_map(graph, config, names[i]));
        mb_tensor factor = mb_graph_parameter(graph, mb_name_of(names[i], "factor").text,
                                              (mb_shape){3, {3, hidden + 1, out}}, initial);
        mb_tensor y = mb_rank_linear(graph, x, factor);
        product = i == 0 ? y : mb_multiply(graph, product, y);
    }
    mb_tensor weights = mb_graph_parameter(graph, "weights", (mb_shape){2, {1, 3}},
                                           (mb_initial){MB_INITIAL_NORMAL, 1.0});
    mb_tensor bias = mb_graph_parameter(graph, "bias", (mb_shape){2, {1, out}},
                                        (mb_initial){MB_INITIAL_NORMAL, 1.0});
    finish(graph, config, mb_weighted_sum(graph, weights, product, bias), outputs);
}

// As in tfn, with factors of different widths, dropout inside.
static void build_outer(mb_graph *graph, const mb_model_config *config, mb_model_outputs *outputs) {
    static const char *const names[] = {"a", "b", "c"};
    int32_t hidden = hidden_of(config), widths[] = {1, 2, hidden}, width = 2 * 3 * (hidden + 1);
    mb_tensor x = mb_block_features(graph, config, MB_AUDIO), factors[3];
    for (int i = 0; i < 3; i++)
        factors[i] = mb_prepend_one(graph, mb_block_linear(graph, names[i], x, widths[i]));
    mb_initial initial = {MB_INITIAL_NORMAL, 1.0 / sqrt((double)width)};
    mb_tensor weight = mb_graph_weight(graph, "d.weight", hidden, width, initial);
    mb_tensor bias = mb_graph_parameter(graph, "d.bias", (mb_shape){1, {hidden}}, initial);
    mb_dropout_site site = {.name = "d#0", .rate = MB_SLOT_DROPOUT};
    finish(graph, config, mb_outer_linear(graph, factors, site, weight, bias), outputs);
}

static void build_lstm(mb_graph *graph, const mb_model_config *config, mb_model_outputs *outputs) {
    mb_tensor x = mb_block_features(graph, config, MB_AUDIO);
    finish(graph, config, mb_block_lstm_encoder(graph, "e", x, hidden_of(config)), outputs);
}

static void build_gaussian_bound(mb_graph *graph, const mb_model_config *config,
                                 mb_model_outputs *outputs) {
    mb_tensor mu = first_map(graph, config, "mu"), y = first_map(graph, config, "y");
    mb_tensor logvar = first_map(graph, config, "logvar");
    finish(graph, config, mu, outputs);
    outputs->interloss =
        mb_add(graph, mb_gaussian_bound(graph, mu, y, logvar, true),
               mb_scale(graph, mb_gaussian_bound(graph, y, mu, logvar, false), 0.7, MB_SLOT_NONE));
}

static void build_contrastive(mb_graph *graph, const mb_model_config *config,
                              mb_model_outputs *outputs) {
    mb_tensor x = mb_unit_rows(graph, first_map(graph, config, "a"), (mb_unit_rule){.epsilon = 0});
    mb_tensor q = mb_unit_rows(graph, first_map(graph, config, "b"),
                               (mb_unit_rule){.epsilon = 0.1, .keep_zero = true});
    finish(graph, config, mb_add(graph, x, q), outputs);
    outputs->interloss = mb_scale(graph, mb_contrastive(graph, x, q), 3.0, MB_SLOT_NONE);
}

// Parts of a batch against each other; two of the three read by both losses.
static void build_batch_losses(mb_graph *graph, const mb_model_config *config,
                               mb_model_outputs *outputs) {
    const mb_pairs all = {3, {{0, 1}, {2, 0}, {1, 2}}}, one = {1, {{2, 1}}};
    mb_tensor x =
        mb_sigmoid(graph, mb_block_linear(graph, "a", mb_block_features(graph, config, MB_AUDIO),
                                          3 * hidden_of(config)));
    mb_tensor parts = mb_reshape(graph, x, (mb_shape){3, {MB_ROWS, 3, hidden_of(config)}});
    mb_tensor centered = mb_center(graph, parts);
    mb_tensor moments = mb_add(graph, mb_moment_discrepancy(graph, parts, centered, all, true),
                               mb_moment_discrepancy(graph, parts, centered, one, true));
    mb_tensor units = mb_unit_rows(graph, centered, (mb_unit_rule){.epsilon = 0.1});
    mb_tensor overlap = mb_add(graph, mb_overlap(graph, units, all), mb_overlap(graph, units, one));
    outputs->interloss = mb_add(graph, mb_scale(graph, moments, 5.0, MB_SLOT_NONE), overlap);
    finish(graph, config, mb_slice(graph, x, hidden_of(config) / 2, hidden_of(config)), outputs);
}

typedef struct op_case {
    const char *name;
    void (*build)(mb_graph *, const mb_model_config *, mb_model_outputs *);
    mb_feature_type type;
    mb_dropout_mode dropout;
} op_case;

static const op_case cases[] = {
    {"linear", build_linear, MB_UTT, MB_DROPOUT_OFF},
    {"linear over steps", build_lstm, MB_FRM_UNALIGN, MB_DROPOUT_OFF},
    {"relu", build_relu, MB_UTT, MB_DROPOUT_OFF},
    {"softmax", build_softmax, MB_UTT, MB_DROPOUT_OFF},
    {"dropout", build_dropout, MB_UTT, MB_DROPOUT_RANDOM},
    {"shared weights, add", build_shared, MB_UTT, MB_DROPOUT_OFF},
    {"concat, slice, mix", build_mix, MB_UTT, MB_DROPOUT_OFF},
    {"sigmoid, tanh, multiply, scale", build_activations, MB_UTT, MB_DROPOUT_OFF},
    {"reshape", build_reshape, MB_UTT, MB_DROPOUT_OFF},
    {"prepend one, rank linear, weighted sum", build_ranks, MB_UTT, MB_DROPOUT_OFF},
    {"outer linear", build_outer, MB_UTT, MB_DROPOUT_OFF},
    {"outer linear with dropout", build_outer, MB_UTT, MB_DROPOUT_RANDOM},
    {"gaussian bound", build_gaussian_bound, MB_UTT, MB_DROPOUT_OFF},
    {"unit rows, contrastive", build_contrastive, MB_UTT, MB_DROPOUT_OFF},
    {"center, overlap, moments, slice", build_batch_losses, MB_UTT, MB_DROPOUT_OFF},
    {"layer norm", build_layer_norm, MB_FRM_ALIGN, MB_DROPOUT_OFF},
    {"linear thirds", build_thirds, MB_UTT, MB_DROPOUT_OFF},
    {"convolution", build_convolution, MB_FRM_ALIGN, MB_DROPOUT_OFF},
    {"attention, positions", build_attention, MB_FRM_ALIGN, MB_DROPOUT_OFF},
    {"attention with a mask", build_masked, MB_FRM_UNALIGN, MB_DROPOUT_OFF},
    {"lstm with dropout", build_lstm, MB_FRM_ALIGN, MB_DROPOUT_RANDOM},
    {"lstm along the rows", build_lstm_rows, MB_FRM_ALIGN, MB_DROPOUT_OFF},
    {"delay, end, idle weights along the rows", build_places_rows, MB_FRM_ALIGN, MB_DROPOUT_OFF},
    {"delay, end, idle weights along time", build_places_time, MB_FRM_ALIGN, MB_DROPOUT_OFF},
    {"decoder along the rows", build_decoder_rows, MB_FRM_ALIGN, MB_DROPOUT_OFF},
    {"decoder along time", build_decoder_time, MB_FRM_ALIGN, MB_DROPOUT_OFF},
    {"lstm cells, delay", build_cells, MB_FRM_ALIGN, MB_DROPOUT_OFF},
    {"noise, mean discrepancy", build_discrepancy, MB_UTT, MB_DROPOUT_OFF},
    {"first step, lstm that feeds itself", build_feedback, MB_FRM_ALIGN, MB_DROPOUT_OFF},
    {"scaled concat", build_scaled_concat, MB_FRM_ALIGN, MB_DROPOUT_OFF},
    {"gated memory", build_memory, MB_FRM_ALIGN, MB_DROPOUT_OFF},
    {"gated memory with dropout", build_memory, MB_FRM_ALIGN, MB_DROPOUT_RANDOM},
};
enum { CASE_COUNT = sizeof cases / sizeof *cases };

static mb_model model_of(const op_case *c) {
    return (mb_model){
        .name = c->name, .options = options, .option_count = OPTION_COUNT, .build = c->build};
}

static mb_model_config config_of(const op_case *c, int32_t dimension, int32_t hidden,
                                 int32_t steps) {
    return (mb_model_config){.feature_type = c->type,
                             .dims = {dimension, 0, 0},
                             .steps = {steps, 1, 1},
                             .class_count = 4,
                             .value_count = 1,
                             .options = {hidden, 0.3, hidden + 2}};
}

// ---- finite differences -----------------------------------------------------------------------

static double total_at(model_engine *engine, const sample_set *set, int32_t rows, int64_t at,
                       float value) {
    float before = engine->parameters[at];
    engine->parameters[at] = value;
    engine_run(engine, set, 0, rows, 3);
    engine->parameters[at] = before;
    return engine_total(engine);
}

// Distance of a gradient from the central difference; where max(0, .) has its kink within the step,
// from the difference on the side without it.
static double difference_error(model_engine *engine, const sample_set *set, int32_t rows,
                               int64_t at, double gradient) {
    const float h = 2e-3f, w = engine->parameters[at];
    double up = total_at(engine, set, rows, at, w + h);
    double here = total_at(engine, set, rows, at, w);
    double down = total_at(engine, set, rows, at, w - h), step = (double)h;
    double central = fabs((up - down) / (2.0 * step) - gradient);
    double right = fabs((up - here) / step - gradient),
           left = fabs((here - down) / step - gradient);
    return fmin(central, fmin(right, left));
}

// Relative L2 error of a sample of the elements of one parameter.
static void check_parameter(model_engine *engine, const sample_set *set, int32_t rows,
                            const mb_parameter *parameter, const float *gradients,
                            const char *name) {
    enum { MOST = 40 };
    int64_t elements = mb_shape_elements(&parameter->shape, 0);
    int64_t stride = elements > MOST ? elements / MOST : 1;
    double difference = 0.0, norm = 0.0;
    for (int64_t e = 0; e < elements; e += stride) {
        double found = (double)gradients[parameter->gradient + e];
        double error = difference_error(engine, set, rows, parameter->offset + e, found);
        difference += error * error;
        norm += found * found;
    }
    if (!(sqrt(difference) <= 0.02 * sqrt(norm) + 2e-3))
        fail_msg("%s: gradient of %s differs: %g of %g", name, parameter->name, sqrt(difference),
                 sqrt(norm));
}

static void check_case(const char *isa, const op_case *c, int32_t dimension, int32_t hidden,
                       int32_t steps, int32_t rows) {
    mb_model model = model_of(c);
    mb_model_config config = config_of(c, dimension, hidden, steps);
    sample_set set;
    model_engine engine;
    samples_open(&set, &config);
    engine_open(&engine, isa, &model, &config, MB_PLAN_GRADIENTS, c->dropout, rows + 2);
    engine_run(&engine, &set, 0, rows, 3);
    float *gradients = malloc((size_t)engine.info->arena_floats * sizeof *gradients);
    memcpy(gradients, engine.arena, (size_t)engine.info->arena_floats * sizeof *gradients);
    for (int32_t i = 0; i < engine.info->parameter_count; i++) {
        assert_true(engine.info->parameters[i].trained);
        check_parameter(&engine, &set, rows, &engine.info->parameters[i], gradients, c->name);
    }
    free(gradients);
    engine_close(&engine);
    samples_close(&set);
}

static bool available(const char *isa) {
    mb_device *device = NULL;
    if (mb_cpu_open(isa, &device, NULL) != MB_OK)
        return false;
    device->backend->close(device);
    return true;
}

static void test_finite_differences(void **state) {
    (void)state;
    static const int32_t sizes[][4] = {// dimension, hidden, steps, rows
                                       {1, 1, 1, 1},
                                       {5, 3, 2, 2},
                                       {33, 31, 5, 7},
                                       {31, 33, 3, 33},
                                       {9, 6, 2, 131}};
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++)
        for (int k = 0; available(isas[i]) && k < CASE_COUNT; k++)
            for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
                check_case(isas[i], &cases[k], sizes[s][0], sizes[s][1], sizes[s][2], sizes[s][3]);
}

// ---- updates ----------------------------------------------------------------------------------

static float clamp(float g, float clip) {
    return clip < 0.0f ? g : fminf(fmaxf(g, -clip), clip);
}

// What the planner fuses must equal gradient, clip, weight decay and Adam one after the other.
static void check_update(const char *isa, const op_case *c, int32_t dimension, int32_t hidden,
                         float clip) {
    enum { STEPS = 3, ROWS = 33 };
    mb_model model = model_of(c);
    mb_model_config config = config_of(c, dimension, hidden, 3);
    sample_set set;
    model_engine gradient, trained;
    samples_open(&set, &config);
    engine_open(&gradient, isa, &model, &config, MB_PLAN_GRADIENTS, c->dropout, ROWS);
    engine_open(&trained, isa, &model, &config, MB_PLAN_TRAIN, c->dropout, ROWS);
    gradient.slots[MB_SLOT_GRAD_CLIP] = trained.slots[MB_SLOT_GRAD_CLIP] = clip;
    assert_int_equal(gradient.info->parameter_floats, trained.info->parameter_floats);
    for (uint32_t s = 0; s < STEPS; s++) {
        engine_run(&trained, &set, (int32_t)s * 5, ROWS, s);
        engine_run(&gradient, &set, (int32_t)s * 5, ROWS, s);
        double c1 = 1.0 - pow(0.9, s + 1.0), c2 = 1.0 - pow(0.999, s + 1.0);
        for (int32_t i = 0; i < gradient.info->parameter_count; i++) {
            const mb_parameter *p = &gradient.info->parameters[i];
            for (int64_t e = 0; e < mb_shape_elements(&p->shape, 0); e++) {
                float *w = gradient.parameters + p->offset + e;
                float *m = gradient.first_moments + p->offset + e;
                float *v = gradient.second_moments + p->offset + e;
                float g = clamp(gradient.arena[p->gradient + e], clip) + 1e-5f * *w;
                *m = 0.9f * *m + 0.1f * g;
                *v = 0.999f * *v + 0.001f * g * g;
                *w -= (float)(1e-3 / c1 * (double)*m / (sqrt((double)*v) / sqrt(c2) + 1e-8));
            }
        }
    }
    double difference = 0.0, norm = 0.0;
    for (int64_t i = 0; i < gradient.info->parameter_floats; i++) {
        double d = (double)trained.parameters[i] - (double)gradient.parameters[i];
        difference += d * d;
        norm += (double)gradient.parameters[i] * (double)gradient.parameters[i];
    }
    if (!(sqrt(difference / norm) < 5e-5))
        fail_msg("%s on %s: updates differ by %g", c->name, isa, sqrt(difference / norm));
    engine_close(&gradient);
    engine_close(&trained);
    samples_close(&set);
}

static void test_updates(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++)
        for (int k = 0; available(isas[i]) && k < CASE_COUNT; k++) {
            check_update(isas[i], &cases[k], 127, 31, -1.0f);
            check_update(isas[i], &cases[k], 33, 300, 0.01f);
        }
}

// Training needs no room for the gradient of a weight that is used once, however large.
static void test_updates_store_no_gradient(void **state) {
    (void)state;
    static const char *const names[] = {"attention", "lmf", "tfn"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const mb_model *model = mb_model_find(names[i]);
        mb_model_config config = {.feature_type = MB_UTT,
                                  .dims = {300, 300, 300},
                                  .steps = {1, 1, 1},
                                  .class_count = 4,
                                  .value_count = 1};
        mb_model_defaults(model, &config);
        config.options[MB_OPTION_HIDDEN_DIM] = 64;
        mb_plan *plan = NULL;
        mb_error error = {""};
        assert_int_equal(
            mb_plan_compile(model, &config, MB_PLAN_TRAIN, MB_DROPOUT_RANDOM, 4, &plan, &error),
            MB_OK);
        const mb_plan_info *info = mb_plan_get(plan);
        int64_t largest = 0;
        for (int32_t p = 0; p < info->parameter_count; p++) {
            int64_t elements = mb_shape_elements(&info->parameters[p].shape, 0);
            largest = elements > largest ? elements : largest;
        }
        assert_true(info->arena_floats < largest);
        mb_plan_free(plan);
    }
}

// The instruction sets agree with the portable one.
static void test_instruction_sets_agree(void **state) {
    (void)state;
    for (size_t i = 1; i < sizeof isas / sizeof *isas; i++)
        for (int k = 0; available(isas[i]) && k < CASE_COUNT; k++) {
            mb_model model = model_of(&cases[k]);
            mb_model_config config = config_of(&cases[k], 127, 65, 4);
            sample_set set;
            model_engine a, b;
            samples_open(&set, &config);
            engine_open(&a, "portable", &model, &config, MB_PLAN_TRAIN, cases[k].dropout, 32);
            engine_open(&b, isas[i], &model, &config, MB_PLAN_TRAIN, cases[k].dropout, 32);
            for (uint32_t s = 0; s < 3; s++) {
                engine_run(&a, &set, 0, 31, s);
                engine_run(&b, &set, 0, 31, s);
                assert_true(fabs(engine_total(&a) - engine_total(&b)) <
                            1e-4 * (1.0 + fabs(engine_total(&a))));
            }
            engine_close(&a);
            engine_close(&b);
            samples_close(&set);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finite_differences),
        cmocka_unit_test(test_updates),
        cmocka_unit_test(test_updates_store_no_gradient),
        cmocka_unit_test(test_instruction_sets_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
