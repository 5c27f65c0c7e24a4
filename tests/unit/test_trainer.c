// The trainer: an array equals its models alone, divergence, stopping, selection and snapshot.
#include "engine_support.h"

#include "merbench/train.h"
#include "models/blocks.h"

enum { UTTERANCES = 120, RUNS = 4 };

static int is_audio(int m) {
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

static mb_part part_of(const bench *b, const char *name, int32_t first, int32_t count) {
    mb_part part = {.count = count, .scope_count = count};
    strcpy(part.name, name);
    part.rows = part.scope = (int32_t *)b->rows + first;
    return part;
}

// Features that hold the labels, weakly.
static void fill(bench *b) {
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

static void bench_open(bench *b) {
    static const double rates[RUNS] = {1e-3, 1e-2, 3e-3, 1e-3};
    static const double dropouts[RUNS] = {0.3, 0.2, 0.5, 0.3};
    memset(b, 0, sizeof *b);
    fill(b);
    // Two folds whose training parts differ in size: a run without rows sits a step out.
    b->folds[0] = (mb_fold){part_of(b, "train", 0, 65), part_of(b, "val", 65, 25), {.count = 0}};
    b->folds[1] = (mb_fold){part_of(b, "train", 0, 64), part_of(b, "val", 64, 26), {.count = 0}};
    b->folds[0].held = b->folds[1].held = part_of(b, "held", 90, 10);
    b->test = part_of(b, "test", 100, 20);
    const mb_model *model = mb_model_find("attention");
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
        spec->config.options[MB_OPTION_HIDDEN_DIM] = 24;
        spec->config.options[MB_OPTION_DROPOUT] = dropouts[i];
    }
}

static void bench_close(bench *b) {
    for (int m = 0; m < 3; m++)
        free(b->values[m]);
}

static void train(const mb_run_spec *specs, int32_t count, const atomic_int *stop,
                  mb_run_result *results) {
    mb_device *device = NULL;
    mb_error error = {.message = ""};
    assert_int_equal(mb_cpu_open(NULL, &device, &error), MB_OK);
    mb_status status = mb_train_runs(device, specs, count, stop, NULL, results, &error);
    if (status != MB_OK)
        fail_msg("%s", error.message);
    device->backend->close(device);
}

static void assert_same_predictions(const mb_predictions *a, const mb_predictions *b) {
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->logits, b->logits, (size_t)a->count * 6 * sizeof(float));
    assert_memory_equal(a->values, b->values, (size_t)a->count * sizeof(float));
}

static void assert_same_result(const mb_run_result *a, const mb_run_result *b) {
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

static void free_results(mb_run_result *results, int32_t count) {
    for (int32_t i = 0; i < count; i++)
        mb_run_result_free(&results[i], 1);
}

static void test_array_equals_models_alone(void **state) {
    (void)state;
    bench b;
    mb_run_result together[RUNS], alone[RUNS];
    bench_open(&b);
    train(b.specs, RUNS, NULL, together);
    for (int i = 0; i < RUNS; i++) {
        train(&b.specs[i], 1, NULL, &alone[i]);
        assert_int_equal(alone[i].status, MB_RUN_DONE);
        assert_int_equal(alone[i].steps, i % 2 == 0 ? 18 : 12);
        assert_same_result(&together[i], &alone[i]);
    }
    free_results(together, RUNS);
    free_results(alone, RUNS);
    bench_close(&b);
}

static void test_divergence_stays_alone(void **state) {
    (void)state;
    bench b;
    mb_run_result together[RUNS], alone[RUNS];
    bench_open(&b);
    b.specs[1].training.learning_rate = 1e30;
    train(b.specs, RUNS, NULL, together);
    assert_int_equal(together[1].status, MB_RUN_DIVERGED);
    assert_non_null(strstr(together[1].cause, "epoch 1"));
    assert_int_equal(together[1].select_predictions.count, 0);
    assert_int_equal(together[1].held_predictions.count, 0);
    assert_int_equal(together[1].tests[0].count, 0);
    assert_null(together[1].tests[0].logits);
    for (int i = 0; i < RUNS; i++) {
        train(&b.specs[i], 1, NULL, &alone[i]);
        assert_same_result(&together[i], &alone[i]);
    }
    free_results(together, RUNS);
    free_results(alone, RUNS);
    bench_close(&b);
}

// The test labels, and those of the held-out part, are never seen.
static void test_no_leak(void **state) {
    (void)state;
    bench b;
    mb_run_result before, after;
    bench_open(&b);
    train(&b.specs[0], 1, NULL, &before);
    for (int32_t i = 90; i < UTTERANCES; i++) {
        b.emotions[i] = 5 - b.emotions[i];
        b.valences[i] = -2.0f * b.valences[i];
    }
    train(&b.specs[0], 1, NULL, &after);
    assert_same_result(&before, &after);
    assert_true(before.held.mse != after.held.mse);
    free_results(&before, 1);
    free_results(&after, 1);
    bench_close(&b);
}

// Training longer keeps the first epochs as they were, and the snapshot is the best epoch's.
static void test_snapshot_is_the_best_epoch(void **state) {
    (void)state;
    bench b;
    mb_run_result whole, cut;
    bench_open(&b);
    b.specs[1].training.epochs = 12;
    train(&b.specs[1], 1, NULL, &whole);
    double best = -INFINITY;
    int32_t best_epoch = -1;
    for (int32_t e = 0; e < 12; e++)
        if (whole.epochs[e].select_metric > best) {
            best = whole.epochs[e].select_metric;
            best_epoch = e;
        }
    assert_int_equal(whole.best_epoch, best_epoch);
    b.specs[1].training.epochs = best_epoch + 1;
    train(&b.specs[1], 1, NULL, &cut);
    assert_int_equal(cut.best_epoch, best_epoch);
    assert_memory_equal(cut.epochs, whole.epochs, (size_t)(best_epoch + 1) * sizeof(mb_epoch));
    assert_same_predictions(&cut.tests[0], &whole.tests[0]);
    assert_same_predictions(&cut.held_predictions, &whole.held_predictions);
    free_results(&whole, 1);
    free_results(&cut, 1);
    bench_close(&b);
}

static void test_learns(void **state) {
    (void)state;
    bench b;
    mb_run_result result;
    bench_open(&b);
    b.specs[0].training.epochs = 60;
    b.specs[0].training.learning_rate = 3e-3;
    train(&b.specs[0], 1, NULL, &result);
    assert_true(result.epochs[59].train_loss < 0.6 * result.epochs[0].train_loss);
    assert_true(result.held.waf > 0.4); // chance is 1/6
    free_results(&result, 1);
    bench_close(&b);
}

static void test_stop(void **state) {
    (void)state;
    bench b;
    mb_run_result results[RUNS];
    atomic_int stop = 1;
    bench_open(&b);
    train(b.specs, RUNS, &stop, results);
    for (int i = 0; i < RUNS; i++)
        assert_int_equal(results[i].status, MB_RUN_STOPPED);
    free_results(results, RUNS);
    bench_close(&b);
}

static void test_estimate(void **state) {
    (void)state;
    bench b;
    mb_run_cost cost;
    mb_error error = {.message = ""};
    bench_open(&b);
    assert_int_equal(mb_run_estimate(&b.specs[0], &cost, &error), MB_OK);
    int64_t h = 24, first = (12 + 20 + 9 + 3 * h) * h, hidden = 8 * h * h;
    int64_t biases = 12 * h, heads = 3 * h + 3 + 6 * h + 6 + h + 1;
    assert_int_equal(cost.parameters, first + hidden + biases + heads);
    assert_int_equal(cost.training_steps, 18);
    assert_true(cost.multiply_accumulates > (double)(18 * 32 * 2 * cost.parameters * 9 / 10));
    assert_true(cost.memory_bytes >= 16 * cost.parameters);
    bench_close(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_array_equals_models_alone),
        cmocka_unit_test(test_divergence_stays_alone),
        cmocka_unit_test(test_no_leak),
        cmocka_unit_test(test_snapshot_is_the_best_epoch),
        cmocka_unit_test(test_learns),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_estimate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
