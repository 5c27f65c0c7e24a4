// Synthetic corpora: the sizes and balances of the datasets, and the strength of the signal.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "data/corpus_file.h"
#include "data/corpus_write.h"
#include "data/synth.h"
#include "merbench/folds.h"

enum { MAX_GROUPS = 8 };

static mb_synth_options defaults(const char *dataset) {
    mb_synth_options options;
    mb_error error = {.message = ""};
    if (mb_synth_defaults(mb_dataset_find(dataset), &options, &error) != MB_OK)
        fail_msg("%s", error.message);
    return options;
}

static void make(const mb_synth_options *options, mb_corpus *corpus) {
    mb_error error = {.message = ""};
    if (mb_synth_make(options, corpus, &error) != MB_OK)
        fail_msg("%s", error.message);
}

static void set_signal(mb_synth_options *options, double audio, double text, double video) {
    options->signal[MB_AUDIO] = audio;
    options->signal[MB_TEXT] = text;
    options->signal[MB_VIDEO] = video;
}

static void set_dims(mb_synth_options *options, int32_t dimension) {
    for (int32_t m = 0; m < MB_MODALITY_COUNT; m++)
        options->dims[m] = dimension;
}

// The group that a classifier has to find: the class, or the sign of the value; -1 = none.
static int32_t group_of(const mb_corpus *corpus, int32_t row) {
    if (corpus->rules->class_count > 0)
        return corpus->emotions[row];
    float value = corpus->valences[row];
    return value == 0 ? -1 : value > 0;
}

// The mean of the training rows of each group.
static double *make_centroids(const mb_corpus *corpus, const mb_feature *feature) {
    int32_t d = feature->dimension, counts[MAX_GROUPS] = {0};
    double *centroids = calloc((size_t)(MAX_GROUPS * d), sizeof *centroids);
    assert_non_null(centroids);
    const mb_split *train = mb_corpus_split(corpus, "train");
    for (int32_t i = 0; i < train->count; i++) {
        int32_t row = train->rows[i], group = group_of(corpus, row);
        if (group < 0)
            continue;
        counts[group]++;
        for (int32_t k = 0; k < d; k++)
            centroids[group * d + k] += (double)feature->values[(int64_t)row * d + k];
    }
    for (int32_t g = 0; g < MAX_GROUPS; g++)
        for (int32_t k = 0; k < d; k++)
            centroids[g * d + k] = counts[g] > 0 ? centroids[g * d + k] / counts[g] : HUGE_VAL;
    return centroids;
}

// The share of test rows that are nearest to the centroid of their own group, averaged over the
// groups. By chance it is one over the number of groups.
static double centroid_recall(const mb_corpus *corpus, const char *feature_name) {
    const mb_feature *feature = mb_corpus_feature(corpus, feature_name);
    int32_t d = feature->dimension, hits[MAX_GROUPS] = {0}, counts[MAX_GROUPS] = {0};
    double *centroids = make_centroids(corpus, feature);
    const mb_split *test = mb_corpus_split(corpus, "test");
    for (int32_t i = 0; i < test->count; i++) {
        int32_t row = test->rows[i], group = group_of(corpus, row), nearest = 0;
        if (group < 0)
            continue;
        double best = INFINITY;
        for (int32_t g = 0; g < MAX_GROUPS; g++) {
            double distance = 0;
            for (int32_t k = 0; k < d; k++) {
                double x = (double)feature->values[(int64_t)row * d + k] - centroids[g * d + k];
                distance += x * x;
            }
            if (distance < best) {
                best = distance;
                nearest = g;
            }
        }
        counts[group]++;
        hits[group] += nearest == group;
    }
    free(centroids);
    double recall = 0;
    int32_t groups = 0;
    for (int32_t g = 0; g < MAX_GROUPS; g++)
        if (counts[g] > 0) {
            recall += (double)hits[g] / counts[g];
            groups++;
        }
    return recall / groups;
}

static void test_signal_of_classes(void **state) {
    (void)state;
    mb_synth_options options = defaults("QUICKSTART");
    options.scale = 3; // narrow confidence intervals: 600 test rows
    mb_corpus corpus;
    set_signal(&options, 0, 3, 1);
    make(&options, &corpus);
    double none = centroid_recall(&corpus, "synth-audio-UTT");
    double strong = centroid_recall(&corpus, "synth-text-UTT");
    double weak = centroid_recall(&corpus, "synth-video-UTT");
    assert_true(none > 0.18 && none < 0.32);
    assert_true(weak > 0.38 && weak < 0.75);
    assert_true(strong > 0.9);
    mb_corpus_close(&corpus);
}

static void test_signal_of_values(void **state) {
    (void)state;
    mb_synth_options options = defaults("SIMS");
    set_dims(&options, 24);
    set_signal(&options, 2.5, 0, 0.5);
    options.frames = true;
    mb_corpus corpus;
    make(&options, &corpus);
    assert_true(centroid_recall(&corpus, "synth-audio-UTT") > 0.9);
    double none = centroid_recall(&corpus, "synth-text-UTT");
    assert_true(none > 0.4 && none < 0.6);
    double weak = centroid_recall(&corpus, "synth-video-UTT");
    assert_true(weak > 0.58 && weak < 0.85);
    mb_corpus_close(&corpus);
}

// The mean of the frames of an utterance is close to its utterance-level vector.
static void test_frames(void **state) {
    (void)state;
    mb_synth_options options = defaults("QUICKSTART");
    options.scale = 0.2;
    options.frames = true;
    mb_corpus corpus;
    make(&options, &corpus);
    assert_int_equal(corpus.feature_count, 6);
    for (int32_t m = 0; m < MB_MODALITY_COUNT; m++) {
        const mb_feature *whole = &corpus.features[m], *frames = &corpus.features[3 + m];
        assert_int_equal(frames->level, MB_LEVEL_FRAME);
        assert_int_equal(frames->modality, m);
        int64_t shortest = INT64_MAX, longest = 0;
        double squares = 0, expected = 0;
        for (int32_t i = 0; i < corpus.utterance_count; i++) {
            int64_t length = frames->offsets[i + 1] - frames->offsets[i];
            shortest = length < shortest ? length : shortest;
            longest = length > longest ? length : longest;
            double mean = 0;
            for (int64_t t = frames->offsets[i]; t < frames->offsets[i + 1]; t++)
                mean += (double)frames->values[t * frames->dimension] / (double)length;
            double difference = mean - (double)whole->values[(int64_t)i * whole->dimension];
            squares += difference * difference;
            expected += 1.0 / (double)length;
        }
        assert_true(shortest >= 1 && longest > 2 * shortest);
        assert_true(squares > 0.5 * expected && squares < 2 * expected);
    }
    mb_corpus_close(&corpus);
}

// Sizes, labels and names of every dataset satisfy the rules of both protocols.
static void test_every_dataset(void **state) {
    (void)state;
    static const struct {
        const char *dataset;
        int32_t counts[4];
    } expected[] = {
        {"MER2023", {3373, 411, 412, 834}}, {"MELD", {9989, 1109, 2610, 0}},
        {"IEMOCAPFour", {5531, 0, 0, 0}},   {"IEMOCAPSix", {7433, 0, 0, 0}},
        {"CMUMOSI", {1284, 229, 686, 0}},   {"CMUMOSEI", {16326, 1871, 4659, 0}},
        {"SIMS", {1368, 456, 457, 0}},      {"SIMSv2", {2722, 647, 1034, 0}},
        {"QUICKSTART", {600, 100, 200, 0}},
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        mb_synth_options options = defaults(expected[i].dataset);
        set_dims(&options, 2);
        mb_corpus corpus;
        mb_error error = {.message = ""};
        for (int small = 0; small < 2; small++) {
            options.scale = small ? 1e-4 : 1;
            make(&options, &corpus);
            for (int32_t s = 0; s < corpus.split_count && !small; s++)
                assert_int_equal(corpus.splits[s].count, expected[i].counts[s]);
            if (mb_corpus_check(&corpus, "made", &error) != MB_OK)
                fail_msg("%s", error.message);
            for (int protocol = MB_PROTOCOL_MERTOOLS; protocol <= MB_PROTOCOL_STRICT; protocol++) {
                mb_fold_set folds;
                if (mb_folds_make(&corpus, (mb_protocol)protocol, 1, &folds, &error) != MB_OK)
                    fail_msg("%s", error.message);
                mb_folds_free(&folds);
            }
            mb_corpus_close(&corpus);
        }
    }
}

static void test_balance(void **state) {
    (void)state;
    mb_synth_options options = defaults("IEMOCAPSix");
    set_dims(&options, 1);
    mb_corpus corpus;
    make(&options, &corpus);
    int32_t emotions[6] = {0}, sessions[5] = {0};
    for (int32_t i = 0; i < corpus.utterance_count; i++) {
        emotions[corpus.emotions[i]]++;
        sessions[corpus.names[i][4] - '1']++;
        assert_true(isnan(corpus.valences[i]));
    }
    assert_memory_equal(emotions, ((int32_t[]){648, 1084, 1708, 1103, 1041, 1849}),
                        sizeof emotions);
    assert_memory_equal(sessions, ((int32_t[]){1373, 1356, 1569, 1512, 1623}), sizeof sessions);
    mb_corpus_close(&corpus);

    options = defaults("CMUMOSI");
    set_dims(&options, 1);
    make(&options, &corpus);
    int32_t zeros[3] = {0};
    for (int32_t s = 0; s < 3; s++)
        for (int32_t i = 0; i < corpus.splits[s].count; i++) {
            float value = corpus.valences[corpus.splits[s].rows[i]];
            assert_true(value >= -3 && value <= 3);
            zeros[s] += value == 0;
        }
    assert_memory_equal(zeros, ((int32_t[]){53, 13, 30}), sizeof zeros);
    assert_int_equal(corpus.emotions[0], MB_EMOTION_MISSING);
    mb_corpus_close(&corpus);

    options = defaults("MER2023");
    set_dims(&options, 1);
    make(&options, &corpus);
    const mb_split *test3 = mb_corpus_split(&corpus, "test3");
    assert_true(isnan(corpus.valences[test3->rows[0]]) && isfinite(corpus.valences[0]));
    mb_corpus_close(&corpus);
}

static void digests_of(const mb_synth_options *options, char digests[4][33]) {
    mb_corpus corpus;
    mb_error error = {.message = ""};
    make(options, &corpus);
    assert_int_equal(mb_corpus_digest(&corpus, digests[3], &error), MB_OK);
    for (int32_t m = 0; m < MB_MODALITY_COUNT; m++)
        assert_int_equal(
            mb_feature_digest(&corpus.features[m], corpus.utterance_count, digests[m], &error),
            MB_OK);
    mb_corpus_close(&corpus);
}

static void test_seed(void **state) {
    (void)state;
    mb_synth_options options = defaults("QUICKSTART");
    char first[4][33], again[4][33], other[4][33];
    digests_of(&options, first);
    options.signal[MB_TEXT] += 1; // one modality does not depend on another
    digests_of(&options, again);
    for (int i = 0; i < 4; i++) {
        if (i == MB_TEXT)
            assert_string_not_equal(first[i], again[i]);
        else
            assert_string_equal(first[i], again[i]);
    }
    options.signal[MB_TEXT] -= 1;
    digests_of(&options, again);
    options.seed = 2;
    digests_of(&options, other);
    for (int i = 0; i < 4; i++) {
        assert_string_equal(first[i], again[i]);
        assert_string_not_equal(first[i], other[i]);
    }
}

static void test_written_and_read(void **state) {
    (void)state;
    char path[] = "/tmp/merbench-synth-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    mb_synth_options options = defaults("SIMSv2");
    options.scale = 0.05;
    options.frames = true;
    set_dims(&options, 5);
    mb_corpus made, read;
    mb_error error = {.message = ""};
    make(&options, &made);
    if (mb_corpus_write(&made, NULL, 0, path, true, &error) != MB_OK ||
        mb_corpus_open(path, &read, &error) != MB_OK)
        fail_msg("%s", error.message);
    assert_int_equal(read.utterance_count, made.utterance_count);
    assert_string_equal(read.names[7], made.names[7]);
    assert_string_equal(read.source, made.source);
    assert_non_null(strstr(read.source, "synthetic"));
    const mb_feature *feature, *original = mb_corpus_feature(&made, "synth-video-FRA");
    if (mb_corpus_load(&read, "synth-video-FRA", &feature, &error) != MB_OK)
        fail_msg("%s", error.message);
    size_t bytes = (size_t)(feature->offsets[read.utterance_count] * 5) * sizeof(float);
    assert_memory_equal(feature->values, original->values, bytes);
    mb_corpus_close(&made);
    mb_corpus_close(&read);
    unlink(path);
}

static void check_refused(mb_synth_options options, const char *fragment) {
    mb_corpus corpus;
    mb_error error = {.message = ""};
    assert_int_equal(mb_synth_make(&options, &corpus, &error), MB_BAD_INPUT);
    if (strstr(error.message, fragment) == NULL)
        fail_msg("expected '%s' in: %s", fragment, error.message);
    mb_corpus_close(&corpus);
}

static void test_bad_options(void **state) {
    (void)state;
    mb_synth_options options = defaults("MELD");
    options.scale = NAN;
    check_refused(options, "scale");
    options = defaults("MELD");
    options.dims[MB_TEXT] = 0;
    check_refused(options, "dimension of text");
    options = defaults("MELD");
    options.signal[MB_VIDEO] = -1;
    check_refused(options, "signal of video");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signal_of_classes),
        cmocka_unit_test(test_signal_of_values),
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_every_dataset),
        cmocka_unit_test(test_balance),
        cmocka_unit_test(test_seed),
        cmocka_unit_test(test_written_and_read),
        cmocka_unit_test(test_bad_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
