// mfn, graph_mfn, mfm: start values, what is never trained, noise, ragged batches, small sizes.
#include <stdio.h>

#include "engine_support.h"

static const char *const names[] = {"mfn", "graph_mfn", "mfm"};
enum { MODELS = sizeof names / sizeof *names };

static mb_model_config config_of(const mb_model *model, int32_t hidden, int32_t memory,
                                 int32_t steps) {
    mb_model_config config = {.feature_type = MB_FRM_ALIGN,
                              .dims = {5, 9, 7},
                              .steps = {steps, steps, steps},
                              .class_count = 4,
                              .value_count = 1};
    mb_model_defaults(model, &config);
    config.options[mb_model_option(model, "hidden_dim")] = hidden;
    config.options[mb_model_option(model, "mem_dim")] = memory;
    return config;
}

static void open_model(model_engine *engine, const mb_model *model, const mb_model_config *config,
                       mb_plan_mode mode, mb_dropout_mode dropout, int32_t max_rows) {
    engine_open(engine, NULL, model, config, mode, dropout, max_rows);
    for (int32_t i = 0; i < model->option_count; i++)
        if (model->options[i].slot != MB_SLOT_NONE)
            engine->slots[model->options[i].slot] = (float)config->options[i];
}

static const mb_parameter *parameter_named(const model_engine *engine, const char *name) {
    for (int32_t i = 0; i < engine->info->parameter_count; i++)
        if (strcmp(engine->info->parameters[i].name, name) == 0)
            return &engine->info->parameters[i];
    fail_msg("no parameter %s", name);
    return NULL;
}

static bool same_numbers(const model_engine *engine, const float *others,
                         const mb_parameter *parameter, int64_t other_offset) {
    return memcmp(engine->parameters + parameter->offset, others + other_offset,
                  (size_t)mb_shape_elements(&parameter->shape, 0) * sizeof(float)) == 0;
}

static float *copy_of_parameters(const model_engine *engine) {
    size_t bytes = (size_t)engine->info->parameter_floats * sizeof(float);
    float *copy = malloc(bytes);
    memcpy(copy, engine->parameters, bytes);
    return copy;
}

// The second maps of all node networks have the same start values, the first maps do not.
static void test_equal_starts(void **state) {
    (void)state;
    const mb_model *model = mb_model_find("graph_mfn");
    mb_model_config config = config_of(model, 6, 5, 3);
    model_engine engine;
    open_model(&engine, model, &config, MB_PLAN_TRAIN, MB_DROPOUT_OFF, 4);
    const mb_parameter *first = parameter_named(&engine, "graph_mfn.networks.01.1.0.weight");
    const mb_parameter *bias = parameter_named(&engine, "graph_mfn.networks.01.1.0.bias");
    static const char *const others[] = {"networks.02", "networks.12", "networks.012", "t_network"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char name[96];
        snprintf(name, sizeof name, "graph_mfn.%s.1.0.weight", others[i]);
        assert_true(same_numbers(&engine, engine.parameters, parameter_named(&engine, name),
                                 first->offset));
        snprintf(name, sizeof name, "graph_mfn.%s.1.0.bias", others[i]);
        assert_true(
            same_numbers(&engine, engine.parameters, parameter_named(&engine, name), bias->offset));
    }
    assert_false(same_numbers(&engine, engine.parameters,
                              parameter_named(&engine, "graph_mfn.networks.02.0.weight"),
                              parameter_named(&engine, "graph_mfn.networks.01.0.weight")->offset));
    engine_close(&engine);
}

// Whether the reference never trains a parameter.
static bool left_alone(const char *model, const char *name) {
    if (strcmp(model, "graph_mfn") == 0)
        return strncmp(name, "graph_mfn.networks.", 19) == 0;
    return strncmp(name, "mfn_encoder.out_fc", 18) == 0 ||
           strncmp(name, "mfn_encoder.fc_out", 18) == 0;
}

static void check_trained(const mb_model *model, const mb_model_config *config, bool all) {
    sample_set set;
    model_engine engine;
    samples_open(&set, config);
    open_model(&engine, model, config, MB_PLAN_TRAIN, MB_DROPOUT_RANDOM, 8);
    float *before = copy_of_parameters(&engine);
    for (uint32_t s = 0; s < 3; s++)
        engine_run(&engine, &set, 0, 8, s);
    for (int32_t i = 0; i < engine.info->parameter_count; i++) {
        const mb_parameter *p = &engine.info->parameters[i];
        bool changes = all || !left_alone(model->name, p->name);
        if (p->trained != changes || same_numbers(&engine, before, p, p->offset) == changes)
            fail_msg("%s: %s is %strained", model->name, p->name, changes ? "not " : "");
    }
    free(before);
    engine_close(&engine);
    samples_close(&set);
}

static void test_never_trained(void **state) {
    (void)state;
    for (int m = 0; m < MODELS; m++) {
        const mb_model *model = mb_model_find(names[m]);
        mb_model_config config = config_of(model, 8, 5, 3);
        int32_t nodes = mb_model_option(model, "node_networks");
        check_trained(model, &config, false);
        if (nodes < 0)
            continue;
        config.options[nodes] = 1;
        check_trained(model, &config, true);
    }
}

static double result_of(const model_engine *engine, mb_location place) {
    return (double)engine->arena[place.offset];
}

// Noise is new in every step and the same when a step is repeated; predictions do not depend on it.
static void test_noise(void **state) {
    (void)state;
    const mb_model *model = mb_model_find("mfm");
    mb_model_config config = config_of(model, 8, 5, 3);
    sample_set set;
    model_engine engine;
    samples_open(&set, &config);
    open_model(&engine, model, &config, MB_PLAN_EVALUATE, MB_DROPOUT_OFF, 8);
    engine_run(&engine, &set, 0, 8, 1);
    double loss = result_of(&engine, engine.info->interloss);
    double logit = result_of(&engine, engine.info->emos_out);
    engine_run(&engine, &set, 0, 8, 2);
    assert_true(loss != result_of(&engine, engine.info->interloss));
    assert_true(logit == result_of(&engine, engine.info->emos_out));
    engine_run(&engine, &set, 0, 8, 1);
    assert_true(loss == result_of(&engine, engine.info->interloss));
    engine_close(&engine);
    samples_close(&set);
}

// Five rows give the same bits in a plan for eight rows as in a plan for five.
static void test_ragged_batches(void **state) {
    (void)state;
    for (int m = 0; m < MODELS; m++) {
        const mb_model *model = mb_model_find(names[m]);
        mb_model_config config = config_of(model, 8, 5, 3);
        sample_set set;
        model_engine exact, ragged;
        samples_open(&set, &config);
        open_model(&exact, model, &config, MB_PLAN_TRAIN, MB_DROPOUT_RANDOM, 5);
        open_model(&ragged, model, &config, MB_PLAN_TRAIN, MB_DROPOUT_RANDOM, 8);
        for (uint32_t s = 0; s < 3; s++) {
            engine_run(&exact, &set, 3, 5, s);
            engine_run(&ragged, &set, 3, 5, s);
            assert_true(engine_total(&exact) == engine_total(&ragged));
        }
        assert_memory_equal(exact.parameters, ragged.parameters,
                            (size_t)exact.info->parameter_floats * sizeof(float));
        engine_close(&exact);
        engine_close(&ragged);
        samples_close(&set);
    }
}

static void test_small_sizes(void **state) {
    (void)state;
    static const int32_t sizes[][4] = {// hidden, memory, steps, rows
                                       {2, 1, 1, 1},
                                       {3, 1, 4, 1},
                                       {3, 4, 1, 7},
                                       {33, 31, 2, 2}};
    for (int m = 0; m < MODELS; m++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            const mb_model *model = mb_model_find(names[m]);
            mb_model_config config = config_of(model, sizes[i][0], sizes[i][1], sizes[i][2]);
            mb_error error = {.message = ""};
            sample_set set;
            model_engine engine;
            assert_int_equal(mb_model_check(model, &config, &error), MB_OK);
            samples_open(&set, &config);
            open_model(&engine, model, &config, MB_PLAN_TRAIN, MB_DROPOUT_RANDOM, 7);
            for (uint32_t s = 0; s < 4; s++) {
                engine_run(&engine, &set, 0, sizes[i][3], s);
                assert_true(isfinite(engine_total(&engine)));
            }
            engine_close(&engine);
            samples_close(&set);
        }
}

static void test_refusals(void **state) {
    (void)state;
    for (int m = 0; m < MODELS; m++) {
        const mb_model *model = mb_model_find(names[m]);
        mb_error error = {.message = ""};
        mb_model_config config = config_of(model, 1, 5, 3);
        assert_int_equal(mb_model_check(model, &config, &error), MB_BAD_INPUT);
        assert_non_null(strstr(error.message, "hidden_dim"));
        config = config_of(model, 8, 5, 3);
        config.feature_type = MB_FRM_UNALIGN;
        assert_int_equal(mb_model_check(model, &config, &error), MB_BAD_INPUT);
        assert_non_null(strstr(error.message, "feature_type"));
        assert_non_null(strstr(error.message, "frm_unalign"));
        config = config_of(model, 8, 5, 3);
        config.dims[MB_VIDEO] = 0;
        assert_int_equal(mb_model_check(model, &config, &error), MB_BAD_INPUT);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_starts), cmocka_unit_test(test_never_trained),
        cmocka_unit_test(test_noise),        cmocka_unit_test(test_ragged_batches),
        cmocka_unit_test(test_small_sizes),  cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
