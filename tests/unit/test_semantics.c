// The semantics number of trials: which changes of the engine touch which trials.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sweep/semantics.h"

static mb_trial trial_of(const char *dataset, const char *model, mb_protocol protocol,
                         mb_feature_type type) {
    mb_trial trial = {.model = mb_model_find(model), .protocol = protocol, .feature_type = type};
    snprintf(trial.dataset, sizeof trial.dataset, "%s", dataset);
    memset(trial.corpus_digest, '0', 32);
    memset(trial.features[0].digest, '1', 32);
    trial.features[0].name = (char *)"F";
    trial.training = (mb_training){.epochs = 1, .batch_size = 32, .shuffle = true};
    mb_setting_defaults(trial.model, &trial.setting);
    return trial;
}

static bool is_one_of(const char *name, const char *const *names) {
    for (int i = 0; names[i] != NULL; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

// The changes, in words: by the names of datasets and models.
static int32_t expected_number(const mb_trial *trial) {
    static const char *const permuted[] = {"MER2023", "IEMOCAPFour", "IEMOCAPSix", NULL};
    static const char *const coupled[] = {"mctn", "mmim", "mfm", "misa", NULL};
    if (trial->protocol == MB_PROTOCOL_STRICT)
        return strcmp(trial->dataset, "MER2023") == 0 || trial->feature_type != MB_UTT ? 2 : 1;
    return is_one_of(trial->dataset, permuted) && is_one_of(trial->model->name, coupled) ? 2 : 1;
}

static void test_numbers(void **state) {
    (void)state;
    int counts[3] = {0};
    for (const mb_dataset_rules *const *rules = mb_dataset_all(); *rules != NULL; rules++)
        for (const mb_model *const *model = mb_model_all(); *model != NULL; model++)
            for (int protocol = MB_PROTOCOL_MERTOOLS; protocol <= MB_PROTOCOL_STRICT; protocol++)
                for (int type = MB_UTT; type <= MB_FRM_UNALIGN; type++) {
                    mb_trial trial = trial_of((*rules)->name, (*model)->name, (mb_protocol)protocol,
                                              (mb_feature_type)type);
                    int32_t number = mb_trial_semantics(&trial);
                    if (number != expected_number(&trial))
                        fail_msg("%s, %s, %d, %d: expected %d, found %d", (*rules)->name,
                                 (*model)->name, protocol, type, expected_number(&trial), number);
                    counts[number]++;
                }
    assert_true(counts[1] > 100 && counts[2] > 100);
}

static void describe(const mb_trial *trial, char **description, char key[33]) {
    mb_error error = {.message = ""};
    assert_int_equal(mb_trial_describe(trial, description, key, &error), MB_OK);
}

// fold_seed is in the description, and thereby in the key, only where it matters.
static void test_fold_seed(void **state) {
    (void)state;
    static const struct {
        const char *dataset;
        mb_protocol protocol;
        bool matters;
    } cases[] = {{"MER2023", MB_PROTOCOL_STRICT, true},
                 {"MER2023", MB_PROTOCOL_MERTOOLS, false},
                 {"IEMOCAPSix", MB_PROTOCOL_STRICT, false},
                 {"CMUMOSI", MB_PROTOCOL_STRICT, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char keys[2][33];
        for (uint32_t s = 0; s < 2; s++) {
            mb_trial trial = trial_of(cases[i].dataset, "attention", cases[i].protocol, MB_UTT);
            mb_trial read;
            mb_error error = {.message = ""};
            trial.fold_seed = UINT32_MAX - s;
            char *description = NULL;
            describe(&trial, &description, keys[s]);
            assert_int_equal(mb_trial_has_fold_seed(&trial), cases[i].matters);
            assert_int_equal(strstr(description, "\"fold_seed\":429496729") != NULL,
                             cases[i].matters);
            assert_int_equal(mb_trial_parse("t", description, &read, &error), MB_OK);
            assert_int_equal(read.fold_seed, cases[i].matters ? trial.fold_seed : 0);
            mb_trial_free(&read);
            free(description);
        }
        assert_int_equal(strcmp(keys[0], keys[1]) != 0, cases[i].matters);
    }
}

// Replaces `from` with `to` in the description of a trial and expects a refusal.
static void refuse(const mb_trial *trial, const char *from, const char *to, mb_status expected,
                   const char *message) {
    char key[33], text[2048];
    char *description = NULL;
    describe(trial, &description, key);
    assert_non_null(strstr(description, from));
    size_t before = (size_t)(strstr(description, from) - description);
    snprintf(text, sizeof text, "%.*s%s%s", (int)before, description, to,
             description + before + strlen(from));
    mb_trial read;
    mb_error error = {.message = ""};
    mb_status status = mb_trial_parse("trial 5", text, &read, &error);
    mb_trial_free(&read);
    free(description);
    if (status != expected || strstr(error.message, message) == NULL)
        fail_msg("expected %d '%s', found %d '%s'", expected, message, status, error.message);
}

static void test_refused(void **state) {
    (void)state;
    mb_trial strict = trial_of("MER2023", "attention", MB_PROTOCOL_STRICT, MB_FRM_ALIGN);
    mb_trial plain = trial_of("CMUMOSI", "attention", MB_PROTOCOL_MERTOOLS, MB_UTT);
    mb_trial coupled = trial_of("IEMOCAPSix", "misa", MB_PROTOCOL_MERTOOLS, MB_UTT);
    refuse(&strict, "\"engine\":2", "\"engine\":1", MB_UNSUPPORTED,
           "trial 5: made by an engine with semantics 1; in this one the trial has 2: random folds "
           "are drawn with fold_seed instead of the trial's seed; sequences are padded to");
    refuse(&coupled, "\"engine\":2", "\"engine\":1", MB_UNSUPPORTED,
           "semantics 1; in this one the trial has 2: a model that couples rows");
    // Older descriptions lack the seed of the folds. The reason comes first.
    refuse(&strict,
           "\"engine\":2,\"epochs\":1,\"feature_type\":\"frm_align\",\"features\":{"
           "\"audio\":{\"digest\":\"11111111111111111111111111111111\",\"name\":\"F\"}},"
           "\"fold_seed\":0,",
           "\"engine\":1,\"epochs\":1,\"feature_type\":\"frm_align\",\"features\":{},",
           MB_UNSUPPORTED, "random folds are drawn with fold_seed");
    refuse(&strict, "\"fold_seed\":0,", "", MB_BAD_INPUT, "fold_seed: expected an integer");
    refuse(&plain, "\"engine\":1", "\"engine\":2", MB_UNSUPPORTED,
           "trial 5: made by an engine with semantics 2; in this one the trial has 1");
    refuse(&plain, "\"engine\":1", "\"engine\":3", MB_UNSUPPORTED,
           "trial 5: made by an engine with semantics 3; this one knows 1 to 2");
    refuse(&plain, "\"engine\":1", "\"engine\":0", MB_UNSUPPORTED, "semantics 0");
    // A newer engine may describe trials in another way.
    refuse(&plain, "\"engine\":1,\"epochs\":1,", "\"engine\":3,", MB_UNSUPPORTED, "semantics 3");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_fold_seed),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
