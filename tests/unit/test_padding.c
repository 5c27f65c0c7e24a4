// Padding: which lengths a run's sequences have, and what becomes of utterances that are longer.
#include "padding_support.h"

#include "models/blocks.h"

static const char *const isas[] = {"avx512", "avx2", "portable"};

// NULL where this machine lacks the instruction set.
static mb_device *cpu_of(const char *isa) {
    mb_device *device = NULL;
    mb_error error;
    return mb_cpu_open(isa, &device, &error) == MB_OK ? device : NULL;
}

static void train_portable(const mb_run_spec *specs, int32_t count, mb_run_result *results) {
    mb_device *device = cpu_of("portable");
    assert_non_null(device);
    train_on(device, specs, count, NULL, results);
    device->backend->close(device);
}

// ---- the op -----------------------------------------------------------------------------------

enum { STEPS = 3, WIDTH = 7, COLUMNS = 5 }; // T, columns of the shape and of the stream

// The features are the sequences themselves.
static void build_sequence(mb_graph *graph, const mb_model_config *config,
                           mb_graph_outputs *outputs) {
    mb_tensor x = mb_graph_stream(graph, MB_AUDIO, (mb_shape){3, {MB_ROWS, STEPS, WIDTH}});
    outputs->features = mb_reshape(graph, x, (mb_shape){2, {MB_ROWS, STEPS * WIDTH}});
    mb_block_heads(graph, config, outputs);
}

static const mb_option options[] = {MB_OPTION_HIDDEN_DIM_ROW(8), MB_OPTION_DROPOUT_ROW(0.3)};
static const mb_model sequence = {
    .name = "sequence", .options = options, .option_count = 2, .build = build_sequence};

// What gather must put at (row, step, column), one number at a time.
static float expected_at(const sample_set *set, int32_t utterance, int32_t step, int32_t column) {
    int64_t end = set->offsets[MB_AUDIO][utterance + 1];
    int64_t frame = end - (STEPS - step);
    bool there = frame >= set->offsets[MB_AUDIO][utterance] && column < COLUMNS;
    return there ? set->values[MB_AUDIO][frame * COLUMNS + column] : 0.0f;
}

static void check_gather(const char *isa) {
    enum { ROWS = 40 };
    mb_model_config config = {.feature_type = MB_FRM_UNALIGN,
                              .dims = {COLUMNS},
                              .steps = {STEPS, 1, 1},
                              .class_count = 4,
                              .value_count = 1,
                              .options = {8, 0.3}};
    sample_set set;
    model_engine engine;
    samples_open(&set, &config);
    for (int64_t i = 0; i < SAMPLES; i++) // 0 ... 2 T - 1 frames
        set.offsets[MB_AUDIO][i + 1] = set.offsets[MB_AUDIO][i] + (i * 5 + 3) % (2 * STEPS);
    engine_open(&engine, isa, &sequence, &config, MB_PLAN_EVALUATE, MB_DROPOUT_OFF, ROWS);
    engine_run(&engine, &set, 0, ROWS, 0);
    const float *found = engine.arena + engine.info->features.offset;
    for (int32_t r = 0; r < ROWS; r++)
        for (int32_t s = 0; s < STEPS; s++)
            for (int32_t c = 0; c < WIDTH; c++, found++)
                if (*found != expected_at(&set, r, s, c))
                    fail_msg("%s: row %d, step %d, column %d: expected %g, found %g", isa, r, s, c,
                             (double)expected_at(&set, r, s, c), (double)*found);
    engine_close(&engine);
    samples_close(&set);
}

static void test_gather_takes_the_last_frames(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++) {
        mb_device *device = cpu_of(isas[i]);
        if (device == NULL)
            continue;
        device->backend->close(device);
        check_gather(isas[i]);
    }
}

// ---- runs -------------------------------------------------------------------------------------

static void test_front_is_not_read(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++) {
        mb_device *device = cpu_of(isas[i]);
        for (int m = 0; device != NULL && m < SEQUENCE_MODELS; m++)
            check_front_is_not_read(device, &sequence_models[m]);
        if (device != NULL)
            device->backend->close(device);
    }
}

// Utterances that are not evaluated may have any lengths.
static void test_lengths_of_other_parts_do_not_matter(void **state) {
    (void)state;
    static sequences s;
    mb_run_result cut[RUNS], any[RUNS];
    for (int m = 0; m < SEQUENCE_MODELS; m++) {
        for (other_lengths others = CUT; others <= ANY; others += ANY - CUT) {
            sequences_open(&s, sequence_models[m].name, sequence_models[m].type, others);
            for (int i = 0; i < RUNS; i++) {
                s.b.specs[i].selection_only = true;
                s.b.folds[i % 2].select = part_of(&s.b, "val", 40, 25);
                drop_scope(&s.b.folds[i % 2].select);
            }
            train_portable(s.b.specs, RUNS, others == CUT ? cut : any);
            sequences_close(&s);
        }
        for (int i = 0; i < RUNS; i++)
            assert_same_result(&any[i], &cut[i]);
        free_results(cut, RUNS);
        free_results(any, RUNS);
    }
}

// With scopes that hold the longer utterances, the results are others: the tests above could fail.
static void test_a_scope_counts(void **state) {
    (void)state;
    static sequences s;
    mb_run_result cut, longer;
    sequences_open(&s, "mfn", MB_FRM_ALIGN, CUT);
    train_portable(s.b.specs, 1, &cut);
    sequences_close(&s);
    sequences_open(&s, "mfn", MB_FRM_ALIGN, LONGER);
    s.b.folds[0].train.scope = s.b.rows;
    s.b.folds[0].train.scope_count = UTTERANCES;
    train_portable(s.b.specs, 1, &longer);
    sequences_close(&s);
    assert_true(longer.epochs[0].train_loss != cut.epochs[0].train_loss);
    free_results(&cut, 1);
    free_results(&longer, 1);
}

// ---- lengths ----------------------------------------------------------------------------------

static void expect_steps(const mb_run_spec *spec, const mb_part *part, int32_t steps) {
    mb_model_config config = mb_config_for_part(spec, part);
    for (int m = 0; m < 3; m++)
        assert_int_equal(config.steps[m], steps + m);
}

static void test_lengths_are_those_of_the_scope(void **state) {
    (void)state;
    static sequences s;
    sequences_open(&s, "mult", MB_FRM_UNALIGN, LONGER);
    mb_run_spec *spec = &s.b.specs[0];
    mb_part scoped = part_of(&s.b, "test", 100, 20);
    expect_steps(spec, &spec->fold->train, TRAIN_LONGEST);
    expect_steps(spec, &spec->fold->select, TRAIN_LONGEST);
    expect_steps(spec, &spec->fold->held, TRAIN_LONGEST);
    expect_steps(spec, &s.b.test, TRAIN_LONGEST);
    expect_steps(spec, &scoped, TRAIN_LONGEST + 2);
    // Another fold has its own lengths, also for the shared test part.
    mb_fold shorter = s.b.folds[0];
    shorter.train.count = 3;
    spec->fold = &shorter;
    mb_model_config config = mb_config_for_part(spec, &s.b.test);
    for (int m = 0; m < 3; m++)
        assert_int_equal(config.steps[m], 3);
    // If a part names another dataset, its lengths are still those of the training part.
    mb_dataset both[2] = {s.b.dataset, s.b.dataset};
    int64_t one_each[UTTERANCES + 1];
    for (int i = 0; i <= UTTERANCES; i++)
        one_each[i] = i;
    both[1].streams[MB_AUDIO].offsets = one_each;
    spec->datasets = both;
    spec->dataset_count = 2;
    s.b.test.dataset = scoped.dataset = 1;
    assert_int_equal(mb_config_for_part(spec, &s.b.test).steps[MB_AUDIO], 3);
    assert_int_equal(mb_config_for_part(spec, &scoped).steps[MB_AUDIO], 1);
    sequences_close(&s);
}

// Longer utterances cost neither time nor memory.
static void test_longer_utterances_cost_nothing(void **state) {
    (void)state;
    static sequences s;
    mb_run_cost costs[2];
    mb_error error = {.message = ""};
    int32_t rows[2];
    for (int i = 0; i < 2; i++) {
        sequences_open(&s, "mult", MB_FRM_UNALIGN, i == 0 ? CUT : LONGEST);
        assert_int_equal(mb_run_estimate(&s.b.specs[0], &costs[i], &error), MB_OK);
        rows[i] = mb_evaluation_rows(&s.b.specs[0], &s.b.test);
        sequences_close(&s);
    }
    assert_memory_equal(&costs[0], &costs[1], sizeof costs[0]);
    assert_int_equal(rows[0], rows[1]);
    assert_int_equal(rows[0], 20);
}

// What a model needs must be in the training part; longer utterances elsewhere do not help.
static void test_too_short(void **state) {
    (void)state;
    static sequences s;
    mb_run_plans *plans;
    mb_error error = {.message = ""};
    sequences_open(&s, "mult", MB_FRM_ALIGN, LONGEST);
    s.b.folds[0].train.count = 2;
    assert_int_equal(mb_run_plans_make(&s.b.specs[0], &plans, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "conv1d_kernel_size: expected at most 2, the number of "
                                          "frames of features.audio, found 3"));
    sequences_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gather_takes_the_last_frames),
        cmocka_unit_test(test_front_is_not_read),
        cmocka_unit_test(test_lengths_of_other_parts_do_not_matter),
        cmocka_unit_test(test_a_scope_counts),
        cmocka_unit_test(test_lengths_are_those_of_the_scope),
        cmocka_unit_test(test_longer_utterances_cost_nothing),
        cmocka_unit_test(test_too_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
