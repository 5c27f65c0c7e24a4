// Parity of folds: five folds of a given permutation, and folds by session.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "merbench/folds.h"
#include "parity/files.h"

enum { LARGEST_COUNT = 1 << 24 }; // of utterances

// Compares rows with the dataset "GROUP/NAME_k".
static mb_status compare_rows(const mb_fixture *fixture, const char *group, const char *name, int k,
                              const int32_t *rows, int32_t count, mb_parity_report *report,
                              mb_error *error) {
    char dataset[64];
    snprintf(dataset, sizeof dataset, "%s_%d", name, k);
    mb_path path = mb_path_of(group, dataset);
    int64_t *expected = NULL, dims[8];
    int rank = 0;
    mb_status status =
        mb_fixture_integers(fixture, path.text, 0, LARGEST_COUNT, &expected, &rank, dims, error);
    if (status != MB_OK)
        return status;
    if (rank != 1 || dims[0] != count) {
        free(expected);
        return mb_fixture_wrong_shape(fixture, path.text, rank, dims, error, "%d rows", count);
    }
    int64_t different = 0;
    for (int32_t i = 0; i < count; i++)
        different += expected[i] != rows[i];
    free(expected);
    mb_parity_compare_number(mb_parity_group_of(report, "folds"), path.text, (double)different, 0.0,
                             0.0);
    return MB_OK;
}

static mb_status check_permutation(const mb_fixture *fixture, const char *group,
                                   mb_parity_report *report, mb_error *error) {
    int64_t *permutation = NULL, dims[8];
    int rank = 0;
    int32_t bounds[6];
    mb_path path = mb_path_of(group, "permutation");
    mb_status status =
        mb_fixture_integers(fixture, path.text, 0, LARGEST_COUNT, &permutation, &rank, dims, error);
    if (status != MB_OK)
        return status;
    if (rank != 1 || dims[0] < 5 || dims[0] > LARGEST_COUNT) {
        free(permutation);
        return mb_fixture_wrong_shape(fixture, path.text, rank, dims, error,
                                      "a vector of 5 to %d positions", LARGEST_COUNT);
    }
    int32_t n = (int32_t)dims[0];
    for (int32_t i = 0; status == MB_OK && i < n; i++)
        if (permutation[i] >= n)
            status = mb_fail(error, MB_BAD_INPUT, "%s: %s[%d]: expected 0 to %d, found %lld",
                             fixture->path, path.text, i, n - 1, (long long)permutation[i]);
    int32_t *rows = malloc((size_t)n * sizeof *rows);
    if (status == MB_OK && rows == NULL)
        status = mb_out_of_memory(error, path.text);
    mb_folds_of_permutation(n, bounds);
    for (int k = 0; status == MB_OK && k < 5; k++) {
        int32_t eval = bounds[k + 1] - bounds[k], train = 0;
        for (int32_t i = 0; i < n; i++)
            if (i < bounds[k] || i >= bounds[k + 1])
                rows[train++] = (int32_t)permutation[i];
        for (int32_t i = 0; i < eval; i++)
            rows[train + i] = (int32_t)permutation[bounds[k] + i];
        status = compare_rows(fixture, group, "train", k, rows, train, report, error);
        if (status == MB_OK)
            status = compare_rows(fixture, group, "eval", k, rows + train, eval, report, error);
    }
    free(rows);
    free(permutation);
    return status;
}

// Makes the folds by session of a corpus that has only the names of the file.
static mb_status check_sessions(const mb_fixture *fixture, const char *group,
                                mb_parity_report *report, mb_error *error) {
    char **names = NULL;
    int count = 0;
    mb_status status =
        mb_h5_read_texts(fixture->h5, mb_path_of(group, "names").text, &names, &count, error);
    if (status != MB_OK)
        return status;
    int32_t *emotions = calloc((size_t)count + 1, sizeof *emotions);
    int32_t *rows = calloc((size_t)count + 1, sizeof *rows);
    float *valences = calloc((size_t)count + 1, sizeof *valences);
    mb_fold_set folds = {0};
    if (emotions == NULL || rows == NULL || valences == NULL)
        status = mb_out_of_memory(error, group);
    for (int32_t i = 0; status == MB_OK && i < count; i++)
        rows[i] = i;
    mb_split whole = {"whole", count, rows};
    mb_corpus corpus = {.path = (char *)fixture->path,
                        .rules = mb_dataset_find("IEMOCAPFour"),
                        .utterance_count = count,
                        .names = names,
                        .emotions = emotions,
                        .valences = valences,
                        .split_count = 1,
                        .splits = &whole};
    if (status == MB_OK)
        status = mb_folds_make(&corpus, MB_PROTOCOL_MERTOOLS, 0, &folds, error);
    for (int k = 0; status == MB_OK && k < folds.fold_count; k++) {
        const mb_fold *fold = &folds.folds[k];
        status = compare_rows(fixture, group, "train", k, fold->train.rows, fold->train.count,
                              report, error);
        if (status == MB_OK)
            status = compare_rows(fixture, group, "eval", k, fold->select.rows, fold->select.count,
                                  report, error);
    }
    mb_folds_free(&folds);
    free(emotions);
    free(rows);
    free(valences);
    mb_h5_free_names(names, count);
    return status;
}

mb_status mb_parity_splits_file(mb_fixture *fixture, mb_parity_report *report, mb_error *error) {
    char **groups = NULL;
    int count = 0;
    mb_status status = mb_h5_list(fixture->h5, "/", &groups, &count, error);
    for (int i = 0; status == MB_OK && i < count; i++)
        status = strcmp(groups[i], "iemocap") == 0
                     ? check_sessions(fixture, groups[i], report, error)
                     : check_permutation(fixture, groups[i], report, error);
    mb_h5_free_names(groups, count);
    return status == MB_OK ? mb_parity_verdict(report) : status;
}
