// Numbers that are not finite under both protocols, and the order of evaluations, on the CPU.
#include "not_finite_support.h"

static mb_device *device;

static void test_last_row(void **state) {
    (void)state;
    check_last_row(device, "CMUMOSI");
    check_last_row(device, "IEMOCAPSix");
}

static void test_broken_in_array(void **state) {
    (void)state;
    check_broken_in_array(device, "CMUMOSI");
    check_broken_in_array(device, "IEMOCAPSix");
}

static void test_protocols(void **state) {
    (void)state;
    check_protocols(device);
}

static void test_evaluation_order(void **state) {
    (void)state;
    check_evaluation_order(device);
}

// Only models that couple rows, on the datasets whose loaders permute, under mertools.
static void test_who_permutes(void **state) {
    (void)state;
    static const char *const coupled[] = {"mctn", "mmim", "mfm", "misa"};
    for (const mb_model *const *model = mb_model_all(); *model != NULL; model++)
        for (const mb_dataset_rules *const *rules = mb_dataset_all(); *rules != NULL; rules++) {
            bool expected = false;
            for (int i = 0; i < 4; i++)
                expected |= strcmp((*model)->name, coupled[i]) == 0;
            expected = expected && (strcmp((*rules)->name, "MER2023") == 0 ||
                                    strncmp((*rules)->name, "IEMOCAP", 7) == 0);
            assert_int_equal(mb_permutes_evaluation(MB_PROTOCOL_MERTOOLS, *rules, *model),
                             expected);
            assert_false(mb_permutes_evaluation(MB_PROTOCOL_STRICT, *rules, *model));
        }
}

int main(void) {
    static const char *const sets[] = {"portable", "avx2", "avx512"};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_last_row),     cmocka_unit_test(test_broken_in_array),
        cmocka_unit_test(test_protocols),    cmocka_unit_test(test_evaluation_order),
        cmocka_unit_test(test_who_permutes),
    };
    int failures = 0;
    for (int i = 0; i < 3; i++) {
        mb_error error;
        if (mb_cpu_open(sets[i], &device, &error) != MB_OK)
            continue;
        failures += cmocka_run_group_tests(tests, NULL, NULL);
        device->backend->close(device);
    }
    return failures;
}
