// What all kinds of fixture files share: the configuration of the model, and batches of samples.
#ifndef MB_PARITY_FIXTURE_H
#define MB_PARITY_FIXTURE_H

#include "data/h5.h"
#include "merbench/model.h"
#include "merbench/stream.h"

typedef struct mb_fixture {
    mb_h5 *h5;
    const char *path;
    const mb_model *model;  // NULL in files of data rules and metrics
    mb_model_config config; // dims and steps are those of the inputs
    double learning_rate, weight_decay, grad_clip;
    int32_t stream_count;
    double least_limit; // a lower bound of all limits, but for training
} mb_fixture;

mb_status mb_fixture_open(const char *path, mb_fixture *fixture, mb_error *error);
// Finds the model. Its options are root attributes of the same names. MB_UNSUPPORTED for an
// unknown model.
mb_status mb_fixture_configure(mb_fixture *fixture, mb_error *error);
// Takes dimensions and steps from a group `inputs` with datasets audio, text and video, or feat0,
// feat1, ... of models whose streams are no modalities. The first `leading` dimensions count
// samples.
mb_status mb_fixture_shapes(mb_fixture *fixture, const char *inputs, int leading, mb_error *error);
void mb_fixture_close(mb_fixture *fixture);

// Samples as a device reads them, all in host memory.
typedef struct mb_fixture_data {
    mb_dataset dataset;
    int32_t count; // samples
    float *values[MB_MAX_STREAMS];
    int64_t *offsets[MB_MAX_STREAMS];
    int32_t *emotions;
    float *valences;
} mb_fixture_data;

mb_status mb_fixture_read(const mb_fixture *fixture, const char *inputs, int leading,
                          mb_fixture_data *data, mb_error *error);
void mb_fixture_data_free(mb_fixture_data *data);

// Reads a dataset of numbers, which must all be finite; *values is malloc'ed.
mb_status mb_fixture_numbers(const mb_fixture *fixture, const char *name, float **values, int *rank,
                             int64_t dims[8], mb_error *error);
// The same, of a dataset that must have `count` numbers.
mb_status mb_fixture_floats(const mb_fixture *fixture, const char *name, int64_t count,
                            float **values, mb_error *error);
// Reads a dataset of integers from `least` to `most`; *values is malloc'ed.
mb_status mb_fixture_integers(const mb_fixture *fixture, const char *name, int64_t least,
                              int64_t most, int64_t **values, int *rank, int64_t dims[8],
                              mb_error *error);
// Reads `count` labels from `least` to `classes` - 1; *labels is malloc'ed.
mb_status mb_fixture_labels(const mb_fixture *fixture, const char *name, int32_t count,
                            int32_t least, int32_t classes, int32_t **labels, mb_error *error);
// Reads a number of an object ("/" is the root) that must be in a range.
mb_status mb_fixture_attribute(const mb_fixture *fixture, const char *object, const char *attribute,
                               double minimum, double maximum, bool whole, double *value,
                               mb_error *error);
// Fails because a dataset has another shape than the format says: "4 numbers".
mb_status mb_fixture_wrong_shape(const mb_fixture *fixture, const char *name, int rank,
                                 const int64_t *dims, mb_error *error, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
// *limit: max(least, least_limit, 20 * fp64_rel of the dataset).
mb_status mb_fixture_limit(const mb_fixture *fixture, const char *name, double least, double *limit,
                           mb_error *error);

// A name inside the file: "GROUP/NAME".
typedef struct mb_path {
    char text[256];
} mb_path;
mb_path mb_path_of(const char *group, const char *name);

#endif
