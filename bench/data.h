// Random features and labels, as a host makes them and as a device holds them.
#ifndef MB_BENCH_DATA_H
#define MB_BENCH_DATA_H

#include "merbench/executor.h"
#include "merbench/model.h"

enum { MB_BENCH_RESIDENT_PIECES = 2 * MB_MODALITY_COUNT + 2 };

// `rows` utterances, each of config.steps[m] frames; shared by all arrays.
typedef struct mb_bench_data {
    int32_t rows;
    int32_t dims[MB_MODALITY_COUNT], frames[MB_MODALITY_COUNT];
    float *features[MB_MODALITY_COUNT];  // (rows * frames, D)
    int64_t *offsets[MB_MODALITY_COUNT]; // (rows + 1), or NULL: one frame an utterance
    int32_t *emotions;
    float *valences;
} mb_bench_data;

mb_status mb_bench_data_make(const mb_model_config *config, int32_t rows, mb_bench_data *data,
                             mb_error *error);
void mb_bench_data_free(mb_bench_data *data);

// The data in the memory of a device; `memory` gets what has to be released afterwards, nothing
// where a device reads the host's memory.
mb_status mb_bench_data_upload(mb_device *device, const mb_bench_data *data, mb_resident *resident,
                               void *memory[MB_BENCH_RESIDENT_PIECES], mb_error *error);

#endif
