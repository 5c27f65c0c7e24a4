// Targets: corpora with common labels, and the names of their parts.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "data/harmonise.h"
#include "sweep/targets.h"

enum { UTTERANCES = 6 };

static char *names[UTTERANCES] = {"a", "b", "c", "d", "e", "f"};

// Emotions of MELD: 0 anger, 1 joy, 2 sadness, 3 neutral, 4 disgust, 5 fear, 6 surprise
typedef struct sample {
    int32_t emotions[UTTERANCES];
    float valences[UTTERANCES];
    int32_t train[3], test[3];
    mb_split splits[2];
    mb_feature feature;
    mb_corpus corpus;
} sample;

static void make(sample *s, const char *dataset) {
    static const int32_t emotions[UTTERANCES] = {1, 6, 0, 3, 4, 2};
    memcpy(s->emotions, emotions, sizeof emotions);
    for (int32_t i = 0; i < UTTERANCES; i++)
        s->valences[i] = (float)i / 10 - 0.2F;
    memcpy(s->train, (int32_t[]){0, 1, 2}, sizeof s->train);
    memcpy(s->test, (int32_t[]){3, 4, 5}, sizeof s->test);
    s->splits[0] = (mb_split){.name = (char *)"train", .count = 3, .rows = s->train};
    s->splits[1] = (mb_split){.name = (char *)"test", .count = 3, .rows = s->test};
    s->feature = (mb_feature){.name = (char *)"words", .dimension = 4, .digest = "0123"};
    s->corpus = (mb_corpus){.path = (char *)"sample.h5",
                            .rules = mb_dataset_find(dataset),
                            .utterance_count = UTTERANCES,
                            .names = names,
                            .emotions = s->emotions,
                            .valences = s->valences,
                            .split_count = 2,
                            .splits = s->splits,
                            .feature_count = 1,
                            .features = &s->feature,
                            .digest = "abcd"};
}

static void test_classes(void **state) {
    (void)state;
    sample s;
    mb_common_corpus common;
    make(&s, "MELD");
    assert_int_equal(mb_common_corpus_make(&s.corpus, &common, NULL), MB_OK);
    const int32_t expected[UTTERANCES] = {0, MB_EMOTION_MISSING, 3, 2, MB_EMOTION_MISSING, 1};
    assert_memory_equal(common.corpus.emotions, expected, sizeof expected);
    assert_int_equal(common.corpus.rules->class_count, 4);
    assert_int_equal(common.corpus.rules->value_count, 0);
    assert_int_equal(common.corpus.rules->selection, MB_SELECT_EMO);
    assert_string_equal(common.corpus.rules->classes[3], "angry");
    assert_null(common.corpus.rules->classes[4]);
    assert_int_equal(common.corpus.splits[0].count, 2); // the surprise is left out
    assert_int_equal(common.corpus.splits[0].rows[1], 2);
    assert_int_equal(common.corpus.splits[1].count, 2);
    mb_common_corpus_free(&common);
    // The corpus itself is as it was.
    assert_int_equal(s.corpus.splits[0].count, 3);
    assert_int_equal(s.emotions[0], 1);
}

static void test_values(void **state) {
    (void)state;
    sample s;
    mb_common_corpus common, again;
    make(&s, "SIMS");
    assert_int_equal(mb_common_corpus_make(&s.corpus, &common, NULL), MB_OK);
    assert_int_equal(mb_common_corpus_make(&s.corpus, &again, NULL), MB_OK);
    for (int32_t i = 0; i < UTTERANCES; i++) { // three times, and not nine
        assert_float_equal(common.corpus.valences[i], 3 * s.valences[i], 1e-6);
        assert_float_equal(again.corpus.valences[i], 3 * s.valences[i], 1e-6);
    }
    assert_int_equal(common.corpus.splits[1].count, 3);
    assert_float_equal(common.rules.value_range, 3, 0);
    mb_common_corpus_free(&common);
    mb_common_corpus_free(&again);
}

static void test_vanishing_classes(void **state) {
    (void)state;
    sample s;
    mb_common_corpus common;
    mb_targets targets = {.count = 0};
    mb_error error = {.message = ""};
    const char *const features[] = {"words"};
    make(&s, "MELD");
    for (int i = 3; i < UTTERANCES; i++)
        s.emotions[i] = 4; // disgust
    assert_int_equal(mb_common_corpus_make(&s.corpus, &common, NULL), MB_OK);
    targets.corpora[0] = &common.corpus;
    assert_int_equal(mb_targets_add(&targets, &common.corpus, features, 1, &error), MB_BAD_INPUT);
    assert_string_equal(error.message,
                        "target MELD: expected utterances with one of the emotions happy, sad, "
                        "neutral, angry in the split 'test' of sample.h5, found none");
    assert_int_equal(targets.count, 0);
    mb_common_corpus_free(&common);
}

static void test_names(void **state) {
    (void)state;
    sample s;
    char name[MB_PART_NAME], other[MB_PART_NAME];
    const char *const features[] = {"words"};
    make(&s, "MELD");
    mb_target_name(&s.corpus, features, 1, name);
    assert_int_equal(strlen(name), strlen("MELD:0123456789abcdef"));
    assert_int_equal(strncmp(name, "MELD:", 5), 0);
    strcpy(s.feature.digest, "0124"); // other values, another name
    mb_target_name(&s.corpus, features, 1, other);
    assert_string_not_equal(name, other);
    assert_true(mb_is_target_name(name));
    assert_false(mb_is_target_name("test1"));
    char cell[] = "SIMS > MELD:0123456789abcdef, CMUMOSI:00, SIMSv2";
    assert_string_equal(mb_targets_of_cell(cell), "MELD:0123456789abcdef, CMUMOSI:00, SIMSv2");
    mb_targets_drop_digests(cell);
    assert_string_equal(cell, "SIMS > MELD, CMUMOSI, SIMSv2");
    assert_null(mb_targets_of_cell("SIMS"));
    // The longest name of a dataset leaves room for all digits.
    make(&s, "IEMOCAPFour");
    mb_target_name(&s.corpus, features, 1, name);
    assert_int_equal(strlen(name), strlen("IEMOCAPFour:0123456789abcdef"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_vanishing_classes),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
