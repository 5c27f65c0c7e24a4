// Start values: every element has its number from Philox, wherever a plan stores it.
#include "engine_support.h"

#include "merbench/model.h"

enum { WIDTH = 3 };

static const mb_key key = {{7, 2}};

static float expected(const mb_parameter *parameter, int64_t e) {
    const mb_initial *initial = &parameter->initial;
    uint32_t index = (uint32_t)parameter->drawn_as;
    if (initial->kind == MB_INITIAL_CONSTANT)
        return (float)initial->scale;
    if (initial->kind == MB_INITIAL_NORMAL)
        return (float)(initial->scale *
                       mb_random_normal(key, MB_RANDOM_INITIAL, index, (uint64_t)e));
    uint32_t word = mb_random(key, MB_RANDOM_INITIAL, index, (uint64_t)e / 4).words[e % 4];
    return (float)(initial->scale * ((double)word * 0x1p-31 - 1.0));
}

static void check_parameter(const mb_model *model, const mb_parameter *parameter,
                            const float *vector) {
    int64_t elements = mb_shape_elements(&parameter->shape, 0);
    float *logical = malloc((size_t)elements * sizeof *logical);
    mb_parameter_load(parameter, vector, logical);
    for (int64_t e = 0; e < elements; e++)
        if (logical[e] != expected(parameter, e))
            fail_msg("%s, %s, element %lld: expected %g, found %g", model->name, parameter->name,
                     (long long)e, (double)expected(parameter, e), (double)logical[e]);
    free(logical);
}

// Gives a model with convolutions filters of more than one step.
static void set_option(const mb_model *model, mb_model_config *config, const char *name,
                       double value) {
    int32_t option = mb_model_option(model, name);
    if (option >= 0)
        config->options[option] = value;
}

static void check_model(const mb_model *model, mb_feature_type type) {
    mb_error error = {.message = ""};
    mb_plan *plan = NULL;
    mb_model_config config = {.feature_type = type,
                              .dims = {9, 13, 5},
                              .steps = {6, 6, 6},
                              .class_count = 4,
                              .value_count = 1};
    for (int m = 0; type == MB_UTT && m < 3; m++)
        config.steps[m] = 1;
    mb_model_defaults(model, &config);
    set_option(model, &config, "hidden_dim", 16);
    set_option(model, &config, "conv1d_kernel_size", WIDTH);
    if (mb_model_check(model, &config, &error) != MB_OK)
        return; // the model needs another feature type
    if (mb_model_compile(model, &config, MB_PLAN_TRAIN, MB_DROPOUT_OFF, 4, &plan, &error) != MB_OK)
        fail_msg("%s: %s", model->name, error.message);
    const mb_plan_info *info = mb_plan_get(plan);
    float *vector = malloc((size_t)info->parameter_floats * sizeof *vector);
    mb_parameters_initialise(plan, key, NULL, vector);
    for (int32_t i = 0; i < info->parameter_count; i++)
        check_parameter(model, &info->parameters[i], vector);
    free(vector);
    mb_plan_free(plan);
}

static void test_every_element_is_drawn(void **state) {
    (void)state;
    for (const mb_model *const *model = mb_model_all(); *model != NULL; model++) {
        check_model(*model, MB_UTT);
        check_model(*model, MB_FRM_ALIGN);
        check_model(*model, MB_FRM_UNALIGN);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_element_is_drawn)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
