// The audit: a single defect in a sound corpus is found and named, and nothing else is.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "corpus_support.h"
#include "data/audit.h"
#include "data/summary.h"
#include "data/synth.h"

// The small corpus with two splits, complete labels, all six classes, and no findings.
static void sound_init(small_corpus *small) {
    small_corpus_init(small);
    small->corpus.source = "synthetic: made for a test"; // so that its sizes are nobody's mistake
    small->splits[1].count = 3;
    small->corpus.split_count = 2;
    for (int i = 0; i < 6; i++)
        small->emotions[i] = i;
    small->valences[3] = 1;
}

static mb_audit audit(const small_corpus *small) {
    mb_corpus corpus;
    mb_audit found;
    mb_error error = {.message = ""};
    if (mb_corpus_write(&small->corpus, NULL, 0, small->path, true, &error) != MB_OK ||
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
    small.splits[1].count = 2;
    expect(&small, MB_WARNING, "no-split", "MER2023", 1, "'f\xc3\xbcnf'");
    small.splits[1].count = 3;
    small.splits[0].count = 4;
    expect(&small, MB_ERROR, "split-overlap", "MER2023", 1, "'drei', again in 'test1'");
    small.splits[0].count = 3;
    small.splits[2] = (mb_split){"val", 0, small.rows};
    small.corpus.split_count = 3;
    expect(&small, MB_ERROR, "empty-split", "MER2023", 1, "'val'");
    small_corpus_free(&small);
}

static void test_sessions(void **state) {
    (void)state;
    small_corpus small;
    sound_init(&small);
    small.corpus.rules = mb_dataset_find("IEMOCAPFour");
    small.splits[0] = (mb_split){"whole", 6, small.rows};
    small.corpus.split_count = 1;
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

// ---- labels that do not fit the dataset --------------------------------------------------------

// Labels in memory, without names of their own, of at most three splits.
typedef struct labels {
    mb_corpus corpus;
    mb_split splits[3];
} labels;

static void labels_init(labels *made, const char *dataset, const int32_t sizes[3]) {
    static char *const names[] = {"train", "val", "test"};
    int32_t total = sizes[0] + sizes[1] + sizes[2], row = 0;
    *made = (labels){.corpus = {.rules = mb_dataset_find(dataset),
                                .source = "a-folder",
                                .utterance_count = total,
                                .split_count = 3}};
    mb_corpus *corpus = &made->corpus;
    corpus->splits = made->splits;
    corpus->names = calloc((size_t)total, sizeof *corpus->names);
    corpus->emotions = calloc((size_t)total, sizeof *corpus->emotions);
    corpus->valences = calloc((size_t)total, sizeof *corpus->valences);
    for (int32_t i = 0; i < total; i++) {
        corpus->names[i] = "somebody";
        corpus->emotions[i] =
            corpus->rules->class_count > 0 ? i % corpus->rules->class_count : MB_EMOTION_MISSING;
        corpus->valences[i] = (float)(corpus->rules->value_range * (i % 5 - 2) / 2);
    }
    for (int32_t s = 0; s < 3; s++) {
        made->splits[s] = (mb_split){names[s], sizes[s], calloc((size_t)sizes[s], sizeof(int32_t))};
        for (int32_t i = 0; i < sizes[s]; i++)
            made->splits[s].rows[i] = row++;
    }
}

static void labels_free(labels *made) {
    for (int32_t s = 0; s < 3; s++)
        free(made->splits[s].rows);
    free(made->corpus.names);
    free(made->corpus.emotions);
    free(made->corpus.valences);
}

// Expects exactly these warnings, in one line each, and no error. NULL ends the list.
static void expect_warnings(const mb_corpus *corpus, const char *const *lines) {
    mb_audit found = {.most_entries = 2};
    mb_error error = {.message = ""};
    assert_int_equal(mb_audit_labels(corpus, &found, &error), MB_OK);
    assert_int_equal(mb_audit_count(&found, MB_ERROR), 0);
    for (int i = 0; i < found.count; i++) {
        char *line = mb_finding_line(&found.findings[i]);
        if (found.findings[i].severity == MB_WARNING) {
            assert_string_equal(line, *lines != NULL ? *lines : "no more warnings");
            lines++;
        }
        free(line);
    }
    assert_null(*lines);
    mb_audit_free(&found);
}

static void test_published(void **state) {
    (void)state;
    labels made;
    labels_init(&made, "CMUMOSI", (int32_t[]){1284, 229, 686});
    expect_warnings(&made.corpus, (const char *[]){NULL});
    made.corpus.rules = mb_dataset_find("MELD");
    for (int i = 0; i < made.corpus.utterance_count; i++)
        made.corpus.emotions[i] = 0;
    expect_warnings(
        &made.corpus,
        (const char *[]){"other-dataset: MELD: datasets of another name whose published splits "
                         "have exactly these sizes: CMUMOSI (train 1284, val 229, "
                         "test 686)",
                         "one-class: MELD: parts whose utterances all have one class, "
                         "perhaps a placeholder: 'train': 1284 of class 0 'anger', "
                         "with different valences; 'val': 229 of class 0 'anger', "
                         "with different valences; and 1 more",
                         NULL});
    labels_free(&made);
    labels_init(&made, "CMUMOSI", (int32_t[]){1284, 230, 686});
    expect_warnings(&made.corpus,
                    (const char *[]){"split-sizes: CMUMOSI: splits without the published "
                                     "size: 'val': 230 utterances, published 229",
                                     NULL});
    made.splits[1].name = "valid";
    expect_warnings(&made.corpus,
                    (const char *[]){"split-sizes: CMUMOSI: splits without the published "
                                     "size: 'valid': 230 utterances, not published; 'val': "
                                     "missing, published 229",
                                     NULL});
    made.corpus.source = "synthetic: like CMUMOSI";
    expect_warnings(&made.corpus, (const char *[]){NULL});
    made.corpus.rules = mb_dataset_find("QUICKSTART"); // nobody published it
    made.corpus.source = "a-folder";
    for (int i = 0; i < made.corpus.utterance_count; i++)
        made.corpus.emotions[i] = i % 4;
    expect_warnings(&made.corpus, (const char *[]){NULL});
    labels_free(&made);
}

static void test_scale(void **state) {
    (void)state;
    static const char warning[] =
        "valence-scale: CMUMOSI: sets of valences on what looks like a smaller scale: all 30 "
        "valences are in [-1, 1], the dataset's range is [-3, 3]";
    labels made;
    labels_init(&made, "CMUMOSI", (int32_t[]){10, 10, 10});
    made.corpus.source = "synthetic: ";
    expect_warnings(&made.corpus, (const char *[]){NULL});
    for (int i = 0; i < 30; i++)
        made.corpus.valences[i] /= 3;
    expect_warnings(&made.corpus, (const char *[]){warning, NULL});
    made.corpus.valences[29] = 1.5f;
    expect_warnings(&made.corpus, (const char *[]){NULL});
    made.corpus.valences[29] = 1;
    made.corpus.rules = mb_dataset_find("SIMS");
    expect_warnings(&made.corpus, (const char *[]){NULL});
    labels_free(&made);
    labels_init(&made, "CMUMOSI", (int32_t[]){5, 5, 5}); // few enough to be chance
    made.corpus.source = "synthetic: ";
    for (int i = 0; i < 15; i++)
        made.corpus.valences[i] /= 3;
    expect_warnings(&made.corpus, (const char *[]){NULL});
    labels_free(&made);
}

static void test_signs(void **state) {
    (void)state;
    labels made;
    labels_init(&made, "SIMS", (int32_t[]){10, 10, 10});
    made.corpus.source = "synthetic: ";
    for (int i = 10; i < 20; i++)
        made.corpus.valences[i] = 0;
    for (int i = 20; i < 30; i++)
        made.corpus.valences[i] = i < 22 ? 0 : -0.5f;
    expect_warnings(&made.corpus,
                    (const char *[]){"no-sign: SIMS: parts without a valence other than 0; WAF and "
                                     "ACC are not defined there: 'val': 10 zero",
                                     "one-sign: SIMS: parts whose valences have one sign; a "
                                     "constant prediction has a WAF of 100 there: 'test': 8 "
                                     "negative, 2 zero, 0 positive",
                                     NULL});
    labels_free(&made);
}

// Sessions of 4 utterances. The emotions of sessions 1, 2 and 3 are all the same, so that one
// training part of protocol strict has one class.
static void test_one_class(void **state) {
    (void)state;
    labels made;
    labels_init(&made, "IEMOCAPFour", (int32_t[]){20, 0, 0});
    made.corpus.source = "synthetic: ";
    made.splits[0].name = "whole";
    made.corpus.split_count = 1;
    static char *const names[] = {"Ses01F_1", "Ses02F_1", "Ses03F_1", "Ses04F_1", "Ses05F_1"};
    for (int i = 0; i < 20; i++) {
        made.corpus.names[i] = names[i / 4];
        made.corpus.valences[i] = NAN;
    }
    expect_warnings(&made.corpus, (const char *[]){NULL});
    for (int i = 0; i < 4; i++)
        made.corpus.emotions[i] = 2;
    expect_warnings(&made.corpus,
                    (const char *[]){"one-class: IEMOCAPFour: parts whose utterances all have one "
                                     "class, perhaps a placeholder: session 1: 4 of class 2 "
                                     "'neutral'",
                                     NULL});
    for (int i = 4; i < 12; i++)
        made.corpus.emotions[i] = 2;
    mb_audit found = {.most_entries = 9};
    mb_error error = {.message = ""};
    assert_int_equal(mb_audit_labels(&made.corpus, &found, &error), MB_OK);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.findings[0].count, 4);
    assert_string_equal(found.findings[0].entries[3],
                        "training part of fold 3 under strict: 12 of class 2 'neutral'");
    mb_audit_free(&found);
    for (int i = 12; i < 20; i++)
        made.corpus.emotions[i] = 2;
    expect_warnings(&made.corpus,
                    (const char *[]){"one-class: IEMOCAPFour: parts whose utterances all have one "
                                     "class, perhaps a placeholder: 'whole': 20 of class 2 "
                                     "'neutral'",
                                     NULL});
    labels_free(&made);
}

// Synthetic corpora have the published sizes, and none that is scaled down has a warning.
static void test_synthetic(void **state) {
    (void)state;
    for (const mb_dataset_rules *const *rules = mb_dataset_all(); *rules != NULL; rules++)
        for (int scaled = 0; scaled < 2; scaled++) {
            mb_synth_options options;
            mb_corpus corpus;
            mb_error error = {.message = ""};
            assert_int_equal(mb_synth_defaults(*rules, &options, &error), MB_OK);
            for (int m = 0; m < MB_MODALITY_COUNT; m++)
                options.dims[m] = 1;
            options.scale = scaled ? 0.02 : 1;
            assert_int_equal(mb_synth_make(&options, &corpus, &error), MB_OK);
            assert_true(mb_synth_made(&corpus));
            if (!scaled) // is then checked like an imported corpus
                corpus.source[0] = '-';
            expect_warnings(&corpus, (const char *[]){NULL});
            mb_corpus_close(&corpus);
        }
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
        cmocka_unit_test(test_sound),     cmocka_unit_test(test_labels),
        cmocka_unit_test(test_splits),    cmocka_unit_test(test_sessions),
        cmocka_unit_test(test_values),    cmocka_unit_test(test_features),
        cmocka_unit_test(test_summary),   cmocka_unit_test(test_published),
        cmocka_unit_test(test_scale),     cmocka_unit_test(test_signs),
        cmocka_unit_test(test_one_class), cmocka_unit_test(test_synthetic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
