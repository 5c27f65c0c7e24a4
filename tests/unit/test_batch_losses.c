// Models whose auxiliary loss compares the rows of a batch: batches of one and two rows, encodings
// of zeros, weights of zero, batches smaller than the plan's.
#include "engine_support.h"

static const mb_model *model_of(const char *name) {
    const mb_model *model = mb_model_find(name);
    assert_non_null(model);
    return model;
}

static mb_model_config config_of(const mb_model *model, int32_t hidden) {
    mb_model_config config = {.feature_type = MB_UTT,
                              .dims = {9, 11, 7},
                              .steps = {1, 1, 1},
                              .class_count = 4,
                              .value_count = 1};
    mb_model_defaults(model, &config);
    config.options[mb_model_option(model, "hidden_dim")] = hidden;
    return config;
}

static void set_option(const mb_model *model, mb_model_config *config, const char *name,
                       double value) {
    int32_t option = mb_model_option(model, name);
    assert_true(option >= 0);
    config->options[option] = value;
}

// A model with gradients, its options in the slots.
static void open_model(model_engine *engine, sample_set *set, const mb_model *model,
                       const mb_model_config *config, int32_t max_rows) {
    samples_open(set, config);
    engine_open(engine, "portable", model, config, MB_PLAN_GRADIENTS, MB_DROPOUT_OFF, max_rows);
    for (int32_t i = 0; i < model->option_count; i++)
        if (model->options[i].slot != MB_SLOT_NONE)
            engine->slots[model->options[i].slot] = (float)config->options[i];
}

static void close_model(model_engine *engine, sample_set *set) {
    engine_close(engine);
    samples_close(set);
}

static const mb_parameter *find(const model_engine *engine, const char *name) {
    for (int32_t i = 0; i < engine->info->parameter_count; i++)
        if (strcmp(engine->info->parameters[i].name, name) == 0)
            return &engine->info->parameters[i];
    fail_msg("no parameter %s", name);
    return NULL;
}

static void fill(model_engine *engine, const char *name, float value) {
    const mb_parameter *parameter = find(engine, name);
    for (int64_t e = 0; e < mb_shape_elements(&parameter->shape, 0); e++)
        engine->parameters[parameter->offset + e] = value;
}

// Elements of a gradient that are not finite, and those that are not zero.
typedef struct element_count {
    int64_t broken, nonzero;
} element_count;

static element_count count_in(const model_engine *engine, const mb_parameter *parameter) {
    element_count count = {0, 0};
    for (int64_t e = 0; e < mb_shape_elements(&parameter->shape, 0); e++) {
        float g = engine->arena[parameter->gradient + e];
        count.broken += !isfinite(g);
        count.nonzero += g != 0.0f;
    }
    return count;
}

static int64_t broken_gradients(const model_engine *engine) {
    int64_t broken = 0;
    for (int32_t i = 0; i < engine->info->parameter_count; i++)
        if (engine->info->parameters[i].trained)
            broken += count_in(engine, &engine->info->parameters[i]).broken;
    return broken;
}

static void assert_zero_gradient(const model_engine *engine, const char *name) {
    const mb_parameter *parameter = find(engine, name);
    assert_true(parameter->trained); // zero, not absent
    assert_int_equal(count_in(engine, parameter).nonzero, 0);
}

// The audio encoder of mmim gives zeros for every row: they have no direction.
static void test_mmim_without_direction(void **state) {
    (void)state;
    for (int nan = 0; nan < 2; nan++) {
        const mb_model *model = model_of("mmim");
        mb_model_config config = config_of(model, 16);
        set_option(model, &config, "zero_rows", nan);
        sample_set set;
        model_engine engine;
        open_model(&engine, &set, model, &config, 8);
        fill(&engine, "audio_encoder.linear_3.weight", 0.0f);
        fill(&engine, "audio_encoder.linear_3.bias", -1.0f);
        engine_run(&engine, &set, 0, 6, 0);
        assert_int_equal(isnan(engine_total(&engine)) != 0, nan);
        assert_int_equal(broken_gradients(&engine) > 0, nan);
        close_model(&engine, &set);
    }
}

// Weights of zero: the parts of the loss behind them have gradients, and these are zeros.
static void test_zero_is_not_absent(void **state) {
    (void)state;
    sample_set set;
    model_engine engine;
    const mb_model *mmim = model_of("mmim"), *misa = model_of("misa");
    mb_model_config config = config_of(mmim, 16);
    set_option(mmim, &config, "alpha", 0.0);
    set_option(mmim, &config, "beta", 0.0);
    open_model(&engine, &set, mmim, &config, 8);
    engine_run(&engine, &set, 0, 6, 0);
    assert_zero_gradient(&engine, "cpc_zt.net.weight");
    assert_zero_gradient(&engine, "mi_tv.mlp_logvar.2.bias");
    assert_false(find(&engine, "mi_tv.entropy_prj.0.weight")->trained);
    assert_false(find(&engine, "mi_ta.entropy_prj.0.bias")->trained);
    close_model(&engine, &set);

    config = config_of(misa, 16);
    set_option(misa, &config, "recon_weight", 0.0);
    open_model(&engine, &set, misa, &config, 8);
    engine_run(&engine, &set, 0, 6, 0);
    assert_zero_gradient(&engine, "recon_a.recon_a_1.weight");
    assert_true(count_in(&engine, find(&engine, "shared.shared_1.weight")).nonzero > 0);
    assert_int_equal(broken_gradients(&engine), 0);
    close_model(&engine, &set);
}

// A batch of one row: a finite loss whose gradient is 0/0 in the reference, also with sim_weight 0.
// Two rows leave rounding noise in the odd moments, which has a gradient.
static void test_misa_small_batches(void **state) {
    (void)state;
    for (int zero = 0; zero < 2; zero++)
        for (int weightless = 0; weightless < 2; weightless++) {
            const mb_model *model = model_of("misa");
            mb_model_config config = config_of(model, 64);
            set_option(model, &config, "zero_norm", zero);
            if (weightless)
                set_option(model, &config, "sim_weight", 0.0);
            sample_set set;
            model_engine engine;
            open_model(&engine, &set, model, &config, 8);
            engine_run(&engine, &set, 0, 1, 0);
            assert_true(isfinite(engine_total(&engine)));
            const mb_parameter *shared = find(&engine, "shared.shared_1.weight");
            assert_int_equal(count_in(&engine, shared).broken > 0, !zero);
            const mb_parameter *head = find(&engine, "fc_out_1.weight");
            assert_int_equal(count_in(&engine, head).broken, 0);
            if (zero)
                assert_int_equal(broken_gradients(&engine), 0);
            for (int32_t first = 0; first < 30; first += 2) {
                engine_run(&engine, &set, first, 2, 0);
                assert_true(isfinite(engine_total(&engine)));
                assert_int_equal(broken_gradients(&engine), 0);
            }
            close_model(&engine, &set);
        }
}

// Shared representations that hardly vary: the squares of their fifth moments are below what
// float32 holds, so the norm is zero as in the reference, which ends there too.
static void test_misa_collapsed(void **state) {
    (void)state;
    for (int zero = 0; zero < 2; zero++) {
        const mb_model *model = model_of("misa");
        mb_model_config config = config_of(model, 16);
        set_option(model, &config, "zero_norm", zero);
        sample_set set;
        model_engine engine;
        open_model(&engine, &set, model, &config, 8);
        const mb_parameter *shared = find(&engine, "shared.shared_1.weight");
        for (int64_t e = 0; e < mb_shape_elements(&shared->shape, 0); e++)
            engine.parameters[shared->offset + e] *= 1e-5f;
        engine_run(&engine, &set, 0, 6, 0);
        assert_true(isfinite(engine_total(&engine)));
        assert_int_equal(count_in(&engine, shared).broken > 0, !zero);
        assert_int_equal(broken_gradients(&engine) > 0, !zero);
        close_model(&engine, &set);
    }
}

static void test_protocols_start_from(void **state) {
    (void)state;
    const mb_model *model = model_of("misa");
    const mb_option *option = &model->options[mb_model_option(model, "zero_norm")];
    assert_string_equal(option->choices[(int)option->initial], "nan");
    assert_true(option->corrected);
    assert_string_equal(option->choices[(int)option->corrected_initial], "zero");
}

// Rows that are not there have no say: the same bits from plans for 6 and for 35 rows.
static void test_ragged_batches(void **state) {
    (void)state;
    static const char *const names[] = {"mmim", "misa"};
    for (int n = 0; n < 2; n++) {
        const mb_model *model = model_of(names[n]);
        mb_model_config config = config_of(model, 10);
        sample_set sets[2];
        model_engine engines[2];
        for (int i = 0; i < 2; i++) {
            open_model(&engines[i], &sets[i], model, &config, i == 0 ? 6 : 35);
            if (i == 1)
                engine_run(&engines[i], &sets[i], 0, 35, 0); // leaves other numbers behind
            engine_run(&engines[i], &sets[i], 3, 6, 0);
        }
        assert_true(engine_total(&engines[0]) == engine_total(&engines[1]));
        for (int32_t p = 0; p < engines[0].info->parameter_count; p++) {
            const mb_parameter *a = &engines[0].info->parameters[p];
            const mb_parameter *b = &engines[1].info->parameters[p];
            if (a->trained)
                assert_memory_equal(engines[0].arena + a->gradient, engines[1].arena + b->gradient,
                                    (size_t)mb_shape_elements(&a->shape, 0) * sizeof(float));
        }
        for (int i = 0; i < 2; i++)
            close_model(&engines[i], &sets[i]);
    }
}

static void test_sizes_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *model;
        int32_t hidden;
    } cases[] = {{"mmim", 3}, {"misa", 27}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const mb_model *model = model_of(cases[i].model);
        mb_model_config config = config_of(model, cases[i].hidden);
        mb_error error = {.message = ""};
        assert_int_equal(mb_model_check(model, &config, &error), MB_BAD_INPUT);
        assert_non_null(strstr(error.message, "hidden_dim"));
        assert_non_null(strstr(error.message, cases[i].model));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mmim_without_direction), cmocka_unit_test(test_zero_is_not_absent),
        cmocka_unit_test(test_misa_small_batches),     cmocka_unit_test(test_misa_collapsed),
        cmocka_unit_test(test_protocols_start_from),   cmocka_unit_test(test_ragged_batches),
        cmocka_unit_test(test_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
