// What a model costs for each sample: its work, its parameters, and the time that its steps take.
#ifndef MB_CLI_COMPLEXITY_H
#define MB_CLI_COMPLEXITY_H

#include <cjson/cJSON.h>

#include "cli/device_choice.h"
#include "merbench/train.h"
#include "models/reference_count.h"

enum { MB_REFERENCE_BATCH = 32 }; // of the classifiers in the paper's Table 17

typedef struct mb_complexity {
    int32_t batch;
    int64_t multiply_accumulates; // of a forward pass of the batch, auxiliary losses included
    int64_t parameters;           // that are trained
    mb_step_time time;            // of steps of the batch
    char device[MB_DEVICE_TEXT];
    mb_reference_count reference; // of MB_REFERENCE_BATCH samples
} mb_complexity;

// Measures a model with a configuration that was checked.
mb_status mb_complexity_measure(const mb_model *model, const mb_model_config *config, int32_t batch,
                                mb_device *device, mb_complexity *complexity, mb_error *error);

// Milliseconds for each sample.
double mb_complexity_training(const mb_complexity *complexity);
double mb_complexity_inference(const mb_complexity *complexity);

void mb_complexity_print(const mb_complexity *complexity);
void mb_complexity_to_json(const mb_complexity *complexity, cJSON *object);

#endif
