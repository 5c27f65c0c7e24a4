#include "data.h"

#include <stdlib.h>

enum { FEATURES = 0, EMOTIONS = MB_MODALITY_COUNT, VALENCES }; // steps of MB_RANDOM_SYNTHETIC

static mb_status make_stream(mb_bench_data *data, int32_t index, int32_t dimension, int32_t frames,
                             bool framed, mb_key key, mb_error *error) {
    int32_t rows = data->dataset.utterance_count;
    size_t count = (size_t)rows * (size_t)frames * (size_t)dimension;
    data->features[index] = calloc(count, sizeof(float));
    if (data->features[index] == NULL)
        return mb_out_of_memory(error, "features");
    for (size_t i = 0; i < count; i++)
        data->features[index][i] =
            (float)mb_random_normal(key, MB_RANDOM_SYNTHETIC, FEATURES + (uint32_t)index, i);
    if (framed) {
        data->offsets[index] = calloc((size_t)rows + 1, sizeof(int64_t));
        if (data->offsets[index] == NULL)
            return mb_out_of_memory(error, "offsets");
        for (int32_t i = 0; i <= rows; i++)
            data->offsets[index][i] = (int64_t)i * frames;
    }
    data->dataset.streams[index] = (mb_stream){
        .dimension = dimension, .offsets = data->offsets[index], .values = data->features[index]};
    return MB_OK;
}

mb_status mb_bench_data_make(const mb_model_config *config, int32_t rows, mb_bench_data *data,
                             mb_error *error) {
    *data =
        (mb_bench_data){.dataset = {.utterance_count = rows, .stream_count = MB_MODALITY_COUNT}};
    mb_key key = mb_key_make(1, 0);
    mb_status status = MB_OK;
    for (int32_t m = 0; status == MB_OK && m < MB_MODALITY_COUNT; m++)
        if (config->dims[m] > 0)
            status = make_stream(data, m, config->dims[m], config->steps[m],
                                 config->feature_type != MB_UTT, key, error);
    if (status != MB_OK)
        return status;
    data->emotions = calloc((size_t)rows, sizeof *data->emotions);
    data->valences = calloc((size_t)rows, sizeof *data->valences);
    if (data->emotions == NULL || data->valences == NULL)
        return mb_out_of_memory(error, "labels");
    for (int32_t i = 0; i < rows; i++) {
        if (config->class_count > 0)
            data->emotions[i] = (int32_t)mb_random_below(
                key, MB_RANDOM_SYNTHETIC, EMOTIONS, (uint64_t)i, (uint32_t)config->class_count);
        data->valences[i] =
            (float)mb_random_normal(key, MB_RANDOM_SYNTHETIC, VALENCES, (uint64_t)i);
    }
    data->dataset.emotions = data->emotions;
    data->dataset.valences = data->valences;
    return MB_OK;
}

void mb_bench_data_free(mb_bench_data *data) {
    for (int32_t i = 0; i < MB_MAX_STREAMS; i++) {
        free(data->features[i]);
        free(data->offsets[i]);
    }
    free(data->emotions);
    free(data->valences);
    *data = (mb_bench_data){0};
}
