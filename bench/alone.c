// Checks that runs have the same results in an array and alone, bit for bit, with arrays as large
// as those of a sweep. The tests check small arrays; large arrays on a GPU use more blocks, more
// memory and 64-bit offsets.
#include <stdio.h>
#include <stdlib.h>

#include "outcome.h"

typedef struct request {
    mb_bench_settings settings;
    mb_wholes models;
    int32_t steps;
    bool spoil, json;
} request;

enum { MOST_COMPARED = 6 }; // runs of an array

typedef struct bench {
    const request *request;
    mb_device *device;
    mb_device_description description;
    mb_plan *plan;
    mb_bench_data data;
} bench;

// ---- command line -------------------------------------------------------------------------------

static mb_status parse(int argc, char **argv, request *r, bool *help_shown, mb_error *error) {
    int32_t hidden = 128;
    mb_command_option settings[MB_BENCH_OPTIONS];
    const mb_command_option options[] = {
        {"models", "A,A,...", "runs of an array (1,24,720)", .wholes = &r->models, .least = 1,
         .most = 65535},
        {"steps", "N", "training steps of each run (5)", .whole = &r->steps, .least = 1,
         .most = 100000},
        mb_bench_hidden_option(&hidden),
        {.included = settings},
        {"spoil", NULL, "change a bit of the results, to check that the comparison finds it",
         .given = &r->spoil},
        {"json", NULL, "a line of JSON for every array", .given = &r->json},
        {.name = NULL}};
    const mb_command_line line = {
        .program = "bench_alone",
        .usage =
            "usage: bench_alone [OPTIONS]\n\n"
            "Trains arrays of runs with different rates, in which each run has no rows in some "
            "steps. Then trains\nsome of the runs alone, and compares every bit of weights, "
            "moments and losses.",
        .options = options};
    *r = (request){.models = {3, {1, 24, 720}}, .steps = 5};
    mb_bench_settings_start(&r->settings);
    mb_bench_settings_options(&r->settings, settings);
    mb_operands none;
    mb_status status = mb_command_line_parse(&line, argc, argv, &none, error);
    *help_shown = none.help_shown;
    if (status != MB_OK || none.help_shown)
        return status;
    return mb_bench_settings_finish(&r->settings, hidden, error);
}

// ---- training -----------------------------------------------------------------------------------

// Rows of a run in a step: whole batches, except that of five steps one has fewer rows and one has
// none.
static int32_t rows_of(int32_t run, int32_t step, int32_t batch) {
    switch ((7 * run + 3 * step) % 5) {
    case 2:
        return 1 + (13 * run + 5 * step) % batch;
    case 4:
        return 0;
    default:
        return batch;
    }
}

static void vary_slots(int32_t run, float slots[MB_SLOT_COUNT]) {
    slots[MB_SLOT_LEARNING_RATE] = 2.5e-4f * (float)(1 + run % 4);
    slots[MB_SLOT_WEIGHT_DECAY] = run % 2 == 0 ? 1e-5f : 1e-3f;
    slots[MB_SLOT_GRAD_CLIP] = run % 3 == 1 ? 0.1f : -1.0f;
    slots[MB_SLOT_DROPOUT] *= 1.0f - 0.25f * (float)(run % 5); // down to 0
}

// Gives the runs of an array, which are runs `first` and later, different rates and rows. Start
// values are drawn again, because those of mb_bench_array_open repeat.
static mb_status vary(mb_bench_array *array, int32_t first, mb_error *error) {
    const mb_backend *backend = array->device->backend;
    int32_t count = array->run_count, batch = mb_plan_get(array->plan)->max_rows;
    size_t row_count = (size_t)array->steps_per_epoch * (size_t)count;
    size_t slot_bytes = (size_t)count * MB_SLOT_COUNT * sizeof(float);
    int32_t *rows = calloc(row_count, sizeof *rows);
    float *slots = malloc(slot_bytes);
    mb_status status = rows == NULL || slots == NULL ? mb_out_of_memory(error, "tables") : MB_OK;
    if (status == MB_OK)
        status = backend->download(array->device, slots, array->slots, slot_bytes, error);
    for (int32_t a = 0; status == MB_OK && a < count; a++) {
        vary_slots(first + a, slots + (size_t)a * MB_SLOT_COUNT);
        for (int32_t s = 0; s < array->steps_per_epoch; s++)
            rows[(size_t)s * (size_t)count + (size_t)a] = rows_of(first + a, s, batch);
    }
    if (status == MB_OK)
        status = backend->upload(array->device, array->slots, slots, slot_bytes, error);
    if (status == MB_OK)
        status = backend->upload(array->device, array->rows, rows, row_count * sizeof *rows, error);
    if (status == MB_OK)
        status = backend->executor->initialise(array->device, array->plan, count, array->keys,
                                               array->parameters, error);
    free(rows);
    free(slots);
    return status;
}

// Trains runs first ... first + count - 1 as an array. Fails if a loss is not finite, because
// comparing such runs would prove little.
static mb_status train(bench *b, int32_t first, int32_t count, mb_bench_array *array,
                       mb_error *error) {
    float unused;
    mb_status status = mb_bench_array_open(b->device, b->plan, &b->request->settings, &b->data,
                                           count, first + 1, 0, array, error);
    if (status == MB_OK)
        status = vary(array, first, error);
    if (status == MB_OK)
        status = mb_bench_array_step(array, b->request->steps, error);
    return status == MB_OK ? mb_bench_array_loss(array, &unused, error) : status;
}

// ---- comparing ----------------------------------------------------------------------------------

static mb_status compare_alone(bench *b, int32_t run, const mb_bench_outcome *together, bool *equal,
                               mb_error *error) {
    mb_bench_array array = {0};
    mb_bench_outcome alone = {.values = {NULL}};
    mb_status status = train(b, run, 1, &array, error);
    if (status == MB_OK)
        status = mb_bench_outcome_fetch(&array, 0, &alone, error);
    if (status == MB_OK) {
        status = mb_bench_outcome_compare(b->plan, together, &alone, error);
        *equal = status == MB_OK;
    }
    mb_bench_outcome_free(&alone);
    mb_bench_array_close(&array);
    return status;
}

// The runs that are compared: first, last, and some between.
static int32_t sample(int32_t models, int32_t runs[MOST_COMPARED]) {
    int32_t count = models < MOST_COMPARED ? models : MOST_COMPARED;
    for (int32_t i = 0; i < count; i++)
        runs[i] = count == 1 ? 0 : (int32_t)((int64_t)i * (models - 1) / (count - 1));
    return count;
}

static void print(const bench *b, int32_t models, int32_t compared, bool left_out, bool equal) {
    const mb_bench_settings *s = &b->request->settings;
    if (!b->request->json && left_out)
        printf("%d model(s): left out, not enough memory\n", models);
    else if (!b->request->json)
        printf("%d model(s): %d run(s) compared, %s\n", models, compared,
               equal ? "equal" : "not equal");
    if (!b->request->json)
        return;
    printf("{\"what\": \"alone\", \"engine\": \"merbench " MERBENCH_VERSION
           "\", \"backend\": \"%s\", \"device\": \"%s\", \"model\": \"%s\", \"hidden_dim\": %g, "
           "\"batch_size\": %d, "
           "\"steps\": %d, \"models\": %d, ",
           s->backend->name, b->description.text, s->model->name,
           mb_bench_option(s, "hidden_dim", 0), s->batch, b->request->steps, models);
    if (left_out)
        puts("\"left_out\": true}");
    else
        printf("\"runs_compared\": %d, \"equal\": %s}\n", compared, equal ? "true" : "false");
}

// Trains an array, fetches the results of some of its runs (`together`), and compares each with the
// same run alone.
static mb_status check(bench *b, int32_t models, mb_error *error) {
    int32_t runs[MOST_COMPARED], count = sample(models, runs);
    mb_bench_outcome together[MOST_COMPARED] = {{.values = {NULL}}};
    mb_bench_array array = {0};
    bool fits = false;
    mb_status status = mb_bench_array_fits(b->device, b->plan, models, &fits, error);
    if (status == MB_OK && fits)
        status = train(b, 0, models, &array, error);
    for (int32_t i = 0; status == MB_OK && fits && i < count; i++)
        status = mb_bench_outcome_fetch(&array, runs[i], &together[i], error);
    mb_bench_array_close(&array);
    bool left_out = status == MB_OK ? !fits : error->out_of_memory;
    if (left_out)
        status = MB_OK;
    if (status == MB_OK && !left_out && b->request->spoil)
        mb_bench_outcome_spoil(&together[count - 1]);
    bool equal = true;
    for (int32_t i = 0; status == MB_OK && !left_out && i < count; i++) {
        status = compare_alone(b, runs[i], &together[i], &equal, error);
        if (status != MB_OK)
            status = mb_fail_in(error, status, "%d model(s), run %d: ", models, runs[i]);
    }
    for (int32_t i = 0; i < count; i++)
        mb_bench_outcome_free(&together[i]);
    if (status == MB_OK || !equal)
        print(b, models, count, left_out, equal);
    return status;
}

static mb_status prepare(bench *b, mb_error *error) {
    const mb_bench_settings *s = &b->request->settings;
    mb_status status = s->backend->open(&b->device, error);
    if (status == MB_OK)
        status = mb_model_compile(s->model, &s->config, MB_PLAN_TRAIN, MB_DROPOUT_RANDOM, s->batch,
                                  &b->plan, error);
    if (status == MB_OK)
        status = mb_bench_data_make(&s->config, s->rows, &b->data, error);
    if (status == MB_OK)
        status = s->backend->describe(b->device, &b->description, error);
    if (status == MB_OK && !b->request->json)
        printf("merbench " MERBENCH_VERSION ", %s\n%s, %s, dims %d,%d,%d, batch %d, %d steps\n\n",
               b->description.text, s->model->name, mb_feature_type_names[s->config.feature_type],
               s->config.dims[MB_AUDIO], s->config.dims[MB_TEXT], s->config.dims[MB_VIDEO],
               s->batch, b->request->steps);
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
        status = prepare(&b, &error);
    for (int32_t i = 0; status == MB_OK && i < r.models.count; i++)
        status = check(&b, r.models.items[i], &error);
    mb_bench_data_free(&b.data);
    mb_plan_free(b.plan);
    if (b.device != NULL)
        b.device->backend->close(b.device);
    if (status != MB_OK)
        fprintf(stderr, "bench_alone: %s\n", error.message);
    return status;
}
