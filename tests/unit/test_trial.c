// Descriptions and keys of trials. The keys are golden: a change of one means that finished trials
// are no longer found, so it needs a change in semantics.c or a reason.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sweep/trial.h"

static mb_trial sample(void) {
    mb_trial trial = {
        .dataset = "CMUMOSI",
        .corpus_digest = "0123456789abcdef0123456789abcdef",
        .features = {{(char *)"A", "11111111111111111111111111111111"},
                     {(char *)"T\xc3\xbc", "22222222222222222222222222222222"},
                     {NULL, ""}},
        .feature_type = MB_FRM_ALIGN,
        .model = mb_model_find("attention"),
        .protocol = MB_PROTOCOL_STRICT,
        .training = {.epochs = 100, .batch_size = 32, .shuffle = true, .selection = MB_SELECT_EMO},
        .seed = 4294967295u,
    };
    mb_setting_defaults(trial.model, &trial.setting);
    trial.setting.values[mb_hyper_find(trial.model, "dropout")] = 0.3;
    trial.setting.values[mb_hyper_find(trial.model, "hidden_dim")] = 128;
    trial.setting.values[mb_hyper_find(trial.model, "weights")] = 1;
    mb_model_config unused;
    mb_setting_apply(trial.model, &trial.setting, &unused, &trial.training);
    return trial;
}

static char *describe(const mb_trial *trial, char key[33]) {
    char *description = NULL;
    mb_error error = {.message = ""};
    assert_int_equal(mb_trial_describe(trial, &description, key, &error), MB_OK);
    return description;
}

static const char golden[] =
    "{\"batch_size\":32,\"corpus\":\"0123456789abcdef0123456789abcdef\",\"dataset\":\"CMUMOSI\","
    "\"engine\":2,\"epochs\":100,\"feature_type\":\"frm_align\",\"features\":{\"audio\":{"
    "\"digest\":"
    "\"11111111111111111111111111111111\",\"name\":\"A\"},\"text\":{\"digest\":"
    "\"22222222222222222222222222222222\",\"name\":\"T\xc3\xbc\"}},\"grad_clip\":-1,"
    "\"learning_rate\":0.001,\"model\":\"attention\",\"options\":{\"dropout\":0.3,\"hidden_dim\":"
    "128,"
    "\"projection\":\"mlp\",\"weights\":\"softmax\"},\"protocol\":\"strict\",\"seed\":4294967295,"
    "\"selection\":\"emo\",\"shuffle\":true,\"weight_decay\":1e-05}";

static void test_golden(void **state) {
    (void)state;
    char key[33];
    mb_trial trial = sample();
    char *description = describe(&trial, key);
    assert_string_equal(description, golden);
    assert_string_equal(key, "965ed549a6570cf4036ff5e493c45d16");
    free(description);
}

static void test_round_trip(void **state) {
    (void)state;
    char key[33], again[33];
    mb_error error = {.message = ""};
    mb_trial trial = sample(), read;
    char *description = describe(&trial, key);
    assert_int_equal(mb_trial_parse("t", description, &read, &error), MB_OK);
    assert_int_equal(read.seed, trial.seed);
    assert_true(read.training.learning_rate == trial.training.learning_rate);
    assert_true(read.training.grad_clip == -1);
    assert_null(read.features[MB_VIDEO].name);
    char *second = describe(&read, again);
    assert_string_equal(second, description);
    assert_string_equal(again, key);
    free(description);
    free(second);
    mb_trial_free(&read);
}

// Everything that the result depends on changes the key.
static void test_every_field_counts(void **state) {
    (void)state;
    enum { CASES = 14 };
    char keys[CASES][33];
    for (int i = 0; i < CASES; i++) {
        mb_trial t = sample();
        switch (i) {
        case 0:
            break;
        case 1:
            t.corpus_digest[31] = '0';
            break;
        case 2:
            t.features[0].digest[0] = '3';
            break;
        case 3:
            t.features[1].name = (char *)"U";
            break;
        case 4:
            t.feature_type = MB_UTT;
            break;
        case 5:
            t.setting.values[0] = 64;
            break;
        case 6:
            t.setting.values[mb_hyper_find(t.model, "learning_rate")] = 1e-4;
            break;
        case 7:
            t.setting.values[mb_hyper_find(t.model, "weight_decay")] = 0;
            break;
        case 8:
            t.protocol = MB_PROTOCOL_MERTOOLS;
            break;
        case 9:
            t.training.epochs = 99;
            break;
        case 10:
            t.training.batch_size = 31;
            break;
        case 11:
            t.training.shuffle = false;
            break;
        case 12:
            t.training.selection = MB_SELECT_LOSS;
            break;
        case 13:
            t.seed = 1;
            break;
        }
        free(describe(&t, keys[i]));
        for (int j = 0; j < i; j++)
            assert_string_not_equal(keys[i], keys[j]);
    }
}

// Replaces `from` with `to` in the golden description and expects a refusal.
static void refuse(const char *from, const char *to, mb_status expected, const char *message) {
    char text[2048];
    const char *at = strstr(golden, from);
    assert_non_null(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - golden), golden, to, at + strlen(from));
    mb_trial trial;
    mb_error error = {.message = ""};
    mb_status status = mb_trial_parse("trial 5", text, &trial, &error);
    mb_trial_free(&trial);
    if (status != expected || strstr(error.message, message) == NULL)
        fail_msg("expected %d '%s', found %d '%s'", expected, message, status, error.message);
}

static void test_refused(void **state) {
    (void)state;
    refuse("\"engine\":2", "\"engine\":1", MB_UNSUPPORTED, "semantics 1");
    refuse("\"attention\"", "\"tfn9\"", MB_UNSUPPORTED, "no model \"tfn9\"");
    refuse("\"CMUMOSI\"", "\"MOSI\"", MB_BAD_INPUT, "dataset: expected a dataset, found \"MOSI\"");
    refuse("0123456789abcdef0123", "0123456789abcdeX0123", MB_BAD_INPUT, "32 hexadecimal digits");
    refuse("\"hidden_dim\":128,", "", MB_BAD_INPUT, "options.hidden_dim: expected an integer");
    refuse("\"epochs\":100", "\"epochs\":0", MB_BAD_INPUT, "epochs: expected an integer");
    refuse("\"shuffle\":true", "\"shuffle\":1", MB_BAD_INPUT, "shuffle: expected true or false");
    refuse("\"name\":\"A\"", "\"name\":\"\"", MB_BAD_INPUT, "features.audio.name: expected a text");
    refuse("}", "", MB_BAD_INPUT, "trial 5: line 1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_every_field_counts),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
