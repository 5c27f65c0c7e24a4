// merbench model: shows the options of a fusion model and its costs, which follow from its graph.
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/plural.h"
#include "base/suggest.h"
#include "cli/arguments.h"
#include "cli/cli.h"
#include "cli/complexity.h"
#include "cli/device_choice.h"
#include "cli/shared_options.h"
#include "merbench/model.h"
#include "merbench/plan.h"

static const char usage[] =
    "usage: merbench model [NAME [OPTIONS]]\n"
    "\n"
    "Without a name: lists the fusion models. With a name: shows the options of the model and its\n"
    "parameters, multiply-accumulates and memory. With --complexity: what it costs for each "
    "sample,\n"
    "in work, parameters and time, beside what the reference counts (Table 17 of the paper).";

typedef struct request {
    const mb_model *model;
    mb_model_config config;
    int32_t batch;
    bool json;
    bool type_given;   // --feature-type
    bool dims_listed;  // --dims D,D,..., of a model whose streams are no modalities
    bool dims_named;   // --dims audio=D,...
    mb_texts settings; // OPTION=VALUE of the model
    bool complexity;
    mb_device_choice device; // for --complexity
} request;

// The costs of a model, taken from its plans.
typedef struct costs {
    int64_t parameters;
    int64_t forward, training;      // multiply-accumulates per batch
    int64_t activations;            // bytes: the arena of a training step
    int64_t evaluation_activations; // bytes: the arena of an evaluation of one batch
    int64_t optimiser;              // bytes: weights and moments
} costs;

// ---- arguments

static mb_status find_model(const char *name, const mb_model **model, mb_error *error) {
    const char *names[32];
    int count = 0;
    *model = mb_model_find(name);
    if (*model != NULL)
        return MB_OK;
    for (const mb_model *const *known = mb_model_all(); *known != NULL && count < 32; known++)
        names[count++] = (*known)->name;
    return mb_fail_unknown(
        error, MB_USAGE,
        &(mb_unknown){.what = "model", .name = name, .known = names, .count = count});
}

static mb_status read_dims(const char *option, char *text, void *target, mb_error *error) {
    enum { MOST = 1000000 };
    request *r = target;
    int32_t count = 0;
    r->dims_listed = strchr(text, '=') == NULL && text[0] >= '0' && text[0] <= '9';
    r->dims_named = !r->dims_listed;
    if (r->dims_named)
        return mb_parse_whole_by_modality(option, text, 0, MOST, r->config.dims, error);
    memset(r->config.dims, 0, sizeof r->config.dims);
    for (char *rest = text, *item; (item = strsep(&rest, ",")) != NULL;) {
        int64_t value = 0;
        if (!mb_parse_whole(item, 1, MOST, &value))
            return mb_fail(error, MB_USAGE, "%s: expected dimensions 1..%d, found '%s'", option,
                           MOST, item);
        if (count == MB_MAX_STREAMS)
            return mb_fail(error, MB_USAGE, "%s: expected at most %d dimensions", option, count);
        r->config.dims[count++] = (int32_t)value;
    }
    return MB_OK;
}

static mb_status check_dims(const request *r, mb_error *error) {
    bool lists = r->model->most_streams > 0;
    if (lists ? !r->dims_named : !r->dims_listed)
        return MB_OK;
    return mb_fail(error, MB_USAGE, "--dims: model %s takes %s", r->model->name,
                   lists ? "a list of dimensions, as in '1024,1280,768'"
                         : "dimensions by modality, as in 'audio=1024,text=5120,video=768'");
}

static mb_status read_steps(const char *option, char *text, void *target, mb_error *error) {
    request *r = target;
    return mb_parse_whole_by_modality(option, text, 1, 1000000, r->config.steps, error);
}

static mb_status choose(const mb_option *option, const char *text, double *value, mb_error *error) {
    if (option->kind != MB_OPTION_CHOICE) {
        if (mb_parse_real(text, value))
            return MB_OK;
        return mb_fail(error, MB_USAGE, "--set %s: expected a number, found '%s'", option->name,
                       text);
    }
    int count = 0;
    for (; option->choices[count] != NULL; count++)
        if (strcmp(option->choices[count], text) == 0) {
            *value = count;
            return MB_OK;
        }
    mb_status status = mb_fail_unknown(
        error, MB_USAGE,
        &(mb_unknown){.what = "choice", .name = text, .known = option->choices, .count = count});
    return mb_fail_in(error, status, "--set %s: ", option->name);
}

static mb_status set_option(request *r, const char *text, mb_error *error) {
    const char *equals = strchr(text, '=');
    if (equals == NULL)
        return mb_fail(error, MB_USAGE, "--set: expected OPTION=VALUE, found '%s'", text);
    const char *names[MB_MAX_OPTIONS];
    for (int32_t i = 0; i < r->model->option_count; i++) {
        const mb_option *option = &r->model->options[i];
        names[i] = option->name;
        if (strlen(option->name) == (size_t)(equals - text) &&
            strncmp(option->name, text, (size_t)(equals - text)) == 0)
            return choose(option, equals + 1, &r->config.options[i], error);
    }
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)(equals - text), text);
    mb_status status = mb_fail_unknown(
        error, MB_USAGE,
        &(mb_unknown){
            .what = "option", .name = name, .known = names, .count = r->model->option_count});
    return mb_fail_in(error, status, "--set: model %s: ", r->model->name);
}

static mb_status check_device(const request *r, mb_error *error) {
    const mb_device_choice *choice = &r->device;
    bool given = choice->device != NULL || choice->isa != NULL || choice->precision != NULL ||
                 choice->gpu.given;
    if (given && !r->complexity)
        return mb_fail(error, MB_USAGE,
                       "a device is chosen for --complexity, which is not given; all other costs "
                       "are the same on every device");
    return mb_device_choice_check(choice, error);
}

static mb_status parse(int argc, char **argv, request *r, bool *help_shown, mb_error *error) {
    bool needs_model = false; // an option was given that makes sense for a model only
    mb_command_option devices[MB_DEVICE_OPTIONS];
    int32_t type = MB_UTT;
    const mb_command_option options[] = {
        {"dims", "M=D,...",
         "feature dimensions (default audio=1024,text=5120,video=768); 0 leaves a modality out; "
         "of attention_topn D,D,...",
         .given = &needs_model, .read = read_dims, .target = r},
        {"feature-type", "TYPE", "{} (default: the first one that the model accepts)",
         .given = &r->type_given, .choice = &type, .choices = mb_feature_type_names,
         .choice_count = 3},
        {"steps", "M=T,...", "frames, for frame-level features (default audio=20,text=20,video=20)",
         .given = &needs_model, .read = read_steps, .target = r},
        {"classes", "C", "emotion classes, {} (default 6)", .given = &needs_model,
         .whole = &r->config.class_count, .most = 1000},
        {"values", "R", "regression outputs, {} (default 1)", .given = &needs_model,
         .whole = &r->config.value_count, .most = 1},
        {"batch", "B", "rows of a batch, {} (default 32)", .given = &needs_model,
         .whole = &r->batch, .least = 1, .most = 65536},
        {"set", "OPTION=VALUE", "an option of the model; may be given several times",
         .given = &needs_model, .texts = &r->settings},
        {"complexity", NULL, "measure the costs of a sample", .given = &r->complexity},
        {.included = devices},
        mb_json_option(&r->json),
        {.name = NULL}};
    const mb_command_line line = {
        .program = "merbench model", .usage = usage, .options = options, .operands = {"NAME"}};
    *r = (request){.config = {.dims = {1024, 5120, 768},
                              .steps = {20, 20, 20},
                              .class_count = 6,
                              .value_count = 1},
                   .batch = 32};
    mb_device_choice_options(&r->device, devices);
    mb_operands operands;
    mb_status status = mb_command_line_parse(&line, argc, argv, &operands, error);
    *help_shown = operands.help_shown;
    if (status != MB_OK || operands.help_shown)
        return status;
    r->config.feature_type = (mb_feature_type)type;
    status = check_device(r, error);
    if (status != MB_OK)
        return status;
    if (operands.count == 0 && (needs_model || r->type_given || r->complexity))
        return mb_fail(error, MB_USAGE,
                       "the NAME of a model is missing; 'merbench model' lists them");
    if (operands.count == 0)
        return MB_OK;
    status = find_model(operands.items[0], &r->model, error);
    if (status == MB_OK)
        status = check_dims(r, error);
    if (status == MB_OK)
        mb_model_defaults(r->model, &r->config);
    for (int32_t i = 0; status == MB_OK && i < r->settings.count; i++)
        status = set_option(r, r->settings.items[i], error);
    return status;
}

// ---- costs

static mb_status measure_plan(const request *r, mb_plan_mode mode, mb_plan_info *info,
                              mb_error *error) {
    mb_plan *plan = NULL;
    mb_status status = mb_model_compile(r->model, &r->config, mode,
                                        mode == MB_PLAN_TRAIN ? MB_DROPOUT_RANDOM : MB_DROPOUT_OFF,
                                        r->batch, &plan, error);
    if (status != MB_OK)
        return status;
    *info = *mb_plan_get(plan);
    mb_plan_free(plan);
    return MB_OK;
}

// Without --feature-type: one vector per utterance, or aligned frames if the model refuses that.
static void choose_feature_type(request *r) {
    if (!r->type_given && mb_model_check(r->model, &r->config, NULL) != MB_OK)
        r->config.feature_type = MB_FRM_ALIGN;
}

static mb_status measure(const request *r, costs *c, mb_error *error) {
    mb_plan_info train, evaluate;
    mb_status status = mb_model_check(r->model, &r->config, error);
    if (status == MB_OK)
        status = measure_plan(r, MB_PLAN_TRAIN, &train, error);
    if (status == MB_OK)
        status = measure_plan(r, MB_PLAN_EVALUATE, &evaluate, error);
    if (status != MB_OK)
        return status;
    int64_t size = (int64_t)sizeof(float);
    *c = (costs){.parameters = train.parameter_elements,
                 .forward = evaluate.multiply_accumulates,
                 .training = train.multiply_accumulates,
                 .activations = train.arena_floats * size,
                 .evaluation_activations = evaluate.arena_floats * size,
                 .optimiser = 3 * train.parameter_floats * size};
    return MB_OK;
}

// ---- output

static void print_value(const mb_option *option, double value) {
    if (option->kind == MB_OPTION_CHOICE)
        printf("%s", option->choices[(int)value]);
    else
        printf("%g", value);
}

static void print_option(const mb_option *option, double value) {
    printf("  %-22s ", option->name);
    print_value(option, value);
    if (option->corrected) {
        printf(" (protocol strict: ");
        print_value(option, option->corrected_initial);
        printf(")");
    }
    if (option->grid_count > 0)
        printf("; paper");
    for (int32_t i = 0; i < option->grid_count; i++)
        printf(" %g", option->grid[i]);
    if (option->kind == MB_OPTION_CHOICE)
        for (int i = 0; option->choices[i] != NULL; i++)
            printf("%s%s", i == 0 ? "; " : " | ", option->choices[i]);
    printf("\n  %-22s   %s\n", "", option->help != NULL ? option->help : "");
}

// The model, its options and what it is applied to.
static void print_request(const request *r) {
    printf("%s: %s\n\noptions\n", r->model->name, r->model->paper);
    for (int32_t i = 0; i < r->model->option_count; i++)
        print_option(&r->model->options[i], r->config.options[i]);
    printf("\nfor %s features of dimensions ", mb_feature_type_names[r->config.feature_type]);
    for (int32_t i = 0; i < mb_model_streams(r->model, &r->config); i++)
        printf("%d, ", r->config.dims[i]);
    if (r->config.feature_type != MB_UTT)
        printf("frames %d, %d, %d, ", r->config.steps[0], r->config.steps[1], r->config.steps[2]);
    printf("%d %s, %d %s, batches of %d\n", r->config.class_count,
           mb_plural(r->config.class_count, "class", "classes"), r->config.value_count,
           mb_plural(r->config.value_count, "value", "values"), r->batch);
}

static void print_costs(const costs *c) {
    printf("  parameters                          %lld\n", (long long)c->parameters);
    printf("  multiply-accumulates, forward       %lld\n", (long long)c->forward);
    printf("  multiply-accumulates, training step %lld\n", (long long)c->training);
    printf("  activations of a training step      %lld bytes\n", (long long)c->activations);
    printf("  activations of an evaluation        %lld bytes\n",
           (long long)c->evaluation_activations);
    printf("  weights and moments                 %lld bytes\n", (long long)c->optimiser);
}

static void add_value(cJSON *object, const char *key, const mb_option *option, double value) {
    if (option->kind == MB_OPTION_CHOICE)
        cJSON_AddStringToObject(object, key, option->choices[(int)value]);
    else
        cJSON_AddNumberToObject(object, key, value);
}

static cJSON *request_to_json(const request *r) {
    cJSON *document = cJSON_CreateObject();
    cJSON *options = cJSON_AddObjectToObject(document, "options");
    bool lists = r->model->most_streams > 0;
    cJSON *dims = lists ? cJSON_AddArrayToObject(document, "dims")
                        : cJSON_AddObjectToObject(document, "dims");
    cJSON *frames =
        r->config.feature_type != MB_UTT ? cJSON_AddObjectToObject(document, "frames") : NULL;
    cJSON_AddStringToObject(document, "model", r->model->name);
    cJSON_AddStringToObject(document, "paper", r->model->paper);
    cJSON_AddStringToObject(document, "feature_type",
                            mb_feature_type_names[r->config.feature_type]);
    for (int32_t i = 0; i < mb_model_streams(r->model, &r->config); i++)
        if (lists)
            cJSON_AddItemToArray(dims, cJSON_CreateNumber(r->config.dims[i]));
        else
            cJSON_AddNumberToObject(dims, mb_modality_names[i], r->config.dims[i]);
    for (int m = 0; m < MB_MODALITY_COUNT && frames != NULL; m++)
        cJSON_AddNumberToObject(frames, mb_modality_names[m], r->config.steps[m]);
    for (int32_t i = 0; i < r->model->option_count; i++)
        add_value(options, r->model->options[i].name, &r->model->options[i], r->config.options[i]);
    cJSON_AddNumberToObject(document, "classes", r->config.class_count);
    cJSON_AddNumberToObject(document, "values", r->config.value_count);
    cJSON_AddNumberToObject(document, "batch", r->batch);
    return document;
}

static cJSON *to_json(const request *r, const costs *c) {
    cJSON *document = request_to_json(r);
    cJSON_AddNumberToObject(document, "parameters", (double)c->parameters);
    cJSON_AddNumberToObject(document, "forward_multiply_accumulates", (double)c->forward);
    cJSON_AddNumberToObject(document, "training_multiply_accumulates", (double)c->training);
    cJSON_AddNumberToObject(document, "training_activation_bytes", (double)c->activations);
    cJSON_AddNumberToObject(document, "evaluation_activation_bytes",
                            (double)c->evaluation_activations);
    cJSON_AddNumberToObject(document, "weight_and_moment_bytes", (double)c->optimiser);
    return document;
}

static mb_status list_models(bool json, mb_error *error) {
    cJSON *list = json ? cJSON_CreateArray() : NULL;
    for (const mb_model *const *model = mb_model_all(); *model != NULL; model++)
        if (json)
            cJSON_AddItemToArray(list, cJSON_CreateString((*model)->name));
        else
            printf("%-14s %s\n", (*model)->name, (*model)->paper);
    return json ? mb_json_print(list, "model", error) : MB_OK;
}

// ---- the command ------------------------------------------------------------------------------

static mb_status show_costs(const request *r, mb_error *error) {
    costs c;
    mb_status status = measure(r, &c, error);
    if (status != MB_OK)
        return status;
    if (r->json)
        return mb_json_print(to_json(r, &c), "model", error);
    print_request(r);
    print_costs(&c);
    return MB_OK;
}

static mb_status show_complexity(const request *r, mb_error *error) {
    mb_complexity c;
    mb_device *device = NULL;
    mb_status status = mb_model_check(r->model, &r->config, error);
    if (status == MB_OK)
        status = mb_device_choice_open(&r->device, &device, error);
    if (status != MB_OK)
        return status;
    status = mb_complexity_measure(r->model, &r->config, r->batch, device, &c, error);
    device->backend->close(device);
    if (status != MB_OK)
        return status;
    if (r->json) {
        cJSON *document = request_to_json(r);
        mb_complexity_to_json(&c, document);
        return mb_json_print(document, "model", error);
    }
    print_request(r);
    mb_complexity_print(&c);
    return MB_OK;
}

mb_status mb_cmd_model(int argc, char **argv, mb_error *error) {
    request r;
    bool help_shown = false;
    mb_status status = parse(argc, argv, &r, &help_shown, error);
    if (status != MB_OK || help_shown)
        return status;
    if (r.model == NULL)
        return list_models(r.json, error);
    choose_feature_type(&r);
    return r.complexity ? show_complexity(&r, error) : show_costs(&r, error);
}
