#include "parity/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "merbench/tally.h"

mb_path mb_path_of(const char *group, const char *name) {
    mb_path path;
    snprintf(path.text, sizeof path.text, "%s%s/%s", group[0] == '/' ? "" : "/", group, name);
    return path;
}

static mb_status number(const mb_fixture *fixture, const char *attribute, double minimum,
                        double maximum, bool whole, double *value, mb_error *error) {
    return mb_fixture_attribute(fixture, "/", attribute, minimum, maximum, whole, value, error);
}

static mb_status find_model(mb_fixture *fixture, mb_error *error) {
    char *name = NULL;
    mb_status status = mb_h5_attribute_text(fixture->h5, "/", "model", &name, error);
    if (status != MB_OK)
        return status;
    fixture->model = mb_model_find(name);
    if (fixture->model == NULL)
        status = mb_fail(error, MB_UNSUPPORTED, "%s: unknown model '%s'", fixture->path, name);
    free(name);
    return status;
}

static mb_status read_feature_type(mb_fixture *fixture, mb_error *error) {
    char *name = NULL;
    mb_status status = mb_h5_attribute_text(fixture->h5, "/", "feat_type", &name, error);
    if (status != MB_OK)
        return status;
    int type = 0;
    while (type < 3 && strcmp(mb_feature_type_names[type], name) != 0)
        type++;
    if (type == 3)
        status = mb_fail(error, MB_UNSUPPORTED, "%s: unknown feat_type '%s'", fixture->path, name);
    fixture->config.feature_type = (mb_feature_type)type;
    free(name);
    return status;
}

static mb_status read_config(mb_fixture *fixture, mb_error *error) {
    mb_model_config *config = &fixture->config;
    double classes = 0, values = 0;
    mb_status status = read_feature_type(fixture, error);
    if (status == MB_OK)
        status = number(fixture, "output_dim1", 0, MB_TALLY_CLASSES, true, &classes, error);
    if (status == MB_OK)
        status = number(fixture, "output_dim2", 0, 1, true, &values, error);
    if (status == MB_OK)
        status = number(fixture, "lr", 0, 1e3, false, &fixture->learning_rate, error);
    if (status == MB_OK)
        status = number(fixture, "l2", 0, 1e3, false, &fixture->weight_decay, error);
    if (status == MB_OK)
        status = number(fixture, "grad_clip", -1, 1e6, false, &fixture->grad_clip, error);
    if (status != MB_OK)
        return status;
    config->class_count = (int32_t)classes;
    config->value_count = (int32_t)values;
    mb_model_defaults(fixture->model, config);
    for (int32_t i = 0; status == MB_OK && i < fixture->model->option_count; i++) {
        const mb_option *option = &fixture->model->options[i];
        if (mb_h5_has_attribute(fixture->h5, "/", option->name))
            status = number(fixture, option->name, option->minimum, option->maximum,
                            option->kind != MB_OPTION_REAL, &config->options[i], error);
    }
    return status;
}

mb_status mb_fixture_open(const char *path, mb_fixture *fixture, mb_error *error) {
    *fixture = (mb_fixture){.path = path};
    mb_status status = mb_h5_guard(path, false, error);
    return status == MB_OK ? mb_h5_open(path, &fixture->h5, error) : status;
}

static mb_status count_streams(mb_fixture *fixture, mb_error *error) {
    double count = MB_MODALITY_COUNT;
    int32_t most = fixture->model->most_streams;
    mb_status status =
        most > 0 ? number(fixture, "n_features", 1, most, true, &count, error) : MB_OK;
    fixture->stream_count = (int32_t)count;
    return status;
}

mb_status mb_fixture_configure(mb_fixture *fixture, mb_error *error) {
    mb_status status = find_model(fixture, error);
    if (status == MB_OK)
        status = count_streams(fixture, error);
    return status == MB_OK ? read_config(fixture, error) : status;
}

void mb_fixture_close(mb_fixture *fixture) {
    mb_h5_close(fixture->h5);
    *fixture = (mb_fixture){0};
}

// The dataset of a stream.
static mb_path stream_path(const mb_fixture *fixture, const char *inputs, int stream) {
    char name[16];
    snprintf(name, sizeof name, "feat%d", stream);
    return mb_path_of(inputs, fixture->model->most_streams > 0 ? name : mb_modality_names[stream]);
}

// The shape of the samples of a stream, from dims: (leading..., D) or (leading..., T, D).
static mb_status sample_shape(const mb_fixture *fixture, const char *name, int rank, int leading,
                              const int64_t *dims, int32_t *steps, int32_t *dimension,
                              mb_error *error) {
    int expected = leading + (fixture->config.feature_type == MB_UTT ? 1 : 2);
    bool right = rank == expected;
    for (int i = 0; i < rank; i++)
        right = right && dims[i] >= 1 && dims[i] <= 1 << 24;
    if (!right)
        return mb_fixture_wrong_shape(fixture, name, rank, dims, error, "%d dimensions of 1 to %d",
                                      expected, 1 << 24);
    *dimension = (int32_t)dims[rank - 1];
    *steps = fixture->config.feature_type == MB_UTT ? 1 : (int32_t)dims[rank - 2];
    return MB_OK;
}

mb_status mb_fixture_shapes(mb_fixture *fixture, const char *inputs, int leading, mb_error *error) {
    for (int m = 0; m < fixture->stream_count; m++) {
        mb_path path = stream_path(fixture, inputs, m);
        float *values = NULL;
        int rank = 0;
        int64_t dims[8];
        mb_status status = mb_fixture_numbers(fixture, path.text, &values, &rank, dims, error);
        free(values);
        if (status == MB_OK)
            status = sample_shape(fixture, path.text, rank, leading, dims,
                                  &fixture->config.steps[m], &fixture->config.dims[m], error);
        if (status != MB_OK)
            return status;
    }
    mb_status status = mb_model_check(fixture->model, &fixture->config, error);
    return status == MB_OK ? MB_OK : mb_fail_in(error, status, "%s: ", fixture->path);
}

// ---- samples ----------------------------------------------------------------------------------

static mb_status read_stream(const mb_fixture *fixture, const char *inputs, int leading, int m,
                             mb_fixture_data *data, mb_error *error) {
    mb_path path = stream_path(fixture, inputs, m);
    int rank = 0;
    int64_t dims[8], count = 1;
    int32_t steps = 0, dimension = 0;
    mb_status status = mb_fixture_numbers(fixture, path.text, &data->values[m], &rank, dims, error);
    if (status == MB_OK)
        status = sample_shape(fixture, path.text, rank, leading, dims, &steps, &dimension, error);
    if (status != MB_OK)
        return status;
    for (int i = 0; i < leading; i++)
        count *= dims[i];
    if (count > 1 << 24 || (m > 0 && count != data->count))
        return mb_fixture_wrong_shape(fixture, path.text, rank, dims, error, "%d samples",
                                      m > 0 ? data->count : 1 << 24);
    if (steps != fixture->config.steps[m] || dimension != fixture->config.dims[m])
        return mb_fixture_wrong_shape(fixture, path.text, rank, dims, error, "samples of %d x %d",
                                      fixture->config.steps[m], fixture->config.dims[m]);
    data->count = (int32_t)count;
    data->dataset.streams[m] = (mb_stream){.dimension = dimension, .values = data->values[m]};
    if (fixture->config.feature_type == MB_UTT)
        return MB_OK;
    data->offsets[m] = malloc(((size_t)count + 1) * sizeof(int64_t));
    if (data->offsets[m] == NULL)
        return mb_out_of_memory(error, path.text);
    for (int64_t i = 0; i <= count; i++)
        data->offsets[m][i] = i * steps;
    data->dataset.streams[m].offsets = data->offsets[m];
    return MB_OK;
}

// A model without classes does not use the labels, so they may be any.
static mb_status read_emotions(const mb_fixture *fixture, const char *inputs, mb_fixture_data *data,
                               mb_error *error) {
    int32_t classes = fixture->config.class_count;
    return mb_fixture_labels(fixture, mb_path_of(inputs, "emo").text, data->count,
                             classes > 0 ? 0 : INT32_MIN, classes > 0 ? classes : INT32_MAX,
                             &data->emotions, error);
}

mb_status mb_fixture_read(const mb_fixture *fixture, const char *inputs, int leading,
                          mb_fixture_data *data, mb_error *error) {
    *data = (mb_fixture_data){0};
    mb_status status = MB_OK;
    for (int m = 0; status == MB_OK && m < fixture->stream_count; m++)
        status = read_stream(fixture, inputs, leading, m, data, error);
    if (status == MB_OK)
        status = read_emotions(fixture, inputs, data, error);
    if (status == MB_OK)
        status = mb_fixture_floats(fixture, mb_path_of(inputs, "val").text, data->count,
                                   &data->valences, error);
    data->dataset.utterance_count = data->count;
    data->dataset.stream_count = fixture->stream_count;
    data->dataset.emotions = data->emotions;
    data->dataset.valences = data->valences;
    return status;
}

void mb_fixture_data_free(mb_fixture_data *data) {
    for (int m = 0; m < MB_MAX_STREAMS; m++) {
        free(data->values[m]);
        free(data->offsets[m]);
    }
    free(data->emotions);
    free(data->valences);
    *data = (mb_fixture_data){0};
}
