// A trainer with invented selection values, and plans for it: shared by the tests of sweeps.
#ifndef MB_TESTS_MADE_UP_TRAINER_H
#define MB_TESTS_MADE_UP_TRAINER_H

#include "sweep_compare.h"

enum { FOREVER = 1000000 };
static atomic_int calls_left; // calls of make_up before it fails

static inline mb_predictions made_up(const mb_run_spec *spec, int32_t count) {
    mb_predictions p = {.count = count};
    if (spec->config.class_count > 0)
        p.logits = calloc((size_t)count * (size_t)spec->config.class_count + 1, sizeof(float));
    if (spec->config.value_count > 0)
        p.values = calloc((size_t)count + 1, sizeof(float));
    return p;
}

static atomic_int others_evaluated; // runs, on more than their selection parts

// hidden_dim 8: 0.5 with seed 1, 0.7 with seed 2; 16: 0.6 both; 32: 0.9 and divergence; 64: as 16.
static inline mb_status make_up(mb_device_cache *cache, const mb_run_spec *specs, int32_t run_count,
                                const atomic_int *stop, atomic_llong *steps_done,
                                mb_run_result *results, mb_error *error) {
    (void)cache;
    (void)stop;
    assert_int_equal(run_count, 1);
    if (atomic_fetch_sub(&calls_left, 1) <= 0)
        return mb_fail(error, MB_FAILED, "power cut");
    const mb_run_spec *spec = specs;
    mb_run_result *r = results;
    int hidden = (int)spec->config.options[mb_model_option(spec->model, "hidden_dim")];
    double value = hidden == 8 ? spec->seed == 1 ? 0.5 : 0.75 : hidden == 32 ? 0.9 : 0.625;
    *r = (mb_run_result){.status = MB_RUN_DONE, .broken_epoch = -1, .epochs_done = 1, .steps = 1};
    atomic_fetch_add(&others_evaluated, !spec->selection_only);
    if (hidden == 32 && spec->seed == 2) {
        r->status = MB_RUN_DIVERGED;
        snprintf(r->cause, sizeof r->cause, "made up");
    }
    r->epochs = calloc(1, sizeof *r->epochs);
    r->epochs[0] = (mb_epoch){1, 1, value};
    mb_scores_of(mb_dataset_labels(spec->rules), 0, NULL, NULL, NULL, NULL, &r->select);
    r->held = r->select;
    r->select.waf = value;
    if (r->status == MB_RUN_DONE) {
        r->select_predictions = made_up(spec, spec->fold->select.count);
        if (!spec->selection_only)
            r->held_predictions = made_up(spec, spec->fold->held.count);
    }
    r->test_count = spec->selection_only ? 0 : spec->test_count;
    r->tests = calloc((size_t)spec->test_count + 1, sizeof *r->tests);
    for (int32_t t = 0; t < r->test_count && r->status == MB_RUN_DONE; t++)
        r->tests[t] = made_up(spec, spec->tests[t].count);
    atomic_fetch_add(steps_done, 1);
    return MB_OK;
}

static inline mb_pool_config config_of(mb_train_function train, int32_t threads) {
    return (mb_pool_config){
        .backend = &mb_cpu_backend, .train = train, .threads = threads, .array_size = 1};
}

static inline void expect_start(const sweep_folder *folder, const char *plan, const char *results,
                                mb_train_function train, int32_t threads, mb_sweep_totals *totals) {
    mb_error error = {.message = ""};
    mb_pool_config config = config_of(train, threads);
    if (sweep_start(folder, plan, results, &config, totals, &error) != MB_OK)
        fail_msg("%s", error.message);
}

// {"name": ..., cells: one over hidden_dims, search seeds, final seeds}
static inline void write_plan(char *text, size_t size, const char *corpus, const char *dims,
                              const char *search, const char *final) {
    snprintf(text, size,
             "{\"name\": \"p\", \"epochs\": 3, \"corpora\": {\"c\": \"%s\"}, \"grid\": "
             "{\"hidden_dim\": [%s]}, \"cells\": [{\"corpus\": \"c\", \"model\": \"attention\", "
             "%s}], \"search\": {\"method\": \"grid\", \"seeds\": [%s]}%s%s%s}",
             corpus, dims, SYNTH_FEATURES, search,
             final[0] != '\0' ? ", \"final\": {\"seeds\": [" : "", final,
             final[0] != '\0' ? "]}" : "");
}

// The same plan under a protocol.
static inline void protocol_plan(char *text, size_t size, const char *protocol, const char *plan) {
    snprintf(text, size, "{\"protocol\": \"%s\", %s", protocol, plan + 1);
}

#endif
