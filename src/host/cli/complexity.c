#include "cli/complexity.h"

#include <stdio.h>
#include <string.h>

#include "base/plain.h"
#include "base/plural.h"
#include "merbench/device_cache.h"

static mb_status count(const mb_model *model, const mb_model_config *config, mb_complexity *c,
                       mb_error *error) {
    mb_plan *plan = NULL;
    mb_status status =
        mb_model_compile(model, config, MB_PLAN_EVALUATE, MB_DROPOUT_OFF, c->batch, &plan, error);
    if (status != MB_OK)
        return status;
    c->multiply_accumulates = mb_plan_get(plan)->multiply_accumulates;
    c->parameters = mb_plan_get(plan)->parameter_elements;
    mb_plan_free(plan);
    return mb_reference_count_make(model, config, MB_REFERENCE_BATCH, &c->reference, error);
}

mb_status mb_complexity_measure(const mb_model *model, const mb_model_config *config, int32_t batch,
                                mb_device *device, mb_complexity *complexity, mb_error *error) {
    mb_device_description description;
    mb_device_cache cache = {.device = device};
    *complexity = (mb_complexity){.batch = batch};
    mb_status status = count(model, config, complexity, error);
    if (status == MB_OK)
        status = device->backend->describe(device, &description, error);
    if (status == MB_OK)
        status = mb_time_steps(&cache, model, config, batch, &complexity->time, error);
    if (status == MB_OK)
        memcpy(complexity->device, description.text, sizeof complexity->device);
    return status;
}

double mb_complexity_training(const mb_complexity *complexity) {
    return 1e3 * complexity->time.training_seconds / complexity->batch;
}

double mb_complexity_inference(const mb_complexity *complexity) {
    return 1e3 * complexity->time.inference_seconds / complexity->batch;
}

// A batch may contain products of its rows with each other, so that a sample's share is no whole
// number.
static double share(int64_t of_batch, int32_t batch) {
    return (double)of_batch / batch;
}

void mb_complexity_print(const mb_complexity *c) {
    mb_print_plain("\nfor each sample, on %s\n", c->device);
    printf("  multiply-accumulates, forward       %.12g\n",
           share(c->multiply_accumulates, c->batch));
    printf("  training step                       %.4g ms\n", mb_complexity_training(c));
    printf("  inference                           %.4g ms\n", mb_complexity_inference(c));
    printf("  parameters of the model, trained    %lld\n", (long long)c->parameters);
    printf("times: medians of %d %s, one model alone\n", c->time.count,
           mb_plural(c->time.count, "step", "steps"));
    printf("\nas the reference counts (thop 0.1.1), batches of %d\n", MB_REFERENCE_BATCH);
    printf("  multiply-accumulates                %lld, %.12g for each sample\n",
           (long long)c->reference.multiply_accumulates,
           share(c->reference.multiply_accumulates, MB_REFERENCE_BATCH));
    printf("  parameters                          %lld\n", (long long)c->reference.parameters);
}

void mb_complexity_to_json(const mb_complexity *c, cJSON *object) {
    cJSON_AddStringToObject(object, "device", c->device);
    cJSON_AddNumberToObject(object, "measured_steps", c->time.count);
    cJSON_AddNumberToObject(object, "multiply_accumulates_per_sample",
                            share(c->multiply_accumulates, c->batch));
    cJSON_AddNumberToObject(object, "trained_parameters", (double)c->parameters);
    cJSON_AddNumberToObject(object, "training_milliseconds_per_sample", mb_complexity_training(c));
    cJSON_AddNumberToObject(object, "inference_milliseconds_per_sample",
                            mb_complexity_inference(c));
    cJSON *reference = cJSON_AddObjectToObject(object, "reference");
    cJSON_AddNumberToObject(reference, "batch", MB_REFERENCE_BATCH);
    cJSON_AddNumberToObject(reference, "multiply_accumulates",
                            (double)c->reference.multiply_accumulates);
    cJSON_AddNumberToObject(reference, "multiply_accumulates_per_sample",
                            share(c->reference.multiply_accumulates, MB_REFERENCE_BATCH));
    cJSON_AddNumberToObject(reference, "parameters", (double)c->reference.parameters);
}
