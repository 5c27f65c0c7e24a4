// The self-test of devices: devices that work pass, broken ones are noticed.
#include "separate_support.h"

#include <math.h>
#include <string.h>

#include "merbench/self_test.h"

// Against the portable CPU executor.
static mb_status self_test(mb_device *device, double *difference, mb_error *error) {
    mb_device *reference = NULL;
    assert_int_equal(mb_cpu_open("portable", &reference, error), MB_OK);
    mb_status status = mb_self_test(device, reference, difference, error);
    reference->backend->close(reference);
    return status;
}

static void test_passes(void **state) {
    (void)state;
    static const char *const isas[] = {"portable", "avx2", "avx512"};
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++) {
        mb_device *device = NULL;
        mb_error error = {.message = ""};
        double difference = -1;
        if (mb_cpu_open(isas[i], &device, NULL) != MB_OK) {
            print_message("this processor has no %s\n", isas[i]);
            continue;
        }
        assert_int_equal(self_test(device, &difference, &error), MB_OK);
        assert_true(difference >= 0 && difference < MB_SELF_TEST_LIMIT / 10);
        if (i == 0)
            assert_true(difference == 0);
        device->backend->close(device);
    }
}

static void test_passes_with_own_memory(void **state) {
    (void)state;
    mb_error error = {.message = ""};
    double difference = -1;
    mb_device *device = separate_open((size_t)1 << 30);
    assert_int_equal(self_test(device, &difference, &error), MB_OK);
    assert_true(difference >= 0 && difference < MB_SELF_TEST_LIMIT / 10);
    separate_close(device);
}

// ---- broken devices ---------------------------------------------------------------------------

static float factor; // multiplies one weight of the last run after each launch that trains

static mb_status run_badly(mb_device *device, const mb_plan *plan, const mb_launch *launch,
                           mb_error *error) {
    mb_status status = mb_cpu_backend.executor->run(device, plan, launch, error);
    const mb_plan_info *info = mb_plan_get(plan);
    if (info->trains)
        launch->parameters[launch->run_count * info->parameter_floats - info->parameter_floats] *=
            factor;
    return status;
}

static mb_status refuse_to_run(mb_device *device, const mb_plan *plan, const mb_launch *launch,
                               mb_error *error) {
    (void)device;
    (void)plan;
    (void)launch;
    return mb_fail(error, MB_FAILED, "the device is gone");
}

static mb_status test_backend(mb_backend *backend, double *difference, mb_error *error) {
    mb_device *device = NULL;
    assert_int_equal(mb_cpu_open("portable", &device, error), MB_OK);
    device->backend = backend;
    mb_status status = self_test(device, difference, error);
    device->backend->close(device);
    return status;
}

static void test_finds_errors(void **state) {
    (void)state;
    mb_executor executor = *mb_cpu_backend.executor;
    mb_backend bad = mb_cpu_backend;
    mb_error error = {.message = ""};
    double difference = -1;
    bad.executor = &executor;
    executor.run = run_badly;
    factor = 1.0f;
    assert_int_equal(test_backend(&bad, &difference, &error), MB_OK);
    assert_true(difference == 0);
    factor = 1.2f;
    assert_int_equal(test_backend(&bad, &difference, &error), MB_OK);
    assert_true(difference > MB_SELF_TEST_LIMIT);
    factor = NAN;
    assert_int_equal(test_backend(&bad, &difference, &error), MB_OK);
    assert_true(isinf(difference));
    executor.run = refuse_to_run;
    assert_int_equal(test_backend(&bad, &difference, &error), MB_FAILED);
    assert_string_equal(error.message, "the device is gone");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passes),
        cmocka_unit_test(test_passes_with_own_memory),
        cmocka_unit_test(test_finds_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
