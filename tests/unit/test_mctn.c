// mctn: which parameters a batch of one row reaches, how rows depend on their batch, sizes of 1.
#include "engine_support.h"

enum { STEPS = 3, HIDDEN = 6 };

static mb_model_config config_of(int32_t steps, const char *recurrence) {
    const mb_model *model = mb_model_find("mctn");
    mb_model_config config = {.feature_type = MB_FRM_ALIGN,
                              .dims = {4, 7, 5},
                              .steps = {steps, steps, steps},
                              .class_count = 3,
                              .value_count = 1};
    mb_model_defaults(model, &config);
    config.options[mb_model_option(model, "hidden_dim")] = HIDDEN;
    int32_t option = mb_model_option(model, "recurrence");
    config.options[option] = strcmp(recurrence, model->options[option].choices[1]) == 0;
    return config;
}

static void open(model_engine *engine, sample_set *set, const mb_model_config *config,
                 mb_plan_mode mode) {
    samples_open(set, config);
    engine_open(engine, NULL, mb_model_find("mctn"), config, mode, MB_DROPOUT_OFF, 8);
    engine->slots[MB_SLOT_LOSS_WEIGHT] = 0.5f;
}

// ---- batches of one row -----------------------------------------------------------------------

// Whether a batch of one row does not reach a parameter.
static bool beyond_first_row(const char *name) {
    return strncmp(name, "attn", 4) == 0 || strncmp(name, "decoder", 7) == 0 ||
           strstr(name, ".fc.weight") != NULL;
}

typedef struct snapshot {
    float *parameters, *first, *second;
} snapshot;

static float *copy_of(const model_engine *engine, const float *values) {
    size_t bytes = (size_t)engine->info->parameter_floats * sizeof *values;
    float *copy = malloc(bytes);
    memcpy(copy, values, bytes);
    return copy;
}

static snapshot snapshot_of(const model_engine *engine) {
    return (snapshot){copy_of(engine, engine->parameters), copy_of(engine, engine->first_moments),
                      copy_of(engine, engine->second_moments)};
}

static void snapshot_free(snapshot *before) {
    free(before->parameters);
    free(before->first);
    free(before->second);
}

static void test_never_reached_is_skipped(void **state) {
    (void)state;
    mb_model_config config = config_of(STEPS, "batch");
    sample_set set;
    model_engine engine;
    open(&engine, &set, &config, MB_PLAN_TRAIN);
    snapshot before = snapshot_of(&engine);
    engine_run_widest(&engine, &set, 0, 1, 1, 0);
    int32_t beyond = 0;
    for (int32_t i = 0; i < engine.info->parameter_count; i++) {
        const mb_parameter *p = &engine.info->parameters[i];
        size_t bytes = (size_t)mb_shape_elements(&p->shape, 0) * sizeof(float);
        bool same =
            memcmp(before.parameters + p->offset, engine.parameters + p->offset, bytes) == 0;
        assert_int_equal(same, beyond_first_row(p->name));
        assert_int_equal(p->fewest_rows, beyond_first_row(p->name) ? 2 : 0);
        beyond += beyond_first_row(p->name);
    }
    assert_int_equal(beyond, 2 * (2 + 1 + 10)); // attention, fc, decoder; twice
    snapshot_free(&before);
    engine_close(&engine);
    samples_close(&set);
}

// After a larger batch, the same parameters take Adam steps with a gradient of zero.
static void test_once_reached_is_stepped(void **state) {
    (void)state;
    mb_model_config config = config_of(STEPS, "batch");
    sample_set set;
    model_engine engine;
    open(&engine, &set, &config, MB_PLAN_TRAIN);
    engine_run_widest(&engine, &set, 0, 5, 5, 0);
    snapshot before = snapshot_of(&engine);
    engine_run_widest(&engine, &set, 0, 1, 5, 1);
    double c1 = 1.0 - 0.9 * 0.9, c2 = 1.0 - 0.999 * 0.999;
    for (int32_t i = 0; i < engine.info->parameter_count; i++) {
        const mb_parameter *p = &engine.info->parameters[i];
        for (int64_t e = 0; e < mb_shape_elements(&p->shape, 0) && beyond_first_row(p->name); e++) {
            int64_t at = p->offset + e;
            double w = (double)before.parameters[at], g = 1e-5 * w;
            double m = 0.9 * (double)before.first[at] + 0.1 * g;
            double v = 0.999 * (double)before.second[at] + 0.001 * g * g;
            double expected = w - 1e-3 / c1 * m / (sqrt(v) / sqrt(c2) + 1e-8);
            double found = (double)engine.parameters[at];
            if (!(fabs(found - expected) < 1e-6))
                fail_msg("%s[%d]: expected %g, found %g", p->name, (int)e, expected, found);
            assert_true(w == 0.0 || engine.parameters[at] != before.parameters[at]);
        }
    }
    snapshot_free(&before);
    engine_close(&engine);
    samples_close(&set);
}

// Weights that the toolkit's decoders have but never use change by weight decay alone.
static void test_idle_weights_decay(void **state) {
    (void)state;
    mb_model_config config = config_of(STEPS, "batch");
    sample_set set;
    model_engine engine;
    open(&engine, &set, &config, MB_PLAN_TRAIN);
    snapshot before = snapshot_of(&engine);
    engine_run_widest(&engine, &set, 0, 5, 5, 0);
    int32_t idle = 0;
    for (int32_t i = 0; i < engine.info->parameter_count; i++) {
        const mb_parameter *p = &engine.info->parameters[i];
        if (strncmp(p->name, "decoder", 7) != 0 || strstr(p->name, "weight_hh") == NULL)
            continue;
        idle++;
        for (int64_t e = 0; e < mb_shape_elements(&p->shape, 0); e++) {
            double w = (double)before.parameters[p->offset + e], g = 1e-5 * w;
            double expected = w - 1e-3 * g / (fabs(g) + 1e-8);
            assert_true(fabs((double)engine.parameters[p->offset + e] - expected) < 1e-6);
        }
    }
    assert_int_equal(idle, 4);
    snapshot_free(&before);
    engine_close(&engine);
    samples_close(&set);
}

// ---- rows and their batch ---------------------------------------------------------------------

// The largest difference between the features of row 0 alone and in a batch of `rows` rows.
static double change_by_company(const char *recurrence, int32_t steps, int32_t rows) {
    mb_model_config config = config_of(steps, recurrence);
    sample_set set;
    model_engine engine;
    float alone[HIDDEN];
    double change = 0.0;
    open(&engine, &set, &config, MB_PLAN_EVALUATE);
    const float *features = engine.arena + engine.info->features.offset;
    engine_run_widest(&engine, &set, 0, 1, 1, 0);
    memcpy(alone, features, sizeof alone);
    engine_run_widest(&engine, &set, 0, rows, rows, 0);
    for (int j = 0; j < HIDDEN; j++)
        change = fmax(change, fabs((double)features[j] - (double)alone[j]));
    engine_close(&engine);
    samples_close(&set);
    return change;
}

static void test_rows_and_their_batch(void **state) {
    (void)state;
    assert_true(change_by_company("batch", STEPS, 2) > 1e-4);
    assert_true(change_by_company("batch", STEPS, 8) > 1e-4);
    assert_true(change_by_company("time", STEPS, 2) < 1e-6);
    assert_true(change_by_company("time", STEPS, 8) < 1e-6);
}

// A recurrence over the steps of B x T samples equals a recurrence over the rows of the transposed
// samples, T x B: losses and gradients agree, apart from those of the heads.
static void test_axes_mirror_each_other(void **state) {
    (void)state;
    enum { B = 5 };
    mb_model_config configs[2] = {config_of(STEPS, "time"), config_of(B, "batch")};
    sample_set sets[2];
    model_engine engines[2];
    for (int k = 0; k < 2; k++) {
        configs[k].class_count = configs[k].value_count = 0;
        open(&engines[k], &sets[k], &configs[k], MB_PLAN_GRADIENTS);
    }
    for (int m = 0; m < MB_MODALITY_COUNT; m++)
        for (int b = 0; b < B; b++)
            for (int t = 0; t < STEPS; t++) {
                size_t d = (size_t)configs[0].dims[m];
                memcpy(sets[1].values[m] + ((size_t)t * B + (size_t)b) * d,
                       sets[0].values[m] + ((size_t)b * STEPS + (size_t)t) * d, d * sizeof(float));
            }
    engine_run(&engines[0], &sets[0], 0, B, 0);
    engine_run(&engines[1], &sets[1], 0, STEPS, 0);
    assert_true(fabs(engine_total(&engines[0]) - engine_total(&engines[1])) < 1e-6);
    int32_t compared = 0;
    for (int32_t i = 0; i < engines[0].info->parameter_count; i++) {
        const mb_parameter *p = &engines[0].info->parameters[i],
                           *q = &engines[1].info->parameters[i];
        assert_string_equal(p->name, q->name);
        assert_int_equal(p->trained, q->trained);
        double difference = 0.0, norm = 0.0;
        for (int64_t e = 0; p->trained && e < mb_shape_elements(&p->shape, 0); e++) {
            double a = (double)engines[0].arena[p->gradient + e];
            double b = (double)engines[1].arena[q->gradient + e];
            difference += (a - b) * (a - b);
            norm += a * a;
        }
        if (!(sqrt(difference) <= 1e-4 * sqrt(norm) + 1e-9))
            fail_msg("%s: gradients differ by %g of %g", p->name, sqrt(difference), sqrt(norm));
        compared += p->trained && norm > 0.0;
    }
    assert_int_equal(compared, 42 - 4); // all parameters of both translators but the idle weights
    for (int k = 0; k < 2; k++) {
        engine_close(&engines[k]);
        samples_close(&sets[k]);
    }
}

// Predictions depend on the text alone.
static void test_text_alone_predicts(void **state) {
    (void)state;
    mb_model_config config = config_of(STEPS, "batch");
    sample_set set;
    model_engine engine;
    open(&engine, &set, &config, MB_PLAN_EVALUATE);
    const float *logits = engine.arena + engine.info->emos_out.offset;
    const float *interloss = engine.arena + engine.info->interloss.offset;
    for (int m = 0; m < MB_MODALITY_COUNT; m++) {
        engine_run_widest(&engine, &set, 0, 8, 8, 0);
        float logit = logits[4], loss = interloss[0];
        set.values[m][config.dims[m] + 1] += 1.0f;
        engine_run_widest(&engine, &set, 0, 8, 8, 0);
        assert_int_equal(logit != logits[4], m == MB_TEXT);
        assert_true(loss != interloss[0]);
    }
    engine_close(&engine);
    samples_close(&set);
}

// ---- sizes ------------------------------------------------------------------------------------

static void test_sizes_of_one(void **state) {
    (void)state;
    static const int32_t steps[] = {1, 2}, rows[] = {1, 2, 8};
    static const char *const recurrences[] = {"batch", "time"};
    for (int k = 0; k < 12; k++) {
        mb_model_config config = config_of(steps[k / 6], recurrences[k / 3 % 2]);
        mb_error error = {.message = ""};
        sample_set set;
        model_engine engine;
        config.dims[MB_AUDIO] = 1;
        config.options[mb_model_option(mb_model_find("mctn"), "hidden_dim")] = 1 + k % 2;
        assert_int_equal(mb_model_check(mb_model_find("mctn"), &config, &error), MB_OK);
        open(&engine, &set, &config, MB_PLAN_TRAIN);
        for (uint32_t s = 0; s < 4; s++) {
            engine_run(&engine, &set, 0, rows[k % 3], s);
            assert_true(isfinite(engine_total(&engine)));
        }
        engine_close(&engine);
        samples_close(&set);
    }
}

static void test_refusals(void **state) {
    (void)state;
    const mb_model *model = mb_model_find("mctn");
    mb_error error = {.message = ""};
    mb_model_config config = config_of(STEPS, "batch");
    assert_int_equal(mb_model_check(model, &config, &error), MB_OK);
    config.steps[MB_VIDEO] = STEPS + 1;
    assert_int_equal(mb_model_check(model, &config, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "4 for video"));
    config = config_of(STEPS, "batch");
    config.feature_type = MB_UTT;
    assert_int_equal(mb_model_check(model, &config, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "feature_type"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_never_reached_is_skipped),
        cmocka_unit_test(test_once_reached_is_stepped),
        cmocka_unit_test(test_idle_weights_decay),
        cmocka_unit_test(test_rows_and_their_batch),
        cmocka_unit_test(test_axes_mirror_each_other),
        cmocka_unit_test(test_text_alone_predicts),
        cmocka_unit_test(test_sizes_of_one),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
