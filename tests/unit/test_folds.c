// Folds compared with those of the reference, and the rules of both protocols.
#include <hdf5.h>
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
#include "merbench/folds.h"

// A corpus without features. Its splits cover the utterances 0, 1, 2 ... in order.
typedef struct table {
    mb_corpus corpus;
    mb_split splits[6];
    char **names;
} table;

static void *allocate(size_t count, size_t size) {
    void *memory = calloc(count + 1, size);
    assert_non_null(memory);
    return memory;
}

static table *make_table(const char *dataset, const char *const *split_names, const int *counts) {
    table *made = allocate(1, sizeof *made);
    mb_corpus *corpus = &made->corpus;
    corpus->path = "made.h5";
    corpus->rules = mb_dataset_find(dataset);
    assert_non_null(corpus->rules);
    corpus->splits = made->splits;
    for (; split_names[corpus->split_count] != NULL; corpus->split_count++) {
        mb_split *split = &made->splits[corpus->split_count];
        split->name = (char *)split_names[corpus->split_count];
        split->count = counts[corpus->split_count];
        split->rows = allocate((size_t)split->count, sizeof *split->rows);
        for (int i = 0; i < split->count; i++)
            split->rows[i] = corpus->utterance_count++;
    }
    size_t n = (size_t)corpus->utterance_count;
    corpus->names = made->names = allocate(n, sizeof *made->names);
    corpus->emotions = allocate(n, sizeof *corpus->emotions);
    corpus->valences = allocate(n, sizeof *corpus->valences);
    for (size_t i = 0; i < n; i++) {
        made->names[i] = allocate(32, 1);
        snprintf(made->names[i], 32, "Ses0%zuF_%zu", i % 5 + 1, i);
    }
    return made;
}

static void free_table(table *made) {
    for (int32_t i = 0; i < made->corpus.split_count; i++)
        free(made->splits[i].rows);
    for (int32_t i = 0; i < made->corpus.utterance_count; i++)
        free(made->names[i]);
    free(made->names);
    free(made->corpus.emotions);
    free(made->corpus.valences);
    free(made);
}

static void make_folds(const table *made, mb_protocol protocol, uint32_t seed, mb_fold_set *folds) {
    mb_error error = {.message = ""};
    if (mb_folds_make(&made->corpus, protocol, seed, folds, &error) != MB_OK)
        fail_msg("%s", error.message);
}

static const char *const mer2023_splits[] = {"train", "test1", "test2", "test3", NULL};
static const char *const official_splits[] = {"train", "val", "test", NULL};
static const char *const whole_split[] = {"whole", NULL};

static int64_t *integers_of(const mb_h5 *h5, const char *group, const char *name, int fold,
                            int64_t *count) {
    char path[128];
    mb_error error;
    int rank;
    int64_t *values, dims[8];
    if (fold < 0)
        snprintf(path, sizeof path, "%s/%s", group, name);
    else
        snprintf(path, sizeof path, "%s/%s_%d", group, name, fold);
    if (mb_h5_read_integers(h5, path, &values, &rank, dims, &error) != MB_OK)
        fail_msg("%s", error.message);
    *count = dims[0];
    return values;
}

static void check_rows(const mb_h5 *h5, const char *group, const char *name, int fold,
                       const mb_part *part) {
    int64_t count, *expected = integers_of(h5, group, name, fold, &count);
    assert_int_equal(part->count, count);
    for (int64_t i = 0; i < count; i++)
        if (part->rows[i] != expected[i])
            fail_msg("%s/%s_%d[%d]: expected %d, found %d", group, name, fold, (int)i,
                     (int)expected[i], part->rows[i]);
    free(expected);
}

static mb_h5 *open_fixture(void) {
    mb_h5 *h5;
    mb_error error;
    if (mb_h5_open(MB_FIXTURES "/dataops/splits.h5", &h5, &error) != MB_OK)
        fail_msg("%s", error.message);
    return h5;
}

// The permutation of the reference is given. A first call shows which permutation the engine draws.
// The rows are then arranged so that a second call draws exactly that of the reference.
static void check_random_folds(const mb_h5 *h5, const char *group) {
    int64_t count, *permutation = integers_of(h5, group, "permutation", -1, &count);
    const int counts[] = {(int)count, 1, 1, 1};
    table *made = make_table("MER2023", mer2023_splits, counts);
    mb_fold_set folds;
    make_folds(made, MB_PROTOCOL_MERTOOLS, 7, &folds);
    int32_t *rows = made->splits[0].rows;
    for (int64_t k = 0, position = 0; k < 5; k++)
        for (int32_t i = 0; i < folds.folds[k].select.count; i++)
            rows[folds.folds[k].select.rows[i]] = (int32_t)permutation[position++];
    mb_folds_free(&folds);
    make_folds(made, MB_PROTOCOL_MERTOOLS, 7, &folds);
    assert_int_equal(folds.fold_count, 5);
    for (int k = 0; k < 5; k++) {
        check_rows(h5, group, "train", k, &folds.folds[k].train);
        check_rows(h5, group, "eval", k, &folds.folds[k].select);
    }
    mb_folds_free(&folds);
    free_table(made);
    free(permutation);
}

static void test_reference_random_folds(void **state) {
    (void)state;
    mb_h5 *h5 = open_fixture();
    check_random_folds(h5, "mer2023_n5");
    check_random_folds(h5, "mer2023_n7");
    check_random_folds(h5, "mer2023_n103");
    check_random_folds(h5, "mer2023_n3373");
    mb_h5_close(h5);
}

// The fixture's names are fixed-length strings.
static char (*session_names(hsize_t *count))[25] {
    hid_t file = H5Fopen(MB_FIXTURES "/dataops/splits.h5", H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t dataset = H5Dopen2(file, "iemocap/names", H5P_DEFAULT);
    assert_true(file >= 0 && dataset >= 0);
    hid_t space = H5Dget_space(dataset), type = H5Tcopy(H5T_C_S1);
    H5Sget_simple_extent_dims(space, count, NULL);
    H5Tset_size(type, 25);
    char(*names)[25] = allocate(*count, sizeof *names);
    assert_true(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, names) >= 0);
    H5Tclose(type);
    H5Sclose(space);
    H5Dclose(dataset);
    H5Fclose(file);
    return names;
}

static void test_reference_sessions(void **state) {
    (void)state;
    hsize_t count;
    char(*names)[25] = session_names(&count);
    table *made = make_table("IEMOCAPSix", whole_split, (int[]){(int)count});
    for (hsize_t i = 0; i < count; i++)
        snprintf(made->names[i], 32, "%s", names[i]);
    free(names);
    mb_fold_set folds;
    make_folds(made, MB_PROTOCOL_MERTOOLS, 1, &folds);
    mb_h5 *h5 = open_fixture();
    for (int k = 0; k < 5; k++) {
        check_rows(h5, "iemocap", "train", k, &folds.folds[k].train);
        check_rows(h5, "iemocap", "eval", k, &folds.folds[k].select);
        assert_int_equal(folds.folds[k].held.count, 0);
    }
    assert_int_equal(folds.test_count, 0);
    mb_h5_close(h5);
    mb_folds_free(&folds);
    free_table(made);
}

// Under strict no part has a scope; otherwise its scope is its split.
static void check_scope(const mb_part *part, mb_protocol protocol, int32_t first, int32_t count) {
    assert_int_equal(part->scope_count, protocol == MB_PROTOCOL_STRICT ? 0 : count);
    for (int32_t i = 0; i < part->scope_count; i++)
        assert_int_equal(part->scope[i], first + i);
    if (part->scope_count == 0)
        assert_null(part->scope);
}

static void mark(const mb_part *part, int *seen) {
    for (int32_t i = 0; i < part->count; i++)
        seen[part->rows[i]]++;
}

// Interleaved sessions: rows keep the order of the file within a session, and every row is in one
// part only.
static void check_protocol(const char *dataset, const char *const *splits, const int *counts,
                           mb_protocol protocol) {
    table *made = make_table(dataset, splits, counts);
    mb_fold_set folds;
    make_folds(made, protocol, 3, &folds);
    assert_int_equal(folds.fold_count, 5);
    bool strict = protocol == MB_PROTOCOL_STRICT;
    int scored[64] = {0}, selected[64] = {0};
    for (int k = 0; k < 5; k++) {
        mb_fold *fold = &folds.folds[k];
        int seen[64] = {0};
        mark(&fold->train, seen);
        mark(&fold->select, seen);
        mark(&fold->held, seen);
        for (int i = 0; i < counts[0]; i++)
            assert_int_equal(seen[i], 1);
        mark(&fold->select, selected);
        mark(strict ? &fold->held : &fold->select, scored);
        check_scope(&fold->train, protocol, 0, counts[0]);
        check_scope(&fold->select, protocol, 0, counts[0]);
        check_scope(&fold->held, protocol, 0, 0);
        if (strict) {
            mb_part *other = &folds.folds[(k + 1) % 5].held;
            assert_int_equal(other->count, fold->select.count);
            assert_memory_equal(other->rows, fold->select.rows,
                                (size_t)other->count * sizeof *other->rows);
        } else {
            assert_int_equal(fold->held.count, 0);
        }
    }
    for (int32_t i = 0, first = counts[0]; i < folds.test_count; first += counts[++i])
        check_scope(&folds.tests[i], protocol, first, counts[i + 1]);
    for (int i = 0; i < counts[0]; i++) {
        assert_int_equal(scored[i], 1);
        assert_int_equal(selected[i], 1);
    }
    mb_folds_free(&folds);
    free_table(made);
}

static void test_protocols(void **state) {
    (void)state;
    const int random_counts[] = {33, 4, 3, 2}, session_counts[] = {33};
    check_protocol("MER2023", mer2023_splits, random_counts, MB_PROTOCOL_MERTOOLS);
    check_protocol("MER2023", mer2023_splits, random_counts, MB_PROTOCOL_STRICT);
    check_protocol("IEMOCAPFour", whole_split, session_counts, MB_PROTOCOL_MERTOOLS);
    check_protocol("IEMOCAPFour", whole_split, session_counts, MB_PROTOCOL_STRICT);
}

static void test_official(void **state) {
    (void)state;
    for (int protocol = MB_PROTOCOL_MERTOOLS; protocol <= MB_PROTOCOL_STRICT; protocol++) {
        table *made = make_table("MELD", official_splits, (int[]){6, 3, 2});
        mb_fold_set folds;
        make_folds(made, (mb_protocol)protocol, 1, &folds);
        assert_int_equal(folds.fold_count, 1);
        assert_string_equal(folds.folds[0].train.name, "train");
        assert_string_equal(folds.folds[0].select.name, "val");
        assert_int_equal(folds.folds[0].train.count, 6);
        assert_int_equal(folds.folds[0].select.rows[2], 8);
        check_scope(&folds.folds[0].train, (mb_protocol)protocol, 0, 6);
        check_scope(&folds.folds[0].select, (mb_protocol)protocol, 6, 3);
        assert_int_equal(folds.folds[0].held.count, 0);
        assert_int_equal(folds.test_count, 1);
        assert_string_equal(folds.tests[0].name, "test");
        assert_int_equal(folds.tests[0].rows[0], 9);
        check_scope(&folds.tests[0], (mb_protocol)protocol, 9, 2);
        mb_folds_free(&folds);
        free_table(made);
    }
}

static void test_seed_draws_the_folds(void **state) {
    (void)state;
    table *made = make_table("MER2023", mer2023_splits, (int[]){50, 1, 1, 1});
    mb_fold_set first, again, other;
    make_folds(made, MB_PROTOCOL_MERTOOLS, 1, &first);
    make_folds(made, MB_PROTOCOL_MERTOOLS, 1, &again);
    make_folds(made, MB_PROTOCOL_MERTOOLS, 2, &other);
    size_t bytes = (size_t)first.folds[0].train.count * sizeof(int32_t);
    assert_memory_equal(first.folds[0].train.rows, again.folds[0].train.rows, bytes);
    assert_memory_not_equal(first.folds[0].train.rows, other.folds[0].train.rows, bytes);
    assert_int_equal(first.test_count, 3);
    assert_string_equal(first.tests[2].name, "test3");
    mb_folds_free(&first);
    mb_folds_free(&again);
    mb_folds_free(&other);
    free_table(made);
}

static void check_refused(const table *made, const char *fragment, const char *other) {
    mb_fold_set folds;
    mb_error error = {.message = ""};
    assert_int_equal(mb_folds_make(&made->corpus, MB_PROTOCOL_STRICT, 1, &folds, &error),
                     MB_BAD_INPUT);
    if (strstr(error.message, fragment) == NULL || strstr(error.message, other) == NULL ||
        strstr(error.message, "made.h5") == NULL)
        fail_msg("expected '%s' and '%s' in: %s", fragment, other, error.message);
    assert_int_equal(folds.fold_count, 0);
    assert_null(folds.tests);
}

static void test_bad_corpora(void **state) {
    (void)state;
    table *made = make_table("MELD", (const char *[]){"train", "test", NULL}, (int[]){3, 1});
    check_refused(made, "'val'", "missing");
    free_table(made);

    made = make_table("MELD", official_splits, (int[]){3, 0, 1});
    check_refused(made, "'val'", "no utterance");
    free_table(made);

    made = make_table("MELD", official_splits, (int[]){3, 1, 1});
    made->corpus.emotions[4] = MB_EMOTION_MISSING;
    check_refused(made, "'test'", "Ses05F_4");
    made->corpus.emotions[4] = 7;
    check_refused(made, "0..6", "found 7");
    made->corpus.emotions[4] = 0;
    made->splits[1].rows[0] = 5;
    check_refused(made, "'val'", "found 5");
    free_table(made);

    made = make_table("CMUMOSI", official_splits, (int[]){3, 1, 1});
    made->corpus.valences[1] = NAN;
    check_refused(made, "'train'", "Ses02F_1");
    made->corpus.valences[1] = 0;
    made->corpus.valences[4] = NAN;
    check_refused(made, "'test'", "Ses05F_4");
    free_table(made);

    made = make_table("MER2023", mer2023_splits, (int[]){4, 1, 1, 1});
    check_refused(made, "'train'", "at least 5");
    free_table(made);

    made = make_table("IEMOCAPSix", whole_split, (int[]){10});
    made->names[7][4] = '6';
    check_refused(made, "Ses06F_7", "1..5");
    snprintf(made->names[7], 32, "Ses");
    check_refused(made, "'Ses'", "1..5");
    snprintf(made->names[7], 32, "Ses01F_7");
    snprintf(made->names[2], 32, "Ses01F_2");
    check_refused(made, "'whole'", "session 3");
    free_table(made);
}

// MER2023's third test set has no valences.
static void test_test_set_without_valences(void **state) {
    (void)state;
    table *made = make_table("MER2023", mer2023_splits, (int[]){5, 1, 1, 2});
    made->corpus.valences[7] = made->corpus.valences[8] = NAN;
    mb_fold_set folds;
    make_folds(made, MB_PROTOCOL_MERTOOLS, 1, &folds);
    assert_int_equal(folds.test_count, 3);
    mb_folds_free(&folds);
    made->corpus.valences[2] = NAN;
    check_refused(made, "'train'", "Ses03F_2");
    free_table(made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference_random_folds),
        cmocka_unit_test(test_reference_sessions),
        cmocka_unit_test(test_protocols),
        cmocka_unit_test(test_official),
        cmocka_unit_test(test_seed_draws_the_folds),
        cmocka_unit_test(test_bad_corpora),
        cmocka_unit_test(test_test_set_without_valences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
