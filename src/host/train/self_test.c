#include "merbench/self_test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "merbench/train.h"

enum { UTTERANCES = 120, RUNS = 3, CLASSES = 6, WIDEST = 24 };
static const int32_t dims[MB_MODALITY_COUNT] = {16, WIDEST, 9};

// Made-up data, and runs on it.
typedef struct trial_data {
    float values[MB_MODALITY_COUNT][UTTERANCES * WIDEST];
    float valences[UTTERANCES];
    int32_t emotions[UTTERANCES], rows[UTTERANCES];
    mb_dataset dataset;
    mb_fold folds[RUNS];
    mb_part test;
    mb_run_spec specs[RUNS];
} trial_data;

// Features that contain the labels under noise. The loss then falls steadily, so that rounding does
// not decide which epoch is best.
static void make_features(trial_data *data) {
    mb_key key = mb_key_make(20, 0);
    for (int32_t i = 0; i < UTTERANCES; i++) {
        data->rows[i] = i;
        data->emotions[i] = i % CLASSES;
        data->valences[i] = (float)(i % CLASSES) / 2.0f - 1.0f;
    }
    for (int32_t m = 0; m < MB_MODALITY_COUNT; m++) {
        for (int32_t i = 0; i < UTTERANCES * dims[m]; i++) {
            bool signal = i % dims[m] == data->emotions[i / dims[m]];
            data->values[m][i] =
                (float)mb_random_normal(key, (uint32_t)m, 0, (uint64_t)i) + (signal ? 3.0f : 0.0f);
        }
        data->dataset.streams[m] = (mb_stream){.dimension = dims[m], .values = data->values[m]};
    }
    data->dataset.utterance_count = UTTERANCES;
    data->dataset.stream_count = MB_MODALITY_COUNT;
    data->dataset.emotions = data->emotions;
    data->dataset.valences = data->valences;
}

static mb_part part_of(trial_data *data, const char *name, int32_t first, int32_t count) {
    mb_part part = {
        .count = count, .rows = data->rows + first, .scope_count = UTTERANCES, .scope = data->rows};
    snprintf(part.name, sizeof part.name, "%s", name);
    return part;
}

static void make_runs(trial_data *data) {
    static const double rates[RUNS] = {1e-3, 3e-3, 1e-3}, dropouts[RUNS] = {0.3, 0.2, 0.0};
    const mb_model *model = mb_model_find("attention");
    data->test = part_of(data, "test", 100, 20);
    for (int32_t i = 0; i < RUNS; i++) { // 70, 65, 60 rows in batches of 32
        data->folds[i] = (mb_fold){.train = part_of(data, "train", 0, 70 - 5 * i),
                                   .select = part_of(data, "val", 70, 30)};
        mb_run_spec *spec = &data->specs[i];
        *spec = (mb_run_spec){.model = model,
                              .config = {.feature_type = MB_UTT,
                                         .steps = {1, 1, 1},
                                         .class_count = CLASSES,
                                         .value_count = 1},
                              .training = {.epochs = 3,
                                           .batch_size = 32,
                                           .learning_rate = rates[i],
                                           .weight_decay = 1e-5,
                                           .grad_clip = -1,
                                           .shuffle = true,
                                           .selection = MB_SELECT_LOSS},
                              .seed = (uint32_t)i,
                              .rules = mb_dataset_find("MER2023"),
                              .datasets = &data->dataset,
                              .dataset_count = 1,
                              .fold = &data->folds[i],
                              .tests = &data->test,
                              .test_count = 1};
        memcpy(spec->config.dims, dims, sizeof dims);
        mb_model_defaults(model, &spec->config);
        spec->config.options[mb_model_option(model, "hidden_dim")] = 40;
        spec->config.options[mb_model_option(model, "dropout")] = dropouts[i];
    }
}

// ---- comparison -------------------------------------------------------------------------------

typedef struct distance {
    double difference, reference; // sums of squares
} distance;

static void add(distance *d, double found, double expected) {
    d->difference += (found - expected) * (found - expected);
    d->reference += expected * expected;
}

// The larger of two distances; NaN counts as infinite.
static double farther(double most, const distance *d) {
    double relative = sqrt(d->difference / d->reference);
    return relative <= most ? most : isnan(relative) ? INFINITY : relative;
}

static double compare(const mb_run_result *found, const mb_run_result *expected) {
    double most = 0;
    distance losses = {0}, logits = {0}, values = {0};
    const mb_predictions *f = &found->tests[0], *e = &expected->tests[0];
    if (found->status != MB_RUN_DONE || expected->status != MB_RUN_DONE ||
        found->best_epoch != expected->best_epoch || found->steps != expected->steps)
        return INFINITY;
    for (int32_t i = 0; i < expected->epochs_done; i++) {
        add(&losses, found->epochs[i].train_loss, expected->epochs[i].train_loss);
        add(&losses, found->epochs[i].select_loss, expected->epochs[i].select_loss);
    }
    for (int32_t i = 0; i < e->count * CLASSES; i++)
        add(&logits, (double)f->logits[i], (double)e->logits[i]);
    for (int32_t i = 0; i < e->count; i++)
        add(&values, (double)f->values[i], (double)e->values[i]);
    most = farther(most, &losses);
    most = farther(most, &logits);
    return farther(most, &values);
}

mb_status mb_self_test(mb_device *device, mb_device *reference, double *difference,
                       mb_error *error) {
    trial_data data = {.dataset = {.utterance_count = 0}};
    mb_run_result found[RUNS] = {0}, expected[RUNS] = {0};
    mb_device_cache there = {.device = device}, here = {.device = reference};
    *difference = 0;
    make_features(&data);
    make_runs(&data);
    mb_status status = mb_train_runs(&here, data.specs, RUNS, NULL, NULL, expected, error);
    if (status == MB_OK)
        status = mb_train_runs(&there, data.specs, RUNS, NULL, NULL, found, error);
    for (int32_t i = 0; status == MB_OK && i < RUNS; i++)
        *difference = fmax(*difference, compare(&found[i], &expected[i]));
    for (int32_t i = 0; i < RUNS; i++) {
        mb_run_result_free(&found[i]);
        mb_run_result_free(&expected[i]);
    }
    return status;
}
