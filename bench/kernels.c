// What the executor makes of arrays of many sizes: training steps, evaluations and copies for every
// number of models and every hidden_dim, against the copy and each other, in one process. Uses the
// public backend only, so that every device can be asked.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "array.h"
#include "copy.h"
#include "pace.h"

typedef struct request {
    mb_bench_settings settings;
    int32_t models[MB_BENCH_MOST_NUMBERS], model_count;
    int32_t hidden[MB_BENCH_MOST_NUMBERS], hidden_count;
    int32_t evaluation_rows, milliseconds, repeats, launch_steps;
    bool json;
} request;

// One line of the table. Times are medians.
typedef struct line {
    const char *what; // "train", "evaluate", "copy"
    int32_t models, hidden;
    int64_t weights;           // of a model
    double seconds;            // of a step of all models, or of a copy
    double gigabytes, gigaops; // that it moves at least; that it multiplies and adds
} line;

typedef struct bench {
    const request *request;
    mb_device *device;
    mb_bench_data data;
    double copy; // GB/s of the device's memory
    int32_t printed;
} bench;

// ---- command line -------------------------------------------------------------------------------

enum {
    OPTION_HELP = 'h',
    OPTION_HIDDEN = MB_BENCH_OWN_OPTIONS,
    OPTION_MODELS,
    OPTION_EVALUATION_ROWS,
    OPTION_MILLISECONDS,
    OPTION_REPEATS,
    OPTION_LAUNCH_STEPS,
    OPTION_JSON
};

static const struct option long_options[] = {
    {"help", no_argument, NULL, OPTION_HELP},
    {"hidden", required_argument, NULL, OPTION_HIDDEN},
    {"models", required_argument, NULL, OPTION_MODELS},
    {"evaluation-rows", required_argument, NULL, OPTION_EVALUATION_ROWS},
    {"milliseconds", required_argument, NULL, OPTION_MILLISECONDS},
    {"repeats", required_argument, NULL, OPTION_REPEATS},
    {"launch-steps", required_argument, NULL, OPTION_LAUNCH_STEPS},
    {"json", no_argument, NULL, OPTION_JSON},
    MB_BENCH_SETTING_OPTIONS,
    {NULL, 0, NULL, 0},
};

static void print_help(void) {
    fputs("usage: bench_kernels [OPTIONS]\n\n"
          "Times training steps, evaluations and copies of arrays of models, one line each.\n\n"
          "  --models A,A,...   models of an array (1,8,24,120,240,720)\n"
          "  --hidden H,H,...   hidden_dim (64,128,256)\n",
          stdout);
    fputs(mb_bench_settings_help, stdout);
    puts("  --evaluation-rows N  rows of an evaluation step (256)\n"
         "  --milliseconds N   the least that is timed at once (50)\n"
         "  --repeats N        the median of so many (5)\n"
         "  --launch-steps N   steps that are handed to the device at once (as the device "
         "suggests)\n"
         "  --json             a line of JSON for every line");
}

static mb_status parse_option(request *r, int code, mb_error *error) {
    switch (code) {
    case OPTION_HIDDEN:
        return mb_bench_numbers("hidden", optarg, 1, 4096, r->hidden, &r->hidden_count, error);
    case OPTION_MODELS:
        return mb_bench_numbers("models", optarg, 1, 65535, r->models, &r->model_count, error);
    case OPTION_EVALUATION_ROWS:
        return mb_bench_number("evaluation-rows", optarg, 1, 65536, &r->evaluation_rows, error);
    case OPTION_MILLISECONDS:
        return mb_bench_number("milliseconds", optarg, 1, 100000, &r->milliseconds, error);
    case OPTION_REPEATS:
        return mb_bench_number("repeats", optarg, 1, 1000, &r->repeats, error);
    case OPTION_LAUNCH_STEPS:
        return mb_bench_number("launch-steps", optarg, 1, 100000, &r->launch_steps, error);
    case OPTION_JSON:
        r->json = true;
        return MB_OK;
    default:
        return mb_bench_settings_take(&r->settings, code, optarg, error);
    }
}

static mb_status parse(int argc, char **argv, request *r, bool *help, mb_error *error) {
    *r = (request){.models = {1, 8, 24, 120, 240, 720},
                   .model_count = 6,
                   .hidden = {64, 128, 256},
                   .hidden_count = 3,
                   .evaluation_rows = 256,
                   .milliseconds = 50,
                   .repeats = 5};
    mb_bench_settings_start(&r->settings);
    mb_status status = MB_OK;
    for (int code;
         status == MB_OK && (code = getopt_long(argc, argv, "h", long_options, NULL)) >= 0;) {
        if (code == OPTION_HELP)
            return *help = true, MB_OK;
        status = parse_option(r, code, error);
    }
    if (status == MB_OK && optind < argc)
        return mb_fail(error, MB_USAGE, "unexpected argument '%s'", argv[optind]);
    for (int32_t i = 0; status == MB_OK && i < r->hidden_count; i++)
        status = mb_bench_settings_finish(&r->settings, r->hidden[i], error);
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

// Copies of one half of the array's weights and moments to the other.
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

// One plan with one number of models: its line, and for training that of the copy, too.
static mb_status measure(bench *b, const mb_plan *plan, line *l, mb_error *error) {
    const request *r = b->request;
    const mb_plan_info *info = mb_plan_get(plan);
    mb_bench_array array = {0};
    float loss;
    bool room = false;
    int32_t steps = 0;
    mb_status status = mb_bench_array_fits(b->device, plan, l->models, &room, error);
    if (status == MB_OK && !room) {
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
    for (int32_t i = 0; status == MB_OK && i < 2 * r->model_count; i++) {
        line l = {.what = i % 2 == 0 ? "train" : "evaluate",
                  .models = r->models[i / 2],
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
    bool help = false;
    mb_error error = {.message = ""};
    mb_status status = parse(argc, argv, &r, &help, &error);
    if (help) {
        print_help();
        return MB_OK;
    }
    bench b = {.request = &r};
    if (status == MB_OK)
        status = mb_bench_open(&r.settings, &b.device, &error);
    if (status == MB_OK)
        status = measure_device(&b, &error);
    if (status == MB_OK)
        status = mb_bench_data_make(&r.settings.config, r.settings.rows, &b.data, &error);
    for (int32_t i = 0; status == MB_OK && i < r.hidden_count; i++)
        status = measure_hidden(&b, &r, r.hidden[i], &error);
    mb_bench_data_free(&b.data);
    if (b.device != NULL)
        b.device->backend->close(b.device);
    if (status != MB_OK)
        fprintf(stderr, "bench_kernels: %s\n", error.message);
    return status;
}
