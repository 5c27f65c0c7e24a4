// Several GPUs: which one is used, and that no other gets a context.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/device_choice.h"
#include "cudasim/control.h"
#include "merbench/self_test.h"
#include "merbench/survey.h"

enum { GPU_COUNT = 3 };

static void use(const char *name, const char *value) {
    if (value != NULL)
        setenv(name, value, 1);
    else
        unsetenv(name);
    cudasim_start_anew();
}

static int set_up(void **state) {
    (void)state;
    use("CUDASIM_DEVICES", "3");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    use("CUDASIM_BUSY", NULL);
    use("CUDASIM_CAPABILITY", NULL);
    use("CUDASIM_DEVICES", NULL);
    return 0;
}

// Checks that only this GPU has a context; -1: none.
static void expect_context(int gpu) {
    for (int i = 0; i < GPU_COUNT; i++)
        if (cudasim_has_context(i) != (i == gpu))
            fail_msg("GPU %d has %s context", i, i == gpu ? "no" : "a");
}

static void expect_text(const char *text, const char *part) {
    if (strstr(text, part) == NULL)
        fail_msg("expected '%s' in '%s'", part, text);
}

// ---- the survey -------------------------------------------------------------------------------

static void check_known(const mb_cuda_survey *survey, int32_t chosen) {
    assert_int_equal(survey->chosen, chosen);
    assert_int_equal(survey->device_count, GPU_COUNT);
    expect_context(chosen);
    for (int i = 0; i < GPU_COUNT; i++) {
        assert_string_equal(survey->devices[i].name, "cudasim");
        assert_int_equal(survey->devices[i].multiprocessors, 132);
        assert_int_equal(survey->devices[i].total_bytes, (int64_t)2 << 30);
        assert_int_equal(survey->devices[i].free_bytes, i == chosen ? (int64_t)2 << 30 : -1);
    }
}

static void test_survey(void **state) {
    (void)state;
    mb_cuda_survey survey;
    mb_cuda_look(&survey, MB_ANY_GPU);
    check_known(&survey, 0);
    assert_string_equal(survey.problem, "");
    cudasim_start_anew();
    mb_cuda_look(&survey, 2);
    check_known(&survey, 2);
    assert_string_equal(survey.problem, "");
}

static void test_busy(void **state) {
    (void)state;
    mb_cuda_survey survey;
    use("CUDASIM_BUSY", "0");
    mb_cuda_look(&survey, MB_ANY_GPU);
    check_known(&survey, 1);
    expect_text(survey.devices[0].problem, "busy or unavailable");
    assert_string_equal(survey.devices[1].problem, "");
    assert_string_equal(survey.devices[2].problem, "");
    assert_string_equal(survey.problem, "");

    use("CUDASIM_BUSY", "0,1,2");
    mb_cuda_look(&survey, MB_ANY_GPU);
    check_known(&survey, -1);
    expect_text(survey.problem, "GPU 0 (cudasim): CUDA-capable device(s) is/are busy");
    expect_text(survey.problem, "; GPU 2 (cudasim): CUDA-capable device(s) is/are busy");

    use("CUDASIM_BUSY", "1");
    mb_cuda_look(&survey, 1); // no other GPU is used instead
    check_known(&survey, -1);
    expect_text(survey.problem, "CUDA shows 3 GPUs, 0 to 2; GPU 1 (cudasim): CUDA-capable");
}

static void test_not_there(void **state) {
    (void)state;
    mb_cuda_survey survey;
    mb_cuda_look(&survey, 3);
    check_known(&survey, -1);
    assert_string_equal(survey.problem, "CUDA shows 3 GPUs, 0 to 2");
    use("CUDASIM_DEVICES", "1");
    mb_cuda_look(&survey, INT32_MAX);
    assert_int_equal(survey.chosen, -1);
    assert_string_equal(survey.problem, "CUDA shows one GPU, number 0");
    expect_context(-1);
}

static void test_too_old(void **state) {
    (void)state;
    mb_cuda_survey survey;
    use("CUDASIM_CAPABILITY", "7.0");
    for (int32_t gpu = -1; gpu < GPU_COUNT; gpu++) {
        mb_cuda_look(&survey, gpu);
        check_known(&survey, -1);
        expect_text(survey.problem, "(cudasim): compute capability 7.0; merbench needs 8.0");
    }
}

// ---- the executor -----------------------------------------------------------------------------

static void check_device(mb_device *device, int gpu) {
    mb_error error = {.message = ""};
    double difference = 1;
    mb_device *reference = NULL;
    assert_int_equal(mb_cpu_open("portable", &reference, &error), MB_OK);
    expect_context(gpu);
    if (mb_self_test(device, reference, &difference, &error) != MB_OK)
        fail_msg("%s", error.message);
    assert_true(difference <= MB_SELF_TEST_LIMIT);
    device->backend->close(device);
    reference->backend->close(reference);
    expect_context(gpu);
}

static void test_open(void **state) {
    (void)state;
    for (int32_t gpu = 0; gpu < GPU_COUNT; gpu++) {
        mb_cuda_options options = {.precision = MB_PRECISION_FLOAT32, .gpu = gpu};
        mb_error error = {.message = ""};
        mb_device *device = NULL;
        cudasim_start_anew();
        assert_int_equal(mb_cuda_open(&options, &device, &error), MB_OK);
        check_device(device, gpu);
    }
}

// A failure of the first GPU has no effect on the second.
static void test_open_next(void **state) {
    (void)state;
    mb_error error = {.message = ""};
    mb_device *device = NULL;
    use("CUDASIM_BUSY", "0");
    assert_int_equal(mb_cuda_backend()->open(&device, &error), MB_OK);
    check_device(device, 1);
}

static void test_open_refused(void **state) {
    (void)state;
    mb_error error = {.message = ""};
    mb_device *device = NULL;
    use("CUDASIM_BUSY", "2");
    mb_cuda_options options = {.precision = MB_PRECISION_FLOAT32, .gpu = 2};
    assert_int_equal(mb_cuda_open(&options, &device, &error), MB_UNSUPPORTED);
    expect_text(error.message, "GPU 2 (cudasim): CUDA-capable device(s) is/are busy");
    assert_null(device);
    options.gpu = 5;
    assert_int_equal(mb_cuda_open(&options, &device, &error), MB_UNSUPPORTED);
    expect_text(error.message, "CUDA shows 3 GPUs, 0 to 2");
    expect_context(-1);
}

// ---- the choice -------------------------------------------------------------------------------

static mb_device *open_choice(const mb_device_choice *choice) {
    mb_error error = {.message = ""};
    mb_device *device = NULL;
    if (mb_device_choice_open(choice, &device, &error) != MB_OK)
        fail_msg("%s", error.message);
    return device;
}

static const mb_backend *describe(mb_device_choice *choice) {
    mb_error error = {.message = ""};
    const mb_backend *backend = NULL;
    mb_device_description description;
    if (mb_device_choice_describe(choice, &backend, &description, &error) != MB_OK)
        fail_msg("%s", error.message);
    return backend;
}

// The GPU that was described is the one that is opened later, even if other GPUs have become free
// or busy.
static void test_choice_stays(void **state) {
    (void)state;
    mb_device_choice choice = {.device = "auto"};
    use("CUDASIM_BUSY", "0");
    assert_ptr_equal(describe(&choice), mb_cuda_backend());
    use("CUDASIM_BUSY", NULL);
    check_device(open_choice(&choice), 1);

    choice = (mb_device_choice){.device = NULL};
    use("CUDASIM_BUSY", "0,1,2");
    assert_ptr_equal(describe(&choice), &mb_cpu_backend);
    use("CUDASIM_BUSY", NULL);
    mb_device *device = open_choice(&choice);
    assert_ptr_equal(device->backend, &mb_cpu_backend);
    device->backend->close(device);
    expect_context(-1);

    choice = (mb_device_choice){.gpu = {.given = true, .number = 2}};
    assert_ptr_equal(describe(&choice), mb_cuda_backend());
    expect_context(2);
}

static mb_status open_like(const mb_device_choice *choice, const char *recorded, char *text,
                           size_t size, mb_error *error) {
    mb_device *device = NULL;
    mb_device_description description = {.text = ""};
    cudasim_start_anew();
    mb_status status = mb_device_choice_open_like(choice, recorded, &device, error);
    if (status == MB_OK) {
        assert_int_equal(device->backend->describe(device, &description, error), MB_OK);
        device->backend->close(device);
    }
    snprintf(text, size, "%s", description.text);
    return status;
}

// --gpu only chooses where a recorded run is trained again; it does not count as another device.
static void test_like(void **state) {
    (void)state;
    mb_device_choice second = {.gpu = {.given = true, .number = 1}}, any = {.device = NULL};
    mb_error error = {.message = ""};
    char text[200];
    assert_int_equal(open_like(&second, "cuda NVIDIA sm_90", text, sizeof text, &error), MB_OK);
    assert_string_equal(text, "cuda cudasim sm_90");
    expect_context(1);
    assert_int_equal(open_like(&second, "cuda NVIDIA sm_90 tf32", text, sizeof text, &error),
                     MB_OK);
    assert_string_equal(text, "cuda cudasim sm_90 tf32");
    expect_context(1);
    assert_int_equal(open_like(&second, "cpu portable", text, sizeof text, &error), MB_OK);
    assert_string_equal(text, "cuda cudasim sm_90");
    expect_context(1);
    assert_int_equal(open_like(&any, "cpu portable", text, sizeof text, &error), MB_OK);
    assert_string_equal(text, "cpu portable");
    expect_context(-1);
    use("CUDASIM_BUSY", "0,1,2");
    assert_int_equal(open_like(&any, "cuda NVIDIA sm_90", text, sizeof text, &error), MB_OK);
    expect_text(text, "cpu ");
    assert_int_equal(open_like(&second, "cuda NVIDIA sm_90", text, sizeof text, &error),
                     MB_UNSUPPORTED);
    expect_text(error.message, "--gpu 1: ");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_survey, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_busy, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_not_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_old, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_open, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_open_next, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_open_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_choice_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_like, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
