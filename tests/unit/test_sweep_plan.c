// Plans: the cells that they expand to, and what is refused with which message.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sweep/sweep_plan.h"

// The pieces of a plan. Tests replace one of them.
typedef struct pieces {
    const char *head, *corpora, *cell, *search;
} pieces;

static const pieces plain = {
    .head = "\"name\": \"p\", \"epochs\": 3",
    .corpora = "\"corpora\": {\"mosi\": \"cmumosi.h5\", \"sims\": \"/data/sims.h5\"}",
    .cell = "\"corpus\": \"mosi\", \"model\": \"attention\", \"feature\": \"X\"",
    .search = "\"search\": {\"method\": \"grid\", \"seeds\": [1, 2]}, \"final\": {\"seeds\": [1]}",
};

static mb_status read(const pieces *p, mb_sweep_plan *plan, mb_error *error) {
    char *text = NULL;
    assert_true(asprintf(&text, "{%s, %s, \"cells\": [{%s}], %s}", p->head, p->corpora, p->cell,
                         p->search) > 0);
    cJSON *document = NULL;
    mb_status status =
        mb_json_parse("dir/p.json", text, strlen(text), &mb_plan_limits, &document, error);
    if (status != MB_OK)
        fail_msg("%s: %s", text, error->message);
    status = mb_sweep_plan_read("dir/p.json", document, NULL, plan, error);
    cJSON_Delete(document);
    free(text);
    return status;
}

static mb_sweep_plan accept(const pieces *p) {
    mb_sweep_plan plan;
    mb_error error = {.message = ""};
    if (read(p, &plan, &error) != MB_OK)
        fail_msg("%s", error.message);
    return plan;
}

static void refuse(const pieces *p, const char *message) {
    mb_sweep_plan plan;
    mb_error error = {.message = ""};
    mb_status status = read(p, &plan, &error);
    mb_sweep_plan_free(&plan);
    if (status != MB_BAD_INPUT || strstr(error.message, message) == NULL)
        fail_msg("expected '%s', found status %d '%s'", message, status, error.message);
    if (strncmp(error.message, "dir/p.json: ", 12) != 0)
        fail_msg("no file name in '%s'", error.message);
}

static double value(const mb_sweep_cell *cell, int32_t setting, const char *name) {
    return mb_setting_get(cell->model, &cell->settings[setting], name);
}

static void test_defaults(void **state) {
    (void)state;
    pieces p = plain;
    mb_sweep_plan plan = accept(&p);
    assert_string_equal(plan.name, "p");
    assert_int_equal(plan.epochs, 3);
    assert_int_equal(plan.batch_size, 32);
    assert_int_equal(plan.protocol, MB_PROTOCOL_MERTOOLS);
    assert_int_equal(plan.fold_seed, 1);
    assert_false(plan.shuffle_given);
    assert_string_equal(plan.corpora[0].path, "dir/cmumosi.h5");
    assert_string_equal(plan.corpora[1].path, "/data/sims.h5");
    assert_int_equal(plan.cell_count, 1);
    const mb_sweep_cell *cell = &plan.cells[0];
    assert_string_equal(cell->label, "X");
    assert_int_equal(cell->feature_type, MB_UTT);
    for (int m = 0; m < MB_MODALITY_COUNT; m++)
        assert_string_equal(cell->features[m], "X");
    assert_int_equal(cell->setting_count, 1);
    assert_true(value(cell, 0, "learning_rate") == 1e-3);
    assert_true(value(cell, 0, "grad_clip") == -1);
    assert_true(value(cell, 0, "weight_decay") == 1e-5);
    assert_int_equal(plan.search_seeds.count, 2);
    assert_int_equal(plan.final_seeds.count, 1);
    mb_sweep_plan_free(&plan);
}

static void test_fold_seed(void **state) {
    (void)state;
    pieces p = plain;
    p.head = "\"name\": \"p\", \"fold_seed\": 4294967295, \"protocol\": \"strict\"";
    mb_sweep_plan plan = accept(&p);
    assert_int_equal(plan.fold_seed, UINT32_MAX);
    mb_sweep_plan_free(&plan);
    p.head = "\"name\": \"p\", \"fold_seed\": 0, \"protocol\": \"strict\"";
    plan = accept(&p);
    assert_int_equal(plan.fold_seed, 0);
    mb_sweep_plan_free(&plan);
}

static void test_grid_order(void **state) {
    (void)state;
    pieces p = plain;
    p.head = "\"name\": \"p\", \"settings\": {\"learning_rate\": 0.01, \"dropout\": 0.1}, "
             "\"weight_decay\": 0, \"grid\": {\"hidden_dim\": [8, 16]}";
    p.cell = "\"corpus\": [\"sims\", \"mosi\"], \"model\": [\"attention\"], \"label\": \"L\", "
             "\"features\": {\"text\": \"T\", \"audio\": \"A\", \"video\": \"V\"}, "
             "\"grid\": {\"dropout\": [0.5, 0.25], \"weights\": [\"softmax\", \"raw\"]}";
    mb_sweep_plan plan = accept(&p);
    assert_int_equal(plan.cell_count, 2);
    assert_int_equal(plan.cells[0].corpus, 1);
    assert_int_equal(plan.cells[1].corpus, 0);
    const mb_sweep_cell *cell = &plan.cells[0];
    assert_string_equal(cell->label, "L");
    assert_string_equal(cell->features[MB_AUDIO], "A");
    assert_string_equal(cell->features[MB_TEXT], "T");
    assert_string_equal(cell->features[MB_VIDEO], "V");
    assert_int_equal(cell->setting_count, 8);
    for (int32_t i = 0; i < 8; i++) { // the first hyper-parameter changes slowest
        assert_true(value(cell, i, "hidden_dim") == (i < 4 ? 8 : 16));
        assert_true(value(cell, i, "dropout") == (i % 4 < 2 ? 0.5 : 0.25));
        assert_true(value(cell, i, "weights") == (i % 2 == 0 ? 1 : 0));
        assert_true(value(cell, i, "learning_rate") == 0.01);
        assert_true(value(cell, i, "weight_decay") == 0);
    }
    mb_sweep_plan_free(&plan);
}

static void test_paper_grid(void **state) {
    (void)state;
    pieces p = plain;
    p.cell = "\"corpus\": \"mosi\", \"model\": \"attention\", \"feature\": \"X\", "
             "\"grid\": \"paper\"";
    mb_sweep_plan plan = accept(&p);
    // hidden_dim {64,128,256} x dropout {.2,.3,.4,.5} x learning_rate {1e-3,1e-4}
    assert_int_equal(plan.cells[0].setting_count, 24);
    mb_sweep_plan_free(&plan);
    p.cell = "\"corpus\": \"mosi\", \"model\": \"attention\", \"feature\": \"X\", "
             "\"grid\": \"paper\", \"settings\": {\"learning_rate\": 0.001}";
    plan = accept(&p);
    assert_int_equal(plan.cells[0].setting_count, 12);
    mb_sweep_plan_free(&plan);
}

static void test_random_draws(void **state) {
    (void)state;
    pieces p = plain;
    p.cell = "\"corpus\": \"mosi\", \"model\": \"attention\", \"feature\": \"X\", "
             "\"grid\": \"paper\"";
    p.search = "\"search\": {\"method\": \"random\", \"draws\": 10, \"seed\": 7}";
    mb_sweep_plan plan = accept(&p), again = accept(&p);
    const mb_sweep_cell *cell = &plan.cells[0];
    assert_true(cell->setting_count >= 5 && cell->setting_count <= 10);
    for (int32_t i = 0; i < cell->setting_count; i++) {
        assert_memory_equal(&cell->settings[i], &again.cells[0].settings[i], sizeof(mb_setting));
        for (int32_t j = 0; j < i; j++)
            assert_memory_not_equal(&cell->settings[i], &cell->settings[j], sizeof(mb_setting));
    }
    mb_sweep_plan_free(&again);
    // Another seed draws others; enough draws find the whole grid, each setting once.
    p.search = "\"search\": {\"method\": \"random\", \"draws\": 10, \"seed\": 8}";
    again = accept(&p);
    bool same = again.cells[0].setting_count == cell->setting_count;
    for (int32_t i = 0; i < cell->setting_count && same; i++)
        same = memcmp(&cell->settings[i], &again.cells[0].settings[i], sizeof(mb_setting)) == 0;
    assert_false(same);
    mb_sweep_plan_free(&again);
    mb_sweep_plan_free(&plan);
    p.search = "\"search\": {\"method\": \"random\", \"draws\": 10000}";
    plan = accept(&p);
    assert_int_equal(plan.cells[0].setting_count, 24);
    mb_sweep_plan_free(&plan);
}

static void test_digest(void **state) {
    (void)state;
    pieces p = plain;
    mb_sweep_plan plan = accept(&p);
    p.head = "\"epochs\":   3.0, \"name\": \"p\"";
    mb_sweep_plan same = accept(&p);
    assert_string_equal(plan.json, same.json);
    assert_string_equal(plan.digest, same.digest);
    p.head = "\"name\": \"p\", \"epochs\": 4";
    mb_sweep_plan other = accept(&p);
    assert_string_not_equal(plan.digest, other.digest);
    mb_sweep_plan_free(&plan);
    mb_sweep_plan_free(&same);
    mb_sweep_plan_free(&other);
}

static void test_modalities(void **state) {
    (void)state;
    pieces p = plain;
    p.cell =
        "\"corpus\": \"mosi\", \"model\": \"attention\", \"modalities\": [\"text\", \"audio\"], "
        "\"features\": {\"text\": \"T\", \"audio\": \"A\", \"video\": \"V\"}";
    mb_sweep_plan plan = accept(&p);
    assert_string_equal(plan.cells[0].features[MB_AUDIO], "A");
    assert_null(plan.cells[0].features[MB_VIDEO]);
    assert_string_equal(plan.cells[0].label, "A + T");
    mb_sweep_plan_free(&plan);
    p.cell = "\"corpus\": \"mosi\", \"model\": \"attention\", "
             "\"features\": {\"text\": \"T\", \"audio\": \"A\"}";
    refuse(&p, "cells[0].features: expected a feature for video, found none");
    p.cell = "\"corpus\": \"mosi\", \"model\": \"attention\", \"feature\": \"X\", "
             "\"modalities\": [\"audio\", \"txt\"]";
    refuse(&p, "cells[0].modalities[1]: unknown modality \"txt\"; did you mean \"text\"?");
}

static void test_refused_heads(void **state) {
    (void)state;
    static const struct {
        const char *head, *message;
    } cases[] = {
        {"\"name\": \"\"", "name: expected a text, found \"\""},
        {"\"epochs\": 3", "name: expected a text, found nothing"},
        {"\"name\": \"p\", \"epochs\": 0", "epochs: expected an integer 1..100000, found 0"},
        {"\"name\": \"p\", \"epochs\": 2.5", "epochs: expected an integer"},
        {"\"name\": \"p\", \"batch_size\": -1",
         "batch_size: expected an integer 1..65536, found -1"},
        {"\"name\": \"p\", \"protocol\": \"strickt\"", "did you mean \"strict\"?"},
        {"\"name\": \"p\", \"selection\": \"waf\"", "selection: unknown value \"waf\""},
        {"\"name\": \"p\", \"shuffle\": 1", "shuffle: expected true or false, found 1"},
        {"\"name\": \"p\", \"protocol\": \"strict\", \"shuffle\": false",
         "strict protocol shuffles"},
        {"\"name\": \"p\", \"protocol\": \"strict\", \"fold_seed\": -1",
         "fold_seed: expected an integer 0..4294967295, found -1"},
        {"\"name\": \"p\", \"protocol\": \"mertools\", \"fold_seed\": 1",
         "fold_seed: only valid with the protocol \"strict\"; under mertools"},
        {"\"name\": \"p\", \"fold_seed\": 1", "fold_seed: only valid with the protocol"},
        {"\"name\": \"p\", \"weight_decay\": -1", "weight_decay: expected a number 0..1, found -1"},
        {"\"name\": \"p\", \"settings\": {\"rank\": 3}", "settings: unknown setting of the model"},
        {"\"name\": \"p\", \"grid\": \"papers\"", "grid: expected an object or \"paper\""},
        {"\"name\": \"p\", \"settings\": 3", "settings: expected an object, found 3"},
        {"\"name\": \"p\", \"epoch\": 3", "unknown key \"epoch\"; did you mean \"epochs\"?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pieces p = plain;
        p.head = cases[i].head;
        refuse(&p, cases[i].message);
    }
}

static void test_refused_cells(void **state) {
    (void)state;
#define CELL "\"corpus\": \"mosi\", \"model\": \"attention\", \"feature\": \"X\""
    static const struct {
        const char *cell, *message;
    } cases[] = {
        {"\"corpus\": \"mosei\", \"model\": \"attention\", \"feature\": \"X\"",
         "cells[0].corpus: unknown corpus \"mosei\"; did you mean \"mosi\"?"},
        {"\"corpus\": [], \"model\": \"attention\", \"feature\": \"X\"",
         "cells[0].corpus: expected a list that is not empty"},
        {"\"corpus\": [\"mosi\", \"mosi\"], \"model\": \"attention\", \"feature\": \"X\"",
         "cells[0].corpus[1]: \"mosi\" is in the list twice"},
        {"\"corpus\": \"mosi\", \"model\": \"atention\", \"feature\": \"X\"",
         "cells[0].model: unknown model \"atention\"; did you mean \"attention\"?"},
        {"\"corpus\": \"mosi\", \"model\": \"attention\"", "found neither"},
        {CELL ", \"features\": {\"audio\": \"A\"}", "found both"},
        {CELL ", \"feature_type\": \"frm\"", "cells[0].feature_type: unknown value \"frm\""},
        {CELL ", \"grid\": {\"hidden_dim\": [64, 1e9]}",
         "cells[0].grid.hidden_dim[1]: expected an integer 1..4096, found 1000000000"},
        {CELL ", \"grid\": {\"hidden_dim\": []}",
         "cells[0].grid.hidden_dim: expected a list that is"},
        {CELL ", \"grid\": {\"hidden_dim\": 64}",
         "cells[0].grid.hidden_dim: expected a list, found"},
        {CELL ", \"grid\": {\"dropout\": [0.2, 0.2]}",
         "cells[0].grid.dropout[1]: expected different"},
        {CELL ", \"grid\": {\"dropout\": [1.0]}", "cells[0].grid.dropout[0]: expected a number"},
        {CELL ", \"settings\": {\"hiden_dim\": 3}", "did you mean \"hidden_dim\"?"},
        {CELL ", \"settings\": {\"weights\": \"hard\"}",
         "cells[0].settings.weights: unknown value"},
        {CELL ", \"settings\": {\"grad_clip\": 0}",
         "expected -1 (off) or a number above 0, found 0"},
        {CELL ", \"settings\": {\"learning_rate\": 0}",
         "cells[0].settings.learning_rate: expected"},
        {CELL ", \"settings\": {\"dropout\": 0.1}, \"grid\": {\"dropout\": [0.2]}",
         "cells[0].grid.dropout: is in \"settings\", too"},
        {CELL ", \"label\": \"a\\u001b[31m\"",
         "cells[0].label: expected a text without control characters"},
        {CELL ", \"lable\": \"x\"", "cells[0]: unknown key \"lable\"; did you mean \"label\"?"},
    };
#undef CELL
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pieces p = plain;
        p.cell = cases[i].cell;
        refuse(&p, cases[i].message);
    }
}

static void test_refused_searches(void **state) {
    (void)state;
    static const struct {
        const char *search, *message;
    } cases[] = {
        {"\"comment\": \"no search\"", "nothing to train"},
        {"\"search\": {}", "search.method: expected a text, found nothing"},
        {"\"search\": {\"method\": \"none\"}", "nothing to train"},
        {"\"search\": {\"method\": \"none\", \"seeds\": [1]}", "seeds belong in \"final\""},
        {"\"search\": {\"method\": \"grid\", \"draws\": 5}",
         "search.draws: only valid with the method"},
        {"\"search\": {\"method\": \"grid\", \"seeds\": []}", "search.seeds: expected a list that"},
        {"\"search\": {\"method\": \"grid\", \"seeds\": [1, 1]}",
         "search.seeds[1]: seed 1 is in the"},
        {"\"search\": {\"method\": \"grid\", \"seeds\": [4294967296]}",
         "search.seeds[0]: expected an integer 0..4294967295, found 4294967296"},
        {"\"search\": {\"method\": \"grid\", \"seeds\": [-1]}",
         "expected an integer 0..4294967295"},
        {"\"final\": {}", "final.seeds: expected a list, found nothing"},
        {"\"final\": {\"seeds\": [1.5]}", "final.seeds[0]: expected an integer"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pieces p = plain;
        p.search = cases[i].search;
        refuse(&p, cases[i].message);
    }
    pieces p = plain; // several settings need a search
    p.cell = "\"corpus\": \"mosi\", \"model\": \"attention\", \"feature\": \"X\", "
             "\"grid\": {\"hidden_dim\": [8, 16]}";
    p.search = "\"final\": {\"seeds\": [1]}";
    refuse(&p, "cells[0]: expected one setting or a \"search\", found 2 settings");
}

static void test_refused_corpora(void **state) {
    (void)state;
    pieces p = plain;
    p.corpora = "\"corpora\": {}";
    refuse(&p, "corpora: expected an object with a name and a file for every corpus");
    p.corpora = "\"corpora\": {\"mosi\": 3}";
    refuse(&p, "corpora.mosi: expected a text, found 3");
}

// All that is wrong with a plan, in one message, and nothing that only follows from it.
static void test_all_at_once(void **state) {
    (void)state;
    static const char text[] =
        "{\"nam\": \"p\", \"protocol\": \"strickt\", \"fold_seed\": 3, \"epochs\": \"5\",\n"
        " \"corpora\": {\"mosi\": 3, \"sims\": \"s.h5\"}, \"settings\": {\"rank\": 3, \"hiden\": "
        "1},\n"
        " \"cells\": [{\"corpus\": \"mosi\", \"model\": \"atention\", \"feature\": \"X\",\n"
        "   \"settings\": {\"weights\": \"raw\"}},\n"
        "  {\"corpus\": [\"sims\", \"simz\"], \"model\": [\"attention\", \"lmf\"], \"lable\": "
        "\"x\",\n"
        "   \"features\": {\"audio\": 1, \"text\": \"T\"}, \"grid\": {\"dropout\": [0.1, 2, "
        "\"0.3\"]}}],\n"
        " \"search\": {\"method\": \"gird\", \"draws\": 5, \"seeds\": [1, 2, 1]}, \"final\": 3}";
    cJSON *document = NULL;
    mb_sweep_plan plan;
    mb_error error = {.message = ""};
    assert_int_equal(
        mb_json_parse("p.json", text, strlen(text), &mb_plan_limits, &document, &error), MB_OK);
    assert_int_equal(mb_sweep_plan_read("p.json", document, NULL, &plan, &error), MB_BAD_INPUT);
    assert_string_equal(
        error.message,
        "p.json: unknown key \"nam\"; did you mean \"name\"?\n"
        "p.json: name: expected a text, found nothing\n"
        "p.json: protocol: unknown value \"strickt\"; did you mean \"strict\"?\n"
        "p.json: epochs: expected an integer 1..100000, found \"5\"; write it without the quotes\n"
        "p.json: search.method: unknown value \"gird\"; did you mean \"grid\"?\n"
        "p.json: search.seeds[2]: seed 1 is in the list twice\n"
        "p.json: final: expected an object, found 3\n"
        "p.json: corpora.mosi: expected a text, found 3\n"
        "p.json: settings: unknown setting of the model attention \"hiden\"; known: hidden_dim, "
        "dropout, projection, weights, learning_rate, grad_clip, weight_decay\n"
        "p.json: cells[0].model: unknown model \"atention\"; did you mean \"attention\"?\n"
        "p.json: cells[1]: unknown key \"lable\"; did you mean \"label\"?\n"
        "p.json: cells[1].corpus[1]: unknown corpus \"simz\"; did you mean \"sims\"?\n"
        "p.json: cells[1].features.audio: expected a text, found 1\n"
        "p.json: cells[1].grid.dropout[1]: expected a number 0..0.95, found 2\n"
        "p.json: cells[1].grid.dropout[2]: expected a number 0..0.95, found \"0.3\"; write it "
        "without the quotes");
    // The cells are there for the checks against the corpora, without settings.
    assert_int_equal(plan.cell_count, 3);
    for (int32_t c = 0; c < plan.cell_count; c++)
        assert_int_equal(plan.cells[c].setting_count, 0);
    assert_null(plan.cells[0].model);
    assert_string_equal(plan.cells[0].features[MB_TEXT], "X");
    assert_string_equal(plan.cells[2].model->name, "lmf");
    mb_sweep_plan_free(&plan);
    cJSON_Delete(document);
}

// Long lists take no longer than in proportion, and end with a count.
static void test_many_seeds(void **state) {
    (void)state;
    enum { SEEDS = 100000 };
    char *search = malloc(SEEDS * 7 + 100);
    assert_non_null(search);
    for (int most = 1000; most <= SEEDS; most += SEEDS - 1000)
        for (int twice = 0; twice < 2; twice++) {
            pieces p = plain;
            char *end = search + sprintf(search, "\"final\": {\"seeds\": [0");
            for (int i = 1; i < most; i++)
                end += sprintf(end, ",%d", twice ? i % 500 : i);
            strcpy(end, "]}");
            p.search = search;
            if (most > 1000) {
                refuse(&p, "final.seeds: expected a list of at most 1000, found a list of 100000");
            } else if (twice) {
                refuse(&p, "final.seeds[500]: seed 0 is in the list twice\n");
                refuse(&p, "final.seeds[519]: seed 19 is in the list twice\n... and 480 more");
            } else {
                mb_sweep_plan plan = accept(&p);
                assert_int_equal(plan.final_seeds.count, 1000);
                mb_sweep_plan_free(&plan);
            }
        }
    free(search);
}

// The plans that come with the program.
static void test_configs(void **state) {
    (void)state;
    static const struct {
        const char *file;
        int32_t cells, settings;
    } configs[] = {
        {"quickstart.json", 4, 4},     {"paper/cmumosi.json", 4, 24}, {"paper/sims.json", 4, 24},
        {"paper/mer2023.json", 4, 24}, {"paper/iemocap.json", 8, 24},
    };
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        char path[512];
        mb_sweep_plan plan;
        mb_error error = {.message = ""};
        snprintf(path, sizeof path, "%s/../../configs/%s", MB_FIXTURES, configs[i].file);
        if (mb_sweep_plan_load(path, "data", &plan, &error) != MB_OK)
            fail_msg("%s", error.message);
        assert_int_equal(plan.cell_count, configs[i].cells);
        assert_int_equal(plan.final_seeds.count, 6);
        for (int32_t c = 0; c < plan.cell_count; c++)
            assert_in_range(plan.cells[c].setting_count, 4, configs[i].settings);
        assert_int_equal(strncmp(plan.corpora[0].path, "data/", 5), 0);
        mb_sweep_plan_free(&plan);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),         cmocka_unit_test(test_grid_order),
        cmocka_unit_test(test_paper_grid),       cmocka_unit_test(test_random_draws),
        cmocka_unit_test(test_digest),           cmocka_unit_test(test_modalities),
        cmocka_unit_test(test_refused_heads),    cmocka_unit_test(test_refused_cells),
        cmocka_unit_test(test_refused_searches), cmocka_unit_test(test_refused_corpora),
        cmocka_unit_test(test_configs),          cmocka_unit_test(test_fold_seed),
        cmocka_unit_test(test_all_at_once),      cmocka_unit_test(test_many_seeds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
