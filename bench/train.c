// How fast models train: steps of one model a thread, against what the machine can do at most.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "ceilings.h"
#include "clock.h"
#include "train_data.h"
#include "train_options.h"

typedef struct bench {
    const mb_bench_options *options;
    mb_plan *plan;
    mb_bench_data data;
    mb_bench_run *runs; // (threads)
    mb_error *errors;   // (threads)
    mb_status *statuses;
} bench;

typedef struct figures {
    double rate, slowest, fastest; // model-steps a second
    float loss;                    // of the last step of the first model
    mb_ceilings ceilings;
} figures;

static void train_thread(void *context, int32_t thread) {
    bench *b = context;
    b->statuses[thread] =
        mb_bench_run_train(&b->runs[thread], b->options->steps, &b->errors[thread]);
}

static mb_status prepare(bench *b, mb_error *error) {
    const mb_bench_options *o = b->options;
    mb_status status = mb_plan_compile(o->model, &o->config, MB_PLAN_TRAIN,
                                       o->dropout > 0.0 ? MB_DROPOUT_RANDOM : MB_DROPOUT_OFF,
                                       o->batch, &b->plan, error);
    if (status == MB_OK)
        status = mb_bench_data_make(&o->config, o->rows, &b->data, error);
    b->runs = calloc((size_t)o->threads, sizeof *b->runs);
    b->errors = calloc((size_t)o->threads, sizeof *b->errors);
    b->statuses = calloc((size_t)o->threads, sizeof *b->statuses);
    if (status == MB_OK && (b->runs == NULL || b->errors == NULL || b->statuses == NULL))
        status = mb_out_of_memory(error, "threads");
    for (int32_t t = 0; status == MB_OK && t < o->threads; t++) {
        status =
            mb_bench_run_open(b->plan, &b->data, o->dropout, (uint32_t)t + 1, &b->runs[t], error);
        if (status == MB_OK)
            status = mb_bench_run_train(&b->runs[t], o->warmup, error);
    }
    return status;
}

static mb_status measure(bench *b, figures *result, mb_error *error) {
    const mb_bench_options *o = b->options;
    double *rates = calloc((size_t)o->repeats, sizeof *rates);
    mb_status status = rates == NULL ? mb_out_of_memory(error, "repeats") : MB_OK;
    for (int32_t r = 0; status == MB_OK && r < o->repeats; r++) {
        double seconds = mb_bench_parallel(o->threads, train_thread, b);
        if (seconds <= 0.0)
            status = mb_fail(error, MB_FAILED, "cannot start %d threads", o->threads);
        for (int32_t t = 0; status == MB_OK && t < o->threads; t++)
            if (b->statuses[t] != MB_OK)
                status = mb_fail(error, b->statuses[t], "thread %d: %s", t, b->errors[t].message);
        rates[r] = (double)o->steps * o->threads / seconds;
    }
    if (status == MB_OK) {
        result->rate = mb_bench_median(rates, o->repeats);
        result->slowest = rates[0];
        result->fastest = rates[o->repeats - 1];
        result->loss = mb_bench_run_loss(&b->runs[0]);
        if (!isfinite(result->loss))
            status = mb_fail(error, MB_FAILED, "the loss is not finite: %g", (double)result->loss);
    }
    free(rates);
    if (status == MB_OK && !o->no_ceilings &&
        mb_bench_ceilings(o->threads, mb_plan_get(b->plan)->parameter_floats, &result->ceilings) !=
            0)
        status = mb_fail(error, MB_FAILED, "cannot measure the machine: out of memory or threads");
    return status;
}

static void print_json(const bench *b, const figures *f) {
    const mb_bench_options *o = b->options;
    const mb_plan_info *info = mb_plan_get(b->plan);
    printf("{\"engine\": \"merbench " MERBENCH_VERSION "\", \"device\": \"%s\", \"model\": \"%s\", "
           "\"dims\": [%d, %d, %d], ",
           mb_cpu_description(), o->model->name, o->config.dims[MB_AUDIO], o->config.dims[MB_TEXT],
           o->config.dims[MB_VIDEO]);
    printf(
        "\"hidden_dim\": %d, \"batch_size\": %d, \"dropout\": %g, \"class_count\": %d, "
        "\"value_count\": %d, \"weights\": %lld, \"threads\": %d, \"steps\": %d, \"repeats\": %d, ",
        (int)o->config.options[mb_model_option(o->model, "hidden_dim")], o->batch, o->dropout,
        o->config.class_count, o->config.value_count, (long long)info->parameter_elements,
        o->threads, o->steps, o->repeats);
    printf("\"steps_per_second\": %.6g, \"slowest\": %.6g, \"fastest\": %.6g, "
           "\"gigabytes_per_second\": %.6g, \"gigaflops\": %.6g, ",
           f->rate, f->slowest, f->fastest, f->rate * (double)info->parameter_elements * 24e-9,
           f->rate * (double)info->multiply_accumulates * 2e-9);
    if (!o->no_ceilings)
        printf("\"copy_gigabytes_per_second\": %.6g, \"peak_gigaflops\": %.6g, ",
               f->ceilings.gigabytes_per_second, f->ceilings.gigaflops);
    printf("\"last_loss\": %.9g}\n", (double)f->loss);
}

static void print_text(const bench *b, const figures *f) {
    const mb_bench_options *o = b->options;
    const mb_plan_info *info = mb_plan_get(b->plan);
    double bytes = f->rate * (double)info->parameter_elements * 24e-9;
    double flops = f->rate * (double)info->multiply_accumulates * 2e-9;
    printf("merbench " MERBENCH_VERSION ", %s, %d thread(s), one model each\n",
           mb_cpu_description(), o->threads);
    printf("%s, dims %d,%d,%d, %lld weights, %lld multiply-adds a step\n", o->model->name,
           o->config.dims[MB_AUDIO], o->config.dims[MB_TEXT], o->config.dims[MB_VIDEO],
           (long long)info->parameter_elements, (long long)info->multiply_accumulates);
    printf("%.1f model-steps/s (median of %d; %.1f to %.1f), last loss %.4f\n", f->rate, o->repeats,
           f->slowest, f->fastest, (double)f->loss);
    printf("optimiser floor, 24 bytes a weight: %.1f GB/s; arithmetic: %.1f Gflop/s\n", bytes,
           flops);
    if (!o->no_ceilings)
        printf(
            "ceilings of this machine:           %.1f GB/s (%.0f %% used); %.1f Gflop/s (%.0f %% "
            "used)\n",
            f->ceilings.gigabytes_per_second, 100.0 * bytes / f->ceilings.gigabytes_per_second,
            f->ceilings.gigaflops, 100.0 * flops / f->ceilings.gigaflops);
}

static void release(bench *b) {
    for (int32_t t = 0; b->runs != NULL && t < b->options->threads; t++)
        mb_bench_run_close(&b->runs[t]);
    free(b->runs);
    free(b->errors);
    free(b->statuses);
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
