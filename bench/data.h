// Random features and labels.
#ifndef MB_BENCH_DATA_H
#define MB_BENCH_DATA_H

#include "merbench/model.h"

// `rows` utterances, each of config.steps[m] frames; shared by all arrays.
typedef struct mb_bench_data {
    mb_dataset dataset;               // uses the arrays below
    float *features[MB_MAX_STREAMS];  // (rows * frames, D)
    int64_t *offsets[MB_MAX_STREAMS]; // (rows + 1), or NULL: one frame per utterance
    int32_t *emotions;
    float *valences;
} mb_bench_data;

mb_status mb_bench_data_make(const mb_model_config *config, int32_t rows, mb_bench_data *data,
                             mb_error *error);
void mb_bench_data_free(mb_bench_data *data);

#endif
