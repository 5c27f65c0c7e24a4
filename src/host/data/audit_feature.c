// The audit of one feature.
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "data/audit.h"

// Real corpora have a few utterances without a word or a face, and a few dead columns. Many of them
// are a sign of a broken feature extraction.
static const double too_many_zero_utterances = 0.05, too_many_constant_columns = 0.5;

static const float *values_of(const mb_feature *feature, int32_t row) {
    return feature->values + feature->offsets[row] * feature->dimension;
}

static int64_t count_of(const mb_feature *feature, int32_t row) {
    return (feature->offsets[row + 1] - feature->offsets[row]) * feature->dimension;
}

static mb_status audit_nonfinite(const mb_corpus *corpus, const mb_feature *feature,
                                 mb_audit *audit, mb_error *error) {
    mb_check check =
        mb_check_start(audit, MB_ERROR, "nonfinite", feature->name, "utterances with NaN or Inf");
    for (int32_t i = 0; i < corpus->utterance_count; i++) {
        const float *values = values_of(feature, i);
        int64_t nans = 0, infinities = 0, first = -1;
        for (int64_t v = 0; v < count_of(feature, i); v++)
            if (!isfinite(values[v])) {
                first = first < 0 ? v : first;
                nans += isnan(values[v]) != 0;
                infinities += isinf(values[v]) != 0;
            }
        if (first >= 0)
            mb_check_add(&check,
                         "'%s': %" PRId64 " NaN, %" PRId64 " Inf, the first in frame %" PRId64
                         ", column %" PRId64,
                         corpus->names[i], nans, infinities, first / feature->dimension,
                         first % feature->dimension);
    }
    return mb_check_finish(&check, error);
}

static bool all_zero(const mb_feature *feature, int32_t row) {
    const float *values = values_of(feature, row);
    for (int64_t v = 0; v < count_of(feature, row); v++)
        if (values[v] != 0)
            return false;
    return true;
}

static mb_status audit_zero(const mb_corpus *corpus, const mb_feature *feature, mb_audit *audit,
                            mb_error *error) {
    mb_check check = mb_check_start(audit, MB_NOTE, "zero-utterances", feature->name,
                                    "utterances whose values are all zero");
    for (int32_t i = 0; i < corpus->utterance_count; i++)
        if (all_zero(feature, i))
            mb_check_add(&check, "'%s'", corpus->names[i]);
    if ((double)check.finding.count > too_many_zero_utterances * corpus->utterance_count)
        check.finding.severity = MB_WARNING;
    return mb_check_finish(&check, error);
}

static mb_status audit_columns(const mb_corpus *corpus, const mb_feature *feature, mb_audit *audit,
                               mb_error *error) {
    int32_t dimension = feature->dimension;
    int64_t frames = feature->offsets[corpus->utterance_count];
    bool *varies = calloc((size_t)dimension, sizeof *varies);
    if (varies == NULL)
        return mb_out_of_memory(error, "audit");
    for (int64_t t = 1; t < frames; t++)
        for (int32_t d = 0; d < dimension; d++)
            varies[d] |= feature->values[t * dimension + d] != feature->values[d];
    mb_check check = mb_check_start(audit, MB_NOTE, "constant-columns", feature->name,
                                    "columns with one value everywhere");
    for (int32_t d = 0; d < dimension; d++)
        if (!varies[d])
            mb_check_add(&check, "column %d: %g", d, (double)feature->values[d]);
    if ((double)check.finding.count > too_many_constant_columns * dimension)
        check.finding.severity = MB_WARNING;
    free(varies);
    return mb_check_finish(&check, error);
}

// ---- utterances with equal values -------------------------------------------------------------

typedef struct hashed {
    char digest[33];
    int32_t row;
} hashed;

static int compare_hashed(const void *a, const void *b) {
    const hashed *left = a, *right = b;
    int order = strcmp(left->digest, right->digest);
    return order != 0 ? order : (left->row > right->row) - (left->row < right->row);
}

static int compare_rows(const void *a, const void *b) {
    const int32_t *left = a, *right = b;
    return (left[0] > right[0]) - (left[0] < right[0]);
}

// Finds pairs (row, first row with the same values), sorted by row, and returns their number.
static int32_t find_equal(const mb_corpus *corpus, const mb_feature *feature, hashed *rows,
                          int32_t (*pairs)[2]) {
    int32_t count = 0, equal = 0;
    for (int32_t i = 0; i < corpus->utterance_count; i++)
        if (!all_zero(feature, i)) {
            rows[count].row = i;
            mb_hash(values_of(feature, i), (size_t)count_of(feature, i) * sizeof(float),
                    rows[count++].digest);
        }
    qsort(rows, (size_t)count, sizeof *rows, compare_hashed);
    for (int32_t i = 1, first = 0; i < count; i++)
        if (strcmp(rows[i].digest, rows[first].digest) == 0) {
            pairs[equal][0] = rows[i].row;
            pairs[equal++][1] = rows[first].row;
        } else {
            first = i;
        }
    qsort(pairs, (size_t)equal, sizeof *pairs, compare_rows);
    return equal;
}

static mb_status audit_equal(const mb_corpus *corpus, const mb_feature *feature, mb_audit *audit,
                             mb_error *error) {
    size_t count = (size_t)corpus->utterance_count;
    hashed *rows = malloc((count + 1) * sizeof *rows);
    int32_t(*pairs)[2] = malloc((count + 1) * sizeof *pairs);
    mb_status status = MB_OK;
    if (rows == NULL || pairs == NULL) {
        status = mb_out_of_memory(error, "audit");
    } else {
        mb_check check = mb_check_start(audit, MB_NOTE, "equal-utterances", feature->name,
                                        "utterances with the same values as an earlier one");
        int32_t equal = find_equal(corpus, feature, rows, pairs);
        for (int32_t i = 0; i < equal; i++)
            mb_check_add(&check, "'%s' equals '%s'", corpus->names[pairs[i][0]],
                         corpus->names[pairs[i][1]]);
        if (2 * (size_t)equal > count) // most utterances are copies of others
            check.finding.severity = MB_WARNING;
        status = mb_check_finish(&check, error);
    }
    free(rows);
    free(pairs);
    return status;
}

static mb_status audit_dimension(const mb_feature *feature, mb_audit *audit, mb_error *error) {
    mb_check check = mb_check_start(
        audit, MB_WARNING, "one-column", feature->name,
        "features whose frames have one value; the axes of the array may be swapped");
    if (feature->dimension == 1)
        mb_check_add(&check, "dimension 1");
    return mb_check_finish(&check, error);
}

mb_status mb_audit_feature(const mb_corpus *corpus, const mb_feature *feature, mb_audit *audit,
                           mb_error *error) {
    mb_status status = audit_nonfinite(corpus, feature, audit, error);
    if (status == MB_OK)
        status = audit_zero(corpus, feature, audit, error);
    if (status == MB_OK)
        status = audit_columns(corpus, feature, audit, error);
    if (status == MB_OK)
        status = audit_equal(corpus, feature, audit, error);
    if (status == MB_OK)
        status = audit_dimension(feature, audit, error);
    return status;
}
