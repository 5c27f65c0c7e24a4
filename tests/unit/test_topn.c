// Lists of features: the order of streams, cells of plans, descriptions of trials, the data that
// the streams are, and what is refused.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sweep/store.h"
#include "sweep/trial.h"
#include "sweep_support.h"

#define PLAN(entry)                                                                                \
    "{\"name\": \"p\", \"epochs\": 2, \"corpora\": {\"c\": \"c.h5\"}, \"cells\": [{"               \
    "\"corpus\": \"c\", " entry "}], \"settings\": {\"hidden_dim\": 4}, "                          \
    "\"final\": {\"seeds\": [1]}}"
#define LISTS                                                                                      \
    "\"features\": {\"video\": [\"V1\", \"V2\"], \"audio\": [\"A1\", \"A2\"], "                    \
    "\"text\": [\"T1\", \"T2\"]}"
#define TOPN "\"model\": \"attention_topn\", "

static sweep_folder folder;

static mb_sweep_plan accept(const char *text) {
    mb_sweep_plan plan;
    mb_error error = {.message = ""};
    if (sweep_plan_from(&folder, text, &plan, &error) != MB_OK)
        fail_msg("%s", error.message);
    return plan;
}

static void refuse(const char *text, const char *message) {
    mb_sweep_plan plan;
    mb_error error = {.message = ""};
    mb_status status = sweep_plan_from(&folder, text, &plan, &error);
    mb_sweep_plan_free(&plan);
    if (status != MB_BAD_INPUT || strstr(error.message, message) == NULL)
        fail_msg("expected '%s', found status %d '%s'", message, status, error.message);
}

static void check_streams(const char *text, const char *const *streams, int32_t count,
                          const char *features) {
    mb_sweep_plan plan = accept(text);
    const mb_sweep_cell *cell = &plan.cells[0];
    assert_int_equal(mb_input_count(&cell->order), count);
    for (int32_t i = 0; i < count; i++)
        assert_string_equal(cell->features[i], streams[i]);
    for (int32_t i = count; i < MB_MAX_STREAMS; i++)
        assert_null(cell->features[i]);
    char *found = mb_input_text(&cell->order, cell->features);
    assert_string_equal(found, features);
    free(found);
    mb_sweep_plan_free(&plan);
}

// ---- plans ------------------------------------------------------------------------------------

static void test_order(void **state) {
    (void)state;
    check_streams(PLAN(TOPN LISTS), (const char *const[]){"A2", "A1", "T2", "T1", "V2", "V1"}, 6,
                  "audio=A1, audio=A2, text=T1, text=T2, video=V1, video=V2");
    check_streams(PLAN(TOPN LISTS ", \"fusion_modality\": \"AVT\""),
                  (const char *const[]){"A2", "A1", "T2", "T1", "V2", "V1"}, 6,
                  "audio=A1, audio=A2, text=T1, text=T2, video=V1, video=V2");
    check_streams(PLAN(TOPN LISTS ", \"fusion_modality\": \"AV\""),
                  (const char *const[]){"A2", "A1", "V2", "V1", "V2", "V1"}, 6,
                  "audio=A1, audio=A2, video=V1, video=V2, fusion_modality=AV");
    check_streams(PLAN(TOPN LISTS ", \"fusion_modality\": \"AT\""),
                  (const char *const[]){"A2", "A1", "T2", "T1", "T2", "T1"}, 6,
                  "audio=A1, audio=A2, text=T1, text=T2, fusion_modality=AT");
    check_streams(PLAN(TOPN LISTS ", \"fusion_modality\": \"VT\""),
                  (const char *const[]){"T2", "T1", "T2", "T1", "V2", "V1"}, 6,
                  "text=T1, text=T2, video=V1, video=V2, fusion_modality=VT");
    check_streams(
        PLAN(TOPN "\"features\": {\"audio\": \"A\", \"text\": [\"T\"], \"video\": \"V\"}"),
        (const char *const[]){"A", "T", "V"}, 3, "audio=A, text=T, video=V");
    check_streams(PLAN(TOPN "\"feature\": \"X\""), (const char *const[]){"X", "X", "X"}, 3,
                  "audio=X, text=X, video=X");
    check_streams(PLAN("\"model\": \"attention\", \"features\": {\"audio\": \"A\", "
                       "\"text\": \"T\", \"video\": \"V\"}"),
                  (const char *const[]){"A", "T", "V"}, 3, "audio=A, text=T, video=V");
}

// All features have their place once in three lists, the best last.
static void test_streams(void **state) {
    (void)state;
    for (int32_t ranks = 1; ranks <= MB_MOST_RANKS; ranks++)
        for (int fusion = 0; fusion < MB_FUSION_COUNT; fusion++) {
            mb_input_order order = {ranks, (mb_fusion_modality)fusion};
            int32_t lists = 0, repeated = 0;
            for (int32_t m = 0; m < MB_MODALITY_COUNT; m++)
                for (int32_t rank = 1; rank <= ranks; rank++) {
                    int32_t stream = mb_input_stream(&order, m, rank);
                    if (stream < 0)
                        continue;
                    lists += rank == 1;
                    assert_int_equal(mb_input_modality(&order, stream), m);
                    assert_int_equal(stream % ranks, ranks - rank);
                    assert_false(mb_input_repeats(&order, stream));
                }
            for (int32_t i = 0; i < mb_input_count(&order); i++)
                repeated += mb_input_repeats(&order, i);
            assert_int_equal(mb_input_count(&order), 3 * ranks);
            assert_int_equal(lists, fusion == MB_FUSION_AVT ? 3 : 2);
            assert_int_equal(repeated, fusion == MB_FUSION_AVT ? 0 : ranks);
        }
}

static void test_labels(void **state) {
    (void)state;
    mb_sweep_plan plan = accept(PLAN(TOPN LISTS));
    assert_string_equal(plan.cells[0].label, "A1, A2 + T1, T2 + V1, V2");
    mb_sweep_plan_free(&plan);
    plan = accept(PLAN(TOPN LISTS ", \"fusion_modality\": \"VT\""));
    assert_string_equal(plan.cells[0].label, "VT: T1, T2 + V1, V2");
    mb_sweep_plan_free(&plan);
}

// One entry for a model with lists and one without.
static void test_two_models(void **state) {
    (void)state;
    mb_sweep_plan plan =
        accept(PLAN("\"model\": [\"lmf\", \"attention_topn\"], \"features\": {\"audio\": \"A\", "
                    "\"text\": \"T\", \"video\": \"V\"}"));
    assert_int_equal(plan.cell_count, 2);
    assert_int_equal(plan.cells[0].order.ranks, 0);
    assert_int_equal(plan.cells[1].order.ranks, 1);
    mb_sweep_plan_free(&plan);
}

static void test_refusals(void **state) {
    (void)state;
    refuse(PLAN(TOPN "\"features\": {\"audio\": [\"A\", \"B\"], \"text\": [\"T\", \"U\"], "
                     "\"video\": [\"V\"]}"),
           "cells[0].features: expected as many features for each modality, found 2 for audio and "
           "1 for video");
    refuse(PLAN(TOPN "\"features\": {\"audio\": [\"1\", \"2\", \"3\", \"4\", \"5\", \"6\", "
                     "\"7\"], \"text\": \"T\", \"video\": \"V\"}"),
           "cells[0].features.audio: expected a list of at most 6, found a list of 7");
    refuse(PLAN(TOPN "\"features\": {\"audio\": [], \"text\": \"T\", \"video\": \"V\"}"),
           "cells[0].features.audio: expected a list that is not empty");
    refuse(PLAN(TOPN "\"features\": {\"audio\": [\"A\", 4], \"text\": \"T\", \"video\": \"V\"}"),
           "cells[0].features.audio[1]: expected a text, found 4");
    refuse(PLAN(TOPN "\"features\": {\"audio\": [\"A\", \"A\"], \"text\": [\"T\", \"U\"], "
                     "\"video\": [\"V\", \"W\"]}"),
           "cells[0].features.audio[1]: \"A\" is in the list twice");
    refuse(PLAN("\"model\": [\"attention\", \"tfn\"], " LISTS),
           "cells[0].features: the model tfn takes one feature for each modality");
    refuse(PLAN("\"model\": \"attention\", \"features\": {\"audio\": [\"A\"], \"text\": \"T\", "
                "\"video\": \"V\"}"),
           "the model attention takes one feature for each modality; lists are for attention_topn");
    refuse(PLAN("\"model\": \"attention\", \"fusion_modality\": \"AVT\", \"feature\": \"X\""),
           "cells[0].fusion_modality: only valid with the model attention_topn, not with "
           "attention");
    refuse(PLAN(TOPN LISTS ", \"fusion_modality\": \"VTA\""),
           "cells[0].fusion_modality: unknown value \"VTA\"");
    refuse(PLAN(TOPN LISTS ", \"fusion_modality\": 1"), "cells[0].fusion_modality: expected");
    refuse(PLAN(TOPN LISTS ", \"modalities\": [\"audio\", \"text\"]"),
           "cells[0].modalities: with the model attention_topn, \"fusion_modality\" says");
    refuse(PLAN(TOPN "\"fusion_modality\": \"AV\", \"features\": {\"audio\": \"A\"}"),
           "cells[0].features: expected features for video, found none; the fusion_modality is "
           "AV");
    refuse(PLAN(TOPN "\"features\": {\"audio\": [\"A\"], \"text\": [\"T\"]}"),
           "expected features for video, found none; \"fusion_modality\" says");
}

// What the corpora tell.
static void test_refused_with_corpora(void **state) {
    (void)state;
    static const struct {
        const char *plan, *message;
    } cases[] = {
        {PLAN(TOPN "\"features\": {\"audio\": [\"synth-audio-UTT\", \"synth-audio-FRA\"], "
                   "\"text\": [\"synth-text-UTT\", \"synth-text-FRA\"], "
                   "\"video\": [\"synth-video-UTT\", \"synth-vide-FRA\"]}"),
         "c.h5: unknown feature \"synth-vide-FRA\"; did you mean \"synth-video-FRA\"?"},
        {PLAN(TOPN "\"features\": {\"audio\": [\"synth-audio-UTT\"], \"text\": [\"none\"]}, "
                   "\"fusion_modality\": \"AT\""),
         "c.h5: unknown feature \"none\""},
        {PLAN(TOPN "\"feature_type\": \"frm_align\", \"feature\": \"synth-text-FRA\""),
         "cells[0]: feature_type: model attention_topn takes only utt, found frm_align"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mb_pool_config config = {
            .backend = &mb_cpu_backend, .train = mb_train_runs, .threads = 1, .array_size = 1};
        mb_sweep_totals totals;
        mb_error error = {.message = ""};
        assert_int_equal(
            sweep_start(&folder, cases[i].plan, "refused.db", &config, &totals, &error),
            MB_BAD_INPUT);
        const char *first = strstr(error.message, cases[i].message);
        if (first == NULL ||
            strstr(first + strlen(cases[i].message), "unknown feature") != NULL) // once is enough
            fail_msg("expected '%s', found '%s'", cases[i].message, error.message);
    }
}

// ---- trials -----------------------------------------------------------------------------------

static mb_trial sample(mb_fusion_modality fusion) {
    static char names[6][3] = {"A2", "A1", "T2", "T1", "V2", "V1"};
    static const int lists[MB_FUSION_COUNT][3] = {{0, 1, 2}, {0, 2, 2}, {0, 1, 1}, {1, 1, 2}};
    mb_trial trial = {
        .dataset = "CMUMOSI",
        .corpus_digest = "0123456789abcdef0123456789abcdef",
        .order = {2, fusion},
        .model = mb_model_find("attention_topn"),
        .training = {.epochs = 100, .batch_size = 32, .selection = MB_SELECT_EMO},
        .seed = 7,
    };
    for (int i = 0; i < 6; i++) {
        int name = 2 * lists[fusion][i / 2] + i % 2;
        trial.features[i].name = names[name];
        memset(trial.features[i].digest, '1' + name, 32);
    }
    mb_setting_defaults(trial.model, &trial.setting);
    mb_model_config unused;
    mb_setting_apply(trial.model, &trial.setting, &unused, &trial.training);
    return trial;
}

#define FEATURE(digit, name)                                                                       \
    "{\"digest\":\"" digit digit digit digit digit digit digit digit "\",\"name\":\"" name "\"}"
#define BEFORE                                                                                     \
    "{\"batch_size\":32,\"corpus\":\"0123456789abcdef0123456789abcdef\",\"dataset\":\"CMUMOSI\","  \
    "\"engine\":1,\"epochs\":100,\"feature_type\":\"utt\",\"features\":{"
#define AFTER                                                                                      \
    "\"grad_clip\":-1,\"learning_rate\":0.001,\"model\":\"attention_topn\",\"options\":{"          \
    "\"dropout\":0.3,\"hidden_dim\":128},\"protocol\":\"mertools\",\"seed\":7,"                    \
    "\"selection\":\"emo\",\"shuffle\":false,\"weight_decay\":1e-05}"
#define LIST_A "\"audio\":[" FEATURE("2222", "A1") "," FEATURE("1111", "A2") "]"
#define LIST_T "\"text\":[" FEATURE("4444", "T1") "," FEATURE("3333", "T2") "]"
#define LIST_V "\"video\":[" FEATURE("6666", "V1") "," FEATURE("5555", "V2") "]"

// The lists, best first, and the fusion modality; read back, the streams are the same.
static void test_description(void **state) {
    (void)state;
    static const char *const golden[MB_FUSION_COUNT] = {
        BEFORE LIST_A "," LIST_T "," LIST_V "},\"fusion_modality\":\"AVT\"," AFTER,
        BEFORE LIST_A "," LIST_V "},\"fusion_modality\":\"AV\"," AFTER,
        BEFORE LIST_A "," LIST_T "},\"fusion_modality\":\"AT\"," AFTER,
        BEFORE LIST_T "," LIST_V "},\"fusion_modality\":\"VT\"," AFTER,
    };
    for (int fusion = 0; fusion < MB_FUSION_COUNT; fusion++) {
        char key[33], again[33], *description = NULL, *second = NULL;
        mb_trial trial = sample((mb_fusion_modality)fusion), read;
        mb_error error = {.message = ""};
        assert_int_equal(mb_trial_describe(&trial, &description, key, &error), MB_OK);
        assert_string_equal(description, golden[fusion]);
        if (mb_trial_parse("t", description, &read, &error) != MB_OK)
            fail_msg("%s", error.message);
        for (int i = 0; i < 6; i++) {
            assert_string_equal(read.features[i].name, trial.features[i].name);
            assert_string_equal(read.features[i].digest, trial.features[i].digest);
        }
        assert_null(read.features[6].name);
        assert_int_equal(mb_trial_describe(&read, &second, again, &error), MB_OK);
        assert_string_equal(second, description);
        assert_string_equal(again, key);
        mb_trial_free(&read);
        free(description);
        free(second);
    }
}

static void test_bad_descriptions(void **state) {
    (void)state;
    static const struct {
        const char *description, *message;
    } cases[] = {
        {BEFORE LIST_A "," LIST_T "," LIST_V "}," AFTER, "features.audio"},
        {BEFORE LIST_A "," LIST_T "},\"fusion_modality\":\"AVT\"," AFTER, "features.video"},
        {BEFORE LIST_A "," LIST_T "," LIST_V "},\"fusion_modality\":\"AT\"," AFTER,
         "features.video: the fusion_modality has none of it"},
        {BEFORE LIST_A ",\"text\":[" FEATURE("1111", "T") "]," LIST_V
                                                          "},\"fusion_modality\":\"AVT\"," AFTER,
         "features.text: expected a list as long as the others"},
        {BEFORE "\"audio\":[" FEATURE("1111", "A") "]," LIST_T "," LIST_V
                                                   "},\"fusion_modality\":\"AVT\"," AFTER,
         "features.text: expected a list as long as the others"},
        {BEFORE LIST_A "," LIST_T "," LIST_V "},\"fusion_modality\":\"TV\"," AFTER,
         "fusion_modality: unknown value"},
        {BEFORE "\"audio\":" FEATURE("1111", "A") "," LIST_T "," LIST_V
                                                  "},\"fusion_modality\":\"AVT\"," AFTER,
         "features.audio: expected a list"},
        {BEFORE "\"audio\":" FEATURE("1111", "A") "}," AFTER,
         "model: the model \"attention_topn\" takes lists of features"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mb_trial read;
        mb_error error = {.message = ""};
        mb_status status = mb_trial_parse("t", cases[i].description, &read, &error);
        mb_trial_free(&read);
        if (status != MB_BAD_INPUT || strstr(error.message, cases[i].message) == NULL)
            fail_msg("case %zu: expected '%s', found status %d '%s'", i, cases[i].message, status,
                     error.message);
    }
}

// A list that is in twice is in memory once, and is what a dataset without it has.
static void test_streams_of_data(void **state) {
    (void)state;
    static const char *const names[] = {"synth-audio-FRA", "synth-audio-UTT", "synth-text-FRA",
                                        "synth-text-UTT",  "synth-text-FRA",  "synth-text-UTT"};
    char path[128];
    const mb_corpus *corpus = NULL;
    const mb_dataset *six = NULL, *three = NULL, *again = NULL;
    mb_error error = {.message = ""};
    mb_store *store = mb_store_create(MB_PROTOCOL_MERTOOLS);
    snprintf(path, sizeof path, "%s/c.h5", folder.path);
    assert_int_equal(mb_store_corpus(store, path, &corpus, &error), MB_OK);
    assert_int_equal(mb_store_dataset(store, corpus, names, 6, MB_UTT, &six, &error), MB_OK);
    int64_t bytes = mb_store_bytes(store);
    assert_int_equal(mb_store_dataset(store, corpus, names, 3, MB_UTT, &three, &error), MB_OK);
    assert_int_equal(mb_store_dataset(store, corpus, names, 6, MB_UTT, &again, &error), MB_OK);
    assert_ptr_equal(six, again);
    assert_ptr_not_equal(six, three);
    assert_int_equal(mb_store_bytes(store), bytes);
    assert_int_equal(six->stream_count, 6);
    assert_int_equal(three->stream_count, 3);
    for (int i = 0; i < 6; i++)
        assert_int_equal(six->streams[i].dimension, i < 2 ? 3 : 4);
    for (int i = 0; i < 3; i++)
        assert_ptr_equal(three->streams[i].values, six->streams[i].values);
    assert_ptr_equal(six->streams[2].values, six->streams[4].values);
    assert_ptr_equal(six->streams[3].values, six->streams[5].values);
    assert_ptr_not_equal(six->streams[2].values, six->streams[3].values);
    mb_store_close(store);
}

// ---- training ---------------------------------------------------------------------------------

// Two cells that differ in one thing have different trials; a sweep trains them, and starting it
// again finds all of it done.
static void test_sweep(void **state) {
    (void)state;
    static const char plan[] =
        "{\"name\": \"p\", \"epochs\": 2, \"corpora\": {\"c\": \"c.h5\"}, \"cells\": ["
        "{\"corpus\": \"c\", \"model\": \"attention_topn\", \"features\": {"
        "\"audio\": [\"synth-audio-UTT\", \"synth-audio-FRA\"], "
        "\"text\": [\"synth-text-UTT\", \"synth-text-FRA\"], "
        "\"video\": [\"synth-video-UTT\", \"synth-video-FRA\"]}}, "
        "{\"corpus\": \"c\", \"model\": \"attention_topn\", \"features\": {"
        "\"audio\": [\"synth-audio-FRA\", \"synth-audio-UTT\"], "
        "\"text\": [\"synth-text-UTT\", \"synth-text-FRA\"], "
        "\"video\": [\"synth-video-UTT\", \"synth-video-FRA\"]}}, "
        "{\"corpus\": \"c\", \"model\": \"attention_topn\", \"fusion_modality\": \"VT\", "
        "\"features\": {"
        "\"text\": [\"synth-text-UTT\", \"synth-text-FRA\"], "
        "\"video\": [\"synth-video-UTT\", \"synth-video-FRA\"]}}], "
        "\"settings\": {\"hidden_dim\": 4}, \"final\": {\"seeds\": [1, 2]}}";
    mb_pool_config config = {
        .backend = &mb_cpu_backend, .train = mb_train_runs, .threads = 1, .array_size = 1};
    mb_sweep_totals totals;
    mb_error error = {.message = ""};
    if (sweep_start(&folder, plan, "topn.db", &config, &totals, &error) != MB_OK)
        fail_msg("%s", error.message);
    assert_int_equal(totals.trials, 6);
    assert_int_equal(totals.runs_trained, 6);
    if (sweep_start(&folder, plan, "topn.db", &config, &totals, &error) != MB_OK)
        fail_msg("%s", error.message);
    assert_int_equal(totals.runs_done, 6);
    assert_int_equal(totals.runs_trained, 0);
}

static int set_up(void **state) {
    (void)state;
    sweep_folder_open(&folder);
    sweep_folder_add(&folder, "c.h5", "CMUMOSI", 0.05, true);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    sweep_folder_close(&folder);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),           cmocka_unit_test(test_streams),
        cmocka_unit_test(test_labels),          cmocka_unit_test(test_two_models),
        cmocka_unit_test(test_refusals),        cmocka_unit_test(test_refused_with_corpora),
        cmocka_unit_test(test_description),     cmocka_unit_test(test_bad_descriptions),
        cmocka_unit_test(test_streams_of_data), cmocka_unit_test(test_sweep),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
