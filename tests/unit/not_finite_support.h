// Runs in which a number is not finite, and evaluations in a new order of rows: shared by the tests
// of the CPU and of the CUDA executor.
#ifndef TESTS_NOT_FINITE_SUPPORT_H
#define TESTS_NOT_FINITE_SUPPORT_H

#include "merbench/philox.h"
#include "trainer_support.h"

// A dataset of one kind of labels, on which the toolkit does not stop.
static inline void use_rules(bench *b, const char *dataset) {
    const mb_dataset_rules *rules = mb_dataset_find(dataset);
    for (int i = 0; i < RUNS; i++) {
        mb_run_spec *spec = &b->specs[i];
        spec->rules = rules;
        spec->config.class_count = rules->class_count;
        spec->config.value_count = rules->value_count;
        spec->training.selection = MB_SELECT_EMO;
    }
}

static inline void assert_same_bits(const float *a, const float *b, int64_t count) {
    assert_int_equal(a == NULL, b == NULL);
    for (int64_t i = 0; a != NULL && i < count; i++)
        assert_true((isnan(a[i]) && isnan(b[i])) || memcmp(&a[i], &b[i], sizeof *a) == 0);
}

static inline void assert_same_outputs(const mb_predictions *a, const mb_predictions *b) {
    assert_int_equal(a->count, b->count);
    assert_same_bits(a->logits, b->logits, (int64_t)a->count * 6);
    assert_same_bits(a->values, b->values, a->count);
}

static inline void assert_same_broken(const mb_run_result *a, const mb_run_result *b) {
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->broken_epoch, b->broken_epoch);
    assert_string_equal(a->cause, b->cause);
    assert_int_equal(a->best_epoch, b->best_epoch);
    assert_int_equal(a->epochs_done, b->epochs_done);
    for (int32_t e = 0; e < a->epochs_done; e++) {
        assert_true(a->epochs[e].select_metric == b->epochs[e].select_metric);
        assert_true(a->epochs[e].train_loss == b->epochs[e].train_loss ||
                    (isnan(a->epochs[e].train_loss) && isnan(b->epochs[e].train_loss)));
    }
    assert_same_outputs(&a->select_predictions, &b->select_predictions);
    assert_same_outputs(&a->held_predictions, &b->held_predictions);
    assert_int_equal(a->test_count, b->test_count);
    for (int32_t t = 0; t < a->test_count; t++)
        assert_same_outputs(&a->tests[t], &b->tests[t]);
}

static inline void assert_all_nan(const mb_predictions *p) {
    assert_true(p->count > 0);
    for (int64_t i = 0; p->logits != NULL && i < (int64_t)p->count * 6; i++)
        assert_true(isnan(p->logits[i]));
    for (int64_t i = 0; p->values != NULL && i < p->count; i++)
        assert_true(isnan(p->values[i]));
}

// The WAF of a part for which the same class, or sign, is predicted everywhere.
static inline double waf_of_constant(const mb_run_spec *spec, const mb_part *part) {
    int32_t count = 0, hits = 0;
    for (int32_t i = 0; i < part->count; i++) {
        float value = spec->datasets->valences[part->rows[i]];
        if (spec->config.class_count == 0 && value == 0.0f)
            continue;
        count++;
        hits += spec->config.class_count > 0 ? spec->datasets->emotions[part->rows[i]] == 0
                                             : value < 0.0f;
    }
    return (double)hits / count * 2.0 * hits / (count + hits);
}

// misa with a last batch of one row: it breaks in the first epoch, and is scored as the constant
// prediction that its NaNs come to.
static inline void check_last_row(mb_device *device, const char *dataset) {
    bench b;
    mb_run_result result, longer;
    bench_open(&b, "misa", 16);
    use_rules(&b, dataset);
    b.folds[0].train = part_of(&b, "train", 0, 33);
    b.specs[0].training.epochs = 3;
    train_on(device, b.specs, 1, NULL, &result);
    assert_int_equal(result.status, MB_RUN_DONE);
    assert_int_equal(result.broken_epoch, 0);
    assert_string_equal(result.cause, "epoch 1: a prediction on the selection part is not finite");
    assert_int_equal(result.epochs_done, 3);
    assert_int_equal(result.best_epoch, 0);
    assert_true(isfinite(result.epochs[0].train_loss) && isnan(result.epochs[1].train_loss));
    assert_true(isnan(result.epochs[0].select_loss));
    double expected = waf_of_constant(&b.specs[0], &b.folds[0].select);
    for (int e = 0; e < 3; e++)
        assert_true(fabs(result.epochs[e].select_metric - expected) < 1e-12);
    assert_all_nan(&result.select_predictions);
    assert_all_nan(&result.held_predictions);
    assert_all_nan(&result.tests[0]);
    assert_true(fabs(result.held.waf - waf_of_constant(&b.specs[0], &b.folds[0].held)) < 1e-12);
    // What cannot recover is not computed, and the rest is as if it had been.
    assert_int_equal(result.steps, 2 * 2);
    b.specs[0].training.epochs = 9;
    train_on(device, b.specs, 1, NULL, &longer);
    assert_int_equal(longer.epochs_done, 9);
    assert_int_equal(longer.steps, result.steps);
    assert_true(longer.epochs[8].select_metric == result.epochs[2].select_metric);
    assert_true(isnan(longer.epochs[8].train_loss) && isnan(longer.epochs[8].select_loss));
    assert_same_outputs(&longer.tests[0], &result.tests[0]);
    mb_run_result_free(&result);
    mb_run_result_free(&longer);
    bench_close(&b);
}

// One run of an array breaks in its third epoch. It keeps the best of all epochs, and its
// neighbours keep their bits.
static inline void check_broken_in_array(mb_device *device, const char *dataset) {
    bench b;
    mb_run_result healthy[RUNS], together[RUNS], cut;
    bench_open(&b, "attention", 12);
    use_rules(&b, dataset);
    train_on(device, b.specs, RUNS, NULL, healthy);
    train_disturbed(device, b.specs, NEVER, together);
    for (int i = 0; i < RUNS; i++)
        if (i != SICK_RUN)
            assert_same_broken(&together[i], &healthy[i]);
    const mb_run_result *sick = &together[SICK_RUN];
    const mb_run_spec *spec = &b.specs[SICK_RUN];
    assert_int_equal(sick->status, MB_RUN_DONE);
    assert_int_equal(sick->broken_epoch, SICK_EPOCH);
    assert_string_equal(sick->cause, "epoch 3: the training loss of step 1 is nan");
    assert_int_equal(sick->epochs_done, spec->training.epochs);
    assert_true(sick->steps < healthy[SICK_RUN].steps);
    double constant = waf_of_constant(spec, &spec->fold->select);
    int32_t best = 0; // by hand: of the epochs before the break, and of the constant after it
    for (int32_t e = 0; e < SICK_EPOCH; e++)
        if (healthy[SICK_RUN].epochs[e].select_metric >
            healthy[SICK_RUN].epochs[best].select_metric)
            best = e;
    if (constant > healthy[SICK_RUN].epochs[best].select_metric)
        best = SICK_EPOCH;
    assert_int_equal(sick->best_epoch, best);
    if (best < SICK_EPOCH) { // its weights are those of the healthy run then
        mb_run_spec shorter = *spec;
        shorter.training.epochs = best + 1;
        train_on(device, &shorter, 1, NULL, &cut);
        assert_same_outputs(&sick->select_predictions, &cut.select_predictions);
        assert_same_outputs(&sick->tests[0], &cut.tests[0]);
        mb_run_result_free(&cut);
    } else {
        assert_all_nan(&sick->tests[0]);
    }
    free_results(healthy, RUNS);
    free_results(together, RUNS);
    bench_close(&b);
}

// Broken from the start, under each protocol and on a dataset on which the toolkit stops.
static inline void check_protocols(mb_device *device) {
    static const struct {
        const char *dataset;
        mb_protocol protocol;
        const char *cause; // of a divergence; NULL: scored
    } cases[] = {
        {"CMUMOSI", MB_PROTOCOL_MERTOOLS, NULL},
        {"IEMOCAPSix", MB_PROTOCOL_MERTOOLS, NULL},
        {"MER2023", MB_PROTOCOL_MERTOOLS, "; the toolkit stops there with an error"},
        {"CMUMOSI", MB_PROTOCOL_STRICT, "nan"},
        {"MER2023", MB_PROTOCOL_STRICT, "nan"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bench b;
        mb_run_result together[RUNS], alone;
        bench_open(&b, "attention", 12);
        use_rules(&b, cases[i].dataset);
        for (int a = 0; a < RUNS; a++) {
            b.specs[a].protocol = cases[i].protocol;
            b.specs[a].training.learning_rate = a == 1 ? 1e30 : 1e-3;
        }
        train_on(device, b.specs, RUNS, NULL, together);
        const mb_run_result *sick = &together[1];
        assert_int_equal(sick->status, cases[i].cause == NULL ? MB_RUN_DONE : MB_RUN_DIVERGED);
        assert_int_equal(sick->broken_epoch, cases[i].cause == NULL ? 0 : -1);
        assert_int_equal(strncmp(sick->cause, "epoch 1: the training loss of step ", 35), 0);
        if (cases[i].cause != NULL) {
            size_t length = strlen(sick->cause), end = strlen(cases[i].cause);
            assert_string_equal(sick->cause + length - end, cases[i].cause);
            assert_int_equal(sick->tests[0].count, 0);
        } else {
            assert_true(isfinite(sick->select.waf));
        }
        for (int a = 0; a < RUNS; a++) {
            train_on(device, &b.specs[a], 1, NULL, &alone);
            assert_same_broken(&together[a], &alone);
            assert_int_equal(together[a].steps, alone.steps);
            mb_run_result_free(&alone);
        }
        free_results(together, RUNS);
        bench_close(&b);
    }
}

// ---- order of evaluations ---------------------------------------------------------------------

enum { FRAMES = 3 };

// Gives every utterance three frames, and the runs a model of sequences.
static inline void use_frames(bench *b, int64_t offsets[UTTERANCES + 1]) {
    for (int i = 0; i <= UTTERANCES; i++)
        offsets[i] = (int64_t)i * FRAMES;
    for (int m = 0; m < 3; m++) {
        int64_t count = (int64_t)UTTERANCES * FRAMES * b->dataset.streams[m].dimension;
        b->values[m] = realloc(b->values[m], (size_t)count * sizeof(float));
        for (int64_t i = 0; i < count; i++)
            b->values[m][i] = draw((uint32_t)m, (uint64_t)i);
        b->dataset.streams[m].values = b->values[m];
        b->dataset.streams[m].offsets = offsets;
    }
    for (int i = 0; i < RUNS; i++) {
        b->specs[i].config.feature_type = MB_FRM_ALIGN;
        for (int m = 0; m < 3; m++)
            b->specs[i].config.steps[m] = FRAMES;
    }
}

// Trains one epoch with the selection part, in the order after that epoch, as the held-out part,
// which is evaluated in the order of its list. Returns whether the two gave the same predictions.
static inline bool gives_the_same(mb_device *device, const char *model, mb_protocol protocol,
                                  bool permuted) {
    bench b;
    int64_t offsets[UTTERANCES + 1];
    int32_t order[UTTERANCES], rows[UTTERANCES];
    mb_run_result results[RUNS];
    bench_open(&b, model, 8);
    use_rules(&b, "IEMOCAPSix");
    use_frames(&b, offsets);
    mb_run_spec *spec = &b.specs[2];
    mb_part *select = &b.folds[0].select;
    *select = part_of(&b, "select", 40, 70);
    for (int i = 0; i < 70; i++)
        order[i] = i;
    if (permuted)
        mb_random_shuffle(mb_key_make(spec->seed, (uint32_t)spec->fold_index),
                          MB_RANDOM_EVALUATION_ORDER, 0, order, 70);
    for (int i = 0; i < 70; i++)
        rows[i] = select->rows[order[i]];
    b.folds[0].held = *select;
    b.folds[0].held.rows = rows;
    for (int i = 0; i < RUNS; i++) {
        b.specs[i].protocol = protocol;
        b.specs[i].training.epochs = 1;
    }
    train_on(device, b.specs, RUNS, NULL, results);
    const float *selected = results[2].select_predictions.logits;
    const float *held = results[2].held_predictions.logits;
    bool same = true;
    for (int i = 0; i < 70 && same; i++)
        same =
            memcmp(selected + (int64_t)order[i] * 6, held + (int64_t)i * 6, 6 * sizeof(float)) == 0;
    free_results(results, RUNS);
    bench_close(&b);
    return same;
}

// Under mertools, mctn, whose rows depend on each other, is evaluated on IEMOCAP in an order of
// its own after every epoch; its predictions come back in the order of the part.
static inline void check_evaluation_order(mb_device *device) {
    assert_true(gives_the_same(device, "mctn", MB_PROTOCOL_MERTOOLS, true));
    assert_false(gives_the_same(device, "mctn", MB_PROTOCOL_MERTOOLS, false));
    assert_true(gives_the_same(device, "mctn", MB_PROTOCOL_STRICT, false));
    assert_true(gives_the_same(device, "mfn", MB_PROTOCOL_MERTOOLS, false));
}

#endif
