// The audit: a single defect in a sound corpus is found and named, and nothing else is.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "corpus_support.h"
#include "data/audit.h"
#include "data/summary.h"

// The small corpus with complete labels, all six classes, and no findings.
static void sound_init(small_corpus *small) {
    small_corpus_init(small);
    for (int i = 0; i < 6; i++)
        small->emotions[i] = i;
    small->valences[3] = 1;
}

static mb_audit audit(const small_corpus *small) {
    mb_corpus corpus;
    mb_audit found;
    mb_error error = {.message = ""};
    if (mb_corpus_write(&small->corpus, NULL, 0, small->path, &error) != MB_OK ||
        mb_corpus_open(small->path, &corpus, &error) != MB_OK ||
        mb_audit_corpus(&corpus, 2, &found, &error) != MB_OK)
        fail_msg("%s", error.message);
    for (int32_t f = 0; f < corpus.feature_count; f++)
        assert_null(corpus.features[f].values); // features are loaded one at a time
    mb_corpus_close(&corpus);
    return found;
}

// Expects exactly one finding.
static void expect(const small_corpus *small, mb_severity severity, const char *check,
                   const char *subject, int64_t count, const char *entry) {
    mb_audit found = audit(small);
    for (int i = 0; i < found.count; i++)
        if (strcmp(found.findings[i].check, check) != 0)
            fail_msg("expected %s alone, found %s: %s", check, found.findings[i].check,
                     found.findings[i].entries[0]);
    assert_int_equal(found.count, 1);
    const mb_finding *finding = &found.findings[0];
    assert_int_equal(finding->severity, severity);
    assert_string_equal(finding->subject, subject);
    assert_int_equal(finding->count, count);
    assert_int_equal(finding->entry_count, count < 2 ? count : 2);
    assert_string_equal(finding->entries[0], entry);
    assert_int_equal(mb_audit_count(&found, severity), 1);
    mb_audit_free(&found);
}

static void test_sound(void **state) {
    (void)state;
    small_corpus small;
    sound_init(&small);
    mb_audit found = audit(&small);
    assert_int_equal(found.count, 0);
    mb_audit_free(&found);
    small_corpus_free(&small);
}

static void test_labels(void **state) {
    (void)state;
    small_corpus small;
    sound_init(&small);
    small.valences[1] = 5.5f;
    expect(&small, MB_ERROR, "valence-range", "MER2023", 1, "'u1': 5.5 is not in [-5, 5]");
    small.valences[1] = NAN;
    expect(&small, MB_ERROR, "missing-valence", "train", 1, "'u1'");
    small.valences[1] = 0;
    small.valences[3] = NAN;
    expect(&small, MB_NOTE, "missing-valence", "test1", 1, "'drei'");
    small.valences[3] = 0;
    small.emotions[3] = MB_EMOTION_MISSING; // also the only utterance of its class
    mb_audit found = audit(&small);
    assert_int_equal(mb_audit_count(&found, MB_ERROR), 1);
    assert_string_equal(found.findings[0].check, "missing-emotion");
    mb_audit_free(&found);
    small.emotions[3] = 3;
    small.emotions[0] = 1;
    expect(&small, MB_WARNING, "absent-class", "MER2023", 1, "0 'neutral'");
    small_corpus_free(&small);
}

static void test_splits(void **state) {
    (void)state;
    small_corpus small;
    sound_init(&small);
    small.splits[1].count = 1;
    expect(&small, MB_WARNING, "no-split", "MER2023", 1, "'vier'");
    small.splits[1] = (mb_split){"test1", 3, small.rows + 3};
    expect(&small, MB_ERROR, "split-overlap", "MER2023", 1, "'f\xc3\xbcnf', again in 'test2'");
    small.splits[1].count = 2;
    small.splits[2] = (mb_split){"val", 0, small.rows};
    small.splits[1].count = 3;
    expect(&small, MB_ERROR, "empty-split", "MER2023", 1, "'val'");
    small_corpus_free(&small);
}

static void test_sessions(void **state) {
    (void)state;
    small_corpus small;
    small_corpus_init(&small);
    small.corpus.rules = mb_dataset_find("IEMOCAPFour");
    char *names[6] = {"Ses01F_1", "Ses02F_1", "Ses03F_1", "Ses04F_1", "Ses05F_1", "Ses06F_1"};
    memcpy(small.names, names, sizeof names);
    for (int i = 0; i < 6; i++) {
        small.emotions[i] = i % 4;
        small.valences[i] = NAN;
    }
    expect(&small, MB_ERROR, "no-session", "IEMOCAPFour", 1, "'Ses06F_1'");
    char fifth[] = "Ses05F_2", second[] = "Ses01F_2";
    small.names[5] = fifth;
    small.names[1] = second;
    expect(&small, MB_ERROR, "empty-session", "IEMOCAPFour", 1, "session 2");
    small_corpus_free(&small);
}

static void test_values(void **state) {
    (void)state;
    small_corpus small;
    sound_init(&small);
    small.frame_values[9] = NAN; // frame 1 of "zwei", column 1
    small.frame_values[10] = INFINITY;
    expect(&small, MB_ERROR, "nonfinite", "words-FRA", 1,
           "'zwei': 1 NaN, 1 Inf, the first in frame 1, column 1");
    small.frame_values[9] = 9;
    small.frame_values[10] = 10;
    memset(small.utterance_values + 3, 0, 3 * sizeof(float)); // one in six is more than 5 %
    expect(&small, MB_WARNING, "zero-utterances", "sound-UTT", 1, "'u1'");
    small.utterance_values[3] = 0.75f;
    memcpy(small.utterance_values + 15, small.utterance_values + 6, 3 * sizeof(float));
    expect(&small, MB_NOTE, "equal-utterances", "sound-UTT", 1, "'f\xc3\xbcnf' equals 'zwei'");
    small.utterance_values[15] = 0.125f;
    for (int i = 0; i < 6; i++)
        small.utterance_values[3 * i + 2] = 7;
    expect(&small, MB_NOTE, "constant-columns", "sound-UTT", 1, "column 2: 7");
    for (int i = 0; i < 6; i++)
        small.utterance_values[3 * i + 1] = 8; // two of three
    expect(&small, MB_WARNING, "constant-columns", "sound-UTT", 2, "column 1: 8");
    small_corpus_free(&small);
}

static void test_features(void **state) {
    (void)state;
    small_corpus small;
    sound_init(&small);
    small.features[1].modality = -1;
    expect(&small, MB_NOTE, "unknown-modality", "MER2023", 1, "'sound-UTT'");
    small.features[1] = small.features[0];
    small.features[1].name = "words-again";
    expect(&small, MB_WARNING, "equal-features", "MER2023", 1, "'words-FRA' and 'words-again'");
    small.corpus.feature_count = 0;
    expect(&small, MB_ERROR, "no-features", "MER2023", 1, "there is nothing to train with");
    small_corpus_free(&small);
}

static void test_summary(void **state) {
    (void)state;
    small_corpus small;
    small_corpus_init(&small);
    mb_label_summary all = mb_summarize_labels(&small.corpus, NULL);
    assert_int_equal(all.values, 5);
    assert_int_equal(all.negative, 2);
    assert_int_equal(all.zero, 1);
    assert_int_equal(all.positive, 2);
    assert_int_equal(all.emotions_missing, 1);
    assert_int_equal(all.classes[5], 1);
    assert_true(all.minimum == -5 && all.maximum == 5);
    assert_true(fabs(all.mean - 0.1) < 1e-12);
    assert_true(fabs(all.deviation - sqrt(56.25 / 5 - 0.01)) < 1e-12);
    mb_label_summary none = mb_summarize_labels(&small.corpus, &(mb_split){"x", 1, (int32_t[]){3}});
    assert_int_equal(none.values, 0);
    assert_true(isnan(none.mean));
    small_corpus_free(&small);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound),   cmocka_unit_test(test_labels),
        cmocka_unit_test(test_splits),  cmocka_unit_test(test_sessions),
        cmocka_unit_test(test_values),  cmocka_unit_test(test_features),
        cmocka_unit_test(test_summary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
