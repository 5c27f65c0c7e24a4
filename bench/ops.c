// Measures where the time of a step goes: times each op of a plan on its device, and shows the
// bytes that it moves and its operations.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "copy.h"
#include "merbench/train.h"
#include "op_table.h"
#include "pace.h"

typedef struct request {
    mb_bench_settings settings;
    int32_t models, milliseconds, repeats, launch_steps;
    bool evaluate, verbose, json, no_ceilings;
} request;

typedef struct bench {
    const request *request;
    mb_device *device;
    mb_device_description description;
    mb_plan *plan;
    mb_bench_data data;
    mb_bench_array array;
    size_t copy_bytes;
    double copy;         // GB/s of the device's memory
    int32_t steps;       // timed
    double *op_seconds;  // (plan->op_count), of all steps
    double step_seconds; // of a step without clocks between its ops
    mb_bench_op_table table;
} bench;

// The first training step of a launch computes products that in later steps the previous update has
// already computed (bytes.h); with more steps it counts less.
enum { LEAST_STEPS = 8 };

// ---- command line -------------------------------------------------------------------------------

static mb_status parse(int argc, char **argv, request *r, bool *help_shown, mb_error *error) {
    int32_t hidden = 128;
    mb_command_option settings[MB_BENCH_OPTIONS];
    const mb_command_option options[] = {
        {"models", "A", "models of the array (1)", .whole = &r->models, .least = 1, .most = 65535},
        mb_bench_hidden_option(&hidden),
        {.included = settings},
        {"milliseconds", "N", "time as many steps as take N ms; at least 8 training steps (200)",
         .whole = &r->milliseconds, .least = 1, .most = 100000},
        {"repeats", "N", "whole steps: take the median of N measurements (3)", .whole = &r->repeats,
         .least = 1, .most = 1000},
        mb_bench_launch_option(&r->launch_steps),
        {"evaluate", NULL,
         "time an evaluation instead, with as many rows as the trainer uses at a time",
         .given = &r->evaluate},
        {"verbose", NULL, "also show each op of the plan, in order, and shapes",
         .given = &r->verbose},
        {"no-ceilings", NULL, "do not measure the machine's limits", .given = &r->no_ceilings},
        {"json", NULL, "print lines of JSON", .given = &r->json},
        {.name = NULL}};
    const mb_command_line line = {
        .program = "bench_ops",
        .usage = "usage: bench_ops [OPTIONS]\n\n"
                 "Times every op of a training step of an array of models, slowest first.",
        .options = options};
    *r = (request){.models = 1, .milliseconds = 200, .repeats = 3};
    mb_bench_settings_start(&r->settings);
    mb_bench_settings_options(&r->settings, settings);
    mb_operands none;
    mb_status status = mb_command_line_parse(&line, argc, argv, &none, error);
    *help_shown = none.help_shown;
    if (status != MB_OK || none.help_shown)
        return status;
    return mb_bench_settings_finish(&r->settings, hidden, error);
}

// ---- measuring ----------------------------------------------------------------------------------

static mb_status prepare(bench *b, mb_error *error) {
    const request *r = b->request;
    const mb_bench_settings *s = &r->settings;
    int32_t rows =
        r->evaluate ? mb_rows_at_once(s->model, &s->config, s->batch, s->rows) : s->batch;
    mb_status status = s->backend->open(&b->device, error);
    if (status == MB_OK)
        status = s->backend->describe(b->device, &b->description, error);
    if (status == MB_OK && !r->no_ceilings)
        status = mb_bench_copy_ceiling(b->device, &b->copy_bytes, &b->copy, error);
    if (status == MB_OK)
        status = mb_model_compile(
            s->model, &s->config, r->evaluate ? MB_PLAN_EVALUATE : MB_PLAN_TRAIN,
            r->evaluate ? MB_DROPOUT_OFF : MB_DROPOUT_RANDOM, rows, &b->plan, error);
    if (status == MB_OK)
        status = mb_bench_data_make(&s->config, s->rows, &b->data, error);
    if (status == MB_OK)
        status = mb_bench_array_open(b->device, b->plan, s, &b->data, r->models, 1, r->launch_steps,
                                     &b->array, error);
    return status;
}

// Times whole steps first, then the same number of steps op by op.
static mb_status measure(bench *b, mb_error *error) {
    const request *r = b->request;
    size_t ops = (size_t)b->plan->op_count;
    float unused;
    b->op_seconds = calloc(ops + 1, sizeof *b->op_seconds);
    if (b->op_seconds == NULL)
        return mb_out_of_memory(error, "ops");
    mb_status status = mb_bench_pace(&b->array, r->milliseconds, &b->steps, error);
    if (!r->evaluate && b->steps < LEAST_STEPS)
        b->steps = LEAST_STEPS;
    if (status == MB_OK)
        status = mb_bench_step_seconds(&b->array, b->steps, r->repeats, &b->step_seconds, error);
    b->array.op_seconds = b->op_seconds;
    if (status == MB_OK)
        status = mb_bench_array_step(&b->array, 2, error); // makes the clocks
    memset(b->op_seconds, 0, ops * sizeof *b->op_seconds);
    if (status == MB_OK)
        status = mb_bench_array_step(&b->array, b->steps, error);
    if (status == MB_OK)
        status = mb_bench_array_loss(&b->array, &unused, error);
    if (status == MB_OK)
        status = mb_bench_op_table_make(b->plan, r->models, b->copy, b->op_seconds, b->steps,
                                        &b->table, error);
    return status;
}

// ---- output -------------------------------------------------------------------------------------

static void print_text(const bench *b) {
    const request *r = b->request;
    const mb_bench_settings *s = &r->settings;
    printf("merbench " MERBENCH_VERSION ", %s", b->description.text);
    if (b->copy > 0.0)
        printf("; copies of %zu MiB: %.1f GB/s", b->copy_bytes >> 20, b->copy);
    putchar('\n');
    printf("%s, %s, dims %d,%d,%d, %lld weights; %s of %d rows, %d model(s), mean of %d steps\n\n",
           s->model->name, mb_feature_type_names[s->config.feature_type], s->config.dims[MB_AUDIO],
           s->config.dims[MB_TEXT], s->config.dims[MB_VIDEO],
           (long long)b->plan->info.parameter_elements, r->evaluate ? "evaluation" : "training",
           b->plan->info.max_rows, r->models, b->steps);
    mb_bench_op_table_print(&b->table, r->verbose);
    printf("\na step: %.2f us of ops, timed one by one; %.2f us as it is run\n",
           1e6 * b->table.all.seconds, 1e6 * b->step_seconds);
}

static void print_json(const bench *b) {
    const request *r = b->request;
    const mb_bench_settings *s = &r->settings;
    mb_bench_op_table_print_json(&b->table, r->verbose);
    printf("{\"what\": \"step\", \"engine\": \"merbench " MERBENCH_VERSION "\", "
           "\"backend\": \"%s\", \"device\": \"%s\", \"model\": \"%s\", \"feature_type\": \"%s\", "
           "\"options\": ",
           s->backend->name, b->description.text, s->model->name,
           mb_feature_type_names[s->config.feature_type]);
    mb_bench_print_options(s);
    printf(", \"hidden_dim\": %g, \"trains\": %s, \"rows\": %d, \"models\": %d, "
           "\"weights\": %lld, \"ops\": %d, \"steps\": %d, \"launch_steps\": %d, "
           "\"seconds_of_ops\": %.6g, \"seconds\": %.6g, \"bytes\": %.17g, "
           "\"multiply_accumulates\": %.17g",
           mb_bench_option(s, "hidden_dim", 0), r->evaluate ? "false" : "true",
           b->plan->info.max_rows, r->models, (long long)b->plan->info.parameter_elements,
           b->plan->op_count, b->steps, b->array.launch_steps, b->table.all.seconds,
           b->step_seconds, b->table.all.bytes, b->table.all.multiply_accumulates);
    if (b->copy > 0.0)
        printf(", \"device_copy_gigabytes_per_second\": %.6g", b->copy);
    puts("}");
}

static void release(bench *b) {
    mb_bench_op_table_free(&b->table);
    mb_bench_array_close(&b->array);
    mb_bench_data_free(&b->data);
    mb_plan_free(b->plan);
    free(b->op_seconds);
    if (b->device != NULL)
        b->device->backend->close(b->device);
}

int main(int argc, char **argv) {
    request r;
    bool help_shown = false;
    mb_error error = {.message = ""};
    mb_status status = parse(argc, argv, &r, &help_shown, &error);
    if (help_shown)
        return MB_OK;
    bench b = {.request = &r};
    if (status == MB_OK)
        status = prepare(&b, &error);
    if (status == MB_OK)
        status = measure(&b, &error);
    if (status == MB_OK && r.json)
        print_json(&b);
    else if (status == MB_OK)
        print_text(&b);
    release(&b);
    if (status != MB_OK)
        fprintf(stderr, "bench_ops: %s\n", error.message);
    return status;
}
