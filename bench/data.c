#include "data.h"

#include <stdlib.h>

enum { FEATURES = 0, EMOTIONS = MB_MODALITY_COUNT, VALENCES }; // steps of MB_STREAM_SYNTHETIC

static mb_status make_modality(mb_bench_data *data, int32_t m, bool framed, mb_key key,
                               mb_error *error) {
    size_t frames = (size_t)data->rows * (size_t)data->frames[m];
    size_t count = frames * (size_t)data->dims[m];
    data->features[m] = calloc(count, sizeof(float));
    if (data->features[m] == NULL)
        return mb_out_of_memory(error, "features");
    for (size_t i = 0; i < count; i++)
        data->features[m][i] =
            (float)mb_random_normal(key, MB_STREAM_SYNTHETIC, FEATURES + (uint32_t)m, i);
    if (!framed)
        return MB_OK;
    data->offsets[m] = calloc((size_t)data->rows + 1, sizeof(int64_t));
    if (data->offsets[m] == NULL)
        return mb_out_of_memory(error, "offsets");
    for (int32_t i = 0; i <= data->rows; i++)
        data->offsets[m][i] = (int64_t)i * data->frames[m];
    return MB_OK;
}

mb_status mb_bench_data_make(const mb_model_config *config, int32_t rows, mb_bench_data *data,
                             mb_error *error) {
    *data = (mb_bench_data){.rows = rows};
    mb_key key = mb_key_make(1, 0);
    mb_status status = MB_OK;
    for (int32_t m = 0; status == MB_OK && m < MB_MODALITY_COUNT; m++) {
        data->dims[m] = config->dims[m];
        data->frames[m] = config->steps[m];
        if (config->dims[m] > 0)
            status = make_modality(data, m, config->feature_type != MB_UTT, key, error);
    }
    if (status != MB_OK)
        return status;
    data->emotions = calloc((size_t)rows, sizeof *data->emotions);
    data->valences = calloc((size_t)rows, sizeof *data->valences);
    if (data->emotions == NULL || data->valences == NULL)
        return mb_out_of_memory(error, "labels");
    for (int32_t i = 0; i < rows; i++) {
        if (config->class_count > 0)
            data->emotions[i] = (int32_t)mb_random_below(
                key, MB_STREAM_SYNTHETIC, EMOTIONS, (uint64_t)i, (uint32_t)config->class_count);
        data->valences[i] =
            (float)mb_random_normal(key, MB_STREAM_SYNTHETIC, VALENCES, (uint64_t)i);
    }
    return MB_OK;
}

void mb_bench_data_free(mb_bench_data *data) {
    for (int32_t m = 0; m < MB_MODALITY_COUNT; m++) {
        free(data->features[m]);
        free(data->offsets[m]);
    }
    free(data->emotions);
    free(data->valences);
    *data = (mb_bench_data){0};
}

// A device copy of host data, or the host's own memory where the device can read it.
static mb_status reside(mb_device *device, const void *host, size_t bytes, void **memory,
                        const void **resident, mb_error *error) {
    *resident = host;
    if (host == NULL || device->backend->shares_host_memory)
        return MB_OK;
    mb_status status = device->backend->allocate(device, bytes, memory, error);
    *resident = *memory;
    return status == MB_OK ? device->backend->upload(device, *memory, host, bytes, error) : status;
}

mb_status mb_bench_data_upload(mb_device *device, const mb_bench_data *data, mb_resident *resident,
                               void *memory[MB_BENCH_RESIDENT_PIECES], mb_error *error) {
    size_t rows = (size_t)data->rows;
    mb_status status = MB_OK;
    for (int32_t m = 0; status == MB_OK && m < MB_MODALITY_COUNT; m++) {
        size_t floats = rows * (size_t)data->frames[m] * (size_t)data->dims[m];
        const void *values = NULL, *offsets = NULL;
        status = reside(device, data->features[m], floats * sizeof(float), &memory[2 * m], &values,
                        error);
        if (status == MB_OK)
            status = reside(device, data->offsets[m], (rows + 1) * sizeof(int64_t),
                            &memory[2 * m + 1], &offsets, error);
        resident->modalities[m].dimension = data->dims[m];
        resident->modalities[m].values = values;
        resident->modalities[m].offsets = offsets;
    }
    const void *emotions = NULL, *valences = NULL;
    void **labels = &memory[2 * MB_MODALITY_COUNT];
    if (status == MB_OK)
        status =
            reside(device, data->emotions, rows * sizeof(int32_t), &labels[0], &emotions, error);
    if (status == MB_OK)
        status = reside(device, data->valences, rows * sizeof(float), &labels[1], &valences, error);
    resident->emotions = emotions;
    resident->valences = valences;
    return status;
}
