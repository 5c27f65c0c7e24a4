// First layers, whose update begins the product of the next step: they give the same numbers as
// separate gradients, and the same bits however steps are divided into launches.
#include "engine_support.h"

#include "merbench/model.h"

enum { BATCH = 37, STEPS = 7 };

static const char *const isas[] = {"avx512", "avx2", "portable"};
static const int32_t batches[STEPS] = {BATCH, BATCH, 5, BATCH, 0, 32, 1};

static bool available(const char *isa) {
    mb_device *device;
    mb_error error;
    if (mb_cpu_open(isa, &device, &error) != MB_OK)
        return false;
    device->backend->close(device);
    return true;
}

// Widths next to the sizes of vectors, tiles and groups of inputs or masks.
static mb_model_config odd_config(const mb_model *model, double hidden) {
    mb_model_config config = {.feature_type = MB_UTT,
                              .dims = {130, 384, 31},
                              .steps = {1, 1, 1},
                              .class_count = 4,
                              .value_count = 1};
    mb_model_defaults(model, &config);
    config.options[mb_model_option(model, "hidden_dim")] = hidden;
    return config;
}

// Audio is stored narrower than the model reads it. Video has frames, of which the model reads the
// last; some utterances have none.
static void make_uneven(sample_set *set) {
    set->dataset.streams[MB_AUDIO].dimension = 101;
    set->offsets[MB_VIDEO] = malloc((SAMPLES + 1) * sizeof(int64_t));
    for (int64_t i = 0; i <= SAMPLES; i++)
        set->offsets[MB_VIDEO][i] = i / 3 * 2 + (i % 3 == 2); // 0, 1 and 1 frames
    set->dataset.streams[MB_VIDEO].offsets = set->offsets[MB_VIDEO];
}

static void run_steps(model_engine *engine, const sample_set *set, int32_t first, int32_t count) {
    int32_t indices[STEPS * BATCH], widest[STEPS];
    uint32_t step = engine->info->trains ? 0 : (uint32_t)first; // training counts its steps itself
    for (int32_t i = 0; i < STEPS * BATCH; i++)
        indices[i] = i * 17 % SAMPLES;
    for (int32_t s = 0; s < STEPS; s++)
        widest[s] = BATCH;
    mb_launch launch = {.run_count = 1,
                        .first_step = first,
                        .step_count = count,
                        .dataset = &set->dataset,
                        .indices = indices,
                        .index_stride = STEPS * BATCH,
                        .batch_rows = BATCH,
                        .rows = batches,
                        .widest = widest,
                        .parameters = engine->parameters,
                        .first_moments = engine->first_moments,
                        .second_moments = engine->second_moments,
                        .arena = engine->arena,
                        .slots = engine->slots,
                        .keys = &engine->key,
                        .steps = &step};
    mb_error error = {.message = ""};
    assert_int_equal(
        engine->device->backend->executor->run(engine->device, engine->plan, &launch, &error),
        MB_OK);
}

static void assert_same(const model_engine *a, const model_engine *b) {
    size_t bytes = (size_t)a->info->parameter_floats * sizeof(float);
    assert_memory_equal(a->parameters, b->parameters, bytes);
    assert_memory_equal(a->first_moments, b->first_moments, bytes);
    assert_memory_equal(a->second_moments, b->second_moments, bytes);
}

static void check_launches(const char *isa, double hidden) {
    const mb_model *model = mb_model_find("attention");
    mb_model_config config = odd_config(model, hidden);
    sample_set set;
    model_engine whole, cut, single;
    samples_open(&set, &config);
    make_uneven(&set);
    engine_open(&whole, isa, model, &config, MB_PLAN_TRAIN, MB_DROPOUT_RANDOM, BATCH);
    engine_open(&cut, isa, model, &config, MB_PLAN_TRAIN, MB_DROPOUT_RANDOM, BATCH);
    engine_open(&single, isa, model, &config, MB_PLAN_TRAIN, MB_DROPOUT_RANDOM, BATCH);
    run_steps(&whole, &set, 0, STEPS);
    run_steps(&cut, &set, 0, 2);
    run_steps(&cut, &set, 2, STEPS - 2);
    for (int32_t s = 0; s < STEPS; s++)
        run_steps(&single, &set, s, 1);
    assert_same(&whole, &cut);
    assert_same(&whole, &single);
    engine_close(&whole);
    engine_close(&cut);
    engine_close(&single);
    samples_close(&set);
}

static void test_launches_of_any_length_give_the_same_bits(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++)
        if (available(isas[i])) {
            check_launches(isas[i], 33);
            check_launches(isas[i], 160);
        }
}

// The first moment after a step is 0.9 m + 0.1 (gradient + weight_decay w), with the gradient that
// a plan of mode MB_PLAN_GRADIENTS gives for the same weights; it gathers, drops and multiplies in
// separate ops.
static void check_moments(const model_engine *train, const model_engine *gradients,
                          const float *weights, const float *moments) {
    double decay = (double)train->slots[MB_SLOT_WEIGHT_DECAY];
    for (int32_t p = 0; p < train->info->parameter_count; p++) {
        const mb_parameter *parameter = &gradients->info->parameters[p];
        int64_t at = train->info->parameters[p].offset;
        const float *gradient = gradients->arena + parameter->gradient;
        int64_t elements = mb_shape_elements(&parameter->shape, 0);
        double largest = 0.0;
        for (int64_t e = 0; e < elements; e++)
            largest = fmax(largest, fabs((double)gradient[e]));
        for (int64_t e = 0; e < elements; e++) {
            double g = (double)gradient[e] + decay * (double)weights[at + e];
            double expected = 0.9 * (double)moments[at + e] + 0.1 * g;
            double found = (double)train->first_moments[at + e];
            if (!(fabs(found - expected) <= 1e-6 * largest + 1e-9))
                fail_msg("%s, element %lld: expected %g, found %g", parameter->name, (long long)e,
                         expected, found);
        }
    }
}

static void check_gradients(const char *isa, const char *name) {
    const mb_model *model = mb_model_find(name);
    mb_model_config config = odd_config(model, 33);
    sample_set set;
    model_engine train, gradients;
    samples_open(&set, &config);
    make_uneven(&set);
    engine_open(&train, isa, model, &config, MB_PLAN_TRAIN, MB_DROPOUT_RANDOM, BATCH);
    engine_open(&gradients, isa, model, &config, MB_PLAN_GRADIENTS, MB_DROPOUT_RANDOM, BATCH);
    size_t bytes = (size_t)train.info->parameter_floats * sizeof(float);
    float *weights = malloc(bytes), *moments = malloc(bytes);
    run_steps(&train, &set, 0, 1);
    memcpy(weights, train.parameters, bytes); // before the second step
    memcpy(moments, train.first_moments, bytes);
    memcpy(gradients.parameters, weights, bytes);
    run_steps(&gradients, &set, 1, 1);
    gradients.info = mb_plan_get(gradients.plan);
    engine_close(&train);
    engine_open(&train, isa, model, &config, MB_PLAN_TRAIN, MB_DROPOUT_RANDOM, BATCH);
    run_steps(&train, &set, 0, 2);
    check_moments(&train, &gradients, weights, moments);
    engine_close(&train);
    engine_close(&gradients);
    samples_close(&set);
    free(weights);
    free(moments);
}

static void test_updates_are_those_of_the_gradients(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++)
        if (available(isas[i])) {
            check_gradients(isas[i], "attention");
            check_gradients(isas[i], "lmf");
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_launches_of_any_length_give_the_same_bits),
        cmocka_unit_test(test_updates_are_those_of_the_gradients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
