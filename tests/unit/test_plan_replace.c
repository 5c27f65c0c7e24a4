// Quick tries: which values --epochs and --seeds replace, and that the plan becomes another one.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sweep/plan_replace.h"

static const mb_plan_replacement nothing = {.epochs = 0};
static const mb_plan_replacement quick = {.epochs = 3, .seed_count = 2, .seeds = {7, 4294967295}};

// A plan with the given "search" and "final".
static mb_sweep_plan read(const char *rest) {
    char text[1024];
    snprintf(text, sizeof text,
             "{\"name\": \"p\", \"corpora\": {\"b\": \"b.h5\", \"a\": \"/a.h5\"}, \"grid\": "
             "\"paper\", \"cells\": [{\"corpus\": [\"b\", \"a\"], \"model\": \"attention\", "
             "\"feature\": \"X\"}], %s}",
             rest);
    cJSON *document = NULL;
    mb_sweep_plan plan = {0};
    mb_error error = {.message = ""};
    if (mb_json_parse("dir/p.json", text, strlen(text), &mb_plan_limits, &document, &error) !=
            MB_OK ||
        mb_sweep_plan_read("dir/p.json", document, "data", &plan, &error) != MB_OK)
        fail_msg("%s", error.message);
    cJSON_Delete(document);
    return plan;
}

static void replace(mb_sweep_plan *plan, const mb_plan_replacement *replacement) {
    mb_error error = {.message = ""};
    if (mb_plan_replace(replacement, "data", plan, &error) != MB_OK)
        fail_msg("%s", error.message);
}

static void assert_said(const mb_sweep_plan *plan, const char *expected) {
    char *said = mb_plan_replaced_text(plan->json);
    assert_non_null(said);
    assert_string_equal(said, expected);
    free(said);
}

static void assert_seeds(const mb_seed_list *list, int32_t count, uint32_t first) {
    assert_int_equal(list->count, count);
    if (count > 0)
        assert_int_equal(list->seeds[0], first);
}

static void final_seeds_are_replaced(void **state) {
    (void)state;
    mb_sweep_plan plan = read("\"search\": {\"method\": \"grid\", \"seeds\": [5, 6]}, "
                              "\"final\": {\"seeds\": [1, 2, 3]}");
    char digest[33];
    memcpy(digest, plan.digest, sizeof digest);
    int32_t settings = plan.cells[0].setting_count;
    assert_said(&plan, "");
    replace(&plan, &quick);
    assert_int_equal(plan.epochs, 3);
    assert_seeds(&plan.final_seeds, 2, 7);
    assert_seeds(&plan.search_seeds, 1, 5);
    assert_string_not_equal(plan.digest, digest);
    assert_said(&plan, "epochs 3 (of the plan: 100), search seeds 5 (of the plan: 5, 6), final "
                       "seeds 7, 4294967295 (of the plan: 1, 2, 3)");
    // Everything else is as before.
    assert_string_equal(plan.file, "dir/p.json");
    assert_int_equal(plan.cell_count, 2);
    assert_int_equal(plan.cells[0].setting_count, settings);
    assert_string_equal(plan.corpora[plan.cells[0].corpus].name, "b");
    assert_string_equal(plan.corpora[plan.cells[0].corpus].path, "data/b.h5");
    assert_string_equal(plan.corpora[plan.cells[1].corpus].path, "/a.h5");
    mb_sweep_plan_free(&plan);
}

static void without_final_seeds_those_of_the_search_are(void **state) {
    (void)state;
    mb_sweep_plan plan = read("\"search\": {\"method\": \"random\", \"draws\": 3, \"seeds\": "
                              "[1, 2, 3, 4, 5, 6, 7]}");
    replace(&plan, &quick);
    assert_seeds(&plan.search_seeds, 2, 7);
    assert_seeds(&plan.final_seeds, 0, 0);
    assert_int_equal(plan.draws, 3);
    assert_said(&plan,
                "epochs 3 (of the plan: 100), search seeds 7, 4294967295 (of the plan: 7 seeds)");
    mb_sweep_plan_free(&plan);
}

static void without_a_search(void **state) {
    (void)state;
    mb_sweep_plan plan = read("\"settings\": {\"hidden_dim\": 8, \"dropout\": 0.1, "
                              "\"learning_rate\": 0.001}, \"final\": {\"seeds\": [1]}");
    replace(&plan, &(mb_plan_replacement){.seed_count = 1, .seeds = {2}});
    assert_seeds(&plan.final_seeds, 1, 2);
    assert_int_equal(plan.method, MB_SEARCH_NONE);
    assert_said(&plan, "final seeds 2 (of the plan: 1)");
    mb_sweep_plan_free(&plan);
}

static void the_same_values_are_the_same_plan(void **state) {
    (void)state;
    const mb_plan_replacement same = {.epochs = 100, .seed_count = 2, .seeds = {1, 2}};
    mb_sweep_plan plan = read("\"search\": {\"method\": \"grid\"}, \"final\": {\"seeds\": [1, 2]}");
    char digest[33];
    memcpy(digest, plan.digest, sizeof digest);
    replace(&plan, &nothing);
    assert_string_equal(plan.digest, digest);
    replace(&plan, &same);
    assert_string_equal(plan.digest, digest);
    assert_said(&plan, "");
    mb_sweep_plan_free(&plan);
}

// What is recorded is a plan, too: the same one when it is read from a file.
static void the_recorded_plan_can_be_read(void **state) {
    (void)state;
    mb_sweep_plan plan = read("\"search\": {\"method\": \"grid\"}, \"final\": {\"seeds\": [1, 2]}");
    mb_sweep_plan again;
    mb_error error = {.message = ""};
    cJSON *document = NULL;
    replace(&plan, &quick);
    assert_int_equal(
        mb_json_parse("r.json", plan.json, strlen(plan.json), &mb_plan_limits, &document, &error),
        MB_OK);
    assert_int_equal(mb_sweep_plan_read("r.json", document, NULL, &again, &error), MB_OK);
    assert_string_equal(again.digest, plan.digest);
    cJSON_Delete(document);
    mb_sweep_plan_free(&plan);
    mb_sweep_plan_free(&again);
}

// A ledger may come from a stranger.
static void strange_records(void **state) {
    (void)state;
    static const char *const none[] = {"",
                                       "{",
                                       "[]",
                                       "7",
                                       "{\"replaced\": 3}",
                                       "{\"replaced\": {\"epochs\": \"x\", \"final\": {}}}",
                                       "{\"replaced\": {\"other\": 1}}"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        char *said = mb_plan_replaced_text(none[i]);
        assert_string_equal(said, "");
        free(said);
    }
    char *said = mb_plan_replaced_text(
        "{\"replaced\": {\"epochs\": 2, \"search\": [\"a\"]}, \"search\": {\"seeds\": 5}}");
    assert_non_null(strstr(said, "(of the plan: 2), search seeds 0 seeds"));
    free(said);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(final_seeds_are_replaced),
        cmocka_unit_test(without_final_seeds_those_of_the_search_are),
        cmocka_unit_test(without_a_search),
        cmocka_unit_test(the_same_values_are_the_same_plan),
        cmocka_unit_test(the_recorded_plan_can_be_read),
        cmocka_unit_test(strange_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
