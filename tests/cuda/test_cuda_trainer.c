// mb_train_runs on the CUDA executor: runs have the same results in an array and alone, they agree
// with the CPU's, and neither a run that diverges nor a stop changes other runs.
#include "../unit/trainer_support.h"
#include "cuda_support.h"

typedef struct devices {
    mb_device *cuda, *cpu;
} devices;

typedef struct model_size {
    const char *name;
    int32_t hidden;
} model_size;

// A model whose rows are independent, and one whose rows interact, which is therefore evaluated in
// batches.
static const model_size models[] = {{"attention", 12}, {"mmim", 8}};
enum { MODELS = sizeof models / sizeof *models };

static void open_runs(bench *b, const model_size *model) {
    bench_open(b, model->name, model->hidden);
    for (int i = 0; i < RUNS; i++)
        b->specs[i].training.epochs = SANITIZED ? 2 : 4;
    // So narrow an mmim has encodings that are all zeros; these runs should not break.
    int32_t zero_rows = mb_model_option(b->specs[0].model, "zero_rows");
    for (int i = 0; i < RUNS && zero_rows >= 0; i++)
        b->specs[i].config.options[zero_rows] = 0;
}

static void test_array_equals_runs_alone(void **state) {
    const devices *d = *state;
    for (int m = 0; m < MODELS; m++) {
        bench b;
        mb_run_result together[RUNS], alone[RUNS];
        open_runs(&b, &models[m]);
        train_on(d->cuda, b.specs, RUNS, NULL, together);
        for (int i = 0; i < RUNS; i++) {
            train_on(d->cuda, &b.specs[i], 1, NULL, &alone[i]);
            assert_int_equal(alone[i].status, MB_RUN_DONE);
            assert_same_result(&together[i], &alone[i]);
            assert_int_equal(together[i].steps, alone[i].steps);
        }
        free_results(together, RUNS);
        free_results(alone, RUNS);
        bench_close(&b);
    }
}

static void check_number(const char *what, int run, double found, double expected) {
    const double limit = 1e-4;
    if (!(fabs(found - expected) <= limit * (1.0 + fabs(expected))))
        fail_msg("run %d: %s: found %.9g, the CPU's is %.9g (limit %g)", run, what, found, expected,
                 limit);
}

static void check_predictions(const char *what, int run, const mb_predictions *found,
                              const mb_predictions *expected) {
    assert_int_equal(found->count, expected->count);
    for (int32_t i = 0; i < found->count * 6; i++)
        check_number(what, run, (double)found->logits[i], (double)expected->logits[i]);
    for (int32_t i = 0; i < found->count; i++)
        check_number(what, run, (double)found->values[i], (double)expected->values[i]);
}

static void test_comes_to_what_the_cpu_comes_to(void **state) {
    const devices *d = *state;
    for (int m = 0; m < MODELS; m++) {
        bench b;
        mb_run_result cuda[RUNS], cpu[RUNS];
        open_runs(&b, &models[m]);
        train_on(d->cuda, b.specs, RUNS, NULL, cuda);
        train_on(d->cpu, b.specs, RUNS, NULL, cpu);
        for (int i = 0; i < RUNS; i++) {
            assert_int_equal(cuda[i].status, MB_RUN_DONE);
            assert_int_equal(cuda[i].epochs_done, cpu[i].epochs_done);
            assert_int_equal(cuda[i].best_epoch, cpu[i].best_epoch);
            for (int32_t e = 0; e < cpu[i].epochs_done; e++) {
                check_number("training loss", i, cuda[i].epochs[e].train_loss,
                             cpu[i].epochs[e].train_loss);
                check_number("selection loss", i, cuda[i].epochs[e].select_loss,
                             cpu[i].epochs[e].select_loss);
                check_number("selection metric", i, cuda[i].epochs[e].select_metric,
                             cpu[i].epochs[e].select_metric);
            }
            check_predictions("selection part", i, &cuda[i].select_predictions,
                              &cpu[i].select_predictions);
            check_predictions("held-out part", i, &cuda[i].held_predictions,
                              &cpu[i].held_predictions);
            check_predictions("test part", i, &cuda[i].tests[0], &cpu[i].tests[0]);
        }
        free_results(cuda, RUNS);
        free_results(cpu, RUNS);
        bench_close(&b);
    }
}

static void test_divergence_stays_alone(void **state) {
    const devices *d = *state;
    bench b;
    mb_run_result healthy[RUNS], sick[RUNS];
    open_runs(&b, &models[0]);
    train_on(d->cuda, b.specs, RUNS, NULL, healthy);
    b.specs[1].training.learning_rate = 1e30;
    train_on(d->cuda, b.specs, RUNS, NULL, sick);
    assert_int_equal(sick[1].status, MB_RUN_DIVERGED);
    assert_non_null(strstr(sick[1].cause, "epoch 1"));
    for (int i = 0; i < RUNS; i++)
        if (i != 1)
            assert_same_result(&sick[i], &healthy[i]);
    free_results(healthy, RUNS);
    free_results(sick, RUNS);
    bench_close(&b);
}

static void test_late_divergence(void **state) {
    const devices *d = *state;
    for (int m = 0; m < MODELS; m++) {
        bench b;
        open_runs(&b, &models[m]);
        for (int i = 0; i < RUNS; i++)
            b.specs[i].training.epochs = SICK_EPOCH + 1;
        check_late_divergence(d->cuda, b.specs);
        bench_close(&b);
    }
}

static void test_stop(void **state) {
    const devices *d = *state;
    bench b;
    open_runs(&b, &models[0]);
    for (int i = 0; i < RUNS; i++)
        b.specs[i].training.epochs = SICK_EPOCH + 1;
    check_stops(d->cuda, b.specs);
    bench_close(&b);
}

int main(int argc, char **argv) {
    choose_tests(argc, argv);
    devices d = {.cuda = cuda_open(), .cpu = portable_open()};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_array_equals_runs_alone, &d),
        cmocka_unit_test_prestate(test_comes_to_what_the_cpu_comes_to, &d),
        cmocka_unit_test_prestate(test_divergence_stays_alone, &d),
        cmocka_unit_test_prestate(test_late_divergence, &d),
        cmocka_unit_test_prestate(test_stop, &d),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    d.cuda->backend->close(d.cuda);
    d.cpu->backend->close(d.cpu);
    return failures;
}
