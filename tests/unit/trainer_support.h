// Runs on a small random dataset that holds the labels weakly, and how their results compare:
// shared by the tests of the trainer.
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
    mb_sequences sequences;
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

// Features that hold the labels, weakly.
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
        b->sequences.modalities[m] = (mb_sequence){dims[m], NULL, b->values[m]};
    }
    b->sequences.type = MB_UTT;
    b->sequences.utterance_count = UTTERANCES;
}

// Runs that differ in seed, fold, learning rate, dropout and whether they shuffle.
static inline void bench_open(bench *b, const char *model_name, int32_t hidden) {
    static const double rates[RUNS] = {1e-3, 1e-2, 3e-3, 1e-3};
    static const double dropouts[RUNS] = {0.3, 0.2, 0.5, 0.3};
    memset(b, 0, sizeof *b);
    fill(b);
    // Two folds whose training parts differ in size: a run without rows sits a step out.
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
                              .sequences = &b->sequences,
                              .emotions = b->emotions,
                              .valences = b->valences,
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
    mb_status status = mb_train_runs(device, specs, count, stop, NULL, results, &error);
    if (status != MB_OK)
        fail_msg("%s", error.message);
}

static inline void assert_same_predictions(const mb_predictions *a, const mb_predictions *b) {
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->logits, b->logits, (size_t)a->count * 6 * sizeof(float));
    assert_memory_equal(a->values, b->values, (size_t)a->count * sizeof(float));
}

static inline void assert_same_result(const mb_run_result *a, const mb_run_result *b) {
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->best_epoch, b->best_epoch);
    assert_int_equal(a->epochs_done, b->epochs_done);
    assert_memory_equal(a->epochs, b->epochs, (size_t)a->epochs_done * sizeof *a->epochs);
    if (a->status != MB_RUN_DONE)
        return;
    assert_same_predictions(&a->select_predictions, &b->select_predictions);
    assert_same_predictions(&a->held_predictions, &b->held_predictions);
    assert_same_predictions(&a->tests[0], &b->tests[0]);
}

static inline void free_results(mb_run_result *results, int32_t count) {
    for (int32_t i = 0; i < count; i++)
        mb_run_result_free(&results[i], 1);
}

#endif
