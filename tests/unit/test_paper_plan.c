// Plans and layouts of the paper's tables, from the corpora and features that are there.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "paper/layout.h"
#include "paper/paper_plan.h"
#include "sweep/sweep_plan.h"

static mb_feature mosi_features[] = {
    {.name = "chinese-hubert-large-UTT"},     {.name = "Baichuan-13B-Base-UTT"},
    {.name = "clip-vit-large-patch14-UTT"},   {.name = "chinese-hubert-large-FRA"},
    {.name = "Baichuan-13B-Base-FRA"},        {.name = "clip-vit-large-patch14-FRA"},
    {.name = "Baichuan-13B-Base-langeng-UTT"}};
static mb_feature sims_features[] = {{.name = "chinese-hubert-large_UTT"}};

static void make(int32_t table, mb_paper_plan *plan) {
    static const uint32_t seeds[] = {1, 2};
    mb_corpus mosi = {
        .rules = mb_dataset_find("CMUMOSI"), .feature_count = 7, .features = mosi_features};
    mb_corpus sims = {
        .rules = mb_dataset_find("SIMS"), .feature_count = 1, .features = sims_features};
    const mb_paper_corpus corpora[] = {{"mosi.h5", &mosi}, {"sims.h5", &sims}};
    const mb_paper_request request = {.table = table,
                                      .corpora = corpora,
                                      .corpus_count = 2,
                                      .protocol = "mertools",
                                      .epochs = 10,
                                      .draws = 2,
                                      .seeds = seeds,
                                      .seed_count = 2};
    mb_published published;
    mb_paper_features features;
    mb_error error = {.message = ""};
    assert_int_equal(mb_published_load(table, &published, &error), MB_OK);
    assert_int_equal(mb_paper_features_load(&features, &error), MB_OK);
    if (mb_paper_plan_make(&request, &published, &features, plan, &error) != MB_OK)
        fail_msg("%s", error.message);
    mb_paper_features_free(&features);
    mb_published_free(&published);
}

// The plan is read as any other; its layout, too.
static void check(int32_t table, int32_t cells) {
    mb_paper_plan made;
    mb_sweep_plan plan;
    mb_error error = {.message = ""};
    make(table, &made);
    assert_int_equal(made.cells, cells);
    if (mb_sweep_plan_read("made", made.plan, "data", &plan, &error) != MB_OK)
        fail_msg("table %d: %s", table, error.message);
    assert_int_equal(plan.cell_count, cells);
    mb_sweep_plan_free(&plan);
    mb_layout layout;
    char *text = cJSON_Print(made.layout);
    if (mb_layout_read("made", text, strlen(text), &layout, &error) != MB_OK)
        fail_msg("table %d: %s", table, error.message);
    assert_true(layout.row_count > 0 && layout.table == table);
    mb_layout_free(&layout);
    free(text);
    mb_paper_plan_free(&made);
}

static void test_tables(void **state) {
    (void)state;
    check(9, 10); // the high set on one corpus, ten models
    check(5, 4);  // three features on one corpus, one on the other
    check(8, 2);  // Chinese text, and its translation
    check(13, 1); // all punctuation
    check(10, 1); // the best of each modality, which is attention with the high set
}

// The best first, as the ranking has them; what a corpus lacks is named once.
static void test_ranking(void **state) {
    (void)state;
    static const char *const best[] = {"chinese-hubert-large-UTT", "whisper-large-v2-UTT"};
    static const char *const words[] = {"Baichuan-13B-Base-UTT",
                                        "chinese-roberta-wwm-ext-large-UTT"};
    static const char *const faces[] = {"clip-vit-large-patch14-UTT", "manet_UTT"};
    const char *const *lists[] = {best, words, faces};
    mb_paper_plan made;
    make(10, &made);
    const cJSON *cells = cJSON_GetObjectItem(made.plan, "cells");
    assert_int_equal(cJSON_GetArraySize(cells), 1);
    const cJSON *cell = cJSON_GetArrayItem(cells, 0);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(cell, "model")), "attention");
    const cJSON *notes = cJSON_GetObjectItem(made.layout, "notes");
    assert_int_equal(cJSON_GetArraySize(notes), 3); // of Top1 and of two corpora
    const char *note = cJSON_GetStringValue(cJSON_GetArrayItem(notes, 1));
    assert_int_equal(
        strncmp(note, "CMUMOSI lacks whisper-large-v2-UTT (audio, from Top2 on), ", 58), 0);
    mb_paper_plan_free(&made);

    for (int m = 0; m < 3; m++)
        mosi_features[3 + m].name = (char *)lists[m][1];
    make(10, &made);
    cells = cJSON_GetObjectItem(made.plan, "cells");
    assert_int_equal(cJSON_GetArraySize(cells), 2);
    cell = cJSON_GetArrayItem(cells, 1);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(cell, "model")), "attention_topn");
    for (int m = 0; m < 3; m++) {
        const cJSON *list =
            cJSON_GetObjectItem(cJSON_GetObjectItem(cell, "features"), mb_modality_names[m]);
        assert_int_equal(cJSON_GetArraySize(list), 2);
        for (int i = 0; i < 2; i++)
            assert_string_equal(cJSON_GetStringValue(cJSON_GetArrayItem(list, i)), lists[m][i]);
    }
    check(10, 2);
    mb_paper_plan_free(&made);
}

static void test_feature_types(void **state) {
    (void)state;
    mb_paper_plan made;
    make(9, &made);
    int sequences = 0;
    const cJSON *cell, *cells = cJSON_GetObjectItem(made.plan, "cells");
    cJSON_ArrayForEach(cell, cells) {
        const char *text = cJSON_GetStringValue(
            cJSON_GetObjectItem(cJSON_GetObjectItem(cell, "features"), "text"));
        bool frames = cJSON_HasObjectItem(cell, "feature_type");
        assert_string_equal(text, frames ? "Baichuan-13B-Base-FRA" : "Baichuan-13B-Base-UTT");
        sequences += frames;
    }
    assert_int_equal(sequences, 5);
    mb_paper_plan_free(&made);
}

static void test_unsupported(void **state) {
    (void)state;
    const mb_paper_request request = {.table = 17};
    mb_published published = {.table = 17};
    mb_paper_features features = {.count = 0};
    mb_paper_plan plan;
    mb_error error = {.message = ""};
    assert_int_equal(mb_paper_plan_make(&request, &published, &features, &plan, &error),
                     MB_UNSUPPORTED);
    assert_non_null(strstr(error.message, "Table 17: it has costs, no scores"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables), cmocka_unit_test(test_feature_types),
        cmocka_unit_test(test_unsupported),
        cmocka_unit_test(test_ranking), // changes the features

    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
