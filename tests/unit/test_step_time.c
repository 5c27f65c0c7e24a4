// What steps take: that it is measured for every model. How long it is depends on the machine.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "merbench/train.h"

static mb_device *device;

static int open_device(void **state) {
    (void)state;
    mb_error error = {.message = ""};
    return mb_cpu_open("portable", &device, &error) == MB_OK ? 0 : -1;
}

static int close_device(void **state) {
    (void)state;
    device->backend->close(device);
    return 0;
}

static mb_model_config config_of(const mb_model *model) {
    mb_model_config config = {.dims = {4, 6, 5}, .class_count = 3, .value_count = 1};
    for (int m = 0; m < MB_MODALITY_COUNT; m++)
        config.steps[m] = 3;
    mb_model_defaults(model, &config);
    config.options[mb_model_option(model, "hidden_dim")] = 8;
    if (mb_model_check(model, &config, NULL) != MB_OK)
        config.feature_type = MB_FRM_ALIGN;
    return config;
}

static void expect_times(const mb_model *model, const mb_model_config *config, int32_t batch) {
    mb_device_cache cache = {.device = device};
    mb_error error = {.message = ""};
    mb_step_time time;
    if (mb_time_steps(&cache, model, config, batch, &time, &error) != MB_OK)
        fail_msg("%s: %s", model->name, error.message);
    assert_true(time.count >= 100);
    assert_true(time.training_seconds > 0 && isfinite(time.training_seconds));
    assert_true(time.inference_seconds > 0 && isfinite(time.inference_seconds));
}

static void test_models(void **state) {
    (void)state;
    for (const mb_model *const *model = mb_model_all(); *model != NULL; model++) {
        mb_model_config config = config_of(*model);
        expect_times(*model, &config, 3);
    }
}

// Frames, absent modalities, one kind of output, a batch that is larger than what is made up and
// than what is evaluated at a time.
static void test_configurations(void **state) {
    (void)state;
    const mb_model *model = mb_model_find("attention");
    mb_model_config config = config_of(model);
    config.feature_type = MB_FRM_UNALIGN;
    expect_times(model, &config, 1);
    config.dims[MB_AUDIO] = config.dims[MB_TEXT] = 0;
    config.class_count = 0;
    expect_times(model, &config, 2);
    config.feature_type = MB_UTT;
    config.class_count = 2;
    config.value_count = 0;
    expect_times(model, &config, 600);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_models),
        cmocka_unit_test(test_configurations),
    };
    return cmocka_run_group_tests(tests, open_device, close_device);
}
