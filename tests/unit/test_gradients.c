// The gradient of every op against central differences, on a small model for each op; and fused
// updates against the gradient followed by Adam.
#include "gradient_cases.h"

static const char *const isas[] = {"portable", "avx2", "avx512"};

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

// The distance of a gradient from the central difference or, if max(0, .) has its kink within the
// step, from the difference on the side without the kink.
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

// The relative L2 error over a sample of the elements of one parameter.
static void check_parameter(model_engine *engine, const sample_set *set, int32_t rows,
                            const mb_parameter *parameter, const float *gradients,
                            const char *name) {
#ifdef __SANITIZE_ADDRESS__
    enum { MOST = 6 }; // few, as sanitizers are slow; other builds check the same numbers
#else
    enum { MOST = 24 };
#endif
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

// Whether this is the best available instruction set.
static bool best(size_t isa) {
    return isa + 1 == sizeof isas / sizeof *isas || !available(isas[isa + 1]);
}

static void test_finite_differences(void **state) {
    (void)state;
    static const int32_t sizes[][4] = {// dimension, hidden, steps, rows
                                       {1, 1, 1, 1},
                                       {5, 3, 2, 2},
                                       {33, 31, 5, 7},
                                       {31, 33, 3, 33},
                                       {9, 6, 2, 131}};
    // The best instruction set at all sizes, the others at small ones: another test compares them.
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++)
        for (int k = 0; available(isas[i]) && k < CASE_COUNT; k++)
            for (size_t s = 0; s < (best(i) ? sizeof sizes / sizeof *sizes : 2); s++)
                check_case(isas[i], &cases[k], sizes[s][0], sizes[s][1], sizes[s][2], sizes[s][3]);
}

// ---- updates ----------------------------------------------------------------------------------

static float clamp(float g, float clip) {
    return clip < 0.0f ? g : fminf(fmaxf(g, -clip), clip);
}

// A fused update must equal gradient, clipping, weight decay and Adam one after another.
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
            if (best(i))
                check_update(isas[i], &cases[k], 33, 300, 0.01f);
        }
}

// Training stores no gradient of a weight that is used once, however large.
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
        mb_error error = {.message = ""};
        assert_int_equal(
            mb_model_compile(model, &config, MB_PLAN_TRAIN, MB_DROPOUT_RANDOM, 4, &plan, &error),
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

// All instruction sets agree with the portable one.
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
