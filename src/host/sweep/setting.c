#include "sweep/setting.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const mb_option training_options[MB_TRAINING_OPTION_COUNT] = {
    {.name = "learning_rate",
     .kind = MB_OPTION_REAL,
     .initial = 1e-3,
     .minimum = 1e-12,
     .maximum = 10,
     .slot = MB_SLOT_LEARNING_RATE,
     .grid = {1e-3, 1e-4},
     .grid_count = 2,
     .help = "step size of Adam"},
    {.name = "grad_clip",
     .kind = MB_OPTION_REAL,
     .initial = -1,
     .minimum = -1,
     .maximum = 1e6,
     .slot = MB_SLOT_GRAD_CLIP,
     .help = "largest magnitude of a gradient element; -1 = off"},
    {.name = "weight_decay",
     .kind = MB_OPTION_REAL,
     .initial = 1e-5,
     .minimum = 0,
     .maximum = 1,
     .slot = MB_SLOT_WEIGHT_DECAY,
     .help = "coupled L2 penalty"},
};

int32_t mb_hyper_count(const mb_model *model) {
    int32_t count = model->option_count;
    for (int32_t i = 0; i < MB_TRAINING_OPTION_COUNT; i++)
        count += mb_model_option(model, training_options[i].name) < 0;
    return count;
}

const mb_option *mb_hyper_get(const mb_model *model, int32_t index) {
    if (index < model->option_count)
        return &model->options[index];
    int32_t left = index - model->option_count;
    for (int32_t i = 0; i < MB_TRAINING_OPTION_COUNT; i++)
        if (mb_model_option(model, training_options[i].name) < 0 && left-- == 0)
            return &training_options[i];
    return NULL;
}

int32_t mb_hyper_find(const mb_model *model, const char *name) {
    int32_t count = mb_hyper_count(model);
    for (int32_t i = 0; i < count; i++)
        if (strcmp(mb_hyper_get(model, i)->name, name) == 0)
            return i;
    return -1;
}

bool mb_is_training_option(const char *name) {
    for (int32_t i = 0; i < MB_TRAINING_OPTION_COUNT; i++)
        if (strcmp(training_options[i].name, name) == 0)
            return true;
    return false;
}

void mb_setting_defaults(const mb_model *model, mb_setting *setting) {
    *setting = (mb_setting){0};
    int32_t count = mb_hyper_count(model);
    for (int32_t i = 0; i < count; i++)
        setting->values[i] = mb_hyper_get(model, i)->initial;
}

double mb_setting_get(const mb_model *model, const mb_setting *setting, const char *name) {
    return setting->values[mb_hyper_find(model, name)];
}

void mb_setting_apply(const mb_model *model, const mb_setting *setting, mb_model_config *config,
                      mb_training *training) {
    for (int32_t i = 0; i < model->option_count; i++)
        config->options[i] = setting->values[i];
    training->learning_rate = mb_setting_get(model, setting, "learning_rate");
    training->grad_clip = mb_setting_get(model, setting, "grad_clip");
    training->weight_decay = mb_setting_get(model, setting, "weight_decay");
}

mb_status mb_hyper_read(const mb_option *option, const mb_json *at, double *value,
                        mb_error *error) {
    if (option->kind == MB_OPTION_CHOICE) {
        int count = 0, choice = 0;
        while (option->choices[count] != NULL)
            count++;
        mb_status status = mb_json_choice(at, option->choices, count, &choice, error);
        *value = choice;
        return status;
    }
    if (option->kind == MB_OPTION_INTEGER) {
        int64_t number = 0;
        mb_status status =
            mb_json_integer(at, (int64_t)option->minimum, (int64_t)option->maximum, &number, error);
        *value = (double)number;
        return status;
    }
    mb_status status = mb_json_number(at, option->minimum, option->maximum, value, error);
    if (status == MB_OK && option->slot == MB_SLOT_GRAD_CLIP && *value <= 0 && *value != -1)
        return mb_json_expect(at, "-1 (off) or a number above 0", error);
    return status;
}

cJSON *mb_hyper_write(const mb_option *option, double value) {
    if (option->kind == MB_OPTION_CHOICE)
        return cJSON_CreateString(option->choices[(int)value]);
    return cJSON_CreateNumber(value);
}

char *mb_setting_json(const mb_model *model, const mb_setting *setting) {
    cJSON *object = cJSON_CreateObject();
    int32_t count = mb_hyper_count(model);
    bool good = object != NULL;
    for (int32_t i = 0; i < count && good; i++) {
        const mb_option *option = mb_hyper_get(model, i);
        cJSON *value = mb_hyper_write(option, setting->values[i]);
        good = value != NULL && cJSON_AddItemToObject(object, option->name, value);
    }
    char *text = good ? mb_json_canonical(object) : NULL;
    cJSON_Delete(object);
    return text;
}

bool mb_setting_same_shape(const mb_model *model, const mb_setting *a, const mb_setting *b) {
    int32_t count = mb_hyper_count(model);
    for (int32_t i = 0; i < count; i++)
        if (mb_hyper_get(model, i)->slot == MB_SLOT_NONE && a->values[i] != b->values[i])
            return false;
    return true;
}
