// Measures the executor with arrays of many sizes: training steps, evaluations and copies for every
// number of models and every hidden_dim, in one process, compared with the device's copies. Uses
// only the backend interface, so that it works on every device.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "array.h"
#include "copy.h"
#include "pace.h"

typedef struct request {
    mb_bench_settings settings;
    mb_wholes models, hidden;
    int32_t evaluation_rows, milliseconds, repeats, launch_steps;
    bool json;
} request;

// One line of the table. Times are medians.
typedef struct line {
    const char *what; // "train", "evaluate", "copy"
    int32_t models, hidden;
    int64_t weights;           // of a model
    double seconds;            // of a step of all models, or of a copy
    double gigabytes, gigaops; // the least that it moves; its operations
} line;

typedef struct bench {
    const request *request;
    mb_device *device;
    mb_bench_data data;
    double copy; // GB/s of the device's memory
    int32_t printed;
} bench;

// ---- command line -------------------------------------------------------------------------------

static mb_status parse_options(int argc, char **argv, request *r, bool *help_shown,
                               mb_error *error) {
    mb_command_option settings[MB_BENCH_OPTIONS];
    const mb_command_option options[] = {
        {"models", "A,A,...", "models of an array (1,8,24,120,240,720)", .wholes = &r->models,
         .least = 1, .most = 65535},
        {"hidden", "H,H,...", "hidden_dim (64,128,256)", .wholes = &r->hidden, .least = 1,
         .most = 4096},
        {.included = settings},
        {"evaluation-rows", "N", "rows of an evaluation step (256)", .whole = &r->evaluation_rows,
         .least = 1, .most = 65536},
        {"milliseconds", "N", "least time of a measurement (50)", .whole = &r->milliseconds,
         .least = 1, .most = 100000},
        {"repeats", "N", "take the median of N measurements (5)", .whole = &r->repeats, .least = 1,
         .most = 1000},
        mb_bench_launch_option(&r->launch_steps),
        {"json", NULL, "print lines of JSON", .given = &r->json},
        {.name = NULL}};
    const mb_command_line command_line = {
        .program = "bench_kernels",
        .usage = "usage: bench_kernels [OPTIONS]\n\n"
                 "Times training steps, evaluations and copies of arrays of models, one line each.",
        .options = options};
    mb_bench_settings_start(&r->settings);
    mb_bench_settings_options(&r->settings, settings);
    mb_operands none;
    mb_status status = mb_command_line_parse(&command_line, argc, argv, &none, error);
    *help_shown = none.help_shown;
    return status;
}

static mb_status parse(int argc, char **argv, request *r, bool *help_shown, mb_error *error) {
    *r = (request){.models = {6, {1, 8, 24, 120, 240, 720}},
                   .hidden = {3, {64, 128, 256}},
                   .evaluation_rows = 256,
                   .milliseconds = 50,
                   .repeats = 5};
    mb_status status = parse_options(argc, argv, r, help_shown, error);
    if (status != MB_OK || *help_shown)
        return status;
    for (int32_t i = 0; status == MB_OK && i < r->hidden.count; i++)
        status = mb_bench_settings_finish(&r->settings, r->hidden.items[i], error);
    if (status == MB_OK && r->settings.rows < r->evaluation_rows)
        return mb_fail(error, MB_USAGE, "--rows %d is smaller than --evaluation-rows %d",
                       r->settings.rows, r->evaluation_rows);
    return status;
}

// ---- output -------------------------------------------------------------------------------------

static void print_text(bench *b, const line *l) {
    if (b->printed++ == 0)
        printf("%-9s %6s %6s %10s %12s %14s %9s %8s %10s\n", "", "hidden", "models", "weights",
               "us a step", "model-steps/s", "GB/s", "of copy", "Gflop/s");
    printf("%-9s %6d %6d %10lld %12.1f ", l->what, l->hidden, l->models, (long long)l->weights,
           1e6 * l->seconds);
    if (strcmp(l->what, "copy") == 0)
        printf("%14s ", "");
    else
        printf("%14.1f ", l->models / l->seconds);
    printf("%9.1f %7.1f%%", l->gigabytes / l->seconds, 100.0 * l->gigabytes / l->seconds / b->copy);
    if (l->gigaops > 0.0)
        printf(" %10.1f", l->gigaops / l->seconds);
    putchar('\n');
    fflush(stdout);
}

static void print_json(const bench *b, const line *l) {
    const mb_bench_settings *s = &b->request->settings;
    printf("{\"engine\": \"merbench " MERBENCH_VERSION "\", \"backend\": \"%s\", \"what\": \"%s\", "
           "\"model\": \"%s\", \"feature_type\": \"%s\", \"hidden_dim\": %d, \"models\": %d, "
           "\"weights\": %lld, \"batch_size\": %d, \"evaluation_rows\": %d, \"seconds\": %.6g, "
           "\"gigabytes_per_second\": %.6g, \"gigaflops\": %.6g, "
           "\"device_copy_gigabytes_per_second\": %.6g}\n",
           s->backend->name, l->what, s->model->name, mb_feature_type_names[s->config.feature_type],
           l->hidden, l->models, (long long)l->weights, s->batch, b->request->evaluation_rows,
           l->seconds, l->gigabytes / l->seconds, l->gigaops / l->seconds, b->copy);
    fflush(stdout);
}

static void print(bench *b, const line *l) {
    if (b->request->json)
        print_json(b, l);
    else
        print_text(b, l);
}

// ---- measuring ----------------------------------------------------------------------------------

// Copies the array's first moments to its second moments.
static mb_status time_copy(bench *b, const mb_bench_array *array, line *l, mb_error *error) {
    size_t floats = (size_t)array->run_count * (size_t)mb_plan_get(array->plan)->parameter_floats;
    mb_bench_copy copy = {.device = b->device,
                          .from = array->first_moments,
                          .to = array->second_moments,
                          .bytes = floats * sizeof(float)};
    double rate = 0.0;
    mb_status status = mb_bench_copy_rate(&copy, &rate, error);
    l->what = "copy";
    l->gigabytes = 2e-9 * (double)copy.bytes;
    l->gigaops = 0.0;
    l->seconds = l->gigabytes / rate;
    return status;
}

// Measures one plan with one number of models and prints its line; for training, also that of the
// copy.
static mb_status measure(bench *b, const mb_plan *plan, line *l, mb_error *error) {
    const request *r = b->request;
    const mb_plan_info *info = mb_plan_get(plan);
    mb_bench_array array = {0};
    float loss;
    bool fits = false;
    int32_t steps = 0;
    mb_status status = mb_bench_array_fits(b->device, plan, l->models, &fits, error);
    if (status == MB_OK && !fits) {
        fprintf(stderr, "%s, hidden_dim %d, %d models: left out, not enough memory\n", l->what,
                l->hidden, l->models);
        return MB_OK;
    }
    if (status == MB_OK)
        status = mb_bench_array_open(b->device, plan, &r->settings, &b->data, l->models, 1,
                                     r->launch_steps, &array, error);
    if (status == MB_OK)
        status = mb_bench_pace(&array, r->milliseconds, &steps, error);
    if (status == MB_OK)
        status = mb_bench_step_seconds(&array, steps, r->repeats, &l->seconds, error);
    if (status == MB_OK)
        status = mb_bench_array_loss(&array, &loss, error);
    l->weights = info->parameter_elements;
    l->gigabytes = (info->trains ? 24e-9 : 4e-9) * (double)l->weights * l->models;
    l->gigaops = 2e-9 * (double)info->multiply_accumulates * l->models;
    if (status == MB_OK)
        print(b, l);
    if (status == MB_OK && info->trains) {
        status = time_copy(b, &array, l, error);
        if (status == MB_OK)
            print(b, l);
    }
    mb_bench_array_close(&array);
    return status;
}

static mb_status measure_hidden(bench *b, request *r, int32_t hidden, mb_error *error) {
    mb_bench_settings *s = &r->settings;
    mb_plan *train = NULL, *evaluate = NULL;
    mb_status status = mb_bench_settings_finish(s, hidden, error);
    if (status == MB_OK)
        status = mb_model_compile(s->model, &s->config, MB_PLAN_TRAIN, MB_DROPOUT_RANDOM, s->batch,
                                  &train, error);
    if (status == MB_OK)
        status = mb_model_compile(s->model, &s->config, MB_PLAN_EVALUATE, MB_DROPOUT_OFF,
                                  r->evaluation_rows, &evaluate, error);
    for (int32_t i = 0; status == MB_OK && i < 2 * r->models.count; i++) {
        line l = {.what = i % 2 == 0 ? "train" : "evaluate",
                  .models = r->models.items[i / 2],
                  .hidden = hidden};
        status = measure(b, i % 2 == 0 ? train : evaluate, &l, error);
    }
    mb_plan_free(train);
    mb_plan_free(evaluate);
    return status;
}

static mb_status measure_device(bench *b, mb_error *error) {
    mb_device_description description;
    size_t bytes = 0;
    mb_status status = b->device->backend->describe(b->device, &description, error);
    if (status == MB_OK)
        status = mb_bench_copy_ceiling(b->device, &bytes, &b->copy, error);
    const mb_bench_settings *s = &b->request->settings;
    if (status == MB_OK && !b->request->json)
        printf("merbench " MERBENCH_VERSION ", %s; copies of %zu MiB: %.1f GB/s\n"
               "%s, %s, dims %d,%d,%d, batch %d, evaluation %d rows\n\n",
               description.text, bytes >> 20, b->copy, s->model->name,
               mb_feature_type_names[s->config.feature_type], s->config.dims[MB_AUDIO],
               s->config.dims[MB_TEXT], s->config.dims[MB_VIDEO], s->batch,
               b->request->evaluation_rows);
    return status;
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
        status = mb_bench_open(&r.settings, &b.device, &error);
    if (status == MB_OK)
        status = measure_device(&b, &error);
    if (status == MB_OK)
        status = mb_bench_data_make(&r.settings.config, r.settings.rows, &b.data, &error);
    for (int32_t i = 0; status == MB_OK && i < r.hidden.count; i++)
        status = measure_hidden(&b, &r, r.hidden.items[i], &error);
    mb_bench_data_free(&b.data);
    if (b.device != NULL)
        b.device->backend->close(b.device);
    if (status != MB_OK)
        fprintf(stderr, "bench_kernels: %s\n", error.message);
    return status;
}
