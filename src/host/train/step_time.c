// Measures what the steps of a model take, for tables of costs.
#include <stdlib.h>

#include "base/progress.h"
#include "base/quantity.h"
#include "train/array.h"

// Steps that are measured, and before them some that touch their memory for the first time.
enum { MEASURED = 101, WARM_UP = 9, EPOCH = 10 };
// More samples than these are repeated in a batch.
enum { MOST_UTTERANCES = 512 };

static const bool active[] = {true};

// Made-up samples, and a run on them.
typedef struct made_up {
    float *values[MB_MAX_STREAMS];
    int64_t *offsets[MB_MAX_STREAMS];
    int32_t *emotions;
    float *valences;
    int32_t *rows; // (EPOCH * batch)
    mb_dataset dataset;
    mb_fold fold;
    mb_run_spec spec;
} made_up;

// ---- samples ----------------------------------------------------------------------------------

static mb_status make_stream(made_up *data, const mb_model_config *config, int32_t index,
                             mb_error *error) {
    int32_t frames = config->feature_type == MB_UTT ? 1 : config->steps[index];
    size_t utterances = (size_t)data->dataset.utterance_count;
    size_t count = utterances * (size_t)frames * (size_t)config->dims[index];
    data->values[index] = malloc(count * sizeof(float));
    data->offsets[index] = malloc((utterances + 1) * sizeof(int64_t));
    if (data->values[index] == NULL || data->offsets[index] == NULL)
        return mb_out_of_memory(error, "features");
    mb_key key = mb_key_make(17, (uint32_t)index);
    for (size_t i = 0; i < count; i++)
        data->values[index][i] = (float)mb_random_normal(key, MB_RANDOM_SYNTHETIC, 0, i);
    for (size_t i = 0; i <= utterances; i++)
        data->offsets[index][i] = (int64_t)i * frames;
    data->dataset.streams[index] =
        (mb_stream){.dimension = config->dims[index],
                    .offsets = config->feature_type == MB_UTT ? NULL : data->offsets[index],
                    .values = data->values[index]};
    data->dataset.stream_count = index + 1;
    return MB_OK;
}

static mb_status make_samples(made_up *data, const mb_model_config *config, int32_t batch,
                              mb_error *error) {
    int32_t count = batch < MOST_UTTERANCES ? batch : MOST_UTTERANCES;
    data->dataset.utterance_count = count;
    mb_status status = MB_OK;
    for (int32_t i = 0; status == MB_OK && i < MB_MAX_STREAMS; i++)
        if (config->dims[i] > 0)
            status = make_stream(data, config, i, error);
    if (status != MB_OK)
        return status;
    data->emotions = malloc((size_t)count * sizeof *data->emotions);
    data->valences = malloc((size_t)count * sizeof *data->valences);
    data->rows = malloc(EPOCH * (size_t)batch * sizeof *data->rows);
    if (data->emotions == NULL || data->valences == NULL || data->rows == NULL)
        return mb_out_of_memory(error, "labels");
    for (int32_t i = 0; i < count; i++) {
        data->emotions[i] = config->class_count > 0 ? i % config->class_count : 0;
        data->valences[i] = (float)(i % 5) - 2.0f;
    }
    for (int32_t i = 0; i < EPOCH * batch; i++)
        data->rows[i] = i % count;
    data->dataset.emotions = data->emotions;
    data->dataset.valences = data->valences;
    return MB_OK;
}

static mb_status make(made_up *data, const mb_model *model, const mb_model_config *config,
                      int32_t batch, mb_error *error) {
    *data = (made_up){.rows = NULL};
    mb_status status = make_samples(data, config, batch, error);
    data->fold = (mb_fold){.train = {.count = EPOCH * batch, .rows = data->rows},
                           .select = {.count = batch, .rows = data->rows}};
    data->spec = (mb_run_spec){.model = model,
                               .config = *config,
                               .training = {.epochs = 1,
                                            .batch_size = batch,
                                            .learning_rate = 1e-4,
                                            .weight_decay = 1e-5,
                                            .grad_clip = -1,
                                            .selection = MB_SELECT_LOSS},
                               .protocol = MB_PROTOCOL_STRICT, // evaluates in one order
                               .rules = mb_dataset_find("MER2023"),
                               .datasets = &data->dataset,
                               .dataset_count = 1,
                               .fold = &data->fold,
                               .selection_only = true};
    return status;
}

static void free_made_up(made_up *data) {
    for (int32_t i = 0; i < MB_MAX_STREAMS; i++) {
        free(data->values[i]);
        free(data->offsets[i]);
    }
    free(data->emotions);
    free(data->valences);
    free(data->rows);
}

// ---- measurements -----------------------------------------------------------------------------

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// Of an odd number of measurements.
static double median(double seconds[MEASURED]) {
    qsort(seconds, MEASURED, sizeof *seconds, compare);
    return seconds[MEASURED / 2];
}

static mb_status synchronize(mb_array *array, mb_error *error) {
    return array->device->backend->synchronize(array->device, error);
}

static mb_status time_training(mb_array *array, double *seconds, mb_error *error) {
    double measured[MEASURED];
    mb_status status = mb_array_shuffle(array, 0, error);
    for (int32_t i = 0; status == MB_OK && i < WARM_UP + MEASURED; i++) {
        if (i % EPOCH == 0)
            status = mb_array_begin_epoch(array, active, error);
        if (status == MB_OK)
            status = synchronize(array, error);
        double began = mb_seconds();
        if (status == MB_OK)
            status = mb_array_train(array, i % EPOCH, 1, error);
        if (status == MB_OK)
            status = synchronize(array, error);
        if (i >= WARM_UP)
            measured[i - WARM_UP] = mb_seconds() - began;
        if (i % EPOCH == EPOCH - 1)
            mb_array_end_epoch(array, EPOCH);
    }
    if (status == MB_OK)
        *seconds = median(measured);
    return status;
}

static mb_status time_inference(mb_array *array, double *seconds, mb_error *error) {
    double measured[MEASURED];
    mb_status status = MB_OK;
    for (int32_t i = 0; status == MB_OK && i < WARM_UP + MEASURED; i++) {
        double began = mb_seconds();
        status = mb_array_evaluate(array, MB_PART_SELECT, active, error);
        if (status == MB_OK)
            status = synchronize(array, error);
        if (i >= WARM_UP)
            measured[i - WARM_UP] = mb_seconds() - began;
    }
    if (status == MB_OK)
        *seconds = median(measured);
    return status;
}

// A system that promises more memory than it has would end the program in the middle.
static mb_status check_memory(const mb_run_spec *spec, mb_device *device, mb_error *error) {
    mb_run_cost cost;
    mb_device_description description;
    mb_status status = mb_run_estimate(spec, &cost, error);
    if (status == MB_OK)
        status = device->backend->describe(device, &description, error);
    if (status != MB_OK)
        return status;
    int64_t needed = device->backend->shares_host_memory ? cost.shared_bytes : cost.device_bytes;
    if (needed <= description.free_bytes)
        return MB_OK;
    char wanted[MB_QUANTITY_TEXT], found[MB_QUANTITY_TEXT];
    mb_bytes_text((double)needed, wanted);
    mb_bytes_text((double)description.free_bytes, found);
    return mb_fail(error, MB_FAILED, "model %s: a training step needs %s of memory, %s has %s free",
                   spec->model->name, wanted, description.text, found);
}

static mb_status time_steps(mb_device_cache *cache, made_up *data, mb_step_time *time,
                            mb_error *error) {
    mb_run_plans *plans = NULL;
    mb_array array = {.device = NULL};
    mb_status status = mb_run_plans_make(&data->spec, &plans, error);
    data->spec.plans = plans;
    if (status == MB_OK)
        status = check_memory(&data->spec, cache->device, error);
    if (status == MB_OK)
        status = mb_array_open(cache, &data->spec, 1, &array, error);
    if (status == MB_OK)
        status = time_training(&array, &time->training_seconds, error);
    if (status == MB_OK)
        status = time_inference(&array, &time->inference_seconds, error);
    mb_array_close(&array);
    mb_run_plans_free(plans);
    return status;
}

mb_status mb_time_steps(mb_device_cache *cache, const mb_model *model,
                        const mb_model_config *config, int32_t batch, mb_step_time *time,
                        mb_error *error) {
    made_up data;
    *time = (mb_step_time){.count = MEASURED};
    mb_status status = make(&data, model, config, batch, error);
    if (status == MB_OK)
        status = time_steps(cache, &data, time, error);
    free_made_up(&data);
    return status;
}
