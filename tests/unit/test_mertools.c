// The importer on the small folders in fixtures/mertools, checked value by value.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/import_mertools.h"

static const mb_import_options mer2023 = {
    .folder = MB_FIXTURES "/mertools/mer2023", .threads = 3, .quiet = true};

// Reads all features. The corpus is the caller's.
static mb_status import_noting(mb_import_options options, const char *dataset, mb_corpus *corpus,
                               mb_ignored_labels *ignored, mb_error *error) {
    mb_import import;
    options.rules = mb_dataset_find(dataset);
    error->message[0] = '\0';
    mb_status status = mb_import_open(&options, &import, error);
    for (int32_t f = 0; f < import.corpus.feature_count && status == MB_OK; f++)
        status = mb_import_feature(&import, f, NULL, error);
    if (status == MB_OK)
        assert_int_equal(import.source_count, import.corpus.feature_count + 1);
    *corpus = import.corpus;
    *ignored = import.ignored;
    import.corpus = (mb_corpus){0};
    mb_import_close(&import);
    return status;
}

static mb_status import(mb_import_options options, const char *dataset, mb_corpus *corpus,
                        mb_error *error) {
    mb_ignored_labels ignored;
    return import_noting(options, dataset, corpus, &ignored, error);
}

static void test_labels(void **state) {
    (void)state;
    mb_corpus corpus;
    mb_error error;
    if (import(mer2023, "MER2023", &corpus, &error) != MB_OK)
        fail_msg("%s", error.message);
    static const float valences[16] = {-3, -2.5f, NAN, NAN,  NAN, NAN, 0, 1.5f,
                                       1,  1.5f,  2,   2.5f, 0,   1,   2, NAN};
    static const int32_t emotions[16] = {0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 0, 1, 2, 3};
    assert_int_equal(corpus.utterance_count, 16);
    for (int i = 0; i < 16; i++) {
        assert_int_equal(corpus.emotions[i], emotions[i]);
        assert_true(corpus.valences[i] == valences[i] ||
                    (isnan(valences[i]) && isnan(corpus.valences[i])));
    }
    assert_string_equal(corpus.names[0],
                        "sample_00444"); // the order of the file, not alphabetical
    assert_string_equal(corpus.names[15], "\xe6\xb5\x8b\xe8\xaf\x95_1");
    assert_int_equal(corpus.split_count, 3);
    assert_int_equal(mb_corpus_split(&corpus, "train")->count, 12);
    assert_int_equal(mb_corpus_split(&corpus, "test1")->count, 3);
    assert_int_equal(mb_corpus_split(&corpus, "test1")->rows[0], 12);
    assert_int_equal(mb_corpus_split(&corpus, "test3")->rows[0], 15);
    mb_corpus_close(&corpus);
}

static void test_ignored_labels(void **state) {
    (void)state;
    static const struct {
        const char *dataset, *labels, *first;
        int32_t different;
    } cases[] = {
        {"CMUMOSI", NULL, "0", 0}, // all have the emotion 0
        {"MELD", NULL, "-2", 8},   // the valences rise from -2 in each split
        {"QUICKSTART", NULL, "", 0},
        {"CMUMOSI", "label_words.npz", "'sad'", 3}, // '', 'sad' and 'happy'
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mb_corpus corpus;
        mb_error error;
        mb_ignored_labels ignored;
        const mb_import_options mosi = {.folder = MB_FIXTURES "/mertools/cmumosi",
                                        .labels = cases[i].labels,
                                        .threads = 1,
                                        .quiet = true};
        if (import_noting(mosi, cases[i].dataset, &corpus, &ignored, &error) != MB_OK)
            fail_msg("%s", error.message);
        assert_string_equal(ignored.first, cases[i].first);
        assert_int_equal(ignored.different, cases[i].different);
        mb_corpus_close(&corpus);
    }
}

static void test_features(void **state) {
    (void)state;
    mb_corpus corpus;
    mb_error error;
    if (import(mer2023, "MER2023", &corpus, &error) != MB_OK)
        fail_msg("%s", error.message);
    assert_int_equal(corpus.feature_count, 3);
    const mb_feature *text = mb_corpus_feature(&corpus, "bert-tiny-UTT");
    const mb_feature *audio = mb_corpus_feature(&corpus, "wavlm-tiny-UTT");
    const mb_feature *video = mb_corpus_feature(&corpus, "clip-tiny-FRA");
    assert_int_equal(text->modality, MB_TEXT);
    assert_int_equal(audio->modality, MB_AUDIO);
    assert_int_equal(video->modality, MB_VIDEO);
    assert_int_equal(text->level, MB_LEVEL_UTTERANCE);
    assert_int_equal(audio->level, MB_LEVEL_UTTERANCE);
    assert_int_equal(video->level, MB_LEVEL_FRAME);
    assert_int_equal(text->dimension, 3);
    assert_int_equal(audio->dimension, 4);
    assert_int_equal(video->dimension, 5);
    for (int i = 0; i < 16; i++) // files and folders alike
        assert_int_equal(video->offsets[i + 1] - video->offsets[i], i % 3 + 1);
    mb_corpus_close(&corpus);
}

static void test_any_number_of_threads(void **state) {
    (void)state;
    mb_corpus first, other;
    mb_error error;
    mb_import_options options = mer2023;
    options.threads = 1;
    assert_int_equal(import(options, "MER2023", &first, &error), MB_OK);
    for (options.threads = 2; options.threads < 40; options.threads += 13) {
        assert_int_equal(import(options, "MER2023", &other, &error), MB_OK);
        for (int f = 0; f < 3; f++)
            assert_memory_equal(first.features[f].values, other.features[f].values,
                                (size_t)first.features[f].offsets[16] *
                                    (size_t)first.features[f].dimension * sizeof(float));
        mb_corpus_close(&other);
    }
    mb_corpus_close(&first);
}

static void test_choice(void **state) {
    (void)state;
    mb_corpus corpus;
    mb_error error;
    mb_import_options options = mer2023;
    char *one[] = {"wavlm-tiny-UTT"}, *wrong[] = {"wavlm-tiny-UT"};
    options.features = (mb_names){one, 1};
    options.modality[MB_VIDEO] = (mb_names){one, 1};
    assert_int_equal(import(options, "MER2023", &corpus, &error), MB_OK);
    assert_int_equal(corpus.feature_count, 1);
    assert_int_equal(corpus.features[0].modality, MB_VIDEO);
    mb_corpus_close(&corpus);
    options.modality[MB_TEXT] = (mb_names){one, 1};
    assert_int_equal(import(options, "MER2023", &corpus, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "is given to --text and to --video"));
    mb_corpus_close(&corpus);
    options.modality[MB_TEXT] = (mb_names){0};
    options.features = (mb_names){wrong, 1};
    assert_int_equal(import(options, "MER2023", &corpus, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "did you mean 'wavlm-tiny-UTT'"));
    mb_corpus_close(&corpus);
}

static void test_wrong_dataset(void **state) {
    (void)state;
    mb_corpus corpus;
    mb_error error;
    mb_import_options options = mer2023;
    options.labels = "label-6way.npz";
    assert_int_equal(import(options, "IEMOCAPSix", &corpus, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message,
                           "utterance 'sample_00296': 'emo': expected 0 to 5 or one of happy, sad, "
                           "neutral, angry, excited, frustrated, found 'worried'"));
    mb_corpus_close(&corpus);
    options.labels = MB_FIXTURES "/mertools/cmumosi/label.npz";
    assert_int_equal(import(options, "MER2023", &corpus, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "11 of 11 utterances have neither a file"));
    assert_non_null(strstr(error.message, "\n  'train-4'\n  ..."));
    mb_corpus_close(&corpus);
    options.labels = NULL;
    assert_int_equal(import(options, "SIMS", &corpus, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "label.npz: cannot open the labels of SIMS"));
    mb_corpus_close(&corpus);
}

// ---- writing ----------------------------------------------------------------------------------

static char *read_whole(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    char *bytes = malloc(*size + 1);
    assert_int_equal(fread(bytes, 1, *size, file), *size);
    fclose(file);
    return bytes;
}

// The bytes do not depend on whether features are loaded before or while the file is written.
static void test_written_one_by_one(void **state) {
    (void)state;
    char first[] = "/tmp/mb-import-XXXXXX", second[] = "/tmp/mb-import-XXXXXX";
    close(mkstemp(first));
    close(mkstemp(second));
    mb_import_options options = mer2023;
    options.rules = mb_dataset_find("MER2023");
    mb_import import;
    mb_error error = {.message = ""};
    assert_int_equal(mb_import_open(&options, &import, &error), MB_OK);
    if (mb_import_write(&import, first, true, &error) != MB_OK)
        fail_msg("%s", error.message);
    assert_null(import.corpus.features[0].values);
    for (int32_t f = 0; f < 3; f++) {
        free(import.corpus.features[f].offsets);
        free(import.corpus.features[f].values);
        assert_int_equal(mb_import_feature(&import, f, NULL, &error), MB_OK);
    }
    assert_int_equal(
        mb_corpus_write(&import.corpus, import.sources, import.source_count, second, true, &error),
        MB_OK);
    mb_import_close(&import);
    size_t sizes[2];
    char *bytes[2] = {read_whole(first, &sizes[0]), read_whole(second, &sizes[1])};
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(bytes[0], bytes[1], sizes[0]);
    free(bytes[0]);
    free(bytes[1]);
    unlink(first);
    unlink(second);
}

enum { ROWS = 512, COLUMNS = 512, MANY = 8 }; // frames of 1 MiB for each of 11 utterances

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk) {
    (void)info, (void)type, (void)walk;
    return remove(path);
}

static void make_feature(const char *folder, int number, const mb_corpus *corpus) {
    char path[256], header[129] = "\x93NUMPY\x01";
    float *values = calloc((size_t)ROWS * COLUMNS, sizeof *values);
    header[8] = 118; // bytes that follow the length
    snprintf(header + 10, 119, "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }%55s",
             ROWS, COLUMNS, "");
    snprintf(path, sizeof path, "%s/features/audio-%d", folder, number);
    mkdir(path, 0777);
    for (int32_t i = 0; i < corpus->utterance_count; i++) {
        snprintf(path, sizeof path, "%s/features/audio-%d/%s.npy", folder, number,
                 corpus->names[i]);
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        fwrite(header, 1, sizeof header - 1, file);
        fwrite(values, sizeof *values, (size_t)ROWS * COLUMNS, file);
        fclose(file);
    }
    free(values);
}

// Imports the first `count` features and returns the peak of the process's memory in KiB.
static long peak_of_import(const char *folder, int count) {
    char path[256], *names[MANY];
    for (int i = 0; i < count; i++)
        assert_true(asprintf(&names[i], "audio-%d", i) > 0);
    const mb_import_options options = {.folder = folder,
                                       .rules = mb_dataset_find("CMUMOSI"),
                                       .labels = MB_FIXTURES "/mertools/cmumosi/label.npz",
                                       .features = {names, count},
                                       .threads = 2,
                                       .quiet = true};
    mb_import import;
    mb_error error = {.message = ""};
    snprintf(path, sizeof path, "%s/corpus.h5", folder);
    if (mb_import_open(&options, &import, &error) != MB_OK ||
        mb_import_write(&import, path, true, &error) != MB_OK)
        fail_msg("%s", error.message);
    mb_import_close(&import);
    for (int i = 0; i < count; i++)
        free(names[i]);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static void test_one_feature_at_a_time(void **state) {
    (void)state;
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__) // they keep freed memory
    skip();
#endif
    char folder[] = "/tmp/mb-import-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/features", folder);
    mkdir(path, 0777);
    mb_import_options options = {.folder = MB_FIXTURES "/mertools/cmumosi",
                                 .rules = mb_dataset_find("CMUMOSI")};
    mb_import import;
    mb_error error = {.message = ""};
    assert_int_equal(mb_import_open(&options, &import, &error), MB_OK);
    for (int i = 0; i < MANY; i++)
        make_feature(folder, i, &import.corpus);
    const long feature = 11 * 1024;
    assert_int_equal(import.corpus.utterance_count, 11);
    mb_import_close(&import);
    long one = peak_of_import(folder, 1), many = peak_of_import(folder, MANY);
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    if (many - one > 2 * feature)
        fail_msg("one feature: %ld KiB, %d features: %ld KiB", one, MANY, many);
}

static void test_guesses(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int32_t modality;
    } names[] = {
        {"chinese-hubert-large-UTT", MB_AUDIO},
        {"wavlm-base-FRA", MB_AUDIO},
        {"eGeMAPS_UTT", MB_AUDIO},
        {"IS09_UTT", MB_AUDIO},
        {"bclstm-audio-73-UTT", MB_AUDIO},
        {"clip-vit-large-patch14-UTT", MB_VIDEO},
        {"senet50face_UTT", MB_VIDEO},
        {"manet_UTT", MB_VIDEO},
        {"videomae-base-UTT", MB_VIDEO},
        {"bclstm-video-100-UTT", MB_VIDEO},
        {"Baichuan-13B-Base-UTT", MB_TEXT},
        {"chinese-roberta-wwm-ext-large-UTT", MB_TEXT},
        {"lsa-en-256-UTT", MB_TEXT},
        {"deberta-chinese-large-UTT", MB_TEXT},
        {"something-else", -1},
        {"activity", -1},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (mb_guess_modality(names[i].name) != names[i].modality)
            fail_msg("%s: %d", names[i].name, mb_guess_modality(names[i].name));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_ignored_labels),
        cmocka_unit_test(test_features),
        cmocka_unit_test(test_any_number_of_threads),
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_wrong_dataset),
        cmocka_unit_test(test_written_one_by_one),
        cmocka_unit_test(test_one_feature_at_a_time),
        cmocka_unit_test(test_guesses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
