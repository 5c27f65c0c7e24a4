// Made-up corpora of the paper: which features there are, how strong they are, and what corpora
// have in common.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "paper/paper_plan.h"
#include "paper/published.h"
#include "paper/synth_list.h"
#include "paper/synth_paper.h"
#include "paper/synth_values.h"

static mb_paper_features features;
static mb_synth_paper_list list;
static char folder[] = "/tmp/synth-paper-XXXXXX";

static int load(void **state) {
    (void)state;
    return mkdtemp(folder) != NULL && mb_paper_features_load(&features, NULL) == MB_OK &&
                   mb_synth_paper_list_make(&features, 1.0 / 32, &list, NULL) == MB_OK
               ? 0
               : 1;
}

static int unload(void **state) {
    (void)state;
    mb_synth_paper_list_free(&list);
    mb_paper_features_free(&features);
    return rmdir(folder);
}

static const mb_synth_paper_feature *find(const char *name) {
    for (int32_t i = 0; i < list.count; i++)
        if (strcmp(list.list[i].name, name) == 0)
            return &list.list[i];
    fail_msg("there is no %s", name);
    return NULL;
}

// ---- the list ---------------------------------------------------------------------------------

// The order of strengths is that of the published means, over all and within a modality.
static void test_strengths(void **state) {
    (void)state;
    mb_published five;
    assert_int_equal(mb_published_load(5, &five, NULL), MB_OK);
    int32_t mean = mb_published_find_column(&five, "mean");
    assert_true(list.count > features.count && mean >= 0);
    for (int32_t a = 0; a < features.count; a++) {
        assert_ptr_equal(list.list[a].feature, &features.list[a]);
        assert_string_equal(five.rows[a].printed, features.list[a].printed);
        for (int32_t b = 0; b < a; b++)
            assert_true((list.list[a].strength > list.list[b].strength) ==
                        (five.rows[a].cells[mean].mean > five.rows[b].cells[mean].mean));
    }
    for (int m = 0; m < MB_MODALITY_COUNT; m++)
        for (int32_t rank = 2; mb_paper_feature_ranked(&features, m, rank) != NULL; rank++)
            assert_true(
                list.list[mb_paper_feature_ranked(&features, m, rank) - features.list].strength <
                list.list[mb_paper_feature_ranked(&features, m, rank - 1) - features.list]
                        .strength -
                    0.04);
    mb_published_free(&five);
}

static void test_forms(void **state) {
    (void)state;
    for (int32_t a = 0; a < list.count; a++) {
        assert_true(list.list[a].dimension >= MB_SYNTH_PAPER_LEAST_DIMENSION);
        for (int32_t b = 0; b < a; b++)
            assert_string_not_equal(list.list[a].name, list.list[b].name);
    }
    const mb_synth_paper_feature *clean = find("chinese-hubert-large-UTT");
    const mb_synth_paper_feature *five = find("chinese-hubert-large-noisesnr5-UTT");
    const mb_synth_paper_feature *ten = find("chinese-hubert-large-noisesnr10-UTT");
    assert_int_equal(clean->dimension, 32);
    assert_true(five->noise > ten->noise && ten->noise > 0 && clean->noise == 0);
    assert_true(five->strength == clean->strength && five->dimension == clean->dimension);
    assert_true(find("chinese-hubert-large-ttseng-UTT")->strength < clean->strength);
    assert_int_equal(find("chinese-hubert-large-FRA")->level, MB_LEVEL_FRAME);
    find("eGeMAPS_noisesnr15_UTT"); // joined as the clean folder is
    assert_int_equal(find("Baichuan-13B-Base-punccase2-UTT")->dimension, 160);
}

// Every row of the tables that runs can fill finds its features in a corpus that has the list.
static void test_all_rows(void **state) {
    (void)state;
    static const int32_t tables[] = {2, 3, 5, 7, 8, 9, 13};
    mb_corpus corpus = {.rules = mb_dataset_find("MER2023"), .feature_count = list.count};
    corpus.features = calloc((size_t)list.count, sizeof *corpus.features);
    assert_non_null(corpus.features);
    for (int32_t i = 0; i < list.count; i++)
        corpus.features[i].name = list.list[i].name;
    const mb_paper_corpus one = {"MER2023.h5", &corpus};
    const uint32_t seed = 1;
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
        mb_published published;
        mb_paper_plan plan;
        const mb_paper_request request = {.table = tables[t],
                                          .corpora = &one,
                                          .corpus_count = 1,
                                          .protocol = "mertools",
                                          .epochs = 1,
                                          .draws = 1,
                                          .seeds = &seed,
                                          .seed_count = 1};
        assert_int_equal(mb_published_load(tables[t], &published, NULL), MB_OK);
        assert_int_equal(mb_paper_plan_make(&request, &published, &features, &plan, NULL), MB_OK);
        assert_int_equal(plan.cells, published.row_count);
        mb_paper_plan_free(&plan);
        mb_published_free(&published);
    }
    free(corpus.features);
}

// ---- values -----------------------------------------------------------------------------------

enum { MANY = 3000, K = MB_SYNTH_PAPER_DIRECTIONS };

// Utterances of two emotions in turn.
static mb_synth_paper_utterances in_turn(const char *family) {
    mb_synth_paper_utterances utterances = {.seed = 1, .family = family, .count = MANY};
    utterances.numbers = calloc(MANY, sizeof *utterances.numbers);
    utterances.means = calloc(MANY, K * sizeof *utterances.means);
    assert_non_null(utterances.numbers);
    assert_non_null(utterances.means);
    for (int32_t i = 0; i < MANY; i++) {
        utterances.numbers[i] = i;
        utterances.means[i * K + i % 2] = 1;
    }
    return utterances;
}

static mb_feature fill(const char *family, const char *name) {
    mb_synth_paper_utterances utterances = in_turn(family);
    mb_feature feature = {.dimension = find(name)->dimension};
    assert_int_equal(mb_synth_paper_fill(&utterances, find(name), &feature, NULL, NULL), MB_OK);
    mb_synth_paper_utterances_free(&utterances);
    return feature;
}

static void drop(mb_feature *feature) {
    free(feature->offsets);
    free(feature->values);
}

// The difference of the means of the two emotions; its length is returned.
static double difference(const mb_feature *feature, double *vector) {
    double squares = 0;
    for (int32_t d = 0; d < feature->dimension; d++) {
        double sum = 0;
        for (int32_t i = 0; i < MANY; i++) {
            int64_t first = feature->offsets[i], count = feature->offsets[i + 1] - first;
            double mean = 0;
            for (int64_t frame = first; frame < first + count; frame++)
                mean += (double)feature->values[frame * feature->dimension + d] / (double)count;
            sum += i % 2 == 0 ? mean : -mean;
        }
        vector[d] = sum / (MANY / 2);
        squares += vector[d] * vector[d];
    }
    return sqrt(squares);
}

static double cosine(const double *a, const double *b, int32_t count) {
    double product = 0, left = 0, right = 0;
    for (int32_t i = 0; i < count; i++) {
        product += a[i] * b[i];
        left += a[i] * a[i];
        right += b[i] * b[i];
    }
    return product / sqrt(left * right);
}

// Two emotions are strength * sqrt(2) apart, in the same direction in all corpora and forms.
static void test_signal(void **state) {
    (void)state;
    static const char *const names[] = {"eGeMAPS_UTT", "chinese-hubert-large-UTT",
                                        "chinese-hubert-large-FRA", "Baichuan-13B-Base-UTT"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        double here[256], there[256], expected = find(names[i])->strength * sqrt(2);
        mb_feature one = fill("MELD", names[i]), other = fill("MER2023", names[i]);
        assert_true(fabs(difference(&one, here) - expected) < 0.2);
        difference(&other, there);
        assert_true(cosine(here, there, one.dimension) > 0.95);
        assert_memory_not_equal(one.values, other.values, 64);
        drop(&one);
        drop(&other);
    }
}

static double deviation_between(const mb_feature *a, const mb_feature *b) {
    int64_t count = (int64_t)MANY * a->dimension;
    double squares = 0;
    for (int64_t i = 0; i < count; i++) {
        double apart = (double)a->values[i] - (double)b->values[i];
        squares += apart * apart;
    }
    return sqrt(squares / (double)count);
}

// A copy with noise is the clean feature and the noise, which is larger for a smaller ratio.
static void test_noisy_copies(void **state) {
    (void)state;
    mb_feature clean = fill("MELD", "wavlm-large-UTT");
    for (int snr = 5; snr <= 15; snr += 5) {
        char name[64];
        snprintf(name, sizeof name, "wavlm-large-noisesnr%d-UTT", snr);
        mb_feature copy = fill("MELD", name);
        assert_true(fabs(deviation_between(&clean, &copy) - find(name)->noise) < 0.02);
        drop(&copy);
    }
    drop(&clean);
}

// ---- corpora ----------------------------------------------------------------------------------

static void path_of(const char *name, char path[64]) {
    snprintf(path, 64, "%s/%s.h5", folder, name);
}

static void make(const char *dataset, const char *name, uint32_t seed, mb_corpus *corpus) {
    mb_synth_paper_options options;
    mb_error error = {.message = ""};
    char path[64];
    mb_synth_paper_defaults(&options);
    options.seed = seed;
    options.scale = 0.02;
    options.dims_scale = 0.001;
    path_of(name, path);
    if (mb_synth_paper_write(&options, dataset, path, &error) != MB_OK ||
        mb_corpus_open(path, corpus, &error) != MB_OK)
        fail_msg("%s", error.message);
    assert_int_equal(corpus->feature_count, list.count);
}

static void unmake(const char *name, mb_corpus *corpus) {
    char path[64];
    mb_corpus_close(corpus);
    path_of(name, path);
    assert_int_equal(unlink(path), 0);
}

static void test_same_bytes(void **state) {
    (void)state;
    mb_corpus first, second, third;
    make("SIMS", "first", 7, &first);
    make("SIMS", "second", 7, &second);
    make("SIMS", "third", 8, &third);
    assert_string_equal(first.digest, second.digest);
    assert_string_not_equal(first.digest, third.digest);
    for (int32_t f = 0; f < list.count; f++) {
        assert_string_equal(first.features[f].digest, second.features[f].digest);
        assert_string_not_equal(first.features[f].digest, third.features[f].digest);
        for (int32_t g = 0; g < f; g++)
            assert_string_not_equal(first.features[f].digest, first.features[g].digest);
    }
    unmake("first", &first);
    unmake("second", &second);
    unmake("third", &third);
}

static int32_t row_of(const mb_corpus *corpus, const char *name) {
    for (int32_t i = 0; i < corpus->utterance_count; i++)
        if (strcmp(corpus->names[i], name) == 0)
            return i;
    fail_msg("%s has no %s", corpus->rules->name, name);
    return -1;
}

// An utterance of two corpora has the same features in both.
static void compare_shared(mb_corpus *part, mb_corpus *whole, const char *name) {
    const mb_feature *own, *other;
    assert_int_equal(mb_corpus_load(part, name, &own, NULL), MB_OK);
    assert_int_equal(mb_corpus_load(whole, name, &other, NULL), MB_OK);
    for (int32_t i = 0; i < part->utterance_count; i++) {
        int32_t row = row_of(whole, part->names[i]);
        size_t dimension = (size_t)own->dimension;
        int64_t count = own->offsets[i + 1] - own->offsets[i];
        assert_int_equal(count, other->offsets[row + 1] - other->offsets[row]);
        assert_memory_equal(own->values + (size_t)own->offsets[i] * dimension,
                            other->values + (size_t)other->offsets[row] * dimension,
                            (size_t)count * dimension * sizeof *own->values);
    }
}

static void test_sims_is_in_simsv2(void **state) {
    (void)state;
    mb_corpus part, whole;
    make("SIMS", "part", 1, &part);
    make("SIMSv2", "whole", 1, &whole);
    assert_true(part.utterance_count < whole.utterance_count);
    compare_shared(&part, &whole, "manet_UTT");
    compare_shared(&part, &whole, "chinese-wav2vec2-base-FRA");
    for (int32_t s = 0; s < part.split_count; s++) {
        const mb_split *own = &part.splits[s], *other = mb_corpus_split(&whole, own->name);
        assert_non_null(other);
        for (int32_t i = 0; i < own->count; i++) {
            int32_t row = row_of(&whole, part.names[own->rows[i]]);
            bool there = false;
            for (int32_t k = 0; k < other->count; k++)
                there = there || other->rows[k] == row;
            assert_true(there);
            assert_true(part.valences[own->rows[i]] == whole.valences[row]);
        }
    }
    unmake("part", &part);
    unmake("whole", &whole);
}

static void test_iemocap_four_is_in_six(void **state) {
    (void)state;
    mb_corpus part, whole;
    int32_t counts[4] = {0}, excited = 0;
    make("IEMOCAPFour", "part", 1, &part);
    make("IEMOCAPSix", "whole", 1, &whole);
    compare_shared(&part, &whole, "eGeMAPS_UTT");
    for (int32_t i = 0; i < part.utterance_count; i++) {
        int32_t own = part.emotions[i], other = whole.emotions[row_of(&whole, part.names[i])];
        assert_true(own == other || (own == 0 && other == 4));
        excited += other == 4;
        counts[own]++;
    }
    assert_true(excited > 0);
    for (int c = 0; c < 4; c++)
        assert_true(counts[c] >= 5 * MB_SYNTH_PAPER_LEAST);
    unmake("part", &part);
    unmake("whole", &whole);
}

static void test_bad_options(void **state) {
    (void)state;
    static const double scales[] = {0, -1, 1.5, (double)NAN};
    char path[64];
    path_of("none", path);
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
        mb_synth_paper_options options;
        mb_synth_paper_defaults(&options);
        options.dims_scale = scales[i];
        assert_int_equal(mb_synth_paper_write(&options, "SIMS", path, NULL), MB_BAD_INPUT);
    }
    mb_synth_paper_options options;
    mb_synth_paper_defaults(&options);
    assert_int_equal(mb_synth_paper_write(&options, "QUICKSTART", path, NULL), MB_UNSUPPORTED);
    options.scale = 0;
    assert_int_equal(mb_synth_paper_write(&options, "SIMS", path, NULL), MB_BAD_INPUT);
    assert_int_equal(mb_synth_paper_write(&options, "IEMOCAPFour", path, NULL), MB_BAD_INPUT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strengths),         cmocka_unit_test(test_forms),
        cmocka_unit_test(test_all_rows),          cmocka_unit_test(test_signal),
        cmocka_unit_test(test_noisy_copies),      cmocka_unit_test(test_same_bytes),
        cmocka_unit_test(test_sims_is_in_simsv2), cmocka_unit_test(test_iemocap_four_is_in_six),
        cmocka_unit_test(test_bad_options),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
