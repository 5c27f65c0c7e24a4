// Parity of one model: forward values, losses, gradients, Adam.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/plural.h"
#include "merbench/device_cache.h"
#include "parity/files.h"
#include "parity/masks.h"

static const double output_limit = 1e-5, gradient_limit = 1e-4;
static const double adam_loss_limit = 1e-4, adam_parameter_limit = 1e-3;

static void count_up(int32_t *indices, int32_t first, int32_t count) {
    for (int32_t i = 0; i < count; i++)
        indices[i] = first + i;
}

// ---- forward ----------------------------------------------------------------------------------

// Compares a result of the last execution with a dataset.
static mb_status compare_result(const mb_fixture *fixture, mb_runner *runner, const char *name,
                                mb_location location, int32_t rows, mb_parity_report *report,
                                const char *group, mb_error *error) {
    float *found = NULL, *reference = NULL;
    int64_t count = 0;
    double limit = 0;
    mb_status status = mb_runner_result(runner, location, rows, &found, &count, error);
    if (status == MB_OK && found == NULL) { // the file stores 0 for a loss that the model lacks
        count = 1;
        found = calloc(1, sizeof *found);
        if (found == NULL)
            status = mb_out_of_memory(error, name);
    }
    if (status == MB_OK)
        status = mb_fixture_floats(fixture, name, count, &reference, error);
    if (status == MB_OK)
        status = mb_fixture_limit(fixture, name, output_limit, &limit, error);
    if (status == MB_OK)
        mb_parity_compare(mb_parity_group_of(report, group), name, found, reference, count, limit);
    free(found);
    free(reference);
    return status;
}

static mb_status compare_forward(const mb_fixture *fixture, mb_runner *runner, int32_t rows,
                                 mb_parity_report *report, mb_error *error) {
    const mb_plan_info *info = mb_plan_get(runner->plan);
    const struct {
        const char *name, *group;
        mb_location location;
        bool absent; // the file does not store heads of size 0
    } results[] = {
        {"/outputs/features", "outputs", info->features, false},
        {"/outputs/emos_out", "outputs", info->emos_out, fixture->config.class_count == 0},
        {"/outputs/vals_out", "outputs", info->vals_out, fixture->config.value_count == 0},
        {"/outputs/interloss", "losses", info->interloss, false},
        {"/outputs/ce", "losses", info->cross_entropy, false},
        {"/outputs/mse", "losses", info->mean_squared_error, false},
        {"/outputs/total", "losses", info->total, false},
    };
    mb_status status = MB_OK;
    for (size_t i = 0; status == MB_OK && i < sizeof results / sizeof *results; i++)
        if (!results[i].absent)
            status = compare_result(fixture, runner, results[i].name, results[i].location, rows,
                                    report, results[i].group, error);
    return status;
}

// ---- gradients --------------------------------------------------------------------------------

// Compares a gradient or a parameter. Of the in_proj_bias of an attention, the middle third, the
// bias of the keys, is left out: it does not change the softmax, so its gradient is rounding noise
// around zero, which Adam turns into steps of full size.
static void compare_tensor(mb_parity_group *group, const char *name, const float *found,
                           const float *expected, int64_t count, double limit) {
    static const char suffix[] = "in_proj_bias";
    size_t length = strlen(name), tail = sizeof suffix - 1;
    if (length < tail || strcmp(name + length - tail, suffix) != 0 || count % 3 != 0) {
        mb_parity_compare(group, name, found, expected, count, limit);
        return;
    }
    int64_t third = count / 3;
    mb_parity_compare(group, name, found, expected, third, limit);
    mb_parity_compare(group, name, found + 2 * third, expected + 2 * third, third, limit);
}

// Whether the JSON list of names in a root attribute contains `name`.
static bool listed(const mb_fixture *fixture, const char *attribute, const char *name) {
    char *list = NULL, quoted[128];
    if (!mb_h5_has_attribute(fixture->h5, "/", attribute) ||
        mb_h5_attribute_text(fixture->h5, "/", attribute, &list, NULL) != MB_OK)
        return false;
    snprintf(quoted, sizeof quoted, "\"%s\"", name);
    bool found = strstr(list, quoted) != NULL;
    free(list);
    return found;
}

static mb_status compare_gradient(const mb_fixture *fixture, mb_runner *runner,
                                  const mb_parameter *parameter, int32_t rows,
                                  mb_parity_report *report, mb_error *error) {
    // A parameter that the reference's optimiser never sees has a gradient only where the engine
    // trains it.
    bool outside = mb_h5_has(fixture->h5, mb_path_of("/frozen", parameter->name).text);
    bool absent = outside ? parameter->frozen : listed(fixture, "grad_none", parameter->name);
    mb_path path = mb_path_of(outside ? "/frozen_grads" : "/grads", parameter->name);
    if (absent != (!parameter->trained || rows < parameter->fewest_rows)) {
        mb_parity_add_finding(report, "gradient of %s: expected %s as in the reference, found %s",
                              parameter->name, absent ? "none" : "one", absent ? "one" : "none");
        return MB_OK;
    }
    if (absent || listed(fixture, "grad_not_stored", parameter->name))
        return MB_OK;
    int64_t count = mb_shape_elements(&parameter->shape, 0), stored_count = 0;
    float *stored = NULL, *reference = NULL, *logical = malloc(((size_t)count + 1) * sizeof(float));
    double limit = 0;
    mb_location location = {parameter->gradient, parameter->shape};
    mb_status status = logical == NULL ? mb_out_of_memory(error, "gradient") : MB_OK;
    if (status == MB_OK)
        status = mb_runner_result(runner, location, 0, &stored, &stored_count, error);
    if (status == MB_OK)
        status = mb_fixture_floats(fixture, path.text, count, &reference, error);
    if (status == MB_OK)
        status = mb_fixture_limit(fixture, path.text, gradient_limit, &limit, error);
    if (status == MB_OK) {
        mb_parameter layout = *parameter; // a gradient has the layout of its parameter
        layout.offset = 0;
        mb_parameter_load(&layout, stored, logical);
        compare_tensor(mb_parity_group_of(report, "gradients"), parameter->name, logical, reference,
                       count, limit);
    }
    free(stored);
    free(reference);
    free(logical);
    return status;
}

static mb_status compare_gradients(const mb_fixture *fixture, mb_runner *runner, int32_t rows,
                                   mb_parity_report *report, mb_error *error) {
    const mb_plan_info *info = mb_plan_get(runner->plan);
    mb_status status = MB_OK;
    for (int32_t i = 0; status == MB_OK && i < info->parameter_count; i++)
        status = compare_gradient(fixture, runner, &info->parameters[i], rows, report, error);
    return status;
}

// Reports stored parameters that the model does not have.
static mb_status check_names(const mb_fixture *fixture, const mb_runner *runner, const char *group,
                             mb_parity_report *report, mb_error *error) {
    const mb_plan_info *info = mb_plan_get(runner->plan);
    char **names = NULL;
    int count = 0;
    mb_status status = mb_h5_list(fixture->h5, group, &names, &count, error);
    if (status != MB_OK)
        return status;
    for (int n = 0; n < count; n++) {
        bool known = false;
        for (int32_t i = 0; i < info->parameter_count; i++)
            known |= strcmp(info->parameters[i].name, names[n]) == 0;
        if (!known)
            mb_parity_add_finding(report, "parameter %s: the model has none of this name",
                                  names[n]);
    }
    mb_h5_free_names(names, count);
    return MB_OK;
}

static mb_status check_step(mb_device *device, mb_fixture *fixture, mb_parity_report *report,
                            mb_error *error) {
    mb_fixture_data data;
    mb_device_cache cache = {.device = device};
    mb_cached_dataset samples = {.cache = NULL};
    mb_runner runner = {0};
    int32_t *indices = NULL;
    mb_status status = mb_fixture_read(fixture, "/inputs", 1, &data, error);
    bool stored = mb_h5_has(fixture->h5, "/noise");
    mb_dropout_mode mode = mb_h5_has(fixture->h5, "/noise/dropout") ? MB_DROPOUT_STORED
                           : stored                                 ? MB_NOISE_STORED
                                                                    : MB_DROPOUT_OFF;
    if (status == MB_OK)
        status =
            mb_runner_open(device, fixture, MB_PLAN_GRADIENTS, mode, data.count, &runner, error);
    if (status == MB_OK)
        status = check_names(fixture, &runner, "/params", report, error);
    if (status == MB_OK && mb_h5_has(fixture->h5, "/frozen"))
        status = check_names(fixture, &runner, "/frozen", report, error);
    if (status == MB_OK)
        status = mb_runner_load(&runner, fixture, "/params", error);
    if (status == MB_OK && stored)
        status = mb_parity_load_masks(fixture, "/noise", &runner, error);
    if (status == MB_OK && (indices = malloc((size_t)data.count * sizeof *indices)) == NULL)
        status = mb_out_of_memory(error, "parity");
    if (status == MB_OK) {
        count_up(indices, 0, data.count);
        status = mb_cached_dataset_open(&cache, &data.dataset, &samples, error);
    }
    if (status == MB_OK)
        status = mb_runner_run(&runner, &samples.dataset, indices, data.count, 0, error);
    if (status == MB_OK)
        status = compare_forward(fixture, &runner, data.count, report, error);
    if (status == MB_OK)
        status = compare_gradients(fixture, &runner, data.count, report, error);
    free(indices);
    mb_cached_dataset_close(&samples);
    mb_runner_close(&runner);
    mb_fixture_data_free(&data);
    return status;
}

// Checks the gradients of parameters that the reference leaves frozen, on the model with the option
// that trains them.
static mb_status check_frozen(mb_device *device, mb_fixture *fixture, mb_parity_report *report,
                              mb_error *error) {
    int32_t option = mb_model_option(fixture->model, "node_networks");
    if (option < 0 || !mb_h5_has(fixture->h5, "/frozen_grads"))
        return MB_OK;
    double before = fixture->config.options[option];
    fixture->config.options[option] = fixture->model->options[option].maximum;
    mb_status status = check_step(device, fixture, report, error);
    fixture->config.options[option] = before;
    return status;
}

// ---- Adam -------------------------------------------------------------------------------------

static mb_status compare_parameters(const mb_fixture *fixture, mb_runner *runner,
                                    mb_parity_report *report, mb_error *error) {
    const mb_plan_info *info = mb_plan_get(runner->plan);
    mb_status status = MB_OK;
    for (int32_t i = 0; status == MB_OK && i < info->parameter_count; i++) {
        const mb_parameter *parameter = &info->parameters[i];
        mb_path path = mb_path_of("/adam/params", parameter->name);
        if (!mb_h5_has(fixture->h5, path.text))
            continue; // the file omits some large tensors
        float *found = NULL, *reference = NULL;
        double limit = 0;
        int64_t count = mb_shape_elements(&parameter->shape, 0);
        status = mb_runner_parameter(runner, i, &found, error);
        if (status == MB_OK)
            status = mb_fixture_floats(fixture, path.text, count, &reference, error);
        if (status == MB_OK)
            status = mb_fixture_limit(fixture, path.text, adam_parameter_limit, &limit, error);
        if (status == MB_OK)
            compare_tensor(mb_parity_group_of(report, "adam parameters"), parameter->name, found,
                           reference, count, limit);
        free(found);
        free(reference);
    }
    return status;
}

static mb_status run_adam(const mb_fixture *fixture, mb_runner *runner, const mb_fixture_data *data,
                          int32_t steps, int32_t rows, float *losses, mb_error *error) {
    mb_device_cache cache = {.device = runner->device};
    mb_cached_dataset samples;
    int32_t *indices = malloc((size_t)rows * sizeof *indices);
    if (indices == NULL)
        return mb_out_of_memory(error, "parity");
    mb_status status = mb_cached_dataset_open(&cache, &data->dataset, &samples, error);
    if (status == MB_OK)
        status = mb_runner_load(runner, fixture, "/params", error);
    for (int32_t s = 0; status == MB_OK && s < steps; s++) {
        float *loss = NULL;
        int64_t count = 0;
        count_up(indices, s % (data->count / rows) * rows, rows);
        status = mb_runner_run(runner, &samples.dataset, indices, rows, (uint32_t)s, error);
        if (status == MB_OK)
            status = mb_runner_result(runner, mb_plan_get(runner->plan)->total, rows, &loss, &count,
                                      error);
        if (status == MB_OK)
            losses[s] = loss[0];
        free(loss);
    }
    mb_cached_dataset_close(&samples);
    free(indices);
    return status;
}

static mb_status check_adam(mb_device *device, mb_fixture *fixture, mb_parity_report *report,
                            mb_error *error) {
    enum { STEPS = 20, BATCHES = 4 };
    if (!mb_h5_has(fixture->h5, "/adam"))
        return MB_OK;
    fixture->least_limit = 0.0; // training computes in float32 on every device
    mb_fixture_data data;
    mb_runner runner = {0};
    float losses[STEPS], *reference = NULL;
    double limit = 0;
    mb_status status = mb_fixture_shapes(fixture, "/adam/batches", 2, error);
    if (status == MB_OK)
        status = mb_fixture_read(fixture, "/adam/batches", 2, &data, error);
    else
        data = (mb_fixture_data){0};
    if (status == MB_OK && (data.count < BATCHES || data.count % BATCHES != 0))
        status = mb_fail(error, MB_BAD_INPUT, "%s: /adam/batches: expected %d batches, found %d %s",
                         fixture->path, BATCHES, data.count, mb_plural(data.count, "row", "rows"));
    int32_t rows = data.count / BATCHES;
    bool noise = mb_h5_has(fixture->h5, "/adam/noise");
    if (status == MB_OK)
        status = mb_runner_open(device, fixture, MB_PLAN_TRAIN,
                                noise ? MB_NOISE_STORED : MB_DROPOUT_OFF, rows, &runner, error);
    if (status == MB_OK && noise)
        status = mb_parity_load_masks(fixture, "/adam/noise", &runner, error);
    if (status == MB_OK)
        status = run_adam(fixture, &runner, &data, STEPS, rows, losses, error);
    if (status == MB_OK)
        status = mb_fixture_floats(fixture, "/adam/losses", STEPS, &reference, error);
    if (status == MB_OK)
        status = mb_fixture_limit(fixture, "/adam/losses", adam_loss_limit, &limit, error);
    if (status == MB_OK) {
        mb_parity_compare(mb_parity_group_of(report, "adam losses"), "/adam/losses", losses,
                          reference, STEPS, limit);
        status = compare_parameters(fixture, &runner, report, error);
    }
    free(reference);
    mb_runner_close(&runner);
    mb_fixture_data_free(&data);
    return status;
}

mb_status mb_parity_model_file(mb_device *device, mb_fixture *fixture, mb_parity_report *report,
                               mb_error *error) {
    mb_status status = mb_fixture_shapes(fixture, "/inputs", 1, error);
    if (status == MB_OK)
        status = check_step(device, fixture, report, error);
    if (status == MB_OK)
        status = check_frozen(device, fixture, report, error);
    if (status == MB_OK)
        status = check_adam(device, fixture, report, error);
    return status == MB_OK ? mb_parity_verdict(report) : status;
}
