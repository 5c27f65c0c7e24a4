// The list of models, and the checks that all models share.
#include "merbench/model.h"

#include <math.h>
#include <string.h>

#define MB_MODEL(name) extern const mb_model mb_model_##name;
#include "models/models.def"
#undef MB_MODEL

static const mb_model *const models[] = {
#define MB_MODEL(name) &mb_model_##name,
#include "models/models.def"
#undef MB_MODEL
    NULL,
};

const mb_model *const *mb_model_all(void) {
    return models;
}

const mb_model *mb_model_find(const char *name) {
    for (const mb_model *const *model = models; *model != NULL; model++)
        if (strcmp((*model)->name, name) == 0)
            return *model;
    return NULL;
}

int32_t mb_model_option(const mb_model *model, const char *option_name) {
    for (int32_t i = 0; i < model->option_count; i++)
        if (strcmp(model->options[i].name, option_name) == 0)
            return i;
    return -1;
}

void mb_model_defaults(const mb_model *model, mb_model_config *config) {
    for (int32_t i = 0; i < model->option_count; i++)
        config->options[i] = model->options[i].initial;
}

static mb_status check_option(const mb_option *option, double value, mb_error *error) {
    if (!(value >= option->minimum && value <= option->maximum))
        return mb_fail(error, MB_BAD_INPUT, "%s: expected %g to %g, found %g", option->name,
                       option->minimum, option->maximum, value);
    if (option->kind != MB_OPTION_REAL && value != floor(value))
        return mb_fail(error, MB_BAD_INPUT, "%s: expected a whole number, found %g", option->name,
                       value);
    return MB_OK;
}

int32_t mb_model_streams(const mb_model *model, const mb_model_config *config) {
    int32_t count = 0;
    if (model->most_streams == 0)
        return MB_MODALITY_COUNT;
    while (count < MB_MAX_STREAMS && config->dims[count] != 0)
        count++;
    return count;
}

static mb_status check_modalities(const mb_model *model, const mb_model_config *config,
                                  mb_error *error) {
    int32_t present = 0;
    for (int32_t m = 0; m < MB_MODALITY_COUNT; m++) {
        if (config->dims[m] < 0)
            return mb_fail(error, MB_BAD_INPUT,
                           "features.%s: expected a dimension of at least 0, found %d",
                           mb_modality_names[m], config->dims[m]);
        present += config->dims[m] > 0;
    }
    if (present == 0)
        return mb_fail(error, MB_BAD_INPUT, "features: expected at least one modality, found none");
    if (present < MB_MODALITY_COUNT && !model->any_modality)
        return mb_fail(error, MB_BAD_INPUT,
                       "features: model %s needs audio, text and video, found %d of them",
                       model->name, present);
    return MB_OK;
}

static mb_status check_streams(const mb_model *model, const mb_model_config *config,
                               mb_error *error) {
    int32_t count = mb_model_streams(model, config);
    if (count == 0 || count > model->most_streams)
        return mb_fail(error, MB_BAD_INPUT, "features: model %s takes 1 to %d, found %d",
                       model->name, model->most_streams, count);
    for (int32_t i = 0; i < MB_MAX_STREAMS; i++)
        if (config->dims[i] < 0 || (config->dims[i] > 0 && i >= count))
            return mb_fail(error, MB_BAD_INPUT,
                           "features: expected a dimension of at least 1 for each of them, found "
                           "%d for number %d",
                           config->dims[i] < 0 ? config->dims[i] : 0,
                           (config->dims[i] < 0 ? i : count) + 1);
    return MB_OK;
}

mb_status mb_model_check(const mb_model *model, const mb_model_config *config, mb_error *error) {
    mb_status status = model->most_streams > 0 ? check_streams(model, config, error)
                                               : check_modalities(model, config, error);
    if (status != MB_OK)
        return status;
    if (config->class_count == 0 && config->value_count == 0)
        return mb_fail(error, MB_BAD_INPUT,
                       "a model needs classes or a value to predict, the dataset has neither");
    for (int32_t i = 0; i < model->option_count; i++) {
        status = check_option(&model->options[i], config->options[i], error);
        if (status != MB_OK)
            return status;
    }
    return model->check != NULL ? model->check(config, error) : MB_OK;
}

mb_status mb_model_compile(const mb_model *model, const mb_model_config *config, mb_plan_mode mode,
                           mb_dropout_mode dropout, int32_t max_rows, mb_plan **plan,
                           mb_error *error) {
    mb_graph_outputs outputs = {MB_NO_TENSOR, MB_NO_TENSOR, MB_NO_TENSOR, MB_NO_TENSOR};
    mb_graph *graph = mb_graph_create(dropout, max_rows);
    *plan = NULL;
    if (graph == NULL)
        return mb_out_of_memory(error, "plan");
    model->build(graph, config, &outputs);
    mb_status status = mb_plan_compile(graph, &outputs, mode, plan, error);
    return status == MB_OK ? MB_OK : mb_fail_in(error, status, "model %s: ", model->name);
}
