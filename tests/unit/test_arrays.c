// Sweeps in arrays, on a device with its own memory: the same bits as one run at a time.
#include "sweep_compare.h"

#include "separate_support.h"

#include <time.h>

static sweep_folder folder;

static int set_up(void **state) {
    (void)state;
    sweep_folder_open(&folder);
    sweep_folder_add(&folder, "mer.h5", "MER2023", 0.01, true);
    sweep_folder_add(&folder, "iemocap.h5", "IEMOCAPFour", 0.01, true);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    sweep_folder_close(&folder);
    return 0;
}

// What the trainer was called with.
static struct {
    int arrays, runs;
    int32_t sizes[256];
} seen;

// The number of concurrent uploads for which the trainer waits after the first array.
static int awaited;

static void await_concurrent_uploads(void) {
    struct timespec millisecond = {.tv_nsec = 1000000};
    for (int i = 0; i < 30000 && separate_concurrent_uploads() < awaited; i++)
        nanosleep(&millisecond, NULL);
}

static mb_status train_and_note(mb_device_cache *cache, const mb_run_spec *specs, int32_t run_count,
                                const atomic_int *stop, atomic_llong *steps_done,
                                mb_run_result *results, mb_error *error) {
    mb_status status = mb_train_runs(cache, specs, run_count, stop, steps_done, results, error);
    if (status == MB_OK && seen.arrays < 256) {
        seen.runs += run_count;
        seen.sizes[seen.arrays++] = run_count;
    }
    await_concurrent_uploads();
    return status;
}

static void start(const char *plan, const char *results, const mb_backend *backend,
                  int32_t array_size, mb_sweep_totals *totals) {
    mb_error error = {.message = ""};
    mb_pool_config config = {
        .backend = backend, .train = train_and_note, .threads = 1, .array_size = array_size};
    seen.arrays = seen.runs = 0;
    if (sweep_start(&folder, plan, results, &config, totals, &error) != MB_OK)
        fail_msg("%s", error.message);
}

#define PLAN(corpus, model, type, features, grid)                                                  \
    "{\"name\": \"p\", \"epochs\": 3, \"corpora\": {\"c\": \"" corpus "\"}, \"cells\": "           \
    "[{\"corpus\": \"c\", \"model\": \"" model "\", \"feature_type\": \"" type "\", "              \
    "\"features\": {\"audio\": \"synth-audio-" features "\", \"text\": \"synth-text-" features     \
    "\", \"video\": \"synth-video-" features "\"}, \"grid\": {" grid "}}], "                       \
    "\"search\": {\"method\": \"grid\", \"seeds\": [1, 2]}, \"final\": {\"seeds\": [3]}}"

// Runs that differ in seed, fold, learning rate and dropout rate share an array; those of another
// hidden_dim do not.
static void test_arrays_equal_runs_alone(void **state) {
    (void)state;
    static const struct {
        const char *plan;
        int runs, arrays, sizes[8];
    } cases[] = {
        // MER2023: five folds drawn with the seed; IEMOCAP: five sessions of unequal size
        {PLAN("mer.h5", "attention", "utt", "UTT",
              "\"hidden_dim\": [8, 12], \"dropout\": [0.2, 0.5], \"learning_rate\": [1e-3, 1e-2]"),
         85,
         3,
         {40, 40, 5}},
        {PLAN("iemocap.h5", "attention", "utt", "UTT",
              "\"hidden_dim\": [8], \"dropout\": [0.2, 0.5], \"grad_clip\": [-1, 1]"),
         45,
         2,
         {40, 5}},
        {PLAN("mer.h5", "attention", "frm_align", "FRA",
              "\"hidden_dim\": [8], \"dropout\": [0.2, 0.5]"),
         25,
         2,
         {20, 5}},
        {PLAN("iemocap.h5", "lmf", "frm_unalign", "FRA", "\"hidden_dim\": [64], \"rank\": [3]"),
         15,
         2,
         {10, 5}},
        {PLAN("iemocap.h5", "misa", "utt", "UTT", "\"hidden_dim\": [64], \"dropout\": [0.2, 0.5]"),
         25,
         2,
         {20, 5}}, // its losses couple the rows of a batch
        {"{\"name\": \"p\", \"epochs\": 3, \"corpora\": {\"c\": \"iemocap.h5\"}, \"cells\": ["
         "{\"corpus\": \"c\", \"model\": \"attention_topn\", \"fusion_modality\": \"AV\", "
         "\"features\": {\"audio\": [\"synth-audio-UTT\", \"synth-audio-FRA\"], "
         "\"video\": [\"synth-video-UTT\", \"synth-text-UTT\"]}, "
         "\"grid\": {\"hidden_dim\": [8], \"dropout\": [0.2, 0.5]}}], "
         "\"search\": {\"method\": \"grid\", \"seeds\": [1, 2]}, \"final\": {\"seeds\": [3]}}",
         25,
         2,
         {20, 5}}, // six streams, of which two are in twice
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char alone[32], together[32];
        mb_sweep_totals totals;
        snprintf(alone, sizeof alone, "alone%zu.db", i);
        snprintf(together, sizeof together, "together%zu.db", i);
        start(cases[i].plan, alone, &mb_cpu_backend, 1, &totals);
        assert_int_equal(seen.runs, cases[i].runs);
        start(cases[i].plan, together, separate_begin((size_t)1 << 40), 64, &totals);
        assert_int_equal(seen.runs, cases[i].runs);
        assert_int_equal(seen.arrays, cases[i].arrays);
        for (int a = 0; a < cases[i].arrays; a++)
            assert_int_equal(seen.sizes[a], cases[i].sizes[a]);
        assert_int_equal(separate.used, 0); // the copies of the corpora were freed, too
        assert_true(totals.array_bytes >= 5 * totals.run_bytes);
        assert_int_equal(same_results(&folder, alone, together), cases[i].runs);
    }
}

// A sweep finishes with any amount of memory, with the same results, if a single run fits.
static void test_little_memory(void **state) {
    (void)state;
    static const char plan[] = PLAN("mer.h5", "attention", "utt", "UTT",
                                    "\"hidden_dim\": [8, 12], \"dropout\": [0.2, 0.5]");
    mb_sweep_totals totals;
    start(plan, "plenty.db", separate_begin((size_t)1 << 40), 64, &totals);
    assert_int_equal(seen.arrays, 3);
    size_t most = separate.most;
    for (size_t part = 2; part <= 8; part *= 2) {
        char results[32];
        snprintf(results, sizeof results, "part%zu.db", part);
        start(plan, results, separate_begin(most / part), 64, &totals);
        assert_true(separate.refusals > 0);
        assert_true(separate.most <= most / part);
        assert_true(seen.arrays > 3);
        assert_int_equal(same_results(&folder, "plenty.db", results), 45);
    }
    mb_error error = {.message = ""};
    mb_pool_config config = {
        .backend = separate_begin(20000), .train = train_and_note, .threads = 1, .array_size = 64};
    assert_int_equal(sweep_start(&folder, plan, "none.db", &config, &totals, &error), MB_FAILED);
    assert_non_null(strstr(error.message, "not fit into memory"));
    assert_int_equal(totals.runs_done, 0);
}

static mb_status refuse_upload(mb_error *error) {
    return mb_fail(error, MB_FAILED, "no concurrent uploads");
}

#define CELLS(first, second)                                                                       \
    "{\"name\": \"p\", \"epochs\": 3, \"corpora\": {\"m\": \"mer.h5\", \"i\": \"iemocap.h5\"}, "   \
    "\"cells\": [{" first "}, {" second "}], "                                                     \
    "\"grid\": {\"hidden_dim\": [8], \"dropout\": [0.2, 0.5]}, "                                   \
    "\"search\": {\"method\": \"grid\", \"seeds\": [1]}, \"final\": {\"seeds\": [3]}}"
#define CELL(corpus, feature)                                                                      \
    "\"corpus\": \"" corpus "\", \"model\": \"attention\", \"feature\": \"" feature "\""

// Two cells with different features, of one corpus or of two. The features of the second cell
// are uploaded while the first trains or, if that fails or memory is short, later. Results are
// the same.
static void test_next_features(void **state) {
    (void)state;
    enum { ROOM, FAILURE, HALF, QUARTER, WAYS };
    static const struct {
        const char *plan;
        int uploads; // arrays that the second cell needs and the first does not
    } cases[] = {{CELLS(CELL("m", "synth-text-UTT"), CELL("m", "synth-audio-UTT")), 1},
                 {CELLS(CELL("m", "synth-text-UTT"), CELL("i", "synth-text-UTT")), 3}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char cpu[32], results[32];
        size_t limit = (size_t)1 << 40;
        mb_sweep_totals totals;
        snprintf(cpu, sizeof cpu, "next%zu.db", i);
        start(cases[i].plan, cpu, &mb_cpu_backend, 1, &totals);
        for (int way = ROOM; way < WAYS; way++) {
            int expected = way == ROOM ? cases[i].uploads : 0;
            const mb_backend *backend = separate_begin(limit);
            snprintf(results, sizeof results, "next%zu-%d.db", i, way);
            separate.before_upload = way == FAILURE ? refuse_upload : NULL;
            awaited = expected;
            start(cases[i].plan, results, backend, 64, &totals);
            awaited = 0;
            if (way == ROOM || way == FAILURE)
                assert_int_equal(separate.concurrent_uploads, expected);
            assert_int_equal(separate.used, 0);
            assert_int_equal(same_results(&folder, cpu, results), 30);
            limit = way == ROOM ? limit : separate.most / 2;
        }
    }
}

// The estimate by which runs are started, against what an array allocates.
static void test_estimated_memory(void **state) {
    (void)state;
    static const char plan[] =
        PLAN("iemocap.h5", "attention", "frm_align", "FRA", "\"hidden_dim\": [32]");
    mb_sweep_totals totals;
    start(plan, "estimate.db", separate_begin((size_t)1 << 40), 64, &totals);
    assert_int_equal(seen.sizes[0], 10);
    double estimate = 10.0 * (double)totals.run_bytes + (double)totals.shared_bytes;
    assert_true((double)separate.most <= estimate * 1.01);
    assert_true((double)separate.most >= estimate * 0.99);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arrays_equal_runs_alone),
        cmocka_unit_test(test_little_memory),
        cmocka_unit_test(test_next_features),
        cmocka_unit_test(test_estimated_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
