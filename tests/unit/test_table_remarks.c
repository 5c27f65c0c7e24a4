// Tables: what they say of runs that are not finite, of parts, choices, devices and settings by
// fold.
#include "ledger_sample.h"

#include "base/json.h"
#include "report/table.h"

static char label[] = "audio+text", inputs[] = "audio=A, text=T", attention[] = "attention";
static char mer2023[] = "MER2023", iemocap[] = "IEMOCAPFour", mosi[] = "CMUMOSI";
static char mertools[] = "mertools", strict[] = "strict";

// ---- ledgers ----------------------------------------------------------------------------------

static mb_ledger *start(const scratch *here, char *dataset, char *protocol, int32_t cells,
                        int32_t final_seeds) {
    mb_error error = {.message = ""};
    mb_ledger *ledger = open_ledger(here->path, MB_LEDGER_WRITE);
    mb_ledger_cell list[12];
    for (int32_t i = 0; i < cells; i++)
        list[i] = (mb_ledger_cell){i,        label,       dataset, attention, inputs,
                                   protocol, final_seeds, 0,       NULL,      NULL};
    assert_int_equal(mb_ledger_put_plan(ledger, PLAN, "p", "{}", list, cells, &error), MB_OK);
    return ledger;
}

// A run that differs from that of the sample.
typedef struct odd_run {
    int32_t fold;
    bool diverged;
    int32_t broken_epoch; // -1: none
    const char *cause, *device;
} odd_run;

static void put_odd_run(mb_ledger *ledger, const char *key, const odd_run *odd,
                        const mb_ledger_scores *scores) {
    mb_error error = {.message = ""};
    sample s;
    fill_sample(&s, key, odd->fold);
    s.result.status = odd->diverged ? MB_RUN_DIVERGED : MB_RUN_DONE;
    s.result.broken_epoch = odd->broken_epoch;
    snprintf(s.result.cause, sizeof s.result.cause, "%s", odd->cause);
    if (odd->device != NULL)
        s.run.device = odd->device;
    if (mb_ledger_put_run(ledger, &s.run, scores, &error) != MB_OK)
        fail_msg("%s", error.message);
}

static void key_of(int32_t cell, bool final, int hidden_dim, int seed, char key[33]) {
    snprintf(key, 33, "%08x%08x%08x%08x", (unsigned)cell, (unsigned) final, (unsigned)hidden_dim,
             (unsigned)seed);
}

// Links a trial; its runs follow.
static void link_trial(mb_ledger *ledger, int32_t cell, bool final, int hidden_dim, int seed,
                       int32_t fold_count, char key[33]) {
    mb_error error = {.message = ""};
    char description[128];
    mb_ledger_trial trial = {.description = description, .fold_count = fold_count};
    snprintf(description, sizeof description,
             "{\"corpus\":\"%d\",\"options\":{\"dropout\":0.3,\"hidden_dim\":%d},\"seed\":%d}",
             cell, hidden_dim, seed);
    key_of(cell, final, hidden_dim, seed, key);
    memcpy(trial.key, key, 33);
    assert_int_equal(mb_ledger_put_trial(ledger, &trial, &error), MB_OK);
    assert_int_equal(mb_ledger_link(ledger, PLAN, cell, final, key, &error), MB_OK);
}

static mb_ledger_scores scores_of(double waf) {
    mb_ledger_scores scores = {.selection = waf, .score = mb_no_scores(), .score_part = "test"};
    scores.score.waf = waf;
    return scores;
}

static void choose(mb_ledger *ledger, int32_t cell, int32_t fold, int hidden_dim,
                   const char *doubt) {
    mb_error error = {.message = ""};
    char setting[64];
    snprintf(setting, sizeof setting, "{\"dropout\":0.3,\"hidden_dim\":%d}", hidden_dim);
    mb_ledger_choice choice = {
        .fold = fold, .setting = setting, .selection = 0.25 + fold, .doubt = (char *)doubt};
    assert_int_equal(mb_ledger_choose(ledger, PLAN, cell, &choice, &error), MB_OK);
}

// ---- outputs ----------------------------------------------------------------------------------

static char *print(mb_ledger *ledger, mb_table_options options) {
    size_t length;
    char *printed = NULL;
    mb_error error = {.message = ""};
    FILE *stream = open_memstream(&printed, &length);
    assert_non_null(stream);
    if (mb_table_print(ledger, &options, stream, &error) != MB_OK)
        fail_msg("%s", error.message);
    assert_int_equal(fclose(stream), 0);
    return printed;
}

// A table has a text.
static void check_has(mb_ledger *ledger, mb_table_options options, const char *expected) {
    char *printed = print(ledger, options);
    if (strstr(printed, expected) == NULL) {
        fprintf(stderr, "%s\n", printed); // fail_msg cuts
        fail_msg("expected '%s'", expected);
    }
    free(printed);
}

static void check_lacks(mb_ledger *ledger, mb_table_options options, const char *unwanted) {
    char *printed = print(ledger, options);
    if (strstr(printed, unwanted) != NULL)
        fail_msg("unexpected '%s' in: %s", unwanted, printed);
    free(printed);
}

static const mb_table_options text = {.format = MB_TABLE_TEXT},
                              markdown = {.format = MB_TABLE_MARKDOWN},
                              latex = {.format = MB_TABLE_LATEX}, csv = {.format = MB_TABLE_CSV},
                              json = {.format = MB_TABLE_JSON};

// The entries of a table, checked to be JSON. Free *root.
static const cJSON *entries_of(mb_ledger *ledger, mb_table_options options, cJSON **root) {
    static const mb_json_limits limits = {.bytes = 1 << 18, .values = 10000, .depth = 8};
    mb_error error = {.message = ""};
    char *printed = print(ledger, options);
    if (mb_json_parse("table", printed, strlen(printed), &limits, root, &error) != MB_OK)
        fail_msg("%s", error.message);
    free(printed);
    return cJSON_GetObjectItem(*root, "entries")->child;
}

static const cJSON *item(const cJSON *object, const char *key) {
    const cJSON *found = cJSON_GetObjectItem(object, key);
    if (found == NULL)
        fail_msg("there is no \"%s\"", key);
    return found;
}

// ---- runs that are not finite -----------------------------------------------------------------

// Six seeds of two folds; fold 1 is broken in every seed but the first.
static mb_ledger *broken_ledger(const scratch *here) {
    mb_ledger *ledger = start(here, iemocap, mertools, 1, 6);
    for (int seed = 1; seed <= 6; seed++) {
        char key[33];
        mb_ledger_scores scores = scores_of(0.2507);
        scores.broken = seed > 1;
        link_trial(ledger, 0, true, 64, seed, 2, key);
        put_odd_run(ledger, key, &(odd_run){0, false, -1, "", NULL}, NULL);
        odd_run broken = {1, false, 7, "epoch 8: the total loss is not finite", NULL};
        put_odd_run(ledger, key, seed > 1 ? &broken : &(odd_run){1, false, -1, "", NULL}, &scores);
    }
    return ledger;
}

static void broken_runs_are_named(void **state) {
    mb_ledger *ledger = broken_ledger(*state);
    check_has(ledger, text, "  25.07 ± 0.00 (5 not finite)\n");
    check_has(ledger, latex, "25.07 $\\pm$ 0.00 (5 not finite) \\\\");
    check_has(ledger, markdown, "25.07 ± 0.00 (5 not finite) |");
    check_has(
        ledger, text,
        "\nnot finite: in these runs a number was not finite; they are scored as the toolkit "
        "scores them\n"
        "not finite: audio+text, IEMOCAPFour: seed 2, fold 1: from epoch 8, the total loss is "
        "not finite; seed 3, fold 1: from epoch 8, the total loss is not finite; seed 4, fold "
        "1: from epoch 8, the total loss is not finite; and 2 more\n");
    check_has(ledger, csv,
              ",sample,5,\"seed 2, fold 1: from epoch 8, the total loss is not finite");
    check_has(ledger, csv, "; seed 6, fold 1: from epoch 8, the total loss is not finite\",,,\n");
    check_lacks(ledger, csv, "more");
    cJSON *root;
    const cJSON *entry = entries_of(ledger, json, &root), *broken = item(entry, "broken");
    char key[33];
    key_of(0, true, 64, 6, key);
    assert_int_equal(cJSON_GetArraySize(broken), 5);
    const cJSON *last = cJSON_GetArrayItem(broken, 4);
    assert_string_equal(item(last, "trial")->valuestring, key);
    assert_int_equal(item(last, "seed")->valueint, 6);
    assert_int_equal(item(last, "fold")->valueint, 1);
    assert_int_equal(item(last, "epoch")->valueint, 8);
    assert_string_equal(item(last, "cause")->valuestring, "the total loss is not finite");
    assert_int_equal(cJSON_GetArraySize(item(entry, "failures")), 0);
    assert_int_equal(item(entry, "diverged")->valueint, 0);
    assert_true(cJSON_IsTrue(item(entry, "complete")));
    cJSON_Delete(root);
    mb_ledger_close(ledger);
}

// Every setting of a search is marked, also those that the notes do not name.
static void broken_settings_are_marked(void **state) {
    mb_ledger *ledger = start(*state, iemocap, mertools, 1, 1);
    for (int hidden_dim = 32; hidden_dim < 42; hidden_dim++) {
        char key[33];
        mb_ledger_scores scores = scores_of(0.25);
        scores.broken = hidden_dim > 32;
        link_trial(ledger, 0, false, hidden_dim, 1, 1, key);
        put_odd_run(ledger, key,
                    hidden_dim > 32 ? &(odd_run){0, false, 1, "epoch 2: x", NULL}
                                    : &(odd_run){0, false, -1, "", NULL},
                    &scores);
    }
    mb_table_options all = {.all_settings = true};
    check_has(ledger, all, "   seeds   diverged   not finite\n");
    check_has(ledger, all, "hidden_dim=32      0.2500   * 25.00     1/1          0            0\n");
    check_has(ledger, all, "hidden_dim=41      0.2500     25.00     1/1          0            1\n");
    check_has(ledger, all, "\nnot finite: and 1 more entry (--format json)\n");
    mb_ledger_close(ledger);
}

static void diverged_runs_are_named(void **state) {
    mb_ledger *ledger = start(*state, mosi, strict, 10, 2);
    for (int32_t cell = 0; cell < 10; cell++)
        for (int seed = 1; seed <= 2; seed++) {
            char key[33];
            mb_ledger_scores scores = scores_of(0.5);
            scores.diverged = seed == 2;
            link_trial(ledger, cell, true, 64, seed, 1, key);
            odd_run diverged = {0, true, -1, "epoch 3: logits of row 5", NULL};
            put_odd_run(ledger, key, seed == 2 ? &diverged : &(odd_run){0, false, -1, "", NULL},
                        &scores);
        }
    check_has(ledger, text,
              "\ndiverged trials: 10; the means leave them out\n"
              "diverged: audio+text, CMUMOSI: seed 2: in epoch 3, logits of row 5\n"
              "diverged: audio+text #2, CMUMOSI: seed 2: in epoch 3, logits of row 5\n");
    check_has(ledger, text, "\ndiverged: and 2 more entries (--format json)\n");
    check_lacks(ledger, text, "#9, CMUMOSI: seed");
    check_has(ledger, csv, ",sample,0,,\"seed 2: in epoch 3, logits of row 5\",,\n");
    cJSON *root;
    const cJSON *entry = entries_of(ledger, json, &root);
    assert_int_equal(item(entry, "diverged")->valueint, 1);
    assert_int_equal(item(item(entry, "failures")->child, "epoch")->valueint, 3);
    assert_int_equal(cJSON_GetArraySize(item(entry, "broken")), 0);
    cJSON_Delete(root);
    mb_ledger_close(ledger);
}

// Texts of a ledger do not control the terminal.
static void causes_are_made_fit(void **state) {
    mb_ledger *ledger = start(*state, mosi, mertools, 1, 1);
    char key[33];
    mb_ledger_scores scores = scores_of(0.5);
    scores.broken = 1;
    link_trial(ledger, 0, true, 64, 1, 1, key);
    put_odd_run(ledger, key, &(odd_run){0, false, 0, "\x1b[31m a|b", NULL}, &scores);
    check_has(ledger, text, "seed 1: from epoch 1, \\x1b[31m a|b\n");
    check_has(ledger, markdown, "a\\|b\n");
    check_has(ledger, json, "\"cause\": \"\\u001b[31m a|b\"");
    mb_ledger_close(ledger);
}

// ---- parts and deviations ---------------------------------------------------------------------

static mb_ledger *parts_ledger(const scratch *here) {
    static const char *const names[] = {"folds", "test1", "test2", "test3", "average"};
    mb_ledger *ledger = start(here, mer2023, mertools, 1, 3);
    for (int seed = 1; seed <= 3; seed++) {
        char key[33];
        mb_part_scores parts[5];
        for (int p = 0; p < 5; p++) {
            parts[p] = (mb_part_scores){.scores = mb_no_scores()};
            snprintf(parts[p].name, sizeof parts[p].name, "%s", names[p]);
            parts[p].scores.waf = 0.1 * (p + 1) + 0.01 * seed;
            if (p != 3)
                parts[p].scores.mse = 1.0 + p + 0.5 * seed;
        }
        mb_ledger_scores scores = scores_of(0.2 + 0.01 * seed);
        snprintf(scores.score_part, sizeof scores.score_part, "test1");
        scores.parts = parts;
        scores.part_count = 5;
        link_trial(ledger, 0, true, 64, seed, 1, key);
        put_odd_run(ledger, key, &(odd_run){0, false, -1, "", NULL}, &scores);
    }
    return ledger;
}

static void parts_have_a_table(void **state) {
    mb_ledger *ledger = parts_ledger(*state);
    check_has(ledger, text, "\nfeatures        folds WAF         folds MSE ");
    check_has(ledger, text,
              "\naudio+text   12.00 ± 1.00   2.0000 ± 0.5000   22.00 ± 1.00   3.0000 ± 0.5000   "
              "32.00 ± 1.00   4.0000 ± 0.5000   42.00 ± 1.00           —   52.00 ± 1.00   6.0000 ± "
              "0.5000\n");
    check_has(ledger, text, "\nparts: WAF in percent and MSE; MER2023: folds = Train&Val");
    check_has(ledger, markdown, "| 42.00 ± 1.00 |         — |");
    check_has(ledger, latex, "& 42.00 $\\pm$ 1.00 &        -- &");
    check_has(ledger, csv,
              ",folds_waf,folds_waf_std,folds_mse,folds_mse_std,test1_waf,test1_waf_std,");
    check_has(ledger, csv, ",,,0.52"); // no MSE on test3; then the average
    cJSON *root;
    const cJSON *parts = item(entries_of(ledger, json, &root), "parts");
    assert_int_equal(cJSON_GetArraySize(parts), 5);
    const cJSON *test3 = cJSON_GetArrayItem(parts, 3), *average = test3->next;
    assert_string_equal(item(test3, "name")->valuestring, "test3");
    assert_true(cJSON_IsNull(item(item(test3, "mse"), "mean")));
    assert_float_equal(item(item(test3, "waf"), "mean")->valuedouble, 0.42, 1e-12);
    assert_float_equal(item(item(average, "mse"), "std")->valuedouble, 0.5, 1e-12);
    cJSON_Delete(root);
    mb_ledger_close(ledger);
}

// A single part, and a part with its average, are no table.
static void one_part_has_no_table(void **state) {
    mb_ledger *ledger = start(*state, iemocap, strict, 1, 1);
    char key[33];
    mb_part_scores parts[2] = {{.name = "folds", .scores = {.waf = 0.5}}, {.name = "average"}};
    mb_ledger_scores scores = scores_of(0.5);
    scores.parts = parts;
    scores.part_count = 2;
    link_trial(ledger, 0, true, 64, 1, 1, key);
    put_odd_run(ledger, key, &(odd_run){0, false, -1, "", NULL}, &scores);
    check_lacks(ledger, text, "parts:");
    check_lacks(ledger, csv, "folds_waf");
    check_has(ledger, json, "\"parts\": [{\"name\": \"folds\", \"waf\": {\"mean\": 0.5, ");
    mb_ledger_close(ledger);
}

static void deviations_are_of_the_kind_asked_for(void **state) {
    mb_ledger *ledger = parts_ledger(*state);
    mb_table_options population = {.deviation = MB_DEVIATION_POPULATION};
    check_has(ledger, text, ": mean ± sample standard deviation over the seeds");
    check_has(ledger, population, ": mean ± population standard deviation over the seeds");
    check_has(ledger, population, " 22.00 ± 0.82\n");                // sqrt(2/3)
    check_has(ledger, population, "12.00 ± 0.82   2.0000 ± 0.4082"); // parts
    population.format = MB_TABLE_JSON;
    check_has(ledger, population, "\"deviation\": \"population\"");
    check_has(ledger, population, "\"std\": 0.0081649658092772");
    population.format = MB_TABLE_CSV;
    check_has(ledger, population, ",population,0,");
    mb_ledger_close(ledger);
}

// ---- choices and settings by fold -------------------------------------------------------------

static const char every_diverged[] = "every setting diverged; the first one is taken";

static void doubtful_choices_are_named(void **state) {
    scratch *here = *state;
    char *protocols[] = {mertools, strict};
    for (int p = 0; p < 2; p++) {
        unlink(here->path);
        mb_ledger *ledger = start(here, iemocap, protocols[p], 1, 2);
        for (int seed = 1; seed <= 2; seed++) {
            char key[33];
            mb_ledger_scores scores = scores_of(0.5);
            link_trial(ledger, 0, true, 64, seed, 1, key);
            put_odd_run(ledger, key, &(odd_run){0, false, -1, "", NULL}, &scores);
        }
        for (int32_t fold = 0; fold < 3; fold++)
            choose(ledger, 0, fold, 64, p == 0 || fold == 2 ? every_diverged : "");
        check_has(ledger, text, "50.00 ± 0.00 (doubtful choice)\n");
        check_has(ledger, text,
                  p == 0
                      ? "\ndoubtful choice: audio+text, IEMOCAPFour: every setting diverged; the "
                        "first one is taken\n"
                      : "\ndoubtful choice: audio+text, IEMOCAPFour: fold 2: every setting "
                        "diverged; the first one is taken\n");
        check_has(ledger, csv,
                  p == 0 ? ",,,every setting diverged; the first one is taken,0 1 2\n"
                         : ",,,fold 2: every setting diverged; the first one is taken,0 1 2\n");
        cJSON *root;
        const cJSON *choices = item(entries_of(ledger, json, &root), "choices");
        const cJSON *last = cJSON_GetArrayItem(choices, 2);
        assert_int_equal(cJSON_GetArraySize(choices), 3);
        assert_int_equal(item(last, "fold")->valueint, 2);
        assert_string_equal(item(last, "setting")->valuestring, "dropout=0.3 hidden_dim=64");
        assert_float_equal(item(last, "selection")->valuedouble, 2.25, 1e-12);
        assert_string_equal(item(last, "doubt")->valuestring, every_diverged);
        cJSON_Delete(root);
        mb_ledger_close(ledger);
    }
}

// Cell 0: the folds chose different settings, and the result joins two trials. Cell 1: all folds
// chose the same one.
static mb_ledger *split_ledger(const scratch *here) {
    mb_error error = {.message = ""};
    mb_ledger *ledger = start(here, iemocap, strict, 2, 1);
    for (int32_t cell = 0; cell < 2; cell++)
        for (int hidden_dim = 32; hidden_dim <= 128; hidden_dim *= 2) {
            char key[33];
            mb_ledger_scores scores = scores_of((double)NAN);
            scores.selection = hidden_dim == 64 ? 0.7 : 0.5;
            link_trial(ledger, cell, false, hidden_dim, 1, 3, key);
            for (int32_t fold = 0; fold < 3; fold++)
                put_odd_run(ledger, key,
                            &(odd_run){fold, fold == 1 && hidden_dim == 32, -1, "epoch 2: x", NULL},
                            fold == 2 ? &scores : NULL);
        }
    char members[2][33];
    key_of(0, false, 64, 1, members[0]);
    key_of(0, false, 32, 1, members[1]);
    char description[] = "{\"folds\":[\"a\",\"b\",\"a\"],\"seed\":1}";
    mb_ledger_trial joined = {.key = KEY, .description = description, .fold_count = 3};
    const char *of_folds[] = {members[0], members[1], members[0]};
    assert_int_equal(mb_ledger_put_joined(ledger, &joined, of_folds, &error), MB_OK);
    assert_int_equal(mb_ledger_link(ledger, PLAN, 0, true, KEY, &error), MB_OK);
    mb_ledger_scores scores = scores_of((double)NAN);
    scores.diverged = true;
    assert_int_equal(mb_ledger_put_scores(ledger, KEY, &scores, &error), MB_OK);
    for (int32_t fold = 0; fold < 3; fold++) {
        choose(ledger, 0, fold, fold == 1 ? 32 : 64, "");
        choose(ledger, 1, fold, 64, "");
    }
    return ledger;
}

static void settings_by_fold_are_readable(void **state) {
    mb_ledger *ledger = split_ledger(*state);
    // One row for each setting, however many folds chose it.
    check_has(ledger, text,
              "   folds 0, 2: hidden_dim=64\n"
              "                                                        fold 1: hidden_dim=32\n"
              "audio+text #2   IEMOCAPFour     0/1          0   -      hidden_dim=64\n");
    check_has(ledger, text, "settings of every entry: dropout=0.3\n");
    check_has(ledger, csv,
              ",fold 0: dropout=0.3 hidden_dim=64; fold 1: dropout=0.3 hidden_dim=32; fold 2: "
              "dropout=0.3 hidden_dim=64,");
    check_has(ledger, json,
              "\"settings\": [{\"fold\": 0, \"settings\": \"dropout=0.3 hidden_dim=64\"}, "
              "{\"fold\": 1, \"settings\": \"dropout=0.3 hidden_dim=32\"}, ");
    cJSON *root;
    const cJSON *entry = entries_of(ledger, json, &root);
    assert_string_equal(item(entry->next, "settings")->valuestring, "dropout=0.3 hidden_dim=64");
    // The run of a joined trial is named by the trial that has it.
    char member[33];
    key_of(0, false, 32, 1, member);
    assert_string_equal(item(item(entry, "failures")->child, "trial")->valuestring, member);
    assert_int_equal(item(item(entry, "failures")->child, "seed")->valueint, 1);
    cJSON_Delete(root);
    mb_ledger_close(ledger);
}

static void settings_of_some_folds_are_marked(void **state) {
    mb_ledger *ledger = split_ledger(*state);
    mb_table_options all = {.all_settings = true}, search = {.phase = MB_TABLE_SEARCH};
    check_has(ledger, all, "hidden_dim=32       0.5000     * —     1/1          0   fold 1\n");
    check_has(ledger, all, "hidden_dim=64       0.7000     * —     1/1          0   folds 0, 2\n");
    check_has(ledger, all, "hidden_dim=128      0.5000       —     1/1          0   -\n");
    check_has(ledger, all, "hidden_dim=64       0.7000     * —     1/1          0   all\n");
    check_lacks(ledger, all, "not finite");
    check_has(ledger, all,
              "diverged: audio+text, IEMOCAPFour, dropout=0.3 hidden_dim=32: seed 1, "
              "fold 1: in epoch 2, x\n");
    check_has(ledger, search, "— (chosen for folds 0, 2 only)\n");
    check_lacks(ledger, text, " only");
    all.format = MB_TABLE_JSON;
    cJSON *root;
    const cJSON *entry = entries_of(ledger, all, &root);
    assert_int_equal(cJSON_GetArraySize(item(entry, "chosen_folds")), 1);
    assert_int_equal(item(entry, "chosen_folds")->child->valueint, 1);
    assert_int_equal(cJSON_GetArraySize(item(entry->next, "chosen_folds")), 2);
    assert_true(cJSON_IsTrue(item(entry, "chosen")));
    assert_true(cJSON_IsFalse(item(entry->next->next, "chosen")));
    assert_int_equal(cJSON_GetArraySize(item(entry->next->next, "choices")), 0);
    cJSON_Delete(root);
    mb_ledger_close(ledger);
}

// ---- devices ----------------------------------------------------------------------------------

static void means_over_several_devices_are_named(void **state) {
    mb_ledger *ledger = start(*state, mosi, mertools, 2, 3);
    for (int32_t cell = 0; cell < 2; cell++)
        for (int seed = 1; seed <= 3; seed++) {
            char key[33];
            mb_ledger_scores scores = scores_of(0.5);
            link_trial(ledger, cell, true, 64, seed, 1, key);
            const char *device = cell == 0 && seed == 2 ? "cpu avx2" : "cpu avx512";
            put_odd_run(ledger, key, &(odd_run){0, false, -1, "", device}, &scores);
        }
    check_has(
        ledger, text,
        "\ndevices: these means are over runs of different devices or instruction sets, which "
        "differ in rounding\n"
        "devices: audio+text, CMUMOSI: cpu avx2: 1 run, cpu avx512: 2 runs\n");
    check_lacks(ledger, text, "devices: audio+text #2");
    check_has(ledger, json, "\"devices\": {\"cpu avx2\": 1, \"cpu avx512\": 2}");
    check_has(ledger, json, "\"devices\": {\"cpu avx512\": 3}");
    check_lacks(ledger, csv, "avx2"); // tables of different devices are compared
    mb_ledger_close(ledger);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(broken_runs_are_named),
        SCRATCH_TEST(broken_settings_are_marked),
        SCRATCH_TEST(diverged_runs_are_named),
        SCRATCH_TEST(causes_are_made_fit),
        SCRATCH_TEST(parts_have_a_table),
        SCRATCH_TEST(one_part_has_no_table),
        SCRATCH_TEST(deviations_are_of_the_kind_asked_for),
        SCRATCH_TEST(doubtful_choices_are_named),
        SCRATCH_TEST(settings_by_fold_are_readable),
        SCRATCH_TEST(settings_of_some_folds_are_marked),
        SCRATCH_TEST(means_over_several_devices_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
