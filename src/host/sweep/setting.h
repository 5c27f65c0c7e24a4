// The hyper-parameters that a plan can set: the options of a model and those of the optimiser.
#ifndef MB_SWEEP_SETTING_H
#define MB_SWEEP_SETTING_H

#include "base/json.h"
#include "merbench/model.h"
#include "merbench/train.h"

enum { MB_TRAINING_OPTION_COUNT = 3, MB_MAX_HYPERS = MB_MAX_OPTIONS + MB_TRAINING_OPTION_COUNT };

// One value for every hyper-parameter of a model, in the order of mb_hyper_get.
typedef struct mb_setting {
    double values[MB_MAX_HYPERS];
} mb_setting;

// The hyper-parameters are the options of the model, followed by learning_rate, grad_clip and
// weight_decay unless the model defines options of these names itself.
int32_t mb_hyper_count(const mb_model *model);
const mb_option *mb_hyper_get(const mb_model *model, int32_t index);
int32_t mb_hyper_find(const mb_model *model, const char *name); // -1: none
bool mb_is_training_option(const char *name);                   // learning_rate ...

// Sets every hyper-parameter to its default.
void mb_setting_defaults(const mb_model *model, mb_setting *setting);
double mb_setting_get(const mb_model *model, const mb_setting *setting, const char *name);

// Copies a setting into the configurations of the model and of the training.
void mb_setting_apply(const mb_model *model, const mb_setting *setting, mb_model_config *config,
                      mb_training *training);

// Reads a value of a hyper-parameter. Choices are given by name.
mb_status mb_hyper_read(const mb_option *option, const mb_json *at, double *value, mb_error *error);
// The value as JSON; NULL when out of memory.
cJSON *mb_hyper_write(const mb_option *option, double value);

// The setting as canonical JSON, {"dropout":0.3,"hidden_dim":128,...}. malloc'ed; NULL when out
// of memory.
char *mb_setting_json(const mb_model *model, const mb_setting *setting);

// Whether two settings result in graphs of the same shape: they differ in slots only (slots.def).
bool mb_setting_same_shape(const mb_model *model, const mb_setting *a, const mb_setting *b);

#endif
