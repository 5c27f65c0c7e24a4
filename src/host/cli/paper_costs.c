#include "cli/paper_costs.h"

#include <inttypes.h>
#include <stdlib.h>

#include "cli/complexity.h"

// Source: the sizes of Table 17, which are those of this model.
static mb_status measure(int32_t dimension, mb_device *device, mb_complexity *complexity,
                         mb_error *error) {
    const mb_model *model = mb_model_find("attention");
    mb_model_config config = {.feature_type = MB_UTT, .class_count = 6, .value_count = 1};
    for (int32_t m = 0; m < MB_MODALITY_COUNT; m++) {
        config.dims[m] = dimension;
        config.steps[m] = 1;
    }
    mb_model_defaults(model, &config);
    config.options[mb_model_option(model, "hidden_dim")] = 128;
    return mb_complexity_measure(model, &config, MB_REFERENCE_BATCH, device, complexity, error);
}

// Rows with one dimension have one classifier, but each is measured: the times show how much they
// vary.
static mb_status measure_rows(const mb_published *published, mb_device *device, mb_paper_cost *rows,
                              mb_complexity *last, mb_error *error) {
    mb_status status = MB_OK;
    for (int32_t r = 0; r < published->row_count && status == MB_OK; r++) {
        int32_t dimension = mb_paper_classifier(&published->rows[r]);
        if (dimension == 0)
            continue;
        status = measure(dimension, device, last, error);
        rows[r] =
            (mb_paper_cost){.known = true,
                            .multiply_accumulates = (double)last->reference.multiply_accumulates,
                            .parameters = (double)last->reference.parameters,
                            .training_milliseconds = mb_complexity_training(last),
                            .inference_milliseconds = mb_complexity_inference(last)};
    }
    return status;
}

static mb_status measure_and_print(const mb_published *published,
                                   const mb_paper_costs_options *options, mb_error *error) {
    mb_device *device = NULL;
    mb_complexity last = {.batch = MB_REFERENCE_BATCH};
    mb_status status = mb_device_choice_open(options->choice, &device, error);
    if (status != MB_OK)
        return status;
    mb_paper_cost *rows = calloc((size_t)published->row_count, sizeof *rows);
    status = rows == NULL ? mb_out_of_memory(error, "a table")
                          : measure_rows(published, device, rows, &last, error);
    device->backend->close(device);
    const mb_paper_costs costs = {
        .rows = rows, .device = last.device, .batch = MB_REFERENCE_BATCH, .steps = last.time.count};
    if (status == MB_OK)
        status = mb_paper_costs_print(published, &costs, options->format, options->published,
                                      stdout, error);
    free(rows);
    return status;
}

static void print_work(const mb_published *published) {
    int32_t count = 0;
    for (int32_t r = 0; r < published->row_count; r++)
        count += mb_paper_classifier(&published->rows[r]) > 0;
    printf("classifiers to be measured  %" PRId32 "\n", count);
}

mb_status mb_paper_costs_run(int32_t table, const mb_paper_costs_options *options,
                             mb_error *error) {
    mb_published published = {.table = 0};
    mb_status status = mb_published_load(table, &published, error);
    if (status != MB_OK)
        return status;
    if (options->dry_run)
        print_work(&published);
    else
        status = measure_and_print(&published, options, error);
    mb_published_free(&published);
    return status;
}
