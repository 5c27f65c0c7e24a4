// The ledger: bit-exact round trips, refusals that record nothing, plans, cells and links.
#include "ledger_sample.h"

static void round_trip_keeps_every_bit(void **state) {
    scratch *here = *state;
    mb_error error = {.message = ""};
    mb_ledger *ledger = open_ledger(here->path, MB_LEDGER_WRITE);
    put_trial(ledger, KEY, 2);
    mb_ledger_scores scores = sample_scores(), found;
    assert_int_equal(put_sample(ledger, KEY, 0, NULL, &error), MB_OK);
    bool there;
    assert_int_equal(mb_ledger_get_scores(ledger, KEY, &there, &found, &error), MB_OK);
    assert_false(there);
    assert_int_equal(put_sample(ledger, KEY, 1, &scores, &error), MB_OK);
    mb_ledger_close(ledger);
    assert_false(exists(here->path, "-wal"));
    assert_false(exists(here->path, "-shm"));
    assert_false(exists(here->path, "-lock"));

    ledger = open_ledger(here->path, MB_LEDGER_READ);
    assert_sample(ledger, KEY, 0);
    assert_sample(ledger, KEY, 1);
    assert_int_equal(mb_ledger_get_scores(ledger, KEY, &there, &found, &error), MB_OK);
    assert_true(there);
    assert_true(found.diverged);
    assert_same_doubles(&found.selection, &scores.selection, 1);
    assert_string_equal(found.score_part, "test1");
    assert_same_scores(&found.score, &scores.score);
    assert_same_scores(&found.select, &scores.select);
    assert_int_equal(has_run(ledger, KEY, 1, &there, &error), MB_OK);
    assert_true(there);
    assert_int_equal(has_run(ledger, KEY, 2, &there, &error), MB_OK);
    assert_false(there);
    mb_run_result none;
    assert_int_equal(mb_ledger_get_run(ledger, KEY, 2, &none, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "fold 2"));
    mb_ledger_close(ledger);
}

static void diverged_run_keeps_its_cause(void **state) {
    scratch *here = *state;
    mb_error error = {.message = ""};
    mb_ledger *ledger = open_ledger(here->path, MB_LEDGER_WRITE);
    put_trial(ledger, KEY, 1);
    sample s;
    fill_sample(&s, KEY, 0);
    s.result.status = MB_RUN_DIVERGED;
    snprintf(s.result.cause, sizeof s.result.cause, "total is not finite");
    s.result.epochs_done = 0;
    s.result.epochs = NULL;
    s.result.select_predictions = (mb_predictions){0};
    s.tests[0] = s.tests[1] = (mb_predictions){0};
    assert_int_equal(mb_ledger_put_run(ledger, &s.run, NULL, &error), MB_OK);
    mb_run_result found;
    assert_int_equal(mb_ledger_get_run(ledger, KEY, 0, &found, &error), MB_OK);
    assert_int_equal(found.status, MB_RUN_DIVERGED);
    assert_string_equal(found.cause, "total is not finite");
    assert_int_equal(found.epochs_done, 0);
    assert_int_equal(found.test_count, 2);
    assert_int_equal(found.tests[1].count, 0);
    assert_null(found.tests[1].logits);
    mb_run_result_free(&found);
    mb_ledger_close(ledger);
}

// A run that was scored on its selection part alone is replaced by the complete one.
static void parts_come_later(void **state) {
    scratch *here = *state;
    mb_error error = {.message = ""};
    mb_ledger *ledger = open_ledger(here->path, MB_LEDGER_WRITE);
    mb_ledger_scores scores = sample_scores(), found_scores;
    mb_ledger_summary summary;
    mb_run_result found;
    bool there = false;
    put_trial(ledger, KEY, 1);
    sample s;
    fill_sample(&s, KEY, 0);
    s.result.test_count = 0;
    assert_int_equal(mb_ledger_put_run(ledger, &s.run, &scores, &error), MB_OK);
    assert_int_equal(mb_ledger_get_summary(ledger, KEY, 0, &summary, &error), MB_OK);
    assert_int_equal(summary.extent, MB_LEDGER_SELECTION);
    assert_int_equal(mb_ledger_get_run(ledger, KEY, 0, &found, &error), MB_OK);
    assert_int_equal(found.test_count, 0);
    assert_int_equal(found.select_predictions.count, SELECT_ROWS);
    mb_run_result_free(&found);
    s.result.test_count = 1; // a test set is missing
    assert_int_equal(mb_ledger_replace_run(ledger, &s.run, &scores, &error), MB_FAILED);
    assert_non_null(strstr(error.message, "expected 2 test sets, found 1"));
    assert_int_equal(mb_ledger_get_summary(ledger, KEY, 0, &summary, &error), MB_OK);
    assert_int_equal(summary.extent, MB_LEDGER_SELECTION); // nothing was lost
    s.result.test_count = 2;
    scores.score.waf = 0.75;
    assert_int_equal(mb_ledger_replace_run(ledger, &s.run, &scores, &error), MB_OK);
    assert_int_equal(mb_ledger_get_summary(ledger, KEY, 0, &summary, &error), MB_OK);
    assert_int_equal(summary.extent, MB_LEDGER_ALL_PARTS);
    assert_sample(ledger, KEY, 0);
    assert_int_equal(mb_ledger_get_scores(ledger, KEY, &there, &found_scores, &error), MB_OK);
    assert_true(there && found_scores.score.waf == 0.75);
    mb_ledger_close(ledger);
}

static void wrong_runs_are_refused_whole(void **state) {
    scratch *here = *state;
    mb_error error = {.message = ""};
    mb_ledger *ledger = open_ledger(here->path, MB_LEDGER_WRITE);
    assert_int_equal(put_sample(ledger, KEY, 0, NULL, &error), MB_FAILED); // no such trial
    assert_non_null(strstr(error.message, KEY));
    put_trial(ledger, KEY, 2);
    assert_int_equal(put_sample(ledger, KEY, 0, NULL, &error), MB_OK);
    assert_int_equal(put_sample(ledger, KEY, 0, NULL, &error), MB_FAILED); // twice
    sample s;
    fill_sample(&s, KEY, 1);
    s.result.status = MB_RUN_STOPPED;
    assert_int_equal(mb_ledger_put_run(ledger, &s.run, NULL, &error), MB_FAILED);
    fill_sample(&s, KEY, 1);
    s.tests[1].count = 2; // more predictions than rows: found after most of the run is written
    assert_int_equal(mb_ledger_put_run(ledger, &s.run, NULL, &error), MB_FAILED);
    assert_non_null(strstr(error.message, "test2"));
    bool there;
    assert_int_equal(has_run(ledger, KEY, 1, &there, &error), MB_OK);
    assert_false(there);
    assert_sample(ledger, KEY, 0);
    mb_ledger_close(ledger);
}

static void put_plan(mb_ledger *ledger, const char *digest, const char *name) {
    mb_error error = {.message = ""};
    mb_ledger_cell cells[] = {
        {.index = 0,
         .label = "a+t",
         .dataset = "CMUMOSI",
         .model = "attention",
         .features = "audio=A",
         .protocol = "mertools",
         .final_seeds = 2},
        {.index = 1,
         .label = "t",
         .dataset = "SIMS",
         .model = "attention",
         .features = "text=T",
         .protocol = "strict"},
    };
    if (mb_ledger_put_plan(ledger, digest, name, "{\"json\":1}", cells, 2, &error) != MB_OK)
        fail_msg("%s", error.message);
}

static void plans_come_back_newest_first(void **state) {
    scratch *here = *state;
    mb_error error = {.message = ""};
    mb_ledger *ledger = open_ledger(here->path, MB_LEDGER_WRITE);
    put_plan(ledger, "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "two");
    put_plan(ledger, PLAN, "one");
    char small[] = "{\"hidden_dim\":32}", large[] = "{\"hidden_dim\":64}", none[] = "",
         why[] = "why";
    mb_ledger_choice earlier = {0, small, 0.25, why, PLAN}, first = {0, large, 0.5, none, PLAN},
                     second = {1, small, (double)NAN, why, PLAN};
    assert_int_equal(mb_ledger_choose(ledger, PLAN, 0, &second, &error), MB_OK);
    assert_int_equal(mb_ledger_choose(ledger, PLAN, 0, &earlier, &error), MB_OK);
    assert_int_equal(mb_ledger_choose(ledger, PLAN, 0, &first, &error), MB_OK); // replaces it
    assert_int_equal(mb_ledger_choose(ledger, PLAN, 7, &first, &error), MB_FAILED);
    assert_non_null(strstr(error.message, "has no cell 7"));
    mb_ledger_plan *plans;
    int32_t count;
    assert_int_equal(mb_ledger_get_plans(ledger, &plans, &count, &error), MB_OK);
    assert_int_equal(count, 2);
    assert_string_equal(plans[0].name, "one");
    assert_string_equal(plans[1].name, "two");
    assert_string_equal(plans[0].digest, PLAN);
    assert_string_equal(plans[0].json, "{\"json\":1}");
    assert_int_equal(plans[0].cell_count, 2);
    const mb_ledger_cell *cell = &plans[0].cells[0];
    assert_string_equal(cell->label, "a+t");
    assert_string_equal(cell->dataset, "CMUMOSI");
    assert_string_equal(cell->model, "attention");
    assert_string_equal(cell->features, "audio=A");
    assert_string_equal(cell->protocol, "mertools");
    assert_int_equal(cell->choice_count, 2);
    assert_int_equal(cell->choices[0].fold, 0);
    assert_string_equal(cell->choices[0].setting, large);
    assert_true(cell->choices[0].selection == 0.5);
    assert_string_equal(cell->choices[0].doubt, "");
    assert_int_equal(cell->choices[1].fold, 1);
    assert_string_equal(cell->choices[1].setting, small);
    assert_true(isnan(cell->choices[1].selection));
    assert_string_equal(cell->choices[1].doubt, "why");
    assert_string_equal(cell->choices[1].search, PLAN);
    assert_int_equal(cell->final_seeds, 2);
    assert_int_equal(plans[0].cells[1].choice_count, 0);
    assert_int_equal(plans[1].cells[0].choice_count, 0);
    mb_ledger_plans_free(plans, count);
    put_plan(ledger, PLAN, "one"); // again: the choices of the same search stay
    assert_int_equal(mb_ledger_drop_other_choices(ledger, PLAN, 0, PLAN, &error), MB_OK);
    assert_int_equal(mb_ledger_get_plans(ledger, &plans, &count, &error), MB_OK);
    assert_int_equal(plans[0].cells[0].choice_count, 2);
    mb_ledger_plans_free(plans, count);
    assert_int_equal(mb_ledger_drop_other_choices(ledger, PLAN, 0, KEY, &error), MB_OK);
    put_plan(ledger, "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "two");
    assert_int_equal(mb_ledger_get_plans(ledger, &plans, &count, &error), MB_OK);
    assert_int_equal(count, 2);
    assert_string_equal(plans[0].name, "two");
    assert_int_equal(plans[1].cells[0].choice_count, 0);
    mb_ledger_plans_free(plans, count);
    mb_ledger_close(ledger);
}

static void entries_keep_the_order_of_linking(void **state) {
    scratch *here = *state;
    mb_error error = {.message = ""};
    mb_ledger *ledger = open_ledger(here->path, MB_LEDGER_WRITE);
    put_plan(ledger, PLAN, "one");
    static const char *const keys[] = {"ffffff", "000000", "888888"};
    assert_int_equal(mb_ledger_begin(ledger, &error), MB_OK);
    for (int i = 0; i < 6; i++) { // twice: the second time changes nothing
        put_trial(ledger, keys[i % 3], 1);
        assert_int_equal(mb_ledger_link(ledger, PLAN, 0, true, keys[i % 3], &error), MB_OK);
    }
    assert_int_equal(mb_ledger_end(ledger, true, &error), MB_OK);
    assert_int_equal(mb_ledger_link(ledger, PLAN, 0, false, keys[0], &error), MB_OK);
    assert_int_equal(mb_ledger_link(ledger, PLAN, 5, false, keys[0], &error), MB_FAILED);
    assert_int_equal(mb_ledger_link(ledger, PLAN, 0, false, "nobody", &error), MB_FAILED);
    mb_ledger_scores scores = sample_scores();
    assert_int_equal(put_sample(ledger, keys[1], 0, &scores, &error), MB_OK);
    mb_ledger_entry *entries;
    int32_t count;
    assert_int_equal(mb_ledger_get_entries(ledger, PLAN, 0, true, &entries, &count, &error), MB_OK);
    assert_int_equal(count, 3);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(entries[i].key, keys[i]);
        assert_int_equal(entries[i].finished, i == 1);
    }
    assert_same_scores(&entries[1].scores.score, &scores.score);
    assert_string_equal(entries[0].description, "{\"trial\":\"ffffff\"}");
    mb_ledger_entries_free(entries, count);
    assert_int_equal(mb_ledger_get_entries(ledger, PLAN, 0, false, &entries, &count, &error),
                     MB_OK);
    assert_int_equal(count, 1);
    mb_ledger_entries_free(entries, count);
    mb_ledger_close(ledger);
}

static void trials_are_found_by_prefix(void **state) {
    scratch *here = *state;
    mb_error error = {.message = ""};
    mb_ledger *ledger = open_ledger(here->path, MB_LEDGER_WRITE);
    put_trial(ledger, KEY, 5);
    put_trial(ledger, OTHER_KEY, 1);
    put_trial(ledger, KEY, 5); // again: no change
    char other_description[] = "{}";
    mb_ledger_trial changed = {KEY, other_description, 5}, found;
    assert_int_equal(mb_ledger_put_trial(ledger, &changed, &error), MB_BAD_INPUT);
    assert_int_equal(mb_ledger_get_trial(ledger, "01234567", &found, &error), MB_OK);
    assert_string_equal(found.key, KEY);
    assert_int_equal(found.fold_count, 5);
    assert_string_equal(found.description, "{\"trial\":\"" KEY "\"}");
    mb_ledger_trial_free(&found);
    static const char *const wrong[] = {"0123456", "01234", "0123456'", "99999999",
                                        "",        KEY "0", "0123456F"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(mb_ledger_get_trial(ledger, wrong[i], &found, &error), MB_BAD_INPUT);
        assert_non_null(strstr(error.message, here->path));
    }
    assert_int_equal(mb_ledger_get_trial(ledger, "0123456", &found, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "several"));
    mb_ledger_close(ledger);
}

static void groups_can_be_undone(void **state) {
    scratch *here = *state;
    mb_error error = {.message = ""};
    mb_ledger *ledger = open_ledger(here->path, MB_LEDGER_WRITE);
    put_plan(ledger, PLAN, "one");
    assert_int_equal(mb_ledger_begin(ledger, &error), MB_OK);
    put_trial(ledger, KEY, 1);
    assert_int_equal(mb_ledger_end(ledger, false, &error), MB_OK);
    mb_ledger_trial trial;
    assert_int_equal(mb_ledger_get_trial(ledger, KEY, &trial, &error), MB_BAD_INPUT);
    assert_int_equal(mb_ledger_begin(ledger, &error), MB_OK);
    put_trial(ledger, KEY, 1);
    mb_ledger_close(ledger); // the group was not ended, so it is rolled back
    ledger = open_ledger(here->path, MB_LEDGER_READ);
    assert_int_equal(mb_ledger_get_trial(ledger, KEY, &trial, &error), MB_BAD_INPUT);
    mb_ledger_close(ledger);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(round_trip_keeps_every_bit),
        SCRATCH_TEST(diverged_run_keeps_its_cause),
        SCRATCH_TEST(parts_come_later),
        SCRATCH_TEST(wrong_runs_are_refused_whole),
        SCRATCH_TEST(plans_come_back_newest_first),
        SCRATCH_TEST(entries_keep_the_order_of_linking),
        SCRATCH_TEST(trials_are_found_by_prefix),
        SCRATCH_TEST(groups_can_be_undone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
