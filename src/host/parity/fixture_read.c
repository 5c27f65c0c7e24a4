// Reads numbers, labels and attributes of a fixture. A file may come from anywhere, so everything
// is checked before it is used: the type, the shape, the range, and that the numbers are finite.
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "data/corpus_file.h"
#include "parity/fixture.h"

mb_status mb_fixture_attribute(const mb_fixture *fixture, const char *object, const char *attribute,
                               double minimum, double maximum, bool whole, double *value,
                               mb_error *error) {
    mb_status status = mb_h5_attribute_number(fixture->h5, object, attribute, value, error);
    if (status == MB_OK &&
        (!(*value >= minimum && *value <= maximum) || (whole && *value != floor(*value))))
        status = mb_fail(
            error, MB_BAD_INPUT, "%s: %s: attribute '%s': expected a %snumber %g to %g, found %g",
            fixture->path, object, attribute, whole ? "whole " : "", minimum, maximum, *value);
    return status;
}

static int64_t elements_of(int rank, const int64_t *dims) {
    int64_t count = 1; // the reader has checked the product
    for (int i = 0; i < rank; i++)
        count *= dims[i];
    return count;
}

mb_status mb_fixture_wrong_shape(const mb_fixture *fixture, const char *name, int rank,
                                 const int64_t *dims, mb_error *error, const char *format, ...) {
    char expected[128], found[8 * 24] = "";
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(expected, sizeof expected, format, arguments);
    va_end(arguments);
    size_t used = 0;
    for (int i = 0; i < rank; i++)
        used += (size_t)snprintf(found + used, sizeof found - used, "%s%" PRId64, i > 0 ? ", " : "",
                                 dims[i]);
    return mb_fail(error, MB_BAD_INPUT, "%s: %s: expected %s, found shape (%s)", fixture->path,
                   name, expected, found);
}

mb_status mb_fixture_numbers(const mb_fixture *fixture, const char *name, float **values, int *rank,
                             int64_t dims[8], mb_error *error) {
    mb_status status = mb_h5_read_floats(fixture->h5, name, values, rank, dims, error);
    if (status != MB_OK)
        return status;
    int64_t bad = mb_first_nonfinite(*values, elements_of(*rank, dims));
    if (bad < 0)
        return MB_OK;
    status = mb_fail(error, MB_BAD_INPUT,
                     "%s: %s: number %" PRId64 ": expected a finite number, found %g",
                     fixture->path, name, bad, (double)(*values)[bad]);
    free(*values);
    *values = NULL;
    return status;
}

mb_status mb_fixture_floats(const mb_fixture *fixture, const char *name, int64_t count,
                            float **values, mb_error *error) {
    int rank = 0;
    int64_t dims[8];
    mb_status status = mb_fixture_numbers(fixture, name, values, &rank, dims, error);
    if (status != MB_OK || elements_of(rank, dims) == count)
        return status;
    free(*values);
    *values = NULL;
    return mb_fixture_wrong_shape(fixture, name, rank, dims, error, "%" PRId64 " numbers", count);
}

mb_status mb_fixture_integers(const mb_fixture *fixture, const char *name, int64_t least,
                              int64_t most, int64_t **values, int *rank, int64_t dims[8],
                              mb_error *error) {
    mb_status status = mb_h5_read_integers(fixture->h5, name, values, rank, dims, error);
    int64_t count = status == MB_OK ? elements_of(*rank, dims) : 0;
    for (int64_t i = 0; i < count && status == MB_OK; i++)
        if ((*values)[i] < least || (*values)[i] > most)
            status = mb_fail(error, MB_BAD_INPUT,
                             "%s: %s: number %" PRId64 ": expected %" PRId64 " to %" PRId64
                             ", found %" PRId64,
                             fixture->path, name, i, least, most, (*values)[i]);
    if (status != MB_OK) {
        free(*values);
        *values = NULL;
    }
    return status;
}

mb_status mb_fixture_labels(const mb_fixture *fixture, const char *name, int32_t count,
                            int32_t least, int32_t classes, int32_t **labels, mb_error *error) {
    int64_t *wide = NULL, dims[8];
    int rank = 0;
    *labels = NULL;
    mb_status status =
        mb_fixture_integers(fixture, name, least, classes - 1, &wide, &rank, dims, error);
    if (status != MB_OK)
        return status;
    if (elements_of(rank, dims) != count)
        status = mb_fixture_wrong_shape(fixture, name, rank, dims, error, "%d labels", count);
    else if ((*labels = malloc(((size_t)count + 1) * sizeof **labels)) == NULL)
        status = mb_out_of_memory(error, name);
    for (int32_t i = 0; status == MB_OK && i < count; i++)
        (*labels)[i] = (int32_t)wide[i];
    free(wide);
    return status;
}

mb_status mb_fixture_limit(const mb_fixture *fixture, const char *name, double least, double *limit,
                           mb_error *error) {
    double fp64_rel = 0.0;
    mb_status status = MB_OK;
    if (mb_h5_has_attribute(fixture->h5, name, "fp64_rel"))
        status = mb_fixture_attribute(fixture, name, "fp64_rel", 0, 1e30, false, &fp64_rel, error);
    *limit = fmax(fmax(least, fixture->least_limit), 20.0 * fp64_rel);
    return status;
}
