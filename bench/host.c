// Measures the host's work in training an array: mb_train_runs on a device that accepts all calls
// and does nothing. Two trainings of different lengths are compared, so that opening and closing
// cancel out.
#include <stdio.h>
#include <stdlib.h>

#include "base/command_line.h"
#include "clock.h"
#include "idle.h"
#include "merbench/train.h"
#include "models/blocks.h"

typedef struct request {
    int32_t models, rows, selected, epochs;
    bool json;
} request;

// ---- runs ---------------------------------------------------------------------------------------

typedef struct runs {
    mb_dataset dataset;
    float *features, *valences;
    int32_t *emotions, *rows;
    mb_fold fold;
    mb_run_spec *specs;
    mb_run_result *results;
} runs;

static mb_part part_of(int32_t *rows, int32_t count) {
    return (mb_part){.count = count, .rows = rows, .scope_count = count, .scope = rows};
}

static mb_status open_runs(const request *r, runs *all, mb_error *error) {
    size_t utterances = (size_t)(r->rows + r->selected);
    const mb_model *model = mb_model_find("attention");
    *all = (runs){
        .dataset = {.utterance_count = (int32_t)utterances, .stream_count = MB_MODALITY_COUNT},
        .features = calloc(utterances, sizeof(float)),
        .valences = calloc(utterances, sizeof(float)),
        .emotions = calloc(utterances, sizeof(int32_t)),
        .rows = calloc(utterances, sizeof(int32_t)),
        .specs = calloc((size_t)r->models, sizeof(mb_run_spec)),
        .results = calloc((size_t)r->models, sizeof(mb_run_result))};
    if (all->features == NULL || all->valences == NULL || all->emotions == NULL ||
        all->rows == NULL || all->specs == NULL || all->results == NULL)
        return mb_out_of_memory(error, "runs");
    for (size_t i = 0; i < utterances; i++)
        all->rows[i] = (int32_t)i;
    for (int m = 0; m < MB_MODALITY_COUNT; m++)
        all->dataset.streams[m] = (mb_stream){.dimension = 1, .values = all->features};
    all->dataset.emotions = all->emotions;
    all->dataset.valences = all->valences;
    all->fold.train = part_of(all->rows, r->rows);
    all->fold.select = part_of(all->rows + r->rows, r->selected);
    for (int32_t a = 0; a < r->models; a++) {
        mb_run_spec *spec = &all->specs[a];
        *spec = (mb_run_spec){.model = model,
                              .config = {.feature_type = MB_UTT,
                                         .dims = {1, 1, 1},
                                         .steps = {1, 1, 1},
                                         .class_count = 6,
                                         .value_count = 1},
                              .training = {.batch_size = 32,
                                           .learning_rate = 1e-3,
                                           .weight_decay = 1e-5,
                                           .grad_clip = -1,
                                           .shuffle = true,
                                           .selection = MB_SELECT_EMOVAL},
                              .seed = (uint32_t)a,
                              .rules = mb_dataset_find("MER2023"),
                              .datasets = &all->dataset,
                              .dataset_count = 1,
                              .fold = &all->fold};
        mb_model_defaults(model, &spec->config);
        spec->config.options[MB_OPTION_HIDDEN_DIM] = 4;
    }
    return MB_OK;
}

static void close_runs(runs *all) {
    free(all->features);
    free(all->valences);
    free(all->emotions);
    free(all->rows);
    free(all->specs);
    free(all->results);
}

// Trains for `epochs` epochs; returns the requests to the device, and the seconds.
static mb_status train(const request *r, runs *all, int32_t epochs, mb_idle_counts *found,
                       double *seconds, mb_error *error) {
    mb_idle idle;
    mb_status status = mb_idle_open(&idle, error);
    if (status != MB_OK)
        return status;
    for (int32_t a = 0; a < r->models; a++)
        all->specs[a].training.epochs = epochs;
    double began = mb_bench_seconds();
    mb_device_cache cache = {.device = idle.device};
    status = mb_train_runs(&cache, all->specs, r->models, NULL, NULL, all->results, error);
    *seconds = mb_bench_seconds() - began;
    *found = *mb_idle_requests();
    for (int32_t a = 0; status == MB_OK && a < r->models; a++)
        mb_run_result_free(&all->results[a]);
    mb_idle_close(&idle);
    return status;
}

// ---- output -------------------------------------------------------------------------------------

static void print(const request *r, const mb_idle_counts *one, const mb_idle_counts *all,
                  double seconds) {
    double epochs = r->epochs, steps = (double)(all->steps - one->steps);
    double launches = (double)(all->launches - one->launches) / epochs;
    double copies = (double)(all->copies - one->copies) / epochs;
    double bytes = (double)(all->bytes - one->bytes) / epochs;
    double waits = (double)(all->waits - one->waits) / epochs;
    if (r->json) {
        printf("{\"what\": \"host\", \"models\": %d, \"rows\": %d, \"selected\": %d, "
               "\"microseconds_a_step\": %.4g, \"microseconds_an_epoch\": %.4g, "
               "\"launches_an_epoch\": %g, \"copies_an_epoch\": %g, \"bytes_an_epoch\": %.0f, "
               "\"waits_an_epoch\": %g, \"allocations\": %lld}\n",
               r->models, r->rows, r->selected, 1e6 * seconds / steps, 1e6 * seconds / epochs,
               launches, copies, bytes, waits, (long long)one->allocations);
        return;
    }
    printf("%d models, %d rows, %d selected: the host needs %.3g us a step, %.4g us an epoch\n"
           "an epoch has %g launches, %g copies of %.0f bytes, %g waits; an array %lld "
           "allocations\n",
           r->models, r->rows, r->selected, 1e6 * seconds / steps, 1e6 * seconds / epochs, launches,
           copies, bytes, waits, (long long)one->allocations);
}

static mb_status parse(int argc, char **argv, request *r, bool *help_shown, mb_error *error) {
    const mb_command_option options[] = {
        {"models", "N", "runs of the array (720)", .whole = &r->models, .least = 1, .most = 4096},
        {"rows", "N", "rows of the training part (1056)", .whole = &r->rows, .least = 1,
         .most = 1000000},
        {"selected", "N", "rows of the selection part (330)", .whole = &r->selected, .least = 1,
         .most = 1000000},
        {"epochs", "N", "epochs that are timed (1000)", .whole = &r->epochs, .least = 1,
         .most = 100000},
        {"json", NULL, "one line of JSON", .given = &r->json},
        {.name = NULL}};
    const mb_command_line line = {
        .program = "bench_host",
        .usage = "usage: bench_host [OPTIONS]\n\n"
                 "Times the host's work in training an array, on a device that does nothing.",
        .options = options};
    mb_operands none;
    mb_status status = mb_command_line_parse(&line, argc, argv, &none, error);
    *help_shown = none.help_shown;
    return status;
}

int main(int argc, char **argv) {
    request r = {.models = 720, .rows = 1056, .selected = 330, .epochs = 1000};
    bool help_shown = false;
    runs all = {.features = NULL};
    mb_idle_counts one, many;
    double shorter = 0, longer = 0;
    mb_error error = {.message = ""};
    mb_status status = parse(argc, argv, &r, &help_shown, &error);
    if (help_shown)
        return MB_OK;
    if (status == MB_OK)
        status = open_runs(&r, &all, &error);
    if (status == MB_OK)
        status = train(&r, &all, 1, &one, &shorter, &error);
    if (status == MB_OK)
        status = train(&r, &all, 1 + r.epochs, &many, &longer, &error);
    if (status == MB_OK)
        print(&r, &one, &many, longer - shorter);
    else
        fprintf(stderr, "bench_host: %s\n", error.message);
    close_runs(&all);
    return status;
}
