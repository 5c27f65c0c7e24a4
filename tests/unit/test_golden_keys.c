// Descriptions and keys of trials, byte for byte as they were first written, so that today's
// ledgers stay readable and their trials are found again.
//
// tests/fixtures/keys/trials.txt has one line per trial: the key, a blank, the description. The
// first twenty trials are two per model, the others are those of `further`. touched.txt has former
// lines of trials.txt, whose results a later change of the engine has altered (semantics.c).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sweep/sweep_plan.h"
#include "sweep/trial.h"

enum { MODELS = 10, PAIRS = 2 * MODELS };

static const char *const models[MODELS] = {"attention", "tfn",       "lmf", "misa", "mmim",
                                           "mfn",       "graph_mfn", "mfm", "mctn", "mult"};
static const char *const datasets[4] = {"MER2023", "CMUMOSI", "IEMOCAPSix", "SIMSv2"};

// The value of a hyper-parameter in trial i: first the defaults, then values far from them.
static double value_of(const mb_option *option, int i) {
    if (i < MODELS && strcmp(option->name, "zero_rows") == 0)
        return 0; // the default then
    if (i < MODELS)
        return option->initial;
    if (option->kind == MB_OPTION_CHOICE)
        return option->maximum;
    if (option->grid_count > 0)
        return option->grid[option->grid_count - 1];
    if (option->kind == MB_OPTION_INTEGER || option->initial < 0)
        return option->maximum < 1e6 ? option->maximum : 0.7;
    return option->initial / 3;
}

// Trials with one of the things that changes have touched, or with none.
static const struct {
    const char *model, *dataset;
    mb_protocol protocol;
    mb_feature_type type;
} further[] = {
    {"attention", "MER2023", MB_PROTOCOL_STRICT, MB_UTT},
    {"misa", "MER2023", MB_PROTOCOL_STRICT, MB_UTT},
    {"mult", "MER2023", MB_PROTOCOL_STRICT, MB_FRM_UNALIGN},
    {"mult", "IEMOCAPFour", MB_PROTOCOL_STRICT, MB_FRM_ALIGN},
    {"attention", "IEMOCAPFour", MB_PROTOCOL_STRICT, MB_UTT},
    {"misa", "IEMOCAPFour", MB_PROTOCOL_MERTOOLS, MB_UTT},
    {"mfm", "MER2023", MB_PROTOCOL_MERTOOLS, MB_FRM_ALIGN},
    {"mfn", "MER2023", MB_PROTOCOL_MERTOOLS, MB_FRM_ALIGN},
};
enum { TRIALS = PAIRS + sizeof further / sizeof *further };

static mb_trial pair_trial(int i) {
    mb_trial trial = {
        .feature_type = (mb_feature_type)(i % 3),
        .model = mb_model_find(models[i % MODELS]),
        .protocol = i % 4 == 3 ? MB_PROTOCOL_STRICT : MB_PROTOCOL_MERTOOLS,
        .training = {.epochs = 100 - i,
                     .batch_size = 32 + i / 10,
                     .shuffle = i % 2 == 1,
                     .selection = (mb_selection)(i % 4)},
        .seed = (uint32_t)(i % PAIRS) * 214748364u + 1,
        .fold_seed = 3000000000u + (uint32_t)i,
    };
    snprintf(trial.dataset, sizeof trial.dataset, "%s", datasets[i % 4]);
    snprintf(trial.corpus_digest, sizeof trial.corpus_digest, "%032x", 0x1000 + i);
    for (int m = 0; m < MB_MODALITY_COUNT; m++) {
        static const char *const names[3] = {"wav2vec-large-c-UTT", "\xe6\x96\x87\"\\/ 1", "a b"};
        bool present = !trial.model->any_modality || i < MODELS || m != i / MODELS;
        trial.features[m].name = present ? (char *)names[m] : NULL;
        snprintf(trial.features[m].digest, sizeof trial.features[m].digest, "%032x", 77 * m + i);
    }
    for (int32_t h = 0; h < mb_hyper_count(trial.model); h++)
        trial.setting.values[h] = value_of(mb_hyper_get(trial.model, h), i);
    return trial;
}

static mb_trial trial_of(int i) {
    mb_trial trial = pair_trial(i);
    if (i < PAIRS)
        return trial;
    trial.model = mb_model_find(further[i - PAIRS].model);
    trial.protocol = further[i - PAIRS].protocol;
    trial.feature_type = further[i - PAIRS].type;
    snprintf(trial.dataset, sizeof trial.dataset, "%s", further[i - PAIRS].dataset);
    for (int m = 0; m < MB_MODALITY_COUNT; m++)
        trial.features[m].name = (char *)"F";
    for (int32_t h = 0; h < mb_hyper_count(trial.model); h++)
        trial.setting.values[h] = mb_hyper_get(trial.model, h)->initial;
    return trial;
}

static void test_keys(void **state) {
    (void)state;
    FILE *file = fopen(MB_FIXTURES "/keys/trials.txt", "r");
    char *line = NULL;
    size_t size = 0;
    assert_non_null(file);
    for (int i = 0; i < TRIALS; i++) {
        mb_trial trial = trial_of(i), read;
        char key[33], found[8192];
        char *description = NULL;
        mb_error error = {.message = ""};
        assert_int_equal(mb_trial_describe(&trial, &description, key, &error), MB_OK);
        snprintf(found, sizeof found, "%s %s\n", key, description);
        assert_true(getline(&line, &size, file) > 0);
        assert_string_equal(found, line);
        if (mb_trial_parse("trials.txt", description, &read, &error) != MB_OK)
            fail_msg("%s", error.message);
        mb_trial_free(&read);
        free(description);
    }
    assert_int_equal(getline(&line, &size, file), -1);
    free(line);
    fclose(file);
}

// A former description is refused, and the message says why its results cannot be had again.
static void test_touched(void **state) {
    (void)state;
    static const char *const reasons[] = {"is evaluated in a new order",
                                          "are padded to",
                                          "is evaluated in a new order",
                                          "are padded to",
                                          "is evaluated in a new order",
                                          "is evaluated in a new order",
                                          "are padded to"};
    FILE *file = fopen(MB_FIXTURES "/keys/touched.txt", "r");
    char *line = NULL;
    size_t size = 0;
    assert_non_null(file);
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        mb_trial read;
        mb_error error = {.message = ""};
        assert_true(getline(&line, &size, file) > 33);
        assert_int_equal(mb_trial_parse("touched.txt", line + 33, &read, &error), MB_UNSUPPORTED);
        mb_trial_free(&read);
        if (strstr(error.message, "semantics 1; in this one the trial has 2: ") == NULL ||
            strstr(error.message, reasons[i]) == NULL ||
            strchr(error.message, ';') != strrchr(error.message, ';'))
            fail_msg("line %d: %s", (int)i + 1, error.message);
    }
    assert_int_equal(getline(&line, &size, file), -1);
    free(line);
    fclose(file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_touched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
