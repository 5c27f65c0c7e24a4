// How fast models train: steps of arrays of models, against what the machine can do at most.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "array.h"
#include "ceilings.h"
#include "clock.h"
#include "copy.h"
#include "train_options.h"

// A thread has a device of its own and an array of its share of the models.
typedef struct worker {
    mb_device *device;
    mb_bench_array array;
    mb_bench_copy copy;
    mb_status status;
    mb_error error;
} worker;

typedef struct bench {
    const mb_bench_options *options;
    mb_plan *plan;
    mb_bench_data data;
    worker *workers; // (threads)
    char device[192];
} bench;

typedef struct figures {
    double rate, slowest, fastest; // model-steps a second
    float loss;                    // of the last step of the first model
    double copy;                   // GB/s of the device's own copies
    mb_ceilings ceilings;          // gigaflops 0 where no public way measures them
    double floor;                  // microseconds a model-step
} figures;

static void train_thread(void *context, int32_t thread) {
    bench *b = context;
    worker *w = &b->workers[thread];
    w->status = mb_bench_array_step(&w->array, b->options->steps, &w->error);
}

static void copy_thread(void *context, int32_t thread) {
    worker *w = &((bench *)context)->workers[thread];
    w->status = mb_bench_copy_run(&w->copy, &w->error);
}

// Lets every worker work at once; the seconds it took.
static mb_status together(bench *b, void (*work)(void *, int32_t), double *seconds,
                          mb_error *error) {
    int32_t threads = b->options->threads;
    *seconds = mb_bench_parallel(threads, work, b);
    if (*seconds <= 0.0)
        return mb_fail(error, MB_FAILED, "cannot start %d threads", threads);
    for (int32_t t = 0; t < threads; t++)
        if (b->workers[t].status != MB_OK)
            return mb_fail(error, b->workers[t].status, "thread %d: %s", t,
                           b->workers[t].error.message);
    return MB_OK;
}

static mb_status prepare_worker(bench *b, int32_t t, int32_t first, mb_error *error) {
    const mb_bench_options *o = b->options;
    worker *w = &b->workers[t];
    int32_t share = o->models / o->threads + (t < o->models % o->threads);
    mb_device_description description;
    mb_status status = o->settings.backend->open(&w->device, error);
    if (status == MB_OK)
        status = w->device->backend->describe(w->device, &description, error);
    if (status == MB_OK)
        status = mb_bench_array_open(w->device, b->plan, &o->settings, &b->data, share, first + 1,
                                     o->launch_steps, &w->array, error);
    if (status == MB_OK)
        status = mb_bench_array_step(&w->array, o->warmup, error);
    if (status == MB_OK)
        snprintf(b->device, sizeof b->device, "%s", description.text);
    return status;
}

static mb_status prepare(bench *b, mb_error *error) {
    const mb_bench_options *o = b->options;
    const mb_bench_settings *s = &o->settings;
    mb_status status = mb_plan_compile(s->model, &s->config, MB_PLAN_TRAIN, MB_DROPOUT_RANDOM,
                                       s->batch, &b->plan, error);
    if (status == MB_OK)
        status = mb_bench_data_make(&s->config, s->rows, &b->data, error);
    b->workers = calloc((size_t)o->threads, sizeof *b->workers);
    if (status == MB_OK && b->workers == NULL)
        status = mb_out_of_memory(error, "threads");
    for (int32_t t = 0, first = 0; status == MB_OK && t < o->threads; t++) {
        status = prepare_worker(b, t, first, error);
        first += b->workers[t].array.run_count;
    }
    return status;
}

static mb_status measure_training(bench *b, figures *result, mb_error *error) {
    const mb_bench_options *o = b->options;
    double *rates = calloc((size_t)o->repeats, sizeof *rates);
    mb_status status = rates == NULL ? mb_out_of_memory(error, "repeats") : MB_OK;
    for (int32_t r = 0; status == MB_OK && r < o->repeats; r++) {
        double seconds = 0.0;
        status = together(b, train_thread, &seconds, error);
        rates[r] = (double)o->steps * o->models / seconds;
    }
    if (status == MB_OK) {
        result->rate = mb_bench_median(rates, o->repeats);
        result->slowest = rates[0];
        result->fastest = rates[o->repeats - 1];
    }
    for (int32_t t = o->threads - 1; status == MB_OK && t >= 0; t--)
        status = mb_bench_array_loss(&b->workers[t].array, &result->loss, error);
    free(rates);
    return status;
}

// The CPU copies as much as a thread's weights and moments are, so that the traffic meets the same
// level of memory; a GPU more than its caches hold.
static mb_status measure_copy(bench *b, double *gigabytes_per_second, mb_error *error) {
    size_t floats = (size_t)mb_plan_get(b->plan)->parameter_floats, bytes = 6 * floats;
    bool shares = b->options->settings.backend->shares_host_memory;
    double best = INFINITY, seconds;
    mb_status status = MB_OK;
    if (!shares)
        status = mb_bench_copy_large(b->workers[0].device, &bytes, error);
    for (int32_t t = 0; status == MB_OK && t < b->options->threads; t++)
        status = mb_bench_copy_open(b->workers[t].device, bytes, &b->workers[t].copy, error);
    double moved = 0.0;
    for (int32_t t = 0; status == MB_OK && t < b->options->threads; t++)
        moved += mb_bench_copy_bytes(&b->workers[t].copy);
    for (int repeat = 0; status == MB_OK && repeat < 5; repeat++) {
        status = together(b, copy_thread, &seconds, error);
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

// ---- output -------------------------------------------------------------------------------------

static double gigabytes(const bench *b, const figures *f) {
    return f->rate * (double)mb_plan_get(b->plan)->parameter_elements * 24e-9;
}

static double gigaflops(const bench *b, const figures *f) {
    return f->rate * (double)mb_plan_get(b->plan)->multiply_accumulates * 2e-9;
}

static void print_json(const bench *b, const figures *f) {
    const mb_bench_options *o = b->options;
    const mb_bench_settings *s = &o->settings;
    const mb_model_config *c = &s->config;
    printf("{\"engine\": \"merbench " MERBENCH_VERSION "\", \"backend\": \"%s\", "
           "\"device\": \"%s\", \"model\": \"%s\", \"dims\": [%d, %d, %d], ",
           s->backend->name, b->device, s->model->name, c->dims[MB_AUDIO], c->dims[MB_TEXT],
           c->dims[MB_VIDEO]);
    printf("\"feature_type\": \"%s\", \"frames\": %d, \"options\": ",
           mb_feature_type_names[c->feature_type], c->feature_type == MB_UTT ? 1 : s->frames);
    mb_bench_print_options(s);
    printf(", \"hidden_dim\": %g, \"batch_size\": %d, \"dropout\": %g, \"class_count\": %d, "
           "\"value_count\": %d, \"weights\": %lld, \"models\": %d, \"threads\": %d, "
           "\"launch_steps\": %d, \"steps\": %d, \"repeats\": %d, ",
           mb_bench_option(s, "hidden_dim", 0), s->batch, mb_bench_option(s, "dropout", 0),
           c->class_count, c->value_count, (long long)mb_plan_get(b->plan)->parameter_elements,
           o->models, o->threads, b->workers[0].array.launch_steps, o->steps, o->repeats);
    printf("\"steps_per_second\": %.6g, \"slowest\": %.6g, \"fastest\": %.6g, "
           "\"microseconds_per_model_step\": %.6g, \"gigabytes_per_second\": %.6g, "
           "\"gigaflops\": %.6g, ",
           f->rate, f->slowest, f->fastest, 1e6 / f->rate, gigabytes(b, f), gigaflops(b, f));
    if (!o->no_ceilings)
        printf("\"device_copy_gigabytes_per_second\": %.6g, \"percent_of_device_copy\": %.4g, "
               "\"copy_gigabytes_per_second\": %.6g, \"floor_microseconds\": %.6g, "
               "\"percent_of_floor\": %.4g, ",
               f->copy, 100.0 * gigabytes(b, f) / f->copy, f->ceilings.gigabytes_per_second,
               f->floor, 1e-4 * f->floor * f->rate);
    if (f->ceilings.gigaflops > 0.0)
        printf("\"peak_gigaflops\": %.6g, ", f->ceilings.gigaflops);
    printf("\"last_loss\": %.9g}\n", (double)f->loss);
}

static void print_text(const bench *b, const figures *f) {
    const mb_bench_options *o = b->options;
    const mb_bench_settings *s = &o->settings;
    const mb_plan_info *info = mb_plan_get(b->plan);
    printf("merbench " MERBENCH_VERSION ", %s, %d model(s), %d thread(s)\n", b->device, o->models,
           o->threads);
    printf("%s, %s, dims %d,%d,%d, %lld weights, %lld multiply-adds a step\n", s->model->name,
           mb_feature_type_names[s->config.feature_type], s->config.dims[MB_AUDIO],
           s->config.dims[MB_TEXT], s->config.dims[MB_VIDEO], (long long)info->parameter_elements,
           (long long)info->multiply_accumulates);
    printf("%.1f model-steps/s (median of %d; %.1f to %.1f), %.2f us a model-step, last loss "
           "%.4f\n",
           f->rate, o->repeats, f->slowest, f->fastest, 1e6 / f->rate, (double)f->loss);
    printf("weights and moments, 24 bytes a weight: %.1f GB/s; arithmetic: %.1f Gflop/s\n",
           gigabytes(b, f), gigaflops(b, f));
    if (o->no_ceilings)
        return;
    printf("the device's copies: %.1f GB/s (%.1f %% used); floor of 24 bytes a weight: %.2f us a "
           "model-step at %.1f GB/s (%.1f %% reached)\n",
           f->copy, 100.0 * gigabytes(b, f) / f->copy, f->floor, f->ceilings.gigabytes_per_second,
           1e-4 * f->floor * f->rate);
    if (f->ceilings.gigaflops > 0.0)
        printf("arithmetic at most: %.1f Gflop/s (%.1f %% used)\n", f->ceilings.gigaflops,
               100.0 * gigaflops(b, f) / f->ceilings.gigaflops);
}

static void release(bench *b) {
    for (int32_t t = 0; b->workers != NULL && t < b->options->threads; t++) {
        worker *w = &b->workers[t];
        mb_bench_copy_close(&w->copy);
        mb_bench_array_close(&w->array);
        if (w->device != NULL)
            w->device->backend->close(w->device);
    }
    free(b->workers);
    mb_bench_data_free(&b->data);
    mb_plan_free(b->plan);
}

int main(int argc, char **argv) {
    mb_bench_options parsed;
    bool help = false;
    mb_error error = {.message = ""};
    figures result = {0};
    mb_status status = mb_bench_parse(argc, argv, &parsed, &help, &error);
    if (help) {
        mb_bench_print_help();
        return MB_OK;
    }
    bench b = {.options = &parsed};
    if (status == MB_OK) {
        status = prepare(&b, &error);
        if (status == MB_OK && parsed.meet != NULL)
            status = mb_bench_meet(parsed.meet, &error);
        if (status == MB_OK)
            status = measure_training(&b, &result, &error);
        if (status == MB_OK && !parsed.no_ceilings)
            status = measure_ceilings(&b, &result, &error);
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
