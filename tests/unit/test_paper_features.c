// The features of the paper, and their names in corpora.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "paper/features.h"
#include "paper/published.h"

static mb_paper_features features;

static int load(void **state) {
    (void)state;
    return mb_paper_features_load(&features, NULL) == MB_OK ? 0 : 1;
}

static int unload(void **state) {
    (void)state;
    mb_paper_features_free(&features);
    return 0;
}

// Every row of Table 5 is one of them, in its modality.
static void test_all_features(void **state) {
    (void)state;
    mb_published five;
    assert_int_equal(mb_published_load(5, &five, NULL), MB_OK);
    assert_int_equal(features.count, five.row_count);
    for (int32_t r = 0; r < five.row_count; r++) {
        const char *slash = strchr(five.rows[r].id, '/');
        assert_non_null(slash);
        const mb_paper_feature *found = mb_paper_feature_find(&features, slash + 1);
        if (found == NULL)
            fail_msg("%s", five.rows[r].id);
        assert_string_equal(found->printed, five.rows[r].printed);
        const char *modality = mb_modality_names[found->modality];
        assert_int_equal(strncmp(five.rows[r].id, modality, strlen(modality)), 0);
    }
    mb_published_free(&five);
    assert_null(mb_paper_feature_find(&features, "hubert"));
    assert_null(mb_paper_feature_find(&features, NULL));
}

static void test_sets_and_ranks(void **state) {
    (void)state;
    const mb_paper_feature *of[MB_MODALITY_COUNT];
    assert_true(mb_paper_feature_set(&features, "high", of));
    for (int m = 0; m < MB_MODALITY_COUNT; m++) // the best of each modality
        assert_ptr_equal(of[m], mb_paper_feature_ranked(&features, m, 1));
    assert_true(mb_paper_feature_set(&features, "medium", of));
    assert_string_equal(of[MB_AUDIO]->id, "wav2vec2-base");
    assert_false(mb_paper_feature_set(&features, "low", of));
    assert_null(mb_paper_feature_ranked(&features, MB_AUDIO, 14));
    assert_null(mb_paper_feature_ranked(&features, MB_AUDIO, 0));
    assert_string_equal(mb_paper_feature_ranked(&features, MB_VIDEO, 12)->id, "resnet-msceleb");
}

static void test_names_in_corpora(void **state) {
    (void)state;
    mb_feature own[] = {{.name = "chinese-hubert-large-UTT"},
                        {.name = "chinese_hubert_large_FRA"},
                        {.name = "chinese-hubert-large-noisesnr5-UTT"},
                        {.name = "msceleb-UTT"}};
    mb_corpus corpus = {.feature_count = 4, .features = own};
    const mb_paper_feature *hubert = mb_paper_feature_find(&features, "hubert-large");
    const mb_paper_feature *resnet = mb_paper_feature_find(&features, "resnet-msceleb");
    assert_non_null(hubert);
    assert_non_null(resnet);
    assert_ptr_equal(mb_paper_feature_in(&features, &corpus, hubert, false, NULL), own[0].name);
    assert_ptr_equal(mb_paper_feature_in(&features, &corpus, hubert, true, NULL), own[1].name);
    assert_ptr_equal(mb_paper_feature_in(&features, &corpus, hubert, false, "snr5"), own[2].name);
    assert_ptr_equal(mb_paper_feature_in(&features, &corpus, resnet, false, NULL), own[3].name);
    assert_null(mb_paper_feature_in(&features, &corpus, resnet, true, NULL));
    assert_null(mb_paper_feature_in(&features, &corpus, hubert, false, "snr10"));
    assert_null(mb_paper_feature_in(&features, &corpus, hubert, false, "no-variant"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_features),
        cmocka_unit_test(test_sets_and_ranks),
        cmocka_unit_test(test_names_in_corpora),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
