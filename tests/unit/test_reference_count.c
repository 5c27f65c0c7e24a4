// The counts of thop for the reference's models.
//
// The literals were printed by thop 0.1.1.post2209072238 with torch 2.1.2, for models written in
// torch from the same definitions and with the same tree of modules as the toolkit's, wrapped once
// more as the toolkit does, on batches of 32 rows: dimensions 24 (audio), 40 (text), 16 (video),
// hidden_dim 32, mem_dim 16, C = 6, R = 1.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "models/reference_count.h"

enum { ROWS = 32 };

static mb_model_config config_of(const mb_model *model, mb_feature_type type) {
    mb_model_config config = {.feature_type = type, .class_count = 6, .value_count = 1};
    const int32_t dims[] = {24, 40, 16}, unequal[] = {7, 5, 6};
    for (int m = 0; m < MB_MODALITY_COUNT; m++) {
        config.dims[m] = dims[m];
        config.steps[m] = type == MB_UTT ? 1 : type == MB_FRM_ALIGN ? 5 : unequal[m];
    }
    mb_model_defaults(model, &config);
    return config;
}

static void set(const mb_model *model, mb_model_config *config, const char *name, double value) {
    int32_t option = mb_model_option(model, name);
    assert_true(option >= 0);
    config->options[option] = value;
}

typedef struct expected {
    const char *model;
    mb_feature_type type;
    int64_t multiply_accumulates, parameters;
    struct {
        const char *name;
        double value;
    } options[3]; // beside hidden_dim
} expected;

static const expected table[] = {
    {"attention", MB_UTT, 452608, 14538, {{0}}},
    {"attention", MB_FRM_UNALIGN, 4827136, 32010, {{0}}},
    {"tfn", MB_UTT, 37117952, 1160295, {{0}}},
    {"lmf", MB_UTT, 282112, 9111, {{"rank", 4}}},
    {"misa", MB_UTT, 26541568, 173223, {{0}}},
    {"mmim", MB_UTT, 875520, 28167, {{"cpc_layers", 2}}},
    {"mfn", MB_FRM_ALIGN, 9309696, 61207, {{"mem_dim", 16}}},
    {"graph_mfn", MB_FRM_ALIGN, 12110336, 78866, {{"mem_dim", 16}}},
    {"mfm", MB_FRM_ALIGN, 18078720, 123134, {{"mem_dim", 16}}},
    {"mctn", MB_FRM_ALIGN, 372279296, 216935, {{0}}},
    {"mult", MB_FRM_UNALIGN, 61591040, 537735, {{"layers", 2}, {"conv1d_kernel_size", 3}}},
    {"mult", MB_FRM_ALIGN, 112233984, 759559, {{"layers", 4}, {"conv1d_kernel_size", 1}}},
};

static void test_models(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const expected *e = &table[i];
        mb_error error = {.message = ""};
        mb_reference_count count;
        const mb_model *model = mb_model_find(e->model);
        mb_model_config config = config_of(model, e->type);
        set(model, &config, "hidden_dim", 32);
        for (int k = 0; k < 3 && e->options[k].name != NULL; k++)
            set(model, &config, e->options[k].name, e->options[k].value);
        if (mb_reference_count_make(model, &config, ROWS, &count, &error) != MB_OK)
            fail_msg("%s: %s", e->model, error.message);
        if (count.multiply_accumulates != e->multiply_accumulates ||
            count.parameters != e->parameters)
            fail_msg("%s, %s: expected %lld, %lld, found %lld, %lld", e->model,
                     mb_feature_type_names[e->type], (long long)e->multiply_accumulates,
                     (long long)e->parameters, (long long)count.multiply_accumulates,
                     (long long)count.parameters);
    }
}

// Table 17: one feature in all three slots, hidden_dim 128.
static void test_paper(void **state) {
    (void)state;
    static const struct {
        int32_t dimension;
        int64_t multiply_accumulates, parameters; // of a sample
    } rows[] = {{768, 476416, 477962}, {512, 378112, 379658}, {384, 328960, 330506}};
    const mb_model *model = mb_model_find("attention");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        mb_error error = {.message = ""};
        mb_reference_count count;
        mb_model_config config = config_of(model, MB_UTT);
        set(model, &config, "hidden_dim", 128);
        for (int m = 0; m < MB_MODALITY_COUNT; m++)
            config.dims[m] = rows[i].dimension;
        assert_int_equal(mb_reference_count_make(model, &config, ROWS, &count, &error), MB_OK);
        assert_int_equal(count.multiply_accumulates, ROWS * rows[i].multiply_accumulates);
        assert_int_equal(count.parameters, rows[i].parameters);
    }
}

// Every model has a count, which grows with the batch.
static void test_all(void **state) {
    (void)state;
    for (const mb_model *const *model = mb_model_all(); *model != NULL; model++) {
        mb_error error = {.message = ""};
        mb_reference_count few, many;
        mb_model_config config = config_of(*model, MB_UTT);
        if (mb_model_check(*model, &config, NULL) != MB_OK)
            config = config_of(*model, MB_FRM_ALIGN);
        assert_int_equal(mb_reference_count_make(*model, &config, 1, &few, &error), MB_OK);
        assert_int_equal(mb_reference_count_make(*model, &config, 2, &many, &error), MB_OK);
        assert_true(few.multiply_accumulates > 0 && few.parameters > 0);
        assert_true(many.multiply_accumulates > few.multiply_accumulates);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_models),
        cmocka_unit_test(test_paper),
        cmocka_unit_test(test_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
