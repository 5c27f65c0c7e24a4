// Runs on a small random dataset whose features contain the labels weakly, and comparisons of their
// results: shared by the tests of the trainer.
#ifndef TESTS_TRAINER_SUPPORT_H
#define TESTS_TRAINER_SUPPORT_H

#include "engine_support.h"

#include "merbench/train.h"
#include "models/blocks.h"

enum { UTTERANCES = 120, RUNS = 4 };

static inline int is_audio(int m) {
    return m == MB_AUDIO;
}

typedef struct bench {
    mb_dataset dataset;
    float *values[3];
    int32_t emotions[UTTERANCES];
    float valences[UTTERANCES];
    int32_t rows[UTTERANCES];
    mb_fold folds[2];
    mb_part test;
    mb_run_spec specs[RUNS];
} bench;

static inline mb_part part_of(const bench *b, const char *name, int32_t first, int32_t count) {
    mb_part part = {.count = count, .scope_count = count};
    strcpy(part.name, name);
    part.rows = part.scope = (int32_t *)b->rows + first;
    return part;
}

// Features that contain the labels weakly.
static inline void fill(bench *b) {
    static const int32_t dims[3] = {12, 20, 9};
    for (int32_t i = 0; i < UTTERANCES; i++) {
        b->rows[i] = i;
        b->emotions[i] = i * 5 % 6;
        b->valences[i] = (float)(i % 7) - 3.0f;
    }
    for (int m = 0; m < 3; m++) {
        b->values[m] = malloc(sizeof(float) * UTTERANCES * (size_t)dims[m]);
        for (int32_t i = 0; i < UTTERANCES * dims[m]; i++) {
            int32_t utterance = i / dims[m], column = i % dims[m];
            float signal = column == b->emotions[utterance] ? 2.5f : 0.0f;
            b->values[m][i] = draw((uint32_t)m, (uint64_t)i) + (is_audio(m) ? 0.0f : signal);
        }
        b->dataset.streams[m] = (mb_stream){.dimension = dims[m], .values = b->values[m]};
    }
    b->dataset.utterance_count = UTTERANCES;
    b->dataset.stream_count = 3;
    b->dataset.emotions = b->emotions;
    b->dataset.valences = b->valences;
}

// Runs that differ in seed, fold, learning rate, dropout and whether they shuffle.
static inline void bench_open(bench *b, const char *model_name, int32_t hidden) {
    static const double rates[RUNS] = {1e-3, 1e-2, 3e-3, 1e-3};
    static const double dropouts[RUNS] = {0.3, 0.2, 0.5, 0.3};
    memset(b, 0, sizeof *b);
    fill(b);
    // Two folds whose training parts differ in size: a run without rows skips a step.
    b->folds[0] = (mb_fold){part_of(b, "train", 0, 65), part_of(b, "val", 65, 25), {.count = 0}};
    b->folds[1] = (mb_fold){part_of(b, "train", 0, 64), part_of(b, "val", 64, 26), {.count = 0}};
    b->folds[0].held = b->folds[1].held = part_of(b, "held", 90, 10);
    b->test = part_of(b, "test", 100, 20);
    const mb_model *model = mb_model_find(model_name);
    for (int i = 0; i < RUNS; i++) {
        mb_run_spec *spec = &b->specs[i];
        *spec = (mb_run_spec){.model = model,
                              .config = {.feature_type = MB_UTT,
                                         .dims = {12, 20, 9},
                                         .steps = {1, 1, 1},
                                         .class_count = 6,
                                         .value_count = 1},
                              .training = {.epochs = 6,
                                           .batch_size = 32,
                                           .learning_rate = rates[i],
                                           .weight_decay = 1e-5,
                                           .grad_clip = -1,
                                           .shuffle = i != 2,
                                           .selection = MB_SELECT_EMOVAL},
                              .seed = (uint32_t)i,
                              .fold_index = i % 2,
                              .rules = mb_dataset_find("MER2023"),
                              .datasets = &b->dataset,
                              .dataset_count = 1,
                              .fold = &b->folds[i % 2],
                              .tests = &b->test,
                              .test_count = 1};
        mb_model_defaults(model, &spec->config);
        spec->config.options[MB_OPTION_HIDDEN_DIM] = hidden;
        spec->config.options[MB_OPTION_DROPOUT] = dropouts[i];
    }
}

static inline void bench_close(bench *b) {
    for (int m = 0; m < 3; m++)
        free(b->values[m]);
}

static inline void train_on(mb_device *device, const mb_run_spec *specs, int32_t count,
                            const atomic_int *stop, mb_run_result *results) {
    mb_error error = {.message = ""};
    mb_device_cache cache = {.device = device};
    mb_status status = mb_train_runs(&cache, specs, count, stop, NULL, results, &error);
    if (status != MB_OK)
        fail_msg("%s", error.message);
}

static inline void assert_same_predictions(const mb_predictions *a, const mb_predictions *b) {
    assert_int_equal(a->count, b->count);
    if (a->count == 0)
        return;
    assert_memory_equal(a->logits, b->logits, (size_t)a->count * 6 * sizeof(float));
    assert_memory_equal(a->values, b->values, (size_t)a->count * sizeof(float));
}

static inline void assert_same_result(const mb_run_result *a, const mb_run_result *b) {
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->best_epoch, b->best_epoch);
    assert_int_equal(a->epochs_done, b->epochs_done);
    assert_memory_equal(a->epochs, b->epochs, (size_t)a->epochs_done * sizeof *a->epochs);
    assert_same_predictions(&a->select_predictions, &b->select_predictions);
    if (a->status != MB_RUN_DONE)
        return;
    assert_same_predictions(&a->held_predictions, &b->held_predictions);
    assert_same_predictions(&a->tests[0], &b->tests[0]);
}

static inline void free_results(mb_run_result *results, int32_t count) {
    for (int32_t i = 0; i < count; i++)
        mb_run_result_free(&results[i]);
}

// ---- disturbed training -----------------------------------------------------------------------

enum { SICK_RUN = 3, SICK_EPOCH = 2, NEVER = INT32_MAX };

// A device that requests a stop at one of the calls to it, and sets a weight of one run to NaN
// before the third epoch.
typedef struct disturbed {
    const mb_backend *usual;
    mb_backend backend;
    mb_executor executor;
    atomic_int stop;
    int32_t calls, stopping_call, epochs;
} disturbed;

static disturbed disturbance;

static inline const mb_backend *usual_backend(void) {
    if (disturbance.calls++ == disturbance.stopping_call)
        atomic_store(&disturbance.stop, 1);
    return disturbance.usual;
}

static inline mb_status disturbed_upload(mb_device *device, void *to, const void *from,
                                         size_t bytes, mb_error *error) {
    return usual_backend()->upload_async(device, to, from, bytes, error);
}

static inline mb_status disturbed_download(mb_device *device, void *to, const void *from,
                                           size_t bytes, mb_error *error) {
    return usual_backend()->download(device, to, from, bytes, error);
}

static inline mb_status disturbed_run(mb_device *device, const mb_plan *plan,
                                      const mb_launch *launch, mb_error *error) {
    static const float spoiled = NAN;
    const mb_plan_info *info = mb_plan_get(plan);
    const mb_backend *usual = usual_backend();
    if (info->trains && launch->first_step == 0 && disturbance.epochs++ == SICK_EPOCH) {
        float *weight = (float *)launch->parameters + SICK_RUN * info->parameter_floats;
        mb_status status = usual->upload(device, weight, &spoiled, sizeof spoiled, error);
        if (status != MB_OK)
            return status;
    }
    return usual->executor->run(device, plan, launch, error);
}

static inline mb_status disturbed_tally(mb_device *device, const mb_tally_launch *launch,
                                        mb_error *error) {
    return usual_backend()->executor->tally(device, launch, error);
}

static inline mb_status disturbed_copy_rows(mb_device *device, const mb_row_copy *copy,
                                            mb_error *error) {
    return usual_backend()->executor->copy_rows(device, copy, error);
}

static inline void train_disturbed(mb_device *device, const mb_run_spec *specs,
                                   int32_t stopping_call, mb_run_result *results) {
    disturbance = (disturbed){.usual = device->backend,
                              .backend = *device->backend,
                              .executor = *device->backend->executor,
                              .stopping_call = stopping_call};
    disturbance.backend.executor = &disturbance.executor;
    disturbance.backend.upload_async = disturbed_upload;
    disturbance.backend.download = disturbed_download;
    disturbance.executor.run = disturbed_run;
    disturbance.executor.tally = disturbed_tally;
    disturbance.executor.copy_rows = disturbed_copy_rows;
    device->backend = &disturbance.backend;
    train_on(device, specs, RUNS, &disturbance.stop, results);
    device->backend = disturbance.usual;
}

// A run that diverges after its best epoch keeps the predictions of that epoch on the selection
// part, and does not affect the other runs.
static inline void check_late_divergence(mb_device *device, mb_run_spec *specs) {
    mb_run_result healthy[RUNS], together[RUNS], cut;
    train_on(device, specs, RUNS, NULL, healthy);
    train_disturbed(device, specs, NEVER, together);
    const mb_run_result *sick = &together[SICK_RUN];
    assert_int_equal(sick->status, MB_RUN_DIVERGED);
    assert_int_equal(sick->epochs_done, SICK_EPOCH);
    assert_non_null(strstr(sick->cause, "epoch 3"));
    assert_int_equal(sick->held_predictions.count, 0);
    mb_run_spec spec = specs[SICK_RUN];
    spec.training.epochs = sick->best_epoch + 1;
    train_on(device, &spec, 1, NULL, &cut);
    assert_int_equal(cut.best_epoch, sick->best_epoch);
    assert_same_predictions(&sick->select_predictions, &cut.select_predictions);
    for (int i = 0; i < RUNS; i++)
        if (i != SICK_RUN)
            assert_same_result(&together[i], &healthy[i]);
    free_results(healthy, RUNS);
    free_results(together, RUNS);
    free_results(&cut, 1);
}

// Wherever training is stopped: a run either has stopped with the epochs that it completed, or its
// result is complete.
static inline void check_stops(mb_device *device, mb_run_spec *specs) {
    mb_run_result whole[RUNS], cut[RUNS];
    int32_t ends[3] = {0}; // by status
    train_disturbed(device, specs, NEVER, whole);
    int32_t calls = disturbance.calls;
    for (int32_t call = 0; call < calls; call++) {
        train_disturbed(device, specs, call, cut);
        for (int i = 0; i < RUNS; i++) {
            ends[cut[i].status]++;
            if (cut[i].status != MB_RUN_STOPPED) {
                assert_same_result(&cut[i], &whole[i]);
                continue;
            }
            assert_memory_equal(cut[i].epochs, whole[i].epochs,
                                (size_t)cut[i].epochs_done * sizeof *cut[i].epochs);
        }
        free_results(cut, RUNS);
    }
    free_results(whole, RUNS);
    assert_true(ends[MB_RUN_DONE] > 0 && ends[MB_RUN_STOPPED] > 0 && ends[MB_RUN_DIVERGED] > 0);
}

#endif
