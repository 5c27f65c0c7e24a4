// The inputs of runs: many streams, parts with other datasets, the selection part alone,
// shared plans.
#include "trainer_support.h"

#include <stdio.h>
#include <string.h>

#include "models/blocks.h"

static void train(const mb_run_spec *specs, int32_t count, mb_run_result *results) {
    mb_device *device = NULL;
    mb_error error = {.message = ""};
    assert_int_equal(mb_cpu_open(NULL, &device, &error), MB_OK);
    train_on(device, specs, count, NULL, results);
    device->backend->close(device);
}

static void expect_refusal(const mb_run_spec *spec, const char *fragment) {
    mb_run_result result;
    mb_device_cache cache = {.device = NULL};
    mb_error error = {.message = ""};
    assert_int_equal(mb_cpu_open(NULL, &cache.device, &error), MB_OK);
    mb_status status = mb_train_runs(&cache, spec, 1, NULL, NULL, &result, &error);
    cache.device->backend->close(cache.device);
    assert_int_equal(status, MB_BAD_INPUT);
    if (strstr(error.message, fragment) == NULL)
        fail_msg("expected '%s' in: %s", fragment, error.message);
}

static void assert_same_training(const mb_run_result *a, const mb_run_result *b) {
    assert_int_equal(a->best_epoch, b->best_epoch);
    assert_memory_equal(a->epochs, b->epochs, (size_t)a->epochs_done * sizeof *a->epochs);
    assert_same_predictions(&a->select_predictions, &b->select_predictions);
    assert_memory_equal(&a->select, &b->select, sizeof a->select);
}

// ---- parts on other datasets --------------------------------------------------------------------

enum { TESTED = 20, FIRST_TESTED = 100 };

// The utterances of the test part alone, at another address.
typedef struct copied {
    mb_dataset datasets[2];
    float *values[3];
    mb_part test;
} copied;

static void copy_tested(const bench *b, copied *c) {
    *c = (copied){.datasets = {b->dataset, {.utterance_count = TESTED, .stream_count = 3}}};
    mb_dataset *dataset = &c->datasets[1];
    for (int m = 0; m < 3; m++) {
        size_t width = (size_t)b->dataset.streams[m].dimension;
        c->values[m] = malloc(TESTED * width * sizeof(float));
        memcpy(c->values[m], b->values[m] + FIRST_TESTED * width, TESTED * width * sizeof(float));
        dataset->streams[m] = b->dataset.streams[m];
        dataset->streams[m].values = c->values[m];
    }
    dataset->emotions = b->emotions + FIRST_TESTED;
    dataset->valences = b->valences + FIRST_TESTED;
    c->test = part_of(b, "test", 0, TESTED);
    c->test.dataset = 1;
}

static void copied_free(copied *c) {
    for (int m = 0; m < 3; m++)
        free(c->values[m]);
}

static void test_other_dataset(void **state) {
    (void)state;
    bench b;
    copied c;
    mb_run_result usual[RUNS], found[RUNS], noisy[RUNS];
    bench_open(&b, "attention", 12);
    copy_tested(&b, &c);
    train(b.specs, RUNS, usual);
    for (int i = 0; i < RUNS; i++) {
        b.specs[i].datasets = c.datasets;
        b.specs[i].dataset_count = 2;
        b.specs[i].tests = &c.test;
    }
    train(b.specs, RUNS, found);
    c.values[MB_TEXT][0] += 1.0f;
    train(b.specs, RUNS, noisy);
    for (int i = 0; i < RUNS; i++) {
        assert_same_result(&found[i], &usual[i]);
        assert_same_training(&noisy[i], &usual[i]);
        const mb_predictions *changed = &noisy[i].tests[0], *same = &usual[i].tests[0];
        assert_memory_not_equal(changed->logits, same->logits, 6 * sizeof(float));
        assert_memory_equal(changed->logits + 6, same->logits + 6,
                            (TESTED - 1) * 6 * sizeof(float));
    }
    free_results(usual, RUNS);
    free_results(found, RUNS);
    free_results(noisy, RUNS);
    copied_free(&c);
    bench_close(&b);
}

// ---- requested parts --------------------------------------------------------------------------

static void test_selection_only(void **state) {
    (void)state;
    bench b;
    mb_run_result whole[RUNS], found[RUNS];
    mb_run_cost cost, less;
    mb_error error = {.message = ""};
    bench_open(&b, "attention", 12);
    train(b.specs, RUNS, whole);
    assert_int_equal(mb_run_estimate(&b.specs[0], &cost, &error), MB_OK);
    for (int i = 0; i < RUNS; i++)
        b.specs[i].selection_only = true;
    train(b.specs, RUNS, found);
    assert_int_equal(mb_run_estimate(&b.specs[0], &less, &error), MB_OK);
    assert_true(less.multiply_accumulates < cost.multiply_accumulates);
    for (int i = 0; i < RUNS; i++) {
        assert_int_equal(found[i].status, MB_RUN_DONE);
        assert_same_training(&found[i], &whole[i]);
        assert_int_equal(found[i].held_predictions.count, 0);
        assert_int_equal(found[i].test_count, 0);
        assert_true(isnan(found[i].held.acc) && !isnan(whole[i].held.acc));
    }
    free_results(whole, RUNS);
    free_results(found, RUNS);
    bench_close(&b);
}

static void test_plans_made_once(void **state) {
    (void)state;
    bench b;
    mb_run_plans *plans = NULL;
    mb_run_result usual[RUNS], found[RUNS];
    mb_error error = {.message = ""};
    bench_open(&b, "misa", 12);
    train(b.specs, RUNS, usual);
    assert_int_equal(mb_run_plans_make(&b.specs[0], &plans, &error), MB_OK);
    for (int i = 0; i < RUNS; i++)
        b.specs[i].plans = plans;
    train(b.specs, RUNS, found);
    for (int i = 0; i < RUNS; i++)
        assert_same_result(&found[i], &usual[i]);
    free_results(usual, RUNS);
    free_results(found, RUNS);
    mb_run_plans_free(plans);
    bench_close(&b);
}

// ---- streams ------------------------------------------------------------------------------------

static const mb_option options[] = {MB_OPTION_HIDDEN_DIM_ROW(8), MB_OPTION_DROPOUT_ROW(0.3)};

// One linear map for each stream, concatenated.
static void build_many(mb_graph *graph, const mb_model_config *config, mb_graph_outputs *outputs) {
    mb_tensor maps[MB_MAX_STREAMS];
    for (int32_t i = 0; i < MB_MAX_STREAMS; i++) {
        char name[16];
        snprintf(name, sizeof name, "map%d", i);
        mb_tensor x = mb_block_dropout(graph, mb_name_of(name, "drop#0").text,
                                       mb_block_features(graph, config, i));
        maps[i] = mb_relu(graph, mb_block_linear(graph, name, x, 2 + i % 3));
    }
    outputs->features = mb_concat(graph, maps, MB_MAX_STREAMS);
    mb_block_heads(graph, config, outputs);
}

static const mb_model many_streams = {.name = "many_streams",
                                      .options = options,
                                      .option_count = sizeof options / sizeof *options,
                                      .build = build_many};

// Stream i is modality i % 3 of the bench.
static void many_open(bench *b, mb_dataset *dataset) {
    bench_open(b, "attention", 8);
    *dataset = b->dataset;
    dataset->stream_count = MB_MAX_STREAMS;
    for (int32_t i = 0; i < MB_MAX_STREAMS; i++)
        dataset->streams[i] = b->dataset.streams[i % 3];
    for (int r = 0; r < RUNS; r++) {
        b->specs[r].model = &many_streams;
        b->specs[r].datasets = dataset;
        for (int32_t i = 0; i < MB_MAX_STREAMS; i++) {
            b->specs[r].config.dims[i] = dataset->streams[i].dimension;
            b->specs[r].config.steps[i] = 1;
        }
    }
}

static void test_many_streams(void **state) {
    (void)state;
    bench b;
    mb_dataset dataset;
    mb_run_result together[RUNS], alone, changed;
    many_open(&b, &dataset);
    train(b.specs, RUNS, together);
    for (int i = 0; i < RUNS; i++) {
        train(&b.specs[i], 1, &alone);
        assert_int_equal(alone.status, MB_RUN_DONE);
        assert_same_result(&together[i], &alone);
        mb_run_result_free(&alone);
    }
    // The model reads the last stream.
    float *values = calloc(UTTERANCES * 9, sizeof *values);
    dataset.streams[MB_MAX_STREAMS - 1].values = values;
    train(&b.specs[0], 1, &changed);
    assert_true(changed.epochs[0].train_loss != together[0].epochs[0].train_loss);
    mb_run_result_free(&changed);
    free_results(together, RUNS);
    free(values);
    bench_close(&b);
}

static void test_refusals(void **state) {
    (void)state;
    bench b;
    mb_dataset dataset;
    many_open(&b, &dataset);
    dataset.stream_count = 20;
    expect_refusal(&b.specs[0], "the model reads stream 20, which the dataset lacks");
    dataset.stream_count = MB_MAX_STREAMS;
    dataset.streams[7].type = MB_INT16;
    expect_refusal(&b.specs[0], "stream 7: expected float32");
    dataset.streams[7].type = MB_FLOAT32;
    dataset.streams[7].dimension = 21;
    expect_refusal(&b.specs[0], "stream 7: expected at most 20 numbers a frame, found 21");
    bench_close(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_other_dataset),   cmocka_unit_test(test_selection_only),
        cmocka_unit_test(test_plans_made_once), cmocka_unit_test(test_many_streams),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
