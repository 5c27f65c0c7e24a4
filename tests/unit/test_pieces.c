// Features that are read in pieces give the same sequences as features in memory, and the same
// errors.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "corpus_support.h"
#include "data/corpus_file.h"
#include "merbench/sequences.h"

static const char *const names[MB_MODALITY_COUNT] = {"sound-UTT", "words-FRA", "sound-UTT"};

// A piece has 4 MiB: three utterances of the sound, but less than three frames of the words.
typedef struct large_corpus {
    small_corpus small;
    float *values[2];
} large_corpus;

static void make_corpus(large_corpus *made) {
    static const int32_t dimensions[2] = {500000, 300000};
    small_corpus_init(&made->small);
    for (int f = 0; f < 2; f++) {
        mb_feature *feature = &made->small.features[f];
        size_t count = (size_t)feature->offsets[6] * (size_t)dimensions[f];
        made->values[f] = malloc(count * sizeof(float));
        assert_non_null(made->values[f]);
        for (size_t i = 0; i < count; i++)
            made->values[f][i] = (float)(i % 100003) / 7;
        feature->dimension = dimensions[f];
        feature->values = made->values[f];
    }
}

static void write_corpus(const large_corpus *made) {
    mb_error error = {.message = ""};
    if (mb_corpus_write(&made->small.corpus, NULL, 0, made->small.path, false, &error) != MB_OK)
        fail_msg("%s", error.message);
}

static void free_corpus(large_corpus *made) {
    free(made->values[0]);
    free(made->values[1]);
    small_corpus_free(&made->small);
}

static mb_status make(mb_corpus *corpus, mb_feature_type type, mb_sequences *sequences,
                      mb_error *error) {
    return mb_sequences_make(corpus, names, MB_MODALITY_COUNT, type, sequences, error);
}

static void compare(const mb_sequences *a, const mb_sequences *b) {
    for (int m = 0; m < MB_MODALITY_COUNT; m++) {
        const mb_stream *s = &a->streams[m], *t = &b->streams[m];
        size_t bytes = mb_stream_bytes(s, a->utterance_count);
        assert_int_equal(s->dimension, t->dimension);
        assert_int_equal(bytes, mb_stream_bytes(t, b->utterance_count));
        assert_memory_equal(s->values, t->values, bytes);
        assert_int_equal(s->offsets == NULL, t->offsets == NULL);
        if (s->offsets != NULL)
            assert_memory_equal(s->offsets, t->offsets,
                                ((size_t)a->utterance_count + 1) * sizeof *s->offsets);
    }
}

static void test_same_sequences(void **state) {
    (void)state;
    large_corpus made;
    mb_corpus read;
    mb_error error = {.message = ""};
    make_corpus(&made);
    write_corpus(&made);
    assert_int_equal(mb_corpus_open(made.small.path, &read, &error), MB_OK);
    for (int type = MB_UTT; type <= MB_FRM_UNALIGN; type++) {
        mb_sequences from_memory, from_file;
        assert_int_equal(make(&made.small.corpus, type, &from_memory, &error), MB_OK);
        if (make(&read, type, &from_file, &error) != MB_OK)
            fail_msg("%s", error.message);
        compare(&from_memory, &from_file);
        mb_sequences_free(&from_memory);
        mb_sequences_free(&from_file);
    }
    const mb_feature *words = mb_corpus_feature(&read, "words-FRA");
    assert_null(words->values); // but the offsets are there; loading still works
    assert_int_equal(mb_corpus_load(&read, "words-FRA", &words, &error), MB_OK);
    assert_memory_equal(words->values, made.values[0], (size_t)12 * 500000 * sizeof(float));
    mb_corpus_close(&read);
    free_corpus(&made);
}

static void expect_failure(const large_corpus *made, const char *fragment) {
    mb_corpus read;
    mb_error error = {.message = ""};
    mb_sequences sequences;
    assert_int_equal(mb_corpus_open(made->small.path, &read, &error), MB_OK);
    assert_int_equal(make(&read, MB_FRM_UNALIGN, &sequences, &error), MB_BAD_INPUT);
    if (strstr(error.message, fragment) == NULL)
        fail_msg("expected '%s' in: %s", fragment, error.message);
    mb_corpus_close(&read);
}

static void test_wrong_values(void **state) {
    (void)state;
    static const float mark[4] = {1, 12345, -1, 54321};
    large_corpus made;
    make_corpus(&made);
    float *words = made.values[0];
    words[8 * 500000 + 17] = INFINITY; // the first of them counts: the last utterance begins there
    words[8 * 500000 + 18] = NAN;
    words[11 * 500000] = NAN;
    memcpy(words, mark, sizeof mark);
    write_corpus(&made);
    expect_failure(&made, "feature 'words-FRA', utterance 'f\xc3\xbcnf', frame 0, column 17: "
                          "expected a finite value, found inf; 'merbench doctor'");
    // Damage counts more than what the values are.
    FILE *file = fopen(made.small.path, "r+b");
    assert_non_null(file);
    char start[1 << 16];
    assert_int_equal(fread(start, 1, sizeof start, file), sizeof start);
    const char *found = memmem(start, sizeof start, mark, sizeof mark);
    assert_non_null(found);
    assert_int_equal(fseek(file, found - start, SEEK_SET), 0);
    assert_int_equal(fwrite("x", 1, 1, file), 1);
    fclose(file);
    expect_failure(&made, "feature 'words-FRA' is damaged or was changed: expected digest");
    free_corpus(&made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_sequences),
        cmocka_unit_test(test_wrong_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
