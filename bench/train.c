// Measures how fast models train: steps of arrays of models, compared with the limits of the
// machine.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "ceilings.h"
#include "clock.h"
#include "merbench/train.h"
#include "team.h"

typedef struct bench {
    const mb_bench_options *options;
    mb_plan *plan, *evaluation;
    mb_bench_data data;
    mb_bench_team team;
    int32_t launch_steps; // of the training
} bench;

typedef struct figures {
    mb_bench_rate training;   // model-steps per second
    int32_t steps, repeats;   // of each model in a repeat
    float loss;               // of the last step of the first model
    double copy;              // GB/s of the device's own copies
    mb_ceilings ceilings;     // gigaflops 0: not measured on this device
    double floor;             // least microseconds of a model-step, by memory
    mb_bench_rate evaluation; // rows per second
    float output;             // mean magnitude of the outputs of an evaluation
} figures;

static void copy_thread(void *context, int32_t thread) {
    mb_bench_worker *w = &((mb_bench_team *)context)->workers[thread];
    w->status = mb_bench_copy_run(&w->copy, &w->error);
}

static mb_status prepare(bench *b, mb_error *error) {
    const mb_bench_options *o = b->options;
    const mb_bench_settings *s = &o->settings;
    int32_t rows = mb_rows_at_once(s->model, &s->config, s->batch, s->rows);
    mb_status status = mb_model_compile(s->model, &s->config, MB_PLAN_TRAIN, MB_DROPOUT_RANDOM,
                                        s->batch, &b->plan, error);
    if (status == MB_OK && o->evaluate)
        status = mb_model_compile(s->model, &s->config, MB_PLAN_EVALUATE, MB_DROPOUT_OFF, rows,
                                  &b->evaluation, error);
    if (status == MB_OK)
        status = mb_bench_data_make(&s->config, s->rows, &b->data, error);
    return status;
}

static mb_status measure_training(bench *b, figures *result, mb_error *error) {
    mb_status status = MB_OK;
    if (b->options->meet != NULL)
        status = mb_bench_meet(b->options->meet, b->options->meeting, error);
    if (status == MB_OK)
        status = mb_bench_team_rate(&b->team, &result->training, error);
    result->steps = b->team.steps;
    result->repeats = b->team.repeats;
    return status == MB_OK ? mb_bench_team_loss(&b->team, &result->loss, error) : status;
}

// On the CPU, copies as much memory as the weights and moments of a thread take, so that the
// traffic goes to the same level of memory; on a GPU, more than its caches hold.
static mb_status measure_copy(bench *b, double *gigabytes_per_second, mb_error *error) {
    size_t floats = (size_t)mb_plan_get(b->plan)->parameter_floats, bytes = 6 * floats;
    bool shares = b->options->settings.backend->shares_host_memory;
    mb_bench_worker *workers = b->team.workers;
    double best = INFINITY, seconds;
    mb_status status = MB_OK;
    if (!shares)
        status = mb_bench_copy_large(workers[0].device, &bytes, error);
    for (int32_t t = 0; status == MB_OK && t < b->options->threads; t++)
        status = mb_bench_copy_open(workers[t].device, bytes, &workers[t].copy, error);
    double moved = 0.0;
    for (int32_t t = 0; status == MB_OK && t < b->options->threads; t++)
        moved += mb_bench_copy_bytes(&workers[t].copy);
    for (int repeat = 0; status == MB_OK && repeat < 5; repeat++) {
        status = mb_bench_team_together(&b->team, copy_thread, 0, &seconds, error);
        best = fmin(best, seconds);
    }
    *gigabytes_per_second = 1e-9 * moved / best;
    return status;
}

static mb_status measure_ceilings(bench *b, figures *result, mb_error *error) {
    const mb_plan_info *info = mb_plan_get(b->plan);
    mb_status status = measure_copy(b, &result->copy, error);
    result->ceilings = (mb_ceilings){.gigabytes_per_second = result->copy};
    if (status == MB_OK && b->options->settings.backend == &mb_cpu_backend &&
        mb_bench_ceilings(b->options->threads, info->parameter_floats, &result->ceilings) != 0)
        status = mb_fail(error, MB_FAILED, "cannot measure the machine: out of memory or threads");
    result->floor =
        24e-3 * (double)info->parameter_elements / result->ceilings.gigabytes_per_second;
    return status;
}

// Evaluates models with start values: speed does not depend on what they have learned.
static mb_status measure_evaluation(bench *b, figures *result, mb_error *error) {
    double rows = mb_plan_get(b->evaluation)->max_rows;
    mb_bench_rate rate = {0};
    mb_bench_team_close(&b->team);
    mb_status status = mb_bench_team_open(b->options, b->evaluation, &b->data, &b->team, error);
    if (status == MB_OK)
        status = mb_bench_team_rate(&b->team, &rate, error);
    if (status == MB_OK)
        status = mb_bench_array_output(&b->team.workers[0].array, &b->options->settings.config,
                                       &result->output, error);
    result->evaluation =
        (mb_bench_rate){rows * rate.median, rows * rate.slowest, rows * rate.fastest};
    return status;
}

static mb_status measure(bench *b, figures *result, mb_error *error) {
    mb_status status = prepare(b, error);
    if (status == MB_OK)
        status = mb_bench_team_open(b->options, b->plan, &b->data, &b->team, error);
    if (status == MB_OK)
        status = measure_training(b, result, error);
    if (status == MB_OK && !b->options->no_ceilings)
        status = measure_ceilings(b, result, error);
    b->launch_steps = status == MB_OK ? b->team.workers[0].array.launch_steps : 0;
    if (status == MB_OK && b->options->evaluate)
        status = measure_evaluation(b, result, error);
    return status;
}

// ---- output -------------------------------------------------------------------------------------

static double gigabytes(const bench *b, const figures *f) {
    return f->training.median * (double)mb_plan_get(b->plan)->parameter_elements * 24e-9;
}

static double gigaflops(const bench *b, const figures *f) {
    return f->training.median * (double)mb_plan_get(b->plan)->multiply_accumulates * 2e-9;
}

static void print_json(const bench *b, const figures *f) {
    const mb_bench_options *o = b->options;
    const mb_bench_settings *s = &o->settings;
    const mb_model_config *c = &s->config;
    printf("{\"engine\": \"merbench " MERBENCH_VERSION "\", \"backend\": \"%s\", "
           "\"device\": \"%s\", \"model\": \"%s\", \"dims\": [%d, %d, %d], ",
           s->backend->name, b->team.device, s->model->name, c->dims[MB_AUDIO], c->dims[MB_TEXT],
           c->dims[MB_VIDEO]);
    printf("\"feature_type\": \"%s\", \"frames\": %d, \"options\": ",
           mb_feature_type_names[c->feature_type], c->feature_type == MB_UTT ? 1 : s->frames);
    mb_bench_print_options(s);
    printf(", \"hidden_dim\": %g, \"batch_size\": %d, \"dropout\": %g, \"class_count\": %d, "
           "\"value_count\": %d, \"weights\": %lld, \"models\": %d, \"threads\": %d, "
           "\"helpers\": %d, \"launch_steps\": %d, \"steps\": %d, \"repeats\": %d, ",
           mb_bench_option(s, "hidden_dim", 0), s->batch, mb_bench_option(s, "dropout", 0),
           c->class_count, c->value_count, (long long)mb_plan_get(b->plan)->parameter_elements,
           o->models, o->threads, o->helpers, b->launch_steps, f->steps, f->repeats);
    printf("\"steps_per_second\": %.6g, \"slowest\": %.6g, \"fastest\": %.6g, "
           "\"microseconds_per_model_step\": %.6g, \"gigabytes_per_second\": %.6g, "
           "\"gigaflops\": %.6g, ",
           f->training.median, f->training.slowest, f->training.fastest, 1e6 / f->training.median,
           gigabytes(b, f), gigaflops(b, f));
    if (!o->no_ceilings)
        printf("\"device_copy_gigabytes_per_second\": %.6g, \"percent_of_device_copy\": %.4g, "
               "\"copy_gigabytes_per_second\": %.6g, \"floor_microseconds\": %.6g, "
               "\"percent_of_floor\": %.4g, ",
               f->copy, 100.0 * gigabytes(b, f) / f->copy, f->ceilings.gigabytes_per_second,
               f->floor, 1e-4 * f->floor * f->training.median);
    if (f->ceilings.gigaflops > 0.0)
        printf("\"peak_gigaflops\": %.6g, ", f->ceilings.gigaflops);
    printf("\"multiply_accumulates\": %lld, ",
           (long long)mb_plan_get(b->plan)->multiply_accumulates);
    if (o->evaluate)
        printf("\"evaluation_rows\": %d, \"evaluated_rows_per_second\": %.6g, "
               "\"slowest_evaluation\": %.6g, \"fastest_evaluation\": %.6g, "
               "\"evaluation_output\": %.9g, ",
               mb_plan_get(b->evaluation)->max_rows, f->evaluation.median, f->evaluation.slowest,
               f->evaluation.fastest, (double)f->output);
    printf("\"last_loss\": %.9g}\n", (double)f->loss);
}

static void print_text(const bench *b, const figures *f) {
    const mb_bench_options *o = b->options;
    const mb_bench_settings *s = &o->settings;
    const mb_plan_info *info = mb_plan_get(b->plan);
    printf("merbench " MERBENCH_VERSION ", %s, %d model(s), %d thread(s)\n", b->team.device,
           o->models, o->threads);
    printf("%s, %s, dims %d,%d,%d, %lld weights, %lld multiply-adds a step\n", s->model->name,
           mb_feature_type_names[s->config.feature_type], s->config.dims[MB_AUDIO],
           s->config.dims[MB_TEXT], s->config.dims[MB_VIDEO], (long long)info->parameter_elements,
           (long long)info->multiply_accumulates);
    printf("%.1f model-steps/s (median of %d; %.1f to %.1f), %.2f us a model-step, last loss "
           "%.4f\n",
           f->training.median, f->repeats, f->training.slowest, f->training.fastest,
           1e6 / f->training.median, (double)f->loss);
    printf("weights and moments, 24 bytes a weight: %.1f GB/s; arithmetic: %.1f Gflop/s\n",
           gigabytes(b, f), gigaflops(b, f));
    if (o->evaluate)
        printf("%.1f evaluated rows/s (%.1f to %.1f), %d at a time\n", f->evaluation.median,
               f->evaluation.slowest, f->evaluation.fastest, mb_plan_get(b->evaluation)->max_rows);
    if (o->no_ceilings)
        return;
    printf("the device's copies: %.1f GB/s (%.1f %% used); floor of 24 bytes a weight: %.2f us a "
           "model-step at %.1f GB/s (%.1f %% reached)\n",
           f->copy, 100.0 * gigabytes(b, f) / f->copy, f->floor, f->ceilings.gigabytes_per_second,
           1e-4 * f->floor * f->training.median);
    if (f->ceilings.gigaflops > 0.0)
        printf("arithmetic at most: %.1f Gflop/s (%.1f %% used)\n", f->ceilings.gigaflops,
               100.0 * gigaflops(b, f) / f->ceilings.gigaflops);
}

static void release(bench *b) {
    mb_bench_team_close(&b->team);
    mb_bench_data_free(&b->data);
    mb_plan_free(b->plan);
    mb_plan_free(b->evaluation);
}

int main(int argc, char **argv) {
    mb_bench_options parsed;
    bool help_shown = false;
    mb_error error = {.message = ""};
    figures result = {0};
    mb_status status = mb_bench_parse(argc, argv, &parsed, &help_shown, &error);
    if (help_shown)
        return MB_OK;
    bench b = {.options = &parsed};
    if (status == MB_OK) {
        status = measure(&b, &result, &error);
        if (status == MB_OK && parsed.json)
            print_json(&b, &result);
        else if (status == MB_OK)
            print_text(&b, &result);
        release(&b);
    }
    if (status != MB_OK)
        fprintf(stderr, "bench_train: %s\n", error.message);
    return status;
}
