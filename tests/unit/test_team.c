// Threads that share the steps of a run on the CPU: the same bits as one thread alone.
#include <pthread.h>
#include <time.h>

#include "engine_support.h"

#include "base/progress.h"
#include "merbench/model.h"

#include "cpu/team.h"

enum { MOST_HELPERS = 2 };

// Threads that assist, a device or a team.
typedef struct helpers {
    mb_device *device;
    mb_cpu_team *team;
    int count;
    pthread_t threads[MOST_HELPERS];
    atomic_int over;
    atomic_llong shares; // that they did
} helpers;

static bool go_on(const void *context) {
    return !atomic_load(&((const helpers *)context)->over);
}

static void *help(void *argument) {
    helpers *h = argument;
    int64_t shares = h->device != NULL ? h->device->backend->executor->assist(h->device, go_on, h)
                                       : mb_cpu_team_assist(h->team, go_on, h);
    atomic_fetch_add(&h->shares, shares);
    return NULL;
}

static void helpers_begin(helpers *h, mb_device *device, mb_cpu_team *team, int count) {
    *h = (helpers){.device = device, .team = team, .count = count};
    for (int i = 0; i < count; i++)
        assert_int_equal(pthread_create(&h->threads[i], NULL, help, h), 0);
}

static long long helpers_end(helpers *h) {
    atomic_store(&h->over, 1);
    for (int i = 0; i < h->count; i++)
        pthread_join(h->threads[i], NULL);
    return atomic_load(&h->shares);
}

// ---- rounds -------------------------------------------------------------------------------------

enum { ROUNDS = 20000, MOST_SHARES = 7 };

static atomic_int done[MOST_SHARES];
static int current; // round, as the owner of the team says
static atomic_int misread;

static void note_share(const mb_cpu_call *call) {
    if (call->rows != current) // what the owner wrote before is seen
        atomic_fetch_add(&misread, 1);
    atomic_fetch_add(&done[call->share], 1);
}

static void test_each_share_is_done_once(void **state) {
    (void)state;
    mb_cpu_team team = {0};
    helpers h;
    helpers_begin(&h, NULL, &team, MOST_HELPERS);
    for (current = 1; current <= ROUNDS; current++) {
        mb_cpu_call calls[MOST_SHARES] = {0};
        int shares = 1 + current % MOST_SHARES;
        for (int i = 0; i < shares; i++)
            calls[i] = (mb_cpu_call){.rows = current, .share = i};
        mb_cpu_team_run(&team, note_share, calls, shares);
        for (int i = 0; i < MOST_SHARES; i++)
            assert_int_equal(atomic_exchange(&done[i], 0), i < shares);
    }
    helpers_end(&h);
    assert_int_equal(atomic_load(&misread), 0);
}

static atomic_int met;

// Done only when another thread does another share at the same time.
static void meet(const mb_cpu_call *call) {
    (void)call;
    struct timespec moment = {.tv_nsec = 100000};
    atomic_fetch_add(&met, 1);
    for (int i = 0; i < 100000 && atomic_load(&met) < 2; i++)
        nanosleep(&moment, NULL);
}

// Also one that has gone to sleep for want of work.
static void test_helpers_take_part(void **state) {
    (void)state;
    struct timespec long_enough = {.tv_nsec = 20000000};
    mb_cpu_team team = {0};
    helpers h;
    helpers_begin(&h, NULL, &team, 1);
    for (int round = 1; round <= 3; round++) {
        mb_cpu_call calls[2] = {{.share = 0}, {.share = 1}};
        atomic_store(&met, 0);
        mb_cpu_team_run(&team, meet, calls, 2);
        assert_int_equal(atomic_load(&met), 2);
        nanosleep(&long_enough, NULL);
    }
    assert_int_equal(mb_cpu_team_size(&team), 2);
    assert_int_equal(helpers_end(&h), 3);
    assert_int_equal(mb_cpu_team_size(&team), 1);
}

// ---- models -------------------------------------------------------------------------------------

enum { BATCH = 37, STEPS = 4, FRAMES = 3 };

static const int32_t batches[STEPS] = {BATCH, 5, 0, 32};

// As wide as by default, so that steps are worth sharing, but for the outer product of tfn.
static mb_model_config config_of(const mb_model *model) {
    mb_model_config config = {.feature_type = MB_UTT,
                              .dims = {130, 384, 31},
                              .steps = {1, 1, 1},
                              .class_count = 4,
                              .value_count = 1};
    mb_error error = {.message = ""};
    mb_model_defaults(model, &config);
    if (mb_model_check(model, &config, &error) != MB_OK) {
        config.feature_type = MB_FRM_ALIGN;
        for (int m = 0; m < 3; m++)
            config.steps[m] = FRAMES;
        mb_model_defaults(model, &config);
    }
    if (strcmp(model->name, "tfn") == 0)
        config.options[mb_model_option(model, "hidden_dim")] = 32;
    if (mb_model_option(model, "layers") >= 0)
        config.options[mb_model_option(model, "layers")] = 1;
    return config;
}

static void run_steps(model_engine *engine, const sample_set *set, int32_t count,
                      const int32_t *rows, float *logits, float *values) {
    int32_t indices[STEPS * SAMPLES], widest[STEPS];
    uint32_t step = 0;
    for (int32_t i = 0; i < STEPS * SAMPLES; i++)
        indices[i] = i * 17 % SAMPLES;
    for (int32_t s = 0; s < STEPS; s++)
        widest[s] = BATCH;
    mb_launch launch = {.run_count = 1,
                        .step_count = count,
                        .dataset = &set->dataset,
                        .indices = indices,
                        .index_stride = STEPS * SAMPLES,
                        .batch_rows = SAMPLES,
                        .rows = rows,
                        .widest = widest,
                        .parameters = engine->parameters,
                        .first_moments = engine->first_moments,
                        .second_moments = engine->second_moments,
                        .arena = engine->arena,
                        .slots = engine->slots,
                        .keys = &engine->key,
                        .steps = &step,
                        .logits = logits,
                        .values = values};
    mb_error error = {.message = ""};
    assert_int_equal(
        engine->device->backend->executor->run(engine->device, engine->plan, &launch, &error),
        MB_OK);
}

typedef struct run_result {
    float *parameters;
    float logits[SAMPLES * 4], values[SAMPLES];
} run_result;

// Trains a model, then evaluates it; what helpers did of that.
static long long train_and_evaluate(const mb_model *model, const char *isa, int helper_count,
                                    run_result *result) {
    const int32_t all = SAMPLES;
    mb_model_config config = config_of(model);
    sample_set set;
    model_engine engine, evaluation;
    helpers h;
    samples_open(&set, &config);
    engine_open(&engine, isa, model, &config, MB_PLAN_TRAIN, MB_DROPOUT_RANDOM, BATCH);
    engine_open(&evaluation, isa, model, &config, MB_PLAN_EVALUATE, MB_DROPOUT_OFF, SAMPLES);
    size_t bytes = (size_t)engine.info->parameter_floats * sizeof(float);
    result->parameters = malloc(bytes);
    assert_non_null(result->parameters);
    helpers_begin(&h, engine.device, NULL, helper_count);
    run_steps(&engine, &set, STEPS, batches, NULL, NULL);
    long long shares = helpers_end(&h);
    memcpy(result->parameters, engine.parameters, bytes);
    memcpy(evaluation.parameters, engine.parameters, bytes);
    helpers_begin(&h, evaluation.device, NULL, helper_count);
    run_steps(&evaluation, &set, 1, &all, result->logits, result->values);
    shares += helpers_end(&h);
    engine_close(&engine);
    engine_close(&evaluation);
    samples_close(&set);
    return shares;
}

static int64_t parameters_of(const mb_model *model) {
    mb_model_config config = config_of(model);
    mb_plan *plan = NULL;
    mb_error error = {.message = ""};
    assert_int_equal(
        mb_model_compile(model, &config, MB_PLAN_TRAIN, MB_DROPOUT_RANDOM, BATCH, &plan, &error),
        MB_OK);
    int64_t floats = mb_plan_get(plan)->parameter_floats;
    mb_plan_free(plan);
    return floats;
}

static void check_model(const mb_model *model, const char *isa) {
    static run_result alone, shared;
    size_t bytes = (size_t)parameters_of(model) * sizeof(float);
    long long shares = 0;
    train_and_evaluate(model, isa, 0, &alone);
    double began = mb_seconds();
    while (shares == 0 && mb_seconds() - began < 60) { // helpers may not get a core for a while
        shares = train_and_evaluate(model, isa, MOST_HELPERS, &shared);
        if (memcmp(alone.parameters, shared.parameters, bytes) != 0)
            fail_msg("%s on %s: other weights", model->name, isa);
        if (memcmp(alone.logits, shared.logits, sizeof alone.logits) != 0 ||
            memcmp(alone.values, shared.values, sizeof alone.values) != 0)
            fail_msg("%s on %s: other predictions", model->name, isa);
        free(shared.parameters);
    }
    free(alone.parameters);
    assert_true(shares > 0);
}

static void test_models_give_the_same_bits(void **state) {
    (void)state;
    static const char *const isas[] = {"avx512", "avx2", "portable"};
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++) {
        mb_device *device;
        mb_error error;
        if (mb_cpu_open(isas[i], &device, &error) != MB_OK)
            continue;
        device->backend->close(device);
        for (const mb_model *const *model = mb_model_all(); *model != NULL; model++)
            check_model(*model, isas[i]);
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__) // slow, and shared alike
        break;
#endif
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_share_is_done_once),
        cmocka_unit_test(test_helpers_take_part),
        cmocka_unit_test(test_models_give_the_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
