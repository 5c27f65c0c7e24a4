// Corpus files: round trip, determinism, and every way in which a file can be wrong.
#include <glob.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <hdf5.h>

#include "base/output.h"
#include "corpus_files.h"
#include "data/corpus_file.h"
#include "data/h5.h"
#include "data/seal.h"

static void test_round_trip(void **state) {
    (void)state;
    small_corpus small;
    small_corpus_init(&small);
    write_small(&small);
    mb_corpus read;
    mb_error error = {.message = ""};
    if (mb_corpus_open(small.path, &read, &error) != MB_OK)
        fail_msg("%s", error.message);
    assert_ptr_equal(read.rules, small.corpus.rules);
    assert_int_equal(read.utterance_count, 6);
    assert_string_equal(read.source, "made for a test");
    assert_string_equal(read.tool_version, MERBENCH_VERSION);
    for (int i = 0; i < 6; i++) {
        assert_string_equal(read.names[i], small.names[i]);
        assert_string_equal(read.transcripts[i], small.transcripts[i]);
        assert_int_equal(read.emotions[i], small.emotions[i]);
        assert_true(read.valences[i] == small.valences[i] ||
                    (isnan(read.valences[i]) && isnan(small.valences[i])));
    }
    assert_int_equal(read.split_count, 3);
    assert_string_equal(read.splits[0].name, "train");
    assert_int_equal(mb_corpus_split(&read, "test1")->count, 2);
    assert_int_equal(mb_corpus_split(&read, "test1")->rows[1], 4);
    assert_null(mb_corpus_split(&read, "val"));
    assert_int_equal(read.feature_count, 2);
    for (int f = 0; f < 2; f++) {
        const mb_feature *made = &small.features[f], *found = mb_corpus_feature(&read, made->name);
        assert_non_null(found);
        assert_null(found->values);
        assert_int_equal(mb_corpus_load(&read, made->name, &found, &error), MB_OK);
        assert_int_equal(found->modality, made->modality);
        assert_int_equal(found->level, made->level);
        assert_int_equal(found->dimension, made->dimension);
        assert_memory_equal(found->offsets, made->offsets, 7 * sizeof(int64_t));
        assert_memory_equal(found->values, made->values,
                            (size_t)made->offsets[6] * (size_t)made->dimension * sizeof(float));
        char digest[33];
        assert_int_equal(mb_feature_digest(made, 6, digest, &error), MB_OK);
        assert_string_equal(digest, found->digest);
    }
    assert_int_equal(mb_corpus_load(&read, "sound-UT", NULL, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "did you mean 'sound-UTT'"));
    char **files, **digests;
    int count;
    assert_int_equal(mb_corpus_sources(&read, &files, &digests, &count, &error), MB_OK);
    assert_int_equal(count, 2);
    assert_string_equal(files[1], "features/words-FRA");
    assert_string_equal(digests[1], "4567");
    mb_h5_free_names(files, count);
    mb_h5_free_names(digests, count);
    mb_corpus_close(&read);
    small_corpus_free(&small);
}

static void test_same_bytes(void **state) {
    (void)state;
    small_corpus small;
    small_corpus_init(&small);
    size_t first_size, second_size;
    write_small(&small);
    unsigned char *first = read_file(small.path, &first_size);
    // Splits and features in another order, and another NaN: the content is the same.
    mb_split split = small.splits[0];
    small.splits[0] = small.splits[2];
    small.splits[2] = split;
    small.valences[3] = -NAN;
    write_small(&small);
    unsigned char *second = read_file(small.path, &second_size);
    mb_corpus a, b;
    mb_error error = {.message = ""};
    char other[160];
    snprintf(other, sizeof other, "%s/other.h5", small.folder);
    write_bytes(other, first, first_size);
    assert_int_equal(mb_corpus_open(small.path, &a, &error), MB_OK);
    assert_int_equal(mb_corpus_open(other, &b, &error), MB_OK);
    assert_string_equal(a.digest, b.digest);
    mb_corpus_close(&a);
    mb_corpus_close(&b);
    small.splits[2] = small.splits[0];
    small.splits[0] = split;
    free(second);
    write_small(&small);
    second = read_file(small.path, &second_size);
    assert_int_equal(first_size, second_size);
    assert_memory_equal(first, second, first_size);
    free(first);
    free(second);
    unlink(other);
    small_corpus_free(&small);
}

static void test_truncated_at_every_length(void **state) {
    (void)state;
    small_corpus small;
    small_corpus_init(&small);
    write_small(&small);
    size_t size;
    unsigned char *bytes = read_file(small.path, &size);
    for (size_t length = 0; length < size; length++) {
        if (truncate(small.path, 0) != 0)
            fail();
        write_bytes(small.path, bytes, length);
        expect_refused(small.path, "");
    }
    write_bytes(small.path, bytes, size - 1);
    expect_refused(small.path, "truncated: expected");
    unsigned char *longer = realloc(bytes, size + 1);
    assert_non_null(longer);
    longer[size] = 0;
    write_bytes(small.path, longer, size + 1);
    expect_refused(small.path, "followed by foreign data");
    free(longer);
    small_corpus_free(&small);
}

// A flipped bit is found when the file is opened or, if it is in a value, when that is loaded.
static void test_every_byte_counts(void **state) {
    (void)state;
    small_corpus small;
    small_corpus_init(&small);
    write_small(&small);
    size_t size, unnoticed = 0;
    unsigned char *bytes = read_file(small.path, &size);
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= 0x10;
        write_bytes(small.path, bytes, size);
        bytes[i] ^= 0x10;
        mb_corpus corpus;
        mb_error error = {.message = ""};
        mb_status status = mb_corpus_open(small.path, &corpus, &error);
        for (int f = 0; f < 2 && status == MB_OK; f++)
            status = mb_corpus_load_any(&corpus, small.features[f].name, NULL, &error);
        mb_corpus_close(&corpus);
        if (status == MB_OK)
            unnoticed++;
        else
            assert_int_equal(status, MB_BAD_INPUT);
    }
    // Only the zero padding of the seal's block may change.
    assert_true(unnoticed < 512);
    free(bytes);
    small_corpus_free(&small);
}

static void test_foreign_files(void **state) {
    (void)state;
    small_corpus small;
    small_corpus_init(&small);
    expect_refused(small.path, "No such file");
    expect_refused(small.folder, "a folder");
    expect_refused("/dev/null", "something other than a regular file");
    write_bytes(small.path, (const unsigned char *)"", 0);
    expect_refused(small.path, "an empty file");
    write_bytes(small.path, (const unsigned char *)"name,emotion\n", 13);
    expect_refused(small.path, "another format");
    hid_t other = H5Fcreate(small.path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(other);
    expect_refused(small.path, "another kind of HDF5 file");
    const char newer[] = "merbench corpus, format 2\nblock 512\n";
    write_bytes(small.path, (const unsigned char *)newer, sizeof newer);
    expect_refused(small.path, "expected corpus format 1, found format 2");
    small_corpus_free(&small);
}

static void put_integers(hid_t file, const char *name, hsize_t count, const int32_t *values) {
    H5Ldelete(file, name, H5P_DEFAULT);
    hid_t space = H5Screate_simple(1, &count, NULL);
    hid_t dataset =
        H5Dcreate2(file, name, H5T_STD_I32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(dataset, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    H5Dclose(dataset);
    H5Sclose(space);
}

static void class_too_large(hid_t file) {
    put_integers(file, "/utterances/emotion", 6, (int32_t[]){0, 1, 2, 3, 6, 0});
}
static void emotions_missing(hid_t file) {
    H5Ldelete(file, "/utterances/emotion", H5P_DEFAULT);
}
static void emotions_short(hid_t file) {
    put_integers(file, "/utterances/emotion", 5, (int32_t[]){0, 1, 2, 3, 4});
}
static void emotions_are_a_group(hid_t file) {
    H5Ldelete(file, "/utterances/emotion", H5P_DEFAULT);
    H5Gclose(H5Gcreate2(file, "/utterances/emotion", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
}
static void row_out_of_range(hid_t file) {
    put_integers(file, "/splits/train", 3, (int32_t[]){0, 6, 1});
}
static void labels_changed(hid_t file) {
    put_integers(file, "/splits/train", 3, (int32_t[]){0, 2, 1});
}
static void offsets_falling(hid_t file) {
    put_integers(file, "/features/words-FRA/offsets", 7, (int32_t[]){0, 1, 3, 2, 7, 8, 12});
}
static void offsets_empty_utterance(hid_t file) {
    put_integers(file, "/features/words-FRA/offsets", 7, (int32_t[]){0, 1, 3, 3, 7, 8, 12});
}
static void offsets_short(hid_t file) {
    put_integers(file, "/features/words-FRA/offsets", 6, (int32_t[]){0, 1, 3, 7, 8, 12});
}
static void level_wrong(hid_t file) {
    put_integers(file, "/features/sound-UTT/offsets", 7, (int32_t[]){0, 2, 3, 4, 5, 6, 7});
}
static void attribute_missing(hid_t file) {
    H5Adelete_by_name(file, "/features/sound-UTT", "dimension", H5P_DEFAULT);
}
static void dataset_unknown(hid_t file) {
    H5Adelete(file, "dataset");
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, 5);
    hid_t attribute = H5Acreate2(file, "dataset", type, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attribute, type, "Merry");
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
}
static void external_link(hid_t file) {
    H5Ldelete(file, "/utterances/emotion", H5P_DEFAULT);
    H5Lcreate_external("/etc/passwd", "/x", file, "/utterances/emotion", H5P_DEFAULT, H5P_DEFAULT);
}
static void external_values(hid_t file) {
    H5Ldelete(file, "/utterances/emotion", H5P_DEFAULT);
    hsize_t count = 6;
    hid_t space = H5Screate_simple(1, &count, NULL), creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_external(creation, "/etc/passwd", 0, 24);
    H5Dclose(H5Dcreate2(file, "/utterances/emotion", H5T_STD_I32LE, space, H5P_DEFAULT, creation,
                        H5P_DEFAULT));
    H5Pclose(creation);
    H5Sclose(space);
}
static void absurd_size(hid_t file) {
    H5Ldelete(file, "/utterances/emotion", H5P_DEFAULT);
    hsize_t count = (hsize_t)1 << 40;
    hid_t space = H5Screate_simple(1, &count, NULL);
    H5Dclose(H5Dcreate2(file, "/utterances/emotion", H5T_STD_I32LE, space, H5P_DEFAULT, H5P_DEFAULT,
                        H5P_DEFAULT));
    H5Sclose(space);
}

static void test_sealed_but_wrong(void **state) {
    (void)state;
    small_corpus small;
    small_corpus_init(&small);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    expect_change_refused(&small, class_too_large, "'vier': expected an emotion below 6");
    expect_change_refused(&small, emotions_missing, "no object /utterances/emotion");
    expect_change_refused(&small, emotions_short, "expected 6 entries, found 5");
    expect_change_refused(&small, emotions_are_a_group, "expected a dataset, found a group");
    expect_change_refused(&small, row_out_of_range, "'train', entry 1: expected a row below 6");
    expect_change_refused(&small, labels_changed, "names, labels and splits: expected digest");
    expect_change_refused(&small, offsets_falling, "'zwei': expected at least one frame");
    expect_change_refused(&small, offsets_empty_utterance, "'zwei': expected at least one frame");
    expect_change_refused(&small, offsets_short, "expected 7 entries, found 6");
    expect_change_refused(&small, level_wrong, "expected one frame at utterance level, found 2");
    expect_change_refused(&small, attribute_missing, "no attribute 'dimension'");
    expect_change_refused(&small, dataset_unknown, "dataset 'Merry' is unknown to this version");
    expect_change_refused(&small, external_link, "/utterances/emotion is an external link");
    expect_change_refused(&small, external_values, "the values are in another file");
    expect_change_refused(&small, absurd_size, "the shape needs");
    small_corpus_free(&small);
}

static void expect_unwritten(small_corpus *small, const char *part) {
    mb_error error = {.message = ""};
    assert_int_equal(mb_corpus_write(&small->corpus, NULL, 0, small->path, true, &error),
                     MB_BAD_INPUT);
    if (strstr(error.message, part) == NULL)
        fail_msg("expected '%s', found: %s", part, error.message);
    assert_int_not_equal(access(small->path, F_OK), 0);
}

static void test_wrong_content_is_not_written(void **state) {
    (void)state;
    small_corpus small;
    small_corpus_init(&small);
    small.names[3] = "zwei";
    expect_unwritten(&small, "two utterances are named 'zwei'");
    small.names[3] = "";
    expect_unwritten(&small, "empty name");
    small.names[3] = "dr\xffi";
    expect_unwritten(&small, "expected UTF-8");
    small.names[3] = "drei";
    small.splits[0].name = "a/b";
    expect_unwritten(&small, "'a/b' is not a usable name");
    small.splits[0].name = "train";
    small.valences[1] = INFINITY;
    expect_unwritten(&small, "infinite");
    small_corpus_free(&small);
}

static void test_nonfinite_values(void **state) {
    (void)state;
    small_corpus small;
    small_corpus_init(&small);
    small.frame_values[9] = NAN; // frame 4 = frame 1 of "zwei", column 1
    write_small(&small);
    mb_corpus corpus;
    mb_error error = {.message = ""};
    assert_int_equal(mb_corpus_open(small.path, &corpus, &error), MB_OK);
    assert_int_equal(mb_corpus_load(&corpus, "words-FRA", NULL, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message,
                           "'words-FRA', utterance 'zwei', frame 1, column 1: expected a finite"));
    assert_int_equal(mb_corpus_load_any(&corpus, "words-FRA", NULL, &error), MB_OK);
    mb_corpus_close(&corpus);
    small_corpus_free(&small);
}

// Names from a file do not pass for failures of the machine.
static void test_names_like_errors(void **state) {
    (void)state;
    small_corpus small;
    small_corpus_init(&small);
    write_small(&small);
    mb_h5 *h5;
    float *values;
    int rank;
    int64_t dims[8];
    mb_error error = {.message = ""};
    static const char name[] = "/features/file read failed: errno = 5, error message = 'x'";
    assert_int_equal(mb_h5_open(small.path, &h5, &error), MB_OK);
    assert_false(mb_h5_has(h5, name));
    assert_int_equal(mb_h5_read_floats(h5, name, &values, &rank, dims, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "there is no object /features/file read"));
    assert_int_equal(mb_h5_check(h5, &error), MB_OK);
    mb_h5_close(h5);
    small_corpus_free(&small);
}

static void test_places_that_cannot_be_written(void **state) {
    (void)state;
    mb_error error = {.message = ""};
    assert_int_equal(mb_output_check("/tmp", true, false, &error), MB_BAD_INPUT);
    assert_int_equal(mb_output_check("/nope/x.h5", false, false, &error), MB_BAD_INPUT);
    assert_int_equal(mb_output_check("/etc/passwd", false, false, &error), MB_BAD_INPUT);
    assert_int_equal(mb_output_check("/etc/passwd/x.h5", false, false, &error), MB_BAD_INPUT);
    small_corpus small;
    small_corpus_init(&small);
    assert_int_equal(mb_output_check(small.path, false, false, &error), MB_OK);
    assert_int_equal(mb_corpus_write(&small.corpus, NULL, 0, "/nope/x.h5", true, &error),
                     MB_FAILED);
    small_corpus_free(&small);
}

static void test_interrupted_while_writing(void **state) {
    (void)state;
    mb_error error = {.message = ""};
    small_corpus small;
    small_corpus_init(&small);
    sigset_t term, before;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, &before);
    raise(SIGTERM);
    assert_int_equal(mb_corpus_write(&small.corpus, NULL, 0, small.path, true, &error), MB_FAILED);
    sigprocmask(SIG_SETMASK, &before, NULL);
    assert_non_null(strstr(error.message, "interrupted"));
    char left[512]; // names of the file and of the temporary file
    glob_t found;
    snprintf(left, sizeof left, "%s*", small.path);
    assert_int_equal(glob(left, 0, NULL, &found), GLOB_NOMATCH);
    small_corpus_free(&small);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_same_bytes),
        cmocka_unit_test(test_truncated_at_every_length),
        cmocka_unit_test(test_every_byte_counts),
        cmocka_unit_test(test_foreign_files),
        cmocka_unit_test(test_sealed_but_wrong),
        cmocka_unit_test(test_wrong_content_is_not_written),
        cmocka_unit_test(test_nonfinite_values),
        cmocka_unit_test(test_names_like_errors),
        cmocka_unit_test(test_places_that_cannot_be_written),
        cmocka_unit_test(test_interrupted_while_writing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
