// Labels of several corpora on one scale.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "data/harmonise.h"
#include "parity/json_file.h"

static void test_classes(void **state) {
    (void)state;
    const mb_dataset_rules *meld = mb_dataset_find("MELD"), *mer = mb_dataset_find("MER2023");
    assert_int_equal(mb_common_class(meld, 1), 0);  // joy
    assert_int_equal(mb_common_class(meld, 4), -1); // disgust
    assert_int_equal(mb_common_class(meld, -1), -1);
    assert_int_equal(mb_common_class(meld, 7), -1);
    assert_int_equal(mb_common_class(mer, 5), -1); // surprise
    // Every dataset with classes has all four, each once.
    for (const mb_dataset_rules *const *rules = mb_dataset_all(); *rules != NULL; rules++) {
        int found[MB_COMMON_CLASS_COUNT] = {0};
        for (int32_t c = 0; c < (*rules)->class_count; c++)
            if (mb_common_class(*rules, c) >= 0)
                found[mb_common_class(*rules, c)]++;
        bool published = (*rules)->published[0].name != NULL;
        for (int32_t c = 0; published && (*rules)->class_count > 0 && c < MB_COMMON_CLASS_COUNT;
             c++)
            assert_int_equal(found[c], 1);
    }
}

static void test_kinds(void **state) {
    (void)state;
    const mb_dataset_rules *meld = mb_dataset_find("MELD"), *mosi = mb_dataset_find("CMUMOSI");
    mb_error error = {.message = ""};
    assert_int_equal(mb_check_common(meld, mb_dataset_find("IEMOCAPFour"), &error), MB_OK);
    assert_int_equal(mb_check_common(mosi, mb_dataset_find("SIMS"), &error), MB_OK);
    assert_int_equal(mb_check_common(meld, mosi, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "MELD has emotions, CMUMOSI has sentiment values"));
}

static void test_fixture(void **state) {
    (void)state;
    mb_parity_report report = {.group_count = 0};
    mb_error error = {.message = ""};
    if (mb_parity_json_file(MB_FIXTURES "/tools/harmonise.json", &report, &error) != MB_OK)
        fail_msg("%s%s", error.message, report.finding);
    assert_int_equal(report.groups[0].compared + report.groups[1].compared, 47);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_fixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
