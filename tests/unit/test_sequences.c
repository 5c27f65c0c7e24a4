// Alignment and compression compared with arrays of the reference.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/h5.h"
#include "merbench/sequences.h"

enum { SAMPLES = 14 };

typedef struct array {
    float *values;
    int rank;
    int64_t dims[8];
} array;

static mb_h5 *open_fixture(const char *path) {
    mb_h5 *h5;
    mb_error error;
    if (mb_h5_open(path, &h5, &error) != MB_OK)
        fail_msg("%s", error.message);
    return h5;
}

static array read_array(const mb_h5 *h5, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static array read_array(const mb_h5 *h5, const char *format, ...) {
    char path[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(path, sizeof path, format, arguments);
    va_end(arguments);
    array read;
    mb_error error;
    if (mb_h5_read_floats(h5, path, &read.values, &read.rank, read.dims, &error) != MB_OK)
        fail_msg("%s", error.message);
    return read;
}

static void check_values(const char *what, const float *expected, const float *found,
                         int64_t count) {
    for (int64_t i = 0; i < count; i++)
        if (!(fabsf(expected[i] - found[i]) <= 1e-6f))
            fail_msg("%s: value %d: expected %.9g, found %.9g", what, (int)i, (double)expected[i],
                     (double)found[i]);
}

static void test_mapping(void **state) {
    (void)state;
    mb_h5 *h5 = open_fixture(MB_FIXTURES "/dataops/mapping.h5");
    char **names;
    int count;
    mb_error error;
    assert_int_equal(mb_h5_list(h5, "/", &names, &count, &error), MB_OK);
    assert_true(count > 200);
    for (int i = 0; i < count; i++) {
        array input = read_array(h5, "%s/input", names[i]);
        array output = read_array(h5, "%s/output", names[i]);
        int64_t total = output.dims[0] * output.dims[1];
        float *found = malloc((size_t)total * sizeof *found);
        assert_non_null(found);
        for (int64_t k = 0; k < total; k++)
            found[k] = NAN; // every value must be written
        mb_sequence_map(input.values, (int32_t)input.dims[0], (int32_t)input.dims[1],
                        (int32_t)output.dims[0], found);
        check_values(names[i], output.values, found, total);
        free(found);
        free(input.values);
        free(output.values);
    }
    mb_h5_free_names(names, count);
    mb_h5_close(h5);
}

// A corpus in memory with the ragged input of the fixture as loaded features.
typedef struct ragged {
    mb_corpus corpus;
    mb_feature features[MB_MODALITY_COUNT];
    char *names[SAMPLES];
} ragged;

static void make_ragged(const mb_h5 *h5, ragged *made) {
    *made = (ragged){.corpus = {.path = "made.h5",
                                .rules = mb_dataset_find("MELD"),
                                .utterance_count = SAMPLES,
                                .feature_count = MB_MODALITY_COUNT}};
    for (int i = 0; i < SAMPLES; i++)
        made->names[i] = "utterance";
    made->corpus.names = made->names;
    made->corpus.features = made->features;
    for (int m = 0; m < MB_MODALITY_COUNT; m++) {
        mb_feature *feature = &made->features[m];
        feature->name = (char *)mb_modality_names[m];
        feature->level = MB_LEVEL_FRAME;
        feature->offsets = calloc(SAMPLES + 1, sizeof *feature->offsets);
        assert_non_null(feature->offsets);
        for (int i = 0; i < SAMPLES; i++) {
            array frames = read_array(h5, "input/%s/%03d", mb_modality_names[m], i);
            feature->dimension = (int32_t)frames.dims[1];
            feature->offsets[i + 1] = feature->offsets[i] + frames.dims[0];
            size_t before = (size_t)(feature->offsets[i] * frames.dims[1]) * sizeof(float);
            size_t bytes = (size_t)(frames.dims[0] * frames.dims[1]) * sizeof(float);
            feature->values = realloc(feature->values, before + bytes);
            assert_non_null(feature->values);
            memcpy((char *)feature->values + before, frames.values, bytes);
            free(frames.values);
        }
    }
}

static void free_ragged(ragged *made) {
    for (int m = 0; m < MB_MODALITY_COUNT; m++) {
        free(made->features[m].offsets);
        free(made->features[m].values);
    }
}

static void check_pipeline(const mb_h5 *h5, ragged *made, mb_feature_type type) {
    mb_sequences sequences;
    mb_error error = {.message = ""};
    if (mb_sequences_make(&made->corpus, mb_modality_names, MB_MODALITY_COUNT, type, &sequences,
                          &error) != MB_OK)
        fail_msg("%s", error.message);
    int32_t rows[SAMPLES];
    for (int i = 0; i < SAMPLES; i++)
        rows[i] = i;
    for (int m = 0; m < MB_MODALITY_COUNT; m++) {
        const mb_stream *sequence = &sequences.streams[m];
        array expected =
            read_array(h5, "pipeline_%s/%s", mb_feature_type_names[type], mb_modality_names[m]);
        int64_t steps = expected.rank == 3 ? expected.dims[1] : 1, d = sequence->dimension;
        assert_int_equal(expected.dims[expected.rank - 1], d);
        assert_int_equal(mb_stream_longest(sequence, rows, SAMPLES), steps);
        for (int i = 0; i < SAMPLES; i++) {
            int64_t first = type == MB_UTT ? i : sequence->offsets[i];
            int64_t length = type == MB_UTT ? 1 : sequence->offsets[i + 1] - first;
            float *padded = calloc((size_t)(steps * d), sizeof *padded);
            assert_true(padded != NULL && length <= steps);
            memcpy(padded + (steps - length) * d, (const float *)sequence->values + first * d,
                   (size_t)(length * d) * sizeof *padded);
            check_values(mb_modality_names[m], expected.values + i * steps * d, padded, steps * d);
            free(padded);
        }
        free(expected.values);
    }
    mb_sequences_free(&sequences);
}

static void test_pipelines(void **state) {
    (void)state;
    mb_h5 *h5 = open_fixture(MB_FIXTURES "/dataops/align.h5");
    ragged made;
    make_ragged(h5, &made);
    check_pipeline(h5, &made, MB_UTT);
    check_pipeline(h5, &made, MB_FRM_ALIGN);
    check_pipeline(h5, &made, MB_FRM_UNALIGN);
    free_ragged(&made);
    mb_h5_close(h5);
}

static void test_shared_and_absent(void **state) {
    (void)state;
    mb_h5 *h5 = open_fixture(MB_FIXTURES "/dataops/align.h5");
    ragged made;
    make_ragged(h5, &made);
    mb_sequences sequences;
    mb_error error = {.message = ""};
    const char *const same[3] = {"text", "text", "text"};
    for (int type = MB_UTT; type <= MB_FRM_UNALIGN; type++) {
        assert_int_equal(mb_sequences_make(&made.corpus, same, MB_MODALITY_COUNT,
                                           (mb_feature_type)type, &sequences, &error),
                         MB_OK);
        assert_ptr_equal(sequences.streams[0].values, sequences.streams[2].values);
        assert_int_equal(sequences.streams[2].dimension, 7);
        mb_sequences_free(&sequences);
    }
    const char *const no_audio[3] = {NULL, "text", "video"};
    assert_int_equal(mb_sequences_make(&made.corpus, no_audio, MB_MODALITY_COUNT, MB_FRM_ALIGN,
                                       &sequences, &error),
                     MB_OK);
    assert_int_equal(sequences.streams[MB_AUDIO].dimension, 0);
    assert_null(sequences.streams[MB_AUDIO].values);
    assert_int_equal(sequences.streams[MB_VIDEO].offsets[SAMPLES],
                     sequences.streams[MB_TEXT].offsets[SAMPLES]);
    // The longest of some rows only.
    const mb_stream *text = &sequences.streams[MB_TEXT];
    assert_int_equal(mb_stream_longest(text, (int32_t[]){3, 11}, 2), 1);
    assert_int_equal(mb_stream_longest(text, (int32_t[]){3, 13}, 2), 7);
    mb_sequences_free(&sequences);
    free_ragged(&made);
    mb_h5_close(h5);
}

static void check_refused(ragged *made, const char *const names[3], mb_feature_type type,
                          const char *fragment) {
    mb_sequences sequences;
    mb_error error = {.message = ""};
    assert_int_equal(
        mb_sequences_make(&made->corpus, names, MB_MODALITY_COUNT, type, &sequences, &error),
        MB_BAD_INPUT);
    if (strstr(error.message, fragment) == NULL)
        fail_msg("expected '%s' in: %s", fragment, error.message);
    assert_null(sequences.streams[0].values);
}

static void test_bad_requests(void **state) {
    (void)state;
    mb_h5 *h5 = open_fixture(MB_FIXTURES "/dataops/align.h5");
    ragged made;
    make_ragged(h5, &made);
    check_refused(&made, (const char *const[3]){"audio", NULL, "video"}, MB_FRM_ALIGN, "text");
    check_refused(&made, (const char *const[3]){"audio", "texts", NULL}, MB_UTT, "texts");
    made.names[3] = "the-third";
    made.features[MB_VIDEO].offsets[4] = made.features[MB_VIDEO].offsets[3];
    check_refused(&made, mb_modality_names, MB_UTT, "the-third");
    free_ragged(&made);
    mb_h5_close(h5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mapping),
        cmocka_unit_test(test_pipelines),
        cmocka_unit_test(test_shared_and_absent),
        cmocka_unit_test(test_bad_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
